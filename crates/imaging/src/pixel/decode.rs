//! Any frame to samples that can be shown.

use codec::Limits;
use model::transfer_syntax::Syntax;

use super::colour::{Range, to_rgb};
use super::samples::{SampleColour, Samples};
use super::{Photometric, PixelError, PixelFormat, codestream};

/// The samples of one frame, ready for a grey or colour pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Samples of a pixel: 1 or 3.
    pub channels: u8,
    /// Bytes of a sample: 1, 2, 4 or 8.
    pub word: u8,
    /// Whether samples are IEEE 754 numbers, of 4 or 8 bytes.
    pub float: bool,
    /// What they are: grey, indexes of a palette, or [`Photometric::Rgb`] for every other colour.
    pub photometric: Photometric,
    /// Row by row, the samples of a pixel side by side, each little endian and the whole allocated word as stored: not
    /// masked. A pixel of one bit is a byte 0 or 1.
    pub data: Vec<u8>,
}

/// Decodes a frame of an instance in this transfer syntax. A native frame is given little endian and from bit 0 on, as
/// [`crate::frames`] cuts it; bytes behind its last pixel are passed over.
///
/// Memory: the decoded samples twice, and what the codec needs, see [`Limits`].
///
/// # Errors
/// [`PixelError`].
pub fn decode(
    syntax: Syntax,
    format: &PixelFormat,
    frame: &[u8],
    limits: &Limits,
) -> Result<Pixels, PixelError> {
    let mut samples = codestream::read(syntax, format, frame, limits)?;
    let photometric = match samples.channels {
        1 => grey(format.photometric),
        3 => {
            colour(&mut samples, format)?;
            Photometric::Rgb
        }
        channels => return Err(PixelError::Unsupported(format!("{channels} samples of a pixel"))),
    };
    Ok(Pixels {
        width: samples.columns,
        height: samples.rows,
        channels: samples.channels,
        word: samples.word,
        float: format.float,
        photometric,
        data: samples.data,
    })
}

/// One sample of a pixel is grey or an index, whatever the data set says besides.
fn grey(labelled: Photometric) -> Photometric {
    match labelled {
        Photometric::Monochrome1 | Photometric::PaletteColor => labelled,
        _ => Photometric::Monochrome2,
    }
}

/// Three samples as red, green and blue, in place.
pub(crate) fn colour(samples: &mut Samples, format: &PixelFormat) -> Result<(), PixelError> {
    use Photometric::{YbrFull, YbrFull422, YbrPartial420, YbrPartial422};
    match (samples.colour, format.photometric) {
        (SampleColour::Rgb, _) => Ok(()),
        (SampleColour::Ycc, _) | (SampleColour::AsLabelled, YbrFull | YbrFull422) => {
            to_rgb(samples, Range::Full, format.bits_stored)
        }
        (SampleColour::AsLabelled, YbrPartial422 | YbrPartial420) => {
            to_rgb(samples, Range::Studio, format.bits_stored)
        }
        // The transforms of JPEG 2000 are the decoder's; where it found none, none was used.
        (SampleColour::AsLabelled, _) => Ok(()),
    }
}
