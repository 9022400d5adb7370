//! A frame as a presentation state shows it (PS3.4 N.2): its tables, then shutter, turn, area, size and drawings.

use super::canvas::Canvas;
use super::request::{Request, Viewport};
use super::{RenderError, annotate, font, shown, viewport};
use crate::image::{Area, AreaSize, Drawing, Figure, Image, State, Units};
use crate::pixel::Pixels;

/// Most points of the outline of a curve.
const STEPS: u32 = 180;

/// The frame under the state.
pub(super) fn under(
    image: &Image,
    pixels: &Pixels,
    state: &State,
    request: &Request,
) -> Result<Canvas, RenderError> {
    let shown_as = Image {
        modality: state.modality.clone(),
        voi: state.voi.clone(),
        presentation: state.presentation.clone(),
        ..image.clone()
    };
    let mut canvas = shown(&shown_as, pixels, None)?;
    if let Some(shutter) = &state.shutter {
        annotate::close(&mut canvas, shutter, &state.overlays);
    }
    let hidden = state.shutter.as_ref().and_then(|shutter| shutter.overlay);
    for overlay in state.overlays.iter().filter(|overlay| Some(overlay.group) != hidden) {
        annotate::overlay(&mut canvas, overlay);
    }
    let mut view = View::of(&canvas, state, image.aspect);
    canvas = view.cut(&canvas);
    canvas = turned(canvas, state.turns, state.flipped);
    // A part of what the state shows is cut out of it, and only then made as large as is asked for.
    let viewport = request.viewport.filter(|_| request.region.is_none());
    canvas = view.sized(canvas, state, viewport)?;
    for drawing in &state.drawings {
        draw(&mut canvas, drawing, &view);
    }
    match (&request.region, request.viewport) {
        (None, _) => Ok(canvas),
        (Some(region), None) => viewport::cut(canvas, region),
        (Some(region), Some(most)) => viewport::fit(viewport::cut(canvas, region)?, 1.0, most),
    }
}

/// Turned clockwise by quarters, then mirrored left to right.
fn turned(canvas: Canvas, turns: u8, flipped: bool) -> Canvas {
    let (width, height) = (canvas.width, canvas.height);
    let turned = match turns % 4 {
        1 => canvas.rearranged(height, width, |x, y| (y, height - 1 - x)),
        2 => canvas.rearranged(width, height, |x, y| (width - 1 - x, height - 1 - y)),
        3 => canvas.rearranged(height, width, |x, y| (width - 1 - y, x)),
        _ => canvas,
    };
    match flipped {
        true => turned.rearranged(turned.width, turned.height, |x, y| (turned.width - 1 - x, y)),
        false => turned,
    }
}

/// The displayed area, and the way from columns and rows of the image to those of the result.
struct View {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
    turns: u8,
    flipped: bool,
    /// Height of a pixel by its width, as the image lies.
    aspect: f64,
    /// The size of the result.
    result: (f64, f64),
}

impl View {
    fn of(canvas: &Canvas, state: &State, aspect: f64) -> Self {
        let whole = (0.0, 0.0, f64::from(canvas.width), f64::from(canvas.height));
        let (left, top, width, height) =
            state.area.as_ref().and_then(|area| inside(area, whole)).unwrap_or(whole);
        let aspect = state.area.and_then(|area| area.aspect).unwrap_or(aspect);
        let (turns, flipped) = (state.turns, state.flipped);
        Self { left, top, width, height, turns, flipped, aspect, result: (width, height) }
    }

    /// The area cut out; what of it is outside of the image is black.
    fn cut(&self, canvas: &Canvas) -> Canvas {
        let (left, top) = (self.left as u32, self.top as u32);
        if (left, top) == (0, 0) && self.width as u32 == canvas.width && self.height as u32 == canvas.height {
            return canvas.clone();
        }
        canvas.rearranged(self.width as u32, self.height as u32, |x, y| (left + x, top + y))
    }

    /// In the size asked for: fitted into the viewport, or magnified as the state says and then no larger than it.
    fn sized(
        &mut self,
        canvas: Canvas,
        state: &State,
        wanted: Option<Viewport>,
    ) -> Result<Canvas, RenderError> {
        let aspect = if self.turns % 2 == 1 { 1.0 / self.aspect } else { self.aspect };
        let magnified = match state.area.map(|area| area.size) {
            Some(AreaSize::Magnify(by)) => {
                let side = |length: u32| {
                    (f64::from(length) * by).round().clamp(1.0, f64::from(Viewport::MOST)) as u32
                };
                Some((side(canvas.width), side(canvas.height)))
            }
            _ => None,
        };
        let sized = match (magnified, wanted) {
            (Some((width, height)), wanted) => {
                let sized = viewport::scale(canvas, width, height)?;
                match wanted {
                    Some(most) if sized.width > most.width || sized.height > most.height => {
                        viewport::fit(sized, 1.0, most)?
                    }
                    _ => sized,
                }
            }
            (None, Some(wanted)) => viewport::fit(canvas, aspect, wanted)?,
            (None, None) => canvas,
        };
        self.result = (f64::from(sized.width), f64::from(sized.height));
        Ok(sized)
    }

    /// Where a point of a drawing is in the result.
    fn place(&self, units: Units, (x, y): (f64, f64)) -> (f64, f64) {
        let (x, y) = match units {
            // The displayed area is what is seen, turned already.
            Units::Display => (x, y),
            Units::Pixel => {
                let (x, y) = ((x - self.left) / self.width, (y - self.top) / self.height);
                let (x, y) = match self.turns % 4 {
                    1 => (1.0 - y, x),
                    2 => (1.0 - x, 1.0 - y),
                    3 => (y, 1.0 - x),
                    _ => (x, y),
                };
                (if self.flipped { 1.0 - x } else { x }, y)
            }
        };
        (x * self.result.0, y * self.result.1)
    }
}

