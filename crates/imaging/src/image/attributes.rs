//! Reading an instance's DICOM JSON (PS3.18 Annex F) without believing any of it.

use std::borrow::Cow;
use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// Values that the JSON names by a BulkDataURI, by what follows `bulkdata/` in it: `00283000/0/00283006`.
pub type Bulk<'a> = HashMap<String, &'a [u8]>;

/// Most items of one sequence that are looked at.
const MOST_ITEMS: usize = 100_000;

/// A data set or an item of a sequence.
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    object: &'a Map<String, Value>,
    bulk: &'a Bulk<'a>,
    /// The path of the item, with a slash at its end; empty for the data set.
    path: String,
}

impl<'a> Attributes<'a> {
    /// The attributes of an instance; tags are eight upper case hexadecimal digits throughout.
    pub fn new(object: &'a Map<String, Value>, bulk: &'a Bulk<'a>) -> Self {
        Self { object, bulk, path: String::new() }
    }

    /// Whether the attribute is there, perhaps empty.
    pub fn has(&self, tag: &str) -> bool {
        self.object.contains_key(tag)
    }

    /// The tags that are there, in their order.
    pub fn tags(&self) -> impl Iterator<Item = &'a str> {
        self.object.keys().map(String::as_str)
    }

    /// The value representation.
    pub fn vr(&self, tag: &str) -> Option<&'a str> {
        self.object.get(tag)?.get("vr")?.as_str()
    }

    /// The values as the JSON has them.
    pub fn values(&self, tag: &str) -> &'a [Value] {
        self.object.get(tag).and_then(|e| e.get("Value")).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// The first value as a text, trimmed; of a person name the first group that is there. `None` when it is empty.
    pub fn text(&self, tag: &str) -> Option<Cow<'a, str>> {
        self.values(tag).first().and_then(text_of)
    }

    /// Every value as a text, empty ones too.
    pub fn texts(&self, tag: &str) -> Vec<Cow<'a, str>> {
        self.values(tag).iter().map(|value| text_of(value).unwrap_or_default()).collect()
    }

    /// The first value as a number, if it is one.
    pub fn number(&self, tag: &str) -> Option<f64> {
        self.numbers(tag).first().copied()
    }

    /// The first value as a whole number.
    pub fn integer(&self, tag: &str) -> Option<i64> {
        self.number(tag).filter(|n| n.is_finite() && n.abs() < 9e15).map(|n| n.round() as i64)
    }

    /// Every value that is a finite number, from the JSON or from the bytes of a binary VR.
    pub fn numbers(&self, tag: &str) -> Vec<f64> {
        let values = self.values(tag);
        if values.is_empty() {
            return self.bytes(tag).map_or_else(Vec::new, |bytes| binary(self.vr(tag).unwrap_or(""), &bytes));
        }
        let number = |value: &Value| match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        values.iter().filter_map(number).filter(|number: &f64| number.is_finite()).collect()
    }

    /// Values that are given as numbers (US) or as words (OW), as little endian bytes; `None` when there are none.
    pub fn bytes(&self, tag: &str) -> Option<Cow<'a, [u8]>> {
        let element = self.object.get(tag)?;
        if let Some(inline) = element.get("InlineBinary").and_then(Value::as_str) {
            return STANDARD.decode(inline).ok().map(Cow::Owned);
        }
        if let Some(bytes) = self.bulk.get(&format!("{}{tag}", self.path)) {
            return Some(Cow::Borrowed(bytes));
        }
        let values = self.values(tag);
        if values.is_empty() || values.iter().any(|value| !value.is_number()) {
            return None;
        }
        // 16-bit words, whichever sign they are written with.
        let word = |value: &Value| (value.as_i64().unwrap_or(0) as u16).to_le_bytes();
        Some(Cow::Owned(values.iter().flat_map(word).collect()))
    }

    /// The items of a sequence.
    pub fn items(&self, tag: &str) -> Vec<Attributes<'a>> {
        self.values(tag)
            .iter()
            .take(MOST_ITEMS)
            .enumerate()
            .filter_map(|(at, _)| self.item(tag, at))
            .collect()
    }

    /// The item at that place of a sequence.
    pub fn item(&self, tag: &str, at: usize) -> Option<Attributes<'a>> {
        let object = self.values(tag).get(at)?.as_object()?;
        Some(Attributes { object, bulk: self.bulk, path: format!("{}{tag}/{at}/", self.path) })
    }

    /// The first item of a sequence.
    pub fn first(&self, tag: &str) -> Option<Attributes<'a>> {
        self.item(tag, 0)
    }
}

fn text_of(value: &Value) -> Option<Cow<'_, str>> {
    let text = match value {
        Value::String(text) => Cow::Borrowed(text.trim()),
        Value::Number(number) => Cow::Owned(number.to_string()),
        Value::Object(name) => ["Alphabetic", "Ideographic", "Phonetic"]
            .iter()
            .find_map(|group| name.get(*group).and_then(Value::as_str))
            .map(|text| Cow::Borrowed(text.trim()))?,
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// The numbers of a binary value.
fn binary(vr: &str, bytes: &[u8]) -> Vec<f64> {
    let numbers: Vec<f64> = match vr {
        "US" | "OW" => bytes.as_chunks().0.iter().map(|b| f64::from(u16::from_le_bytes(*b))).collect(),
        "SS" => bytes.as_chunks().0.iter().map(|b| f64::from(i16::from_le_bytes(*b))).collect(),
        "UL" | "OL" => bytes.as_chunks().0.iter().map(|b| f64::from(u32::from_le_bytes(*b))).collect(),
        "SL" => bytes.as_chunks().0.iter().map(|b| f64::from(i32::from_le_bytes(*b))).collect(),
        "FL" | "OF" => bytes.as_chunks().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect(),
        "FD" | "OD" => bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
        _ => Vec::new(),
    };
    numbers.into_iter().filter(|number| number.is_finite()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_of_each_form() {
        let json = json!({
            "00280010": {"vr": "US", "Value": [512]},
            "00281050": {"vr": "DS", "Value": ["40 ", 50.5, "x"]},
            "00100010": {"vr": "PN", "Value": [{"Ideographic": "山田"}]},
            "00283006": {"vr": "OW", "InlineBinary": "AQACAA=="},
            "00289999": {"vr": "SS", "Value": [-1, 2]},
            "00283000": {"vr": "SQ", "Value": [{"00283006": {"vr": "OW", "BulkDataURI": "x"}}]},
            "00089215": {"vr": "SQ"},
        });
        let bytes = [1u8, 0];
        let bulk = Bulk::from([("00283000/0/00283006".to_owned(), &bytes[..])]);
        let all = Attributes::new(json.as_object().expect("an object"), &bulk);
        assert_eq!(all.integer("00280010"), Some(512));
        assert_eq!(all.numbers("00281050"), [40.0, 50.5]);
        assert_eq!(all.text("00100010").as_deref(), Some("山田"));
        assert_eq!(all.bytes("00283006").as_deref(), Some(&[1, 0, 2, 0][..]));
        assert_eq!(all.numbers("00283006"), [1.0, 2.0]);
        assert_eq!(all.bytes("00289999").as_deref(), Some(&[255, 255, 2, 0][..]));
        let item = all.first("00283000").expect("an item");
        assert_eq!(item.bytes("00283006").as_deref(), Some(&[1, 0][..]));
        assert!(all.items("00089215").is_empty());
        assert_eq!(all.number("00080005"), None);
    }
}
