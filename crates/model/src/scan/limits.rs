//! What a data set may cost.

/// Limits of one scan. Its own memory is at most [`Limits::held`] bytes and 40 bytes for each open sequence or item;
/// a deflated data set adds about 100 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Sequences inside each other, at most. Default 256; the Standard sets none, real data sets stay below 20.
    pub depth: usize,
    /// Elements, items and fragments together, at most. Default 1,000,000, which cost well under a second.
    pub elements: u64,
    /// The longest value that is given out as a whole, in bytes. Default 65,536.
    pub held: usize,
    /// What a deflated data set may grow to.
    pub inflated: InflateLimit,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { depth: 256, elements: 1_000_000, held: 65_536, inflated: InflateLimit::default() }
    }
}

/// Output of inflating is bounded by `min(max, ratio x input + floor)` at every moment, the input being what was pushed
/// so far. It is streamed: nothing of it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InflateLimit {
    /// Bytes, whatever the input. Default 8 GiB.
    pub max: u64,
    /// Output bytes for each input byte. Default 200.
    pub ratio: u64,
    /// Output bytes that are always allowed. Default 64 MiB, about 0.2 s of one core.
    pub floor: u64,
}

impl Default for InflateLimit {
    fn default() -> InflateLimit {
        InflateLimit { max: 8 << 30, ratio: 200, floor: 64 << 20 }
    }
}

impl InflateLimit {
    /// How many bytes may have come out when `input` bytes went in.
    pub fn allowed(&self, input: u64) -> u64 {
        self.ratio.saturating_mul(input).saturating_add(self.floor).min(self.max)
    }
}
