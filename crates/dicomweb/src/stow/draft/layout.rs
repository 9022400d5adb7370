//! An instance as Explicit VR Little Endian around its bulk data (PS3.5 7.1.2, 7.5, Annex A.4).

use model::{Tag, VR};

use super::value::pad;
use super::{Draft, Element, Instance, Value};

const EXTENDED_OFFSETS: Tag = Tag(0x7FE0, 0x0001);
const EXTENDED_LENGTHS: Tag = Tag(0x7FE0, 0x0002);
const PIXEL_DATA: Tag = Tag(0x7FE0, 0x0010);
const BITS_ALLOCATED: Tag = Tag(0x0028, 0x0100);

/// The length that says that it is not defined (PS3.5 7.1.1).
const UNDEFINED: u32 = u32::MAX;

/// Longest value behind a length of 16 bits.
const SHORT: u64 = 0xFFFE;

/// What fills a hole, as lengths in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fill {
    /// One value made of these pieces.
    Native(Vec<u64>),
    /// A fragment each (PS3.5 A.4).
    Fragments {
        /// Of the fragments.
        lengths: Vec<u64>,
        /// The table before them.
        offsets: Offsets,
    },
}

/// Which table of offsets stands before fragments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offsets {
    /// An empty one: a video, an icon.
    Empty,
    /// One entry for each fragment: the Basic Offset Table, or the Extended one where 32 bits do not reach or where the
    /// sender described one.
    Frames,
}

/// A stretch of the data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// These bytes.
    Bytes(Vec<u8>),
    /// A piece of bulk data.
    Piece {
        /// The number of the hole.
        hole: usize,
        /// The number of the piece in it.
        piece: usize,
    },
}

/// Why it cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// A value without encapsulation, or one fragment, that 32 bits cannot count.
    #[error("{0} is longer than a value can be")]
    TooLong(Tag),
    /// A hole without its filling.
    #[error("{0} has no bulk data")]
    Empty(Tag),
}

impl Instance {
    /// The data set around what fills its holes, in their order.
    ///
    /// # Errors
    /// [`LayoutError`].
    pub fn lay_out(mut self, fills: &[Fill]) -> Result<Vec<Segment>, LayoutError> {
        self.put_offsets(fills);
        let wide = self.number(BITS_ALLOCATED).is_some_and(|bits| bits > 8);
        let mut out = Writer { fills, segments: Vec::new(), bytes: Vec::new(), wide };
        out.data_set(self.data, true)?;
        out.flush();
        Ok(out.segments)
    }

    /// The Extended Offset Table (PS3.3 C.7.6.3.1.8), where it is needed or was described.
    fn put_offsets(&mut self, fills: &[Fill]) {
        let described = self.has(EXTENDED_OFFSETS);
        self.remove(EXTENDED_OFFSETS);
        self.remove(EXTENDED_LENGTHS);
        let Some(lengths) = self.frames(fills).filter(|lengths| described || !fits(lengths)) else { return };
        let table: Vec<u8> = offsets(lengths).flat_map(u64::to_le_bytes).collect();
        let lengths: Vec<u8> = lengths.iter().flat_map(|length| length.to_le_bytes()).collect();
        self.supply(EXTENDED_OFFSETS, VR::OV, &table);
        self.supply(EXTENDED_LENGTHS, VR::OV, &lengths);
    }

    /// Lengths of the frames of encapsulated pixel data.
    fn frames<'f>(&self, fills: &'f [Fill]) -> Option<&'f [u64]> {
        let number = self.bulk.iter().position(|hole| hole.tag == PIXEL_DATA && !hole.nested)?;
        match fills.get(number)? {
            Fill::Fragments { lengths, offsets: Offsets::Frames } => Some(lengths),
            Fill::Fragments { .. } | Fill::Native(_) => None,
        }
    }
}

/// Where the items of the fragments begin, from the first one's on.
fn offsets(lengths: &[u64]) -> impl Iterator<Item = u64> {
    lengths.iter().scan(0u64, |next, length| {
        let at = *next;
        *next = next.saturating_add(8 + even(*length));
        Some(at)
    })
}

/// Whether 32 bits reach the last of them.
fn fits(lengths: &[u64]) -> bool {
    offsets(lengths).last().is_none_or(|last| u32::try_from(last).is_ok())
}

fn even(length: u64) -> u64 {
    length.saturating_add(length % 2)
}

struct Writer<'a> {
    fills: &'a [Fill],
    segments: Vec<Segment>,
    bytes: Vec<u8>,
    /// Samples of more than 8 bits.
    wide: bool,
}

