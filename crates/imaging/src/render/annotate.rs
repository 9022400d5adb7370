//! What is put onto a picture: shutter, overlays, lines of text.

use super::canvas::Canvas;
use super::font;
use super::request::Annotation;
use crate::image::{Captions, Overlay, Shutter};

/// Hides what lies outside the shutter.
pub(super) fn close(canvas: &mut Canvas, shutter: &Shutter, overlays: &[Overlay]) {
    let bitmap = overlays.iter().find(|overlay| Some(overlay.group) == shutter.overlay);
    for y in 0..canvas.height {
        for x in 0..canvas.width {
            let hidden = !shutter.is_open(y, x) || bitmap.is_some_and(|bitmap| is_over(bitmap, y, x));
            if hidden {
                canvas.put(i64::from(x), i64::from(y), shutter.grey);
            }
        }
    }
}

/// Whether the overlay has a bit set at that row and column of the image.
fn is_over(overlay: &Overlay, row: u32, column: u32) -> bool {
    let at = |image: u32, origin: i64, size: u32| {
        u32::try_from(i64::from(image) - origin).ok().filter(|at| *at < size)
    };
    let row = at(row, overlay.origin.0, overlay.size.0);
    let column = at(column, overlay.origin.1, overlay.size.1);
    row.zip(column).is_some_and(|(row, column)| overlay.is_set(row, column))
}

/// Draws an overlay in white.
pub(super) fn overlay(canvas: &mut Canvas, overlay: &Overlay) {
    for row in 0..overlay.size.0 {
        for column in (0..overlay.size.1).filter(|column| overlay.is_set(row, *column)) {
            canvas.put(overlay.origin.1 + i64::from(column), overlay.origin.0 + i64::from(row), 255);
        }
    }
}

/// Writes who is shown at the top, and how it was taken at the bottom.
pub(super) fn captions(canvas: &mut Canvas, captions: &Captions, wanted: Annotation) {
    let patient: &[String] = if wanted.patient { &captions.patient } else { &[] };
    let technique: &[String] = if wanted.technique { &captions.technique } else { &[] };
    // About 40 lines to a picture, whatever its size.
    let scale = (canvas.width.min(canvas.height) / 800).max(1);
    let line = i64::from(font::HEIGHT * scale);
    let left = i64::from(4 * scale);
    for (at, text) in patient.iter().enumerate() {
        font::write(canvas, left, left + at as i64 * line, text, scale, 255);
    }
    let top = i64::from(canvas.height) - left - technique.len() as i64 * line;
    for (at, text) in technique.iter().enumerate() {
        font::write(canvas, left, top + at as i64 * line, text, scale, 255);
    }
}
