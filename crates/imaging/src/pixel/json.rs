//! The Image Pixel Description from an instance's DICOM JSON.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Photometric, PixelError, PixelFormat};

/// The attributes that are looked at; of a long JSON text nothing else is kept.
#[derive(Default, Deserialize)]
struct Described {
    #[serde(default, rename = "00280002")]
    samples: Attribute,
    #[serde(default, rename = "00280004")]
    photometric: Attribute,
    #[serde(default, rename = "00280006")]
    planar: Attribute,
    #[serde(default, rename = "00280010")]
    rows: Attribute,
    #[serde(default, rename = "00280011")]
    columns: Attribute,
    #[serde(default, rename = "00280100")]
    bits_allocated: Attribute,
    #[serde(default, rename = "00280101")]
    bits_stored: Attribute,
    #[serde(default, rename = "00280102")]
    high_bit: Attribute,
    #[serde(default, rename = "00280103")]
    representation: Attribute,
    #[serde(default, rename = "7FE00008")]
    float: Option<Present>,
    #[serde(default, rename = "7FE00009")]
    double: Option<Present>,
}

/// An attribute's first value.
#[derive(Default)]
struct Attribute(Option<Value>);

/// An attribute whose value does not matter here.
#[derive(Deserialize)]
struct Present {}

impl<'de> Deserialize<'de> for Attribute {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Object {
            #[serde(default, rename = "Value")]
            value: Vec<Value>,
        }
        Ok(Self(Object::deserialize(deserializer)?.value.into_iter().next()))
    }
}

impl Attribute {
    fn of(object: &Map<String, Value>, tag: &str) -> Self {
        Self(object.get(tag).and_then(|attribute| attribute.get("Value")?.get(0)).cloned())
    }

    /// A number, also one that was written as text.
    fn number(&self) -> Option<u64> {
        match self.0.as_ref()? {
            Value::String(text) => text.trim().parse().ok(),
            value => value.as_u64(),
        }
    }

    fn text(&self) -> &str {
        self.0.as_ref().and_then(Value::as_str).unwrap_or_default()
    }
}

impl PixelFormat {
    /// Reads an instance's DICOM JSON.
    ///
    /// # Errors
    /// [`PixelError::Format`] when rows, columns or bits are missing or absurd.
    pub fn from_json(object: &Map<String, Value>) -> Result<Self, PixelError> {
        let present = |tag| object.contains_key(tag).then_some(Present {});
        Self::described(&Described {
            samples: Attribute::of(object, "00280002"),
            photometric: Attribute::of(object, "00280004"),
            planar: Attribute::of(object, "00280006"),
            rows: Attribute::of(object, "00280010"),
            columns: Attribute::of(object, "00280011"),
            bits_allocated: Attribute::of(object, "00280100"),
            bits_stored: Attribute::of(object, "00280101"),
            high_bit: Attribute::of(object, "00280102"),
            representation: Attribute::of(object, "00280103"),
            float: present("7FE00008"),
            double: present("7FE00009"),
        })
    }

    /// The same from the text of it, which may be long: everything else in it is passed over.
    ///
    /// # Errors
    /// As [`PixelFormat::from_json`], and for what is no JSON.
    pub fn from_json_text(text: &[u8]) -> Result<Self, PixelError> {
        let described = serde_json::from_slice(text);
        Self::described(&described.map_err(|error| PixelError::Format(error.to_string()))?)
    }

