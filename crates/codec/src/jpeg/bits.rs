//! Bits out of an entropy-coded segment, and the segment out of the frame.

use super::malformed;
use crate::CodecError;

/// The entropy-coded data of a scan: byte stuffing and restart markers taken out.
pub(super) struct Entropy<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Entropy<'a> {
    /// The data that begins at `at`.
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// Where the marker after the last segment is.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Puts the bytes up to the next marker into `clean`, without stuffing (T.81 F.1.2.3).
    pub(super) fn segment(&mut self, clean: &mut Vec<u8>) {
        clean.clear();
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let Some(next) = memchr::memchr(0xFF, rest) else {
                clean.extend_from_slice(rest);
                self.at = self.bytes.len();
                return;
            };
            let (plain, behind) = rest.split_at(next);
            clean.extend_from_slice(plain);
            self.at += next;
            // Any number of FF may stand before the byte that counts.
            let fill = behind.iter().take_while(|&&byte| byte == 0xFF).count();
            match behind.get(fill) {
                Some(0) => {
                    clean.push(0xFF);
                    self.at += fill + 1;
                }
                Some(_) => {
                    self.at += fill - 1;
                    return;
                }
                None => {
                    self.at = self.bytes.len();
                    return;
                }
            }
        }
    }

    /// Passes the restart marker that has to stand here; `index` counts them.
    ///
    /// # Errors
    /// [`CodecError::Malformed`] when something else stands here.
    pub(super) fn restart(&mut self, index: u32) -> Result<(), CodecError> {
        let expected = 0xD0 | (index % 8) as u8;
        match self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<2>()) {
            Some([0xFF, code]) if *code == expected => {
                self.at += 2;
                Ok(())
            }
            _ => Err(malformed(format!("restart marker {index} is missing at byte {}", self.at))),
        }
    }
}

/// Bits, most significant first. Behind the end come zeros, which [`Bits::finish`] makes known.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    buffer: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0, buffer: 0, count: 0 }
    }

    /// Has 32 bits or more at hand.
    #[inline(always)]
    pub(super) fn fill(&mut self) {
        if self.count < 32 {
            match self.data.get(self.at..).and_then(|rest| rest.first_chunk::<8>()) {
                Some(chunk) => {
                    // What is beyond whole bytes is read again, to the same bits.
                    self.buffer |= u64::from_be_bytes(*chunk) >> self.count;
                    let taken = (63 - self.count) >> 3;
                    self.at += taken as usize;
                    self.count += taken * 8;
                }
                None => self.fill_at_end(),
            }
        }
    }

    #[cold]
    fn fill_at_end(&mut self) {
        while self.count <= 56 {
            let byte = self.data.get(self.at).copied().unwrap_or(0);
            self.buffer |= u64::from(byte) << (56 - self.count);
            self.at += 1;
            self.count += 8;
        }
    }

    /// The next 16 bits, or fewer: `bits` from 1 to 16.
    #[inline(always)]
    pub(super) fn peek(&self, bits: u32) -> usize {
        (self.buffer >> (64 - bits)) as usize
    }

    /// Passes bits that were looked at: at most as many as [`Bits::fill`] left at hand.
    #[inline(always)]
    pub(super) fn skip(&mut self, bits: u32) {
        self.buffer <<= bits & 63;
        self.count = self.count.wrapping_sub(bits);
    }

    /// The next bits as a number: `bits` from 0 to 16.
    #[inline(always)]
    pub(super) fn take(&mut self, bits: u32) -> u32 {
        // Two shifts, so that 0 bits give 0.
        let value = ((self.buffer >> 1) >> (63_u32.wrapping_sub(bits) & 63)) as u32;
        self.skip(bits);
        value
    }

    /// The number that `bits` bits stand for after their category (T.81 F.2.2.1, EXTEND): `bits` from 0 to 16.
    #[inline(always)]
    pub(super) fn extend(&mut self, bits: u32) -> i32 {
        let value = self.take(bits) as i32;
        extend(value, bits)
    }

    /// The number of `bits` bits behind a code of `code` bits, both passed: together at most 31.
    #[inline(always)]
    pub(super) fn extend_behind(&mut self, code: u8, bits: u8) -> i32 {
        let (code, bits) = (u32::from(code), u32::from(bits));
        let value = ((self.buffer << (code & 63) >> 1) >> (63_u32.wrapping_sub(bits) & 63)) as i32;
        self.skip(code.wrapping_add(bits));
        extend(value, bits)
    }

    /// Whether more was taken than there was.
    pub(super) fn overran(&self) -> bool {
        self.at * 8 > self.data.len() * 8 + self.count as usize
    }

    /// That no more was taken than there was.
    ///
    /// # Errors
    /// [`CodecError::Malformed`].
    pub(super) fn finish(&self) -> Result<(), CodecError> {
        if self.overran() { Err(malformed("the entropy-coded data ends too early")) } else { Ok(()) }
    }
}

/// T.81 F.2.2.1: EXTEND.
#[inline(always)]
pub(super) fn extend(value: i32, bits: u32) -> i32 {
    // Below half of the range it is negative, counted from -(2^bits - 1). Numbers instead of a branch: a sign cannot
    // be foreseen.
    let half = 1_i32.wrapping_shl(bits) >> 1;
    let low = value.wrapping_sub(half) >> 31;
    value.wrapping_add(low & 1_i32.wrapping_sub(1_i32.wrapping_shl(bits)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stuffing_is_taken_out_and_markers_end_a_segment() {
        let rows: &[(&[u8], &[u8], usize)] = &[
            (&[1, 0xFF, 0, 2, 0xFF, 0xD9], &[1, 0xFF, 2], 4),
            (&[1, 0xFF, 0xFF, 0xFF, 0xD0, 3], &[1], 3),
            (&[0xFF, 0xFF, 0, 7], &[0xFF, 7], 4),
            (&[5, 0xFF], &[5], 2),
            (&[], &[], 0),
        ];
        for (bytes, expected, at) in rows {
            let mut entropy = Entropy::new(bytes, 0);
            let mut clean = Vec::new();
            entropy.segment(&mut clean);
            assert_eq!((clean.as_slice(), entropy.at()), (*expected, *at), "{bytes:?}");
        }
    }

    #[test]
    fn bits_come_in_order_and_the_end_is_known() {
        let data: Vec<u8> = (0..20).map(|n| n * 13).collect();
        let mut bits = Bits::new(&data);
        let expected = data.iter().flat_map(|byte| (0..8).rev().map(move |bit| u32::from(byte >> bit & 1)));
        for bit in expected {
            bits.fill();
            assert_eq!(bits.take(1), bit);
            assert_eq!(bits.finish(), Ok(()));
        }
        bits.fill();
        assert_eq!((bits.take(1), bits.overran()), (0, true));
    }

    #[test]
    fn extend_is_the_table_of_the_standard() {
        let rows = [
            (0, 0, 0),
            (0, 1, -1),
            (1, 1, 1),
            (0, 2, -3),
            (1, 2, -2),
            (2, 2, 2),
            (0, 15, -32767),
            (32767, 15, 32767),
        ];
        for (value, bits, expected) in rows {
            assert_eq!(extend(value, bits), expected);
        }
    }
}
