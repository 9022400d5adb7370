//! Progressive DCT scans (T.81 Annex G): coefficients come in bands, and their bits one after another.

use super::bits::{Bits, Entropy};
use super::frame::{Frame, Scan};
use super::huffman::Huffman;
use super::idct::idct;
use super::layout::{Cell, Layout};
use super::malformed;
use super::markers::{State, ZIGZAG};
use super::plane::{Plane, Sample};
use crate::CodecError;

/// The most blocks that all scans of a frame may walk over, each as often as a scan does. The largest frames, of 256 MiB,
/// may so have 32 scans, where encoders write about ten; at worst this costs 3 s.
pub(super) const WALK: u64 = 1 << 27;

/// The coefficients of one component.
pub(super) struct Blocks {
    /// Blocks of a row.
    stride: usize,
    /// In natural order.
    blocks: Vec<[i16; 64]>,
    /// For each coefficient in zigzag order, down to which bit it is known; `None` before its first scan.
    known: [Option<u8>; 64],
    quantisation: Option<[u16; 64]>,
}

impl Blocks {
    /// Room for a component of a frame that is within the limits.
    pub(super) fn new(frame: &Frame, component: usize) -> Self {
        let (columns, rows) = frame.units();
        let (h, v) = frame.components.get(component).map_or((0, 0), |of| (of.h, of.v));
        let (stride, rows) = ((columns * h) as usize, (rows * v) as usize);
        Self { stride, blocks: vec![[0; 64]; stride * rows], known: [None; 64], quantisation: None }
    }

    /// Whether the picture can be made: its DC is there, and with `all` every bit of every coefficient.
    pub(super) fn ready(&self, all: bool) -> bool {
        let [dc, ..] = self.known;
        dc.is_some() && (!all || self.known.iter().all(|known| *known == Some(0)))
    }

    /// The samples of the coefficients.
    pub(super) fn render<T: Sample>(&self, precision: u8, plane: &mut Plane<T>) {
        let Some(quantisation) = &self.quantisation else { return };
        let lines = plane.samples.chunks_mut(plane.stride * 8);
        for (blocks, line) in self.blocks.chunks(self.stride).zip(lines) {
            for (x, block) in blocks.iter().enumerate() {
                let mut whole = [0; 64];
                for (to, (value, quantum)) in whole.iter_mut().zip(block.iter().zip(quantisation)) {
                    *to = i32::from(*value).wrapping_mul(i32::from(*quantum));
                }
                idct(&whole, precision, line.get_mut(x * 8..).unwrap_or_default(), plane.stride);
            }
        }
    }

    /// Notes that a scan brings coefficients `start` to `end` from bit `high` to bit `low`.
    fn note(&mut self, scan: &Scan) -> Result<(), CodecError> {
        let before = if scan.high == 0 { None } else { Some(scan.high) };
        let band = self.known.get_mut(usize::from(scan.start)..=usize::from(scan.end));
        for known in band.ok_or_else(|| malformed("a progressive scan beyond coefficient 63"))? {
            if *known != before {
                return Err(malformed("progressive scans that do not follow each other"));
            }
            *known = Some(scan.low);
        }
        Ok(())
    }
}

/// Takes a scan into its components' coefficients; `walked` counts blocks against [`WALK`].
///
/// # Errors
/// [`CodecError::Malformed`], and [`CodecError::Unsupported`] for too many scans.
pub(super) fn scan(
    frame: &Frame,
    scan: &Scan,
    state: &State,
    entropy: &mut Entropy<'_>,
    components: &mut [Blocks],
    walked: &mut u64,
) -> Result<(), CodecError> {
    check(scan)?;
    for part in &scan.parts {
        let Some(component) = components.get_mut(part.component) else { continue };
        component.note(scan)?;
        if component.quantisation.is_none() {
            component.quantisation = Some(state.quantisation_table(frame, part.component)?);
        }
    }
    let layout = Layout::new(frame, scan);
    *walked += layout.units() * layout.cells.iter().map(|cell| (cell.h * cell.v) as u64).sum::<u64>();
    if *walked > WALK {
        return Err(CodecError::Unsupported("JPEG of too many progressive scans for its size".to_owned()));
    }
    let mut coder = Coder::new(scan, state)?;
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
        coder.reset();
        for unit in start..layout.units().min(start + interval) {
            let (x, y) = ((unit % columns) as usize, (unit / columns) as usize);
            if x == 0 {
                bits.finish()?;
            }
            for (part, &Cell { component, h, v }) in layout.cells.iter().enumerate() {
                let Some(component) = components.get_mut(component) else { continue };
                for place in (0..v * h).map(|n| (y * v + n / h) * component.stride + x * h + n % h) {
                    if let Some(block) = component.blocks.get_mut(place) {
                        coder.block(&mut bits, part, block)?;
                    }
                }
            }
        }
        bits.finish()?;
        start += interval;
    }
    Ok(())
}

/// T.81 G.1.1.1.1: what a progressive scan header may say.
fn check(scan: &Scan) -> Result<(), CodecError> {
    let band = if scan.start == 0 { scan.end == 0 } else { scan.end >= scan.start && scan.parts.len() == 1 };
    let bits = scan.low <= 13 && (scan.high == 0 || scan.high == scan.low + 1);
    if band && scan.end < 64 && bits { Ok(()) } else { Err(malformed("an impossible progressive scan")) }
}

