//! Byte order, word by word.

use dicom_core::VR;

/// Bytes of the words that a value of `vr` consists of, 1 where byte order does not matter (PS3.5 section 7.3).
pub fn word_size(vr: VR) -> u8 {
    match vr {
        VR::AT | VR::OW | VR::SS | VR::US => 2,
        VR::FL | VR::OF | VR::OL | VR::SL | VR::UL => 4,
        VR::FD | VR::OD | VR::OV | VR::SV | VR::UV => 8,
        _ => 1,
    }
}

/// Bytes of the words of native Pixel Data (7FE0,0010).
///
/// By the letter OW is a string of 16-bit words whatever Bits Allocated (0028,0100) says; those who wrote 32-bit and
/// 64-bit pixels in big endian swapped whole pixels, and those who read them expect it.
pub fn pixel_word_size(vr: VR, bits_allocated: u16) -> u8 {
    match (vr, bits_allocated) {
        (VR::OW, 32) => 4,
        (VR::OW, 64) => 8,
        _ => word_size(vr),
    }
}

/// Reverses the bytes of each word in a stream that may be cut anywhere. Holds less than one word.
#[derive(Debug, Clone, Copy, Default)]
pub struct WordSwap {
    word: u8,
    held: [u8; 8],
    filled: u8,
}

impl WordSwap {
    /// For words of `word` bytes: 2, 4 or 8; with any other size bytes pass as they are.
    pub fn new(word: u8) -> Self {
        WordSwap { word: if matches!(word, 2 | 4 | 8) { word } else { 1 }, ..WordSwap::default() }
    }

    /// Appends the swapped words that `chunk` completes to `out`.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        let word = usize::from(self.word);
        if word <= 1 {
            out.extend_from_slice(chunk);
            return;
        }
        let chunk = self.complete_held(chunk, out);
        let (words, rest) = chunk.split_at(chunk.len() - chunk.len() % word);
        let start = out.len();
        out.extend_from_slice(words);
        let appended = out.get_mut(start..).unwrap_or_default();
        match word {
            2 => appended.chunks_exact_mut(2).for_each(<[u8]>::reverse),
            4 => appended.chunks_exact_mut(4).for_each(<[u8]>::reverse),
            _ => appended.chunks_exact_mut(8).for_each(<[u8]>::reverse),
        }
        self.hold(rest);
    }

    /// Ends the stream: bytes that fill no word are appended as they are.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.held());
        self.filled = 0;
    }

    /// Fills the word that an earlier chunk began; answers what is left of `chunk`.
    fn complete_held<'a>(&mut self, chunk: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
        if self.filled == 0 {
            return chunk;
        }
        let missing = usize::from(self.word.saturating_sub(self.filled));
        let (first, rest) = chunk.split_at(missing.min(chunk.len()));
        self.hold(first);
        if self.filled == self.word {
            out.extend(self.held().iter().rev());
            self.filled = 0;
        }
        rest
    }

    fn hold(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if let Some(place) = self.held.get_mut(usize::from(self.filled)) {
                *place = byte;
                self.filled += 1;
            }
        }
    }

    fn held(&self) -> &[u8] {
        self.held.get(..usize::from(self.filled)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_every_cut() {
        let bytes: Vec<u8> = (1..=21).collect();
        for word in [1, 2, 4, 8] {
            let mut expected = bytes.clone();
            expected.chunks_exact_mut(usize::from(word)).for_each(<[u8]>::reverse);
            for chunk in 1..=bytes.len() {
                let (mut swap, mut out) = (WordSwap::new(word), Vec::new());
                bytes.chunks(chunk).for_each(|bytes| swap.push(bytes, &mut out));
                swap.finish(&mut out);
                assert_eq!(out, expected, "words of {word} in chunks of {chunk}");
            }
        }
    }

    #[test]
    fn sizes() {
        for (vr, bits, size) in [
            (VR::OW, 8, 2),
            (VR::OW, 16, 2),
            (VR::OW, 32, 4),
            (VR::OW, 64, 8),
            (VR::OB, 16, 1),
            (VR::OF, 32, 4),
            (VR::OD, 64, 8),
            (VR::UN, 16, 1),
        ] {
            assert_eq!(pixel_word_size(vr, bits), size, "{vr} {bits}");
        }
    }
}
