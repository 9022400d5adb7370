//! The bit stream: after a byte FF the next one carries seven bits (T.87 A.1), so that no marker appears in data.

/// Reads coded data up to the next marker.
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The next bits, from the highest.
    cache: u64,
    /// How many of them there are.
    cached: u32,
    /// How many of the cached are zeros from behind the end.
    invented: u32,
    /// Whether the byte before was FF.
    stuffed: bool,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, cache: 0, cached: 0, invented: 0, stuffed: false }
    }

    /// Whether bits from behind the end were used.
    pub(super) fn overdrawn(&self) -> bool {
        self.invented > self.cached
    }

    /// Where the next marker is, when the bits read so far are all; fill bits are skipped.
    pub(super) fn end(&self) -> usize {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let marker = rest.windows(2).position(|pair| matches!(pair, [0xFF, 0x80..=0xFF]));
        self.at + marker.unwrap_or(rest.len())
    }

    /// Moves behind this restart marker; false when another marker comes next.
    pub(super) fn restart(&mut self, marker: u8) -> bool {
        let at = self.end();
        let found = self.bytes.get(at..at + 2) == Some(&[0xFF, marker]);
        *self = Self { at: at + 2, ..Self::new(self.bytes) };
        found
    }

    /// So many bits, at most 32.
    #[inline(always)]
    pub(super) fn bits(&mut self, count: u32) -> u32 {
        if self.cached < count {
            self.refill();
        }
        let bits = (self.cache >> 1) >> (63 - count);
        self.consume(count);
        bits as u32
    }

    /// A Golomb code of limited length (A.5.3).
    #[inline(always)]
    pub(super) fn golomb(&mut self, exponent: u32, longest_prefix: u32, escape_bits: u32) -> u32 {
        let mut zeros = self.cache.leading_zeros();
        if zeros >= self.cached {
            self.refill();
            zeros = self.cache.leading_zeros();
        }
        if zeros < longest_prefix {
            self.consume(zeros + 1);
            (zeros << exponent) | self.bits(exponent)
        } else {
            self.consume(longest_prefix + 1);
            self.bits(escape_bits) + 1
        }
    }

    #[inline(always)]
    fn consume(&mut self, count: u32) {
        self.cache <<= count;
        self.cached -= count;
    }

    /// Fills the cache to 57 bits or more.
    #[inline(always)]
    fn refill(&mut self) {
        if !self.stuffed
            && let Some(word) = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<8>())
        {
            let word = u64::from_be_bytes(*word);
            let ones = word & !word.wrapping_add(0x0101_0101_0101_0101) & 0x8080_8080_8080_8080;
            if ones == 0 {
                let bytes = (64 - self.cached) / 8;
                self.cache |= word >> self.cached;
                self.at += bytes as usize;
                self.cached += bytes * 8;
                // Bits of a byte that was not counted.
                self.cache &= u64::MAX << ((64 - self.cached) & 63);
                return;
            }
        }
        self.refill_bytes();
    }

    #[cold]
    fn refill_bytes(&mut self) {
        while self.cached <= 56 {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let byte = match rest {
                [0xFF, 0x80..=0xFF, ..] | [0xFF] | [] => {
                    self.cached += 8;
                    self.invented += 8;
                    continue;
                }
                [byte, ..] => *byte,
            };
            let bits = if self.stuffed { 7 } else { 8 };
            self.cache |= u64::from(byte) << (64 - bits - self.cached);
            self.cached += bits;
            self.at += 1;
            self.stuffed = byte == 0xFF;
        }
        self.invented = self.invented.min(1 << 20);
    }
}

/// Writes coded data.
#[derive(Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    /// Bits that are no bytes yet, from the lowest.
    cache: u64,
    cached: u32,
    stuffed: bool,
}

impl BitWriter {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, ..Self::default() }
    }

    /// So many low bits of a number, at most 32; the rest of it must be 0.
    #[inline(always)]
    pub(super) fn put(&mut self, bits: u32, count: u32) {
        self.cache = self.cache << count | u64::from(bits);
        self.cached += count;
        if self.cached >= 32 {
            self.flush();
        }
    }

    /// A Golomb code of limited length (A.5.3).
    #[inline(always)]
    pub(super) fn golomb(&mut self, value: u32, exponent: u32, longest_prefix: u32, escape_bits: u32) {
        let prefix = value >> exponent;
        if prefix < longest_prefix {
            let low = value & ((1 << exponent) - 1);
            if prefix + 1 + exponent <= 32 {
                self.put(1 << exponent | low, prefix + 1 + exponent);
            } else {
                self.unary(prefix);
                self.put(low, exponent);
            }
        } else {
            self.unary(longest_prefix);
            self.put(value - 1, escape_bits);
        }
    }

    fn unary(&mut self, zeros: u32) {
        self.put(0, zeros / 2);
        self.put(0, zeros - zeros / 2);
        self.put(1, 1);
    }

    #[inline(always)]
    fn flush(&mut self) {
        let word = (self.cache >> (self.cached - 32)) as u32;
        let ones = word & !word.wrapping_add(0x0101_0101) & 0x8080_8080;
        if ones == 0 && !self.stuffed {
            self.bytes.extend_from_slice(&word.to_be_bytes());
            self.cached -= 32;
        } else {
            self.flush_bytes();
        }
    }

    #[cold]
    fn flush_bytes(&mut self) {
        while self.cached >= 8 {
            let bits = if self.stuffed { 7 } else { 8 };
            self.cached -= bits;
            let byte = (self.cache >> self.cached) as u8 & (0xFF >> (8 - bits));
            self.bytes.push(byte);
            self.stuffed = byte == 0xFF;
        }
    }

    /// Fills the last byte with zeros, and gives all bytes.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.flush_bytes();
        if self.cached > 0 || self.stuffed {
            let bits = if self.stuffed { 7 } else { 8 };
            self.bytes.push((self.cache << (bits - self.cached)) as u8 & (0xFF >> (8 - bits)));
        }
        self.bytes
    }
}