/// What a scan needs from block to block.
struct Coder<'a> {
    start: usize,
    end: usize,
    refine: bool,
    low: u32,
    /// For each part, the DC table; none are needed to refine.
    dc: Vec<&'a Huffman>,
    ac: Option<&'a Huffman>,
    /// For each part, the DC of the block before.
    before: [i32; 4],
    /// Blocks that end without another code.
    ended: u32,
}

impl<'a> Coder<'a> {
    fn new(scan: &Scan, state: &'a State) -> Result<Self, CodecError> {
        let mut dc = Vec::new();
        let mut ac = None;
        if scan.start > 0 {
            ac = scan.parts.first().map(|part| state.ac_table(part.ac)).transpose()?;
        } else if scan.high == 0 {
            for part in &scan.parts {
                dc.push(state.dc_table(part.dc)?);
            }
        }
        if dc.iter().any(|table| table.largest() > 15) {
            return Err(malformed("a DC difference of more than 15 bits"));
        }
        Ok(Self {
            start: usize::from(scan.start),
            end: usize::from(scan.end),
            refine: scan.high > 0,
            low: u32::from(scan.low),
            dc,
            ac,
            before: [0; 4],
            ended: 0,
        })
    }

    /// At a restart.
    fn reset(&mut self) {
        self.before = [0; 4];
        self.ended = 0;
    }

    #[inline(always)]
    fn block(&mut self, bits: &mut Bits<'_>, part: usize, block: &mut [i16; 64]) -> Result<(), CodecError> {
        match (self.ac, self.refine) {
            (None, false) => self.dc_first(bits, part, block),
            (None, true) => {
                bits.fill();
                let [dc, ..] = block;
                *dc |= (bits.take(1) << self.low) as i16;
                Ok(())
            }
            (Some(table), false) => self.ac_first(table, bits, block),
            (Some(table), true) => self.ac_refine(table, bits, block),
        }
    }

    fn dc_first(
        &mut self,
        bits: &mut Bits<'_>,
        part: usize,
        block: &mut [i16; 64],
    ) -> Result<(), CodecError> {
        let (Some(table), Some(before)) = (self.dc.get(part), self.before.get_mut(part)) else {
            return Ok(());
        };
        bits.fill();
        let category = table.symbol(bits)?;
        *before = before.wrapping_add(bits.extend(u32::from(category)));
        let [dc, ..] = block;
        *dc = (*before << self.low) as i16;
        Ok(())
    }

    fn ac_first(
        &mut self,
        table: &Huffman,
        bits: &mut Bits<'_>,
        block: &mut [i16; 64],
    ) -> Result<(), CodecError> {
        if self.ended > 0 {
            self.ended -= 1;
            return Ok(());
        }
        let mut at = self.start;
        while at <= self.end {
            bits.fill();
            let symbol = table.symbol(bits)?;
            let (run, category) = (symbol >> 4, u32::from(symbol & 15));
            match (run, category) {
                (15, 0) => at += 16,
                (run, 0) => {
                    self.ended = (1 << run) - 1 + bits.take(u32::from(run));
                    return Ok(());
                }
                (run, category) => {
                    at += usize::from(run);
                    let value = (bits.extend(category) << self.low) as i16;
                    if at <= self.end
                        && let Some(to) = coefficient(block, at)
                    {
                        *to = value;
                    }
                    at += 1;
                }
            }
        }
        Ok(())
    }

    /// T.81 G.1.2.3: one bit more for coefficients that are known, new ones of one bit between them.
    fn ac_refine(
        &mut self,
        table: &Huffman,
        bits: &mut Bits<'_>,
        block: &mut [i16; 64],
    ) -> Result<(), CodecError> {
        let one = 1_i16 << self.low;
        let mut at = self.start;
        while self.ended == 0 && at <= self.end {
            bits.fill();
            let symbol = table.symbol(bits)?;
            let (run, category) = (symbol >> 4, symbol & 15);
            if category == 0 && run < 15 {
                self.ended = (1 << run) + bits.take(u32::from(run));
                break;
            }
            let value = match (category, bits.take(u32::from(category > 0))) {
                (0, _) => 0,
                (_, 0) => -one,
                _ => one,
            };
            at = self.pass(bits, block, at, Some(run), one);
            if value != 0
                && at <= self.end
                && let Some(to) = coefficient(block, at)
            {
                *to = value;
            }
            at += 1;
        }
        if self.ended > 0 {
            self.ended -= 1;
            self.pass(bits, block, at, None, one);
        }
        Ok(())
    }

    /// Refines what is known from `at` on, until `zeros` and one more that are not; where it stopped.
    fn pass(
        &self,
        bits: &mut Bits<'_>,
        block: &mut [i16; 64],
        mut at: usize,
        zeros: Option<u8>,
        one: i16,
    ) -> usize {
        let mut left = zeros;
        while at <= self.end {
            match (coefficient(block, at), left) {
                (Some(value), _) if *value != 0 => {
                    bits.fill();
                    if bits.take(1) == 1 && *value & one == 0 {
                        *value = if *value > 0 { value.wrapping_add(one) } else { value.wrapping_sub(one) };
                    }
                }
                (_, Some(0)) => break,
                (_, Some(more)) => left = Some(more - 1),
                (_, None) => {}
            }
            at += 1;
        }
        at
    }
}

/// The coefficient at a place of the zigzag order.
#[inline(always)]
fn coefficient(block: &mut [i16; 64], at: usize) -> Option<&mut i16> {
    let place = *ZIGZAG.get(at)?;
    block.get_mut(usize::from(place))
}
