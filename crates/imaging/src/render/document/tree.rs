//! The content tree of a structured report (PS3.3 C.17.3), as far as people read it.

use std::cell::Cell;

use super::{Code, Node};
use crate::image::{Attributes, tag};

/// Deepest level that is read; what lies below is left out.
const DEEPEST: usize = 64;
/// Most content items, some 300 bytes each.
const MOST: usize = 200_000;

/// The root content item with all below it.
pub(super) fn read(all: &Attributes<'_>) -> Node {
    node(all, 0, &Cell::new(MOST))
}

fn node(item: &Attributes<'_>, depth: usize, left: &Cell<usize>) -> Node {
    left.set(left.get().saturating_sub(1));
    let own = |tag: &str| item.text(tag).map(|text| text.into_owned()).unwrap_or_default();
    let kind = own(tag::VALUE_TYPE);
    let (value, code) = value(item, &kind);
    let children = match depth < DEEPEST {
        true => item
            .items(tag::CONTENT)
            .iter()
            .take_while(|_| left.get() > 0)
            .map(|child| node(child, depth + 1, left))
            .collect(),
        false => Vec::new(),
    };
    Node {
        relationship: own(tag::RELATIONSHIP),
        concept: item.first(tag::CONCEPT_NAME).map(|item| Code::read(&item)),
        value,
        code,
        children,
        kind,
    }
}

impl Code {
    fn read(item: &Attributes<'_>) -> Self {
        let own = |tag: &str| item.text(tag).map(|text| text.into_owned());
        let value =
            [tag::CODE_VALUE, tag::LONG_CODE_VALUE, tag::URN_CODE_VALUE].iter().find_map(|tag| own(tag));
        let value = value.unwrap_or_default();
        let meaning = own(tag::CODE_MEANING).unwrap_or_else(|| value.clone());
        Self { value, scheme: own(tag::CODING_SCHEME).unwrap_or_default(), meaning }
    }
}

/// What an item says, and the code that goes with it.
fn value(item: &Attributes<'_>, kind: &str) -> (String, Option<Code>) {
    let own = |tag: &str| item.text(tag).map(|text| text.into_owned()).unwrap_or_default();
    let plain = |text: String| (text, None);
    match kind {
        "TEXT" => match item.text(tag::TEXT_VALUE) {
            Some(text) => plain(text.into_owned()),
            // A long text lies outside of the JSON, in the character set of the data set; most are UTF-8 or ASCII.
            None => plain(
                item.bytes(tag::TEXT_VALUE)
                    .map_or_else(String::new, |bytes| String::from_utf8_lossy(&bytes).trim_end().to_owned()),
            ),
        },
        "CODE" => {
            let code = item.first(tag::CONCEPT_CODE).map(|item| Code::read(&item));
            (code.as_ref().map_or_else(String::new, |code| code.meaning.clone()), code)
        }
        "NUM" => number(item),
        "PNAME" => plain(crate::image::person(&own(tag::SR_PERSON))),
        "DATE" => plain(crate::image::date(&own(tag::SR_DATE))),
        "TIME" => plain(crate::image::time(&own(tag::SR_TIME))),
        "DATETIME" => plain(moment(&own(tag::SR_DATE_TIME))),
        "UIDREF" => plain(own(tag::SR_UID)),
        "IMAGE" | "COMPOSITE" | "WAVEFORM" => plain(reference(item)),
        "SCOORD" | "SCOORD3D" => {
            let points = item.numbers(tag::GRAPHIC_DATA);
            plain(format!("{} of {} coordinates", own(tag::GRAPHIC_TYPE), points.len()))
        }
        "TCOORD" => plain(own(tag::TEMPORAL_RANGE)),
        // An item that stands for another one of the tree.
        "" if item.has(tag::CONTENT_ITEM_REFERENCE) => {
            let path: Vec<String> =
                item.numbers(tag::CONTENT_ITEM_REFERENCE).iter().map(|n| format!("{n}")).collect();
            plain(format!("see item {}", path.join(".")))
        }
        _ => plain(String::new()),
    }
}

fn number(item: &Attributes<'_>) -> (String, Option<Code>) {
    let Some(measured) = item.first(tag::MEASURED_VALUE) else {
        let why = item.first(tag::QUALIFIER).map(|item| Code::read(&item).meaning);
        return (why.unwrap_or_default(), None);
    };
    let value = measured.text(tag::NUMERIC_VALUE).unwrap_or_default();
    let units = measured.first(tag::UNITS).map(|item| Code::read(&item));
    // UCUM's sign for "no unit".
    let shown =
        units.as_ref().map(|units| units.value.as_str()).filter(|unit| !unit.is_empty() && *unit != "1");
    (shown.map_or_else(|| value.to_string(), |unit| format!("{value} {unit}")), units)
}

/// The UIDs of what is referred to, and its frames.
fn reference(item: &Attributes<'_>) -> String {
    let each = item.items(tag::REFERENCED_SOP).into_iter().map(|sop| {
        let uid = sop.text(tag::REFERENCED_SOP_INSTANCE).unwrap_or_default().into_owned();
        let class = sop.text(tag::REFERENCED_SOP_CLASS).unwrap_or_default();
        let name = model::sop_class::name(&class).unwrap_or("instance");
        let frames: Vec<String> =
            sop.numbers(tag::REFERENCED_FRAMES).iter().map(|n| format!("{n}")).collect();
        match frames.is_empty() {
            true => format!("{name} {uid}"),
            false => format!("{name} {uid}, frame {}", frames.join(", ")),
        }
    });
    each.collect::<Vec<_>>().join("; ")
}

fn moment(text: &str) -> String {
    match (text.get(..8), text.get(8..)) {
        (Some(day), Some(clock)) if !clock.is_empty() => {
            format!("{} {}", crate::image::date(day), crate::image::time(clock))
        }
        _ => crate::image::date(text),
    }
}

/// What is known about the document as a whole.
pub(super) fn facts(all: &Attributes<'_>) -> Vec<(&'static str, String)> {
    let own = |tag: &str| all.text(tag).map(|text| text.into_owned());
    let day = |tag: &str| own(tag).map(|text| crate::image::date(&text));
    let when = match (day(tag::CONTENT_DATE), own(tag::CONTENT_TIME)) {
        (Some(day), Some(clock)) => Some(format!("{day} {}", crate::image::time(&clock))),
        (day, _) => day,
    };
    let facts = [
        ("Patient", own(tag::PATIENT_NAME).map(|name| crate::image::person(&name))),
        ("Patient ID", own(tag::PATIENT_ID)),
        ("Born", day(tag::BIRTH_DATE)),
        ("Sex", own(tag::PATIENT_SEX)),
        ("Study", own(tag::STUDY_DESCRIPTION)),
        ("Study date", day(tag::STUDY_DATE)),
        ("Accession number", own(tag::ACCESSION_NUMBER)),
        ("Series", own(tag::SERIES_DESCRIPTION)),
        ("Written", when),
        ("Completion", own(tag::COMPLETION)),
        ("Verification", own(tag::VERIFICATION)),
        ("Made by", own(tag::MANUFACTURER)),
    ];
    facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}
