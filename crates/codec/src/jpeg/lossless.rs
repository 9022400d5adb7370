//! Lossless coding: differences from a prediction (T.81 Annex H).

use super::bits::{Bits, Entropy};
use super::frame::{Frame, Scan};
use super::huffman::Differences;
use super::layout::{Cell, Layout};
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
        tables.push(Differences::new(state.dc_table(part.dc)?)?);
    }
    let layout = Layout::new(frame, scan);
    let initial = 1_u16 << (frame.precision - scan.low - 1);
    let interval = match state.restart {
        0 => layout.rows,
        restart if restart % layout.columns == 0 => restart / layout.columns,
        _ => return Err(malformed("a restart interval that is no number of whole rows")),
    };
    let units = units(&layout);
    let order: Vec<&Differences> = units.iter().filter_map(|unit| tables.get(unit.part)).collect();
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
            spread(&layout, &units, &row, y as usize, planes);
            for cell in &layout.cells {
                let Some(plane) = planes.get_mut(cell.component) else { continue };
                for line in 0..cell.v {
                    let first = y == start && line == 0;
                    undo(plane, y as usize * cell.v + line, first, scan.start, initial);
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

/// The samples of a minimum coded unit, in coded order.
fn units(layout: &Layout) -> Vec<Unit> {
    let cells = layout.cells.iter().enumerate();
    cells
        .flat_map(|(part, &Cell { h, v, .. })| {
            (0..v).flat_map(move |y| (0..h).map(move |x| Unit { part, x, y }))
        })
        .collect()
}

/// Puts a row of minimum coded units where its differences belong.
fn spread(layout: &Layout, units: &[Unit], row: &[u16], y: usize, planes: &mut [Plane<u16>]) {
    for (index, unit) in units.iter().enumerate() {
        let Some(&Cell { component, h, v }) = layout.cells.get(unit.part) else { continue };
        let Some(plane) = planes.get_mut(component) else { continue };
        let start = (y * v + unit.y) * plane.stride + unit.x;
        let line = plane.samples.get_mut(start..).unwrap_or_default();
        let from = row.iter().skip(index).step_by(units.len());
        line.iter_mut().step_by(h).zip(from).for_each(|(to, from)| *to = *from);
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
