//! Palettes: three tables of red, green and blue (PS3.3 C.7.6.3.1.5, C.7.6.3.1.6, C.7.9.2).

use super::ImageError;
use super::attributes::Attributes;
use super::lut::{Descriptor, words};

/// Most entries of a table.
const MOST: usize = 65_536;

/// Red, green and blue for stored values; entries are 8 bit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Palette {
    first: i64,
    entries: Vec<[u8; 3]>,
}

impl Palette {
    /// The three tables of a data set: Red, Green and Blue Palette Color Lookup Table Descriptor (0028,1101) to
    /// (0028,1103) with Data (0028,1201) to (0028,1203) or Segmented Data (0028,1221) to (0028,1223). An alpha table is
    /// not looked at.
    ///
    /// # Errors
    /// [`ImageError::Palette`] when a table is missing or broken.
    pub(super) fn read(all: &Attributes<'_>, signed: bool) -> Result<Self, ImageError> {
        let table = |channel: u32| {
            let descriptor = Descriptor::read(all, &format!("0028110{channel}"), signed)?;
            let entries = match all.bytes(&format!("0028120{channel}")) {
                Some(data) => descriptor.entries_of(&data),
                None => segmented(&descriptor, &all.bytes(&format!("0028122{channel}"))?)?,
            };
            (!entries.is_empty()).then(|| (descriptor, eight_bit(&descriptor, entries)))
        };
        let tables: Option<Vec<_>> = (1..=3).map(table).collect();
        let tables = tables.ok_or(ImageError::Palette)?;
        let [(descriptor, red), (_, green), (_, blue)] = tables.as_slice() else {
            return Err(ImageError::Palette);
        };
        let length = red.len().max(green.len()).max(blue.len());
        let at = |table: &[u8], index: usize| {
            table.get(index).or_else(|| table.last()).copied().unwrap_or_default()
        };
        let entries = (0..length).map(|index| [at(red, index), at(green, index), at(blue, index)]).collect();
        Ok(Self { first: descriptor.first, entries })
    }

    /// The first stored value that is mapped.
    pub fn first(&self) -> i64 {
        self.first
    }

    /// The colour of a stored value; below the table the first one, above it the last one.
    pub fn colour(&self, stored: i64) -> [u8; 3] {
        let last = self.entries.len().saturating_sub(1);
        let at = usize::try_from(stored.saturating_sub(self.first)).unwrap_or(0).min(last);
        self.entries.get(at).copied().unwrap_or_default()
    }
}

/// Entries of 16 bits by their high byte. Tables that say 16 bits and have nothing above 255 are taken as they are.
fn eight_bit(descriptor: &Descriptor, entries: Vec<u16>) -> Vec<u8> {
    let most = entries.iter().copied().max().unwrap_or(0);
    let wide = descriptor.bits > 8 && most > 255;
    entries.into_iter().map(|entry| if wide { (entry >> 8) as u8 } else { entry.min(255) as u8 }).collect()
}

