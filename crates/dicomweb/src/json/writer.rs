//! One data set as one JSON object, written while it streams by.

use model::recode::{pixel_word_size, word_size};
use model::scan::{Element, Sink};
use model::text::CharacterSets;
use model::{Tag, VR};

use super::bulk::{Bulk, BulkTable};
use super::complete::MARK;
use super::value::{self, Form};
use super::{Limits, number, object};

const CHARACTER_SET: Tag = Tag(0x0008, 0x0005);
const BITS_ALLOCATED: Tag = Tag(0x0028, 0x0100);

/// How many times [`Limits::total`] may be written again for the sake of order: under a second.
const REORDERED: usize = 4;

/// Writes DICOM JSON (PS3.18 section F.2) as a listener of the scanner; [the module](super) says what becomes of what.
///
/// Names ascend whatever the order of the data set. (0008,0005) becomes ISO_IR 192, since the JSON is UTF-8. Pixel data,
/// values that the scanner does not hold, and those that [`Limits`] calls long become BulkDataURIs with rows in the
/// [`BulkTable`]; a long value of a VR that may not be one is named as UN.
#[derive(Debug)]
pub struct JsonWriter {
    limits: Limits,
    out: Vec<u8>,
    levels: Vec<Level>,
    path: String,
    bulk: BulkTable,
    /// Encapsulated pixel data whose last fragment has not come.
    fragments: Option<Bulk>,
    /// Sequences open inside one that is left out.
    muted: u32,
    /// Bytes that were written again to bring members into order.
    reordered: usize,
    full: bool,
    undecoded: bool,
}

/// An open data set: the whole one, or an item.
#[derive(Debug)]
struct Level {
    /// Where its `{` is.
    start: usize,
    last: Option<Tag>,
    /// A member came that is not after the one before it.
    disordered: bool,
    sets: CharacterSets,
    bits_allocated: u16,
    /// The sequence that is open in it.
    sequence: Option<Sequence>,
}

#[derive(Debug)]
struct Sequence {
    items: u32,
    /// Lengths of the path without the sequence's own part, and with it.
    outer: usize,
    own: usize,
}

impl Default for JsonWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl JsonWriter {
    /// A writer with default limits.
    pub fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    /// A writer with an empty object.
    pub fn with_limits(limits: Limits) -> Self {
        let mut writer = Self {
            limits,
            out: Vec::with_capacity(8_192),
            levels: Vec::new(),
            path: String::new(),
            bulk: BulkTable::default(),
            fragments: None,
            muted: 0,
            reordered: 0,
            full: false,
            undecoded: false,
        };
        writer.open(CharacterSets::default());
        writer
    }

