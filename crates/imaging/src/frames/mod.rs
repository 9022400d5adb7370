//! Which bytes of a stored data set are a frame.
//!
//! A [`LayoutRecorder`] listens to the scan of an instance as it is stored and leaves a [`PixelLayout`], a few bytes a
//! frame, which answers [`PixelLayout::frame`] later without looking at the data set again.
//!
//! Frame boundaries of encapsulated pixel data (PS3.5 section A.4) are taken from the first of these that fits the
//! Number of Frames (0028,0008): the Basic Offset Table, the Extended Offset Table, one fragment a frame, fragments
//! that start a codestream, fragments that end one. A table that points anywhere but at the start of a fragment is
//! not believed.

mod codec;
mod convert;
mod fragments;
mod layout;
mod recorder;

use std::ops::Range;

use smallvec::SmallVec;

pub use codec::LayoutError;
pub use convert::{Convert, realign};
pub use layout::{PixelLayout, Shape};
pub use recorder::LayoutRecorder;

/// Where one frame lies in the (inflated) data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its bytes in order, from the first byte of the data set. A native frame has one part; an encapsulated one has
    /// a part for each fragment, without item headers.
    pub parts: SmallVec<[Range<u64>; 1]>,
    /// Bits before the frame in its first byte, counted from the least significant one; whole bytes too, where the
    /// frame starts within a big-endian word.
    pub bit_shift: u8,
    /// Bits of the frame, from `bit_shift` on. For encapsulated frames those of the parts.
    pub bits: u64,
    /// Bytes of the frame as it is given out: little endian and starting at bit 0.
    pub length: u64,
    /// Bytes of the words that are stored in big endian; 1 when there are none.
    pub word: u8,
}

impl Frame {
    /// What must happen to the bytes of the parts before they are the frame; `None` when they are the frame as they lie.
    pub fn convert(&self) -> Option<Convert> {
        let as_it_lies = self.word <= 1 && self.bit_shift == 0 && self.bits.is_multiple_of(8);
        (!as_it_lies).then(|| Convert::new(self.word, self.bit_shift, self.bits))
    }
}

/// Why a frame cannot be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// There are fewer frames (404).
    #[error("there is no frame {frame}: the instance has {frames}")]
    NoSuchFrame {
        /// The frame asked for, from 1.
        frame: u32,
        /// Number of Frames (0028,0008).
        frames: u32,
    },
    /// The pixel data is empty (404).
    #[error("the instance has no pixel data")]
    NoPixelData,
    /// The data set says that the frame exists, its pixel data ends before it does (422).
    #[error("frame {frame} lies beyond the bytes of the pixel data")]
    BeyondTheBytes {
        /// The frame asked for, from 1.
        frame: u32,
    },
    /// Rows, columns, samples or bits are missing, zero or too many to count (422).
    #[error("the size of a frame cannot be told from the data set")]
    NoSize,
    /// Nothing tells where in the fragments the frame starts (422).
    #[error("the fragments do not tell where each of {frames} frames starts")]
    Ambiguous {
        /// Number of Frames (0028,0008).
        frames: u32,
    },
    /// The pixel data is native where the transfer syntax says encapsulated, or the other way round (422).
    #[error("the pixel data is not encoded as the transfer syntax says")]
    Mislabelled,
    /// The frames of a video cannot be taken apart: it is frame 1 as a whole (PS3.18 section 8.7.3.3.2; 422).
    #[error("the frames of a video are one stream, which is given as frame 1")]
    Video,
}

impl FrameError {
    /// Whether what was asked for does not exist, as opposed to existing and being unusable.
    pub fn is_not_found(&self) -> bool {
        matches!(self, FrameError::NoSuchFrame { .. } | FrameError::NoPixelData)
    }
}

#[cfg(test)]
mod tests;
