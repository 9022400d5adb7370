//! Keys that are matched against DICOM JSON: inside sequences, private, or not in the index.
//!
//! All keys of one sequence must match within one item (PS3.4 C.2.2.2.6), so keys are kept as a tree of the sequences
//! that lead to them.

use std::collections::BTreeMap;

use dicomweb::json::object;
use model::matching::{self, Options, Rule};
use model::{Tag, VR, value};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// What an attribute must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// What this rule says.
    Rule(Rule),
    /// What this text says, read by the VR that the attribute has where it is stored.
    Text(String, Options),
}

impl From<Rule> for Wanted {
    fn from(rule: Rule) -> Self {
        Wanted::Rule(rule)
    }
}

impl Wanted {
    /// Whether everything is let pass.
    pub(super) fn is_universal(&self) -> bool {
        matches!(self, Wanted::Rule(Rule::Universal))
    }
}

/// Keys of one data set, or of one item: those of its own attributes, and those within its sequences.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    attributes: Vec<(Tag, Wanted)>,
    sequences: BTreeMap<u32, Keys>,
    /// Private creators that the request names: their tag there, and who.
    creators: Vec<(Tag, String)>,
    /// A stored DT without an offset of its own is so many minutes east of UTC.
    zone: Zone,
}

/// How stored DTs without an offset are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Zone {
    /// As the request's are: both are in the same zone, whichever that is.
    #[default]
    Same,
    /// In the zone of their data set, or where it says none in this one, in minutes east of UTC.
    Stored(i64),
}

impl Keys {
    /// Without any key.
    pub(super) fn new(creators: &[(Vec<Tag>, String)], zone: Zone) -> Self {
        let mut keys = Self { zone, ..Self::default() };
        for (path, creator) in creators {
            if let Some((last, sequences)) = path.split_last() {
                keys.within(sequences).creators.push((*last, creator.clone()));
            }
        }
        keys
    }

    /// Adds a key.
    pub(super) fn add(&mut self, path: &[Tag], wanted: Wanted) {
        if let Some((last, sequences)) = path.split_last() {
            self.within(sequences).attributes.push((*last, wanted));
        }
    }

    fn within(&mut self, sequences: &[Tag]) -> &mut Self {
        let zone = self.zone;
        let Some((first, rest)) = sequences.split_first() else {
            return self;
        };
        self.sequences.entry(number(*first)).or_insert_with(|| Self { zone, ..Self::default() }).within(rest)
    }

    /// Whether there is no key.
    pub(super) fn is_empty(&self) -> bool {
        self.attributes.is_empty() && self.sequences.values().all(Keys::is_empty)
    }

    /// Whether a data set fits, whose top level this DICOM JSON object has.
    pub(super) fn fit(&self, json: &[u8]) -> bool {
        let needed = |tag: u32| {
            let named =
                |wanted: Tag| number(wanted) == tag || (is_private(wanted) && same_group(wanted, tag));
            self.sequences.contains_key(&tag) || self.attributes.iter().any(|(wanted, _)| named(*wanted))
        };
        let mut top = Map::new();
        let mut zone = None;
        for (tag, raw) in object::pairs(json) {
            if !needed(tag) && tag != ZONE {
                continue;
            }
            let Ok(attribute) = serde_json::from_slice::<Value>(raw) else {
                continue;
            };
            if tag == ZONE {
                zone = first_text(&attribute).and_then(value::offset);
            }
            top.insert(name(tag), attribute);
        }
        let zone = match self.zone {
            Zone::Same => 0,
            Zone::Stored(default) => zone.unwrap_or(default),
        };
        self.fit_object(&top, zone)
    }

    fn fit_object(&self, object: &Map<String, Value>, zone: i64) -> bool {
        let attributes = self.attributes.iter().all(|(tag, wanted)| {
            let found = resolve(*tag, &self.creators, object).and_then(|tag| object.get(&name(tag)));
            fits(found, wanted, zone)
        });
        attributes
            && self.sequences.iter().all(|(tag, keys)| {
                let items = items(object.get(&name(*tag)));
                items.iter().any(|item| keys.fit_item(item, zone)) || (items.is_empty() && keys.take_absent())
            })
    }

    fn fit_item(&self, item: &Value, zone: i64) -> bool {
        item.as_object().is_some_and(|item| self.fit_object(item, zone))
    }

    /// Whether a sequence without items fits: only emptiness was asked for.
    fn take_absent(&self) -> bool {
        let absent = |(_, wanted): &(Tag, Wanted)| fits(None, wanted, 0);
        self.attributes.iter().all(absent) && self.sequences.values().all(Keys::take_absent)
    }