    fn described(found: &Described) -> Result<Self, PixelError> {
        let size = |attribute: &Attribute, name: &str| {
            let number = attribute.number().and_then(|number| u32::try_from(number).ok());
            number.filter(|&n| n > 0).ok_or_else(|| wrong(format!("{name} is missing or no size")))
        };
        let float = found.float.is_some() || found.double.is_some();
        let allocated = match (&found.float, &found.double) {
            (Some(_), _) => 32,
            (None, Some(_)) => 64,
            (None, None) => found.bits_allocated.number().unwrap_or_default(),
        };
        if !matches!(allocated, 1 | 8 | 16 | 32 | 64) {
            return Err(wrong(format!("Bits Allocated is {allocated}, not 1, 8, 16, 32 or 64")));
        }
        let samples = found.samples.number().unwrap_or(1);
        if !matches!(samples, 1 | 3 | 4) {
            return Err(wrong(format!("Samples per Pixel is {samples}, not 1, 3 or 4")));
        }
        let stored = found.bits_stored.number().filter(|&bits| bits > 0 && !float).unwrap_or(allocated);
        if stored > allocated {
            return Err(wrong(format!("Bits Stored is {stored}, Bits Allocated only {allocated}")));
        }
        let high = found.high_bit.number().filter(|&bit| bit < allocated && bit + 1 >= stored && !float);
        // All of them are at most 64.
        Ok(Self {
            rows: size(&found.rows, "Rows")?,
            columns: size(&found.columns, "Columns")?,
            samples: samples as u8,
            bits_allocated: allocated as u8,
            bits_stored: stored as u8,
            high_bit: high.unwrap_or(stored - 1) as u8,
            signed: found.representation.number() == Some(1),
            planar: found.planar.number() == Some(1) && samples > 1,
            photometric: Photometric::from_term(found.photometric.text()),
            float,
        })
    }
}

fn wrong(text: String) -> PixelError {
    PixelError::Format(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_ways_of_reading_agree() {
        let value = |value: Value| json!({ "vr": "US", "Value": [value] });
        let full = json!({
            "00080005": { "vr": "CS" },
            "00280002": value(json!(3)),
            "00280004": { "vr": "CS", "Value": ["YBR_FULL_422"] },
            "00280006": value(json!(1)),
            "00280010": value(json!(512)),
            "00280011": value(json!("256")),
            "00280100": value(json!(16)),
            "00280101": value(json!(12)),
            "00280102": value(json!(11)),
            "00280103": value(json!(1)),
            "7FE00010": { "vr": "OW", "BulkDataURI": "x" },
        });
        let expected = PixelFormat {
            rows: 512,
            columns: 256,
            samples: 3,
            bits_allocated: 16,
            bits_stored: 12,
            high_bit: 11,
            signed: true,
            planar: true,
            photometric: Photometric::YbrFull422,
            float: false,
        };
        let float = json!({
            "00280010": value(json!(2)), "00280011": value(json!(3)), "7FE00008": { "vr": "OF" },
        });
        let of_floats = PixelFormat {
            rows: 2,
            columns: 3,
            samples: 1,
            bits_allocated: 32,
            bits_stored: 32,
            high_bit: 31,
            signed: false,
            planar: false,
            photometric: Photometric::Other,
            float: true,
        };
        for (json, expected) in [(full, expected), (float, of_floats)] {
            let object = json.as_object().expect("an object");
            assert_eq!(PixelFormat::from_json(object), Ok(expected.clone()));
            assert_eq!(PixelFormat::from_json_text(json.to_string().as_bytes()), Ok(expected));
        }
    }

    #[test]
    fn what_is_absurd_is_an_error() {
        let fine = json!({
            "00280010": { "vr": "US", "Value": [2] },
            "00280011": { "vr": "US", "Value": [2] },
            "00280100": { "vr": "US", "Value": [8] },
        });
        assert!(PixelFormat::from_json_text(fine.to_string().as_bytes()).is_ok());
        for (tag, value) in [
            ("00280010", json!([0])),
            ("00280011", json!([])),
            ("00280011", json!([-1])),
            ("00280010", json!([5_000_000_000_u64])),
            ("00280100", json!([12])),
            ("00280101", json!([9])),
            ("00280002", json!([2])),
        ] {
            let mut bad = fine.clone();
            bad[tag] = json!({ "vr": "US", "Value": value });
            let read = PixelFormat::from_json_text(bad.to_string().as_bytes());
            assert!(matches!(read, Err(PixelError::Format(_))), "{tag} {value}: {read:?}");
        }
        assert!(PixelFormat::from_json_text(b"{").is_err());
    }
}
