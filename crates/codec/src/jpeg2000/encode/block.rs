//! A code block's bit planes, coded in three passes each (T.800 Annex D), without any of the optional modes.
#![expect(
    clippy::indexing_slicing,
    reason = "positions follow from the block's own size, tables from their masks"
)]

use super::mq::{Context, Encoder};
use super::wavelet::Block;

/// Which band a block is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Orientation {
    /// LL.
    Low,
    /// HL: high across.
    Horizontal,
    /// LH: high down.
    Vertical,
    /// HH.
    Diagonal,
}

impl Orientation {
    /// The binary logarithm of the band's gain (table E.1).
    pub(super) fn gain(self) -> u32 {
        match self {
            Self::Low => 0,
            Self::Horizontal | Self::Vertical => 1,
            Self::Diagonal => 2,
        }
    }
}

/// A coded block.
pub(super) struct Coded {
    /// Bit planes that hold anything; 0 when all coefficients are.
    pub(super) planes: u32,
    pub(super) bytes: Vec<u8>,
}

impl Coded {
    /// Coding passes: the first plane has one, all others three.
    pub(super) fn passes(&self) -> u32 {
        (3 * self.planes).saturating_sub(2)
    }
}

// What is known of a coefficient: which neighbours are significant, which of those beside it are negative, its own state.
const DIAGONAL: u16 = 0x000F;
const NORTH: u16 = 0x0010;
const EAST: u16 = 0x0020;
const SOUTH: u16 = 0x0040;
const WEST: u16 = 0x0080;
const NEIGHBOURS: u16 = 0x00FF;
/// The signs of the four follow 4 bits above their significance.
const SIGNS: u32 = 4;
const SIGNIFICANT: u16 = 0x1000;
const REFINED: u16 = 0x2000;
const VISITED: u16 = 0x4000;

const SIGN_CONTEXT: usize = 9;
const REFINEMENT_CONTEXT: usize = 14;
const RUN_CONTEXT: usize = 17;
const UNIFORM_CONTEXT: usize = 18;

/// Table D.1, by band and significant neighbours.
static SIGNIFICANCE: [[u8; 256]; 3] = significance();

const fn significance() -> [[u8; 256]; 3] {
    let mut table = [[0; 256]; 3];
    let mut flags = 0;
    while flags < 256 {
        let (across, down) = (count(flags, EAST | WEST), count(flags, NORTH | SOUTH));
        let diagonal = count(flags, DIAGONAL);
        table[0][flags] = beside(across, down, diagonal);
        table[1][flags] = beside(down, across, diagonal);
        table[2][flags] = match (diagonal, across + down) {
            (3.., _) => 8,
            (2, 1..) => 7,
            (2, _) => 6,
            (1, 2..) => 5,
            (1, 1) => 4,
            (1, _) => 3,
            (_, 2..) => 2,
            (_, beside) => beside,
        };
        flags += 1;
    }
    table
}

const fn count(flags: usize, of: u16) -> u8 {
    (flags as u16 & of).count_ones() as u8
}

const fn beside(along: u8, other: u8, diagonal: u8) -> u8 {
    match (along, other, diagonal) {
        (2, _, _) => 8,
        (1, 1.., _) => 7,
        (1, _, 1..) => 6,
        (1, _, _) => 5,
        (_, 2, _) => 4,
        (_, 1, _) => 3,
        (_, _, 2..) => 2,
        (_, _, diagonal) => diagonal,
    }
}

/// Tables D.2 and D.3: the context, and what the sign is turned by.
fn sign_context(flags: u16) -> (usize, u8) {
    let part = |flag: u16| match (flags & flag != 0, flags & (flag << SIGNS) != 0) {
        (false, _) => 0,
        (true, false) => 1,
        (true, true) => -1,
    };
    let across = (part(EAST) + part(WEST)).clamp(-1, 1);
    let down = (part(NORTH) + part(SOUTH)).clamp(-1, 1);
    let (offset, turned) = match (across, down) {
        (1, 1) => (4, 0),
        (1, 0) => (3, 0),
        (1, _) => (2, 0),
        (0, 1) => (1, 0),
        (0, 0) => (0, 0),
        (0, _) => (1, 1),
        (_, 1) => (2, 1),
        (_, 0) => (3, 1),
        _ => (4, 1),
    };
    (SIGN_CONTEXT + offset, turned)
}

/// Codes a block.
pub(super) fn encode(block: &Block, orientation: Orientation) -> Coded {
    let largest = block.values.iter().fold(0, |all, value| all | value.unsigned_abs());
    let planes = u32::BITS - largest.leading_zeros();
    if planes == 0 {
        return Coded { planes, bytes: Vec::new() };
    }
    let mut coder = Coder::new(block, orientation);
    for plane in (0..planes).rev() {
        if plane + 1 < planes {
            coder.significance_pass(plane);
            coder.refinement_pass(plane);
        }
        coder.cleanup_pass(plane);
    }
    Coded { planes, bytes: coder.encoder.finish() }
}

struct Coder<'a> {
    encoder: Encoder,
    contexts: [Context; 19],
    significance: &'static [u8; 256],
    values: &'a [i32],
    width: usize,
    height: usize,
    /// One more on each side than the block.
    flags: Vec<u16>,
}