    /// Of a sequence with keys, only the items that fit (PS3.4 C.2.2.2.6); other attributes as they are.
    pub(super) fn fitting_items(&self, tag: u32, raw: &[u8]) -> Option<Vec<u8>> {
        let keys = self.sequences.get(&tag).filter(|keys| !keys.is_empty())?;
        let sequence: Sequence<'_> = serde_json::from_slice(raw).ok()?;
        let fitting = |item: &&RawValue| {
            serde_json::from_str(item.get()).is_ok_and(|item: Value| keys.fit_item(&item, 0))
        };
        let held: Vec<&str> = sequence.items.into_iter().filter(fitting).map(RawValue::get).collect();
        Some(match held.as_slice() {
            [] => br#"{"vr":"SQ"}"#.to_vec(),
            items => format!(r#"{{"vr":"SQ","Value":[{}]}}"#, items.join(",")).into_bytes(),
        })
    }
}

/// A sequence's items as they are written.
#[derive(Deserialize)]
struct Sequence<'a> {
    #[serde(rename = "Value", borrow, default)]
    items: Vec<&'a RawValue>,
}

/// Timezone Offset From UTC.
const ZONE: u32 = 0x0008_0201;

/// The tag under which this object has a private attribute: its creator may have another block there (PS3.5 7.8.1).
/// `None` without the creator. Other tags are as they are.
pub(super) fn resolve(tag: Tag, creators: &[(Tag, String)], object: &Map<String, Value>) -> Option<u32> {
    if !is_private(tag) {
        return Some(number(tag));
    }
    let block = tag.element() >> 8;
    let (_, creator) = creators.iter().find(|(of, _)| *of == Tag(tag.group(), block))?;
    let held = (0x10..=0xFF_u16).find(|block| {
        let found = object.get(&name(number(Tag(tag.group(), *block))));
        found.and_then(first_text).is_some_and(|text| text.trim_matches(' ') == creator)
    })?;
    Some(number(Tag(tag.group(), held << 8 | tag.element() & 0xFF)))
}

/// Whether it belongs to a private block.
pub(super) fn is_private(tag: Tag) -> bool {
    tag.group() % 2 == 1 && tag.element() >= 0x1000
}

fn same_group(tag: Tag, number: u32) -> bool {
    u32::from(tag.group()) == number >> 16
}

/// A tag as the index and JSON name it.
pub(super) fn number(tag: Tag) -> u32 {
    (u32::from(tag.group()) << 16) | u32::from(tag.element())
}

fn name(tag: u32) -> String {
    format!("{tag:08X}")
}

fn items(attribute: Option<&Value>) -> &[Value] {
    let values = attribute.and_then(|attribute| attribute.get("Value")).and_then(Value::as_array);
    values.map_or(&[], Vec::as_slice)
}

fn first_text(attribute: &Value) -> Option<&str> {
    attribute.get("Value")?.get(0)?.as_str()
}

/// Whether an attribute's JSON is what is wanted; an absent one counts as empty.
fn fits(attribute: Option<&Value>, wanted: &Wanted, zone: i64) -> bool {
    let vr = attribute.and_then(|a| a.get("vr")).and_then(Value::as_str).and_then(|vr| vr.parse().ok());
    let vr: VR = vr.unwrap_or(VR::LO);
    let parsed;
    let rule = match wanted {
        Wanted::Rule(rule) => rule,
        Wanted::Text(text, options) => match matching::parse_with(vr, text, *options) {
            Ok(rule) => {
                parsed = rule;
                &parsed
            }
            Err(_) => return false,
        },
    };
    if attribute.is_some_and(|a| a.get("BulkDataURI").is_some() || a.get("InlineBinary").is_some()) {
        // There is a value, and it is no text.
        return *rule == Rule::Universal;
    }
    let values: Vec<String> = items(attribute).iter().map(text).collect();
    if values.is_empty() {
        return matching::matches_in(rule, vr, "", zone);
    }
    values.iter().any(|value| matching::matches_in(rule, vr, value, zone))
}

