//! JPEG 2000 (ITU-T T.800) and High-Throughput JPEG 2000 (ITU-T T.814): one frame's codestream, raw or in a JP2 file.
//!
//! [`head`] is ours and reads everything that decides what decoding costs, so that a codestream which declares more
//! than it may is refused before a decoder allocates. Decoding is a library's: `hayro-jpeg2000` (no `unsafe` at all)
//! for T.800, `openjp2` through `jpeg2k` for T.814. Both are run so that a panic inside becomes an error. The encoder is
//! ours.

mod boxes;
mod encode;
mod high_throughput;
mod markers;
mod part1;

use crate::{CodecError, Colour, Format, Limits, Raster};
pub use markers::Head;

/// What the codestream says of itself, from its main header alone.
///
/// # Errors
/// [`CodecError::Malformed`] for a header that is none, [`CodecError::Unsupported`] for more than four components, more
/// than 16 bits, components of different precision, or a structure that is absurd for its size: more than 2^20 code
/// blocks and precincts.
pub fn head(bytes: &[u8]) -> Result<Head, CodecError> {
    markers::read(boxes::codestream(bytes)?).map(|(head, _)| head)
}

/// Decodes all of a frame: every layer, the full resolution.
///
/// Components coded coarser than the first are repeated. With a multiple component transformation the samples are
/// those from before it, [`Colour::Rgb`]. Samples out of range are clamped to the declared precision. Takes some 16 bytes
/// a sample while it works.
///
/// # Errors
/// As [`head`], [`CodecError::TooLarge`] beyond `limits`, and [`CodecError::Malformed`] for coded data that is cut short
/// or that its decoder refuses.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Raster, CodecError> {
    let codestream = boxes::codestream(bytes)?;
    let (head, structure) = markers::read(codestream)?;
    limits.admit(&head.format)?;
    structure.admit_tile_parts(codestream)?;
    let samples = match head.high_throughput {
        true => high_throughput::decode(codestream, &head)?,
        false => part1::decode(codestream, &head, structure.subsampled)?,
    };
    Ok(Raster { format: head.format, colour: head.colour, samples })
}

/// Encodes a frame without loss as T.800 knows it: a raw codestream of one tile and one layer, reversible throughout.
/// [`Colour::Rgb`] is transformed (PS3.5 calls the result YBR_RCT), anything else is coded component by component.
///
/// # Errors
/// [`CodecError::Unsupported`] for more than 16 bits, four components, or 32768 rows or columns;
/// [`CodecError::Malformed`] when there are other samples than the format says.
pub fn encode_lossless(raster: &Raster) -> Result<Vec<u8>, CodecError> {
    encode::lossless(raster)
}

/// Puts one component's samples into an interleaved raster, clamped to the declared range.
fn place(samples: &mut [u8], format: &Format, component: usize, values: impl Iterator<Item = i32>) {
    let top = (1_i32 << format.bits) - 1;
    let (low, high) = if format.signed { (-(top / 2) - 1, top / 2) } else { (0, top) };
    let width = usize::from(format.sample_bytes());
    let pixels = samples.chunks_exact_mut(width * usize::from(format.components));
    for (pixel, value) in pixels.zip(values) {
        let bytes = value.clamp(low, high).to_le_bytes();
        for (to, from) in pixel.iter_mut().skip(component * width).take(width).zip(bytes) {
            *to = from;
        }
    }
}

/// Runs a library's decoder; a panic in there becomes an error.
fn caught<T>(decoder: impl FnOnce() -> Result<T, CodecError>) -> Result<T, CodecError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(decoder))
        .unwrap_or_else(|_| Err(CodecError::Malformed("the JPEG 2000 decoder gave up on it".to_owned())))
}

fn malformed(what: &str) -> CodecError {
    CodecError::Malformed(format!("JPEG 2000: {what}"))
}

fn unsupported(what: &str) -> CodecError {
    CodecError::Unsupported(format!("JPEG 2000: {what}"))
}

/// What components are when nothing but the codestream is asked.
fn colour(components: u8, transformed: bool) -> Colour {
    match (components, transformed) {
        (1, _) => Colour::Grey,
        (3.., true) => Colour::Rgb,
        _ => Colour::Unknown,
    }
}
