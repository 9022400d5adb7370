//! Attributes of a search result, read from its DICOM JSON object (PS3.18 F.2).

use serde_json::{Map, Value};

/// One result.
pub struct Attributes(Map<String, Value>);

impl Attributes {
    /// Reads the object; none when it is none. Addresses in it are left without their beginning.
    pub fn read(json: &[u8]) -> Option<Self> {
        let mut whole = Vec::with_capacity(json.len());
        dicomweb::json::complete(json, "", &mut whole);
        match serde_json::from_slice(&whole) {
            Ok(Value::Object(attributes)) => Some(Self(attributes)),
            _ => None,
        }
    }

    /// The first value as text; empty when there is none.
    pub fn text(&self, tag: &str) -> String {
        self.values(tag).first().map(text).unwrap_or_default()
    }

    /// All values as text.
    pub fn texts(&self, tag: &str) -> Vec<String> {
        self.values(tag).iter().map(text).filter(|text| !text.is_empty()).collect()
    }

    /// The alphabetic group of a person name, or the ideographic one when there is no other.
    pub fn name(&self, tag: &str) -> String {
        let group = |name: &Value, key: &str| name.get(key).and_then(Value::as_str).map(str::to_owned);
        let name = self.values(tag).first();
        name.and_then(|name| group(name, "Alphabetic").or_else(|| group(name, "Ideographic")))
            .unwrap_or_default()
    }

    /// A date as `2026-11-12`; as it is when it is none.
    pub fn date(&self, tag: &str) -> String {
        let date = self.text(tag);
        match (date.get(..4), date.get(4..6), date.get(6..8)) {
            (Some(year), Some(month), Some(day)) if date.len() == 8 => format!("{year}-{month}-{day}"),
            _ => date,
        }
    }

    fn values(&self, tag: &str) -> &[Value] {
        let values = self.0.get(tag).and_then(|attribute| attribute.get("Value")).and_then(Value::as_array);
        values.map(Vec::as_slice).unwrap_or_default()
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        let json = br#"{"00080020":{"vr":"DA","Value":["20261112"]},"00080061":{"vr":"CS","Value":["CT",null,"PT"]},
            "00100010":{"vr":"PN","Value":[{"Alphabetic":"A^B","Ideographic":"C"}]},"00201208":{"vr":"IS","Value":[12]},
            "00080090":{"vr":"PN"},"00100020":{"vr":"LO","Value":[{}]},"00100030":{"vr":"DA","Value":["1968"]},
            "00081048":{"vr":"PN","Value":[{"Ideographic":"D"}]}}"#;
        let found = Attributes::read(json).unwrap();
        assert_eq!(found.date("00080020"), "2026-11-12");
        assert_eq!(found.date("00100030"), "1968");
        assert_eq!(found.texts("00080061"), ["CT", "PT"]);
        assert_eq!(found.name("00100010"), "A^B");
        assert_eq!(found.name("00081048"), "D");
        assert_eq!((found.name("00080090"), found.text("00100020")), (String::new(), String::new()));
        assert_eq!(found.text("00201208"), "12");
        assert_eq!(found.text("00000000"), "");
        assert!(Attributes::read(b"[]").is_none());
    }
}
