//! Overlay planes (PS3.3 C.9.2): bitmaps over an image, of which only graphics (type G) are shown.

use super::attributes::Attributes;

/// Most pixels of a plane.
const MOST: u64 = 1 << 28;

/// A bitmap of one frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlay {
    /// Its group, `6000` to `601E`.
    pub group: u16,
    /// Rows and columns.
    pub size: (u32, u32),
    /// The image row and column of its top left pixel, from 0; may be outside.
    pub origin: (i64, i64),
    bits: Vec<u8>,
}

impl Overlay {
    /// Whether the bit at that row and column of the plane is set.
    pub fn is_set(&self, row: u32, column: u32) -> bool {
        let at = u64::from(row) * u64::from(self.size.1) + u64::from(column);
        let byte = usize::try_from(at / 8).ok().and_then(|at| self.bits.get(at));
        byte.is_some_and(|byte| byte >> (at % 8) & 1 == 1)
    }
}

/// The graphic overlays of frame `number` (from 1). Planes embedded in unused bits of the pixels (retired) are left
/// out, as are those whose data is shorter than they say.
pub(super) fn read(all: &Attributes<'_>, number: u32) -> Vec<Overlay> {
    (0..16).filter_map(|n| plane(all, 0x6000 + 2 * n, number)).collect()
}

fn plane(all: &Attributes<'_>, group: u16, number: u32) -> Option<Overlay> {
    let tag = |element: &str| format!("{group:04X}{element}");
    if all.text(&tag("0040")).as_deref() != Some("G") {
        return None;
    }
    let rows = u32::try_from(all.integer(&tag("0010"))?).ok()?;
    let columns = u32::try_from(all.integer(&tag("0011"))?).ok()?;
    let pixels = u64::from(rows) * u64::from(columns);
    if pixels == 0 || pixels > MOST {
        return None;
    }
    let data = all.bytes(&tag("3000"))?;
    // Of a multi-frame overlay the plane for this frame; one plane is for every frame.
    let planes = all.integer(&tag("0015")).unwrap_or(1).max(1);
    let first = all.integer(&tag("0051")).unwrap_or(1);
    let index = match planes {
        1 => 0,
        _ => u64::try_from(i64::from(number) - first).ok().filter(|index| *index < planes as u64)?,
    };
    let start = index.checked_mul(pixels)?;
    let bits = cut(&data, start, pixels)?;
    let origin = all.numbers(&tag("0050"));
    let at = |n: usize| origin.get(n).map_or(0, |at| *at as i64 - 1);
    Some(Overlay { group, size: (rows, columns), origin: (at(0), at(1)), bits })
}

/// `count` bits from bit `start` on, moved to bit 0.
fn cut(data: &[u8], start: u64, count: u64) -> Option<Vec<u8>> {
    let first = usize::try_from(start / 8).ok()?;
    let last = usize::try_from((start + count).div_ceil(8)).ok()?;
    let bytes = data.get(first..last)?;
    let shift = (start % 8) as u32;
    if shift == 0 {
        return Some(bytes.to_vec());
    }
    let next = bytes.iter().skip(1).chain([&0]);
    Some(bytes.iter().zip(next).map(|(low, high)| low >> shift | high << (8 - shift)).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::attributes::Bulk;
    use super::*;

    #[test]
    fn planes_of_frames() {
        let json = json!({
            "60000010": {"vr": "US", "Value": [1]}, "60000011": {"vr": "US", "Value": [3]},
            "60000015": {"vr": "IS", "Value": [2]}, "60000040": {"vr": "CS", "Value": ["G"]},
            "60000050": {"vr": "SS", "Value": [3, -1]},
            // 101 then 110, from bit 0 on.
            "60003000": {"vr": "OW", "InlineBinary": "HQA="},
            "60020010": {"vr": "US", "Value": [1]}, "60020011": {"vr": "US", "Value": [1]},
            "60020040": {"vr": "CS", "Value": ["R"]}, "60023000": {"vr": "OW", "InlineBinary": "AQA="},
            "60040010": {"vr": "US", "Value": [9]}, "60040011": {"vr": "US", "Value": [9]},
            "60040040": {"vr": "CS", "Value": ["G"]}, "60043000": {"vr": "OW", "InlineBinary": "AQA="},
        });
        let bulk = Bulk::new();
        let all = Attributes::new(json.as_object().expect("an object"), &bulk);
        for (number, expected) in [(1, Some([true, false, true])), (2, Some([true, true, false])), (3, None)]
        {
            let found = read(&all, number);
            let bits = found.first().map(|overlay| {
                assert_eq!(overlay.origin, (2, -2));
                [0, 1, 2].map(|column| overlay.is_set(0, column))
            });
            assert_eq!((bits, found.len()), (expected, usize::from(expected.is_some())), "{number}");
        }
    }
}
