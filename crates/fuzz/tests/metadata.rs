//! What a client stores with: DICOM JSON and Native DICOM Model XML.

use dicomweb::json::{JsonWriter, Reader, complete};
use dicomweb::stow::draft::{Described, Fill, Limits, Offsets, Segment};
use dicomweb::xml;
use fuzz::{Target, behaviour, magnitude};
use model::scan::{self, Scanner};
use model::transfer_syntax::EXPLICIT_LE;

const LIMITS: Limits = Limits { depth: 8, elements: 200, value: 2_000, held: 20_000 };

/// Every model that is read can be written, and what is written is a data set whose own models are read again.
fn check(described: Described) -> (usize, String) {
    match described {
        Err(unfit) => {
            let text = unfit.fault.to_string();
            (unfit.uris.len(), text.chars().filter(|c| c.is_alphabetic()).collect())
        }
        Ok(instance) => {
            assert!(instance.held() <= LIMITS.held);
            let holes = instance.bulk().len();
            let native: Vec<Fill> = (0..holes).map(|hole| Fill::Native(vec![hole as u64])).collect();
            let bytes = written(instance.clone(), &native);
            let pixels = instance.bulk().iter().all(|hole| hole.is_pixel_data());
            if pixels && holes > 0 {
                let frames = Fill::Fragments { lengths: vec![3, 4], offsets: Offsets::Frames };
                written(instance, &vec![frames; holes]);
            }
            let (mut scanner, mut writer) =
                (Scanner::new(EXPLICIT_LE, scan::Limits::default()), JsonWriter::new());
            let scanned =
                scanner.push(&bytes, &mut writer).and_then(|()| scanner.finish(&mut writer).map(drop));
            assert!(scanned.is_ok(), "{scanned:?} {}", bytes.escape_ascii());
            let mut json = Vec::new();
            complete(&writer.finish().0, "u", &mut json);
            let mut text = Vec::new();
            assert!(xml::document(&json, &mut text).is_ok());
            assert!(xml::read(&text, Limits::default()).is_ok(), "{}", String::from_utf8_lossy(&text));
            let (again, error) = read(&[&json], Limits::default());
            assert!(error.is_none() && again.len() == 1, "{}", String::from_utf8_lossy(&json));
            (holes, magnitude(bytes.len()).to_string())
        }
    }
}

fn written(instance: dicomweb::stow::draft::Instance, fills: &[Fill]) -> Vec<u8> {
    let mut out = Vec::new();
    for segment in instance.lay_out(fills).unwrap_or_else(|e| panic!("{e}")) {
        match segment {
            Segment::Bytes(bytes) => out.extend(bytes),
            Segment::Piece { hole, piece } => {
                let length = match &fills[hole] {
                    Fill::Native(lengths) | Fill::Fragments { lengths, .. } => lengths[piece],
                };
                out.resize(out.len() + length as usize, 0);
            }
        }
    }
    out
}

fn read(pieces: &[&[u8]], limits: Limits) -> (Vec<Described>, Option<String>) {
    let (mut reader, mut found) = (Reader::new(limits), Vec::new());
    for piece in pieces.iter().map(Some).chain([None]) {
        let result = match piece {
            Some(piece) => reader.push(piece),
            None => reader.finish(),
        };
        found.extend(std::iter::from_fn(|| reader.next_instance()));
        if let Err(error) = result {
            return (found, Some(error.to_string()));
        }
    }
    (found, None)
}

