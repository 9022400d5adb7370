//! Lossless coding: differences from a prediction (T.81 Annex H).

use super::bits::{Bits, Entropy};
use super::frame::{Frame, Scan};
use super::huffman::Differences;
use super::malformed;
use super::markers::State;
use super::plane::Plane;
use crate::CodecError;

/// One data unit of a minimum coded unit: which plane of the scan, and where in the plane's unit.
struct Unit {
    part: usize,
    x: usize,
    y: usize,
}

/// Decodes a scan into its planes. The samples stay without the point transform.
///
/// # Errors
/// [`CodecError::Malformed`].
pub(super) fn scan(
    frame: &Frame,
    scan: &Scan,
    state: &State,
    entropy: &mut Entropy<'_>,
    planes: &mut [Plane<u16>],
) -> Result<(), CodecError> {
    if !(1..=7).contains(&scan.start) {
        return Err(malformed(format!("predictor {} is none of the seven", scan.start)));
    }
    if scan.low >= frame.precision {
        return Err(malformed("the point transform leaves no bit"));
    }
    let mut tables = Vec::with_capacity(scan.parts.len());
    for part in &scan.parts {
        let table = state.dc.get(part.dc).and_then(Option::as_ref);
        tables.push(Differences::new(table.ok_or_else(|| malformed("a scan without its Huffman table"))?)?);
    }
    let layout = Layout::new(frame, scan);
    let initial = 1_u16 << (frame.precision - scan.low - 1);
    let interval = match state.restart {
        0 => layout.rows,
        restart if restart % layout.columns == 0 => restart / layout.columns,
        _ => return Err(malformed("a restart interval that is no number of whole rows")),
    };
    let order: Vec<&Differences> = layout.units.iter().filter_map(|unit| tables.get(unit.part)).collect();
    let mut row = vec![0; layout.columns as usize * order.len()];
    let mut clean = Vec::new();
    let mut start = 0;
    while start < layout.rows {
        if start > 0 {
            entropy.restart(start / interval - 1)?;
        }
        entropy.segment(&mut clean);
        let mut bits = Bits::new(&clean);
        for y in start..layout.rows.min(start + interval) {
            differences(&mut bits, &order, &mut row)?;
            bits.finish()?;
            layout.spread(scan, &row, y as usize, planes);
            for (index, part) in scan.parts.iter().enumerate() {
                let Some(plane) = planes.get_mut(part.component) else { continue };
                let lines = layout.lines(index);
                for line in 0..lines {
                    let first = y == start && line == 0;
                    undo(plane, y as usize * lines + line, first, scan.start, initial);
                }
            }
        }
        start += interval;
    }
    Ok(())
}

/// The differences of a row of minimum coded units, in coded order.
fn differences(bits: &mut Bits<'_>, order: &[&Differences], row: &mut [u16]) -> Result<(), CodecError> {
    if let [table] = order {
        for to in row {
            *to = table.next(bits)?;
        }
        return Ok(());
    }
    for unit in row.chunks_exact_mut(order.len()) {
        for (to, table) in unit.iter_mut().zip(order) {
            *to = table.next(bits)?;
        }
    }
    Ok(())
}

/// How the data units of a scan lie in a row of minimum coded units.
struct Layout {
    columns: u32,
    rows: u32,
    units: Vec<Unit>,
    /// Columns and rows of a unit for each part.
    factors: Vec<(usize, usize)>,
}

impl Layout {
    /// A scan of one component has one sample in a unit and no padding (T.81 A.2.2).
    fn new(frame: &Frame, scan: &Scan) -> Self {
        let parts = || scan.parts.iter().filter_map(|part| frame.components.get(part.component));
        if let ([_], Some(component)) = (scan.parts.as_slice(), parts().next()) {
            let units = vec![Unit { part: 0, x: 0, y: 0 }];
            return Self { columns: component.width, rows: component.height, units, factors: vec![(1, 1)] };
        }
        let (columns, rows) = frame.units();
        let factors: Vec<(usize, usize)> = parts().map(|part| (part.h as usize, part.v as usize)).collect();
        let mut units = Vec::new();
        for (part, &(h, v)) in factors.iter().enumerate() {
            units.extend((0..v).flat_map(|y| (0..h).map(move |x| Unit { part, x, y })));
        }
        Self { columns, rows, units, factors }
    }

    /// Rows of a part's plane in a row of units.
    fn lines(&self, part: usize) -> usize {
        self.factors.get(part).map_or(1, |&(_, v)| v)
    }

    /// Puts a row of units where its differences belong.
    fn spread(&self, scan: &Scan, row: &[u16], y: usize, planes: &mut [Plane<u16>]) {
        for (index, unit) in self.units.iter().enumerate() {
            let (Some(part), Some(&(h, v))) = (scan.parts.get(unit.part), self.factors.get(unit.part)) else {
                continue;
            };
            let Some(plane) = planes.get_mut(part.component) else { continue };
            let start = (y * v + unit.y) * plane.stride + unit.x;
            let line = plane.samples.get_mut(start..).unwrap_or_default();
            let from = row.iter().skip(index).step_by(self.units.len());
            line.iter_mut().step_by(h).zip(from).for_each(|(to, from)| *to = *from);
        }
    }
}

/// Turns a row of differences into samples, modulo 2^16 (T.81 H.1.2.1 and H.2.1).
fn undo(plane: &mut Plane<u16>, y: usize, first: bool, predictor: u8, initial: u16) {
    let start = y * plane.stride;
    let Some((above, rest)) = plane.samples.split_at_mut_checked(start) else { return };
    let row = rest.get_mut(..plane.stride).unwrap_or_default();
    if first {
        let mut left = initial;
        for sample in row {
            *sample = sample.wrapping_add(left);
            left = *sample;
        }
        return;
    }
    let above = above.get(start - plane.stride..).unwrap_or_default();
    match predictor {
        1 => along(row, above, |left, _, _| left),
        2 => along(row, above, |_, up, _| up),
        3 => along(row, above, |_, _, corner| corner),
        4 => along(row, above, |left, up, corner| left + up - corner),
        5 => along(row, above, |left, up, corner| left + ((up - corner) >> 1)),
        6 => along(row, above, |left, up, corner| up + ((left - corner) >> 1)),
        _ => along(row, above, |left, up, _| (left + up) >> 1),
    }
}

/// A row after the first: its first sample is predicted from above.
#[inline(always)]
fn along(row: &mut [u16], above: &[u16], predict: impl Fn(i32, i32, i32) -> i32) {
    let mut pairs = row.iter_mut().zip(above);
    let Some((sample, &up)) = pairs.next() else { return };
    *sample = sample.wrapping_add(up);
    let (mut left, mut corner) = (i32::from(*sample), i32::from(up));
    for (sample, &up) in pairs {
        let up = i32::from(up);
        *sample = sample.wrapping_add(predict(left, up, corner) as u16);
        (left, corner) = (i32::from(*sample), up);
    }
}

/// Undoes the point transform. What goes beyond the precision tells how many bits the samples really have.
pub(super) fn scale(plane: &mut Plane<u16>, low: u8) -> u16 {
    let mut used = 0;
    for sample in &mut plane.samples {
        *sample <<= low & 15;
        used |= *sample;
    }
    used
}
