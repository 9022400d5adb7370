//! Code extension by ISO/IEC 2022 (PS3.5 6.1.2.5): G0 reads the bytes below 80, G1 the others, escape sequences change
//! what either holds, and delimiters bring the initial sets back.

use encoding_rs::{EUC_JP, EUC_KR, Encoding, GBK, SHIFT_JIS};

use super::Breaks;
use super::single_byte::SingleByte;

const ESC: u8 = 0x1B;

/// What the bytes 21 to 7E mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum G0 {
    /// ISO-IR 6.
    #[default]
    Ascii,
    /// ISO-IR 14, the Roman half of JIS X 0201: a yen sign for the backslash, an overline for the tilde.
    Romaji,
    /// ISO-IR 87 (two bytes).
    Jisx0208,
    /// ISO-IR 159 (two bytes).
    Jisx0212,
}

/// What the bytes A1 to FE (80 to FF for single-byte sets) mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum G1 {
    #[default]
    Empty,
    Single(SingleByte),
    /// ISO-IR 13, the Katakana half of JIS X 0201.
    Katakana,
    /// ISO-IR 149 (two bytes).
    Ksx1001,
    /// ISO-IR 58 (two bytes).
    Gb2312,
}

/// The sets that a (0008,0005) begins with, and what helps where text forgets its escape sequences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Repertoire {
    pub(super) g0: G0,
    pub(super) g1: G1,
    /// The first extension that lies in G1: read when G1 is empty and a byte asks for it.
    offered: G1,
}

impl Repertoire {
    /// Notes a set that (0008,0005) allows beside the initial ones.
    pub(super) fn offer(&mut self, g1: G1) {
        if self.offered == G1::Empty {
            self.offered = g1;
        }
    }
}

/// The text itself where it needs no decoding: ASCII bytes, no escape sequence, G0 is ASCII.
pub(super) fn plain<'a>(repertoire: &Repertoire, bytes: &'a [u8]) -> Option<&'a str> {
    let decoded = !bytes.is_ascii() || bytes.contains(&ESC);
    let renamed = repertoire.g0 != G0::Ascii && bytes.iter().any(|byte| matches!(byte, b'\\' | b'~'));
    if decoded || renamed {
        return None;
    }
    std::str::from_utf8(bytes).ok()
}

pub(super) fn decode(repertoire: &Repertoire, breaks: Breaks, bytes: &[u8]) -> String {
    let no_sets = *repertoire == Repertoire::default() && !bytes.contains(&ESC);
    if let (true, Ok(text)) = (no_sets, std::str::from_utf8(bytes)) {
        return text.to_owned();
    }
    let mut decoder = Decoder {
        repertoire,
        breaks,
        g0: repertoire.g0,
        g1: repertoire.g1,
        rest: bytes,
        out: String::with_capacity(bytes.len() * 2),
    };
    while decoder.step().is_some() {}
    decoder.out
}

struct Decoder<'a> {
    repertoire: &'a Repertoire,
    breaks: Breaks,
    g0: G0,
    g1: G1,
    rest: &'a [u8],
    out: String,
}

