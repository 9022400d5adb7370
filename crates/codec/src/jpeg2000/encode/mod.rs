//! Lossless T.800: one tile, one quality layer, resolutions first by layer (LRCP), the reversible 5/3 wavelet and, for
//! red, green and blue, the reversible component transformation. Nothing in here sees outside bytes.
//!
//! | file | clause |
//! |---|---|
//! | `planes` | G.1, G.2: level shift and component transformation |
//! | `wavelet` | F.4: the forward 5/3 transformation |
//! | `block`, `mq` | D and C: the bit planes of a code block, arithmetically coded |
//! | `packet` | B.9, B.10: packet headers with their tag trees |
//! | `markers` | A: the codestream around the packets |

mod block;
mod markers;
mod mq;
mod packet;
mod planes;
mod wavelet;

use super::{malformed, unsupported};
use crate::{CodecError, Colour, Format, Raster};
use block::{Coded, Orientation};
use wavelet::Area;

/// The exponent of a code block's width and height.
const BLOCK: u32 = 6;
/// The usual guard bits. Few are more than two: in images of hardly a bit, where rounding is much.
const GUARD_BITS: u32 = 2;
/// Encodes without loss.
pub(super) fn lossless(raster: &Raster) -> Result<Vec<u8>, CodecError> {
    let style = Style::of(raster)?;
    let transformed: Vec<_> =
        planes::planes(raster, &style).into_iter().map(|plane| wavelet::forward(plane, &style)).collect();
    // In the order of their packets: by resolution, then by component.
    let bands: Vec<Vec<Band>> = (0..=style.levels)
        .flat_map(|resolution| transformed.iter().map(move |plane| plane.bands(resolution, style.levels)))
        .map(|areas| areas.into_iter().map(|(orientation, area)| Band::code(orientation, &area)).collect())
        .collect();
    let guard_bits = bands.iter().flatten().map(|band| band.guard_bits(&style)).fold(GUARD_BITS, u32::max);
    let packets: Vec<u8> = bands
        .iter()
        .flat_map(|bands| packet::bytes(bands, |band| style.bit_planes(band, guard_bits)))
        .collect();
    markers::codestream(&style, guard_bits, &packets)
}

/// How a frame is coded.
struct Style {
    format: Format,
    /// Decompositions of the wavelet.
    levels: u8,
    /// Whether the first three components are transformed.
    transformed: bool,
}

impl Style {
    fn of(raster: &Raster) -> Result<Self, CodecError> {
        let format = raster.format;
        if !(1..=16).contains(&format.bits) || !(1..=4).contains(&format.components) {
            return Err(unsupported("only 1 to 16 bits and 1 to 4 components can be written"));
        }
        if format.width > 1 << 15 || format.height > 1 << 15 {
            return Err(unsupported("only up to 32768 rows and columns can be written"));
        }
        if format.is_empty() || format.len() != Some(raster.samples.len() as u64) {
            return Err(malformed("other samples than the format says"));
        }
        let shorter = format.width.min(format.height);
        let transformed = raster.colour == Colour::Rgb && format.components >= 3;
        Ok(Self { format, levels: shorter.ilog2().min(5) as u8, transformed })
    }

    /// The exponent of a band's range (E.1.1): the samples' bits, one more after the component transformation, and the
    /// band's gain.
    fn exponent(&self, orientation: Orientation) -> u32 {
        u32::from(self.format.bits) + u32::from(self.transformed) + orientation.gain()
    }

    /// The bit planes that a band may have (E-2).
    fn bit_planes(&self, orientation: Orientation, guard_bits: u32) -> u32 {
        guard_bits + self.exponent(orientation) - 1
    }
}

/// A coded band.
struct Band {
    orientation: Orientation,
    /// Code blocks across and down.
    size: [usize; 2],
    blocks: Vec<Coded>,
}

impl Band {
    fn code(orientation: Orientation, area: &Area) -> Self {
        let size = area.size().map(|length| length.div_ceil(1 << BLOCK));
        Self {
            orientation,
            size,
            blocks: area.blocks(1 << BLOCK).map(|block| block::encode(&block, orientation)).collect(),
        }
    }

    /// The guard bits that its largest coefficient asks for.
    fn guard_bits(&self, style: &Style) -> u32 {
        let planes = self.blocks.iter().map(|block| block.planes).max().unwrap_or(0);
        (planes + 1).saturating_sub(style.exponent(self.orientation))
    }
}