impl<'a> Coder<'a> {
    fn new(block: &'a Block, orientation: Orientation) -> Self {
        let (width, height) = (block.width, block.values.len() / block.width);
        // Table D.7.
        let mut contexts = [Context::new(0); 19];
        contexts[0] = Context::new(4);
        contexts[RUN_CONTEXT] = Context::new(3);
        contexts[UNIFORM_CONTEXT] = Context::new(46);
        let significance = match orientation {
            Orientation::Low | Orientation::Vertical => &SIGNIFICANCE[0],
            Orientation::Horizontal => &SIGNIFICANCE[1],
            Orientation::Diagonal => &SIGNIFICANCE[2],
        };
        let flags = vec![0; (width + 2) * (height + 2)];
        Self { encoder: Encoder::new(), contexts, significance, values: &block.values, width, height, flags }
    }

    /// Goes through the block in stripes of four rows, column by column.
    #[inline(always)]
    fn scan(&mut self, mut column: impl FnMut(&mut Self, usize, usize, usize)) {
        for top in (0..self.height).step_by(4) {
            let rows = (self.height - top).min(4);
            for x in 0..self.width {
                column(self, top * self.width + x, (top + 1) * (self.width + 2) + x + 1, rows);
            }
        }
    }

    /// D.3.1.
    fn significance_pass(&mut self, plane: u32) {
        self.scan(|coder, mut value, mut flag, rows| {
            for _ in 0..rows {
                let flags = coder.flags[flag];
                if flags & NEIGHBOURS != 0 && flags & SIGNIFICANT == 0 {
                    coder.significance(plane, value, flag, flags);
                    coder.flags[flag] |= VISITED;
                }
                value += coder.width;
                flag += coder.width + 2;
            }
        });
    }

    /// D.3.3.
    fn refinement_pass(&mut self, plane: u32) {
        self.scan(|coder, mut value, mut flag, rows| {
            for _ in 0..rows {
                let flags = coder.flags[flag];
                if flags & (SIGNIFICANT | VISITED) == SIGNIFICANT {
                    let offset = match (flags & REFINED != 0, flags & NEIGHBOURS != 0) {
                        (true, _) => 2,
                        (false, near) => usize::from(near),
                    };
                    let bit = (coder.values[value].unsigned_abs() >> plane & 1) as u8;
                    coder.encoder.encode(&mut coder.contexts[REFINEMENT_CONTEXT + offset], bit);
                    coder.flags[flag] |= REFINED;
                }
                value += coder.width;
                flag += coder.width + 2;
            }
        });
    }

    /// D.3.4.
    fn cleanup_pass(&mut self, plane: u32) {
        self.scan(|coder, mut value, mut flag, rows| {
            let mut row = 0;
            let (across, down) = (coder.width, coder.width + 2);
            if rows == 4
                && (0..4)
                    .all(|row| coder.flags[flag + row * down] & (SIGNIFICANT | VISITED | NEIGHBOURS) == 0)
            {
                let set = |row: &usize| coder.values[value + row * across].unsigned_abs() >> plane & 1 == 1;
                let first = (0..4).find(set);
                coder.encoder.encode(&mut coder.contexts[RUN_CONTEXT], u8::from(first.is_some()));
                let Some(first) = first else { return };
                for bit in [first >> 1, first & 1] {
                    coder.encoder.encode(&mut coder.contexts[UNIFORM_CONTEXT], bit as u8);
                }
                value += first * across;
                flag += first * down;
                coder.sign(value, flag);
                row = first + 1;
                value += across;
                flag += down;
            }
            for _ in row..rows {
                let flags = coder.flags[flag];
                if flags & (SIGNIFICANT | VISITED) == 0 {
                    coder.significance(plane, value, flag, flags);
                }
                coder.flags[flag] &= !VISITED;
                value += across;
                flag += down;
            }
        });
    }

    /// Codes whether a coefficient becomes significant, and then its sign.
    #[inline(always)]
    fn significance(&mut self, plane: u32, value: usize, flag: usize, flags: u16) {
        let context = usize::from(self.significance[usize::from(flags & NEIGHBOURS)]);
        let bit = (self.values[value].unsigned_abs() >> plane & 1) as u8;
        self.encoder.encode(&mut self.contexts[context], bit);
        if bit == 1 {
            self.sign(value, flag);
        }
    }

    /// Codes a sign, and tells the neighbours.
    fn sign(&mut self, value: usize, flag: usize) {
        let negative = self.values[value] < 0;
        let (context, turned) = sign_context(self.flags[flag]);
        self.encoder.encode(&mut self.contexts[context], u8::from(negative) ^ turned);
        let down = self.width + 2;
        let told = |flag: u16| flag | if negative { flag << SIGNS } else { 0 };
        self.flags[flag] |= SIGNIFICANT;
        self.flags[flag - down] |= told(SOUTH);
        self.flags[flag + down] |= told(NORTH);
        self.flags[flag - 1] |= told(EAST);
        self.flags[flag + 1] |= told(WEST);
        self.flags[flag - down - 1] |= 1;
        self.flags[flag - down + 1] |= 2;
        self.flags[flag + down - 1] |= 4;
        self.flags[flag + down + 1] |= 8;
    }
}
