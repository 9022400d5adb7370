use serde_json::{Value, json};

use super::*;
use crate::image::tests::image;
use crate::pixel::PixelFormat;

/// Samples of 16 bits, four columns.
fn pixels(words: &[u16]) -> Pixels {
    Pixels {
        width: 4,
        height: words.len() as u32 / 4,
        channels: 1,
        word: 2,
        float: false,
        photometric: Photometric::Monochrome2,
        data: words.iter().flat_map(|word| word.to_le_bytes()).collect(),
    }
}

/// The greys of these samples of an instance that says this.
fn greys(said: &Value, words: &[u16], window: Option<Window>) -> Vec<u8> {
    shown(&image(said, 1), &pixels(words), window).expect("a picture").data
}

fn window(center: i32, width: i32) -> Value {
    json!({"vr": "DS", "Value": [center, width]})
}

#[test]
fn rend_016_to_020_grey() {
    let with = |pairs: &[(&str, Value)]| {
        let mut said = json!({});
        for (tag, value) in pairs {
            said[*tag] = value.clone();
        }
        said
    };
    let number = |number: i32| json!({"vr": "DS", "Value": [number]});
    let lut = |descriptor: Value, data: Value| {
        json!({"vr": "SQ", "Value": [{
            "00283002": {"vr": "US", "Value": descriptor}, "00283006": {"vr": "US", "Value": data},
        }]})
    };
    let (center, width) = ("00281050", "00281051");
    for (name, said, words, expected) in [
        ("range of the frame", with(&[]), [0, 500, 1000, 1000], [0, 128, 255, 255]),
        ("a plain frame", with(&[]), [7; 4], [0; 4]),
        (
            "REND-016 rescale before the window",
            with(&[(center, number(0)), (width, number(101)), ("00281052", number(-1024))]),
            [974, 1024, 1073, 1074],
            [1, 129, 254, 255],
        ),
        (
            "REND-017 Modality LUT",
            with(&[("00283000", lut(json!([3, 1, 16]), json!([0, 50, 100])))]),
            [0, 1, 2, 9],
            [0, 0, 128, 255],
        ),
        (
            "REND-018 VOI LUT",
            with(&[("00283010", lut(json!([2, 100, 8]), json!([10, 255])))]),
            [0, 100, 101, 999],
            [10, 10, 255, 255],
        ),
        (
            "REND-019 MONOCHROME1, and INVERSE besides",
            with(&[
                ("00280004", json!({"vr": "CS", "Value": ["MONOCHROME1"]})),
                ("20500020", json!({"vr": "CS", "Value": ["INVERSE"]})),
            ]),
            [0, 1, 2, 2],
            [255, 128, 0, 0],
        ),
        (
            "REND-020 signed, 12 bits in 16, the rest not looked at",
            with(&[
                ("00280101", number(12)),
                ("00280102", number(11)),
                ("00280103", number(1)),
                (center, number(0)),
                (width, number(4096)),
            ]),
            [0xF800, 0x7FF, 0x0000, 0xFFFF],
            [0, 255, 128, 127],
        ),
        (
            "REND-020 high bit 15 of 12 bits",
            with(&[("00280101", number(12)), ("00280102", number(15))]),
            [0x0007, 0xFFF0, 0x8000, 0xFFFF],
            [0, 255, 128, 255],
        ),
        (
            "padding is black and no part of the range",
            with(&[("00280120", number(60000)), ("00280121", number(65535))]),
            [65535, 10, 20, 60000],
            [0, 0, 255, 0],
        ),
        (
            "padding of MONOCHROME1 is black too",
            with(&[("00280004", json!({"vr": "CS", "Value": ["MONOCHROME1"]})), ("00280120", number(0))]),
            [0, 10, 20, 0],
            [0, 255, 0, 0],
        ),
    ] {
        assert_eq!(greys(&said, &words, None), expected, "{name}");
    }
    // A window that is asked for comes before the image's, and works on its values.
    let said = json!({"00281050": window(1, 1), "00281052": {"vr": "DS", "Value": [-1000]}});
    let asked = Window::new(0.0, 100.0, Function::LinearExact);
    assert_eq!(greys(&said, &[949, 1000, 1050, 2000], asked), [0, 128, 255, 255]);
}

