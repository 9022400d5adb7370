//! The few attributes that say which picture of an instance may be shown, read without the rest of its JSON.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// What is known of an instance before it is rendered.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Facts {
    #[serde(default, rename = "00080060")]
    modality: First,
    #[serde(default, rename = "00280301")]
    burned_in: First,
    #[serde(default, rename = "00286010")]
    representative: First,
}

/// The first value of an attribute.
#[derive(Debug, Default)]
struct First(Option<Value>);

impl<'de> Deserialize<'de> for First {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Element {
            #[serde(default, rename = "Value")]
            value: Vec<Value>,
        }
        Ok(Self(Element::deserialize(deserializer)?.value.into_iter().next()))
    }
}

impl Facts {
    pub(super) fn read(json: &[u8]) -> Self {
        serde_json::from_slice(json).unwrap_or_default()
    }

    /// Modality (0008,0060), empty when there is none.
    pub(super) fn modality(&self) -> &str {
        self.modality.0.as_ref().and_then(Value::as_str).unwrap_or_default().trim()
    }

    /// Burned In Annotation (0028,0301) says that patients can be told from the pixels.
    pub(super) fn is_burned_in(&self) -> bool {
        self.burned_in.0.as_ref().and_then(Value::as_str).is_some_and(|text| text.trim() == "YES")
    }

    /// Representative Frame Number (0028,6010), else the middle one of so many.
    pub(super) fn representative(&self, frames: u32) -> u32 {
        let own = self.representative.0.as_ref().and_then(Value::as_u64);
        let own = own.and_then(|number| u32::try_from(number).ok()).filter(|n| (1..=frames).contains(n));
        own.unwrap_or(frames.div_ceil(2).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts() {
        let read = |json: &str| {
            let facts = Facts::read(json.as_bytes());
            (facts.modality().to_owned(), facts.is_burned_in(), facts.representative(5))
        };
        for (json, modality, burned_in, representative) in [
            ("{}", "", false, 3),
            ("no JSON", "", false, 3),
            (
                r#"{"00080060": {"vr": "CS", "Value": ["CT"]}, "00280301": {"vr": "CS", "Value": ["NO"]}}"#,
                "CT",
                false,
                3,
            ),
            (
                r#"{"00280301": {"vr": "CS", "Value": ["YES"]}, "00286010": {"vr": "US", "Value": [2]}}"#,
                "",
                true,
                2,
            ),
            (r#"{"00286010": {"vr": "US", "Value": [6]}, "00080060": {"vr": "CS"}}"#, "", false, 3),
        ] {
            assert_eq!(read(json), (modality.to_owned(), burned_in, representative), "{json}");
        }
    }
}
