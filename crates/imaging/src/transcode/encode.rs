//! Samples as frames of the transfer syntaxes that can be written.

use codec::jpeg::Subsampling;
use codec::{Colour, Format, Raster, jpeg, jpeg2000, jpegls, jpegxl, rle};
use model::transfer_syntax::Syntax;

use crate::pixel::samples::Samples;
use crate::pixel::{Photometric, PixelError, PixelFormat, native};

/// Quality of baseline JPEG, on libjpeg's scale of 1 to 100: what is lost is hard to see.
const QUALITY: u8 = 90;

/// What can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// One value, no frame boundaries.
    Native,
    /// Bare pixels, a fragment for each frame.
    EncapsulatedNative,
    /// JPEG Lossless, First-Order Prediction.
    JpegLossless,
    /// JPEG-LS Lossless.
    JpegLs,
    /// JPEG 2000 Lossless.
    Jpeg2000,
    /// JPEG XL Lossless.
    JpegXl,
    /// RLE Lossless.
    Rle,
    /// JPEG Baseline, lossy.
    JpegBaseline,
}

impl Target {
    /// By transfer syntax; the lossy one last, so that nothing but its name means it.
    pub(super) const ALL: &[(&str, Self)] = &[
        ("1.2.840.10008.1.2.1", Self::Native),
        ("1.2.840.10008.1.2.1.98", Self::EncapsulatedNative),
        ("1.2.840.10008.1.2.4.70", Self::JpegLossless),
        ("1.2.840.10008.1.2.4.80", Self::JpegLs),
        ("1.2.840.10008.1.2.4.90", Self::Jpeg2000),
        ("1.2.840.10008.1.2.4.110", Self::JpegXl),
        ("1.2.840.10008.1.2.5", Self::Rle),
        ("1.2.840.10008.1.2.4.50", Self::JpegBaseline),
    ];

    pub(super) fn of(syntax: Syntax) -> Option<Self> {
        Self::ALL.iter().find(|(uid, _)| *uid == syntax.uid).map(|(_, target)| *target)
    }

    /// Whether decoded samples like these can be written without losing a bit, or, where the syntax is lossy, without
    /// losing depth.
    pub(super) fn holds(self, format: &PixelFormat) -> bool {
        let planes = u16::from(format.samples) * u16::from(format.word());
        let small = format.rows <= 65_535 && format.columns <= 65_535;
        match self {
            Self::Native => true,
            // Reals are never in fragments.
            Self::EncapsulatedNative => !format.float,
            Self::Rle => matches!(format.bits_allocated, 8 | 16 | 32) && !format.float && planes <= 15,
            Self::JpegLossless | Self::JpegLs => {
                matches!(format.bits_allocated, 8 | 16) && matches!(format.samples, 1 | 3) && small
            }
            Self::Jpeg2000 => {
                let small = format.rows <= 32_768 && format.columns <= 32_768;
                matches!(format.bits_allocated, 8 | 16) && matches!(format.samples, 1 | 3) && small
            }
            // The encoder has no single row or column, and three samples are red, green and blue to every reader.
            Self::JpegXl => {
                let rgb = format.samples == 1 || format.photometric == Photometric::Rgb;
                let large = format.rows > 1 && format.columns > 1 && rgb;
                matches!(format.bits_allocated, 8 | 16) && matches!(format.samples, 1 | 3) && large
            }
            Self::JpegBaseline => {
                let eight = format.bits_allocated == 8 && format.bits_stored == 8 && !format.signed;
                eight && small && is_continuous(format)
            }
        }
    }

    /// Whether pixels lie bare.
    pub(super) fn is_bare(self) -> bool {
        matches!(self, Self::Native | Self::EncapsulatedNative)
    }

    /// Whether something is lost.
    pub(super) fn loses(self) -> bool {
        match self {
            Self::JpegBaseline => true,
            Self::Native
            | Self::EncapsulatedNative
            | Self::JpegLossless
            | Self::JpegLs
            | Self::Jpeg2000
            | Self::JpegXl
            | Self::Rle => false,
        }
    }

    /// Whether Planar Configuration may be 1: a codestream has no planes to be told of.
    pub(super) fn may_be_planar(self) -> bool {
        match self {
            Self::Native | Self::EncapsulatedNative | Self::Rle => true,
            Self::JpegLossless | Self::JpegLs | Self::Jpeg2000 | Self::JpegXl | Self::JpegBaseline => false,
        }
    }

