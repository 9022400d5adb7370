//! What a data set says about how it is to be shown: images under every request, and documents.

use fuzz::{Target, behaviour, magnitude};
use imaging::render::document::Form;
use imaging::render::{
    Annotation, Length, Output, Part, Profile, Region, RenderError, Rendered, Request, Subject, Task,
    Viewport,
};

/// A frame of 8 by 8 words.
const FRAME: [u8; 128] = [0x5A; 128];

/// The JSON as a job of this subject, with a frame and itself as presentation state and as a value named by URI.
fn run(json: &[u8], subject: Subject) -> Result<(Rendered, Vec<u8>), RenderError> {
    let parts = [
        (Part::Instance, json),
        (Part::State, json),
        (Part::Bulk("00283010/0/00283006".to_owned()), &FRAME[..]),
        (Part::Bulk("60003000".to_owned()), &FRAME[..]),
        (Part::StateBulk("00700001/0/00700009/0/00700022".to_owned()), &FRAME[..]),
        (Part::Frame(1), &FRAME[..]),
    ];
    let states = matches!(&subject, Subject::Frames { request, .. } if request.quality == 50);
    let wanted = parts.into_iter().filter(|(part, _)| states || *part != Part::State);
    let (mut lengths, mut payload) = (Vec::new(), Vec::new());
    for (part, bytes) in wanted {
        lengths.push(Length { part, bytes: bytes.len() as u64 });
        payload.extend_from_slice(bytes);
    }
    Task { subject, parts: lengths, decoded: 1 << 16 }.run(&payload)
}

fn judge(result: Result<(Rendered, Vec<u8>), RenderError>) -> u64 {
    match result {
        Ok((rendered, files)) => {
            assert_eq!(rendered.lengths.iter().sum::<u64>(), files.len() as u64);
            behaviour((rendered.media, magnitude(files.len())))
        }
        Err(error) => behaviour(error.to_string()),
    }
}

