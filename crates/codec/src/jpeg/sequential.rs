//! Sequential DCT scans (T.81 Annex F).

use super::bits::{Bits, Entropy};
use super::frame::{Frame, Scan};
use super::huffman::{Huffman, Step, Steps};
use super::idct::idct;
use super::layout::{Cell, Layout};
use super::malformed;
use super::markers::{State, ZIGZAG};
use super::plane::{Plane, Sample};
use crate::CodecError;

/// What decodes the blocks of one component.
struct Coder<'a> {
    dc: &'a Huffman,
    ac: Steps,
    quantisation: [u16; 64],
    /// The DC coefficient of the block before.
    before: i32,
    cell: Cell,
}

/// Decodes a scan into its planes.
///
/// # Errors
/// [`CodecError::Malformed`].
pub(super) fn scan<T: Sample>(
    frame: &Frame,
    scan: &Scan,
    state: &State,
    entropy: &mut Entropy<'_>,
    planes: &mut [Plane<T>],
) -> Result<(), CodecError> {
    let layout = Layout::new(frame, scan);
    let mut coders = coders(frame, scan, state, &layout)?;
    let interval = match state.restart {
        0 => layout.units(),
        restart => u64::from(restart),
    };
    let columns = u64::from(layout.columns);
    let mut clean = Vec::new();
    let mut start = 0;
    while start < layout.units() {
        if start > 0 {
            entropy.restart((start / interval - 1) as u32)?;
        }
        entropy.segment(&mut clean);
        let mut bits = Bits::new(&clean);
        coders.iter_mut().for_each(|coder| coder.before = 0);
        for unit in start..layout.units().min(start + interval) {
            let (x, y) = ((unit % columns) as usize, (unit / columns) as usize);
            if x == 0 {
                bits.finish()?;
            }
            for coder in &mut coders {
                coder.unit(&mut bits, frame.precision, (x, y), planes)?;
            }
        }
        bits.finish()?;
        start += interval;
    }
    Ok(())
}

fn coders<'a>(
    frame: &Frame,
    scan: &Scan,
    state: &'a State,
    layout: &Layout,
) -> Result<Vec<Coder<'a>>, CodecError> {
    let mut coders = Vec::with_capacity(4);
    for (part, &cell) in scan.parts.iter().zip(&layout.cells) {
        let dc = state.dc_table(part.dc)?;
        if dc.largest() > 15 {
            return Err(malformed("a DC difference of more than 15 bits"));
        }
        let ac = Steps::new(state.ac_table(part.ac)?);
        let quantisation = state.quantisation_table(frame, part.component)?;
        coders.push(Coder { dc, ac, quantisation, before: 0, cell });
    }
    Ok(coders)
}

impl Coder<'_> {
    /// Decodes what the unit at `(x, y)` has of this component.
    fn unit<T: Sample>(
        &mut self,
        bits: &mut Bits<'_>,
        precision: u8,
        (x, y): (usize, usize),
        planes: &mut [Plane<T>],
    ) -> Result<(), CodecError> {
        let Cell { component, h, v } = self.cell;
        let Some(plane) = planes.get_mut(component) else { return Ok(()) };
        for line in 0..v {
            for column in 0..h {
                let block = self.block(bits)?;
                let start = (y * v + line) * 8 * plane.stride + (x * h + column) * 8;
                let out = plane.samples.get_mut(start..).unwrap_or_default();
                idct(&block, precision, out, plane.stride);
            }
        }
        Ok(())
    }

    /// The next block, dequantised, in natural order.
    #[inline(always)]
    fn block(&mut self, bits: &mut Bits<'_>) -> Result<[i32; 64], CodecError> {
        let mut block = [0; 64];
        bits.fill();
        let category = self.dc.symbol(bits)?;
        self.before = self.before.wrapping_add(bits.extend(u32::from(category)));
        let [first, ..] = &mut block;
        let [quantum, ..] = self.quantisation;
        *first = i32::from(self.before as i16).wrapping_mul(i32::from(quantum));
        let mut at = 1;
        while at < 64 {
            let Step { run, value } = self.ac.next(bits)?;
            at += usize::from(run);
            let Some(&place) = ZIGZAG.get(at) else { break };
            let place = usize::from(place & 63);
            if let (Some(to), Some(&quantum)) = (block.get_mut(place), self.quantisation.get(place)) {
                *to = i32::from(value).wrapping_mul(i32::from(quantum));
            }
            at += 1;
        }
        Ok(block)
    }
}
