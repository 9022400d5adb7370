//! JPEG-LS (ITU-T T.87): lossless and near-lossless, 2 to 16 bits, one to four components in any interleaving.
//!
//! | file | clause |
//! |---|---|
//! | `markers` | Annex C: SOF55, SOS, LSE, DRI |
//! | `parameters` | C.2.4.1.1: thresholds and what follows from MAXVAL and NEAR |
//! | `model` | A.3 to A.6: contexts, prediction, adaptation |
//! | `bits` | the bit stream with its stuffed bits, Golomb codes (A.5.3) |
//! | `decode`, `encode` | the scans, regular and run mode (A.7) |
//!
//! A codestream does not say whether its samples are signed. The decoder leaves them as they were coded, the encoder
//! codes the low bits of signed ones.

mod bits;
mod decode;
mod encode;
mod markers;
mod model;
mod parameters;

use crate::{CodecError, Limits, Raster};
pub use markers::{Head, Interleave};

/// What the codestream says of itself, up to its first scan.
///
/// # Errors
/// [`CodecError::Malformed`] for a header that is none, [`CodecError::Unsupported`] for mapping tables, subsampled or more
/// than four components, a point transform, a height that only follows the scan, and colour transforms outside the
/// standard.
pub fn head(bytes: &[u8]) -> Result<Head, CodecError> {
    markers::head(bytes)
}

/// Decodes all scans of a frame. `signed` is false and the colour unknown unless there is one component.
///
/// # Errors
/// As [`head`], [`CodecError::TooLarge`] beyond `limits`, and [`CodecError::Malformed`] for coded data that is cut short
/// or impossible.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Raster, CodecError> {
    decode::decode(bytes, limits)
}

/// Encodes a frame so that no sample is off by more than `near`; 0 is lossless. Three and four components are interleaved
/// by line; two, which other decoders know in no interleaving, are not.
///
/// # Errors
/// [`CodecError::Unsupported`] for more than 16 bits or four components, more than 65535 rows or columns, and a `near`
/// beyond half of the range; [`CodecError::Malformed`] when there are fewer samples than the format says.
pub fn encode(raster: &Raster, near: u8) -> Result<Vec<u8>, CodecError> {
    let interleave = if raster.format.components < 3 { Interleave::None } else { Interleave::Line };
    encode::encode(raster, near, interleave)
}

fn malformed(what: &str) -> CodecError {
    CodecError::Malformed(format!("JPEG-LS: {what}"))
}

fn unsupported(what: &str) -> CodecError {
    CodecError::Unsupported(format!("JPEG-LS: {what}"))
}