#[test]
fn json() {
    let seeds = [
        r#"[{"00080016":{"vr":"UI","Value":["1.2.840.10008.5.1.4.1.1.2"]},"00080018":{"vr":"UI","Value":["1.2"]},"00100010":{"vr":"PN","Value":[{"Alphabetic":"A^B","Ideographic":"\u5c71"}]},"7FE00010":{"vr":"OW","BulkDataURI":"x"}}]"#,
        r#"{"00280010":{"vr":"US","Value":[1,"2"]},"00281052":{"vr":"DS","Value":[1.5e2,"-1",null]},"00280009":{"vr":"AT","Value":["00181063"]},"00189074":{"vr":"FD","Value":[1e-310,"NaN"]}}"#,
        r#"[{"00081110":{"vr":"SQ","Value":[{},{"00090010":{"vr":"LO","Value":["A"]},"00091001":{"vr":"OB","InlineBinary":"AAEC"}}]}},{}]"#,
        r#"[{"00100020":{"Value":["\ud83d\ude00\n"],"vr":"LO","x":{"y":[true,false,null]}}}]"#,
    ];
    #[rustfmt::skip]
    let words: &[&[u8]] = &[
        b"{", b"}", b"[", b"]", b",", b":", b"\"vr\":\"", b"\"Value\":[", b"\"InlineBinary\":\"", b"\"BulkDataURI\":\"", b"null",
        b"\"0008", b"\"7FE00010\":{", b"SQ", b"PN", b"UN", b"LT", b"\\u", b"\\\\", b"{\"Alphabetic\":\"", b"1e999", b"-0",
    ];
    let seeds = seeds.iter().map(|seed| seed.as_bytes().to_vec()).collect();
    Target { name: "dicom json", seeds, words, longest: 4_096 }.fuzz(|input, random| {
        let whole = read(&[input], LIMITS);
        assert_eq!(whole, read(&random.pieces(input), LIMITS), "the same however it is cut");
        let (found, error) = whole;
        let found: Vec<_> = found.into_iter().take(3).map(check).collect();
        behaviour((found, error.map(|e| e.chars().filter(|c| c.is_alphabetic()).collect::<String>())))
    });
}

#[test]
fn native_model() {
    let seeds = [
        r#"<?xml version="1.0" encoding="UTF-8"?><NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM" xml:space="preserve"><DicomAttribute tag="00100010" vr="PN" keyword="PatientName"><PersonName number="1"><Alphabetic><FamilyName>A</FamilyName><GivenName>B</GivenName></Alphabetic></PersonName></DicomAttribute></NativeDicomModel>"#,
        r#"<NativeDicomModel><DicomAttribute tag="00090001" vr="SH" privateCreator="A"><Value number="1">&lt;x&#65;</Value></DicomAttribute><DicomAttribute tag="7FE00010" vr="OW"><BulkData uri="x"/></DicomAttribute></NativeDicomModel>"#,
        r#"<NativeDicomModel><!-- c --><DicomAttribute tag="00081110" vr="SQ"><Item number="1"/><Item number="2"><DicomAttribute tag="00282000" vr="OB"><InlineBinary>AAEC</InlineBinary></DicomAttribute></Item></DicomAttribute></NativeDicomModel>"#,
        "<!DOCTYPE a [<!ENTITY b \"c\">]><NativeDicomModel><![CDATA[x]]></NativeDicomModel>",
    ];
    #[rustfmt::skip]
    let words: &[&[u8]] = &[
        b"<DicomAttribute ", b"</DicomAttribute>", b"tag=\"0009", b"vr=\"", b"<Value number=\"", b"</Value>", b"<Item>", b"</Item>",
        b"privateCreator=\"", b"<![CDATA[", b"]]>", b"<!--", b"-->", b"&amp;", b"&#x0;", b"<!DOCTYPE ", b"<?", b"/>", b"\"", b"\xFF",
    ];
    let seeds = seeds.iter().map(|seed| seed.as_bytes().to_vec()).collect();
    Target { name: "native dicom model", seeds, words, longest: 4_096 }.fuzz(|input, _| {
        let read = xml::read(input, LIMITS);
        let read = read
            .map(check)
            .map_err(|e| e.to_string().chars().filter(|c| c.is_alphabetic()).collect::<String>());
        behaviour(read)
    });
}