impl Writer<'_> {
    fn flush(&mut self) {
        if !self.bytes.is_empty() {
            self.segments.push(Segment::Bytes(std::mem::take(&mut self.bytes)));
        }
    }

    fn piece(&mut self, hole: usize, piece: usize) {
        self.flush();
        self.segments.push(Segment::Piece { hole, piece });
    }

    /// Depth is bounded by [`super::Limits::depth`].
    fn data_set(&mut self, data: Draft, top: bool) -> Result<(), LayoutError> {
        let extended = data.elements.iter().any(|element| element.tag == EXTENDED_OFFSETS);
        for Element { tag, vr, value } in data.elements {
            match value {
                Value::Bytes(bytes) => {
                    self.header(tag, vr, bytes.len() as u64)?;
                    self.bytes.extend_from_slice(&bytes);
                }
                Value::Items(items) => {
                    self.long_header(tag, VR::SQ, UNDEFINED);
                    for item in items {
                        self.item(Tag(0xFFFE, 0xE000), UNDEFINED);
                        self.data_set(item, false)?;
                        self.item(Tag(0xFFFE, 0xE00D), 0);
                    }
                    self.item(Tag(0xFFFE, 0xE0DD), 0);
                }
                Value::Bulk(hole) => match self.fills.get(hole).ok_or(LayoutError::Empty(tag))? {
                    Fill::Native(lengths) => self.native(tag, vr, hole, lengths, top)?,
                    Fill::Fragments { lengths, offsets } => {
                        let table = *offsets == Offsets::Frames && !extended;
                        self.fragments(tag, hole, lengths, table)?;
                    }
                },
            }
        }
        Ok(())
    }

    fn native(
        &mut self,
        tag: Tag,
        vr: VR,
        hole: usize,
        lengths: &[u64],
        top: bool,
    ) -> Result<(), LayoutError> {
        // Metadata of compressed pixels says OB; more than 8 bits without compression are OW (PS3.5 8.1.1).
        let vr = if tag == PIXEL_DATA && top && self.wide && vr == VR::OB { VR::OW } else { vr };
        let length = lengths.iter().fold(0u64, |sum, length| sum.saturating_add(*length));
        self.header(tag, vr, even(length))?;
        for piece in 0..lengths.len() {
            self.piece(hole, piece);
        }
        if length % 2 == 1 {
            self.bytes.push(pad(vr));
        }
        Ok(())
    }

    fn fragments(&mut self, tag: Tag, hole: usize, lengths: &[u64], table: bool) -> Result<(), LayoutError> {
        self.long_header(tag, VR::OB, UNDEFINED);
        let entries: Vec<u8> = match table {
            // Within 32 bits: else there is an extended table and no entry here.
            true => offsets(lengths).flat_map(|offset| (offset as u32).to_le_bytes()).collect(),
            false => Vec::new(),
        };
        let length = u32::try_from(entries.len()).map_err(|_| LayoutError::TooLong(tag))?;
        self.item(Tag(0xFFFE, 0xE000), length);
        self.bytes.extend_from_slice(&entries);
        for (piece, length) in lengths.iter().enumerate() {
            let even = u32::try_from(even(*length)).ok().filter(|even| *even != UNDEFINED);
            self.item(Tag(0xFFFE, 0xE000), even.ok_or(LayoutError::TooLong(tag))?);
            self.piece(hole, piece);
            if length % 2 == 1 {
                self.bytes.push(0);
            }
        }
        self.item(Tag(0xFFFE, 0xE0DD), 0);
        Ok(())
    }

    /// A header in the form of its VR; UN where the length needs more than 16 bits (PS3.5 6.2.2, TS-004).
    fn header(&mut self, tag: Tag, vr: VR, length: u64) -> Result<(), LayoutError> {
        if !has_long_form(vr) {
            if length <= SHORT {
                self.tag(tag);
                self.bytes.extend_from_slice(vr.to_string().as_bytes());
                self.bytes.extend_from_slice(&(length as u16).to_le_bytes());
                return Ok(());
            }
            return self.header(tag, VR::UN, length);
        }
        let length = u32::try_from(length).ok().filter(|length| *length != UNDEFINED);
        self.long_header(tag, vr, length.ok_or(LayoutError::TooLong(tag))?);
        Ok(())
    }

    fn long_header(&mut self, tag: Tag, vr: VR, length: u32) {
        self.tag(tag);
        self.bytes.extend_from_slice(vr.to_string().as_bytes());
        self.bytes.extend_from_slice(&[0, 0]);
        self.bytes.extend_from_slice(&length.to_le_bytes());
    }

    fn item(&mut self, tag: Tag, length: u32) {
        self.tag(tag);
        self.bytes.extend_from_slice(&length.to_le_bytes());
    }

    fn tag(&mut self, tag: Tag) {
        self.bytes.extend_from_slice(&tag.group().to_le_bytes());
        self.bytes.extend_from_slice(&tag.element().to_le_bytes());
    }
}

/// PS3.5 7.1.2: two reserved bytes and a length of 32 bits.
fn has_long_form(vr: VR) -> bool {
    match vr {
        VR::OB | VR::OD | VR::OF | VR::OL | VR::OV | VR::OW | VR::SQ | VR::SV | VR::UC | VR::UN => true,
        VR::UR | VR::UT | VR::UV => true,
        VR::AE | VR::AS | VR::AT | VR::CS | VR::DA | VR::DS | VR::DT | VR::FD | VR::FL | VR::IS => false,
        VR::LO | VR::LT | VR::PN | VR::SH | VR::SL | VR::SS | VR::ST | VR::TM | VR::UI => false,
        VR::UL | VR::US => false,
    }
}
