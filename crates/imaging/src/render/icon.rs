//! A picture that stands for an instance which cannot or must not be shown small.

use super::canvas::Canvas;
use super::encode::{self, Finished};
use super::request::{Output, Viewport};
use super::{Encoded, RenderError, font, viewport};

/// Columns and rows of an icon before it is fitted.
const SIDE: u32 = 192;

/// A dark card with a few letters on it, `SR` or `CT`; at most four are written.
///
/// # Errors
/// [`RenderError`] when it cannot be written in that form.
pub fn icon(label: &str, output: Output, fit: Option<Viewport>) -> Result<Encoded, RenderError> {
    let mut canvas = Canvas::plain(SIDE, SIDE, 1, 28).ok_or(RenderError::Samples)?;
    let edge = i64::from(SIDE) - 1;
    for at in 8..=edge - 8 {
        for (x, y) in [(at, 8), (at, edge - 8), (8, at), (edge - 8, at)] {
            canvas.put(x, y, 96);
        }
    }
    let label: String = label.chars().filter(|c| c.is_ascii_alphanumeric()).take(4).collect();
    let letters = u32::try_from(label.len()).unwrap_or(0).max(1);
    let scale = (SIDE - 40) / (letters * font::WIDTH).max(2 * font::WIDTH);
    let (width, height) = (letters * font::WIDTH * scale, font::HEIGHT * scale);
    let middle = |length: u32| (i64::from(SIDE) - i64::from(length)) / 2;
    font::write(&mut canvas, middle(width), middle(height), &label, scale, 200);
    let canvas = match fit {
        Some(fit) => viewport::fit(canvas, 1.0, fit)?,
        None => canvas,
    };
    let picture = Finished { canvas, profile: None, delay: 10 };
    Ok(Encoded { media: output.media(), bytes: encode::one(&picture, output, 90)? })
}
