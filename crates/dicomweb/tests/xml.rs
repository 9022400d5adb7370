//! Native DICOM Model XML, both ways: what we write we read, and what others write.

#![allow(clippy::unwrap_used)]

use dicomweb::json::{JsonWriter, complete};
use dicomweb::stow::draft::{Described, Limits, Segment};
use dicomweb::xml::{XmlError, document, read};
use model::scan::{self, Scanner};
use model::transfer_syntax::EXPLICIT_LE;

fn json(described: Described) -> String {
    let (mut scanner, mut writer) = (Scanner::new(EXPLICIT_LE, scan::Limits::default()), JsonWriter::new());
    for segment in described.unwrap().lay_out(&[]).unwrap() {
        let Segment::Bytes(bytes) = segment else { panic!("nothing is behind an address here") };
        scanner.push(&bytes, &mut writer).unwrap();
    }
    scanner.finish(&mut writer).unwrap();
    let mut out = Vec::new();
    complete(&writer.finish().0, "u", &mut out);
    String::from_utf8(out).unwrap()
}

fn model(attributes: &str) -> String {
    format!("<NativeDicomModel>{attributes}</NativeDicomModel>")
}

fn check(attributes: &str, expected: &str) {
    let described = read(model(attributes).as_bytes(), Limits::default()).unwrap();
    assert_eq!(json(described), format!("{{{expected}}}"), "{attributes}");
}

#[test]
fn what_we_write_we_read() {
    for attributes in [
        "",
        r#""00100020":{"vr":"LO"}"#,
        r#""00080008":{"vr":"CS","Value":["bar",null,"foo"]}"#,
        r#""00080005":{"vr":"CS","Value":["ISO_IR 192"]},"00100010":{"vr":"PN","Value":[{"Alphabetic":"Yamada^Tarou^^Dr","Ideographic":"山田^太郎","Phonetic":"やまだ^たろう"}]}"#,
        r#""00081070":{"vr":"PN","Value":[null,{"Ideographic":"x"},{"Alphabetic":"y","Phonetic":"z"}]}"#,
        r#""00280009":{"vr":"AT","Value":["00181063","7FE00010"]}"#,
        r#""00104000":{"vr":"LT","Value":[" <a>\\&\"b\"\r\n\tc]]>"]}"#,
        r#""00400275":{"vr":"SQ"}"#,
        r#""00400275":{"vr":"SQ","Value":[{},{"00400275":{"vr":"SQ","Value":[{"00080100":{"vr":"SH","Value":["x"]}}]}}]}"#,
        r#""00090010":{"vr":"LO","Value":["A"]},"00090011":{"vr":"LO","Value":["B"]},"00091000":{"vr":"UN","InlineBinary":"AAE="},"00091001":{"vr":"SH","Value":["x"]},"00091101":{"vr":"UN","InlineBinary":"AAE="}"#,
        r#""00281052":{"vr":"DS","Value":[-1024,"+1.50",0.5]}"#,
        r#""00189074":{"vr":"FD","Value":[0.1,1e-310]}"#,
        r#""00282000":{"vr":"OB","InlineBinary":"AAECAw=="}"#,
    ] {
        let mut xml = Vec::new();
        document(format!("{{{attributes}}}").as_bytes(), &mut xml).unwrap();
        let back = read(&xml, Limits::default()).unwrap();
        assert_eq!(json(back), format!("{{{attributes}}}"), "{}", String::from_utf8_lossy(&xml));
    }
}

#[test]
fn what_others_write() {
    // White space, comments, prefixes, character data sections, line breaks in base64, values that are left out.
    let text = r#"<?xml version="1.0" encoding="utf-8" standalone="yes"?><!-- c --><?pi x?>
        <n:NativeDicomModel xmlns:n="http://dicom.nema.org/PS3.19/models/NativeDICOM">
          <n:DicomAttribute tag="00080008" vr="CS" keyword="ImageType">
            <n:Value number="2">a</n:Value> <!-- c --> <n:Value number="4"><![CDATA[b]]></n:Value>
          </n:DicomAttribute>
          <n:DicomAttribute vr="OB" tag="00282000"><n:InlineBinary> AAEC
             Aw==
          </n:InlineBinary></n:DicomAttribute>
        </n:NativeDicomModel>"#;
    let found = json(read(text.as_bytes(), Limits::default()).unwrap());
    assert_eq!(
        found,
        r#"{"00080008":{"vr":"CS","Value":[null,"a",null,"b"]},"00282000":{"vr":"OB","InlineBinary":"AAECAw=="}}"#
    );
    // No VR, no number; entities and references.
    check(
        r#"<DicomAttribute tag="00100020"><Value>&lt;&amp;&gt;&#65;&#x42;&apos;&quot;</Value></DicomAttribute>"#,
        r#""00100020":{"vr":"LO","Value":["<&>AB'\""]}"#,
    );
    // Private attributes: blocks of a data set are kept, others are found, in items too, and full numbers are understood.
    check(
        r#"<DicomAttribute tag="00090001" vr="SH" privateCreator="B"><Value number="1">b</Value></DicomAttribute>
           <DicomAttribute tag="00090001" vr="SH" privateCreator="C"><Value number="1">c</Value></DicomAttribute>
           <DicomAttribute tag="00091302" vr="SH" privateCreator="B"><Value number="1">d</Value></DicomAttribute>
           <DicomAttribute tag="00090010" vr="LO"><Value number="1">A</Value></DicomAttribute>
           <DicomAttribute tag="00090012" vr="LO"><Value number="1">B</Value></DicomAttribute>
           <DicomAttribute tag="00091021" vr="SQ" privateCreator="A"><Item number="1">
             <DicomAttribute tag="00090001" vr="SH" privateCreator="B"><Value number="1">e</Value></DicomAttribute>
           </Item></DicomAttribute>"#,
        r#""00090010":{"vr":"LO","Value":["A"]},"00090011":{"vr":"LO","Value":["C"]},"00090012":{"vr":"LO","Value":["B"]},"00091021":{"vr":"SQ","Value":[{"00090010":{"vr":"LO","Value":["B"]},"00091001":{"vr":"SH","Value":["e"]}}]},"00091101":{"vr":"SH","Value":["c"]},"00091201":{"vr":"SH","Value":["b"]},"00091202":{"vr":"SH","Value":["d"]}"#,
    );
}

