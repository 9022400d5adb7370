//! From a frame's codestream to its samples: which decoder reads which transfer syntax.

use std::io::Read;

use codec::jpeg::{Marks, Process};
use codec::{CodecError, Format, Limits, jpeg, jpeg2000, jpegls, jpegxl, rle};
use flate2::read::DeflateDecoder;
use model::transfer_syntax::{Pixels, Syntax};

use super::samples::{SampleColour, Samples};
use super::{Photometric, PixelError, PixelFormat, native};

/// What the frames of a transfer syntax are coded in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Family {
    /// Bare pixels, also in fragments.
    Native,
    /// Bare pixels, each frame a raw deflate stream (RFC 1951).
    Deflated,
    /// PackBits by byte plane.
    Rle,
    /// ITU-T T.81 with its cosine transform.
    JpegDct,
    /// ITU-T T.81 without loss.
    JpegLossless,
    /// ITU-T T.87.
    JpegLs,
    /// ITU-T T.800 and T.814.
    Jpeg2000,
    /// ISO/IEC 18181.
    JpegXl,
    /// Nothing here reads it: video, Part 2 of JPEG 2000, some retired processes of T.81.
    Unread,
}

impl Family {
    /// Of a transfer syntax.
    pub(crate) fn of(syntax: Syntax) -> Self {
        if syntax.pixels == Pixels::Native {
            return Self::Native;
        }
        match syntax.uid.strip_prefix("1.2.840.10008.1.2.").unwrap_or_default() {
            "1.98" => Self::Native,
            "8.1" => Self::Deflated,
            "5" => Self::Rle,
            "4.57" | "4.70" => Self::JpegLossless,
            // With arithmetic or hierarchical coding, all retired.
            "4.52" | "4.54" | "4.56" | "4.58" | "4.59" | "4.60" | "4.61" | "4.62" | "4.63" | "4.64"
            | "4.65" | "4.66" => Self::Unread,
            "4.80" | "4.81" => Self::JpegLs,
            "4.90" | "4.91" | "4.201" | "4.202" | "4.203" => Self::Jpeg2000,
            "4.110" | "4.111" | "4.112" => Self::JpegXl,
            _ if syntax.media_type == "image/jpeg" => Self::JpegDct,
            _ => Self::Unread,
        }
    }

    /// Whether frames of this format may be coded so: reals are always bare, and single bits mostly.
    pub(crate) fn holds(self, format: &PixelFormat) -> bool {
        match self {
            Self::Native | Self::Deflated => true,
            Self::Rle | Self::Jpeg2000 => !format.float,
            Self::JpegDct | Self::JpegLossless | Self::JpegLs | Self::JpegXl | Self::Unread => {
                !format.float && format.bits_allocated > 1
            }
        }
    }

    /// Whether frames of it can be decoded.
    pub(crate) fn is_read(self) -> bool {
        !matches!(self, Self::Unread)
    }
}

/// The samples of a frame as it is stored. A native one is little endian and begins at bit 0.
///
/// What the codestream says of itself is compared with the data set before anything is decoded.
pub(crate) fn read(
    syntax: Syntax,
    format: &PixelFormat,
    frame: &[u8],
    limits: &Limits,
) -> Result<Samples, PixelError> {
    let family = Family::of(syntax);
    if !matches!(family, Family::Native | Family::Deflated) {
        format.admitted(limits)?;
        if !family.holds(format) {
            return Err(PixelError::Unsupported(format!("{} of single bits or reals", syntax.name)));
        }
    }
    match family {
        Family::Native => native::read(format, frame, limits),
        Family::Deflated => native::read(format, &inflated(format, frame, limits)?, limits),
        // Bits are coded as the bytes that they are packed into.
        Family::Rle if format.bits_allocated == 1 => {
            let bytes =
                format.frame_bits().map(|bits| bits.div_ceil(8)).and_then(|bytes| u32::try_from(bytes).ok());
            let width = bytes.ok_or(PixelError::TooLarge { limit: limits.decoded })?;
            let row = Format { width, height: 1, components: 1, bits: 8, signed: false };
            native::read(format, &rle::decode(frame, &row, limits)?.samples, limits)
        }
        Family::Rle => {
            let raster = rle::decode(frame, &shape(format), limits)?;
            Samples::of_raster(raster, format)
        }
        Family::JpegDct | Family::JpegLossless => jpeg_samples(format, frame, limits),
        Family::JpegLs => {
            format.check(&jpegls::head(frame)?.format)?;
            Samples::of_raster(jpegls::decode(frame, limits)?, format)
        }
        Family::Jpeg2000 => {
            format.check(&jpeg2000::head(frame)?.format)?;
            Samples::of_raster(jpeg2000::decode(frame, limits)?, format)
        }
        Family::JpegXl => {
            format.check(&jpegxl::head(frame)?.format)?;
            Samples::of_raster(jpegxl::decode(frame, limits)?, format)
        }
        Family::Unread => Err(PixelError::Unsupported(format!("there is no decoder for {}", syntax.name))),
    }
}

/// What the data set says of a frame, for codestreams that do not say it themselves: all allocated bits.
fn shape(format: &PixelFormat) -> Format {
    Format {
        width: format.columns,
        height: format.rows,
        components: format.samples,
        bits: format.bits_allocated,
        signed: false,
    }
}

fn jpeg_samples(format: &PixelFormat, frame: &[u8], limits: &Limits) -> Result<Samples, PixelError> {
    let head = jpeg::head(frame)?;
    // A height of 0 is told behind the samples (DNL).
    if head.format.height > 0 {
        format.check(&head.format)?;
    }
    let samples = Samples::of_raster(jpeg::decode(frame, limits)?, format)?;
    match head.process {
        // Nothing transforms colour on the way into a lossless codestream, whatever its marks say.
        Process::Lossless { .. } => Ok(samples.labelled(SampleColour::AsLabelled)),
        _ if format.photometric == Photometric::Rgb && is_unmarked(&head.marks) => {
            Ok(samples.labelled(SampleColour::Rgb))
        }
        Process::Baseline | Process::Extended | Process::Progressive => Ok(samples),
    }
}

/// Whether nothing in a codestream tells its colour: no segment does, and its components are not numbered as JFIF numbers
/// YCbCr. Then the data set is believed, though not against such numbers: many call RGB what is not.
fn is_unmarked(marks: &Marks) -> bool {
    !marks.jfif && marks.adobe.is_none() && !marks.ids.starts_with(&[1, 2, 3])
}

/// A deflated frame, as far as its format says that it goes.
fn inflated(format: &PixelFormat, frame: &[u8], limits: &Limits) -> Result<Vec<u8>, PixelError> {
    format.admitted(limits)?;
    let too_large = PixelError::TooLarge { limit: limits.decoded };
    let bytes = format.frame_bits().ok_or(too_large)?.div_ceil(8);
    let mut out = Vec::new();
    let read = DeflateDecoder::new(frame).take(bytes).read_to_end(&mut out);
    read.map_err(|error| CodecError::Malformed(format!("a deflated frame: {error}")))?;
    Ok(out)
}
