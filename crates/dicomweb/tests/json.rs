//! The DICOM JSON model, from bytes: `check(data set, expected)`.

#![allow(clippy::unwrap_used)]

use dicomweb::json::{BulkTable, JsonWriter, Limits, complete};
use model::VR;
use model::scan::{self, Scanner};
use model::transfer_syntax::{EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, Syntax};
use testkit::DataSet;

/// The JSON with addresses put in, and the table, of a data set that comes in pieces.
fn written(syntax: Syntax, limits: Limits, data_set: DataSet) -> (String, BulkTable) {
    let (mut scanner, mut writer) =
        (Scanner::new(syntax, scan::Limits::default()), JsonWriter::with_limits(limits));
    for piece in data_set.into_bytes().chunks(5) {
        scanner.push(piece, &mut writer).unwrap();
    }
    scanner.finish(&mut writer).unwrap();
    let (json, bulk) = writer.finish();
    let mut completed = Vec::new();
    complete(&json, "u", &mut completed);
    let text = String::from_utf8(completed).unwrap();
    assert_eq!(text.matches("BulkDataURI").count(), bulk.iter().count());
    (text, bulk)
}

fn json_in(syntax: Syntax, data_set: DataSet) -> String {
    let (text, _) = written(syntax, Limits::default(), data_set);
    assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
    text
}

fn check(data_set: DataSet, expected: &str) {
    assert_eq!(json_in(EXPLICIT_LE, data_set), expected);
}

fn set() -> DataSet {
    DataSet::explicit()
}

