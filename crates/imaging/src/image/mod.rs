//! What an instance's data set says about how a frame of it is to be shown.
//!
//! [`Image::read`] takes the DICOM JSON of the instance and the values that it names by URI ([`wants`]); functional
//! groups of a frame come before shared ones, and those before the data set itself (PS3.3 C.7.6.16).

mod attributes;
mod captions;
mod groups;
mod lut;
mod overlay;
mod palette;
mod shutter;
mod state;
pub(crate) mod tag;
mod voi;

pub use attributes::{Attributes, Bulk};
pub use captions::Captions;
pub(crate) use captions::{date, person, time};
pub use lut::Lut;
pub use overlay::Overlay;
pub use palette::Palette;
pub use shutter::Shutter;
pub use state::{Area, AreaSize, Drawing, Figure, Label, Reference, State, Units, references};
pub use voi::{Function, Voi, Window};

use groups::Groups;

use crate::pixel::{Photometric, PixelFormat};

/// Why the data set does not say how it is to be shown (422).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// PALETTE COLOR, and a table is missing or broken.
    #[error("a colour palette of the image is missing or broken")]
    Palette,
}

/// How one frame is to be shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// Its samples.
    pub format: PixelFormat,
    /// From stored values to what the modality means by them.
    pub modality: Modality,
    /// From there to grey; `None` leaves it to the frame's own values.
    pub voi: Option<Voi>,
    /// From there to what is shown.
    pub presentation: Presentation,
    /// Stored values that stand for no pixel, from and to (PS3.3 C.7.5.1.1.2).
    pub padding: Option<(f64, f64)>,
    /// The colours of PALETTE COLOR; of a grey image those above [`Palette::first`].
    pub palette: Option<Palette>,
    /// The height of a pixel by its width, 1 where nothing is said.
    pub aspect: f64,
    /// ICC Profile (0028,2000).
    pub icc: Option<Vec<u8>>,
    /// Graphic overlays (PS3.3 C.9.2).
    pub overlays: Vec<Overlay>,
    /// Display Shutter (PS3.3 C.7.6.11).
    pub shutter: Option<Shutter>,
    /// Who and how, in words.
    pub captions: Captions,
    /// Hundredths of a second that the frame is shown in a moving picture.
    pub delay: u16,
}

/// From stored values to the modality's (PS3.3 C.11.1).
#[derive(Clone, Debug, PartialEq)]
pub enum Modality {
    /// `slope` times the stored value plus `intercept`.
    Rescale {
        /// Rescale Slope (0028,1053).
        slope: f64,
        /// Rescale Intercept (0028,1052).
        intercept: f64,
    },
    /// Modality LUT Sequence (0028,3000).
    Lut(Lut),
}

/// From grey to what is shown (PS3.3 C.11.6).
#[derive(Clone, Debug, PartialEq)]
pub enum Presentation {
    /// High values are white.
    Identity,
    /// High values are black.
    Inverse,
    /// Presentation LUT Sequence (2050,0010).
    Lut(Lut),
}

/// Whether a value named by URI is needed to show an image or a document; `path` is what follows `bulkdata/`.
pub fn wants(path: &str) -> bool {
    let tag = path.rsplit('/').next().unwrap_or(path);
    let overlay = tag.len() == 8 && tag.starts_with("60") && tag.ends_with("3000") && !path.contains('/');
    overlay
        || matches!(
            tag,
            tag::LUT_DATA | tag::LUT_DESCRIPTOR | tag::ICC_PROFILE | tag::GRAPHIC_DATA | tag::TEXT_VALUE
        )
        || (tag.starts_with("002812") && tag.len() == 8)
}

impl Image {
    /// Reads what concerns frame `number` (from 1).
    ///
    /// # Errors
    /// [`ImageError`].
    pub fn read(all: &Attributes<'_>, format: PixelFormat, number: u32) -> Result<Self, ImageError> {
        let groups = Groups::of(all, number);
        let modality = Modality::read(&groups.of_group(tag::PIXEL_VALUE_TRANSFORMATION), format.signed);
        let negative = modality.may_be_negative(&format);
        let voi = Voi::read(&groups.of_group(tag::FRAME_VOI), negative).or_else(|| Voi::read(all, negative));
        let grey = matches!(format.photometric, Photometric::Monochrome1 | Photometric::Monochrome2);
        let supplemental = grey
            && all.has(tag::RED_DESCRIPTOR)
            && all.text(tag::PIXEL_PRESENTATION).is_some_and(|text| matches!(&*text, "COLOR" | "MIXED"));
        let palette = match format.photometric {
            Photometric::PaletteColor => Some(Palette::read(all, format.signed)?),
            _ if supplemental => Palette::read(all, format.signed).ok(),
            _ => None,
        };
        Ok(Self {
            presentation: Presentation::of(all, format.photometric),
            padding: padding(all, &format),
            aspect: aspect(all, &groups),
            icc: icc(all),
            overlays: overlay::read(all, number),
            shutter: Shutter::read(&groups.of_group(tag::FRAME_SHUTTER)),
            captions: Captions::read(all, number),
            delay: delay(all),
            format,
            modality,
            voi,
            palette,
        })
    }
}

