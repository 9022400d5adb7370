//! Metadata that a client stores with becomes a data set: `check(metadata, what our own JSON says of it)`.

#![allow(clippy::unwrap_used, clippy::panic)]

use dicomweb::json::{JsonWriter, Limits as Whole, ReadError, Reader, complete};
use dicomweb::stow::draft::{Described, Fill, Instance, Limits, Offsets, Segment};
use model::scan::{self, Scanner};
use model::transfer_syntax::{EXPLICIT_LE, Syntax, by_uid};

fn read(text: &[u8], piece: usize, limits: Limits) -> (Vec<Described>, Result<(), ReadError>) {
    let (mut reader, mut found) = (Reader::new(limits), Vec::new());
    let mut result = Ok(());
    for piece in text.chunks(piece) {
        result = reader.push(piece);
        found.extend(std::iter::from_fn(|| reader.next_instance()));
        if result.is_err() {
            return (found, result);
        }
    }
    if result.is_ok() {
        result = reader.finish();
        found.extend(std::iter::from_fn(|| reader.next_instance()));
    }
    (found, result)
}

/// The data set, each hole filled with bytes that count up.
fn bytes(instance: Instance, fills: &[Fill]) -> Vec<u8> {
    let mut out = Vec::new();
    for segment in instance.lay_out(fills).unwrap() {
        match segment {
            Segment::Bytes(bytes) => out.extend(bytes),
            Segment::Piece { hole, piece } => {
                let length = match &fills[hole] {
                    Fill::Native(lengths) | Fill::Fragments { lengths, .. } => lengths[piece],
                };
                out.extend((0..length).map(|byte| byte as u8));
            }
        }
    }
    out
}

fn json(syntax: Syntax, data: &[u8]) -> String {
    let (mut scanner, mut writer) = (
        Scanner::new(syntax, scan::Limits::default()),
        JsonWriter::with_limits(Whole { inline: 64, ..Whole::default() }),
    );
    scanner.push(data, &mut writer).unwrap();
    scanner.finish(&mut writer).unwrap();
    let mut out = Vec::new();
    complete(&writer.finish().0, "u", &mut out);
    String::from_utf8(out).unwrap()
}

fn one(text: &str) -> Described {
    let (mut found, result) = read(text.as_bytes(), 7, Limits::default());
    assert_eq!(result, Ok(()), "{text}");
    assert_eq!(found.len(), 1, "{text}");
    let whole = read(text.as_bytes(), usize::MAX, Limits::default());
    assert_eq!(whole, (found.clone(), Ok(())), "the same however it is cut");
    found.remove(0)
}

fn check(attributes: &str, expected: &str) {
    let instance = one(&format!("[{{{attributes}}}]")).unwrap();
    let data = bytes(instance, &[]);
    assert!(data.len().is_multiple_of(2));
    assert_eq!(json(EXPLICIT_LE, &data), format!("{{{expected}}}"), "{attributes}");
}

fn same(attributes: &str) {
    check(attributes, attributes);
}

/// JSON-003 to JSON-009, JSON-016: what we write we read.
#[test]
fn our_own_json_comes_back() {
    for attributes in [
        "",
        r#""00100020":{"vr":"LO"}"#,
        r#""00080008":{"vr":"CS","Value":["bar",null,"foo"]}"#,
        r#""00080005":{"vr":"CS","Value":["ISO_IR 192"]},"00100010":{"vr":"PN","Value":[{"Alphabetic":"Yamada^Tarou","Ideographic":"山田^太郎","Phonetic":"やまだ^たろう"}]}"#,
        r#""00081070":{"vr":"PN","Value":[null,{"Ideographic":"x"},{"Alphabetic":"y","Phonetic":"z"}]}"#,
        r#""00280009":{"vr":"AT","Value":["00181063","7FE00010"]}"#,
        r#""00104000":{"vr":"LT","Value":[" a\\b"]}"#,
        r#""00400275":{"vr":"SQ"}"#,
        r#""00400275":{"vr":"SQ","Value":[{},{"00400275":{"vr":"SQ","Value":[{"00080100":{"vr":"SH","Value":["x"]}}]}}]}"#,
        r#""00090010":{"vr":"LO","Value":["A"]},"00090011":{"vr":"LO","Value":["B"]},"00091001":{"vr":"SH","Value":["x"]},"00091101":{"vr":"UN","InlineBinary":"AAE="}"#,
        r#""00281052":{"vr":"DS","Value":[-1024,"+1.50",0.5]}"#,
        r#""00189074":{"vr":"FD","Value":[0.1,1e-310]}"#,
        r#""00720083":{"vr":"UV","Value":["18446744073709551615",7]}"#,
        r#""00280106":{"vr":"SS","Value":[-5]},"00280107":{"vr":"US","Value":[65535]}"#,
        r#""00282000":{"vr":"OB","InlineBinary":"AAECAw=="}"#,
    ] {
        same(attributes);
    }
}