    /// Bytes of memory that the writer takes; `usize::MAX` when [`Limits::total`] was not enough, and then the object is
    /// not whole.
    pub fn len(&self) -> usize {
        if self.full { usize::MAX } else { self.held() }
    }

    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.out.len() <= 1
    }

    /// Whether some text could not be decoded by its character set: it has U+FFFD in its place.
    pub fn has_undecoded_text(&self) -> bool {
        self.undecoded
    }

    /// The object, and where the values lie that are not in it. Call it when the scanner has finished.
    pub fn finish(mut self) -> (Vec<u8>, BulkTable) {
        while !self.levels.is_empty() {
            self.close();
        }
        (self.out, self.bulk)
    }

    fn held(&self) -> usize {
        self.out.len() + self.bulk.held() + self.levels.len() * size_of::<Level>()
    }

    fn open(&mut self, sets: CharacterSets) {
        let start = self.out.len();
        self.out.push(b'{');
        self.levels.push(Level {
            start,
            last: None,
            disordered: false,
            sets,
            bits_allocated: 0,
            sequence: None,
        });
    }

    fn close(&mut self) {
        let Some(level) = self.levels.pop() else { return };
        self.out.push(b'}');
        if level.disordered && !self.full {
            self.order(level.start);
        }
    }

    /// Brings the members of the object at `start` into order. Objects in objects cost this again and again, so all of
    /// it has a limit too.
    fn order(&mut self, start: usize) {
        let object = self.out.get(start..).unwrap_or_default();
        self.reordered = self.reordered.saturating_add(object.len());
        if self.reordered > self.limits.total.saturating_mul(REORDERED) {
            self.full = true;
            return;
        }
        let ordered = object::ordered(object);
        self.out.truncate(start);
        self.out.extend_from_slice(&ordered);
    }

    /// Begins a member: `,"GGGGEEEE":{"vr":"XX"`. `None` for what is left out.
    fn member(&mut self, tag: Tag, vr: VR) -> Option<()> {
        if self.muted > 0 || is_left_out(tag) {
            return None;
        }
        self.full |= self.held() > self.limits.total;
        let level = self.levels.last_mut().filter(|_| !self.full)?;
        if level.last.is_some() {
            self.out.push(b',');
        }
        level.disordered |= level.last.is_some_and(|last| last >= tag);
        level.last = Some(tag);
        object::name(&mut self.out, tag);
        self.out.extend_from_slice(b"{\"vr\":\"");
        self.out.extend_from_slice(vr.to_string().as_bytes());
        self.out.push(b'"');
        Some(())
    }

    /// A member whose value is behind a URI, and the row that says where. `None` for what is left out.
    fn bulk(&mut self, element: &Element, length: u64) -> Option<Bulk> {
        let vr = if value::may_be_bulk(element.vr) { element.vr } else { VR::UN };
        self.member(element.tag, vr)?;
        self.out.extend_from_slice(b",\"BulkDataURI\":\"");
        self.out.push(MARK);
        self.out.extend_from_slice(b"bulkdata/");
        let start = self.out.len();
        self.out.extend_from_slice(self.path.as_bytes());
        number::hex(&mut self.out, element.tag.group());
        number::hex(&mut self.out, element.tag.element());
        let path = String::from_utf8_lossy(self.out.get(start..).unwrap_or_default()).into_owned();
        self.out.extend_from_slice(b"\"}");
        let bits = self.levels.last().map_or(0, |level| level.bits_allocated);
        let word = match element.tag {
            _ if !element.big_endian => 1,
            Tag(0x7FE0, 0x0010) => pixel_word_size(element.vr, bits),
            _ => word_size(element.vr),
        };
        Some(Bulk { path, offset: element.offset, length, vr, word, encapsulated: false })
    }

    /// Whether this value goes behind a URI.
    fn is_long(&self, element: &Element, bytes: &[u8]) -> bool {
        let vr = element.vr;
        let crowded = self.out.len() > self.limits.crowded && bytes.len() > Limits::CROWDED_VALUE;
        let long = bytes.len() >= self.limits.whole || crowded;
        (is_pixel_data(element.tag) && !bytes.is_empty())
            || (value::form(vr) == Form::Inline && bytes.len() > self.limits.inline)
            || (value::may_be_bulk(vr) && long)
            || !value::is_finite(vr, element.big_endian, bytes)
    }
}

impl Sink for JsonWriter {
    fn element(&mut self, element: &Element, bytes: &[u8]) {
        let element = &value::understood(element, bytes.len() as u64);
        if self.is_long(element, bytes) {
            if let Some(bulk) = self.bulk(element, bytes.len() as u64) {
                self.bulk.push(&bulk);
            }
            return;
        }
        if self.member(element.tag, element.vr).is_none() {
            return;
        }
        let Some(level) = self.levels.last_mut() else { return };
        let (vr, out) = (element.vr, &mut self.out);
        let decoded = match (element.tag, value::form(vr)) {
            (CHARACTER_SET, _) => {
                level.sets = CharacterSets::parse(bytes);
                out.extend_from_slice(b",\"Value\":[\"ISO_IR 192\"]");
                true
            }
            (_, Form::Text) => value::texts(out, vr, &level.sets, bytes),
            (_, Form::Decimal) => value::decimals(out, vr, bytes),
            (_, Form::Name) => value::names(out, &level.sets, bytes),
            (tag, Form::Binary) => {
                if let (BITS_ALLOCATED, true, &[a, b]) = (tag, element.big_endian, bytes) {
                    level.bits_allocated = u16::from_be_bytes([a, b]);
                }
                value::numbers(out, vr, element.big_endian, bytes);
                true
            }
            (_, Form::Inline) => {
                value::inline(out, vr, element.big_endian, bytes);
                true
            }
        };
        self.undecoded |= !decoded;
        self.out.push(b'}');
    }