impl Modality {
    /// The Modality LUT of an item, or its rescale; identity where it has none.
    pub(crate) fn read(item: &Attributes<'_>, signed: bool) -> Self {
        let lut = item.first(tag::MODALITY_LUT).and_then(|lut| Lut::read(&lut, signed));
        lut.map_or_else(
            || Self::Rescale {
                slope: item.number(tag::RESCALE_SLOPE).filter(|slope| *slope != 0.0).unwrap_or(1.0),
                intercept: item.number(tag::RESCALE_INTERCEPT).unwrap_or(0.0),
            },
            Self::Lut,
        )
    }

    /// The modality's value.
    pub fn value(&self, stored: f64) -> f64 {
        match self {
            Self::Rescale { slope, intercept } => slope * stored + intercept,
            Self::Lut(lut) => f64::from(lut.entry(stored)),
        }
    }

    /// Whether values below zero can come out.
    fn may_be_negative(&self, format: &PixelFormat) -> bool {
        match self {
            Self::Lut(_) => false,
            Self::Rescale { slope, intercept } => format.signed || *intercept < 0.0 || *slope < 0.0,
        }
    }
}

impl Presentation {
    /// MONOCHROME1 and a shape of INVERSE say the same, so both together invert once (PS3.3 C.7.6.3.1.2, C.11.6).
    fn of(all: &Attributes<'_>, photometric: Photometric) -> Self {
        let inverse = all.text(tag::PRESENTATION_LUT_SHAPE).is_some_and(|shape| shape == "INVERSE");
        match photometric == Photometric::Monochrome1 || inverse {
            true => Self::Inverse,
            false => Self::Identity,
        }
    }
}

/// Pixel Padding Value (0028,0120) and Range Limit (0028,0121), or those of float pixels, in stored values.
fn padding(all: &Attributes<'_>, format: &PixelFormat) -> Option<(f64, f64)> {
    let (value, limit) = match (format.float, format.bits_allocated) {
        (false, _) => (tag::PADDING, tag::PADDING_LIMIT),
        (true, 64) => (tag::DOUBLE_PADDING, tag::DOUBLE_PADDING_LIMIT),
        (true, _) => (tag::FLOAT_PADDING, tag::FLOAT_PADDING_LIMIT),
    };
    // Written unsigned although pixels are signed: two's complement of the word.
    let meant = |number: f64| match format.signed && !format.float && number > 32_767.0 {
        true if format.bits_allocated <= 16 => number - 65_536.0,
        _ => number,
    };
    let first = meant(all.number(value)?);
    let last = all.number(limit).map_or(first, meant);
    Some((first.min(last), first.max(last)))
}

/// Height by width of a pixel: Pixel Aspect Ratio (0028,0034), else the first spacing there is.
fn aspect(all: &Attributes<'_>, groups: &Groups<'_>) -> f64 {
    let measures = groups.of_group(tag::PIXEL_MEASURES);
    let pairs = [
        all.numbers(tag::PIXEL_ASPECT_RATIO),
        measures.numbers(tag::PIXEL_SPACING),
        all.numbers(tag::PIXEL_SPACING),
        all.numbers(tag::IMAGER_PIXEL_SPACING),
        all.numbers(tag::NOMINAL_PIXEL_SPACING),
    ];
    pairs.iter().find_map(|pair| ratio(pair)).unwrap_or(1.0)
}

/// The ratio of two numbers, where it is one that a pixel can have.
fn ratio(pair: &[f64]) -> Option<f64> {
    let [vertical, horizontal] = *pair else { return None };
    let ratio = vertical / horizontal;
    (vertical > 0.0 && horizontal > 0.0 && (0.02..=50.0).contains(&ratio)).then_some(ratio)
}

/// The ICC profile of the image, or that of its first optical path.
fn icc(all: &Attributes<'_>) -> Option<Vec<u8>> {
    let path = || all.first(tag::OPTICAL_PATH).and_then(|path| path.bytes(tag::ICC_PROFILE));
    let profile = all.bytes(tag::ICC_PROFILE).or_else(path)?;
    (profile.len() > 128).then(|| profile.into_owned())
}

/// Frame Time (0018,1063) in milliseconds, or a rate in frames per second; a tenth of a second where nothing is said.
fn delay(all: &Attributes<'_>) -> u16 {
    let rate = || [tag::CINE_RATE, tag::DISPLAY_FRAME_RATE].iter().find_map(|tag| all.number(tag));
    let milliseconds = all.number(tag::FRAME_TIME).or_else(|| Some(1000.0 / rate()?));
    let hundredths = milliseconds.filter(|ms| ms.is_finite() && *ms > 0.0).map_or(10.0, |ms| ms / 10.0);
    hundredths.round().clamp(2.0, 1_000.0) as u16
}

#[cfg(test)]
pub(crate) mod tests;
