//! Softcopy presentation states (PS3.3 A.33): how images of other instances are to be shown.

use super::attributes::Attributes;
use super::lut::Lut;
use super::overlay::{self, Overlay};
use super::shutter::Shutter;
use super::tag;
use super::voi::Voi;
use super::{Modality, Presentation};

/// Most drawings, figures of one and points of one that are drawn.
const MOST: usize = 10_000;

/// An image that a state is for (PS3.3 C.11.11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Series Instance UID (0020,000E).
    pub series: String,
    /// Referenced SOP Instance UID (0008,1155).
    pub instance: String,
    /// Referenced Frame Number (0008,1160); empty for every frame.
    pub frames: Vec<u32>,
}

/// What a state says about one frame of one image.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Modality LUT module; with it the image's own is not applied.
    pub modality: Modality,
    /// The softcopy VOI LUT for the image; `None` for the whole range.
    pub voi: Option<Voi>,
    /// Softcopy Presentation LUT module.
    pub presentation: Presentation,
    /// The part that is shown.
    pub area: Option<Area>,
    /// Clockwise quarter turns (0070,0042).
    pub turns: u8,
    /// Mirrored left to right, after turning (0070,0041).
    pub flipped: bool,
    /// Display shutter.
    pub shutter: Option<Shutter>,
    /// Overlays that the state itself has and shows.
    pub overlays: Vec<Overlay>,
    /// Graphics and texts, in drawing order.
    pub drawings: Vec<Drawing>,
}

/// An item of Displayed Area Selection Sequence (0070,005A); columns and rows from 1, inside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    /// Left and top.
    pub from: (i64, i64),
    /// Right and bottom.
    pub to: (i64, i64),
    /// How large.
    pub size: AreaSize,
    /// Height of a pixel by its width, where the state says so.
    pub aspect: Option<f64>,
}

/// Presentation Size Mode (0070,0100).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AreaSize {
    /// SCALE TO FIT, and TRUE SIZE, which cannot be had without a screen.
    Fit,
    /// MAGNIFY: pixels shown for each pixel of the image.
    Magnify(f64),
}

/// An item of Graphic Annotation Sequence (0070,0001) for the image.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawing {
    /// Graphic Layer Order (0070,0062).
    pub order: i64,
    /// 0 to 255, from Recommended Display Grayscale Value (0070,0066).
    pub grey: u8,
    /// Lines and shapes.
    pub figures: Vec<Figure>,
    /// Texts.
    pub labels: Vec<Label>,
}

/// What coordinates count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Units {
    /// Columns and rows of the image; 0, 0 is the outer corner of the first pixel.
    Pixel,
    /// The displayed area, from 0, 0 to 1, 1.
    Display,
}

/// An item of Graphic Object Sequence (0070,0009).
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Graphic Annotation Units (0070,0005).
    pub units: Units,
    /// Graphic Type (0070,0023): POINT, POLYLINE, INTERPOLATED, CIRCLE, ELLIPSE.
    pub kind: String,
    /// Graphic Data (0070,0022): x and y.
    pub points: Vec<(f64, f64)>,
}

/// An item of Text Object Sequence (0070,0008).
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// Of `at`.
    pub units: Units,
    /// The left top of the bounding box, or the anchor.
    pub at: (f64, f64),
    /// Unformatted Text Value (0070,0006), by lines.
    pub lines: Vec<String>,
}

/// The images that a state is for, in its order.
pub fn references(all: &Attributes<'_>) -> Vec<Reference> {
    let of_series = |series: Attributes<'_>| {
        let uid = series.text(tag::SERIES_INSTANCE_UID).unwrap_or_default().into_owned();
        let image = |image: Attributes<'_>| {
            let instance = image.text(tag::REFERENCED_SOP_INSTANCE)?.into_owned();
            Some(Reference { series: uid.clone(), instance, frames: frames(&image) })
        };
        series.items(tag::REFERENCED_IMAGES).into_iter().filter_map(image).collect::<Vec<_>>()
    };
    all.items(tag::REFERENCED_SERIES).into_iter().flat_map(of_series).take(MOST).collect()
}

impl State {
    /// What the state says about frame `number` (from 1) of an instance whose stored values may be `signed`.
    pub fn read(all: &Attributes<'_>, instance: &str, number: u32, signed: bool) -> Self {
        let concerns = |item: &Attributes<'_>| {
            let images = item.items(tag::REFERENCED_IMAGES);
            images.is_empty() || images.iter().any(|image| names(image, instance, number))
        };
        let modality = Modality::read(all, signed);
        let may_be_negative =
            signed || matches!(modality, Modality::Rescale { intercept, .. } if intercept < 0.0);
        let voi = all.items(tag::SOFTCOPY_VOI).into_iter().find(concerns);
        let rotation = all.integer(tag::ROTATION).unwrap_or(0).rem_euclid(360) / 90;
        Self {
            voi: voi.and_then(|item| Voi::read(&item, may_be_negative)),
            presentation: presentation(all),
            area: all
                .items(tag::DISPLAYED_AREAS)
                .into_iter()
                .find(concerns)
                .and_then(|item| Area::read(&item)),
            turns: u8::try_from(rotation).unwrap_or(0),
            flipped: all.text(tag::HORIZONTAL_FLIP).as_deref() == Some("Y"),
            shutter: Shutter::read(all),
            overlays: overlay::read(all, number),
            drawings: drawings(all, concerns),
            modality,
        }
    }
}

