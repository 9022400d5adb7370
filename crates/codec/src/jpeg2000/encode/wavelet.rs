//! The forward 5/3 wavelet (T.800 F.4), and the bands that it leaves.

use super::Style;
use super::block::Orientation;
use super::planes::Plane;

/// A plane's coefficients: the low ones of each decomposition left and on top, the high ones right and below.
pub(super) struct Transformed(Plane);

/// A rectangle of coefficients.
pub(super) struct Area<'a> {
    plane: &'a Plane,
    columns: std::ops::Range<usize>,
    rows: std::ops::Range<usize>,
}

/// A code block's coefficients, row by row.
pub(super) struct Block {
    pub(super) width: usize,
    pub(super) values: Vec<i32>,
}

/// Decomposes the plane, then the low part of it, and so on.
pub(super) fn forward(mut plane: Plane, style: &Style) -> Transformed {
    let stride = plane.width;
    let (mut width, mut height) = (plane.width, plane.height);
    let mut part = Vec::new();
    for _ in 0..style.levels {
        // Rows: low ones first, then lifted as whole rows.
        part.clear();
        for first in [0, 1] {
            let rows = plane.values.chunks_exact(stride).take(height).skip(first).step_by(2);
            part.extend(rows.flat_map(|row| row.iter().take(width)));
        }
        let (low, high) = part.split_at_mut(height.div_ceil(2) * width);
        lift(low, high, width);
        // Columns, a row at a time.
        for (row, into) in part.chunks_exact(width).zip(plane.values.chunks_exact_mut(stride)) {
            let (low, rest) = into.split_at_mut(width.div_ceil(2));
            let high = rest.get_mut(..width / 2).unwrap_or_default();
            for (pair, (low, high)) in row.chunks(2).zip(low.iter_mut().zip(high.iter_mut())) {
                if let [even, odd] = pair {
                    (*low, *high) = (*even, *odd);
                }
            }
            if let (true, Some(last), Some(low)) = (width % 2 == 1, row.last(), low.last_mut()) {
                *low = *last;
            }
            lift(low, high, 1);
        }
        (width, height) = (width.div_ceil(2), height.div_ceil(2));
    }
    Transformed(plane)
}

/// The lifting steps (F-9, F-10) on samples of even and of odd places, each sample so many values long, with the signal
/// mirrored at its ends.
fn lift(low: &mut [i32], high: &mut [i32], length: usize) {
    if high.is_empty() {
        return;
    }
    let next = low.chunks_exact(length).skip(1).chain(low.chunks_exact(length).last());
    for ((high, before), after) in high.chunks_exact_mut(length).zip(low.chunks_exact(length)).zip(next) {
        for ((high, before), after) in high.iter_mut().zip(before).zip(after) {
            *high -= (before + after) >> 1;
        }
    }
    let high: &[i32] = high;
    let before = high.chunks_exact(length).take(1).chain(high.chunks_exact(length));
    let after = high.chunks_exact(length).chain(high.chunks_exact(length).last());
    for ((low, before), after) in low.chunks_exact_mut(length).zip(before).zip(after) {
        for ((low, before), after) in low.iter_mut().zip(before).zip(after) {
            *low += (before + after + 2) >> 2;
        }
    }
}

impl Transformed {
    /// The bands that a resolution adds to the one below; the lowest is a band itself.
    pub(super) fn bands(&self, resolution: u8, levels: u8) -> Vec<(Orientation, Area<'_>)> {
        let length = |whole: usize, below: u8| whole.div_ceil(1 << below);
        let plane = &self.0;
        let area = |columns, rows| Area { plane, columns, rows };
        if resolution == 0 {
            let (width, height) = (length(plane.width, levels), length(plane.height, levels));
            return vec![(Orientation::Low, area(0..width, 0..height))];
        }
        let below = levels - resolution;
        let (width, height) = (length(plane.width, below), length(plane.height, below));
        let (middle, centre) = (width.div_ceil(2), height.div_ceil(2));
        vec![
            (Orientation::Horizontal, area(middle..width, 0..centre)),
            (Orientation::Vertical, area(0..middle, centre..height)),
            (Orientation::Diagonal, area(middle..width, centre..height)),
        ]
    }
}

impl Area<'_> {
    /// Columns and rows.
    pub(super) fn size(&self) -> [usize; 2] {
        [self.columns.len(), self.rows.len()]
    }

    /// The code blocks, row by row.
    pub(super) fn blocks(&self, side: usize) -> impl Iterator<Item = Block> {
        let tops = if self.columns.is_empty() { 0..0 } else { self.rows.clone() };
        tops.step_by(side).flat_map(move |top| {
            self.columns.clone().step_by(side).map(move |left| {
                let (right, bottom) = ((left + side).min(self.columns.end), (top + side).min(self.rows.end));
                let rows = self.plane.values.chunks_exact(self.plane.width).take(bottom).skip(top);
                let values = rows.flat_map(|row| row.iter().take(right).skip(left).copied()).collect();
                Block { width: right - left, values }
            })
        })
    }
}