#[test]
fn empty_and_missing() {
    check(set(), "{}");
    check(set().text(0x0010_0020, b"LO", ""), r#"{"00100020":{"vr":"LO"}}"#); // JSON-003
    check(set().text(0x0010_0020, b"LO", "  "), r#"{"00100020":{"vr":"LO"}}"#);
    check(
        set().text(0x0008_0008, b"CS", "bar\\\\foo"),
        r#"{"00080008":{"vr":"CS","Value":["bar",null,"foo"]}}"#,
    ); // JSON-004
    check(set().sequence(0x0040_0275, &[]), r#"{"00400275":{"vr":"SQ"}}"#);
    check(set().sequence(0x0040_0275, &[set()]), r#"{"00400275":{"vr":"SQ","Value":[{}]}}"#); // JSON-005
    check(set().put(0x0009_1001, b"UN", &[]), r#"{"00091001":{"vr":"UN"}}"#);
}

#[test]
fn texts() {
    check(set().text(0x0010_0020, b"LO", " a b "), r#"{"00100020":{"vr":"LO","Value":["a b"]}}"#); // JSON-012
    check(set().text(0x0010_4000, b"LT", " a\\b "), r#"{"00104000":{"vr":"LT","Value":[" a\\b"]}}"#);
    check(set().put(0x0008_0018, b"UI", b"1.2.3\0"), r#"{"00080018":{"vr":"UI","Value":["1.2.3"]}}"#);
    check(set().text(0x0020_0013, b"IS", "7 "), r#"{"00200013":{"vr":"IS","Value":[7]}}"#);
    check(set().text(0x0020_0013, b"IS", "+007"), r#"{"00200013":{"vr":"IS","Value":["+007"]}}"#);
    check(set().text(0x0028_0030, b"DS", "0.5\\.5"), r#"{"00280030":{"vr":"DS","Value":[0.5,".5"]}}"#);
}

#[test]
fn names() {
    // JSON-006
    check(
        set().text(0x0008_0005, b"CS", "ISO_IR 192").text(
            0x0010_0010,
            b"PN",
            "Yamada^Tarou=山田^太郎=やまだ^たろう",
        ),
        r#"{"00080005":{"vr":"CS","Value":["ISO_IR 192"]},"00100010":{"vr":"PN","Value":[{"Alphabetic":"Yamada^Tarou","Ideographic":"山田^太郎","Phonetic":"やまだ^たろう"}]}}"#,
    );
    check(set().text(0x0010_0010, b"PN", ""), r#"{"00100010":{"vr":"PN"}}"#);
    check(
        set().text(0x0010_1001, b"PN", "\\A"),
        r#"{"00101001":{"vr":"PN","Value":[null,{"Alphabetic":"A"}]}}"#,
    );
}

#[test]
fn character_sets() {
    // JSON-013, TS-021: an item's own set counts inside it and not behind it.
    let item = set().text(0x0008_0005, b"CS", "ISO_IR 144").put(0x0008_0104, b"LO", &[0xBB, 0xDE]);
    check(
        set().text(0x0008_0005, b"CS", "ISO_IR 100").sequence(0x0008_1032, &[item]).put(
            0x0010_0020,
            b"LO",
            &[0xFC, b'x'],
        ),
        r#"{"00080005":{"vr":"CS","Value":["ISO_IR 192"]},"00081032":{"vr":"SQ","Value":[{"00080005":{"vr":"CS","Value":["ISO_IR 192"]},"00080104":{"vr":"LO","Value":["Ло"]}}]},"00100020":{"vr":"LO","Value":["üx"]}}"#,
    );
}

#[test]
fn binary_values() {
    check(set().put(0x0029_1010, b"OB", &[1, 2, 3]), r#"{"00291010":{"vr":"OB","InlineBinary":"AQIDAA=="}}"#); // JSON-009
    check(set().us(0x0028_0010, 512), r#"{"00280010":{"vr":"US","Value":[512]}}"#);
    let long = vec![7; 5_000];
    check(
        set().put(0x0029_1010, b"OB", &long),
        r#"{"00291010":{"vr":"OB","BulkDataURI":"u/bulkdata/00291010"}}"#,
    );
    check(
        set().put(0x7FE0_0010, b"OW", &[1, 2]),
        r#"{"7FE00010":{"vr":"OW","BulkDataURI":"u/bulkdata/7FE00010"}}"#,
    ); // WADO-035
    check(
        set().fragments(&[b"\xFF\xD8\xFF\xD9"]),
        r#"{"7FE00010":{"vr":"OB","BulkDataURI":"u/bulkdata/7FE00010"}}"#,
    );
    let words = json_in(
        EXPLICIT_BE,
        DataSet::big_endian().put(0x0028_3006, b"OW", &[1, 2, 3, 4]).us(0x0028_0010, 258),
    );
    assert_eq!(
        words,
        r#"{"00280010":{"vr":"US","Value":[258]},"00283006":{"vr":"OW","InlineBinary":"AgEEAw=="}}"#
    );
}

#[test]
fn long_texts_are_behind_a_uri_and_named_un_where_their_vr_may_not_be() {
    // WADO-034
    let long = "x".repeat(70_000);
    check(
        set().text(0x0040_A160, b"UT", &long),
        r#"{"0040A160":{"vr":"UT","BulkDataURI":"u/bulkdata/0040A160"}}"#,
    );
    let implicit = DataSet::implicit().text(0x0010_0020, b"LO", &long);
    assert_eq!(
        json_in(IMPLICIT_LE, implicit),
        r#"{"00100020":{"vr":"UN","BulkDataURI":"u/bulkdata/00100020"}}"#
    );
}

#[test]
fn nested_values_have_paths_of_their_own() {
    let deep = set().put(0x5400_1010, b"OW", &vec![1; 5_000]);
    let item = || set().sequence(0x0040_0275, &[set(), deep.clone()]);
    check(
        set().sequence(0x5400_0100, &[item(), item()]).us(0x5400_0200, 1),
        r#"{"54000100":{"vr":"SQ","Value":[{"00400275":{"vr":"SQ","Value":[{},{"54001010":{"vr":"OW","BulkDataURI":"u/bulkdata/54000100/0/00400275/1/54001010"}}]}},{"00400275":{"vr":"SQ","Value":[{},{"54001010":{"vr":"OW","BulkDataURI":"u/bulkdata/54000100/1/00400275/1/54001010"}}]}}]},"54000200":{"vr":"US","Value":[1]}}"#,
    );
}

#[test]
fn names_ascend_and_are_there_once() {
    // JSON-001
    check(
        set().text(0x0010_0020, b"LO", "b").text(0x0008_0060, b"CS", "CT").text(0x0010_0020, b"LO", "c"),
        r#"{"00080060":{"vr":"CS","Value":["CT"]},"00100020":{"vr":"LO","Value":["c"]}}"#,
    );
    let item = set().us(0x0028_0011, 2).us(0x0028_0010, 1);
    check(
        set().sequence(0x0088_0200, &[item]).us(0x0028_0010, 3),
        r#"{"00280010":{"vr":"US","Value":[3]},"00880200":{"vr":"SQ","Value":[{"00280010":{"vr":"US","Value":[1]},"00280011":{"vr":"US","Value":[2]}}]}}"#,
    );
}

#[test]
fn what_is_left_out() {
    // JSON-011, WADO-033
    check(
        set().put(0x0002_0010, b"UI", b"1\0").put(0x0008_0000, b"UL", &[4, 0, 0, 0]).us(0x0028_0010, 1),
        r#"{"00280010":{"vr":"US","Value":[1]}}"#,
    );
    check(
        set().sequence(0x0009_0000, &[set().us(0x0028_0010, 9)]).us(0x0028_0010, 1),
        r#"{"00280010":{"vr":"US","Value":[1]}}"#,
    );
}

#[test]
fn private_blocks_keep_their_creators() {
    // JSON-016
    check(
        set().text(0x0009_0010, b"LO", "A").text(0x0009_0011, b"LO", "B").text(0x0009_1001, b"LO", "x").text(
            0x0009_1101,
            b"LO",
            "y",
        ),
        r#"{"00090010":{"vr":"LO","Value":["A"]},"00090011":{"vr":"LO","Value":["B"]},"00091001":{"vr":"LO","Value":["x"]},"00091101":{"vr":"LO","Value":["y"]}}"#,
    );
}

#[test]
fn values_at_the_limits() {
    // 4 KiB of binary values are in the JSON, one byte more is not; text of 64 KiB is not.
    let inline = |length: usize| json_in(EXPLICIT_LE, set().put(0x0029_1010, b"OB", &vec![0; length]));
    assert!(inline(4_096).contains("InlineBinary"));
    assert!(inline(4_098).contains(r#""vr":"OB","BulkDataURI":"u/bulkdata/00291010""#));
    let text = |length: usize| {
        json_in(IMPLICIT_LE, DataSet::implicit().text(0x0010_4000, b"LT", &"x".repeat(length)))
    };
    assert!(text(65_534).contains("\"Value\""));
    assert!(text(65_536).contains(r#""vr":"LT","BulkDataURI""#));
    // Names may not be BulkDataURIs: held ones are values, longer ones UN.
    let name = |length: usize| {
        json_in(IMPLICIT_LE, DataSet::implicit().text(0x0010_0010, b"PN", &"x".repeat(length)))
    };
    assert!(name(65_536).contains("Alphabetic"));
    assert!(name(65_538).contains(r#""vr":"UN","BulkDataURI""#));
}

#[test]
fn crowded_json_leaves_values_behind_uris() {
    let limits = Limits { crowded: 3_000, ..Limits::default() };
    let contour = |tag| set().text(tag, b"DS", &"1.5\\".repeat(400));
    let mut data_set = set();
    for tag in 0x3006_0050..0x3006_0054 {
        data_set = data_set.sequence(tag - 0x40, &[contour(0x3006_0050)]);
    }
    let (json, bulk) = written(EXPLICIT_LE, limits, data_set.text(0x3006_0085, b"SH", "x"));
    let paths: Vec<String> = bulk.iter().map(|bulk| bulk.path).collect();
    assert_eq!(paths, ["30060012/0/30060050", "30060013/0/30060050"]);
    assert!(json.ends_with(r#""30060085":{"vr":"SH","Value":["x"]}}"#));
}

#[test]
fn full_writers_say_so_and_stop() {
    let limits = Limits { total: 20_000, ..Limits::default() };
    let mut writer = JsonWriter::with_limits(limits);
    let mut scanner = Scanner::new(EXPLICIT_LE, scan::Limits::default());
    let item = set().text(0x0040_A160, b"UT", &"x".repeat(9_000));
    let data_set =
        set().sequence(0x0040_A730, &[item.clone(), item.clone(), item.clone(), item]).us(0x0040_A731, 1);
    scanner.push(&data_set.into_bytes(), &mut writer).unwrap();
    scanner.finish(&mut writer).unwrap();
    assert_eq!(writer.len(), usize::MAX);
    let (json, _) = writer.finish();
    assert!(json.len() < 30_000);
    assert!(serde_json::from_slice::<serde_json::Value>(&json).is_ok());
}

#[test]
fn numbers_that_json_cannot_hold() {
    // JSON has no NaN; a number cut short is no number.
    let floats = |values: [f32; 2]| values.map(f32::to_le_bytes).concat();
    check(set().put(0x0018_9999, b"FL", &floats([0.1, 2.0])), r#"{"00189999":{"vr":"FL","Value":[0.1,2]}}"#);
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        check(
            set().put(0x0018_9999, b"FL", &floats([1.0, bad])),
            r#"{"00189999":{"vr":"FL","BulkDataURI":"u/bulkdata/00189999"}}"#,
        );
    }
    check(
        set().put(0x0028_0010, b"US", &[1, 0, 2, 0, 3, 0, 4, 0]),
        r#"{"00280010":{"vr":"US","Value":[1,2,3,4]}}"#,
    );
    check(
        set().put(0x0018_9999, b"UL", &[1, 0, 0, 0, 9, 9]),
        r#"{"00189999":{"vr":"UN","InlineBinary":"AQAAAAkJ"}}"#,
    );
}

#[test]
fn un_is_read_by_the_dictionary() {
    check(set().put(0x0010_0020, b"UN", b"A "), r#"{"00100020":{"vr":"LO","Value":["A"]}}"#);
    check(set().put(0x0028_0010, b"UN", &[2, 1]), r#"{"00280010":{"vr":"US","Value":[258]}}"#);
    check(set().put(0x0009_0010, b"UN", b"ACME"), r#"{"00090010":{"vr":"LO","Value":["ACME"]}}"#);
    check(set().put(0x0009_1010, b"UN", b"ACME"), r#"{"00091010":{"vr":"UN","InlineBinary":"QUNNRQ=="}}"#);
    // VRs that depend on other elements, and sequences, stay UN.
    check(set().put(0x0028_0106, b"UN", &[2, 1]), r#"{"00280106":{"vr":"UN","InlineBinary":"AgE="}}"#);
    check(set().put(0x0008_1140, b"UN", &[2, 1]), r#"{"00081140":{"vr":"UN","InlineBinary":"AgE="}}"#);
    // Its value is little endian in a big endian data set too (PS3.5 section 6.2.2).
    let json = json_in(EXPLICIT_BE, DataSet::big_endian().put(0x0028_0010, b"UN", &[2, 1]));
    assert_eq!(json, r#"{"00280010":{"vr":"US","Value":[258]}}"#);
}

#[test]
fn bulk_rows_say_where_values_lie() {
    let long = vec![7; 5_000];
    let data_set = |set: DataSet| {
        set.us(0x0028_0100, 32).put(0x0029_1010, b"OW", &long).put(0x7FE0_0010, b"OW", &[1, 2, 3, 4])
    };
    let (_, little) = written(EXPLICIT_LE, Limits::default(), data_set(set()));
    let rows: Vec<_> =
        little.iter().map(|bulk| (bulk.path, bulk.offset, bulk.length, bulk.vr, bulk.word)).collect();
    assert_eq!(rows, [("00291010".into(), 22, 5_000, VR::OW, 1), ("7FE00010".into(), 5_034, 4, VR::OW, 1)]);
    let (_, big) = written(EXPLICIT_BE, Limits::default(), data_set(DataSet::big_endian()));
    assert_eq!(big.iter().map(|bulk| bulk.word).collect::<Vec<_>>(), [2, 4]);
    let bytes = set().fragments(&[b"\xFF\xD8\xFF\xD9"]).into_bytes();
    let (_, bulk) = written(EXPLICIT_LE, Limits::default(), set().fragments(&[b"\xFF\xD8\xFF\xD9"]));
    let row = bulk.find("7FE00010").unwrap();
    assert!(row.encapsulated);
    // From behind the header to before the delimiter.
    assert_eq!((row.offset, row.length), (12, bytes.len() as u64 - 12 - 8));
}

#[test]
fn undecoded_text_is_told() {
    let undecoded = |bytes: &[u8]| {
        let mut writer = JsonWriter::new();
        let mut scanner = Scanner::new(EXPLICIT_LE, scan::Limits::default());
        scanner.push(&set().put(0x0010_0010, b"PN", bytes).into_bytes(), &mut writer).unwrap();
        scanner.finish(&mut writer).unwrap();
        (writer.has_undecoded_text(), String::from_utf8(writer.finish().0).unwrap())
    };
    assert!(!undecoded(b"Mu").0);
    let (told, json) = undecoded(b"M\xFC");
    assert!(told && json.contains("\"M\u{FFFD}\""));
}

#[test]
fn nesting_as_deep_as_the_scanner_goes() {
    let mut deep = set().put(0x5400_1010, b"OW", &vec![1; 5_000]);
    for _ in 0..256 {
        deep = set().sequence(0x0040_A730, &[deep]);
    }
    let (json, bulk) = written(EXPLICIT_LE, Limits::default(), deep);
    let path = "0040A730/0/".repeat(256) + "54001010";
    assert!(json.contains(&path));
    let table = BulkTable::decode(&bulk.encode()).unwrap();
    assert_eq!(table.find(&path).map(|bulk| bulk.length), Some(5_000));
}

#[test]
fn disorder_within_disorder_has_a_limit() {
    // 4 KiB in 100 sequences, each in a data set whose elements descend.
    let mut deep = set().text(0x0040_A160, b"UT", &"x".repeat(4_000));
    for _ in 0..100 {
        deep = set().us(0x0040_A731, 1).sequence(0x0040_A730, &[deep]);
    }
    let len = |total| {
        let limits = Limits { total, ..Limits::default() };
        let mut writer = JsonWriter::with_limits(limits);
        let mut scanner = Scanner::new(EXPLICIT_LE, scan::Limits::default());
        scanner.push(&deep.clone().into_bytes(), &mut writer).unwrap();
        scanner.finish(&mut writer).unwrap();
        writer.len()
    };
    assert_eq!(len(100_000), usize::MAX);
    assert!(len(1_000_000) < 20_000);
}

#[test]
fn character_sets_with_escapes_and_two_bytes() {
    // JSON-013, TS-020: PS3.5 section H.3.2, and a second byte that looks like the delimiter of values.
    let name = b"\xD4\xCF\xC0\xDE=\x1B$B;3ED\x1B(J^\x1B$BB@O:\x1B(J=\x1B$B$d$^$@\x1B(J";
    check(
        set().text(0x0008_0005, b"CS", "ISO 2022 IR 13\\ISO 2022 IR 87").put(0x0010_0010, b"PN", name),
        r#"{"00080005":{"vr":"CS","Value":["ISO_IR 192"]},"00100010":{"vr":"PN","Value":[{"Alphabetic":"ﾔﾏﾀﾞ","Ideographic":"山田^太郎","Phonetic":"やまだ"}]}}"#,
    );
    check(
        set().text(0x0008_0005, b"CS", "GB18030").put(0x0010_1002, b"LO", b"\x89\x5C\\\x81\x5C"),
        r#"{"00080005":{"vr":"CS","Value":["ISO_IR 192"]},"00101002":{"vr":"LO","Value":["塡","乗"]}}"#,
    );
}
