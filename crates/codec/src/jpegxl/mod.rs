//! JPEG XL (ISO/IEC 18181): a codestream, bare or in its container, decoded by `jxl`, the JPEG XL project's own decoder
//! in Rust, which browsers use, and written without loss by `zune-jpegxl`.

mod encode;

use jxl::api::{
    Endianness, Event, JxlBasicInfo, JxlBitDepth, JxlColorEncoding, JxlColorProfile, JxlColorType,
    JxlDataFormat, JxlDecoder, JxlDecoderOptions, JxlOutputBuffer, JxlPixelFormat, ProfileLevel,
};

use crate::{CodecError, Colour, Format, Limits, Raster};

/// What a codestream says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The shape after decoding. JPEG XL has no signed samples.
    pub format: Format,
    /// Grey, or red, green and blue: the decoder converts everything else.
    pub colour: Colour,
    /// Whether samples are kept in the colour space they came in, which lossless coding needs. It is not enough for it.
    pub original: bool,
}

/// What the codestream says of itself.
///
/// # Errors
/// [`CodecError::Malformed`] for a header that is none, [`CodecError::Unsupported`] for float samples, more than 16 bits
/// and extra channels.
pub fn head(bytes: &[u8]) -> Result<Head, CodecError> {
    caught(|| start(bytes, None).map(|(_, head, _)| head))
}

/// Decodes the first frame, in the codestream's own orientation. Integers of lossless codestreams come back as they were.
///
/// # Errors
/// As [`head`], [`CodecError::TooLarge`] beyond `limits`, and [`CodecError::Malformed`] for coded data that is cut short
/// or that the decoder refuses.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Raster, CodecError> {
    caught(|| {
        let (mut decoder, head, mut rest) = start(bytes, Some(limits))?;
        let length = limits.admit(&head.format)?;
        let mut samples = vec![0; length];
        let rows = head.format.height as usize;
        loop {
            let mut buffers = [JxlOutputBuffer::new(&mut samples, rows, length / rows)];
            match decoder.process(&mut rest, Some(&mut buffers), None).map_err(refused)? {
                Event::FrameComplete { .. } | Event::Complete => break,
                Event::NeedMoreInput { .. } => return Err(malformed("cut short")),
                _ => {}
            }
        }
        Ok(Raster { format: head.format, colour: head.colour, samples })
    })
}

/// Encodes a frame without loss. Codestreams have no signed samples: of those the low bits are written.
///
/// # Errors
/// [`CodecError::Unsupported`] for other than one or three components, more than 16 bits, and a single row or column;
/// [`CodecError::Malformed`] when there are other samples than the format says.
pub fn encode_lossless(raster: &Raster) -> Result<Vec<u8>, CodecError> {
    encode::encode(raster)
}

/// A decoder that has read the headers and knows its output, and the input that is left.
fn start<'a>(bytes: &'a [u8], limits: Option<&Limits>) -> Result<(JxlDecoder, Head, &'a [u8]), CodecError> {
    let mut options = JxlDecoderOptions::default();
    options.adjust_orientation = false;
    options.high_precision = true;
    options.max_profile_level = ProfileLevel::Main10;
    // The library counts samples of all its planes, also those that colour transforms add to small images.
    options.sample_limit =
        limits.map(|limits| usize::try_from(limits.decoded.max(1 << 20)).unwrap_or(usize::MAX));
    let mut decoder = JxlDecoder::new(options);
    let mut rest = bytes;
    loop {
        let event = decoder.process(&mut rest, None, None).map_err(|error| match (error, limits) {
            (jxl::error::Error::ImageSizeTooLarge(..), Some(limits)) => {
                CodecError::TooLarge { limit: limits.decoded }
            }
            (error, _) => refused(error),
        })?;
        match event {
            Event::BasicInfo => break,
            Event::NeedMoreInput { .. } | Event::Complete => {
                return Err(malformed("cut short in its headers"));
            }
            _ => {}
        }
    }
    let info = decoder.basic_info().ok_or_else(|| malformed("no header"))?;
    let grey = match decoder.embedded_color_profile() {
        Some(JxlColorProfile::Simple(encoding)) => {
            matches!(encoding, JxlColorEncoding::GrayscaleColorSpace { .. })
        }
        Some(JxlColorProfile::Icc(profile)) => profile.get(16..20) == Some(b"GRAY"),
        None => return Err(malformed("no colour encoding")),
    };
    let head = describe(info, grey)?;
    let bit_depth = head.format.bits;
    let data = match head.format.sample_bytes() {
        1 => JxlDataFormat::U8 { bit_depth },
        _ => JxlDataFormat::U16 { endianness: Endianness::LittleEndian, bit_depth },
    };
    decoder
        .set_pixel_format(JxlPixelFormat {
            color_type: if grey { JxlColorType::Grayscale } else { JxlColorType::Rgb },
            color_data_format: Some(data),
            extra_channel_format: Vec::new(),
        })
        .map_err(refused)?;
    Ok((decoder, head, rest))
}

fn describe(info: &JxlBasicInfo, grey: bool) -> Result<Head, CodecError> {
    let bits = match info.bit_depth {
        JxlBitDepth::Int { bits_per_sample: bits @ 1..=16 } => bits as u8,
        _ => return Err(unsupported("samples of other than 1 to 16 integer bits")),
    };
    if !info.extra_channels.is_empty() {
        return Err(unsupported("extra channels"));
    }
    let (width, height) = info.size;
    let length = |pixels: usize| u32::try_from(pixels).map_err(|_| malformed("an absurd size"));
    let components = if grey { 1 } else { 3 };
    let format = Format { width: length(width)?, height: length(height)?, components, bits, signed: false };
    let colour = if grey { Colour::Grey } else { Colour::Rgb };
    Ok(Head { format, colour, original: info.uses_original_profile })
}

/// Runs the library; a panic in there becomes an error.
fn caught<T>(run: impl FnOnce() -> Result<T, CodecError>) -> Result<T, CodecError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run))
        .unwrap_or_else(|_| Err(malformed("its codec gave up on it")))
}

fn refused(error: jxl::error::Error) -> CodecError {
    malformed(&error.to_string())
}

fn malformed(what: &str) -> CodecError {
    CodecError::Malformed(format!("JPEG XL: {what}"))
}

fn unsupported(what: &str) -> CodecError {
    CodecError::Unsupported(format!("JPEG XL: {what}"))
}
