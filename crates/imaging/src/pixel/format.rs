//! What a data set says about the samples of its frames (PS3.3 C.7.6.3).

use serde::{Deserialize, Serialize};

/// The Image Pixel Description (PS3.3 C.7.6.3) of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PixelFormat {
    /// Rows (0028,0010), from 1 on.
    pub rows: u32,
    /// Columns (0028,0011), from 1 on.
    pub columns: u32,
    /// Samples per Pixel (0028,0002): 1, 3 or 4.
    pub samples: u8,
    /// Bits Allocated (0028,0100): 1, 8, 16, 32 or 64.
    pub bits_allocated: u8,
    /// Bits Stored (0028,0101), at most Bits Allocated.
    pub bits_stored: u8,
    /// High Bit (0028,0102).
    pub high_bit: u8,
    /// Pixel Representation (0028,0103) is 1: two's complement.
    pub signed: bool,
    /// Planar Configuration (0028,0006) is 1: colour by plane.
    pub planar: bool,
    /// Photometric Interpretation (0028,0004).
    pub photometric: Photometric,
    /// Float (7FE0,0008) or Double Float Pixel Data (7FE0,0009), by Bits Allocated.
    pub float: bool,
}

/// Photometric Interpretation (PS3.3 C.7.6.3.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Photometric {
    /// Low values are white.
    Monochrome1,
    /// Low values are black.
    Monochrome2,
    /// Values are indexes of three tables.
    PaletteColor,
    /// Red, green, blue.
    Rgb,
    /// Luminance and chrominance, full range.
    YbrFull,
    /// The same, chrominance once for two pixels.
    YbrFull422,
    /// Studio range, chrominance once for two pixels.
    YbrPartial422,
    /// Studio range, chrominance once for four pixels.
    YbrPartial420,
    /// The irreversible transform of JPEG 2000.
    YbrIct,
    /// The reversible transform of JPEG 2000.
    YbrRct,
    /// Retired or unknown ones, of which nothing is assumed.
    Other,
}

impl Photometric {
    /// The defined term, trimmed; unknown ones are [`Photometric::Other`].
    pub fn from_term(term: &str) -> Self {
        match term.trim() {
            "MONOCHROME1" => Self::Monochrome1,
            "MONOCHROME2" => Self::Monochrome2,
            "PALETTE COLOR" => Self::PaletteColor,
            "RGB" => Self::Rgb,
            "YBR_FULL" => Self::YbrFull,
            "YBR_FULL_422" => Self::YbrFull422,
            "YBR_PARTIAL_422" => Self::YbrPartial422,
            "YBR_PARTIAL_420" => Self::YbrPartial420,
            "YBR_ICT" => Self::YbrIct,
            "YBR_RCT" => Self::YbrRct,
            _ => Self::Other,
        }
    }

    /// The defined term; `None` for [`Photometric::Other`].
    pub fn term(self) -> Option<&'static str> {
        Some(match self {
            Self::Monochrome1 => "MONOCHROME1",
            Self::Monochrome2 => "MONOCHROME2",
            Self::PaletteColor => "PALETTE COLOR",
            Self::Rgb => "RGB",
            Self::YbrFull => "YBR_FULL",
            Self::YbrFull422 => "YBR_FULL_422",
            Self::YbrPartial422 => "YBR_PARTIAL_422",
            Self::YbrPartial420 => "YBR_PARTIAL_420",
            Self::YbrIct => "YBR_ICT",
            Self::YbrRct => "YBR_RCT",
            Self::Other => return None,
        })
    }
}