    /// Photometric Interpretation of what is written of decoded samples of this one.
    pub(super) fn photometric(self, decoded: Photometric) -> Photometric {
        match (self, decoded) {
            (Self::JpegBaseline, Photometric::Rgb | Photometric::YbrFull) => Photometric::YbrFull422,
            // Its encoder transforms what is RGB.
            (Self::Jpeg2000, Photometric::Rgb) => Photometric::YbrRct,
            (_, decoded) => decoded,
        }
    }

    /// A frame. `format` is what the data set will say, `colour` what the samples are.
    pub(super) fn write(
        self,
        samples: Samples,
        colour: Photometric,
        format: &PixelFormat,
    ) -> Result<Vec<u8>, PixelError> {
        let colour = match colour {
            _ if samples.channels == 1 => Colour::Grey,
            Photometric::Rgb => Colour::Rgb,
            Photometric::YbrFull => Colour::Ycc,
            _ => Colour::Unknown,
        };
        Ok(match self {
            Self::Native | Self::EncapsulatedNative => native::write(samples, format),
            Self::Rle => rle::encode(&raster(samples, colour, format.bits_allocated))?,
            Self::JpegLossless => jpeg::encode_lossless(&tight(samples, colour, format))?,
            Self::JpegLs => jpegls::encode(&tight(samples, colour, format), 0)?,
            Self::Jpeg2000 => jpeg2000::encode_lossless(&with_sign(samples, colour, format))?,
            Self::JpegXl => jpegxl::encode_lossless(&tight(samples, colour, format))?,
            Self::JpegBaseline => {
                let raster = raster(samples, colour, format.bits_allocated);
                jpeg::encode_baseline(&raster, QUALITY, Subsampling::Columns, None)?
            }
        })
    }
}

/// Whether neighbouring values look alike: indexes of a palette do not.
fn is_continuous(format: &PixelFormat) -> bool {
    use Photometric::{Monochrome1, Monochrome2, Rgb, YbrFull};
    match format.samples {
        1 => matches!(format.photometric, Monochrome1 | Monochrome2),
        3 => matches!(format.photometric, Rgb | YbrFull),
        _ => false,
    }
}

/// Samples for a codec that knows signs, in as few bits as give all of them back: Bits Stored where those above them
/// repeat the sign.
fn with_sign(samples: Samples, colour: Colour, format: &PixelFormat) -> Raster {
    if !format.signed {
        return tight(samples, colour, format);
    }
    let unused = 16 - u32::from(format.bits_stored.clamp(2, 16));
    let repeats = |value: i16| (value << unused) >> unused == value;
    let fits = match samples.word {
        1 => samples.data.iter().all(|&sample| repeats(i16::from(sample.cast_signed()))),
        _ => samples.data.chunks_exact(2).all(|sample| match sample {
            &[low, high] => repeats(i16::from_le_bytes([low, high])),
            _ => false,
        }),
    };
    let bits = if fits { format.bits_stored.max(2) } else { format.bits_allocated };
    let raster = raster(samples, colour, bits);
    Raster { format: Format { signed: true, ..raster.format }, ..raster }
}

/// Samples for a codec that does not know signs, in as few bits as give all of them back: Bits Stored where nothing
/// lies above them, else all that are allocated.
fn tight(samples: Samples, colour: Colour, format: &PixelFormat) -> Raster {
    let stored = format.bits_stored.max(2);
    let fits = match (samples.word, format.signed) {
        // The sign reaches up to the last allocated bit.
        (_, true) => false,
        (1, _) => samples.data.iter().all(|&sample| u16::from(sample) >> stored.min(15) == 0),
        (_, _) => samples.data.chunks_exact(2).all(|sample| match sample {
            &[low, high] => u32::from(u16::from_le_bytes([low, high])) >> stored == 0,
            _ => false,
        }),
    };
    raster(samples, colour, if fits { stored } else { format.bits_allocated })
}

/// Samples for a codec, `bits` of each: those of at most 8 in a byte each.
fn raster(samples: Samples, colour: Colour, bits: u8) -> Raster {
    let Samples { columns, rows, channels, word, data, .. } = samples;
    let format = Format { width: columns, height: rows, components: channels, bits, signed: false };
    let samples = match (word, format.sample_bytes()) {
        (2, 1) => data.into_iter().step_by(2).collect(),
        _ => data,
    };
    Raster { format, colour, samples }
}