/// The area as left, top, width and height in whole pixels of the image; `None` when nothing of it is inside.
fn inside(area: &Area, whole: (f64, f64, f64, f64)) -> Option<(f64, f64, f64, f64)> {
    let edges = |from: i64, to: i64, most: f64| {
        let (first, last) = (from.min(to).max(1) as f64 - 1.0, (from.max(to) as f64).min(most));
        (last > first).then_some((first, last - first))
    };
    let (left, width) = edges(area.from.0, area.to.0, whole.2)?;
    let (top, height) = edges(area.from.1, area.to.1, whole.3)?;
    Some((left, top, width, height))
}

fn draw(canvas: &mut Canvas, drawing: &Drawing, view: &View) {
    for figure in &drawing.figures {
        for line in outline(figure) {
            let points: Vec<_> = line.iter().map(|point| view.place(figure.units, *point)).collect();
            for (from, to) in points.iter().zip(points.iter().skip(1)) {
                segment(canvas, *from, *to, drawing.grey);
            }
            if let [only] = points.as_slice() {
                cross(canvas, *only, drawing.grey);
            }
        }
    }
    for label in &drawing.labels {
        let (x, y) = view.place(label.units, label.at);
        for (at, text) in label.lines.iter().enumerate() {
            let y = y as i64 + at as i64 * i64::from(font::HEIGHT);
            font::write(canvas, x as i64, y, text, 1, drawing.grey);
        }
    }
}

/// The figure as lines of points; a line of one point is a mark.
fn outline(figure: &Figure) -> Vec<Vec<(f64, f64)>> {
    let points = figure.points.as_slice();
    match (figure.kind.as_str(), points) {
        ("POINT", [..]) => points.iter().map(|point| vec![*point]).collect(),
        ("POLYLINE" | "INTERPOLATED", [_, _, ..]) => vec![points.to_vec()],
        ("CIRCLE", [centre, edge]) => {
            let radius = (edge.0 - centre.0).hypot(edge.1 - centre.1);
            vec![ellipse(*centre, (radius, 0.0), (0.0, radius))]
        }
        ("ELLIPSE", [a, b, c, d]) => {
            let centre = ((a.0 + b.0) / 2.0, (a.1 + b.1) / 2.0);
            let half = |from: &(f64, f64), to: &(f64, f64)| ((to.0 - from.0) / 2.0, (to.1 - from.1) / 2.0);
            vec![ellipse(centre, half(a, b), half(c, d))]
        }
        _ => Vec::new(),
    }
}

fn ellipse(centre: (f64, f64), major: (f64, f64), minor: (f64, f64)) -> Vec<(f64, f64)> {
    let point = |step: u32| {
        let (sine, cosine) = (f64::from(step) * std::f64::consts::TAU / f64::from(STEPS)).sin_cos();
        (centre.0 + major.0 * cosine + minor.0 * sine, centre.1 + major.1 * cosine + minor.1 * sine)
    };
    (0..=STEPS).map(point).collect()
}

/// A line; what of it is far outside is not walked.
fn segment(canvas: &mut Canvas, from: (f64, f64), to: (f64, f64), grey: u8) {
    let most = 4.0 * f64::from(canvas.width.max(canvas.height));
    let near = |point: (f64, f64)| point.0.abs() <= most && point.1.abs() <= most;
    if !near(from) || !near(to) {
        return;
    }
    let steps = (to.0 - from.0).abs().max((to.1 - from.1).abs()).ceil().max(1.0) as u32;
    for step in 0..=steps {
        let part = f64::from(step) / f64::from(steps);
        let (x, y) = (from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part);
        canvas.put(x.floor() as i64, y.floor() as i64, grey);
    }
}

fn cross(canvas: &mut Canvas, (x, y): (f64, f64), grey: u8) {
    segment(canvas, (x - 3.0, y), (x + 3.0, y), grey);
    segment(canvas, (x, y - 3.0), (x, y + 3.0), grey);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_and_flips() {
        let canvas = Canvas::new(3, 2, 1, vec![0, 1, 2, 3, 4, 5]).expect("a canvas");
        for (turns, flipped, width, expected) in [
            (0, false, 3, [0, 1, 2, 3, 4, 5]),
            (1, false, 2, [3, 0, 4, 1, 5, 2]),
            (2, false, 3, [5, 4, 3, 2, 1, 0]),
            (3, false, 2, [2, 5, 1, 4, 0, 3]),
            (0, true, 3, [2, 1, 0, 5, 4, 3]),
            (1, true, 2, [0, 3, 1, 4, 2, 5]),
        ] {
            let found = turned(canvas.clone(), turns, flipped);
            assert_eq!((found.width, found.data.as_slice()), (width, &expected[..]), "{turns} {flipped}");
        }
    }

    #[test]
    fn points_turn_with_the_picture() {
        for (turns, flipped, expected) in [
            (0, false, (1.0, 0.0)),
            (1, false, (20.0, 1.0)),
            (2, false, (9.0, 20.0)),
            (3, false, (0.0, 9.0)),
            (0, true, (9.0, 0.0)),
        ] {
            let result = if turns % 2 == 1 { (20.0, 10.0) } else { (10.0, 20.0) };
            let (left, top, width, height) = (2.0, 3.0, 10.0, 20.0);
            let view = View { left, top, width, height, turns, flipped, aspect: 1.0, result };
            assert_eq!(view.place(Units::Pixel, (3.0, 3.0)), expected, "{turns} {flipped}");
            assert_eq!(view.place(Units::Display, (0.5, 0.5)), (result.0 / 2.0, result.1 / 2.0));
        }
    }
}