/// Whether an item of a Referenced Image Sequence is this frame.
fn names(image: &Attributes<'_>, instance: &str, number: u32) -> bool {
    let frames = frames(image);
    image.text(tag::REFERENCED_SOP_INSTANCE).as_deref() == Some(instance)
        && (frames.is_empty() || frames.contains(&number))
}

fn frames(image: &Attributes<'_>) -> Vec<u32> {
    let number = |number: f64| (number >= 1.0 && number <= f64::from(u32::MAX)).then_some(number as u32);
    image.numbers(tag::REFERENCED_FRAMES).into_iter().filter_map(number).take(MOST).collect()
}

fn presentation(all: &Attributes<'_>) -> Presentation {
    let lut = all.first(tag::PRESENTATION_LUT).and_then(|item| Lut::read(&item, false));
    match (lut, all.text(tag::PRESENTATION_LUT_SHAPE).as_deref()) {
        (Some(lut), _) => Presentation::Lut(lut),
        (None, Some("INVERSE")) => Presentation::Inverse,
        (None, _) => Presentation::Identity,
    }
}

impl Area {
    fn read(item: &Attributes<'_>) -> Option<Self> {
        let corner = |tag: &str| match *item.numbers(tag) {
            [x, y] => Some((x as i64, y as i64)),
            _ => None,
        };
        let size = match item.text(tag::SIZE_MODE).as_deref() {
            Some("MAGNIFY") => item.number(tag::MAGNIFICATION).filter(|m| *m > 0.0).map(AreaSize::Magnify),
            _ => None,
        };
        let spacing = item.numbers(tag::AREA_PIXEL_SPACING);
        let aspect = item.numbers(tag::AREA_ASPECT_RATIO);
        Some(Self {
            from: corner(tag::AREA_TOP_LEFT)?,
            to: corner(tag::AREA_BOTTOM_RIGHT)?,
            size: size.unwrap_or(AreaSize::Fit),
            aspect: super::ratio(&spacing).or_else(|| super::ratio(&aspect)),
        })
    }
}

fn drawings(all: &Attributes<'_>, concerns: impl Fn(&Attributes<'_>) -> bool) -> Vec<Drawing> {
    let layers = all.items(tag::GRAPHIC_LAYERS);
    let drawing = |item: Attributes<'_>| {
        let layer = item.text(tag::GRAPHIC_LAYER);
        let layer = layers.iter().find(|known| known.text(tag::GRAPHIC_LAYER) == layer);
        let grey = layer.and_then(|layer| layer.integer(tag::LAYER_GREY));
        Drawing {
            order: layer.and_then(|layer| layer.integer(tag::LAYER_ORDER)).unwrap_or(0),
            grey: grey.map_or(255, |value| (value.clamp(0, 65_535) >> 8) as u8),
            figures: item.items(tag::GRAPHIC_OBJECTS).iter().take(MOST).filter_map(figure).collect(),
            labels: item.items(tag::TEXT_OBJECTS).iter().take(MOST).filter_map(label).collect(),
        }
    };
    let items = all.items(tag::GRAPHIC_ANNOTATIONS).into_iter().take(MOST);
    let mut drawings: Vec<_> = items.filter(concerns).map(drawing).collect();
    drawings.sort_by_key(|drawing| drawing.order);
    drawings
}

fn units(item: &Attributes<'_>, tag: &str) -> Option<Units> {
    match item.text(tag).as_deref() {
        Some("PIXEL") => Some(Units::Pixel),
        Some("DISPLAY") => Some(Units::Display),
        _ => None,
    }
}

fn figure(item: &Attributes<'_>) -> Option<Figure> {
    let numbers = item.numbers(tag::GRAPHIC_DATA);
    let points: Vec<_> = numbers.as_chunks().0.iter().take(MOST).map(|[x, y]| (*x, *y)).collect();
    let kind = item.text(tag::GRAPHIC_TYPE)?.into_owned();
    Some(Figure { units: units(item, tag::GRAPHIC_UNITS)?, kind, points })
}

fn label(item: &Attributes<'_>) -> Option<Label> {
    let point = |tag: &str| match *item.numbers(tag) {
        [x, y] => Some((x, y)),
        _ => None,
    };
    let in_box = || Some((units(item, tag::BOX_UNITS)?, point(tag::BOX_TOP_LEFT)?));
    let anchored = || Some((units(item, tag::ANCHOR_UNITS)?, point(tag::ANCHOR_POINT)?));
    let (units, at) = in_box().or_else(anchored)?;
    let text = item.text(tag::UNFORMATTED_TEXT)?;
    let lines =
        text.split(['\r', '\n']).filter(|line| !line.is_empty()).take(100).map(str::to_owned).collect();
    Some(Label { units, at, lines })
}
