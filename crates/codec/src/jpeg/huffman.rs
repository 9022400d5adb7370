//! Huffman tables (T.81 Annex C and F.2.2.3).

use super::bits::{Bits, extend};
use super::malformed;
use crate::CodecError;

/// How many bits the first look resolves.
const LOOK: u32 = 10;
/// How many bits the first look resolves for a code with the number behind it.
const WIDE: u32 = 12;

/// A table as a DHT segment gives it.
#[derive(Clone)]
pub(super) struct Huffman {
    /// For each [`LOOK`] bits: length of the code and its symbol; length 0 for longer codes.
    short: Vec<(u8, u8)>,
    /// For each length up to 16: the first code beyond it, aligned to 16 bits.
    beyond: [u32; 17],
    /// For each length: what to add to a code for its place in `symbols`.
    offset: [i32; 17],
    symbols: Vec<u8>,
}

impl Huffman {
    /// A table of `counts[n]` codes of n + 1 bits, for `symbols` in order.
    ///
    /// # Errors
    /// [`CodecError::Malformed`] when there are more codes than bits can tell apart, or other symbols than counts.
    pub(super) fn new(counts: &[u8; 16], symbols: &[u8]) -> Result<Self, CodecError> {
        let mut short = vec![(0, 0); 1 << LOOK];
        let mut beyond = [0; 17];
        let mut offset = [0; 17];
        let mut code = 0_u32;
        let mut used = 0_usize;
        let lengths = (1_u32..).zip(counts).zip(beyond.iter_mut().zip(offset.iter_mut()).skip(1));
        for ((length, &count), (beyond, offset)) in lengths {
            *offset = used as i32 - code as i32;
            let run = symbols.get(used..used + usize::from(count));
            for &symbol in run.ok_or_else(|| malformed("a Huffman table has too few symbols"))? {
                if length <= LOOK {
                    let start = (code as usize) << (LOOK - length);
                    let slots = short.iter_mut().skip(start).take(1 << (LOOK - length));
                    slots.for_each(|slot| *slot = (length as u8, symbol));
                }
                code += 1;
            }
            if code > 1 << length {
                return Err(malformed("a Huffman table has too many codes"));
            }
            used += usize::from(count);
            *beyond = code << (16 - length);
            code <<= 1;
        }
        Ok(Self { short, beyond, offset, symbols: symbols.get(..used).unwrap_or_default().to_vec() })
    }

    /// The largest symbol.
    pub(super) fn largest(&self) -> u8 {
        self.symbols.iter().copied().max().unwrap_or(0)
    }

    /// The next symbol; `bits` must be filled.
    ///
    /// # Errors
    /// [`CodecError::Malformed`] for a code that the table has not.
    #[inline(always)]
    pub(super) fn symbol(&self, bits: &mut Bits<'_>) -> Result<u8, CodecError> {
        let (length, symbol) = self.short.get(bits.peek(LOOK)).copied().unwrap_or((0, 0));
        if length > 0 {
            bits.skip(u32::from(length));
            return Ok(symbol);
        }
        self.long(bits)
    }

    #[cold]
    #[inline(never)]
    fn long(&self, bits: &mut Bits<'_>) -> Result<u8, CodecError> {
        let next = bits.peek(16) as u32;
        let (length, offset) = (1_u32..)
            .zip(self.beyond.iter().zip(self.offset).skip(1))
            .find_map(|(length, (&beyond, offset))| (next < beyond).then_some((length, offset)))
            .ok_or_else(|| malformed("a code that the Huffman table has not"))?;
        bits.skip(length);
        let place = (next >> (16 - length)) as i32 + offset;
        let symbol = usize::try_from(place).ok().and_then(|place| self.symbols.get(place));
        symbol.copied().ok_or_else(|| malformed("a code that the Huffman table has not"))
    }

    /// The code with its length for [`WIDE`] bits of input, when it is that short.
    fn first(&self, input: u32) -> Option<(u32, u8)> {
        let aligned = input << (16 - WIDE);
        let (length, offset) = (1..=WIDE)
            .zip(self.beyond.iter().zip(self.offset).skip(1))
            .find_map(|(length, (&beyond, offset))| (aligned < beyond).then_some((length, offset)))?;
        let place = usize::try_from((aligned >> (16 - length)) as i32 + offset).ok()?;
        Some((length, *self.symbols.get(place)?))
    }
}

/// A coefficient after a run of zeros.
#[derive(Clone, Copy, Default)]
pub(super) struct Step {
    /// Bits it took; 0 when the table has to be asked.
    length: u8,
    /// Zeros before it; [`Step::END`] for the end of the block.
    pub(super) run: u8,
    /// 0 for the sixteen zeros of ZRL.
    pub(super) value: i16,
}

impl Step {
    /// A run that leads out of any block.
    pub(super) const END: u8 = 64;

    /// The step of a symbol with the number behind it.
    fn new(length: u8, symbol: u8, value: i16) -> Self {
        match (symbol >> 4, symbol & 15) {
            (15, 0) => Self { length, run: 15, value: 0 },
            (_, 0) => Self { length, run: Self::END, value: 0 },
            (run, _) => Self { length, run, value },
        }
    }
}

