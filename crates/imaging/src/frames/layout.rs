//! The frames of one instance.

use std::ops::Range;

use smallvec::{SmallVec, smallvec};

use super::fragments::{Fragments, Starts};
use super::{Frame, FrameError};

/// What the data set says about its image (PS3.3 section C.7.6.3). 0 where it says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shape {
    /// Rows (0028,0010).
    pub rows: u32,
    /// Columns (0028,0011).
    pub columns: u32,
    /// Samples per Pixel (0028,0002); 1 when absent.
    pub samples: u32,
    /// Bits Allocated (0028,0100); 32 and 64 for Float and Double Float Pixel Data.
    pub bits_allocated: u32,
    /// Number of Frames (0028,0008), at least 1.
    pub frames: u32,
    /// Planar Configuration (0028,0006).
    pub planar: u32,
    /// Photometric Interpretation (0028,0004), trimmed.
    pub photometric: String,
}

/// Where the pixel data of one instance lies. Made by [`LayoutRecorder`](super::LayoutRecorder), kept as bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PixelLayout {
    pub(super) shape: Shape,
    pub(super) data: Data,
    pub(super) video: bool,
    /// Whether native and encapsulated are as the transfer syntax says.
    pub(super) labelled: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Data {
    Native { offset: u64, length: u64, word: u8 },
    Encapsulated { fragments: Fragments, starts: Starts },
}

impl PixelLayout {
    /// What the data set says about its image.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Number of frames that the data set claims, at least 1.
    pub fn frames(&self) -> u32 {
        self.shape.frames
    }

    /// Whether the pixel data is in fragments.
    pub fn is_encapsulated(&self) -> bool {
        matches!(self.data, Data::Encapsulated { .. })
    }

    /// Whether the pixel data is a video: one stream, given as frame 1.
    pub fn is_video(&self) -> bool {
        self.video
    }

    /// Bytes of the words that lie in big endian, 1 when there are none.
    pub fn word_size(&self) -> u8 {
        match self.data {
            Data::Native { word, .. } => word,
            Data::Encapsulated { .. } => 1,
        }
    }

    /// Where frame `number` (from 1) lies.
    ///
    /// # Errors
    /// [`FrameError`], each with its HTTP status beside it.
    pub fn frame(&self, number: u32) -> Result<Frame, FrameError> {
        let frames = self.frames();
        let index = number.checked_sub(1).filter(|_| number <= frames);
        let index = index.ok_or(FrameError::NoSuchFrame { frame: number, frames })?;
        if !self.labelled {
            return Err(FrameError::Mislabelled);
        }
        match &self.data {
            Data::Native { length: 0, .. } => Err(FrameError::NoPixelData),
            Data::Native { offset, length, word } => self.native(index, *offset, *length, *word),
            Data::Encapsulated { fragments, .. } if fragments.is_empty() => Err(FrameError::NoPixelData),
            Data::Encapsulated { .. } if self.video && index > 0 => Err(FrameError::Video),
            Data::Encapsulated { fragments, starts } => {
                let range = starts.frame(index, fragments.len()).ok_or(match starts {
                    Starts::Unknown => FrameError::Ambiguous { frames },
                    _ => FrameError::BeyondTheBytes { frame: number },
                })?;
                Ok(encapsulated(fragments.ranges(range)))
            }
        }
    }

    /// The whole value of the pixel data: native bytes, or the fragments joined.
    ///
    /// # Errors
    /// [`FrameError::NoPixelData`] when it is empty.
    pub fn whole(&self) -> Result<Frame, FrameError> {
        match &self.data {
            Data::Native { length: 0, .. } => Err(FrameError::NoPixelData),
            &Data::Native { offset, length, word } => Ok(Frame {
                parts: smallvec![offset..offset.saturating_add(length)],
                bit_shift: 0,
                bits: length.saturating_mul(8),
                length,
                word,
            }),
            Data::Encapsulated { fragments, .. } if fragments.is_empty() => Err(FrameError::NoPixelData),
            Data::Encapsulated { fragments, .. } => Ok(encapsulated(fragments.ranges(0..fragments.len()))),
        }
    }

    /// Where the pixel data lies in the (inflated) data set: a native value, or everything from the first fragment's
    /// first byte to the end of the delimiter behind the last one. `None` when it is empty.
    pub fn span(&self) -> Option<Range<u64>> {
        match &self.data {
            Data::Native { length: 0, .. } => None,
            Data::Native { offset, length, .. } => Some(*offset..offset.checked_add(*length)?),
            Data::Encapsulated { fragments, .. } => {
                let last = fragments.ranges(fragments.len().checked_sub(1)?..fragments.len());
                // The delimiter is a tag and a length, of 4 bytes each.
                Some(fragments.first()..last.first()?.end.checked_add(8)?)
            }
        }
    }

    fn native(&self, index: u32, offset: u64, length: u64, word: u8) -> Result<Frame, FrameError> {
        let bits = self.frame_bits(length).ok_or(FrameError::NoSize)?;
        let beyond = FrameError::BeyondTheBytes { frame: index.saturating_add(1) };
        let start = bits.checked_mul(u64::from(index)).ok_or(beyond)?;
        let end = start.checked_add(bits).ok_or(beyond)?;
        if end > length.checked_mul(8).ok_or(beyond)? {
            return Err(beyond);
        }
        // From the word in which it starts to the word in which it ends.
        let word_bits = 8 * u64::from(word.max(1));
        let first = start - start % word_bits;
        let last = end.div_ceil(word_bits).saturating_mul(u64::from(word.max(1))).min(length);
        let part = offset.checked_add(first / 8).ok_or(beyond)?..offset.checked_add(last).ok_or(beyond)?;
        Ok(Frame {
            parts: smallvec![part],
            bit_shift: u8::try_from(start - first).map_err(|_| beyond)?,
            bits,
            length: bits.div_ceil(8),
            word,
        })
    }

    /// Bits of a native frame; `None` when there are none or more than 2^64.
    fn frame_bits(&self, length: u64) -> Option<u64> {
        let shape = &self.shape;
        let pixels = u64::from(shape.rows).checked_mul(u64::from(shape.columns))?;
        let sample_bits = pixels.checked_mul(u64::from(shape.bits_allocated))?;
        let full = sample_bits.checked_mul(u64::from(shape.samples))?;
        let fits = |bits: u64| {
            bits.checked_mul(u64::from(shape.frames)).is_some_and(|all| all.div_ceil(8) <= length)
        };
        // Chrominance that is stored once for two or four pixels (PS3.3 section C.7.6.3.1.2), unless the bytes for all
        // of it are there: decompressed JPEG images often go on saying YBR_FULL_422.
        let bits = match (shape.samples, shape.photometric.as_str()) {
            (3, "YBR_FULL_422" | "YBR_PARTIAL_422") if !fits(full) => sample_bits.checked_mul(2)?,
            (3, "YBR_PARTIAL_420") if !fits(full) => sample_bits.checked_mul(3)? / 2,
            _ => full,
        };
        Some(bits).filter(|&bits| bits > 0)
    }
}

fn encapsulated(parts: SmallVec<[Range<u64>; 1]>) -> Frame {
    let length: u64 = parts.iter().map(|part| part.end.saturating_sub(part.start)).sum();
    Frame { parts, bit_shift: 0, bits: length.saturating_mul(8), length, word: 1 }
}
