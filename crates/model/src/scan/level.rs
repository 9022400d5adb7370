//! What is open around the place where the parser is, and the headers that may stand there.

use dicom_core::Tag;

use super::vr::{VrBytes, long_form, vr_bytes};

/// The group of items and delimiters.
pub(super) const ITEM_GROUP: u16 = 0xFFFE;
/// Item (FFFE,E000).
pub(super) const ITEM: u16 = 0xE000;
/// Item Delimitation (FFFE,E00D).
pub(super) const ITEM_END: u16 = 0xE00D;
/// Sequence Delimitation (FFFE,E0DD).
pub(super) const SEQUENCE_END: u16 = 0xE0DD;
/// Undefined length.
pub(super) const UNDEFINED: u32 = u32::MAX;

/// What the bytes at hand are part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Elements of the data set itself.
    Root,
    /// Elements of an item.
    Item,
    /// Items of a sequence.
    Sequence,
    /// Fragments of encapsulated pixel data; the index of the next one.
    Fragments(u32),
}

/// The data set, a sequence, an item or encapsulated pixel data that is open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    pub kind: Kind,
    /// The sequence or pixel data, also for its items.
    pub tag: Tag,
    /// Where its own header starts.
    pub start: u64,
    /// Its declared length, or [`UNDEFINED`].
    pub length: u32,
    /// No byte from here on belongs to it: its own end, or when undefined that of what encloses it.
    pub end: u64,
    pub explicit: bool,
    pub big_endian: bool,
    /// Pixel Representation (0028,0103) in it or around it is 1.
    pub signed: bool,
}

/// A header of an element, item or delimiter as read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub tag: Tag,
    /// Only where there is one.
    pub vr: Option<[u8; 2]>,
    pub length: u32,
    /// Bytes of the header itself: 8 or 12.
    pub size: u8,
}

impl Level {
    pub fn root(explicit: bool, big_endian: bool) -> Level {
        Level {
            kind: Kind::Root,
            tag: Tag(0, 0),
            start: 0,
            length: UNDEFINED,
            end: u64::MAX,
            explicit,
            big_endian,
            signed: false,
        }
    }

    /// Whether it ends by its length and not by a delimiter.
    pub fn defined(&self) -> bool {
        self.length != UNDEFINED
    }

    /// How long the header is that starts with these bytes: 8 or 12 (PS3.5 section 7.1).
    pub fn header_size(&self, first: &[u8; 8]) -> usize {
        let [g0, g1, _, _, v0, v1, _, _] = *first;
        if !self.has_vr(self.u16([g0, g1])) {
            return 8;
        }
        match vr_bytes([v0, v1]) {
            VrBytes::Known(vr) if long_form(vr) => 12,
            VrBytes::Unknown => 12,
            VrBytes::Known(_) | VrBytes::Nothing => 8,
        }
    }

    /// Decodes a header of 8 bytes, or of 12 with the last 4 beside.
    pub fn decode(&self, first: [u8; 8], last: Option<[u8; 4]>) -> Header {
        let [g0, g1, e0, e1, a, b, c, d] = first;
        let tag = Tag(self.u16([g0, g1]), self.u16([e0, e1]));
        let (vr, length, size) = match (self.has_vr(tag.0), last) {
            (true, Some(last)) => (Some([a, b]), self.u32(last), 12),
            (true, None) => (Some([a, b]), u32::from(self.u16([c, d])), 8),
            (false, _) => (None, self.u32([a, b, c, d]), 8),
        };
        Header { tag, vr, length, size }
    }

    pub fn u16(&self, bytes: [u8; 2]) -> u16 {
        if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }

    fn u32(&self, bytes: [u8; 4]) -> u32 {
        if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }

    /// Items and delimiters never have a VR, nor has anything that stands where only they may.
    fn has_vr(&self, group: u16) -> bool {
        self.explicit && group != ITEM_GROUP && matches!(self.kind, Kind::Root | Kind::Item)
    }
}
