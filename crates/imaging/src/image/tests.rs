use serde_json::{Value, json};

use super::*;

/// Reads frame `number` of an instance that says this and is otherwise 4 by 2 pixels of 16 bits.
pub(crate) fn image(said: &Value, number: u32) -> Image {
    let mut whole = json!({
        "00280002": {"vr": "US", "Value": [1]}, "00280004": {"vr": "CS", "Value": ["MONOCHROME2"]},
        "00280010": {"vr": "US", "Value": [2]}, "00280011": {"vr": "US", "Value": [4]},
        "00280100": {"vr": "US", "Value": [16]}, "00280101": {"vr": "US", "Value": [16]},
        "00280102": {"vr": "US", "Value": [15]}, "00280103": {"vr": "US", "Value": [0]},
    });
    for (tag, element) in said.as_object().expect("an object") {
        whole[tag] = element.clone();
    }
    let object = whole.as_object().expect("an object");
    let format = PixelFormat::from_json(object).expect("a format");
    Image::read(&Attributes::new(object, &Bulk::new()), format, number).expect("an image")
}

#[test]
fn rend_025_groups_of_frames() {
    let window = |center: u32| {
        json!({"vr": "SQ", "Value": [{
            "00281050": {"vr": "DS", "Value": [center]}, "00281051": {"vr": "DS", "Value": [10]},
        }]})
    };
    let rescale = |slope: u32| json!({"vr": "SQ", "Value": [{"00281053": {"vr": "DS", "Value": [slope]}}]});
    let said = json!({
        "00281050": {"vr": "DS", "Value": [1]}, "00281051": {"vr": "DS", "Value": [10]},
        "52009229": {"vr": "SQ", "Value": [{"00289145": rescale(3), "00289132": window(2)}]},
        "52009230": {"vr": "SQ", "Value": [{"00289132": window(3)}, {"00289145": rescale(7)}]},
    });
    for (number, center, slope) in [(1, 3.0, 3.0), (2, 2.0, 7.0), (3, 2.0, 3.0)] {
        let found = image(&said, number);
        assert!(matches!(found.voi, Some(Voi::Window(window)) if window.center == center), "{number}");
        assert_eq!(found.modality, Modality::Rescale { slope, intercept: 0.0 }, "{number}");
    }
}

#[test]
fn rend_019_inverted_once() {
    for (photometric, shape, expected) in [
        ("MONOCHROME1", None, Presentation::Inverse),
        ("MONOCHROME1", Some("INVERSE"), Presentation::Inverse),
        ("MONOCHROME2", Some("IDENTITY"), Presentation::Identity),
        ("MONOCHROME2", None, Presentation::Identity),
        ("MONOCHROME2", Some("INVERSE"), Presentation::Inverse),
    ] {
        let mut said = json!({"00280004": {"vr": "CS", "Value": [photometric]}});
        if let Some(shape) = shape {
            said["20500020"] = json!({"vr": "CS", "Value": [shape]});
        }
        assert_eq!(image(&said, 1).presentation, expected, "{photometric} {shape:?}");
    }
}

#[test]
fn padding_and_aspect() {
    let signed = json!({"vr": "US", "Value": [1]});
    let value = |number: i32| json!({"vr": "US", "Value": [number]});
    for (said, expected) in [
        (json!({}), None),
        (json!({"00280120": value(0)}), Some((0.0, 0.0))),
        (json!({"00280120": value(9), "00280121": value(3)}), Some((3.0, 9.0))),
        (json!({"00280103": signed, "00280120": value(63536)}), Some((-2000.0, -2000.0))),
        (json!({"00280103": signed, "00280120": value(-2000)}), Some((-2000.0, -2000.0))),
    ] {
        assert_eq!(image(&said, 1).padding, expected, "{said}");
    }
    for (said, expected) in [
        (json!({}), 1.0),
        (json!({"00280034": {"vr": "IS", "Value": [2, 1]}}), 2.0),
        (json!({"00280030": {"vr": "DS", "Value": [0.5, "1.0"]}}), 0.5),
        (json!({"00280030": {"vr": "DS", "Value": [0, 1]}}), 1.0),
        (json!({"00280034": {"vr": "IS", "Value": [1]}, "00181164": {"vr": "DS", "Value": [3, 1]}}), 3.0),
    ] {
        assert_eq!(image(&said, 1).aspect, expected, "{said}");
    }
}

#[test]
fn values_by_uri() {
    for (path, wanted) in [
        ("00281201", true),
        ("00281221", true),
        ("00282000", true),
        ("00480105/0/00282000", true),
        ("00283010/0/00283006", true),
        ("60003000", true),
        ("601E3000", true),
        ("00700001/3/00700009/0/00700022", true),
        ("7FE00010", false),
        ("54000100/0/54001010", false),
        ("00091010", false),
    ] {
        assert_eq!(wants(path), wanted, "{path}");
    }
}
