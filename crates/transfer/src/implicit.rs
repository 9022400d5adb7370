//! Any little endian data set as Implicit VR Little Endian, as it streams: for peers that take nothing else.

use model::Tag;
use model::scan::{Element, Sink};

const ITEM: Tag = Tag(0xFFFE, 0xE000);
const ITEM_END: Tag = Tag(0xFFFE, 0xE00D);
const SEQUENCE_END: Tag = Tag(0xFFFE, 0xE0DD);
const UNDEFINED: u32 = u32::MAX;

/// A [`Sink`] that writes what it hears as Implicit VR Little Endian (PS3.5 Annex A.1).
///
/// Bytes gather in [`out`](Self::out) until the caller takes them. Sequences and items are written with undefined
/// length, so that private ones are still found without their VR; values of odd length are padded; group lengths
/// (retired) are left out.
#[derive(Debug, Default)]
pub(crate) struct ToImplicitLe {
    /// What has been written and not been taken.
    pub(crate) out: Vec<u8>,
    dropped: bool,
    odd: bool,
}

impl ToImplicitLe {
    fn header(&mut self, tag: Tag, length: u32) {
        self.out.extend_from_slice(&tag.group().to_le_bytes());
        self.out.extend_from_slice(&tag.element().to_le_bytes());
        self.out.extend_from_slice(&length.to_le_bytes());
    }
}

impl Sink for ToImplicitLe {
    fn element(&mut self, element: &Element, value: &[u8]) {
        self.long(element);
        self.bytes(value);
        self.long_end();
    }

    fn long(&mut self, element: &Element) {
        let length = element.length.unwrap_or_default();
        self.dropped = element.tag.element() == 0;
        self.odd = length % 2 == 1;
        if !self.dropped {
            self.header(element.tag, length.saturating_add(u32::from(self.odd)));
        }
    }

    fn bytes(&mut self, chunk: &[u8]) {
        if !self.dropped {
            self.out.extend_from_slice(chunk);
        }
    }

    fn long_end(&mut self) {
        if self.odd && !self.dropped {
            self.out.push(0);
        }
        (self.odd, self.dropped) = (false, false);
    }

    fn sequence(&mut self, element: &Element) {
        self.header(element.tag, UNDEFINED);
    }

    fn item(&mut self, _length: Option<u32>) {
        self.header(ITEM, UNDEFINED);
    }

    fn item_end(&mut self) {
        self.header(ITEM_END, 0);
    }

    fn sequence_end(&mut self) {
        self.header(SEQUENCE_END, 0);
    }

    fn fragments(&mut self, element: &Element) {
        self.header(element.tag, UNDEFINED);
    }

    fn fragment(&mut self, _index: u32, _offset: u64, length: u32) {
        self.header(ITEM, length);
    }

    fn fragments_end(&mut self) {
        self.header(SEQUENCE_END, 0);
    }
}
