//! What a data set says differently once its frames are in another transfer syntax.

use model::{Tag, VR};

use super::Plan;

const IMAGE_TYPE: Tag = Tag(0x0008, 0x0008);
const DERIVATION: Tag = Tag(0x0008, 0x2111);
const PHOTOMETRIC: Tag = Tag(0x0028, 0x0004);
const PLANAR: Tag = Tag(0x0028, 0x0006);
const LOSSY: Tag = Tag(0x0028, 0x2110);
const RATIO: Tag = Tag(0x0028, 0x2112);
const METHOD: Tag = Tag(0x0028, 0x2114);
const EXTENDED_OFFSETS: Tag = Tag(0x7FE0, 0x0001);
const EXTENDED_LENGTHS: Tag = Tag(0x7FE0, 0x0002);

/// One attribute at the top level of the data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which.
    pub tag: Tag,
    /// Its VR, where it is new.
    pub vr: VR,
    /// What becomes of it.
    pub value: Value,
}

/// What becomes of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// It has this value, encoded little endian, whether it was there or not.
    Set(Vec<u8>),
    /// It is left out.
    Absent,
    /// One more value behind those that it has.
    Further(String),
    /// Another first value; those behind it stay.
    First(String),
    /// One more sentence behind its text.
    Sentence(String),
}

/// How much a lossy step left of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Bytes of a frame before it.
    pub before: u64,
    /// Bytes of it afterwards.
    pub after: u64,
}

impl Plan {
    /// The changes, in the order of their tags. `lengths` are those of the frames where they are written as an Extended
    /// Offset Table (PS3.3 C.7.6.3.1.8); `loss` is that of the first frame, which stands for all.
    pub fn changes(&self, lengths: Option<&[u64]>, loss: Option<Loss>) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut push = |tag, vr, value| changes.push(Change { tag, vr, value });
        let (source, target) = (self.source(), self.target());
        if let Some(loss) = loss.filter(|_| self.loses()) {
            push(IMAGE_TYPE, VR::CS, Value::First("DERIVED".to_owned()));
            push(DERIVATION, VR::ST, Value::Sentence(format!("Compressed with loss: {}", self.to().name)));
            push(LOSSY, VR::CS, Value::Set(b"01".to_vec()));
            push(RATIO, VR::DS, Value::Further(loss.ratio()));
            push(METHOD, VR::CS, Value::Further("ISO_10918_1".to_owned()));
        }
        if let Some(term) = target.photometric.term().filter(|_| source.photometric != target.photometric) {
            push(PHOTOMETRIC, VR::CS, Value::Set(padded(term)));
        }
        if target.samples > 1 && source.planar != target.planar {
            push(PLANAR, VR::US, Value::Set(u16::from(target.planar).to_le_bytes().to_vec()));
        }
        let (offsets, lengths) = match lengths {
            Some(lengths) => (Value::Set(offsets(lengths)), Value::Set(numbers(lengths.iter().copied()))),
            None => (Value::Absent, Value::Absent),
        };
        push(EXTENDED_OFFSETS, VR::OV, offsets);
        push(EXTENDED_LENGTHS, VR::OV, lengths);
        changes.sort_by_key(|change| change.tag);
        changes
    }
}

impl Loss {
    /// As a decimal string of at most 16 characters.
    fn ratio(self) -> String {
        let ratio = self.before as f64 / self.after.max(1) as f64;
        format!("{ratio:.2}").chars().take(16).collect()
    }
}

/// Where each frame's item begins, from the first byte behind the Basic Offset Table on.
fn offsets(lengths: &[u64]) -> Vec<u8> {
    let item = |length: &u64| length.saturating_add(length % 2).saturating_add(8);
    let starts = lengths.iter().scan(0_u64, |at, length| {
        let start = *at;
        *at = at.saturating_add(item(length));
        Some(start)
    });
    numbers(starts)
}

fn numbers(numbers: impl Iterator<Item = u64>) -> Vec<u8> {
    numbers.flat_map(u64::to_le_bytes).collect()
}

/// Text of even length.
fn padded(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    if bytes.len() % 2 == 1 {
        bytes.push(b' ');
    }
    bytes
}

impl Value {
    /// What an attribute of this value has after the change; `None` when it goes. `old` is as encoded.
    pub(super) fn applied(&self, old: Option<&[u8]>) -> Option<Vec<u8>> {
        let old = old.map(|old| String::from_utf8_lossy(old).trim_matches(['\0', ' ']).to_owned());
        let old = old.filter(|old| !old.is_empty());
        let text = match (self, old) {
            (Self::Set(value), _) => return Some(value.clone()),
            (Self::Absent, _) => return None,
            (Self::Further(value) | Self::Sentence(value), None) => value.clone(),
            (Self::First(value), None) => format!("{value}\\SECONDARY"),
            (Self::Further(value), Some(old)) => format!("{old}\\{value}"),
            (Self::First(value), Some(old)) => match old.split_once('\\') {
                Some((_, behind)) => format!("{value}\\{behind}"),
                None => value.clone(),
            },
            // A short text has at most 1,024 characters.
            (Self::Sentence(value), Some(old)) if old.len() + value.len() + 2 <= 1_024 => {
                format!("{old}; {value}")
            }
            (Self::Sentence(_), Some(old)) => old,
        };
        Some(padded(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ts_016_values() {
        for (value, old, expected) in [
            (Value::Further("2.00".into()), None, Some(&b"2.00"[..])),
            (Value::Further("2.00".into()), Some(&b"10.5 "[..]), Some(b"10.5\\2.00 ")),
            (
                Value::First("DERIVED".into()),
                Some(b"ORIGINAL\\PRIMARY\\AXIAL"),
                Some(b"DERIVED\\PRIMARY\\AXIAL "),
            ),
            (Value::First("DERIVED".into()), Some(b"ORIGINAL"), Some(b"DERIVED ")),
            (Value::Sentence("b".into()), Some(b"a"), Some(b"a; b")),
            (Value::Set(b"01".to_vec()), Some(b"00"), Some(b"01")),
            (Value::Absent, Some(b"00"), None),
        ] {
            assert_eq!(value.applied(old).as_deref(), expected, "{value:?} {old:?}");
        }
    }

    #[test]
    fn ts_007_extended_offset_table() {
        assert_eq!(offsets(&[3, 4]), numbers([0, 12].into_iter()));
        assert!(offsets(&[]).is_empty());
    }
}