#[test]
fn what_others_write_is_understood() {
    // Members and attributes in any order, names of others, empty values in every form.
    check(
        r#""00200013":{"Value":[7],"vr":"IS"},"00080060":{"keyword":"Modality","vr":"CS","Value":["CT"],"x":[{"y":[1]}]}"#,
        r#""00080060":{"vr":"CS","Value":["CT"]},"00200013":{"vr":"IS","Value":[7]}"#,
    );
    for empty in [r#""Value":[]"#, r#""Value":[null]"#, r#""Value":[""]"#, r#""Value":null"#] {
        check(&format!(r#""00100020":{{"vr":"LO",{empty}}}"#), r#""00100020":{"vr":"LO"}"#);
        check(&format!(r#""00280010":{{"vr":"US",{empty}}}"#), r#""00280010":{"vr":"US"}"#);
        check(&format!(r#""00081110":{{"vr":"SQ",{empty}}}"#), r#""00081110":{"vr":"SQ"}"#);
        check(&format!(r#""00282000":{{"vr":"OB",{empty}}}"#), r#""00282000":{"vr":"OB"}"#);
    }
    // Names as plain strings, names before their VR, empty ones.
    for name in
        [r#""vr":"PN","Value":["A^B=C"]"#, r#""Value":[{"Ideographic":"C","Alphabetic":"A^B"}],"vr":"PN""#]
    {
        check(
            &format!(r#""00100010":{{{name}}}"#),
            r#""00100010":{"vr":"PN","Value":[{"Alphabetic":"A^B","Ideographic":"C"}]}"#,
        );
    }
    check(r#""00100010":{"Value":[{}],"vr":"PN"}"#, r#""00100010":{"vr":"PN"}"#);
    check(r#""00100010":{"vr":"PN","Value":[{"Alphabetic":""}]}"#, r#""00100010":{"vr":"PN"}"#);
    // No VR: the dictionary's, and for US or SS the Pixel Representation's.
    check(
        r#""00080060":{"Value":["CT"]},"00280103":{"Value":[1]},"00280106":{"Value":[-5]},"00081110":{"Value":[{}]}"#,
        r#""00080060":{"vr":"CS","Value":["CT"]},"00081110":{"vr":"SQ","Value":[{}]},"00280103":{"vr":"US","Value":[1]},"00280106":{"vr":"SS","Value":[-5]}"#,
    );
    // JSON-011: a group length is left out. Tags in small letters.
    check(r#""00080000":{"vr":"UL","Value":[5]},"0040a730":{"vr":"SQ"}"#, r#""0040A730":{"vr":"SQ"}"#);
    // Numbers as texts and texts as numbers.
    check(
        r#""00200013":{"vr":"IS","Value":["7"]},"00280010":{"vr":"US","Value":["512"]},"00281053":{"vr":"DS","Value":["1"]}"#,
        r#""00200013":{"vr":"IS","Value":[7]},"00280010":{"vr":"US","Value":[512]},"00281053":{"vr":"DS","Value":[1]}"#,
    );
}

/// JSON-013: any text beyond ASCII makes the data set UTF-8, in items too.
#[test]
fn character_sets() {
    let item = |set: &str| {
        format!(
            r#""00081110":{{"vr":"SQ","Value":[{{{set}"00081155":{{"vr":"UI","Value":["1.2"]}},"00100020":{{"vr":"LO","Value":["ä"]}}}}]}}"#
        )
    };
    let latin = r#""00080005":{"vr":"CS","Value":["ISO_IR 100"]},"#;
    let utf8 = r#""00080005":{"vr":"CS","Value":["ISO_IR 192"]},"#;
    check(&item(""), &format!("{utf8}{}", item("")));
    check(&format!("{latin}{}", item(latin)), &format!("{utf8}{}", item(utf8)));
    let text = format!("{latin}{}", item(latin)).replace('ä', "a");
    let data = bytes(one(&format!("{{{text}}}")).unwrap(), &[]);
    assert_eq!(data.windows(10).filter(|bytes| *bytes == b"ISO_IR 100").count(), 2, "ASCII stays as it was");
}

#[test]
fn what_is_wrong_with_one_is_told_of_it_alone() {
    let uids = r#""00080016":{"vr":"UI","Value":["1.2.840.10008.5.1.4.1.1.2"]},"00080018":{"vr":"UI","Value":["1.2.3"]}"#;
    for (attribute, fault) in [
        (r#""00020010":{"vr":"UI","Value":["1.2"]}"#, "(0002,0010) does not belong"), // STOW-029
        (r#""FFFEE000":{"vr":"UN"}"#, "(FFFE,E000) does not belong"),
        (r#""PatientID":{"vr":"LO"}"#, "a member is named \"PatientID\""),
        (r#""00100020":{"vr":"LO","Value":["a\\b"]}"#, "(0010,0020) has a backslash"), // JSON-017
        (r#""00104000":{"vr":"LT","Value":["a","b"]}"#, "(0010,4000) can have one value only"),
        (r#""00280010":{"vr":"US","Value":[65536]}"#, "(0028,0010) has a value that is no US"),
        (r#""00189074":{"vr":"FD","Value":[1e999]}"#, "(0018,9074) has a value that is no FD"),
        (r#""00282000":{"vr":"OB","InlineBinary":"A*=="}"#, "the base64 of (0028,2000)"),
        (r#""00282000":{"vr":"OB","InlineBinary":"AAA=","BulkDataURI":"x"}"#, "(0028,2000) must have one of"), // JSON-002
        (r#""00282000":{"vr":"OB","InlineBinary":"AAA=","Value":[]}"#, "(0028,2000) must have one of"),
        (
            r#""00282000":{"vr":"OB","InlineBinary":"AAA=","InlineBinary":"AAA="}"#,
            "(0028,2000) must have one of",
        ),
        (r#""00100020":{"vr":"LO","Value":["a"],"Value":["b"]}"#, "(0010,0020) must have one of"),
        (r#""00100020":{"vr":"LO","Value":"a"}"#, "(0010,0020) must have one of"),
        (r#""00100020":{"vr":"LO","Value":[true]}"#, "(0010,0020) must have one of"),
        (r#""00100020":{"vr":"LO","Value":[["a"]]}"#, "(0010,0020) must have one of"),
        (r#""00100020":{"vr":"LO","Value":[{}]}"#, "(0010,0020) must have one of"),
        (r#""00100020":["a",{"b":[]}]"#, "(0010,0020) must have one of"),
        (r#""00081110":{"vr":"SQ","Value":["a"]}"#, "(0008,1110) must have one of"),
        (r#""00081110":{"vr":"SQ","BulkDataURI":"a"}"#, "(0008,1110) must have one of"),
        (r#""00100020":{"vr":"XX"}"#, "(0010,0020) has a VR that is none"),
        (r#""00091001":{"Value":[1]}"#, "(0009,1001) has no VR"),
        (r#""00100020":{"vr":"LO"},"00100020":{"vr":"LO"}"#, "(0010,0020) occurs twice"),
        (
            r#""00081110":{"vr":"SQ","Value":[{"00100020":{"vr":"LO"},"00100020":{"vr":"LO"}}]}"#,
            "(0010,0020) occurs twice",
        ),
    ] {
        for text in
            [format!("[{{{attribute},{uids}}},{{{uids}}}]"), format!("[{{{uids},{attribute}}},{{{uids}}}]")]
        {
            let (found, result) = read(text.as_bytes(), 5, Limits::default());
            assert_eq!(result, Ok(()), "{text}");
            let [Err(unfit), Ok(good)] = &found[..] else { panic!("{text} {found:?}") };
            assert!(unfit.fault.to_string().starts_with(fault), "{text}: {}", unfit.fault);
            assert_eq!(unfit.identity, good.identity(), "{text}");
            assert!(good.identity().is_some());
        }
    }
}

#[test]
fn what_is_no_metadata() {
    for (text, before, expected) in [
        ("", 0, "the metadata is no JSON: it ends"),
        ("nonsense", 0, "the metadata is no JSON: byte 1"),
        ("[1]", 0, "the metadata is no array"),
        ("\"x\"", 0, "the metadata is no array"),
        ("[{},[]]", 1, "the metadata is no array"),
        ("[{},{]", 1, "the metadata is no JSON: byte 5"),
        ("[{},{\"00100020\":{\"vr\":\"LO\",\"Value\":[\"\u{1}\"]}}]", 1, "the metadata is no JSON"),
    ] {
        let (found, result) = read(text.as_bytes(), 3, Limits::default());
        assert_eq!(found.len(), before, "{text}");
        assert!(result.unwrap_err().to_string().starts_with(expected), "{text}");
    }
}

/// JSON-019: neither nesting nor length takes more than the limits say.
#[test]
fn nesting_and_length_are_bounded() {
    let nested = |depth: usize| {
        format!(
            "[{}{}]",
            r#"{"00081110":{"vr":"SQ","Value":["#.repeat(depth),
            "{}".to_owned() + &"]}}".repeat(depth)
        )
    };
    assert!(one(&nested(64)).is_ok());
    assert!(one(&nested(65)).unwrap_err().fault.to_string().contains("more than 64 deep"));
    let (found, result) = read(nested(100_000).as_bytes(), 4_096, Limits::default());
    assert!(found.is_empty() && result.unwrap_err().to_string().contains("nested more than"));

    let limits = Limits { value: 1_000, held: 100_000, elements: 1_000, ..Limits::default() };
    let values = format!(r#"[{{"00280010":{{"vr":"US","Value":[{}]}}}}]"#, ["1"; 5_000].join(","));
    let items = format!(r#"[{{"00081110":{{"vr":"SQ","Value":[{}]}}}}]"#, ["{}"; 5_000].join(","));
    let many: Vec<String> = (0..5_000).map(|n| format!(r#""0009{n:04X}":{{"vr":"UN"}}"#)).collect();
    let many = format!("[{{{}}}]", many.join(","));
    let wide: Vec<String> = (0x1000..0x1200)
        .map(|n| format!(r#""0009{n:04X}":{{"vr":"LO","Value":["{}"]}}"#, "x".repeat(900)))
        .collect();
    let wide = format!("[{{{}}}]", wide.join(","));
    for (text, fault) in [
        (values, "longer than 1000"),
        (items, "more attributes"),
        (many, "more attributes"),
        (wide, "more attributes"),
    ] {
        let (found, result) = read(text.as_bytes(), 4_096, limits);
        assert_eq!(result, Ok(()));
        assert!(found[0].as_ref().unwrap_err().fault.to_string().contains(fault));
    }
    let long = format!(r#"[{{"00100020":{{"vr":"LO","Value":["{}"]}}}}]"#, "x".repeat(5_000));
    assert!(read(long.as_bytes(), 100, limits).1.unwrap_err().to_string().contains("string of more than"));
}

/// TS-004: UN where 16 bits cannot say the length.
#[test]
fn long_values_of_short_vrs_become_un() {
    for (length, header) in [
        (65_534, &b"\x10\0\x20\0LO\xFE\xFF"[..]),
        (65_535, b"\x10\0\x20\0UN\0\0\0\0\x01\0"),
        (70_000, b"\x10\0\x20\0UN\0\0\x70\x11\x01\0"),
    ] {
        let text = format!(r#"[{{"00100020":{{"vr":"LO","Value":["{}"]}}}}]"#, "x".repeat(length));
        let data = bytes(one(&text).unwrap(), &[]);
        assert!(data.starts_with(header), "{length}");
        let text = r#"[{"00189074":{"vr":"FD","BulkDataURI":"a"}}]"#;
        let data = bytes(one(text).unwrap(), &[Fill::Native(vec![length as u64])]);
        assert_eq!(&data[4..6], if length > 65_534 { b"UN" } else { b"FD" });
    }
}

#[test]
fn holes_and_what_fills_them() {
    let text = r#"[{"00280100":{"vr":"US","Value":[16]},"00880200":{"vr":"SQ","Value":[{"7FE00010":{"vr":"OB","BulkDataURI":"icon"}}]},"54001010":{"vr":"OW","BulkDataURI":"wave"},"7FE00010":{"vr":"OB","BulkDataURI":"pixels"}}]"#;
    let instance = one(text).unwrap();
    let holes: Vec<_> = instance.bulk().iter().map(|hole| (hole.uri.as_str(), hole.nested)).collect();
    assert_eq!(holes, [("icon", true), ("wave", false), ("pixels", false)]);

    let native = bytes(
        instance.clone(),
        &[Fill::Native(vec![70]), Fill::Native(vec![66]), Fill::Native(vec![65, 66])],
    );
    assert_eq!(
        json(EXPLICIT_LE, &native),
        r#"{"00280100":{"vr":"US","Value":[16]},"00880200":{"vr":"SQ","Value":[{"7FE00010":{"vr":"OB","BulkDataURI":"u/bulkdata/00880200/0/7FE00010"}}]},"54001010":{"vr":"OW","BulkDataURI":"u/bulkdata/54001010"},"7FE00010":{"vr":"OW","BulkDataURI":"u/bulkdata/7FE00010"}}"#
    );
    assert_eq!(
        &native[native.len() - 132..],
        &[(0..65).collect::<Vec<u8>>(), (0..66).collect(), vec![0]].concat()
    );

    let fragments = |lengths: &[u64], offsets| Fill::Fragments { lengths: lengths.to_vec(), offsets };
    let fills = [fragments(&[3], Offsets::Empty), Fill::Native(vec![2]), fragments(&[3, 4], Offsets::Frames)];
    let compressed = bytes(instance.clone(), &fills);
    let tail: &[u8] = &[
        0xE0, 0x7F, 0x10, 0, b'O', b'B', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, // the element
        0xFE, 0xFF, 0, 0xE0, 8, 0, 0, 0, 0, 0, 0, 0, 12, 0, 0, 0, // its offset table
        0xFE, 0xFF, 0, 0xE0, 4, 0, 0, 0, 0, 1, 2, 0, // a padded frame
        0xFE, 0xFF, 0, 0xE0, 4, 0, 0, 0, 0, 1, 2, 3, // a frame
        0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0,
    ];
    assert!(compressed.ends_with(tail));
    json(by_uid("1.2.840.10008.1.2.4.50").unwrap(), &compressed);
    // Described by the sender, the extended table is made anew, and then the basic one is empty.
    let text = r#"[{"7FE00001":{"vr":"OV","InlineBinary":""},"7FE00002":{"vr":"OV"},"7FE00010":{"vr":"OB","BulkDataURI":"x"}}]"#;
    let data = bytes(one(text).unwrap(), &[fragments(&[3, 4], Offsets::Frames)]);
    let head = [
        &b"\xE0\x7F\x01\0OV\0\0\x10\0\0\0"[..],
        &[0; 8],
        &[12, 0, 0, 0, 0, 0, 0, 0],
        b"\xE0\x7F\x02\0OV\0\0\x10\0\0\0",
    ]
    .concat();
    assert!(data.starts_with(&head));
    assert!(data.windows(8).any(|bytes| bytes == b"\xFE\xFF\0\xE0\0\0\0\0"));

    assert!(instance.clone().lay_out(&[]).is_err());
    let long = [Fill::Native(vec![u64::MAX]), Fill::Native(vec![1]), Fill::Native(vec![1])];
    assert!(instance.lay_out(&long).is_err());
}
