//! What is asked of a rendered image (PS3.18 8.3.5.1).

use serde::{Deserialize, Serialize};

pub use crate::image::{Function, Window};

/// How an image is to be rendered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The form of the answer.
    pub output: Output,
    /// `quality`, 1 to 100: the scale of libjpeg's quantisation tables. Only of [`Output::Jpeg`].
    pub quality: u8,
    /// `viewport`, or the size of a thumbnail.
    pub viewport: Option<Viewport>,
    /// The part of the image that is shown.
    pub region: Option<Region>,
    /// `window`: replaces what the image says. Only of grey images.
    pub window: Option<Window>,
    /// `annotation`.
    pub annotation: Annotation,
    /// `iccprofile`.
    pub profile: Profile,
}

impl Request {
    /// What an image says about itself, whole, in its own size.
    pub fn new(output: Output) -> Self {
        Self {
            output,
            quality: Self::QUALITY,
            viewport: None,
            region: None,
            window: None,
            annotation: Annotation::default(),
            profile: Profile::default(),
        }
    }

    /// The quality where none is asked for.
    pub const QUALITY: u8 = 90;
}

/// The form of a rendered image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Output {
    /// Baseline JPEG, 8 bit, not progressive.
    Jpeg,
    /// PNG, 8 bit.
    Png,
    /// GIF of one frame, or a moving one of several.
    Gif,
}

impl Output {
    /// The media type.
    pub fn media(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
        }
    }

    /// Whether an ICC profile can be in it.
    pub fn takes_profile(self) -> bool {
        self != Self::Gif
    }
}

/// The box that the result is fitted into, keeping its aspect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Viewport {
    /// Most columns of the result.
    pub width: u32,
    /// Most rows.
    pub height: u32,
}

impl Viewport {
    /// Largest width and height of a viewport: beyond it is 400. So is what would have more than 2^26 pixels, 192 MiB.
    pub const MOST: u32 = 16_384;
}

/// A part of the source image.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Region {
    /// In pixels: `sx`, `sy`, `sw`, `sh` of `viewport`. What is not given reaches to the edge; a negative width or height
    /// flips.
    Pixels {
        /// First column.
        x: f64,
        /// First row.
        y: f64,
        /// Columns.
        width: Option<f64>,
        /// Rows.
        height: Option<f64>,
    },
    /// In parts of the image from 0 to 1: left, top, right, bottom (PS3.18 9.5.1.2.6).
    Fractions([f64; 4]),
}

/// `annotation`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Annotation {
    /// Who is shown.
    pub patient: bool,
    /// How it was taken, with the image's graphic overlays.
    pub technique: bool,
}

/// `iccprofile`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Profile {
    /// Not given: images with a profile become sRGB and say so, others say nothing.
    #[default]
    Unnamed,
    /// None in the result.
    No,
    /// The source's own, else sRGB.
    Yes,
    /// Converted to sRGB.
    Srgb,
    /// Converted to Adobe RGB (1998).
    AdobeRgb,
    /// Converted to ROMM RGB.
    RommRgb,
}