/// A table of sequential AC coefficients (T.81 F.2.2.2).
pub(super) struct Steps {
    /// For each [`LOOK`] bits: the whole step, when it is that short.
    whole: Vec<Step>,
    table: Huffman,
}

impl Steps {
    pub(super) fn new(table: &Huffman) -> Self {
        let whole = (0..1_u32 << LOOK).map(|input| step(table, input).unwrap_or_default()).collect();
        Self { whole, table: table.clone() }
    }

    /// The next step.
    ///
    /// # Errors
    /// [`CodecError::Malformed`] for a code that the table has not.
    #[inline(always)]
    pub(super) fn next(&self, bits: &mut Bits<'_>) -> Result<Step, CodecError> {
        bits.fill();
        let step = self.whole.get(bits.peek(LOOK)).copied().unwrap_or_default();
        if step.length > 0 {
            bits.skip(u32::from(step.length));
            return Ok(step);
        }
        let symbol = self.table.symbol(bits)?;
        let value = bits.extend(u32::from(symbol & 15)) as i16;
        Ok(Step::new(0, symbol, value))
    }
}

fn step(table: &Huffman, input: u32) -> Option<Step> {
    let (length, symbol) = table.first(input << (WIDE - LOOK))?;
    let category = u32::from(symbol & 15);
    let left = LOOK.checked_sub(length + category)?;
    let value = (input >> left & ((1 << category) - 1)) as i32;
    Some(Step::new((length + category) as u8, symbol, extend(value, category) as i16))
}

/// A table of lossless coding: symbols are categories of differences (T.81 H.1.2.2).
pub(super) struct Differences {
    /// For each [`WIDE`] bits: length of the code with the number behind it, and that number; length 0 for longer ones.
    whole: Vec<(u8, i16)>,
    table: Huffman,
}

impl Differences {
    /// # Errors
    /// [`CodecError::Malformed`] for a category beyond 16.
    pub(super) fn new(table: &Huffman) -> Result<Self, CodecError> {
        if table.largest() > 16 {
            return Err(malformed("a difference of more than 16 bits"));
        }
        let whole = (0..1_u32 << WIDE).map(|input| entry(table, input).unwrap_or((0, 0))).collect();
        Ok(Self { whole, table: table.clone() })
    }

    /// The next difference, modulo 2^16. Category 16 has no bits behind it and stands for 32768.
    ///
    /// # Errors
    /// [`CodecError::Malformed`] for a code that the table has not.
    #[inline(always)]
    pub(super) fn next(&self, bits: &mut Bits<'_>) -> Result<u16, CodecError> {
        bits.fill();
        let (length, value) = self.whole.get(bits.peek(WIDE)).copied().unwrap_or((0, 0));
        if length > 0 {
            bits.skip(u32::from(length));
            return Ok(value as u16);
        }
        match self.table.symbol(bits)? {
            16 => Ok(0x8000),
            category => Ok(bits.extend(u32::from(category)) as u16),
        }
    }
}

fn entry(table: &Huffman, input: u32) -> Option<(u8, i16)> {
    let (length, category) = table.first(input)?;
    let category = u32::from(category);
    if category == 16 {
        return Some((length as u8, i16::MIN));
    }
    let left = WIDE.checked_sub(length + category)?;
    let value = (input >> left & ((1 << category) - 1)) as i32;
    Some(((length + category) as u8, extend(value, category) as i16))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// T.81 K.3.1: the usual table for luminance DC.
    const DC: [u8; 16] = [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0];

    #[test]
    fn codes_are_those_of_the_standard() {
        let table = Huffman::new(&DC, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]).unwrap();
        let rows: [([u8; 2], u8); 6] = [
            ([0b0000_0000, 0], 0),
            ([0b0101_1111, 0], 1),
            ([0b0110_0000, 0], 2),
            ([0b1101_1111, 0], 5),
            ([0b1110_0000, 0], 6),
            ([0b1111_1111, 0b0000_0000], 11),
        ];
        for (data, symbol) in rows {
            let mut bits = Bits::new(&data);
            bits.fill();
            assert_eq!(table.symbol(&mut bits), Ok(symbol), "{data:?}");
        }
        let mut bits = Bits::new(&[0xFF, 0xFF]);
        bits.fill();
        assert!(table.symbol(&mut bits).is_err(), "all ones is no code");
    }

    #[test]
    fn long_codes_are_found() {
        let mut counts = [1; 16];
        counts[15] = 2;
        let symbols: Vec<u8> = (0..17).collect();
        let table = Huffman::new(&counts, &symbols).unwrap();
        for symbol in 0..16_u32 {
            let code = (0xFFFF_u32 << (16 - symbol)) as u16;
            let data = code.to_be_bytes();
            let mut bits = Bits::new(&data);
            bits.fill();
            assert_eq!(table.symbol(&mut bits), Ok(symbol as u8));
        }
    }

    #[test]
    fn impossible_tables_are_refused() {
        let mut many = [0; 16];
        many[0] = 3;
        assert!(Huffman::new(&many, &[1, 2, 3]).is_err());
        assert!(Huffman::new(&DC, &[1, 2, 3]).is_err());
        assert!(
            Differences::new(
                &Huffman::new(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[17]).unwrap()
            )
            .is_err()
        );
    }
}
