//! The DICOM JSON model, from bytes: `check(data set, expected)`.

use dicomweb::json::{JsonWriter, complete};
use model::scan::{Limits, Scanner};
use model::transfer_syntax::{EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, Syntax};
use testkit::DataSet;

fn json_in(syntax: Syntax, data_set: DataSet) -> String {
    let (mut scanner, mut writer) = (Scanner::new(syntax, Limits::default()), JsonWriter::new());
    for piece in data_set.into_bytes().chunks(5) {
        scanner.push(piece, &mut writer).unwrap();
    }
    scanner.finish(&mut writer).unwrap();
    let (json, bulk) = writer.finish();
    let mut completed = Vec::new();
    complete(&json, "u", &mut completed);
    let text = String::from_utf8(completed).unwrap();
    assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
    assert_eq!(text.matches("BulkDataURI").count(), bulk.rows().len());
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
        r#"{"00080060":{"vr":"CS","Value":["CT"]},"00100020":{"vr":"LO","Value":["b"]}}"#,
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
        set().put(0x0008_0000, b"UL", &[4, 0, 0, 0]).us(0x0028_0010, 1).put(0xFFFC_FFFC, b"OB", &[0, 0]),
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
