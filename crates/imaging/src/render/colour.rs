//! Colour: true colour in 8 bit, palettes, and grey with a palette above a value (PS3.3 C.7.6.3.1.2, C.7.6.19).

use super::canvas::Canvas;
use super::{RenderError, grey, samples};
use crate::image::{Image, Palette, Window};
use crate::pixel::Pixels;

/// Red, green and blue in 8 bit.
pub(super) fn true_colour(image: &Image, pixels: &Pixels) -> Result<Canvas, RenderError> {
    let data = match (pixels.word, pixels.float) {
        (1, false) if image.format.bits_stored >= 8 || image.format.bits_stored == 0 => pixels.data.clone(),
        (1 | 2, false) => samples::Stored::of(image, pixels).map_or_else(Vec::new, |stored| {
            let most = f64::from(u32::MAX >> (32 - u32::from(image.format.bits_stored.clamp(1, 16))));
            let table: Vec<u8> = stored.values().iter().map(|value| eight_bit(*value, most)).collect();
            stored.map(&table)
        }),
        (_, true) => return Err(RenderError::Unsupported("colour in floating point".to_owned())),
        (_, false) => {
            let most = (2f64.powi(i32::from(image.format.bits_stored.clamp(1, 64)))) - 1.0;
            samples::wide(image, pixels).iter().map(|value| eight_bit(*value, most)).collect()
        }
    };
    Canvas::new(pixels.width, pixels.height, 3, data).ok_or(RenderError::Samples)
}

fn eight_bit(value: f64, most: f64) -> u8 {
    (value * 255.0 / most + 0.5).floor().clamp(0.0, 255.0) as u8
}

/// Indexes as the colours of the palette.
pub(super) fn palette(image: &Image, pixels: &Pixels, palette: &Palette) -> Result<Canvas, RenderError> {
    let colours: Vec<[u8; 3]> = match samples::Stored::of(image, pixels) {
        Some(stored) => {
            let table: Vec<_> = stored.values().iter().map(|value| palette.colour(*value as i64)).collect();
            stored.map(&table)
        }
        None => samples::wide(image, pixels).iter().map(|value| palette.colour(*value as i64)).collect(),
    };
    let data = colours.into_flattened();
    Canvas::new(pixels.width, pixels.height, 3, data).ok_or(RenderError::Samples)
}

/// Grey, with the colours of a supplemental palette from its first value on.
pub(super) fn supplemental(
    image: &Image,
    pixels: &Pixels,
    palette: &Palette,
    window: Option<Window>,
) -> Result<Canvas, RenderError> {
    let mut canvas = grey::grey(image, pixels, window)?.into_rgb();
    let Some(stored) = samples::Stored::of(image, pixels) else { return Ok(canvas) };
    let above = |value: f64| (value as i64 >= palette.first()).then(|| palette.colour(value as i64));
    let table: Vec<Option<[u8; 3]>> = stored.values().iter().map(|value| above(*value)).collect();
    for (pixel, colour) in canvas.data.as_chunks_mut().0.iter_mut().zip(stored.map(&table)) {
        if let Some(colour) = colour {
            *pixel = colour;
        }
    }
    Ok(canvas)
}
