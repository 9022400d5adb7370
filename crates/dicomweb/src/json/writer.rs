//! One data set as one JSON object, written while it streams by.

use model::scan::{Element, Sink};
use model::text::CharacterSets;
use model::{Tag, VR};

use super::bulk::{Bulk, BulkTable};
use super::complete::MARK;
use super::value::{self, Shape};

/// Binary values up to this many bytes are in the JSON, longer ones behind a URI.
const INLINE: usize = 4_096;

const CHARACTER_SET: Tag = Tag(0x0008, 0x0005);
const TRAILING_PADDING: Tag = Tag(0xFFFC, 0xFFFC);

/// Writes DICOM JSON (PS3.18 F.2) as a listener of the scanner.
///
/// Names ascend whatever the order of the data set; of two elements with one tag the first is written. Group lengths,
/// trailing padding and group 0002 are left out; (0008,0005) becomes ISO_IR 192, since the JSON is UTF-8. Values that
/// the scanner does not hold, pixel data, and binary values over 4 KiB become BulkDataURIs with rows in the
/// [`BulkTable`]; a long value of a VR that may not be one is named as UN.
///
/// Memory: the JSON itself ([`JsonWriter::len`]), 16 bytes for each element of the open levels, and the table.
#[derive(Debug)]
pub struct JsonWriter {
    out: Vec<u8>,
    levels: Vec<Level>,
    path: String,
    bulk: BulkTable,
    /// Sequences open inside one that is left out.
    muted: u32,
}

/// An open data set: the whole one, or an item.
#[derive(Debug)]
struct Level {
    /// Where its `{` is.
    start: usize,
    /// Its members and where each begins, in the order of the data set.
    members: Vec<(u32, usize)>,
    /// A member came that is not after the one before it.
    disordered: bool,
    sets: CharacterSets,
    /// The sequence that is open in it.
    sequence: Option<Sequence>,
}

#[derive(Debug)]
struct Sequence {
    items: u32,
    /// Length of the path without the sequence's own part.
    path: usize,
}

impl Default for JsonWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl JsonWriter {
    /// A writer with an empty object.
    pub fn new() -> Self {
        let mut writer = Self {
            out: Vec::with_capacity(8_192),
            levels: Vec::new(),
            path: String::new(),
            bulk: BulkTable::default(),
            muted: 0,
        };
        writer.open(CharacterSets::default());
        writer
    }

    /// Bytes written so far.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether no element came yet.
    pub fn is_empty(&self) -> bool {
        self.out.len() <= 1
    }

    /// The object, and where the values lie that are not in it. Call it when the scanner has finished.
    pub fn finish(mut self) -> (Vec<u8>, BulkTable) {
        while !self.levels.is_empty() {
            self.close();
        }
        (self.out, self.bulk)
    }

    fn open(&mut self, sets: CharacterSets) {
        let start = self.out.len();
        self.out.push(b'{');
        self.levels.push(Level { start, members: Vec::new(), disordered: false, sets, sequence: None });
    }

    fn close(&mut self) {
        let Some(level) = self.levels.pop() else { return };
        if level.disordered {
            order(&mut self.out, level.members);
        }
        self.out.push(b'}');
    }

    /// Begins a member: `,"GGGGEEEE":{"vr":"XX"`. `None` for what is left out.
    fn member(&mut self, tag: Tag, vr: &str) -> Option<()> {
        if self.muted > 0 || tag.1 == 0 || tag.0 <= 0x0002 || tag == TRAILING_PADDING {
            return None;
        }
        let number = (u32::from(tag.0) << 16) | u32::from(tag.1);
        let level = self.levels.last_mut()?;
        if self.out.len() > level.start + 1 {
            self.out.push(b',');
        }
        level.disordered |= level.members.last().is_some_and(|(before, _)| *before >= number);
        level.members.push((number, self.out.len()));
        value::name(&mut self.out, number);
        self.out.extend_from_slice(b"{\"vr\":\"");
        self.out.extend_from_slice(vr.as_bytes());
        self.out.push(b'"');
        Some(())
    }

    /// A member whose value is behind a URI.
    fn bulk(&mut self, e: &Element, length: u64, encapsulated: bool) {
        let vr = if value::may_be_bulk(e.vr) { e.vr } else { VR::UN };
        if self.member(e.tag, vr.to_string()).is_none() {
            return;
        }
        let path = format!("{}{:04X}{:04X}", self.path, e.tag.0, e.tag.1);
        self.out.extend_from_slice(b",\"BulkDataURI\":\"");
        self.out.push(MARK);
        self.out.extend_from_slice(b"bulkdata/");
        self.out.extend_from_slice(path.as_bytes());
        self.out.extend_from_slice(b"\"}");
        self.bulk.push(Bulk { path, offset: e.offset, length, vr, stored_vr: e.vr, encapsulated });
    }
}