impl Decoder<'_> {
    /// Takes one character, one run of two-byte characters or one escape sequence. `None` at the end.
    fn step(&mut self) -> Option<()> {
        let &first = self.rest.first()?;
        match first {
            ESC => self.escape(),
            0x00..=0x20 | 0x7F => self.control(first),
            0x21..=0x7E => self.lower(first),
            0x80.. => self.upper(first),
        }
        Some(())
    }

    /// Space is in no set and ends nothing; a control character ends what was invoked.
    fn control(&mut self, byte: u8) {
        if byte != b' ' {
            self.reset();
        }
        self.put(byte as char, 1);
    }

    fn lower(&mut self, byte: u8) {
        let g0 = self.g0;
        match g0 {
            G0::Jisx0208 if self.pairs(EUC_JP, &[], 0x80, is_lower) > 0 => {}
            G0::Jisx0212 if self.pairs(EUC_JP, &[0x8F], 0x80, is_lower) > 0 => {}
            G0::Jisx0208 | G0::Jisx0212 if !self.breaks.at(byte) => self.put(char::REPLACEMENT_CHARACTER, 1),
            // A delimiter that no second byte follows is one, even where its writer forgot to leave the two-byte set.
            _ if self.breaks.at(byte) => {
                self.reset();
                self.put(byte as char, 1);
            }
            G0::Romaji if byte == b'\\' => self.put('¥', 1),
            G0::Romaji if byte == b'~' => self.put('‾', 1),
            _ => self.put(byte as char, 1),
        }
    }

    fn upper(&mut self, byte: u8) {
        let g1 = if self.g1 == G1::Empty { self.repertoire.offered } else { self.g1 };
        match g1 {
            G1::Single(set) => self.put(set.decode(byte), 1),
            G1::Ksx1001 if self.pairs(EUC_KR, &[], 0, is_korean) > 0 => {}
            G1::Gb2312 if self.pairs(GBK, &[], 0, is_upper) > 0 => {}
            G1::Katakana => self.katakana(byte),
            _ => self.put(char::REPLACEMENT_CHARACTER, 1),
        }
    }

    /// JIS X 0201 has A1 to DF; Japanese software writes the two-byte characters of Shift_JIS beside them.
    fn katakana(&mut self, byte: u8) {
        match byte {
            0xA1..=0xDF => {
                let letter = char::from_u32(0xFF61 + u32::from(byte) - 0xA1);
                self.put(letter.unwrap_or(char::REPLACEMENT_CHARACTER), 1);
            }
            _ if self.pairs(SHIFT_JIS, &[], 0, is_shift_jis) > 0 => {}
            _ => self.put(char::REPLACEMENT_CHARACTER, 1),
        }
    }

    /// Takes the run of two-byte characters that lies ahead and decodes it as `encoding` writes it: the bits of `raise`
    /// set in each byte, `prefix` before each pair. Answers how many pairs it took.
    fn pairs(
        &mut self,
        encoding: &'static Encoding,
        prefix: &[u8],
        raise: u8,
        belongs: fn(u8, u8) -> bool,
    ) -> usize {
        let mut moved = Vec::new();
        let mut count = 0;
        for pair in self.rest.chunks_exact(2).take_while(|pair| matches!(pair, [a, b] if belongs(*a, *b))) {
            moved.extend_from_slice(prefix);
            moved.extend(pair.iter().map(|byte| byte | raise));
            count += 1;
        }
        self.out.push_str(&encoding.decode_without_bom_handling(&moved).0);
        self.skip(count * 2);
        count
    }

    /// Invokes what an escape sequence names; one that nobody knows leaves U+FFFD.
    fn escape(&mut self) {
        let body = self.rest.get(1..).unwrap_or_default();
        let intermediates = body.iter().take_while(|byte| matches!(byte, 0x20..=0x2F)).count();
        let length = (intermediates + 1).min(body.len());
        match body.get(..length).unwrap_or_default() {
            b"(B" => self.g0 = G0::Ascii,
            b"(J" => self.g0 = G0::Romaji,
            b"$B" | b"$@" | b"$(B" => self.g0 = G0::Jisx0208,
            b"$(D" => self.g0 = G0::Jisx0212,
            b")I" => self.g1 = G1::Katakana,
            b"$)C" => self.g1 = G1::Ksx1001,
            b"$)A" => self.g1 = G1::Gb2312,
            other => match SingleByte::by_escape(other) {
                Some(set) => self.g1 = G1::Single(set),
                None => self.out.push(char::REPLACEMENT_CHARACTER),
            },
        }
        self.skip(1 + length);
    }

    fn reset(&mut self) {
        (self.g0, self.g1) = (self.repertoire.g0, self.repertoire.g1);
    }

    fn put(&mut self, letter: char, length: usize) {
        self.out.push(letter);
        self.skip(length);
    }

    fn skip(&mut self, length: usize) {
        self.rest = self.rest.get(length..).unwrap_or_default();
    }
}

fn is_lower(first: u8, second: u8) -> bool {
    matches!((first, second), (0x21..=0x7E, 0x21..=0x7E))
}

fn is_upper(first: u8, second: u8) -> bool {
    matches!((first, second), (0xA1..=0xFE, 0xA1..=0xFE))
}

/// KS X 1001, and the extension of it that Windows writes under this name (second bytes that are letters).
fn is_korean(first: u8, second: u8) -> bool {
    matches!((first, second), (0x81..=0xFE, 0x41..=0x5A | 0x61..=0x7A | 0x81..=0xFE))
}

fn is_shift_jis(first: u8, second: u8) -> bool {
    matches!((first, second), (0x81..=0x9F | 0xE0..=0xFC, 0x40..=0x7E | 0x80..=0xFC))
}