#[test]
fn wide_and_floating_samples() {
    let floats = [f32::NAN, -1.5, 0.0, 1.5];
    for (said, word, float, data, expected) in [
        (
            json!({"7FE00008": {"vr": "OF"}}),
            4,
            true,
            floats.iter().flat_map(|f| f.to_le_bytes()).collect::<Vec<u8>>(),
            [0, 0, 128, 255],
        ),
        (
            json!({"7FE00009": {"vr": "OD"}}),
            8,
            true,
            [0.0, 0.25, 0.5, 1.0f64].iter().flat_map(|f| f.to_le_bytes()).collect(),
            [0, 64, 128, 255],
        ),
        (
            json!({
                "00280100": {"vr": "US", "Value": [32]}, "00280101": {"vr": "US", "Value": [32]},
                "00280102": {"vr": "US", "Value": [31]}, "00280103": {"vr": "US", "Value": [1]},
                "00281053": {"vr": "DS", "Value": [1e9]},
            }),
            4,
            false,
            [i32::MIN, i32::MIN, 0, i32::MAX].iter().flat_map(|n| n.to_le_bytes()).collect(),
            [0, 0, 128, 255],
        ),
    ] {
        let pixels = Pixels { word, float, data, ..pixels(&[0; 4]) };
        assert_eq!(shown(&image(&said, 1), &pixels, None).expect("a picture").data, expected, "{said}");
    }
    let bits = json!({"00280100": {"vr": "US", "Value": [1]}, "00280101": {"vr": "US", "Value": [1]}});
    let pixels = Pixels { word: 1, data: vec![0, 1, 1, 0], ..pixels(&[0; 4]) };
    assert_eq!(shown(&image(&bits, 1), &pixels, None).expect("a picture").data, [0, 255, 255, 0]);
}

#[test]
fn rend_021_024_colour() {
    let colour = |word, data: Vec<u8>| Pixels {
        channels: 3,
        word,
        data,
        photometric: Photometric::Rgb,
        width: 2,
        height: 1,
        float: false,
    };
    let rgb = |bits: u8| {
        json!({
            "00280002": {"vr": "US", "Value": [3]}, "00280004": {"vr": "CS", "Value": ["RGB"]},
            "00280100": {"vr": "US", "Value": [if bits > 8 { 16 } else { 8 }]},
            "00280101": {"vr": "US", "Value": [bits]}, "00280102": {"vr": "US", "Value": [bits - 1]},
        })
    };
    let eight = colour(1, vec![1, 2, 3, 253, 254, 255]);
    assert_eq!(shown(&image(&rgb(8), 1), &eight, None).expect("a picture").data, [1, 2, 3, 253, 254, 255]);
    let sixteen = [0u16, 32768, 65535, 1, 257, 514];
    let sixteen = colour(2, sixteen.iter().flat_map(|n| n.to_le_bytes()).collect());
    assert_eq!(shown(&image(&rgb(16), 1), &sixteen, None).expect("a picture").data, [0, 128, 255, 0, 1, 2]);
    let palette = |first: u16| {
        let mut said = json!({"00080008": {"vr": "CS"}, "00089205": {"vr": "CS", "Value": ["COLOR"]}});
        for channel in 1..=3 {
            said[format!("0028110{channel}")] = json!({"vr": "US", "Value": [2, first, 16]});
            said[format!("0028120{channel}")] = json!({"vr": "OW", "Value": [256 * channel, 65535]});
        }
        said
    };
    let mut indexed = palette(0);
    indexed["00280004"] = json!({"vr": "CS", "Value": ["PALETTE COLOR"]});
    let samples = Pixels { photometric: Photometric::PaletteColor, ..pixels(&[0, 1, 2, 0]) };
    let found = shown(&image(&indexed, 1), &samples, None).expect("a picture");
    assert_eq!(found.data, [[1, 2, 3], [255; 3], [255; 3], [1, 2, 3]].concat());
    // A supplemental palette: grey below its first value.
    let found = shown(&image(&palette(100), 1), &pixels(&[0, 50, 100, 100]), None).expect("a picture");
    assert_eq!(found.data, [[0; 3], [128; 3], [1, 2, 3], [1, 2, 3]].concat());
}

#[test]
fn wrong_shapes_are_errors() {
    for wrong in [
        Pixels { data: vec![0; 7], ..pixels(&[0; 4]) },
        Pixels { width: 0, ..pixels(&[0; 4]) },
        Pixels { word: 3, ..pixels(&[0; 4]) },
        Pixels { channels: 3, photometric: Photometric::Rgb, ..pixels(&[0; 4]) },
    ] {
        let found = render(&image(&json!({}), 1), &wrong, None, &Request::new(Output::Png));
        assert_eq!(found, Err(RenderError::Samples), "{wrong:?}");
    }
}