impl Sink for JsonWriter {
    fn element(&mut self, e: &Element, bytes: &[u8]) {
        let shape = value::shape(e.vr);
        let is_pixels = e.tag.0 == 0x7FE0 && matches!(e.tag.1, 0x0008..=0x0010) && !bytes.is_empty();
        if is_pixels || (shape == Shape::Inline && bytes.len() > INLINE) {
            return self.bulk(e, bytes.len() as u64, false);
        }
        if self.member(e.tag, e.vr.to_string()).is_none() {
            return;
        }
        let Some(level) = self.levels.last_mut() else { return };
        let out = &mut self.out;
        match shape {
            _ if e.tag == CHARACTER_SET => {
                level.sets = CharacterSets::parse(bytes);
                out.extend_from_slice(b",\"Value\":[\"ISO_IR 192\"]");
            }
            Shape::Text => value::texts(out, e.vr, &level.sets, bytes),
            Shape::Decimal => value::decimals(out, e.vr, &level.sets, bytes),
            Shape::Name => value::names(out, &level.sets, bytes),
            Shape::Binary => value::numbers(out, e.vr, e.big_endian, bytes),
            Shape::Inline => value::inline(out, e.vr, e.big_endian, bytes),
        }
        out.push(b'}');
    }

    fn long(&mut self, e: &Element) {
        self.bulk(e, e.length.map(u64::from).unwrap_or(0), false);
    }

    fn sequence(&mut self, e: &Element) {
        let path = self.path.len();
        if self.member(e.tag, "SQ").is_none() {
            self.muted += 1;
            return;
        }
        self.path.push_str(&format!("{:04X}{:04X}/", e.tag.0, e.tag.1));
        if let Some(level) = self.levels.last_mut() {
            level.sequence = Some(Sequence { items: 0, path });
        }
    }

    fn item(&mut self, _length: Option<u32>) {
        if self.muted > 0 {
            return;
        }
        let Some(level) = self.levels.last_mut() else { return };
        let Some(sequence) = &mut level.sequence else { return };
        self.out.extend_from_slice(if sequence.items == 0 { b",\"Value\":[" } else { b"," });
        self.path.push_str(&format!("{}/", sequence.items));
        sequence.items += 1;
        let sets = level.sets.clone();
        self.open(sets);
    }

    fn item_end(&mut self) {
        if self.muted > 0 {
            return;
        }
        self.close();
        // Back to the sequence's own path: cut the item number.
        let trimmed = self.path.trim_end_matches('/');
        let end = trimmed.rfind('/').map_or(0, |at| at + 1);
        self.path.truncate(end);
    }

    fn sequence_end(&mut self) {
        if self.muted > 0 {
            self.muted -= 1;
            return;
        }
        let Some(sequence) = self.levels.last_mut().and_then(|level| level.sequence.take()) else { return };
        self.path.truncate(sequence.path);
        self.out.extend_from_slice(if sequence.items > 0 { b"]}" } else { b"}" });
    }

    fn fragments(&mut self, e: &Element) {
        let vr = VR::OB;
        self.bulk(&Element { vr, ..*e }, 0, true);
    }

    fn fragment(&mut self, _index: u32, offset: u64, length: u32) {
        if self.muted > 0 {
            return;
        }
        if let Some(bulk) = self.bulk.last_mut().filter(|bulk| bulk.encapsulated) {
            bulk.length = (offset + u64::from(length)).saturating_sub(bulk.offset);
        }
    }
}

/// Brings the members of the last level, which begin where `members` says and reach to the end of `out`, into ascending
/// order; of two with one tag the first stays.
fn order(out: &mut Vec<u8>, mut members: Vec<(u32, usize)>) {
    let Some(first) = members.first().map(|(_, at)| *at) else { return };
    let tail = out.split_off(first.min(out.len()));
    let mut ends: Vec<usize> = members.iter().skip(1).map(|(_, at)| at - first - 1).collect();
    ends.push(tail.len());
    let mut pieces: Vec<(u32, &[u8])> = members
        .drain(..)
        .zip(ends)
        .map(|((tag, start), end)| (tag, tail.get(start - first..end).unwrap_or_default()))
        .collect();
    pieces.sort_by_key(|(tag, _)| *tag);
    pieces.dedup_by_key(|(tag, _)| *tag);
    for (at, (_, piece)) in pieces.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(piece);
    }
}
