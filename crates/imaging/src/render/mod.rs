//! A frame as a picture that any program shows (PS3.18 8.7.4, 10.4.1.1.3).
//!
//! In this order: the image's own way from stored values to what is shown, or that of a presentation state; the part
//! asked for; its size; text on top; colours as asked for; the form.

mod annotate;
mod canvas;
mod colour;
pub mod document;
mod encode;
mod font;
mod graphics;
mod grey;
mod icon;
mod profile;
mod request;
mod samples;
mod task;
mod viewport;

use serde::{Deserialize, Serialize};

pub use canvas::Canvas;
pub use icon::icon;
pub use request::{Annotation, Function, Output, Profile, Region, Request, Viewport, Window};
pub use task::{Length, Part, Rendered, Subject, Task};

use crate::image::{Image, ImageError, State};
use crate::pixel::{Photometric, PixelError, Pixels};

/// Why there is no picture. Plain words without patient data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum RenderError {
    /// The frame cannot be decoded.
    #[error(transparent)]
    Pixels(#[from] PixelError),
    /// The data set does not say how the frame is to be shown (422).
    #[error("{0}")]
    Image(String),
    /// The instance's attributes cannot be read, or are not of the kind that was asked for (422).
    #[error("the attributes of the instance cannot be read")]
    Attributes,
    /// The frame has not as many samples as it says (422).
    #[error("the frame has not as many samples as its size needs")]
    Samples,
    /// Nothing of the image is inside the region asked for (400).
    #[error("the region asked for is outside of the image")]
    Region,
    /// More pixels than are made out of a smaller picture (400).
    #[error("the viewport would have more than 67108864 pixels filled")]
    Size,
    /// The result cannot be written in the form asked for: too wide or too high for it (406).
    #[error("the picture is too large for the form asked for")]
    Encoding,
    /// No way is known to show this (406).
    #[error("this cannot be shown: {0}")]
    Unsupported(String),
}

impl From<ImageError> for RenderError {
    fn from(error: ImageError) -> Self {
        Self::Image(error.to_string())
    }
}

/// A rendered picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// Its media type.
    pub media: &'static str,
    /// The file.
    pub bytes: Vec<u8>,
}

/// Renders one decoded frame.
///
/// # Errors
/// [`RenderError`].
pub fn render(
    image: &Image,
    pixels: &Pixels,
    state: Option<&State>,
    request: &Request,
) -> Result<Encoded, RenderError> {
    let picture = finish(image, pixels, state, request)?;
    let bytes = encode::one(&picture, request.output, request.quality)?;
    Ok(Encoded { media: request.output.media(), bytes })
}

/// Everything but the form.
fn finish(
    image: &Image,
    pixels: &Pixels,
    state: Option<&State>,
    request: &Request,
) -> Result<encode::Finished, RenderError> {
    let mut canvas = match state {
        Some(state) => graphics::under(image, pixels, state, request)?,
        None => alone(image, pixels, request)?,
    };
    annotate::captions(&mut canvas, &image.captions, request.annotation);
    let source = if canvas.channels == 3 { image.icc.as_deref() } else { None };
    let (canvas, profile) = profile::convert(canvas, source, request.profile);
    let profile = profile.filter(|_| request.output.takes_profile());
    Ok(encode::Finished { canvas, profile, delay: image.delay })
}

/// The picture as the image itself says, with its region and size.
fn alone(image: &Image, pixels: &Pixels, request: &Request) -> Result<Canvas, RenderError> {
    let mut canvas = shown(image, pixels, request.window)?;
    if let Some(shutter) = &image.shutter {
        annotate::close(&mut canvas, shutter, &image.overlays);
    }
    if request.annotation.technique {
        image.overlays.iter().for_each(|overlay| annotate::overlay(&mut canvas, overlay));
    }
    if let Some(region) = &request.region {
        canvas = viewport::cut(canvas, region)?;
    }
    match request.viewport {
        Some(viewport) => viewport::fit(canvas, image.aspect, viewport),
        None => Ok(canvas),
    }
}

/// The frame in 8 bit, in its own size.
fn shown(image: &Image, pixels: &Pixels, window: Option<Window>) -> Result<Canvas, RenderError> {
    match (pixels.channels, pixels.photometric, &image.palette) {
        (3, ..) => colour::true_colour(image, pixels),
        (1, Photometric::PaletteColor, Some(palette)) => colour::palette(image, pixels, palette),
        (1, _, Some(palette)) => colour::supplemental(image, pixels, palette, window),
        (1, _, None) => grey::grey(image, pixels, window),
        _ => Err(RenderError::Unsupported("the number of samples of a pixel".to_owned())),
    }
}

#[cfg(test)]
mod tests;
