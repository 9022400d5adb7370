//! Samples between a frame's bytes and what is made of them.

use codec::{CodecError, Colour, Limits, Raster};

use super::{PixelError, PixelFormat};

/// The samples of one frame: row by row, those of a pixel side by side, each little endian in the whole word that
/// Bits Allocated makes, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Samples {
    pub columns: u32,
    pub rows: u32,
    /// Samples of a pixel: 1, 3 or 4.
    pub channels: u8,
    /// Bytes of a sample: 1, 2, 4 or 8.
    pub word: u8,
    pub colour: SampleColour,
    pub data: Vec<u8>,
}

/// What the samples of a pixel are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SampleColour {
    /// What Photometric Interpretation says.
    AsLabelled,
    /// Red, green, blue.
    Rgb,
    /// Luminance and chrominances, full range.
    Ycc,
}

impl PixelFormat {
    /// Bytes of a sample in memory: 1 for bits, which are expanded.
    pub(crate) fn word(&self) -> u8 {
        self.bits_allocated.div_ceil(8)
    }

    /// Samples of a frame. Each factor is at most 32 bits, 32 bits and 4: they may leave 64 bits.
    pub(crate) fn sample_count(&self) -> Option<u64> {
        u64::from(self.rows).checked_mul(u64::from(self.columns))?.checked_mul(u64::from(self.samples))
    }

    /// Bytes of its samples in memory; `None` beyond 2^64.
    pub fn samples_bytes(&self) -> Option<u64> {
        self.sample_count()?.checked_mul(u64::from(self.word()))
    }

    /// Bytes of its samples in memory, when they are within the limit.
    pub(crate) fn admitted(&self, limits: &Limits) -> Result<usize, PixelError> {
        let bytes = self.samples_bytes().filter(|&bytes| bytes <= limits.decoded);
        bytes
            .and_then(|bytes| usize::try_from(bytes).ok())
            .ok_or(PixelError::TooLarge { limit: limits.decoded })
    }

    /// Bits of a native frame: as many as its samples have, without padding.
    pub(crate) fn frame_bits(&self) -> Option<u64> {
        self.sample_count()?.checked_mul(u64::from(self.bits_allocated))
    }

    /// Whether a codestream of this shape can be a frame of this format.
    pub(crate) fn check(&self, found: &codec::Format) -> Result<(), PixelError> {
        let same = (found.width, found.height, found.components) == (self.columns, self.rows, self.samples);
        if same && u16::from(found.bits) <= u16::from(self.bits_allocated) {
            return Ok(());
        }
        Err(PixelError::Mismatch(format!(
            "the frame has {} x {} pixels of {} samples of {} bits, its data set says {} x {} of {} of {}",
            found.width,
            found.height,
            found.components,
            found.bits,
            self.columns,
            self.rows,
            self.samples,
            self.bits_allocated
        )))
    }
}

impl Samples {
    /// Of a decoded codestream: each sample in the word that the data set allocates, with its sign in the unused bits
    /// where the data set says that there is one (PS3.5 8.2: Pixel Representation says it, not the codestream).
    pub(crate) fn of_raster(raster: Raster, format: &PixelFormat) -> Result<Self, PixelError> {
        let Raster { format: shape, colour, samples } = raster;
        format.check(&shape)?;
        let (from, to) = (shape.sample_bytes(), format.word());
        let sign = format.signed.then_some(shape.bits).filter(|&bits| bits < format.bits_allocated);
        let cut = (shape.signed && !format.signed).then_some(shape.bits);
        let data = match (from == to, sign, cut) {
            (true, None, None) => samples,
            _ => widened(&samples, from, to, sign, cut),
        };
        if Some(data.len() as u64) != format.sample_count().and_then(|n| n.checked_mul(u64::from(to))) {
            return Err(CodecError::Malformed("the decoder gave too few samples".to_owned()).into());
        }
        let colour = match colour {
            Colour::Grey | Colour::Unknown => SampleColour::AsLabelled,
            Colour::Rgb => SampleColour::Rgb,
            Colour::Ycc => SampleColour::Ycc,
        };
        let Format { columns, rows, channels, word } = Format::of(format);
        Ok(Self { columns, rows, channels, word, colour, data })
    }

    /// Of bytes that are as the samples lie in memory already.
    pub(crate) fn of_data(data: Vec<u8>, format: &PixelFormat) -> Self {
        let Format { columns, rows, channels, word } = Format::of(format);
        Self { columns, rows, channels, word, colour: SampleColour::AsLabelled, data }
    }
}

/// The shape of samples in memory.
struct Format {
    columns: u32,
    rows: u32,
    channels: u8,
    word: u8,
}

impl Format {
    fn of(format: &PixelFormat) -> Self {
        Self { columns: format.columns, rows: format.rows, channels: format.samples, word: format.word() }
    }
}

/// Samples of `from` bytes in `to` bytes: the upper bits repeat bit `sign` - 1 where there is one, bits from `cut` on
/// are 0 where that is given.
fn widened(samples: &[u8], from: u8, to: u8, sign: Option<u8>, cut: Option<u8>) -> Vec<u8> {
    let (from, to) = (usize::from(from), usize::from(to));
    let mut out = Vec::with_capacity(samples.len() / from.max(1) * to);
    for sample in samples.chunks_exact(from.max(1)) {
        let mut bytes = [0; 8];
        for (place, &byte) in bytes.iter_mut().zip(sample) {
            *place = byte;
        }
        let mut value = u64::from_le_bytes(bytes);
        if let Some(bits) = sign {
            let unused = 64 - u32::from(bits.clamp(1, 64));
            value = ((value << unused).cast_signed() >> unused).cast_unsigned();
        }
        if let Some(bits) = cut {
            let unused = 64 - u32::from(bits.clamp(1, 64));
            value = (value << unused) >> unused;
        }
        out.extend(value.to_le_bytes().iter().take(to));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_signs() {
        for (samples, from, to, sign, cut, expected) in [
            (&[0x7F, 0x80][..], 1, 2, None, None, &[0x7F, 0, 0x80, 0][..]),
            (&[0x7F, 0x80], 1, 2, Some(8), None, &[0x7F, 0, 0x80, 0xFF]),
            (&[0xFF, 0x0F, 0xFF, 0x07], 2, 2, Some(12), None, &[0xFF, 0xFF, 0xFF, 0x07]),
            (&[0xFF, 0xFF], 2, 2, None, Some(12), &[0xFF, 0x0F]),
            (&[0x01, 0x80], 2, 4, Some(16), None, &[0x01, 0x80, 0xFF, 0xFF]),
        ] {
            assert_eq!(widened(samples, from, to, sign, cut), expected, "{samples:?} {from} {to}");
        }
    }
}
