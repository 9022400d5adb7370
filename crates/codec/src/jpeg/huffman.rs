//! Huffman tables (T.81 Annex C and F.2.2.3).

use super::bits::{Bits, extend};
use super::malformed;
use crate::CodecError;

/// How many bits the first look resolves.
const LOOK: u32 = 10;
/// How many bits it resolves in lossless coding, where a frame has one table and its numbers are longer.
const WIDE: u32 = 12;

/// A table as a DHT segment gives it.
#[derive(Clone)]
pub(super) struct Huffman {
    /// For each [`LOOK`] bits: length of the code and its symbol; length 0 for longer codes.
    short: Vec<(u8, u8)>,
    /// For each length up to 16: the first code beyond it, aligned to 16 bits.
    beyond: [u32; 17],
    /// For each length: what to add to a code for its place in `codes`.
    offset: [i32; 17],
    codes: Vec<Code>,
}

/// One code of a table.
#[derive(Clone, Copy)]
struct Code {
    /// Aligned to 16 bits.
    code: u16,
    length: u8,
    symbol: u8,
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
        let mut codes = Vec::with_capacity(symbols.len());
        let lengths = (1_u32..).zip(counts).zip(beyond.iter_mut().zip(offset.iter_mut()).skip(1));
        for ((length, &count), (beyond, offset)) in lengths {
            let used = codes.len();
            *offset = used as i32 - code as i32;
            let run = symbols.get(used..used + usize::from(count));
            for &symbol in run.ok_or_else(|| malformed("a Huffman table has too few symbols"))? {
                let aligned = code << (16 - length);
                if length <= LOOK {
                    let slots = short.iter_mut().skip(aligned as usize >> (16 - LOOK));
                    slots.take(1 << (LOOK - length)).for_each(|slot| *slot = (length as u8, symbol));
                }
                codes.push(Code { code: aligned as u16, length: length as u8, symbol });
                code += 1;
            }
            if code > 1 << length {
                return Err(malformed("a Huffman table has too many codes"));
            }
            *beyond = code << (16 - length);
            code <<= 1;
        }
        Ok(Self { short, beyond, offset, codes })
    }

    /// The largest symbol.
    pub(super) fn largest(&self) -> u8 {
        self.codes.iter().map(|code| code.symbol).max().unwrap_or(0)
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
        let code = usize::try_from(place).ok().and_then(|place| self.codes.get(place));
        code.map(|code| code.symbol).ok_or_else(|| malformed("a code that the Huffman table has not"))
    }
}

/// A coefficient after a run of zeros.
#[derive(Clone, Copy)]
pub(super) struct Step {
    /// Zeros before it; [`Step::END`] for the end of the block.
    pub(super) run: u8,
    /// 0 for the sixteen zeros of ZRL.
    pub(super) value: i16,
}

impl Step {
    /// A run that leads out of any block.
    const END: u8 = 64;
}

/// What some bits of input stand for.
#[derive(Clone, Copy, Default)]
struct Entry {
    /// Bits to pass: the code, with the number behind it when all of that was looked at; 0 when the code is longer.
    length: u8,
    /// Bits of the number that are still to be read.
    more: u8,
    /// Zeros before a coefficient.
    run: u8,
    /// The number, when there are no more bits.
    value: i16,
}

impl Entry {
    /// What each input of `wide` bits stands for, when `meaning` makes a run and a category of a symbol.
    fn table(table: &Huffman, wide: u8, meaning: impl Fn(u8) -> (u8, u8)) -> Vec<Self> {
        let mut entries = vec![Self::default(); 1 << wide];
        for &Code { code, length, symbol } in &table.codes {
            let Some(left) = wide.checked_sub(length) else { continue };
            let (run, category) = meaning(symbol);
            let slots = entries.iter_mut().skip(usize::from(code) >> (16 - wide)).take(1 << left);
            for (behind, slot) in (0_i32..).zip(slots) {
                *slot = match left.checked_sub(category) {
                    Some(left) => {
                        let value = extend(behind >> left, u32::from(category)) as i16;
                        Self { length: length + category, more: 0, run, value }
                    }
                    None => Self { length, more: category, run, value: 0 },
                };
            }
        }
        entries
    }
}

/// A table of sequential AC coefficients (T.81 F.2.2.2).
pub(super) struct Steps {
    entries: Vec<Entry>,
    table: Huffman,
}

impl Steps {
    pub(super) fn new(table: &Huffman) -> Self {
        Self { entries: Entry::table(table, LOOK as u8, Self::meaning), table: table.clone() }
    }

    /// Run and category of a symbol.
    fn meaning(symbol: u8) -> (u8, u8) {
        match (symbol >> 4, symbol & 15) {
            (0..15, 0) => (Step::END, 0),
            (run, category) => (run, category),
        }
    }

    /// The next step.
    ///
    /// # Errors
    /// [`CodecError::Malformed`] for a code that the table has not.
    #[inline(always)]
    pub(super) fn next(&self, bits: &mut Bits<'_>) -> Result<Step, CodecError> {
        bits.fill();
        let mut entry = self.entries.get(bits.peek(LOOK)).copied().unwrap_or_default();
        if entry.length == 0 {
            (entry.run, entry.more) = Self::meaning(self.table.long(bits)?);
        }
        if entry.more == 0 {
            bits.skip(u32::from(entry.length));
            return Ok(Step { run: entry.run, value: entry.value });
        }
        Ok(Step { run: entry.run, value: bits.extend_behind(entry.length, entry.more) as i16 })
    }
}

/// A table of lossless coding: symbols are categories of differences (T.81 H.1.2.2).
pub(super) struct Differences {
    /// For each [`WIDE`] bits: length of the code and its category; length 0 when the code is longer.
    entries: Vec<(u8, u8)>,
    table: Huffman,
}

impl Differences {
    /// # Errors
    /// [`CodecError::Malformed`] for a category beyond 16.
    pub(super) fn new(table: &Huffman) -> Result<Self, CodecError> {
        if table.largest() > 16 {
            return Err(malformed("a difference of more than 16 bits"));
        }
        let mut entries = vec![(0, 0); 1 << WIDE];
        for &Code { code, length, symbol } in &table.codes {
            let Some(left) = WIDE.checked_sub(u32::from(length)) else { continue };
            let slots = entries.iter_mut().skip(usize::from(code) >> (16 - WIDE));
            slots.take(1 << left).for_each(|slot| *slot = (length, symbol));
        }
        Ok(Self { entries, table: table.clone() })
    }

    /// The next difference, modulo 2^16. Category 16 has no bits behind it and stands for 32768.
    ///
    /// # Errors
    /// [`CodecError::Malformed`] for a code that the table has not.
    #[inline(always)]
    pub(super) fn next(&self, bits: &mut Bits<'_>) -> Result<u16, CodecError> {
        bits.fill();
        // No branch on lengths: they are what cannot be foreseen.
        let (mut length, mut category) = self.entries.get(bits.peek(WIDE)).copied().unwrap_or((0, 0));
        if length == 0 || category == 16 {
            category = self.table.long(bits)?;
            if category == 16 {
                return Ok(0x8000);
            }
            length = 0;
        }
        Ok(bits.extend_behind(length, category) as u16)
    }
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
