//! The numbers that a scan is coded with (T.87 C.2.4.1.1 and A.2.1).

use super::{malformed, markers::Preset};
use crate::CodecError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parameters {
    /// MAXVAL, 3 to 65535.
    pub(super) largest: i32,
    /// NEAR, 0 to 255.
    pub(super) near: i32,
    /// T1, T2, T3.
    pub(super) thresholds: [i32; 3],
    /// RESET.
    pub(super) reset: u32,
    /// RANGE.
    pub(super) range: i32,
    /// qbpp: bits of a mapped error in an escaped code.
    pub(super) error_bits: u32,
    /// LIMIT: the longest code, in bits.
    pub(super) limit: u32,
}

impl Parameters {
    /// Zeros in the preset stand for defaults.
    pub(super) fn new(precision: u8, near: u8, preset: Preset) -> Result<Self, CodecError> {
        let widest = (1_i32 << precision) - 1;
        let largest = if preset.largest == 0 { widest } else { i32::from(preset.largest) };
        let near = i32::from(near);
        if largest > widest || near > largest / 2 {
            return Err(malformed("MAXVAL or NEAR out of range"));
        }
        let defaults = default_thresholds(largest, near);
        let mut thresholds = [0; 3];
        let mut least = near + 1;
        for (threshold, (given, default)) in
            thresholds.iter_mut().zip(preset.thresholds.into_iter().zip(defaults))
        {
            *threshold = if given == 0 { default } else { i32::from(given) };
            if !(least..=largest.max(near + 1)).contains(threshold) {
                return Err(malformed("thresholds out of order"));
            }
            least = *threshold;
        }
        let reset = if preset.reset == 0 { 64 } else { u32::from(preset.reset) };
        if reset < 3 {
            return Err(malformed("RESET below 3"));
        }
        let range = (largest + 2 * near) / (2 * near + 1) + 1;
        let sample_bits = bits(largest + 1).max(2);
        Ok(Self {
            largest,
            near,
            thresholds,
            reset,
            range,
            error_bits: bits(range),
            limit: 2 * (sample_bits + sample_bits.max(8)),
        })
    }

    /// The largest unary part of a code that is not escaped.
    pub(super) fn longest_prefix(&self) -> u32 {
        self.limit - self.error_bits - 1
    }

    /// Twice NEAR plus one: the step between reconstructed values.
    pub(super) fn step(&self) -> i32 {
        2 * self.near + 1
    }
}

/// The smallest number of bits that tell so many values apart.
fn bits(values: i32) -> u32 {
    (values - 1).checked_ilog2().map_or(0, |bits| bits + 1)
}

/// C.2.4.1.1.1.
fn default_thresholds(largest: i32, near: i32) -> [i32; 3] {
    let within = |value: i32, least: i32| if value > largest || value < least { least } else { value };
    if largest >= 128 {
        let factor = (largest.min(4095) + 128) / 256;
        let first = within(factor + 2 + 3 * near, near + 1);
        let second = within(4 * factor + 3 + 5 * near, first);
        let third = within(17 * factor + 4 + 7 * near, second);
        [first, second, third]
    } else {
        let factor = 256 / (largest + 1);
        let first = within((3 / factor + 3 * near).max(2), near + 1);
        let second = within((7 / factor + 5 * near).max(3), first);
        let third = within((21 / factor + 7 * near).max(4), second);
        [first, second, third]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derives_the_standards_own_numbers() {
        // Precision, NEAR, then T1 to T3, RANGE, qbpp, LIMIT. The first two rows are T.87's own (table C.3, H.3).
        let table = [
            (8, 0, [3, 7, 21], 256, 8, 32),
            (8, 2, [9, 17, 35], 52, 6, 32),
            (12, 0, [18, 67, 276], 4096, 12, 48),
            (16, 0, [18, 67, 276], 65536, 16, 64),
            (16, 3, [27, 82, 297], 9364, 14, 64),
            (2, 0, [2, 3, 3], 4, 2, 20),
        ];
        for (precision, near, thresholds, range, error_bits, limit) in table {
            let found = Parameters::new(precision, near, Preset::default()).unwrap();
            let told = (found.thresholds, found.range, found.error_bits, found.limit);
            assert_eq!(told, (thresholds, range, error_bits, limit), "{precision} bits, near {near}");
        }
    }

    #[test]
    fn refuses_presets_out_of_range() {
        let preset = |largest, thresholds, reset| Preset { largest, thresholds, reset };
        for (near, refused) in [
            (128, Preset::default()),
            (0, preset(256, [0; 3], 0)),
            (0, preset(0, [5, 4, 21], 0)),
            (0, preset(0, [3, 7, 300], 0)),
            (4, preset(0, [4, 7, 21], 0)),
            (0, preset(0, [0; 3], 2)),
        ] {
            assert!(Parameters::new(8, near, refused).is_err(), "{near} {refused:?}");
        }
    }
}