/// A value as text; the groups of a name with `=` between them.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Object(name) => {
            let group = |group: &str| name.get(group).and_then(Value::as_str).unwrap_or_default();
            ["Alphabetic", "Ideographic", "Phonetic"].map(group).join("=")
        }
        Value::Null | Value::Bool(_) | Value::Array(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA_SET: &str = r#"{"00080008":{"vr":"CS","Value":["ORIGINAL","PRIMARY"]},"0008002A":{"vr":"DT","Value":["20240101100000"]},"00080201":{"vr":"SH","Value":["+0100"]},"00101002":{"vr":"SQ","Value":[{"00100020":{"vr":"LO","Value":["A"]},"00100021":{"vr":"LO","Value":["X"]}},{"00100020":{"vr":"LO","Value":["B"]},"00100021":{"vr":"LO","Value":["Y"]},"00080100":{"vr":"SH"}}]},"00110011":{"vr":"LO","Value":["ACME"]},"00111102":{"vr":"DS","Value":[1.5]},"00111103":{"vr":"UN","InlineBinary":"AAAA"},"0040A043":{"vr":"SQ"}}"#;

    fn path(dotted: &str) -> Vec<Tag> {
        let tag = |hex: &str| {
            let number = u32::from_str_radix(hex, 16).expect("a tag");
            Tag((number >> 16) as u16, number as u16)
        };
        dotted.split('.').map(tag).collect()
    }

    fn keys(wanted: &[(&str, Wanted)], zone: Zone) -> Keys {
        let mut keys = Keys::new(&[(path("00110010"), "ACME".to_owned())], zone);
        for (dotted, wanted) in wanted {
            keys.add(&path(dotted), wanted.clone());
        }
        keys
    }

    fn rule(vr: VR, text: &str) -> Wanted {
        Wanted::Rule(matching::parse(vr, text).expect("a rule"))
    }

    /// QIDO-018, QIDO-028, QIDO-030, QIDO-031, QIDO-039.
    #[test]
    fn data_sets_fit_or_do_not() {
        let text = |text: &str| Wanted::Text(text.to_owned(), Options::default());
        let empty = Wanted::Rule(Rule::Empty);
        for (wanted, expected) in [
            (vec![], true),
            (vec![("00080008", rule(VR::CS, "PRIMARY"))], true),
            (vec![("00080008", rule(VR::CS, "primary"))], false),
            (vec![("00101002.00100020", rule(VR::LO, "A"))], true),
            (vec![("00101002.00100020", rule(VR::LO, "A")), ("00101002.00100021", rule(VR::LO, "X"))], true),
            (vec![("00101002.00100020", rule(VR::LO, "A")), ("00101002.00100021", rule(VR::LO, "Y"))], false),
            (vec![("00101002.00080100", empty.clone()), ("00101002.00100020", rule(VR::LO, "B"))], true),
            (vec![("0040A043.00080100", rule(VR::SH, "1"))], false),
            (vec![("0040A043.00080100", empty.clone())], true),
            (vec![("00101003.00080100", empty.clone())], true),
            (vec![("00111002", text("1.50"))], true),
            (vec![("00111002", text("2"))], false),
            (vec![("00111003", text("x"))], false),
            (vec![("00111003", empty.clone())], false),
            (vec![("00111004", empty)], true),
        ] {
            assert_eq!(keys(&wanted, Zone::Same).fit(DATA_SET.as_bytes()), expected, "{wanted:?}");
        }
        // Another creator's block is not looked into.
        let mut foreign = Keys::new(&[(path("00110010"), "OTHER".to_owned())], Zone::Same);
        foreign.add(&path("00111002"), text("1.5"));
        assert!(!foreign.fit(DATA_SET.as_bytes()));
        // Ten o'clock at +0100 is nine o'clock in UTC.
        for (zone, from, expected) in [
            (Zone::Same, "202401011000-", true),
            (Zone::Stored(0), "202401010900-202401010900", true),
            (Zone::Stored(0), "202401011000-", false),
        ] {
            let keys = keys(&[("0008002A", rule(VR::DT, from))], zone);
            assert_eq!(keys.fit(DATA_SET.as_bytes()), expected, "{zone:?} {from}");
        }
    }

    #[test]
    fn answers_hold_the_items_that_fit() {
        let keys = keys(&[("00101002.00100020", rule(VR::LO, "B"))], Zone::Same);
        let raw = br#"{"vr":"SQ","Value":[{"00100020":{"vr":"LO","Value":["A"]}},{"00100020":{"vr":"LO","Value":["B"]}}]}"#;
        let kept = keys.fitting_items(0x0010_1002, raw).expect("a sequence with keys");
        assert_eq!(kept, br#"{"vr":"SQ","Value":[{"00100020":{"vr":"LO","Value":["B"]}}]}"#);
        assert_eq!(keys.fitting_items(0x0040_0275, raw), None);
    }
}