/// A job as a worker gets it, and what comes back.
fn run(request: Request, moving: bool, frames: &[&[u8]]) -> (crate::job::Answer, Vec<u8>) {
    let instance = json!({
        "00080018": {"vr": "UI", "Value": ["1.2.3"]},
        "00280002": {"vr": "US", "Value": [1]}, "00280004": {"vr": "CS", "Value": ["MONOCHROME2"]},
        "00280010": {"vr": "US", "Value": [8]}, "00280011": {"vr": "US", "Value": [8]},
        "00280100": {"vr": "US", "Value": [8]}, "00281050": window(128, 256), "00281051": {"vr": "DS", "Value": [256]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane"}]},
        "60000010": {"vr": "US", "Value": [8]}, "60000011": {"vr": "US", "Value": [8]},
        "60000040": {"vr": "CS", "Value": ["G"]}, "60003000": {"vr": "OB", "InlineBinary": "AQAAAAAAAAA="},
    });
    let json = instance.to_string().into_bytes();
    let mut parts = vec![Length { part: Part::Instance, bytes: json.len() as u64 }];
    let mut payload = json;
    for (at, frame) in frames.iter().enumerate() {
        parts.push(Length { part: Part::Frame(at as u32 + 1), bytes: frame.len() as u64 });
        payload.extend_from_slice(frame);
    }
    let syntax = "1.2.840.10008.1.2.1".to_owned();
    let job = crate::job::Job::Render(Task {
        subject: Subject::Frames { syntax, request, moving },
        parts,
        decoded: 1 << 20,
    });
    let (head, payload) = crate::job::run(&job.head(), &payload);
    (crate::job::Answer::read(&head).expect("an answer"), payload)
}

#[test]
fn rend_001_002_forms() {
    let frame: Vec<u8> = (0..64).map(|n| n * 4).collect();
    for (output, moving, frames, starts, count) in [
        (Output::Jpeg, false, 1, &[0xFF, 0xD8, 0xFF][..], 1),
        (Output::Jpeg, false, 3, &[0xFF, 0xD8, 0xFF], 3),
        (Output::Png, false, 1, b"\x89PNG", 1),
        (Output::Gif, false, 1, b"GIF89a", 1),
        (Output::Gif, true, 3, b"GIF89a", 1),
    ] {
        let (answer, bytes) = run(Request::new(output), moving, &vec![&frame[..]; frames]);
        let crate::job::Answer::Rendered(rendered) = answer else { panic!("{answer:?}") };
        assert_eq!((rendered.media.as_str(), rendered.lengths.len()), (output.media(), count));
        assert_eq!(rendered.lengths.iter().sum::<u64>(), bytes.len() as u64);
        assert!(bytes.starts_with(starts));
        if output == Output::Jpeg {
            // SOF0, and no SOF2: baseline, not progressive.
            assert!(bytes.windows(2).any(|two| two == [0xFF, 0xC0]));
            assert!(!bytes.windows(2).any(|two| two == [0xFF, 0xC2]));
        }
    }
}

fn decoded(png: &[u8]) -> (u32, u32, Vec<u8>) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().expect("a PNG");
    let mut data = vec![0; reader.output_buffer_size().expect("a size")];
    let info = reader.next_frame(&mut data).expect("a frame");
    (info.width, info.height, data)
}

#[test]
fn rend_011_013_size_and_annotation() {
    let frame = [0u8; 64];
    let plain = |request: Request| match run(request, false, &[&frame]) {
        (crate::job::Answer::Rendered(_), bytes) => decoded(&bytes),
        (answer, _) => panic!("{answer:?}"),
    };
    let request = Request::new(Output::Png);
    assert_eq!(plain(request.clone()), (8, 8, vec![0; 64]));
    let annotation =
        |patient, technique| Request { annotation: Annotation { patient, technique }, ..request.clone() };
    assert_eq!(plain(annotation(false, true)).2[0], 255, "the overlay goes with technique");
    let viewport = Some(Viewport { width: 200, height: 100 });
    for (patient, dark) in [(false, true), (true, false)] {
        let (width, height, data) = plain(Request { viewport, ..annotation(patient, false) });
        assert_eq!((width, height), (100, 100));
        assert_eq!(data.iter().all(|sample| *sample == 0), dark, "{patient}");
    }
}

#[test]
fn jobs_that_cannot_be_done() {
    let request = Request::new(Output::Png);
    let outside = Region::Pixels { x: 9.0, y: 0.0, width: None, height: None };
    for (request, frame, expected) in [
        (Request { region: Some(outside), ..request.clone() }, &[0u8; 64][..], Some(RenderError::Region)),
        (request.clone(), &[0; 3], None),
    ] {
        let (answer, payload) = run(request, false, &[frame]);
        let crate::job::Answer::NotRendered(error) = answer else { panic!("{answer:?}") };
        assert!(payload.is_empty());
        match expected {
            Some(expected) => assert_eq!(error, expected),
            None => assert!(matches!(error, RenderError::Pixels(_)), "{error:?}"),
        }
    }
}

