//! The parser behind the scanner: elements out of encoded bytes, without recursion.

use dicom_core::{Tag, VR};

use super::level::{Header, ITEM, ITEM_END, ITEM_GROUP, Kind, Level, SEQUENCE_END, UNDEFINED};
use super::vr::{PIXEL_DATA, VrBytes, implicit, vr_bytes};
use super::{Element, Limits, ScanError, Sink};

/// Pixel Representation (0028,0103).
const PIXEL_REPRESENTATION: Tag = Tag(0x0028, 0x0103);

/// Where the parser is between two pushes.
#[derive(Clone, Copy)]
enum State {
    /// At a header, or inside one with its first bytes carried over.
    Header,
    /// Inside a value that is given out as a whole, whose header is at `start`.
    Value { element: Element, start: u64 },
    /// Inside a long value or a fragment.
    Long { tag: Tag, offset: u64, length: u32, left: u32 },
}

pub(super) struct Parser {
    limits: Limits,
    state: State,
    /// What the next byte is part of, and what encloses that.
    top: Level,
    around: Vec<Level>,
    /// Sequences open.
    depth: u16,
    /// The next byte's place in the data set.
    position: u64,
    elements: u64,
    /// The first bytes of a header that was cut by the end of a push.
    carry: [u8; 12],
    carried: u8,
    /// The first bytes of a value that was cut by the end of a push.
    held: Vec<u8>,
}

impl Parser {
    pub fn new(explicit: bool, big_endian: bool, limits: Limits) -> Parser {
        Parser {
            limits,
            state: State::Header,
            top: Level::root(explicit, big_endian),
            around: Vec::new(),
            depth: 0,
            position: 0,
            elements: 0,
            carry: [0; 12],
            carried: 0,
            held: Vec::new(),
        }
    }

    pub fn position(&self) -> u64 {
        self.position
    }

    pub fn elements(&self) -> u64 {
        self.elements
    }

    pub fn push<S: Sink>(&mut self, mut bytes: &[u8], sink: &mut S) -> Result<(), ScanError> {
        while !bytes.is_empty() {
            bytes = match self.state {
                State::Header => self.header(bytes, sink)?,
                State::Value { element, .. } => self.value(element, bytes, sink),
                State::Long { .. } => self.long(bytes, sink),
            };
        }
        Ok(())
    }

    /// Checks that nothing is open or cut.
    pub fn finish(&self) -> Result<(), ScanError> {
        match self.state {
            State::Value { element, start } => {
                return Err(self.past_end(element.tag, start, element.length.unwrap_or(0)));
            }
            State::Long { tag, offset, length, .. } => return Err(self.past_end(tag, offset, length)),
            State::Header => {}
        }
        if self.carried > 0 {
            return Err(ScanError::CutHeader {
                offset: self.position,
                end: self.position + u64::from(self.carried),
            });
        }
        let tag = self.name_of_top();
        let offset = self.top.start;
        match self.top.kind {
            Kind::Root => Ok(()),
            _ if self.top.defined() => {
                let body = self.top.end - u64::from(self.top.length);
                Err(ScanError::PastEnd { tag, offset, claimed: self.top.length, left: self.position - body })
            }
            _ => Err(ScanError::Unclosed { tag, offset }),
        }
    }