/// Expands segments (PS3.3 C.7.9.2): discrete, linear, and indirect ones that repeat earlier segments.
fn segmented(descriptor: &Descriptor, data: &[u8]) -> Option<Vec<u16>> {
    let units: Vec<u16> = match descriptor.bits {
        8 => data.iter().map(|byte| u16::from(*byte)).collect(),
        _ => words(data).collect(),
    };
    let mut out = Vec::new();
    let mut starts = Vec::new();
    let mut at = 0;
    while out.len() < descriptor.entries.min(MOST) && at < units.len() {
        starts.push(at);
        at = segment(&units, at, descriptor.bits, &mut out, &starts, Nesting::Outermost)?;
    }
    out.truncate(descriptor.entries);
    Some(out)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Nesting {
    Outermost,
    Repeated,
}

/// Expands the segment at `at`; gives where the next one starts.
fn segment(
    units: &[u16],
    at: usize,
    bits: u8,
    out: &mut Vec<u16>,
    starts: &[usize],
    nesting: Nesting,
) -> Option<usize> {
    let (&kind, &length) = (units.get(at)?, units.get(at + 1)?);
    let length = usize::from(length);
    match kind {
        0 => {
            let values = units.get(at + 2..at + 2 + length)?;
            out.extend_from_slice(values);
            room(out)?;
            Some(at + 2 + length)
        }
        1 => {
            let end = f64::from(*units.get(at + 2)?);
            let start = f64::from(*out.last()?);
            let step = |n: usize| start + (end - start) * (n as f64) / (length as f64);
            out.extend((1..=length).map(|n| step(n).round().clamp(0.0, 65_535.0) as u16));
            room(out)?;
            Some(at + 3)
        }
        // The offset counts bytes, as the bits of an entry are two bytes or one.
        2 if nesting == Nesting::Outermost => {
            let (low, high) = (usize::from(*units.get(at + 2)?), usize::from(*units.get(at + 3)?));
            let (offset, next) = match bits {
                8 => {
                    let more = (usize::from(*units.get(at + 4)?), usize::from(*units.get(at + 5)?));
                    (low | high << 8 | more.0 << 16 | more.1 << 24, at + 6)
                }
                _ => ((low | high << 16) / 2, at + 4),
            };
            let first = starts.iter().position(|start| *start == offset)?;
            let mut from = *starts.get(first)?;
            for _ in 0..length {
                from = segment(units, from, bits, out, starts, Nesting::Repeated)?;
            }
            Some(next)
        }
        _ => None,
    }
}

/// `None` when a table has grown past all sense.
fn room(out: &[u16]) -> Option<()> {
    (out.len() <= 2 * MOST).then_some(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::attributes::Bulk;
    use super::*;

    fn palette(descriptor: &Value, data: &[&Value; 3], segments: bool) -> Result<Palette, ImageError> {
        let mut json = json!({});
        for (channel, data) in data.iter().enumerate() {
            json[format!("0028110{}", channel + 1)] = json!({"vr": "US", "Value": descriptor});
            let kind = if segments { 2 } else { 0 };
            json[format!("002812{kind}{}", channel + 1)] = json!({"vr": "OW", "Value": data});
        }
        let bulk = Bulk::new();
        Palette::read(&Attributes::new(json.as_object().expect("an object"), &bulk), false)
    }

    #[test]
    fn rend_021_palettes() {
        let (red, green, blue) = (json!([0, 65280, 257]), json!([65535, 0, 0]), json!([0, 0, 65535]));
        let found = palette(&json!([3, 1, 16]), &[&red, &green, &blue], false).expect("a palette");
        for (stored, expected) in
            [(0, [0, 255, 0]), (1, [0, 255, 0]), (2, [255, 0, 0]), (3, [1, 0, 255]), (99, [1, 0, 255])]
        {
            assert_eq!(found.colour(stored), expected, "{stored}");
        }
        // Says 16 bits and means 8.
        let low = json!([0, 255, 128]);
        let found = palette(&json!([3, 0, 16]), &[&low, &low, &low], false).expect("a palette");
        assert_eq!(found.colour(2), [128, 128, 128]);
    }

    #[test]
    fn rend_021_segmented_palettes() {
        let discrete = json!([0, 2, 0, 1000]);
        // 0, 1000, then up to 5000 in four steps, then the linear segment once more.
        let linear = json!([0, 2, 0, 1000, 1, 4, 5000, 2, 1, 8, 0]);
        let found = palette(&json!([10, 0, 16]), &[&linear, &linear, &discrete], true).expect("a palette");
        let red: Vec<u8> = (0..10).map(|stored| found.colour(stored)[0]).collect();
        let expected = [0, 1000, 2000, 3000, 4000, 5000, 5000, 5000, 5000, 5000].map(|n: u32| (n >> 8) as u8);
        assert_eq!(red, expected);
        for broken in
            [json!([2, 1, 0, 0]), json!([1, 4, 5000]), json!([0, 9, 1]), json!([7, 1, 1]), json!([])]
        {
            assert!(palette(&json!([4, 0, 16]), &[&broken, &discrete, &discrete], true).is_err(), "{broken}");
        }
    }
}
