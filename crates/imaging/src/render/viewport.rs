//! The part of a picture that is shown, and how large (PS3.18 8.3.5.1.3).

use fast_image_resize::images::{Image as Plane, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use super::RenderError;
use super::canvas::Canvas;
use super::request::{Region, Viewport};

/// Pixels of a picture that was scaled at most, each up to three bytes.
const MOST: u64 = 1 << 26;

/// Columns and rows of a picture, and whether they run backwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    x: u32,
    y: u32,
    width: u32,
    height: u32,
    mirrored: bool,
    upside_down: bool,
}

/// Cuts the region out.
pub(super) fn cut(canvas: Canvas, region: &Region) -> Result<Canvas, RenderError> {
    let part = part(canvas.width, canvas.height, region).ok_or(RenderError::Region)?;
    let whole =
        Part { x: 0, y: 0, width: canvas.width, height: canvas.height, mirrored: false, upside_down: false };
    if part == whole {
        return Ok(canvas);
    }
    Ok(canvas.rearranged(part.width, part.height, |x, y| {
        let x = if part.mirrored { part.width - 1 - x } else { x };
        let y = if part.upside_down { part.height - 1 - y } else { y };
        (part.x + x, part.y + y)
    }))
}

/// The region in whole pixels of the picture; `None` when there is none of it.
fn part(width: u32, height: u32, region: &Region) -> Option<Part> {
    let edges = |size: u32, from: f64, length: f64| {
        let size = f64::from(size);
        let first = from.round().clamp(0.0, size);
        let last = (from + length.abs()).round().clamp(0.0, size);
        (last > first).then_some((first as u32, (last - first) as u32))
    };
    match *region {
        Region::Pixels { x, y, width: wide, height: high } => {
            let (wide, high) = (wide.unwrap_or(f64::from(width) - x), high.unwrap_or(f64::from(height) - y));
            if x >= f64::from(width) || y >= f64::from(height) {
                return None;
            }
            let ((x, columns), (y, rows)) = (edges(width, x, wide)?, edges(height, y, high)?);
            let (mirrored, upside_down) = (wide < 0.0, high < 0.0);
            Some(Part { x, y, width: columns, height: rows, mirrored, upside_down })
        }
        Region::Fractions([left, top, right, bottom]) => {
            let (wide, high) = (f64::from(width), f64::from(height));
            let (x, columns) = edges(width, left * wide, (right - left) * wide)?;
            let (y, rows) = edges(height, top * high, (bottom - top) * high)?;
            Some(Part { x, y, width: columns, height: rows, mirrored: false, upside_down: false })
        }
    }
}

/// The largest size with this aspect inside the viewport, at least one pixel each way.
fn fitted(width: u32, height: u32, aspect: f64, viewport: Viewport) -> (u32, u32) {
    let (wide, high) = (f64::from(width), f64::from(height) * aspect);
    let factor = (f64::from(viewport.width) / wide).min(f64::from(viewport.height) / high);
    let side = |length: f64, most: u32| (length * factor).round().clamp(1.0, f64::from(most.max(1))) as u32;
    (side(wide, viewport.width), side(high, viewport.height))
}

/// Scales the picture, whose pixels are `aspect` times as high as wide, to fit into the viewport.
pub(super) fn fit(canvas: Canvas, aspect: f64, viewport: Viewport) -> Result<Canvas, RenderError> {
    let (width, height) = fitted(canvas.width, canvas.height, aspect, viewport);
    scale(canvas, width, height)
}

/// Scales the picture to that size: Lanczos where it shrinks, Catmull-Rom where it grows.
pub(super) fn scale(canvas: Canvas, width: u32, height: u32) -> Result<Canvas, RenderError> {
    if (width, height) == (canvas.width, canvas.height) {
        return Ok(canvas);
    }
    if u64::from(width) * u64::from(height) > MOST {
        return Err(RenderError::Size);
    }
    let kind = if canvas.channels == 1 { PixelType::U8 } else { PixelType::U8x3 };
    let shrinks = width <= canvas.width && height <= canvas.height;
    let filter = if shrinks { FilterType::Lanczos3 } else { FilterType::CatmullRom };
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter));
    let source =
        ImageRef::new(canvas.width, canvas.height, &canvas.data, kind).map_err(|_| RenderError::Samples)?;
    let mut result = Plane::new(width, height, kind);
    Resizer::new().resize(&source, &mut result, &options).map_err(|_| RenderError::Samples)?;
    Canvas::new(width, height, canvas.channels, result.into_vec()).ok_or(RenderError::Samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rend_009_sizes() {
        for (width, height, aspect, viewport, expected) in [
            (512, 256, 1.0, (100, 100), (100, 50)),
            (256, 512, 1.0, (100, 100), (50, 100)),
            (512, 512, 1.0, (1024, 2000), (1024, 1024)),
            (512, 512, 2.0, (512, 512), (256, 512)),
            (512, 512, 0.5, (512, 512), (512, 256)),
            (1000, 1, 1.0, (10, 10), (10, 1)),
            (3, 2, 1.0, (1, 1), (1, 1)),
        ] {
            let viewport = Viewport { width: viewport.0, height: viewport.1 };
            assert_eq!(fitted(width, height, aspect, viewport), expected, "{width} {height} {aspect}");
        }
    }

    #[test]
    fn rend_010_regions() {
        let region = |x, y, width, height| Region::Pixels { x, y, width, height };
        // 3 by 2: 0 1 2 / 3 4 5.
        for (region, expected) in [
            (region(0.0, 0.0, None, None), Some((3, vec![0, 1, 2, 3, 4, 5]))),
            (region(1.0, 0.0, None, None), Some((2, vec![1, 2, 4, 5]))),
            (region(0.0, 1.0, Some(2.0), Some(1.0)), Some((2, vec![3, 4]))),
            (region(0.0, 0.0, Some(-3.0), Some(2.0)), Some((3, vec![2, 1, 0, 5, 4, 3]))),
            (region(1.0, 0.0, Some(2.0), Some(-2.0)), Some((2, vec![4, 5, 1, 2]))),
            (region(2.0, 1.0, Some(99.0), Some(99.0)), Some((1, vec![5]))),
            (region(3.0, 0.0, None, None), None),
            (region(0.0, 2.0, None, None), None),
            (region(0.0, 0.0, Some(0.2), None), None),
            (Region::Fractions([0.0, 0.5, 0.67, 1.0]), Some((2, vec![3, 4]))),
            (Region::Fractions([0.0, 0.0, 1.0, 1.0]), Some((3, vec![0, 1, 2, 3, 4, 5]))),
        ] {
            let canvas = Canvas::new(3, 2, 1, (0..6).collect()).expect("a canvas");
            let found = cut(canvas, &region).ok().map(|canvas| (canvas.width, canvas.data));
            assert_eq!(found, expected, "{region:?}");
        }
    }

    #[test]
    fn scaling_keeps_what_is_plain() {
        for channels in [1, 3] {
            let canvas = Canvas::plain(64, 32, channels, 77).expect("a canvas");
            for viewport in [Viewport { width: 10, height: 10 }, Viewport { width: 100, height: 100 }] {
                let found = fit(canvas.clone(), 1.0, viewport).expect("a picture");
                assert_eq!((found.width, found.height), (viewport.width, viewport.width / 2));
                assert!(found.data.iter().all(|sample| *sample == 77));
            }
        }
    }
}