#[test]
fn rend_023_every_photometric_interpretation() {
    for (term, samples, channels) in [
        ("MONOCHROME1", 1, 1),
        ("MONOCHROME2", 1, 1),
        ("RGB", 3, 3),
        ("YBR_FULL", 3, 3),
        ("YBR_FULL_422", 3, 3),
        ("YBR_RCT", 3, 3),
        ("YBR_ICT", 3, 3),
        ("YBR_PARTIAL_422", 3, 3),
        ("YBR_PARTIAL_420", 3, 3),
        ("ODD", 1, 1),
    ] {
        let json = json!({
            "00280002": {"vr": "US", "Value": [samples]}, "00280004": {"vr": "CS", "Value": [term]},
            "00280010": {"vr": "US", "Value": [4]}, "00280011": {"vr": "US", "Value": [4]},
            "00280100": {"vr": "US", "Value": [8]}, "00280101": {"vr": "US", "Value": [8]},
        });
        let format = PixelFormat::from_json(json.as_object().expect("an object")).expect("a format");
        let frame = vec![128; 16 * samples];
        let syntax = model::transfer_syntax::EXPLICIT_LE;
        let pixels = crate::pixel::decode(syntax, &format, &frame, &codec::Limits::default()).expect(term);
        let canvas = shown(&image(&json, 1), &pixels, None).expect(term);
        assert_eq!(canvas.channels, channels, "{term}");
    }
}

#[test]
fn rend_028_icons() {
    for label in ["SR", "CT", "", "<script>", "DOCUMENT"] {
        let fit = Some(Viewport { width: 100, height: 50 });
        let found = icon(label, Output::Png, fit).expect("an icon");
        let (width, height, data) = decoded(&found.bytes);
        assert_eq!((width, height), (50, 50));
        assert!(data.iter().any(|sample| *sample > 40), "{label}");
    }
}

#[test]
fn rend_026_presentation_state() {
    let words: Vec<u16> = (0..16).map(|n| n * 100).collect();
    let pixels = Pixels { height: 4, ..pixels(&words) };
    let state = json!({
        "00081115": {"vr": "SQ", "Value": [{
            "0020000E": {"vr": "UI", "Value": ["1.5"]},
            "00081140": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": ["1.2.3"]}}]},
        }]},
        "00283110": {"vr": "SQ", "Value": [
            {
                "00081140": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": ["9.9"]}}]},
                "00281050": {"vr": "DS", "Value": [0]}, "00281051": {"vr": "DS", "Value": [1]},
            },
            {"00281050": {"vr": "DS", "Value": [750]}, "00281051": {"vr": "DS", "Value": [1]}},
        ]},
        "20500020": {"vr": "CS", "Value": ["INVERSE"]},
        "00700042": {"vr": "US", "Value": [90]}, "00700041": {"vr": "CS", "Value": ["Y"]},
        "0070005A": {"vr": "SQ", "Value": [{
            "00700052": {"vr": "SL", "Value": [1, 1]}, "00700053": {"vr": "SL", "Value": [4, 4]},
            "00700100": {"vr": "CS", "Value": ["SCALE TO FIT"]}, "00700102": {"vr": "IS", "Value": [1, 1]},
        }]},
    });
    let bulk = crate::image::Bulk::new();
    let all = crate::image::Attributes::new(state.as_object().expect("an object"), &bulk);
    let references = crate::image::references(&all);
    assert_eq!(references[0].instance, "1.2.3");
    assert_eq!(references[0].series, "1.5");
    let read = State::read(&all, "1.2.3", 1, false);
    let image = image(&json!({"00281050": window(1, 1)}), 1);
    let found = graphics::under(&image, &pixels, &read, &Request::new(Output::Png)).expect("a picture");
    // Rows become columns: the first two rows were below the window, so white, and are left now.
    assert_eq!(found.data, [[255, 255, 0, 0]; 4].concat());
    let mut drawn = state.clone();
    drawn["00700001"] = json!({"vr": "SQ", "Value": [{
        "00700009": {"vr": "SQ", "Value": [{
            "00700005": {"vr": "CS", "Value": ["PIXEL"]}, "00700023": {"vr": "CS", "Value": ["POLYLINE"]},
            "00700022": {"vr": "FL", "Value": [0.5, 2.5, 3.5, 2.5]},
        }]},
    }]});
    let all = crate::image::Attributes::new(drawn.as_object().expect("an object"), &bulk);
    let read = State::read(&all, "1.2.3", 1, false);
    let found = graphics::under(&image, &pixels, &read, &Request::new(Output::Png)).expect("a picture");
    assert_eq!(found.data, [[255, 255, 255, 0]; 4].concat(), "row 2 is column 2 now");
}
