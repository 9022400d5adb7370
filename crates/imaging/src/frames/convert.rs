//! Stored bits to the bytes of a frame: little endian, starting at bit 0.

use model::recode::WordSwap;

/// Turns the bytes of a frame's parts into the frame as they stream (PS3.18 section 8.7.3.3.1: frames of 1 bit are
/// aligned again). Holds less than one word.
#[derive(Debug, Clone)]
pub struct Convert {
    swap: WordSwap,
    swapped: Vec<u8>,
    /// Whole bytes to drop, then bits to shift.
    skip: usize,
    shift: u32,
    /// Bits of the frame that are still to come.
    bits: u64,
    /// The byte whose upper bits begin the next byte of the frame.
    carry: Option<u8>,
}

impl Convert {
    pub(super) fn new(word: u8, bit_shift: u8, bits: u64) -> Self {
        Convert {
            swap: WordSwap::new(word),
            swapped: Vec::new(),
            skip: usize::from(bit_shift / 8),
            shift: u32::from(bit_shift % 8),
            bits,
            carry: None,
        }
    }

    /// Appends what `chunk` adds to the frame to `out`.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        let mut swapped = std::mem::take(&mut self.swapped);
        swapped.clear();
        self.swap.push(chunk, &mut swapped);
        self.align(&swapped, out);
        self.swapped = swapped;
    }

    /// Appends the rest of the frame to `out`. Bits that the parts did not have are 0 within the last byte only.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        let mut swapped = Vec::new();
        self.swap.finish(&mut swapped);
        self.align(&swapped, out);
        if let Some(carry) = self.carry.take() {
            self.put(carry >> self.shift, out);
        }
    }

    fn align(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let skipped = self.skip.min(bytes.len());
        self.skip -= skipped;
        let mut bytes = bytes.get(skipped..).unwrap_or_default();
        if self.shift == 0 {
            let whole = usize::try_from(self.bits / 8).unwrap_or(usize::MAX).min(bytes.len());
            let (frame, rest) = bytes.split_at(whole);
            out.extend_from_slice(frame);
            self.bits -= 8 * whole as u64;
            bytes = rest;
        }
        for &byte in bytes {
            match self.carry {
                _ if self.shift == 0 => self.put(byte, out),
                Some(carry) => self.put(carry >> self.shift | byte << (8 - self.shift), out),
                None => {}
            }
            self.carry = Some(byte).filter(|_| self.shift != 0);
        }
    }

    fn put(&mut self, byte: u8, out: &mut Vec<u8>) {
        match self.bits {
            0 => {}
            1..8 => out.push(byte & ((1 << self.bits) - 1)),
            _ => out.push(byte),
        }
        self.bits = self.bits.saturating_sub(8);
    }
}

/// The `bits` bits of `bytes` from bit `bit_shift` on, starting at bit 0, unused bits of the last byte 0.
pub fn realign(bytes: &[u8], bit_shift: u8, bits: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut convert = Convert::new(1, bit_shift, bits);
    convert.push(bytes, &mut out);
    convert.finish(&mut out);
    out
}
