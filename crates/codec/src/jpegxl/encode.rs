//! Lossless JPEG XL by `zune-jpegxl`, which writes 8 or 16 bits; the precision in between is put into its header.

use zune_core::bit_depth::BitDepth;
use zune_core::colorspace::ColorSpace;
use zune_core::options::EncoderOptions;
use zune_jpegxl::JxlSimpleEncoder;

use super::{caught, malformed, unsupported};
use crate::{CodecError, Format, Raster};

pub(super) fn encode(raster: &Raster) -> Result<Vec<u8>, CodecError> {
    let format = &raster.format;
    let colours = match format.components {
        1 => ColorSpace::Luma,
        3 => ColorSpace::RGB,
        _ => return Err(unsupported("only one or three components can be written")),
    };
    if !(1..=16).contains(&format.bits) {
        return Err(unsupported("only 1 to 16 bits can be written"));
    }
    if !(2..1 << 18).contains(&format.width) || !(2..1 << 18).contains(&format.height) {
        return Err(unsupported("only 2 to 262143 rows and columns can be written"));
    }
    if format.len() != Some(raster.samples.len() as u64) {
        return Err(malformed("other samples than the format says"));
    }
    let wide = widened(raster);
    let (samples, depth) = match &wide {
        None => (&raster.samples, BitDepth::Eight),
        Some(wide) => (wide, BitDepth::Sixteen),
    };
    let options = EncoderOptions::new(format.width as usize, format.height as usize, colours, depth);
    let mut codestream = Vec::new();
    caught(|| {
        JxlSimpleEncoder::new(samples, options.set_num_threads(1))
            .encode(&mut codestream)
            .map_err(|error| unsupported(&format!("{error:?}")))
    })?;
    if wide.is_some() {
        set_precision(&mut codestream, format);
    }
    Ok(codestream)
}

/// Samples of other than 8 bits as 16-bit words in the machine's own order; signed ones by their low bits.
fn widened(raster: &Raster) -> Option<Vec<u8>> {
    let bits = raster.format.bits;
    let mask = u16::MAX >> (16 - bits);
    let word = |sample: u16| (sample & mask).to_ne_bytes();
    match bits {
        8 => None,
        ..8 => Some(raster.samples.iter().flat_map(|sample| word(u16::from(*sample))).collect()),
        _ => {
            let samples = raster.samples.as_chunks::<2>().0.iter();
            Some(samples.flat_map(|sample| word(u16::from_le_bytes(*sample))).collect())
        }
    }
}

/// Writes the true precision over the 16 in the image header: six bits behind signature, size and flags, lowest first.
fn set_precision(codestream: &mut [u8], format: &Format) {
    let coded_length = |length: u32| match length - 1 {
        0..0x200 => 9,
        0x200..0x2000 => 13,
        _ => 18,
    };
    let at = 16 + 1 + 2 + coded_length(format.height) + 3 + 2 + coded_length(format.width) + 5;
    for bit in 0..6 {
        if let Some(byte) = codestream.get_mut((at + bit) / 8) {
            let place = 1 << ((at + bit) % 8);
            *byte = if (format.bits - 1) >> bit & 1 == 1 { *byte | place } else { *byte & !place };
        }
    }
}
