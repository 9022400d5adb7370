//! Markers, Huffman codes and bits into a codestream.

use super::markers::{DHT, SOI};

/// A codestream that grows.
pub(super) struct Writer {
    pub(super) out: Vec<u8>,
    /// Bits that are no whole byte yet, the oldest the most significant.
    buffer: u64,
    count: u32,
}

impl Writer {
    /// A codestream that begins with SOI.
    pub(super) fn new(capacity: usize) -> Self {
        let mut out = Vec::with_capacity(capacity);
        out.extend([0xFF, SOI]);
        Self { out, buffer: 0, count: 0 }
    }

    /// A marker with its parameters: at most 65,533 bytes.
    pub(super) fn marker(&mut self, code: u8, parts: &[&[u8]]) {
        let length = 2 + parts.iter().map(|part| part.len()).sum::<usize>();
        self.out.extend([0xFF, code]);
        self.out.extend((length as u16).to_be_bytes());
        parts.iter().for_each(|part| self.out.extend_from_slice(part));
    }

    /// A Huffman table; `slot` is its class and number.
    pub(super) fn table(&mut self, slot: u8, table: &Table) {
        self.marker(DHT, &[&[slot], &table.counts, &table.symbols]);
    }

    /// The low `length` bits of `bits`, at most 32 of them; the others must be 0.
    #[inline(always)]
    pub(super) fn put(&mut self, bits: u32, length: u32) {
        self.count = self.count.wrapping_add(length);
        self.buffer = self.buffer << (length & 63) | u64::from(bits);
        if self.count >= 32 {
            self.count -= 32;
            let word = (self.buffer >> self.count) as u32;
            // A byte FF anywhere makes a zero byte here.
            let inverted = !word;
            if inverted.wrapping_sub(0x0101_0101) & !inverted & 0x8080_8080 == 0 {
                self.out.extend(word.to_be_bytes());
            } else {
                self.stuffed(word);
            }
        }
    }

    #[cold]
    fn stuffed(&mut self, word: u32) {
        for byte in word.to_be_bytes() {
            self.out.push(byte);
            if byte == 0xFF {
                self.out.push(0);
            }
        }
    }

    /// Fills the last byte up with ones.
    pub(super) fn flush(&mut self) {
        let fill = self.count.next_multiple_of(8) - self.count;
        self.put((1 << fill) - 1, fill);
        while self.count > 0 {
            self.count -= 8;
            let byte = (self.buffer >> self.count) as u8;
            self.out.push(byte);
            if byte == 0xFF {
                self.out.push(0);
            }
        }
        self.buffer = 0;
    }
}

/// A Huffman table to write with.
pub(super) struct Table {
    counts: [u8; 16],
    symbols: Vec<u8>,
    /// For each symbol, its code and the code's length; length 0 for symbols that have none.
    codes: [(u16, u8); 256],
}

impl Table {
    /// A table that is known to be sound.
    pub(super) fn new(counts: [u8; 16], symbols: &[u8]) -> Self {
        let mut codes = [(0, 0); 256];
        let mut left = symbols.iter();
        let mut code = 0_u32;
        for (length, &count) in (1..).zip(&counts) {
            for &symbol in left.by_ref().take(usize::from(count)) {
                if let Some(slot) = codes.get_mut(usize::from(symbol)) {
                    *slot = (code as u16, length);
                }
                code += 1;
            }
            code <<= 1;
        }
        Self { counts, symbols: symbols.to_vec(), codes }
    }

    /// The best table for symbols that occur so often, of at most 31 kinds (T.81 K.2). No code is all ones.
    pub(super) fn best(frequencies: &[u32]) -> Self {
        // One symbol more, the rarest, takes the code of all ones.
        let mut weights: Vec<u64> = frequencies.iter().map(|&count| u64::from(count) * 2).collect();
        weights.push(1);
        let lengths = lengths(&weights);
        let mut counts = [0_u8; 33];
        lengths.iter().filter(|&&length| length > 0).for_each(|&length| {
            if let Some(count) = counts.get_mut(length) {
                *count += 1;
            }
        });
        let counts = shorten(counts);
        let mut order: Vec<usize> =
            (0..frequencies.len()).filter(|&n| frequencies.get(n) > Some(&0)).collect();
        order.sort_by_key(|&symbol| (lengths.get(symbol).copied(), symbol));
        let symbols: Vec<u8> = order.into_iter().map(|symbol| symbol as u8).collect();
        Self::new(counts, &symbols)
    }

    /// Writes a symbol and the `length` bits behind it, at most 16.
    #[inline(always)]
    pub(super) fn put(&self, symbol: u8, bits: u32, length: u32, writer: &mut Writer) {
        let (code, size) = self.codes.get(usize::from(symbol)).copied().unwrap_or((0, 0));
        writer.put(u32::from(code) << (length & 31) | bits, u32::from(size) + length);
    }
}

