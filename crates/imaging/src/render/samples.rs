//! Stored values out of decoded words: mask, high bit, sign (PS3.5 8.1.1).

use crate::image::Image;
use crate::pixel::Pixels;

/// Samples of one or two bytes, of which [`Stored::values`] has a value for each that can be.
pub(super) struct Stored<'a> {
    data: &'a [u8],
    word: u8,
    shift: u32,
    bits: u32,
    signed: bool,
}

impl<'a> Stored<'a> {
    /// `None` for wider and for floating samples.
    pub(super) fn of(image: &Image, pixels: &'a Pixels) -> Option<Self> {
        if pixels.float || pixels.word > 2 || pixels.word == 0 {
            return None;
        }
        let (bits, shift) = layout(image, pixels);
        Some(Self { data: &pixels.data, word: pixels.word, shift, bits, signed: image.format.signed })
    }

    /// The stored value of each raw one.
    pub(super) fn values(&self) -> Vec<f64> {
        let count = 1i64 << self.bits;
        let value = |raw: i64| if self.signed && raw >= count / 2 { raw - count } else { raw };
        (0..count).map(|raw| value(raw) as f64).collect()
    }

    /// Gives each raw value to `look`.
    pub(super) fn each(&self, mut look: impl FnMut(usize)) {
        let mask = (1usize << self.bits) - 1;
        match self.word {
            1 => self.data.iter().for_each(|byte| look((usize::from(*byte) >> self.shift) & mask)),
            _ => self.data.as_chunks().0.iter().for_each(|word| {
                look((usize::from(u16::from_le_bytes(*word)) >> self.shift) & mask);
            }),
        }
    }

    /// Looks each raw value up; `table` has as many entries as [`Stored::values`].
    pub(super) fn map<T: Copy + Default>(&self, table: &[T]) -> Vec<T> {
        let mut out = Vec::with_capacity(self.data.len() / usize::from(self.word));
        self.each(|raw| out.push(table.get(raw).copied().unwrap_or_default()));
        out
    }
}

/// Bits of a value, and how far it is from bit 0.
fn layout(image: &Image, pixels: &Pixels) -> (u32, u32) {
    let word = 8 * u32::from(pixels.word);
    let bits = u32::from(image.format.bits_stored).clamp(1, word);
    let shift = (u32::from(image.format.high_bit) + 1).saturating_sub(bits);
    (bits, if shift + bits <= word { shift } else { 0 })
}

/// The stored values of samples of any width.
pub(super) fn wide(image: &Image, pixels: &Pixels) -> Vec<f64> {
    let data = &pixels.data;
    match (pixels.word, pixels.float) {
        (4, true) => data.as_chunks().0.iter().map(|word| f64::from(f32::from_le_bytes(*word))).collect(),
        (8, true) => data.as_chunks().0.iter().map(|word| f64::from_le_bytes(*word)).collect(),
        (4, false) => {
            let (bits, shift) = layout(image, pixels);
            data.as_chunks()
                .0
                .iter()
                .map(|word| whole(u64::from(u32::from_le_bytes(*word)), bits, shift, image))
                .collect()
        }
        (8, false) => {
            let (bits, shift) = layout(image, pixels);
            data.as_chunks()
                .0
                .iter()
                .map(|word| whole(u64::from_le_bytes(*word), bits, shift, image))
                .collect()
        }
        _ => Vec::new(),
    }
}

fn whole(word: u64, bits: u32, shift: u32, image: &Image) -> f64 {
    let value = word >> shift & (u64::MAX >> (64 - bits));
    match image.format.signed {
        // Moved to the top and back, its sign with it.
        true => ((value << (64 - bits)) as i64 >> (64 - bits)) as f64,
        false => value as f64,
    }
}
