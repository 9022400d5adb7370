//! Image codecs: one frame's codestream to samples and back.
//!
//! Pure: slices in, vectors out. This crate must not know data sets, attributes, transfer syntaxes, files or
//! processes. What a codestream claims is checked against [`Limits`] before anything is allocated, and nothing panics
//! on outside bytes; a caller that wants more runs it in another process.
//!
//! | module | what it reads and writes |
//! |---|---|
//! | [`rle`] | RLE Lossless (PS3.5 Annex G) |
//! | [`jpeg`] | ITU-T T.81: baseline, extended 8 and 12 bit, lossless |
//! | [`jpegls`] | ITU-T T.87, lossless and near-lossless |
//! | [`jpeg2000`] | ITU-T T.800 and T.814 (HTJ2K) |
//! | [`jpegxl`] | ISO/IEC 18181 |
#![cfg_attr(
    not(test),
    warn(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod raster;

pub mod jpeg;
pub mod jpeg2000;
pub mod jpegls;
pub mod jpegxl;
pub mod rle;

pub use raster::{CodecError, Colour, Format, Limits, Raster};