    fn long(&mut self, element: &Element) {
        let length = element.length.map_or(0, u64::from);
        if let Some(bulk) = self.bulk(&value::understood(element, length), length) {
            self.bulk.push(&bulk);
        }
    }

    fn sequence(&mut self, element: &Element) {
        if self.member(element.tag, VR::SQ).is_none() {
            self.muted += 1;
            return;
        }
        let outer = self.path.len();
        push_tag(&mut self.path, element.tag);
        self.path.push('/');
        let own = self.path.len();
        if let Some(level) = self.levels.last_mut() {
            level.sequence = Some(Sequence { items: 0, outer, own });
        }
    }

    fn item(&mut self, _length: Option<u32>) {
        if self.muted > 0 {
            return;
        }
        let Some(level) = self.levels.last_mut() else { return };
        let Some(sequence) = &mut level.sequence else { return };
        self.out.extend_from_slice(if sequence.items == 0 { b",\"Value\":[" } else { b"," });
        self.path.push_str(&sequence.items.to_string());
        self.path.push('/');
        sequence.items = sequence.items.saturating_add(1);
        let sets = level.sets;
        self.open(sets);
    }

    fn item_end(&mut self) {
        if self.muted > 0 {
            return;
        }
        self.close();
        if let Some(sequence) = self.levels.last().and_then(|level| level.sequence.as_ref()) {
            self.path.truncate(sequence.own);
        }
    }

    fn sequence_end(&mut self) {
        if self.muted > 0 {
            self.muted -= 1;
            return;
        }
        let Some(sequence) = self.levels.last_mut().and_then(|level| level.sequence.take()) else { return };
        self.path.truncate(sequence.outer);
        self.out.extend_from_slice(if sequence.items > 0 { b"]}" } else { b"}" });
    }

    fn fragments(&mut self, element: &Element) {
        let bulk = self.bulk(&Element { vr: VR::OB, big_endian: false, ..*element }, 0);
        self.fragments = bulk.map(|bulk| Bulk { encapsulated: true, ..bulk });
    }

    fn fragment(&mut self, _index: u32, offset: u64, length: u32) {
        if let Some(bulk) = &mut self.fragments {
            bulk.length = offset.saturating_add(u64::from(length)).saturating_sub(bulk.offset);
        }
    }

    fn fragments_end(&mut self) {
        if let Some(bulk) = self.fragments.take() {
            self.bulk.push(&bulk);
        }
    }
}

/// Group lengths (JSON-011), commands and file meta information (WADO-033).
fn is_left_out(tag: Tag) -> bool {
    tag.element() == 0 || matches!(tag.group(), 0x0000 | 0x0002)
}

/// Pixel Data, Float and Double Float Pixel Data: never in the JSON (WADO-035).
fn is_pixel_data(tag: Tag) -> bool {
    matches!(tag, Tag(0x7FE0, 0x0008 | 0x0009 | 0x0010))
}

fn push_tag(path: &mut String, tag: Tag) {
    let mut digits = Vec::with_capacity(8);
    number::hex(&mut digits, tag.group());
    number::hex(&mut digits, tag.element());
    path.extend(digits.into_iter().map(char::from));
}
