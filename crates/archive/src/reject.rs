//! Rejection notes (IHE RAD TF-2 4.66, Imaging Object Change Management): key object selections that say which instances
//! are not to be used any more, and why.
//!
//! What a note does is part of its row, and its row is made from its own data set alone: an index made again from the
//! files hides the same instances.

use std::collections::BTreeSet;

use index::Rejection;
use model::{SopClassUid, SopInstanceUid};
use serde_json::Value;

/// Key Object Selection Document Storage.
const KEY_OBJECTS: &str = "1.2.840.10008.5.1.4.1.1.88.59";

/// (0040,A043) Concept Name Code Sequence of the root: the document's title.
const TITLE: u32 = 0x0040_A043;
/// (0040,A375) Current Requested Procedure Evidence Sequence.
const EVIDENCE: u32 = 0x0040_A375;

/// The code values of the document titles that reject (PS3.16 CID 7011): for quality, for patient safety, an incorrect
/// worklist entry, data retention expired.
pub const REJECTION_TITLES: [&str; 4] = ["113001", "113037", "113038", "113039"];

/// The titles, and whether the note itself is still to be seen. Who looks for images that
/// were taken out for quality or safety finds the note that says so; after retention expired nothing is left to see.
const TITLES: [(&str, bool); 4] = [
    ("113001", true),  // Rejected for Quality Reasons
    ("113037", true),  // Rejected for Patient Safety Reasons
    ("113038", true),  // Incorrect Modality Worklist Entry
    ("113039", false), // Data Retention Policy Expired
];

/// What an instance rejects: `None` unless it is a rejection note. `values` gives the values of a top-level attribute as
/// DICOM JSON has them.
pub(crate) fn of(
    sop_class: SopClassUid,
    sop_instance: SopInstanceUid,
    values: impl Fn(u32) -> Vec<Value>,
) -> Option<Rejection> {
    if sop_class.as_str() != KEY_OBJECTS {
        return None;
    }
    let title = values(TITLE);
    let title = title.first()?;
    if text(title, "00080102") != Some("DCM") {
        return None;
    }
    let code = text(title, "00080100")?;
    let (reason, visible) = TITLES.iter().find(|(known, _)| *known == code)?;
    let mut instances = BTreeSet::<SopInstanceUid>::new();
    for study in values(EVIDENCE) {
        for series in items(&study, "00081115") {
            for reference in items(series, "00081199") {
                instances
                    .extend(text(reference, "00081155").and_then(|uid| uid.parse::<SopInstanceUid>().ok()));
            }
        }
    }
    // A note that names itself would hide itself.
    instances.remove(&sop_instance);
    if !visible {
        instances.insert(sop_instance);
    }
    Some(Rejection { reason: (*reason).to_owned(), instances: instances.into_iter().collect() })
}

/// The items of a sequence attribute.
fn items<'a>(item: &'a Value, tag: &str) -> &'a [Value] {
    item.get(tag).and_then(|a| a.get("Value")).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// An attribute's first text.
fn text<'a>(item: &'a Value, tag: &str) -> Option<&'a str> {
    items(item, tag).first()?.as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sop_016_which_documents_reject_what() {
        let note = "1.2.3.9";
        let reference = |uid: &str| json!({"00081155": {"vr": "UI", "Value": [uid]}});
        let evidence = json!([{"00081115": {"vr": "SQ", "Value": [
            {"00081199": {"vr": "SQ", "Value": [reference("1.2.3.2"), reference("1.2.3.1"), reference("x")]}},
            {"00081199": {"vr": "SQ", "Value": [reference("1.2.3.1"), reference(note), {}]}},
            {"00081199": {"vr": "SQ"}},
        ]}}]);
        for (class, scheme, code, expected) in [
            (KEY_OBJECTS, "DCM", "113001", Some(vec!["1.2.3.1", "1.2.3.2"])),
            (KEY_OBJECTS, "DCM", "113037", Some(vec!["1.2.3.1", "1.2.3.2"])),
            (KEY_OBJECTS, "DCM", "113038", Some(vec!["1.2.3.1", "1.2.3.2"])),
            (KEY_OBJECTS, "DCM", "113039", Some(vec!["1.2.3.1", "1.2.3.2", note])),
            (KEY_OBJECTS, "DCM", "113000", None),
            (KEY_OBJECTS, "DCM", "113004", None),
            (KEY_OBJECTS, "99X", "113001", None),
            ("1.2.840.10008.5.1.4.1.1.88.11", "DCM", "113001", None),
        ] {
            let values = |tag| match tag {
                TITLE => vec![json!({
                    "00080100": {"vr": "SH", "Value": [code]},
                    "00080102": {"vr": "SH", "Value": [scheme]},
                })],
                EVIDENCE => evidence.as_array().unwrap().clone(),
                _ => vec![],
            };
            let found = of(class.parse().unwrap(), note.parse().unwrap(), values);
            let names = found.map(|r| r.instances.iter().map(|uid| uid.to_string()).collect::<Vec<_>>());
            assert_eq!(
                names,
                expected.map(|e| e.into_iter().map(str::to_owned).collect()),
                "{code} {scheme}"
            );
        }
    }
}