#[test]
fn what_is_wrong_with_an_instance() {
    for (attributes, fault) in [
        (r#"<DicomAttribute vr="LO"/>"#, "a member is named \"\""),
        (r#"<DicomAttribute tag="0010002" vr="LO"/>"#, "a member is named \"0010002\""),
        (r#"<DicomAttribute tag="00020010" vr="UI"/>"#, "(0002,0010) does not belong"),
        (
            r#"<DicomAttribute tag="00100020" vr="LO" privateCreator="X"/>"#,
            "(0010,0020) has no private creator",
        ),
        (
            r#"<DicomAttribute tag="00090001" vr="LO" privateCreator=" "/>"#,
            "(0009,0001) has no private creator",
        ),
        (
            r#"<DicomAttribute tag="00100020" vr="LO"><Value number="2">a</Value><Value number="1">b</Value></DicomAttribute>"#,
            "(0010,0020) must have",
        ),
        (
            r#"<DicomAttribute tag="00100020" vr="LO"><Value number="4000000000">a</Value></DicomAttribute>"#,
            "(0010,0020) must have",
        ),
        (
            r#"<DicomAttribute tag="00100020" vr="LO"><Item number="1"/></DicomAttribute>"#,
            "(0010,0020) must have",
        ),
        (
            r#"<DicomAttribute tag="00081110" vr="SQ"><Value number="1">a</Value></DicomAttribute>"#,
            "(0008,1110) must have",
        ),
        (
            r#"<DicomAttribute tag="7FE00010" vr="OW"><BulkData uuid="x"/></DicomAttribute>"#,
            "(7FE0,0010) must have",
        ),
        (
            r#"<DicomAttribute tag="00282000" vr="OB"><InlineBinary>*</InlineBinary></DicomAttribute>"#,
            "the base64 of",
        ),
        (
            r#"<DicomAttribute tag="00100010" vr="PN"><PersonName number="1"><Alphabetic><FamilyName>a^b</FamilyName></Alphabetic></PersonName></DicomAttribute>"#,
            "(0010,0010) has a value",
        ),
        (
            r#"<DicomAttribute tag="00100020" vr="LO"/><DicomAttribute tag="00100020" vr="LO"/>"#,
            "(0010,0020) occurs twice",
        ),
    ] {
        let unfit = read(model(attributes).as_bytes(), Limits::default()).unwrap().unwrap_err();
        assert!(unfit.fault.to_string().starts_with(fault), "{attributes}: {}", unfit.fault);
    }
}

/// JSON-018, JSON-019.
#[test]
fn what_is_no_model() {
    let value = |text: &str| {
        model(&format!(
            r#"<DicomAttribute tag="00100020" vr="LO"><Value number="1">{text}</Value></DicomAttribute>"#
        ))
    };
    let deep = |levels: usize| {
        let open = r#"<DicomAttribute tag="00081110" vr="SQ"><Item number="1">"#.repeat(levels);
        model(&(open + &"</Item></DicomAttribute>".repeat(levels)))
    };
    for (text, expected) in [
        (String::new(), XmlError::End),
        ("<NativeDicomModel>".to_owned(), XmlError::End),
        ("text".to_owned(), XmlError::Element("text".to_owned())),
        ("<html/>".to_owned(), XmlError::Root),
        (model("") + &model(""), XmlError::Root),
        (model("x"), XmlError::Element("text".to_owned())),
        (model("<Value/>"), XmlError::Element("Value".to_owned())),
        ("<!DOCTYPE x>".to_owned() + &model(""), XmlError::DocumentType),
        ("<!DOCTYPE x [<!ENTITY a \"b\">]>".to_owned() + &value("&a;"), XmlError::DocumentType),
        (value("&a;"), XmlError::Entity),
        (value("&#0;"), XmlError::Entity),
        (value("&#xD800;"), XmlError::Entity),
        (r#"<?xml version="1.0" encoding="ISO-8859-1"?>"#.to_owned() + &model(""), XmlError::Encoding),
        (deep(10_000), XmlError::Depth(136)),
    ] {
        assert_eq!(
            read(text.as_bytes(), Limits::default()).map(drop),
            Err(expected),
            "{}",
            text.get(..200).unwrap_or(&text)
        );
    }
    assert_eq!(
        read(b"<NativeDicomModel>\xFF</NativeDicomModel>", Limits::default()).map(drop),
        Err(XmlError::Encoding)
    );
    for text in [model("<a>"), value("&"), "<NativeDicomModel".to_owned(), model("</x>")] {
        assert!(read(text.as_bytes(), Limits::default()).is_err(), "{text}");
    }
    assert!(read(deep(64).as_bytes(), Limits::default()).unwrap().is_ok());
    assert!(read(deep(65).as_bytes(), Limits::default()).unwrap().is_err());
}
