//! Any data set as Explicit VR Little Endian, as it streams.
//!
//! For sources in Implicit VR Little Endian, Explicit VR Big Endian and deflated ones (which the scanner inflates).

mod swap;

use dicom_core::{Tag, VR};

use crate::scan::{Element, Sink, long_form};

pub use swap::{WordSwap, pixel_word_size, word_size};

const BITS_ALLOCATED: Tag = Tag(0x0028, 0x0100);
const PIXEL_DATA: Tag = Tag(0x7FE0, 0x0010);
const ITEM: Tag = Tag(0xFFFE, 0xE000);
const ITEM_END: Tag = Tag(0xFFFE, 0xE00D);
const SEQUENCE_END: Tag = Tag(0xFFFE, 0xE0DD);
const UNDEFINED: u32 = u32::MAX;

/// A [`Sink`] that writes what it hears as Explicit VR Little Endian (PS3.5 Annex A.2).
///
/// Bytes gather in [`out`](Self::out) until the caller takes them: at most those of one push of the scanner and one
/// held value, so drain it after every push. Sequences and items are written with undefined length, because theirs
/// changes with the VR fields; group lengths (retired) are left out; values of odd length are padded; a value that does
/// not fit its VR's 16-bit length is written as UN (PS3.5 section 6.2.2, Note). Fragments stay as they are: the offset
/// table counts their bytes.
#[derive(Debug, Default)]
pub struct ToExplicitLe {
    /// What has been written and not been taken.
    pub out: Vec<u8>,
    bits_allocated: BitsAllocated,
    open: Open,
}

/// The last Bits Allocated (0028,0100) at the top level and in an item: an icon has its own.
#[derive(Debug, Default)]
struct BitsAllocated {
    top: u16,
    item: u16,
}

/// The long value or fragment whose bytes are passing.
#[derive(Debug, Default)]
struct Open {
    swap: WordSwap,
    pad: Option<u8>,
    dropped: bool,
}

impl ToExplicitLe {
    /// A converter with nothing written.
    pub fn new() -> Self {
        Self::default()
    }

    fn header(&mut self, tag: Tag, vr: VR, length: u32) {
        let short = u16::try_from(length).ok().filter(|&length| length <= 65_534);
        match (long_form(vr), short) {
            (false, Some(length)) => {
                self.tag(tag);
                self.out.extend_from_slice(vr.to_string().as_bytes());
                self.out.extend_from_slice(&length.to_le_bytes());
            }
            (false, None) => self.long_header(tag, VR::UN, length),
            (true, _) => self.long_header(tag, vr, length),
        }
    }

    fn long_header(&mut self, tag: Tag, vr: VR, length: u32) {
        self.tag(tag);
        self.out.extend_from_slice(vr.to_string().as_bytes());
        self.out.extend_from_slice(&[0, 0]);
        self.out.extend_from_slice(&length.to_le_bytes());
    }

    fn item_header(&mut self, tag: Tag, length: u32) {
        self.tag(tag);
        self.out.extend_from_slice(&length.to_le_bytes());
    }

    fn tag(&mut self, tag: Tag) {
        self.out.extend_from_slice(&tag.group().to_le_bytes());
        self.out.extend_from_slice(&tag.element().to_le_bytes());
    }

    fn swap(&self, element: &Element) -> WordSwap {
        if !element.big_endian {
            return WordSwap::default();
        }
        let bits = if element.depth == 0 { self.bits_allocated.top } else { self.bits_allocated.item };
        WordSwap::new(match element.tag {
            PIXEL_DATA => pixel_word_size(element.vr, bits),
            _ => word_size(element.vr),
        })
    }

    fn note_bits_allocated(&mut self, element: &Element, value: &[u8]) {
        let bits = match *value {
            [a, b, ..] if element.big_endian => u16::from_be_bytes([a, b]),
            [a, b, ..] => u16::from_le_bytes([a, b]),
            _ => 0,
        };
        match element.depth {
            0 => self.bits_allocated.top = bits,
            _ => self.bits_allocated.item = bits,
        }
    }
}

impl Sink for ToExplicitLe {
    fn element(&mut self, element: &Element, value: &[u8]) {
        if element.tag == BITS_ALLOCATED {
            self.note_bits_allocated(element, value);
        }
        self.long(element);
        self.bytes(value);
        self.long_end();
    }

    fn long(&mut self, element: &Element) {
        if is_group_length(element.tag) {
            self.open.dropped = true;
            return;
        }
        let length = element.length.unwrap_or_default();
        let odd = length % 2 == 1;
        self.header(element.tag, element.vr, length.saturating_add(u32::from(odd)));
        self.open = Open { swap: self.swap(element), pad: odd.then(|| padding(element.vr)), dropped: false };
    }

    fn bytes(&mut self, chunk: &[u8]) {
        if !self.open.dropped {
            self.open.swap.push(chunk, &mut self.out);
        }
    }

    fn long_end(&mut self) {
        self.open.swap.finish(&mut self.out);
        self.out.extend(self.open.pad.take());
    }

    fn sequence(&mut self, element: &Element) {
        self.long_header(element.tag, VR::SQ, UNDEFINED);
    }

    fn item(&mut self, _length: Option<u32>) {
        self.item_header(ITEM, UNDEFINED);
    }

    fn item_end(&mut self) {
        self.item_header(ITEM_END, 0);
    }

    fn sequence_end(&mut self) {
        self.item_header(SEQUENCE_END, 0);
    }

    fn fragments(&mut self, element: &Element) {
        self.long_header(element.tag, VR::OB, UNDEFINED);
    }

    fn fragment(&mut self, _index: u32, _offset: u64, length: u32) {
        self.item_header(ITEM, length);
        self.open = Open::default();
    }

    fn fragments_end(&mut self) {
        self.item_header(SEQUENCE_END, 0);
    }
}

fn is_group_length(tag: Tag) -> bool {
    tag.element() == 0 && tag.group() != 0x0002
}

/// What makes an odd length even: a space for text, a NUL for the rest (PS3.5 section 6.2).
fn padding(vr: VR) -> u8 {
    match vr {
        VR::AE | VR::AS | VR::CS | VR::DA | VR::DS | VR::DT | VR::IS | VR::LO | VR::LT | VR::PN => b' ',
        VR::SH | VR::ST | VR::TM | VR::UC | VR::UR | VR::UT => b' ',
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