#[test]
fn render_jobs() {
    let seeds = [
        r#"{"00280002":{"vr":"US","Value":[1]},"00280004":{"vr":"CS","Value":["MONOCHROME1"]},"00280010":{"vr":"US","Value":[8]},
        "00280011":{"vr":"US","Value":[8]},"00280100":{"vr":"US","Value":[16]},"00280101":{"vr":"US","Value":[12]},
        "00280102":{"vr":"US","Value":[11]},"00280103":{"vr":"US","Value":[1]},"00281050":{"vr":"DS","Value":[40]},
        "00281051":{"vr":"DS","Value":["400"]},"00281056":{"vr":"CS","Value":["SIGMOID"]},"00280120":{"vr":"SS","Value":[-5]}}"#,
        r#"{"00280010":{"vr":"US","Value":[8]},"00280011":{"vr":"US","Value":[8]},"00280100":{"vr":"US","Value":[8]},
        "00280004":{"vr":"CS","Value":["PALETTE COLOR"]},"00281101":{"vr":"US","Value":[4,0,16]},"00281102":{"vr":"US","Value":[4,0,16]},
        "00281103":{"vr":"US","Value":[4,0,16]},"00281221":{"vr":"OW","InlineBinary":"AAACAAAA6AMBAAQAiBM="},
        "00281222":{"vr":"OW","InlineBinary":"AAACAAAA6AMCAAEAAAAAAA=="},"00281203":{"vr":"OW","Value":[1,2,3,65535]}}"#,
        r#"{"00280010":{"vr":"US","Value":[8]},"00280011":{"vr":"US","Value":[8]},"00280100":{"vr":"US","Value":[16]},
        "00283000":{"vr":"SQ","Value":[{"00283002":{"vr":"US","Value":[3,65530,16]},"00283006":{"vr":"US","Value":[1,2,3]}}]},
        "00283010":{"vr":"SQ","Value":[{"00283002":{"vr":"SS","Value":[0,-9,8]},"00283006":{"vr":"OW","BulkDataURI":"x"}}]},
        "52009230":{"vr":"SQ","Value":[{"00289132":{"vr":"SQ","Value":[{"00281050":{"vr":"DS","Value":[1]}}]}}]},
        "60000010":{"vr":"US","Value":[8]},"60000011":{"vr":"US","Value":[8]},"60000040":{"vr":"CS","Value":["G"]},
        "60000050":{"vr":"SS","Value":[-3,2]},"60003000":{"vr":"OW","BulkDataURI":"x"},"00100010":{"vr":"PN","Value":[{"Alphabetic":"A^B"}]}}"#,
        r#"{"00280010":{"vr":"US","Value":[8]},"00280011":{"vr":"US","Value":[8]},"00280100":{"vr":"US","Value":[16]},
        "00181600":{"vr":"CS","Value":["CIRCULAR","POLYGONAL"]},"00181610":{"vr":"IS","Value":[4,4]},"00181612":{"vr":"IS","Value":[3]},
        "00181620":{"vr":"IS","Value":[1,1,1,9,9,1]},"00700042":{"vr":"US","Value":[270]},"00700041":{"vr":"CS","Value":["Y"]},
        "0070005A":{"vr":"SQ","Value":[{"00700052":{"vr":"SL","Value":[2,2]},"00700053":{"vr":"SL","Value":[7,9]},
        "00700100":{"vr":"CS","Value":["MAGNIFY"]},"00700103":{"vr":"FL","Value":[1.5]}}]},
        "00700001":{"vr":"SQ","Value":[{"00700009":{"vr":"SQ","Value":[{"00700005":{"vr":"CS","Value":["PIXEL"]},
        "00700023":{"vr":"CS","Value":["ELLIPSE"]},"00700022":{"vr":"FL","Value":[1,1,5,5,1,5,5,1]}}]},
        "00700008":{"vr":"SQ","Value":[{"00700003":{"vr":"CS","Value":["DISPLAY"]},"00700010":{"vr":"FL","Value":[0.1,0.1]},
        "00700006":{"vr":"ST","Value":["a\r\nb"]}}]}}]}}"#,
        r#"{"0040A040":{"vr":"CS","Value":["CONTAINER"]},"0040A730":{"vr":"SQ","Value":[{"0040A040":{"vr":"CS","Value":["NUM"]},
        "0040A300":{"vr":"SQ","Value":[{"0040A30A":{"vr":"DS","Value":["1"]}}]}},{"0040A040":{"vr":"CS","Value":["TEXT"]},
        "0040A160":{"vr":"UT","Value":["<b>&"]}}]}}"#,
    ];
    #[rustfmt::skip]
    let words: &[&[u8]] = &[
        b"\"Value\":[", b"\"vr\":\"US\"", b"\"InlineBinary\":\"", b"{}", b"null", b"-1", b"65535", b"1e308", b"-32768", b"0.5", b"4294967295",
        b"MONOCHROME2", b"RGB", b"YBR_FULL_422", b"INVERSE", b"LINEAR_EXACT", b"POLYLINE", b"CIRCLE", b"POINT", b"BITMAP", b"RECTANGULAR",
        b"00280008", b"00281101", b"00089205", b"00282000", b"20500020", b"00181623", b"00280030", b"COLOR",
    ];
    let seeds = seeds.iter().map(|seed| seed.as_bytes().to_vec()).collect();
    Target { name: "render_jobs", seeds, words, longest: 8_192 }.fuzz(|input, random| {
        let request = Request {
            quality: if random.below(2) == 0 { 50 } else { 90 },
            viewport: (random.below(2) == 0).then_some(Viewport { width: 40, height: 30 }),
            region: (random.below(3) == 0).then_some(Region::Fractions([0.1, 0.0, 0.9, 0.7])),
            annotation: Annotation { patient: random.below(2) == 0, technique: random.below(2) == 0 },
            profile: if random.below(4) == 0 { Profile::Srgb } else { Profile::Unnamed },
            ..Request::new([Output::Jpeg, Output::Png, Output::Gif][random.below(3)])
        };
        let subject = match random.below(6) {
            0 => Subject::Document([Form::Html, Form::Text, Form::Xml][random.below(3)]),
            _ => Subject::Frames {
                syntax: "1.2.840.10008.1.2.1".to_owned(),
                request,
                moving: random.below(4) == 0,
            },
        };
        judge(run(input, subject))
    });
}