/// The length of each symbol's code in a Huffman tree; 0 for those that do not occur. The last symbol, of the least
/// weight, is among the deepest.
fn lengths(weights: &[u64]) -> Vec<usize> {
    let mut lengths = vec![0; weights.len()];
    let leaves = (0..weights.len()).rev().filter(|&n| weights.get(n) > Some(&0));
    let mut trees: Vec<(u64, Vec<usize>)> =
        leaves.map(|n| (weights.get(n).copied().unwrap_or(0), vec![n])).collect();
    if let [(_, lone)] = trees.as_slice() {
        lone.iter().filter_map(|&n| lengths.get_mut(n).map(|length| *length = 1)).for_each(drop);
    }
    while trees.len() > 1 {
        trees.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
        let (Some((a, mut one)), Some((b, two))) = (trees.pop(), trees.pop()) else { break };
        one.extend(two);
        for &leaf in &one {
            if let Some(length) = lengths.get_mut(leaf) {
                *length += 1;
            }
        }
        trees.push((a + b, one));
    }
    lengths
}

/// How many codes of each length when none has more than 16 bits (T.81 Figure K.3), without the code of all ones.
fn shorten(mut counts: [u8; 33]) -> [u8; 16] {
    let take = |counts: &[u8; 33], length: usize| counts.get(length).copied().unwrap_or(0);
    let add = |counts: &mut [u8; 33], length: usize, more: i8| {
        if let Some(count) = counts.get_mut(length) {
            *count = count.saturating_add_signed(more);
        }
    };
    for length in (17..33).rev() {
        while take(&counts, length) > 0 {
            let Some(shorter) = (1..length - 1).rev().find(|&shorter| take(&counts, shorter) > 0) else {
                break;
            };
            add(&mut counts, length, -2);
            add(&mut counts, length - 1, 1);
            add(&mut counts, shorter + 1, 2);
            add(&mut counts, shorter, -1);
        }
    }
    if let Some(longest) = (1..17).rev().find(|&length| take(&counts, length) > 0) {
        add(&mut counts, longest, -1);
    }
    let mut short = [0; 16];
    short.iter_mut().zip(counts.iter().skip(1)).for_each(|(to, from)| *to = *from);
    short
}

/// The category of a number and the bits that stand for it (T.81 F.1.2.1).
#[inline(always)]
pub(super) fn category(value: i32) -> (u8, u32) {
    let size = 32 - value.unsigned_abs().leading_zeros();
    let bits = value.wrapping_sub(i32::from(value < 0)) as u32 & ((1_u32 << (size & 31)).wrapping_sub(1));
    (size as u8, bits)
}

#[cfg(test)]
mod tests {
    use super::super::bits::{Bits, Entropy};
    use super::super::huffman::Huffman;
    use super::*;

    #[test]
    fn best_tables_are_sound_and_read_back() {
        let fibonacci: Vec<u32> = (0..17)
            .scan((1, 1), |(a, b), _| {
                (*a, *b) = (*b, *a + *b);
                Some(*a)
            })
            .collect();
        let steep: Vec<u32> = (0..30).map(|n| 1 << n).collect();
        let rows: &[&[u32]] = &[&[1], &[0, 0, 5], &[1, 1], &[9, 0, 1, 0, 3], &[7; 17], &fibonacci, &steep];
        for frequencies in rows {
            let table = Table::best(frequencies);
            let read = Huffman::new(&table.counts, &table.symbols).unwrap();
            let mut writer = Writer::new(0);
            let used: Vec<u8> =
                (0..frequencies.len() as u8).filter(|&n| frequencies[usize::from(n)] > 0).collect();
            for &symbol in &used {
                table.put(symbol, 1, 2, &mut writer);
            }
            writer.flush();
            let mut clean = Vec::new();
            Entropy::new(&writer.out, 2).segment(&mut clean);
            let mut bits = Bits::new(&clean);
            for &symbol in &used {
                bits.fill();
                assert_eq!((read.symbol(&mut bits), bits.take(2)), (Ok(symbol), 1), "{frequencies:?}");
            }
            assert_eq!(bits.finish(), Ok(()));
            assert!(
                table
                    .codes
                    .iter()
                    .all(|&(code, length)| length == 0 || code != ((1_u32 << length) - 1) as u16)
            );
        }
    }

    #[test]
    fn categories_are_those_of_the_standard() {
        let rows =
            [(0, 0, 0), (1, 1, 1), (-1, 1, 0), (-3, 2, 0), (2, 2, 2), (-32767, 15, 0), (32767, 15, 32767)];
        for (value, size, bits) in rows {
            assert_eq!(category(value), (size, bits), "{value}");
        }
    }
}