    /// Reads one header if it is there, and goes on into what it announces. Gives back the bytes that are left.
    fn header<'a, S: Sink>(&mut self, bytes: &'a [u8], sink: &mut S) -> Result<&'a [u8], ScanError> {
        if self.carried == 0 && self.top.end - self.position < 8 {
            return Err(ScanError::HeaderPastParent { offset: self.position });
        }
        let (header, rest) = match self.whole_header(bytes) {
            Some(found) => found,
            None => match self.carry_header(bytes) {
                Some(found) => found,
                None => return Ok(&[]),
            },
        };
        let start = self.position;
        let body = start + u64::from(header.size);
        if body > self.top.end {
            return Err(ScanError::HeaderPastParent { offset: start });
        }
        self.position = body;
        match self.top.kind {
            Kind::Root | Kind::Item if header.tag.0 != ITEM_GROUP => self.element(header, start, sink)?,
            Kind::Item if header.tag.1 == ITEM_END && !self.top.defined() => {
                delimiter(header, start)?;
                self.close(sink);
            }
            Kind::Sequence if is(header.tag, ITEM) => self.item(header, start, sink)?,
            Kind::Fragments(index) if is(header.tag, ITEM) => {
                self.fragment(index, header, start, sink)?;
            }
            Kind::Sequence | Kind::Fragments(_) if is(header.tag, SEQUENCE_END) && !self.top.defined() => {
                delimiter(header, start)?;
                self.close(sink);
            }
            Kind::Sequence | Kind::Fragments(_) if header.tag.0 != ITEM_GROUP => {
                return Err(ScanError::NotAnItem { tag: header.tag, offset: start, parent: self.top.tag });
            }
            _ => {
                return Err(ScanError::Stray { tag: header.tag, offset: start });
            }
        }
        self.close_ended(sink);
        Ok(rest)
    }

    /// The header at the start of these bytes, when it is whole and nothing of it was carried over.
    fn whole_header<'a>(&self, bytes: &'a [u8]) -> Option<(Header, &'a [u8])> {
        if self.carried > 0 {
            return None;
        }
        let (first, rest) = bytes.split_first_chunk::<8>()?;
        if self.top.header_size(first) == 8 {
            return Some((self.top.decode(*first, None), rest));
        }
        let (last, rest) = rest.split_first_chunk::<4>()?;
        Some((self.top.decode(*first, Some(*last)), rest))
    }

    /// Adds bytes to the header that was cut, until it is whole.
    fn carry_header<'a>(&mut self, mut bytes: &'a [u8]) -> Option<(Header, &'a [u8])> {
        while let Some((byte, rest)) = bytes.split_first() {
            if let Some(to) = self.carry.get_mut(usize::from(self.carried)) {
                *to = *byte;
            }
            self.carried += 1;
            bytes = rest;
            let [a, b, c, d, e, f, g, h, last @ ..] = self.carry;
            let first = [a, b, c, d, e, f, g, h];
            let header = match self.carried {
                8 if self.top.header_size(&first) == 8 => self.top.decode(first, None),
                12 => self.top.decode(first, Some(last)),
                _ => continue,
            };
            self.carried = 0;
            return Some((header, bytes));
        }
        None
    }

    fn element<S: Sink>(&mut self, header: Header, start: u64, sink: &mut S) -> Result<(), ScanError> {
        let Header { tag, length, .. } = header;
        self.count(tag, start)?;
        let vr = match header.vr.map(|bytes| (bytes, vr_bytes(bytes))) {
            Some((_, VrBytes::Known(vr))) => vr,
            Some((_, VrBytes::Unknown)) => VR::UN,
            Some((vr, VrBytes::Nothing)) => {
                return Err(ScanError::NoVr { tag, offset: start, vr });
            }
            None => implicit(tag, length == UNDEFINED, self.top.signed),
        };
        let element = Element {
            tag,
            vr,
            length: (length != UNDEFINED).then_some(length),
            offset: self.position,
            depth: self.depth,
            explicit: self.top.explicit,
            big_endian: self.top.big_endian,
        };
        if element.length.is_none() {
            return match vr {
                VR::OB | VR::OW => self.open_fragments(&element, start, sink),
                VR::UN if tag == PIXEL_DATA => self.open_fragments(&element, start, sink),
                VR::SQ | VR::UN => self.open_sequence(&element, start, sink),
                _ => Err(ScanError::UndefinedLength { tag, offset: start, vr: vr.to_string() }),
            };
        }
        self.fits(tag, start, length)?;
        if vr == VR::SQ {
            return self.open_sequence(&element, start, sink);
        }
        if length == 0 {
            sink.element(&element, &[]);
        } else if length as usize > self.limits.held || self.is_native_pixels(tag) {
            sink.long(&element);
            self.state = State::Long { tag, offset: start, length, left: length };
        } else {
            self.state = State::Value { element, start };
        }
        Ok(())
    }

    /// Takes what is there of a value that is given out as a whole.
    fn value<'a, S: Sink>(&mut self, element: Element, bytes: &'a [u8], sink: &mut S) -> &'a [u8] {
        let length = element.length.unwrap_or(0) as usize;
        let wanted = length.saturating_sub(self.held.len());
        let (taken, rest) = bytes.split_at_checked(wanted).unwrap_or((bytes, &[]));
        self.position += taken.len() as u64;
        if taken.len() < wanted {
            self.held.extend_from_slice(taken);
            return rest;
        }
        if self.held.is_empty() {
            self.whole_value(&element, taken, sink);
        } else {
            let mut held = std::mem::take(&mut self.held);
            held.extend_from_slice(taken);
            self.whole_value(&element, &held, sink);
            held.clear();
            self.held = held;
        }
        self.state = State::Header;
        self.close_ended(sink);
        rest
    }

    fn whole_value<S: Sink>(&mut self, element: &Element, value: &[u8], sink: &mut S) {
        if element.tag == PIXEL_REPRESENTATION
            && let Some((number, _)) = value.split_first_chunk::<2>()
        {
            self.top.signed = self.top.u16(*number) == 1;
        }
        sink.element(element, value);
    }

    /// Hands on what is there of a long value or fragment.
    fn long<'a, S: Sink>(&mut self, bytes: &'a [u8], sink: &mut S) -> &'a [u8] {
        let State::Long { left, .. } = &mut self.state else {
            return bytes;
        };
        let (taken, rest) = bytes.split_at_checked(*left as usize).unwrap_or((bytes, &[]));
        *left -= taken.len() as u32;
        self.position += taken.len() as u64;
        let complete = *left == 0;
        sink.bytes(taken);
        if complete {
            self.end_long(sink);
        }
        rest
    }

    fn end_long<S: Sink>(&mut self, sink: &mut S) {
        self.state = State::Header;
        sink.long_end();
        self.close_ended(sink);
    }

    fn open_sequence<S: Sink>(
        &mut self,
        element: &Element,
        start: u64,
        sink: &mut S,
    ) -> Result<(), ScanError> {
        let mut level = self.enter(element, start, Kind::Sequence)?;
        if element.vr == VR::UN {
            level.explicit = false;
            level.big_endian = false;
        }
        sink.sequence(element);
        self.open(level);
        Ok(())
    }

    fn open_fragments<S: Sink>(
        &mut self,
        element: &Element,
        start: u64,
        sink: &mut S,
    ) -> Result<(), ScanError> {
        let level = self.enter(element, start, Kind::Fragments(0))?;
        sink.fragments(element);
        self.open(level);
        Ok(())
    }

    /// One level deeper, if that is allowed.
    fn enter(&mut self, element: &Element, start: u64, kind: Kind) -> Result<Level, ScanError> {
        if usize::from(self.depth) >= self.limits.depth.min(usize::from(u16::MAX)) {
            return Err(ScanError::TooDeep { tag: element.tag, offset: start, limit: self.limits.depth });
        }
        self.depth += 1;
        Ok(self.inner(kind, element.tag, start, element.length.unwrap_or(UNDEFINED)))
    }

    fn item<S: Sink>(&mut self, header: Header, start: u64, sink: &mut S) -> Result<(), ScanError> {
        self.count(header.tag, start)?;
        if header.length == UNDEFINED {
            sink.item(None);
        } else {
            self.fits(header.tag, start, header.length)?;
            sink.item(Some(header.length));
        }
        let level = self.inner(Kind::Item, self.top.tag, start, header.length);
        self.open(level);
        Ok(())
    }

    fn fragment<S: Sink>(
        &mut self,
        index: u32,
        header: Header,
        start: u64,
        sink: &mut S,
    ) -> Result<(), ScanError> {
        let Header { tag, length, .. } = header;
        self.count(tag, start)?;
        if length == UNDEFINED {
            return Err(ScanError::UndefinedLength { tag, offset: start, vr: "a fragment" });
        }
        self.fits(tag, start, length)?;
        self.top.kind = Kind::Fragments(index.saturating_add(1));
        sink.fragment(index, self.position, length);
        if length == 0 {
            self.end_long(sink);
        } else {
            self.state = State::Long { tag, offset: start, length, left: length };
        }
        Ok(())
    }

    /// A level inside the one that is open, its body starting here.
    fn inner(&self, kind: Kind, tag: Tag, start: u64, length: u32) -> Level {
        let end = match length {
            UNDEFINED => self.top.end,
            _ => self.position + u64::from(length),
        };
        Level { kind, tag, start, length, end, ..self.top }
    }

    fn open(&mut self, level: Level) {
        self.around.push(std::mem::replace(&mut self.top, level));
    }

    /// Closes everything that ends here by its length.
    fn close_ended<S: Sink>(&mut self, sink: &mut S) {
        while self.top.defined() && self.position == self.top.end && matches!(self.state, State::Header) {
            self.close(sink);
        }
    }

    fn close<S: Sink>(&mut self, sink: &mut S) {
        let Some(outer) = self.around.pop() else {
            return;
        };
        match std::mem::replace(&mut self.top, outer).kind {
            Kind::Item => sink.item_end(),
            Kind::Sequence => {
                self.depth -= 1;
                sink.sequence_end();
            }
            Kind::Fragments(_) => {
                self.depth -= 1;
                sink.fragments_end();
            }
            Kind::Root => {}
        }
    }

    fn count(&mut self, tag: Tag, offset: u64) -> Result<(), ScanError> {
        if self.elements >= self.limits.elements {
            return Err(ScanError::TooMany { tag, offset, limit: self.limits.elements });
        }
        self.elements += 1;
        Ok(())
    }

    /// Whether so many bytes from here on stay inside what is open.
    fn fits(&self, tag: Tag, offset: u64, claimed: u32) -> Result<(), ScanError> {
        let left = self.top.end - self.position;
        if u64::from(claimed) > left {
            return Err(ScanError::PastParent { tag, offset, claimed, left });
        }
        Ok(())
    }

    fn is_native_pixels(&self, tag: Tag) -> bool {
        self.depth == 0 && tag.0 == 0x7FE0 && matches!(tag.1, 0x0008 | 0x0009 | 0x0010)
    }

    /// What to call the innermost open level: an item is (FFFE,E000).
    fn name_of_top(&self) -> Tag {
        match self.top.kind {
            Kind::Item => Tag(ITEM_GROUP, ITEM),
            _ => self.top.tag,
        }
    }

    fn past_end(&self, tag: Tag, offset: u64, claimed: u32) -> ScanError {
        let left = match self.state {
            State::Long { left, .. } => u64::from(claimed - left),
            _ => self.held.len() as u64,
        };
        ScanError::PastEnd { tag, offset, claimed, left }
    }
}

fn is(tag: Tag, element: u16) -> bool {
    tag == Tag(ITEM_GROUP, element)
}

fn delimiter(header: Header, offset: u64) -> Result<(), ScanError> {
    match header.length {
        0 => Ok(()),
        length => Err(ScanError::DelimiterLength { tag: header.tag, offset, length }),
    }
}
