//! The MQ arithmetic encoder (T.800 C.2).

/// Table C.2: Qe, the next state after the more and after the less probable symbol, and whether the latter swaps them.
#[rustfmt::skip]
const STATES: [(u16, u8, u8, bool); 47] = [
    (0x5601, 1, 1, true), (0x3401, 2, 6, false), (0x1801, 3, 9, false), (0x0AC1, 4, 12, false),
    (0x0521, 5, 29, false), (0x0221, 38, 33, false), (0x5601, 7, 6, true), (0x5401, 8, 14, false),
    (0x4801, 9, 14, false), (0x3801, 10, 14, false), (0x3001, 11, 17, false), (0x2401, 12, 18, false),
    (0x1C01, 13, 20, false), (0x1601, 29, 21, false), (0x5601, 15, 14, true), (0x5401, 16, 14, false),
    (0x5101, 17, 15, false), (0x4801, 18, 16, false), (0x3801, 19, 17, false), (0x3401, 20, 18, false),
    (0x3001, 21, 19, false), (0x2801, 22, 19, false), (0x2401, 23, 20, false), (0x2201, 24, 21, false),
    (0x1C01, 25, 22, false), (0x1801, 26, 23, false), (0x1601, 27, 24, false), (0x1401, 28, 25, false),
    (0x1201, 29, 26, false), (0x1101, 30, 27, false), (0x0AC1, 31, 28, false), (0x09C1, 32, 29, false),
    (0x08A1, 33, 30, false), (0x0521, 34, 31, false), (0x0441, 35, 32, false), (0x02A1, 36, 33, false),
    (0x0221, 37, 34, false), (0x0141, 38, 35, false), (0x0111, 39, 36, false), (0x0085, 40, 37, false),
    (0x0049, 41, 38, false), (0x0025, 42, 39, false), (0x0015, 43, 40, false), (0x0009, 44, 41, false),
    (0x0005, 45, 42, false), (0x0001, 45, 43, false), (0x5601, 46, 46, false),
];

/// A context: its state, and its more probable symbol.
#[derive(Clone, Copy)]
pub(super) struct Context {
    state: u8,
    likely: u8,
}

impl Context {
    pub(super) const fn new(state: u8) -> Self {
        Self { state, likely: 0 }
    }
}

pub(super) struct Encoder {
    interval: u32,
    code: u32,
    /// Shifts until the next byte.
    countdown: u32,
    /// The last byte, which a carry may still raise.
    pending: u8,
    /// Whether `pending` is one at all.
    started: bool,
    bytes: Vec<u8>,
}

impl Encoder {
    pub(super) fn new() -> Self {
        Self { interval: 0x8000, code: 0, countdown: 12, pending: 0, started: false, bytes: Vec::new() }
    }

    /// Codes a symbol, 0 or 1.
    #[inline(always)]
    pub(super) fn encode(&mut self, context: &mut Context, symbol: u8) {
        let Some((estimate, after_likely, after_unlikely, swaps)) = STATES.get(usize::from(context.state))
        else {
            return;
        };
        let estimate = u32::from(*estimate);
        self.interval -= estimate;
        if symbol == context.likely {
            if self.interval & 0x8000 != 0 {
                self.code += estimate;
                return;
            }
            if self.interval < estimate {
                self.interval = estimate;
            } else {
                self.code += estimate;
            }
            context.state = *after_likely;
        } else {
            if self.interval < estimate {
                self.code += estimate;
            } else {
                self.interval = estimate;
            }
            context.likely ^= u8::from(*swaps);
            context.state = *after_unlikely;
        }
        let mut shift = self.interval.leading_zeros() - 16;
        self.interval <<= shift;
        while shift >= self.countdown {
            self.code <<= self.countdown;
            shift -= self.countdown;
            self.byte_out();
        }
        self.code <<= shift;
        self.countdown -= shift;
    }

    fn byte_out(&mut self) {
        if self.pending == 0xFF {
            return self.next_byte(20);
        }
        if self.code & 0x800_0000 != 0 {
            // Nothing is pending before the first byte, and the first carry cannot come before it.
            self.pending = self.pending.wrapping_add(1);
            self.code &= 0x7FF_FFFF;
            if self.pending == 0xFF {
                return self.next_byte(20);
            }
        }
        self.next_byte(19);
    }

    /// Takes the bits above `low` as the pending byte.
    fn next_byte(&mut self, low: u32) {
        if self.started {
            self.bytes.push(self.pending);
        }
        self.started = true;
        self.pending = (self.code >> low) as u8;
        self.code &= (1 << low) - 1;
        self.countdown = 27 - low;
    }

    /// Ends the code word (C.2.9).
    pub(super) fn finish(mut self) -> Vec<u8> {
        let upper = self.code + self.interval;
        self.code |= 0xFFFF;
        if self.code >= upper {
            self.code -= 0x8000;
        }
        for _ in 0..2 {
            self.code <<= self.countdown;
            self.byte_out();
        }
        if self.pending != 0xFF {
            self.bytes.push(self.pending);
        }
        self.bytes
    }
}
