//! Lookup tables: Modality LUT, VOI LUT, Presentation LUT (PS3.3 C.11.1, C.11.2, C.11.6).

use super::attributes::Attributes;
use super::tag;

/// A table from an input value to an entry. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lut {
    first: i64,
    bits: u8,
    entries: Vec<u16>,
}

impl Lut {
    /// A table whose first entry is for `first`, with entries of `bits` bits; `None` without entries.
    pub fn new(first: i64, bits: u8, entries: Vec<u16>) -> Option<Self> {
        (!entries.is_empty()).then(|| Self { first, bits: bits.clamp(1, 16), entries })
    }

    /// The LUT Descriptor (0028,3002) and LUT Data (0028,3006) of an item; `None` when they are missing or no table.
    ///
    /// `signed` says that inputs may be negative: then a first value that was written unsigned is taken as two's
    /// complement.
    pub fn read(item: &Attributes<'_>, signed: bool) -> Option<Self> {
        let descriptor = Descriptor::read(item, tag::LUT_DESCRIPTOR, signed)?;
        let data = item.bytes(tag::LUT_DATA)?;
        Self::new(descriptor.first, descriptor.bits, descriptor.entries_of(&data))
    }

    /// The entry for an input, which is rounded; below the table the first one, above it the last one.
    pub fn entry(&self, input: f64) -> u16 {
        let at = (input + 0.5).floor() - self.first as f64;
        let last = self.entries.len() - 1;
        let at = if at > 0.0 { (at as usize).min(last) } else { 0 };
        self.entries.get(at).copied().unwrap_or_default()
    }

    /// Largest value that an entry may have.
    pub fn most(&self) -> f64 {
        f64::from(u32::MAX >> (32 - u32::from(self.bits)))
    }

    /// Entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry, which never is.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The first input that is mapped.
    pub fn first(&self) -> i64 {
        self.first
    }
}

/// A LUT Descriptor (PS3.3 C.11.1.1): entries, first input, bits of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Descriptor {
    pub entries: usize,
    pub first: i64,
    pub bits: u8,
}

impl Descriptor {
    pub(super) fn read(item: &Attributes<'_>, tag: &str, signed: bool) -> Option<Self> {
        let numbers = item.numbers(tag);
        let [entries, first, bits] = *numbers.as_slice() else { return None };
        // A VR of SS, where the input is signed, makes large counts negative; 0 stands for 65,536.
        let entries = match (entries as i64) & 0xFFFF {
            0 => 65_536,
            entries => usize::try_from(entries).ok()?,
        };
        let first = first as i64;
        let first = if signed && first > 0x7FFF { first - 0x1_0000 } else { first };
        Some(Self { entries, first, bits: if bits <= 8.0 { 8 } else { (bits as i64).clamp(9, 16) as u8 } })
    }

    /// The entries in these bytes: one each where there are no more bytes than entries (PS3.3 C.7.6.3.1.5), else words.
    pub(super) fn entries_of(&self, data: &[u8]) -> Vec<u16> {
        let packed = self.bits == 8 && data.len() < 2 * self.entries && data.len() <= self.entries + 1;
        match packed {
            true => data.iter().take(self.entries).map(|byte| u16::from(*byte)).collect(),
            false => words(data).take(self.entries).collect(),
        }
    }
}

/// Little endian words.
pub(super) fn words(data: &[u8]) -> impl Iterator<Item = u16> {
    data.as_chunks().0.iter().map(|word| u16::from_le_bytes(*word))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::attributes::Bulk;
    use super::*;

    #[test]
    fn rend_017_tables() {
        for (descriptor, signed, data, inputs) in [
            // Below and above the table; rounded.
            (
                json!([3, 10, 16]),
                false,
                json!([100, 200, 300]),
                vec![(0.0, 100), (11.0, 200), (11.4, 200), (11.5, 300), (99.0, 300)],
            ),
            // A negative first value, and the same written unsigned.
            (json!([2, -1024, 16]), true, json!([7, 9]), vec![(-1024.0, 7), (-1023.0, 9)]),
            (json!([2, 64512, 16]), true, json!([7, 9]), vec![(-1024.0, 7), (-1023.0, 9)]),
            (json!([2, 64512, 16]), false, json!([7, 9]), vec![(64512.0, 7), (64513.0, 9)]),
        ] {
            let json = json!({"00283002": {"vr": "US", "Value": descriptor}, "00283006": {"vr": "US", "Value": data}});
            let bulk = Bulk::new();
            let item = Attributes::new(json.as_object().expect("an object"), &bulk);
            let lut = Lut::read(&item, signed).expect("a table");
            for (input, expected) in inputs {
                assert_eq!(lut.entry(input), expected, "{json} {input}");
            }
            assert_eq!(lut.most(), 65_535.0);
        }
    }

    #[test]
    fn counts_and_packing() {
        let eight = Descriptor { entries: 4, first: 0, bits: 8 };
        assert_eq!(eight.entries_of(&[1, 2, 3, 4]), [1, 2, 3, 4]);
        assert_eq!(eight.entries_of(&[1, 0, 2, 0, 3, 0, 4, 0]), [1, 2, 3, 4]);
        let json = json!({"00283002": {"vr": "US", "Value": [0, 0, 12]}});
        let bulk = Bulk::new();
        let item = Attributes::new(json.as_object().expect("an object"), &bulk);
        let descriptor = Descriptor::read(&item, "00283002", false);
        assert_eq!(descriptor, Some(Descriptor { entries: 65_536, first: 0, bits: 12 }));
        assert_eq!(Lut::new(0, 12, vec![]), None);
    }
}
