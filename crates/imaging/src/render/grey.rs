//! The grey pipeline: stored value, padding, Modality LUT, VOI, Presentation LUT, 8 bit (PS3.4 N.2, PS3.3 C.11).

use super::canvas::Canvas;
use super::{RenderError, samples};
use crate::image::{Image, Modality, Presentation, Voi, Window};
use crate::pixel::Pixels;

/// The white of the result.
const WHITE: f64 = 255.0;

/// From a stored value to 8 bit.
struct Pipeline<'a> {
    modality: &'a Modality,
    voi: Scale<'a>,
    presentation: &'a Presentation,
    padding: Option<(f64, f64)>,
}

/// From the modality's values to grey between 0 and [`WHITE`].
enum Scale<'a> {
    Window(Window),
    Lut(&'a crate::image::Lut),
    /// Everything between the least and the most.
    Range(f64, f64),
}

/// The frame in grey. `window` comes before what the image says.
pub(super) fn grey(image: &Image, pixels: &Pixels, window: Option<Window>) -> Result<Canvas, RenderError> {
    let data = match samples::Stored::of(image, pixels) {
        Some(stored) => narrow(image, &stored, window),
        None => wide(image, pixels, window),
    };
    Canvas::new(pixels.width, pixels.height, 1, data).ok_or(RenderError::Samples)
}

/// Up to 16 bits a sample: each value is worked out once, then looked up.
fn narrow(image: &Image, stored: &samples::Stored<'_>, window: Option<Window>) -> Vec<u8> {
    let values = stored.values();
    let seen = || {
        let mut seen = vec![false; values.len()];
        stored.each(|raw| {
            if let Some(seen) = seen.get_mut(raw) {
                *seen = true;
            }
        });
        values.iter().zip(seen).filter_map(|(value, seen)| seen.then_some(*value)).collect::<Vec<_>>()
    };
    let pipeline = Pipeline::new(image, window, seen);
    let table: Vec<u8> = values.iter().map(|value| pipeline.grey(*value)).collect();
    stored.map(&table)
}

/// Wider and floating samples, one by one.
fn wide(image: &Image, pixels: &Pixels, window: Option<Window>) -> Vec<u8> {
    let values = samples::wide(image, pixels);
    let pipeline = Pipeline::new(image, window, || values.clone());
    values.iter().map(|value| pipeline.grey(*value)).collect()
}

impl<'a> Pipeline<'a> {
    /// `seen` gives the stored values of the frame, which are looked at when nothing says what is of interest.
    fn new(image: &'a Image, window: Option<Window>, seen: impl FnOnce() -> Vec<f64>) -> Self {
        let voi = match (window, &image.voi) {
            (Some(window), _) => Scale::Window(window),
            (None, Some(Voi::Window(window))) => Scale::Window(*window),
            (None, Some(Voi::Lut(lut))) => Scale::Lut(lut),
            (None, None) if image.format.bits_stored == 1 && !image.format.float => Scale::Range(0.0, 1.0),
            (None, None) => Scale::of_range(image, &seen()),
        };
        let (modality, presentation) = (&image.modality, &image.presentation);
        Self { modality, voi, presentation, padding: image.padding }
    }

    /// The grey of a stored value; padding is black whatever is white.
    fn grey(&self, stored: f64) -> u8 {
        if is_padding(self.padding, stored) || stored.is_nan() {
            return 0;
        }
        let value = self.modality.value(stored);
        let grey = match &self.voi {
            Scale::Window(window) => window.grey(value, WHITE),
            Scale::Lut(lut) => f64::from(lut.entry(value)) * WHITE / lut.most(),
            Scale::Range(least, most) if most > least => {
                ((value - least) / (most - least) * WHITE).clamp(0.0, WHITE)
            }
            Scale::Range(..) => 0.0,
        };
        let shown = match self.presentation {
            Presentation::Identity => grey,
            Presentation::Inverse => WHITE - grey,
            Presentation::Lut(lut) => {
                let at = grey / WHITE * (lut.len().saturating_sub(1) as f64) + lut.first() as f64;
                f64::from(lut.entry(at)) * WHITE / lut.most()
            }
        };
        // Rounded to the nearest, halves up.
        (shown + 0.5).floor().clamp(0.0, WHITE) as u8
    }
}

impl Scale<'_> {
    /// From the least to the most of what is seen, without padding.
    fn of_range(image: &Image, seen: &[f64]) -> Self {
        let values = seen.iter().filter(|stored| !is_padding(image.padding, **stored));
        let values = values.map(|stored| image.modality.value(*stored)).filter(|value| value.is_finite());
        let (least, most) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| {
            (least.min(value), most.max(value))
        });
        Self::Range(least, most)
    }
}

fn is_padding(padding: Option<(f64, f64)>, stored: f64) -> bool {
    padding.is_some_and(|(from, to)| stored >= from && stored <= to)
}
