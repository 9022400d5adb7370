//! Listening to a scan for pixel data.

use model::Tag;
use model::recode::pixel_word_size;
use model::scan::{Element, Sink};
use model::transfer_syntax::{Pixels, Syntax};

use super::fragments::{Evidence, Fragments, resolve};
use super::layout::{Data, PixelLayout, Shape};

const SAMPLES: Tag = Tag(0x0028, 0x0002);
const PHOTOMETRIC: Tag = Tag(0x0028, 0x0004);
const PLANAR: Tag = Tag(0x0028, 0x0006);
const FRAMES: Tag = Tag(0x0028, 0x0008);
const ROWS: Tag = Tag(0x0028, 0x0010);
const COLUMNS: Tag = Tag(0x0028, 0x0011);
const BITS_ALLOCATED: Tag = Tag(0x0028, 0x0100);
const EXTENDED_OFFSETS: Tag = Tag(0x7FE0, 0x0001);
const FLOAT_PIXELS: Tag = Tag(0x7FE0, 0x0008);
const DOUBLE_PIXELS: Tag = Tag(0x7FE0, 0x0009);
const PIXELS: Tag = Tag(0x7FE0, 0x0010);

/// Entries of an offset table, at most: as many as the scanner lets fragments through. A longer table is ignored.
const MOST_ENTRIES: u32 = 1 << 20;

/// Bytes of a CS or IS value that are looked at; valid ones have at most 16.
const LONGEST_TEXT: usize = 64;

/// A [`Sink`] that finds out where the frames of an instance lie.
///
/// Memory grows with the fragments and offsets that really come: about 17 bytes a fragment, 8 an offset, and no more
/// than 8 MiB for each offset table.
#[derive(Debug)]
pub struct LayoutRecorder {
    syntax: Syntax,
    shape: Shape,
    native: Option<Native>,
    encapsulated: bool,
    /// Whether the fragments that pass are those of the pixel data, not of an icon.
    recording: bool,
    open: Open,
    basic: Offsets,
    extended: Offsets,
    fragments: Fragments,
    openings: Vec<u32>,
    endings: Vec<u32>,
}

#[derive(Debug)]
struct Native {
    element: Element,
    length: u64,
}

/// Whose bytes are passing.
#[derive(Debug, Default, Clone, Copy)]
enum Open {
    #[default]
    Nothing,
    Basic,
    Extended,
    Fragment(Ends),
}

/// The first and last bytes of a fragment.
#[derive(Debug, Default, Clone, Copy)]
struct Ends {
    head: [u8; 8],
    headed: usize,
    tail: [u8; 3],
}

/// An offset table as it streams.
#[derive(Debug, Default)]
struct Offsets {
    entries: Vec<u64>,
    partial: u64,
    filled: u32,
}

impl LayoutRecorder {
    /// For a data set in `syntax`.
    pub fn new(syntax: Syntax) -> Self {
        LayoutRecorder {
            syntax,
            shape: Shape { samples: 1, frames: 1, ..Shape::default() },
            native: None,
            encapsulated: false,
            recording: false,
            open: Open::Nothing,
            basic: Offsets::default(),
            extended: Offsets::default(),
            fragments: Fragments::default(),
            openings: Vec::new(),
            endings: Vec::new(),
        }
    }

    /// Bytes of memory held for fragments and offset tables.
    pub fn held(&self) -> usize {
        let marks = (self.openings.capacity() + self.endings.capacity()) * size_of::<u32>();
        let offsets = (self.basic.entries.capacity() + self.extended.entries.capacity()) * size_of::<u64>();
        marks + offsets + self.fragments.held()
    }

    /// What was found; `None` when the data set has no pixel data element.
    pub fn finish(mut self) -> Option<PixelLayout> {
        let labelled = self.encapsulated == (self.syntax.pixels == Pixels::Encapsulated);
        let data = match (self.encapsulated, &self.native) {
            (true, _) => self.encapsulated_data(),
            (false, Some(native)) => {
                let data = native_data(native, &self.shape);
                match native.element.tag {
                    FLOAT_PIXELS => self.shape.bits_allocated = 32,
                    DOUBLE_PIXELS => self.shape.bits_allocated = 64,
                    _ => {}
                }
                data
            }
            (false, None) => return None,
        };
        let video = self.syntax.media_type.starts_with("video/");
        let empty = matches!(data, Data::Native { length: 0, .. });
        Some(PixelLayout { shape: self.shape, data, video, labelled: labelled || empty })
    }

    fn encapsulated_data(&mut self) -> Data {
        let fragments = std::mem::take(&mut self.fragments);
        let frames = if self.syntax.media_type.starts_with("video/") { 1 } else { self.shape.frames };
        let evidence = Evidence {
            frames,
            one_each: is_one_fragment_a_frame(self.syntax.uid),
            tables: [&self.basic.entries, &self.extended.entries],
            openings: &self.openings,
            endings: &self.endings,
        };
        let starts = resolve(&fragments, &evidence);
        Data::Encapsulated { fragments, starts }
    }

    fn describe(&mut self, element: &Element, value: &[u8]) {
        let number = || number(element, value);
        match element.tag {
            SAMPLES => self.shape.samples = number(),
            PLANAR => self.shape.planar = number(),
            ROWS => self.shape.rows = number(),
            COLUMNS => self.shape.columns = number(),
            BITS_ALLOCATED => self.shape.bits_allocated = number(),
            FRAMES => self.shape.frames = integer_string(value).max(1),
            PHOTOMETRIC => self.shape.photometric = text(value),
            _ => {}
        }
    }
}

impl Sink for LayoutRecorder {
    fn element(&mut self, element: &Element, value: &[u8]) {
        match element.tag {
            _ if element.depth > 0 => {}
            Tag(0x0028, _) => self.describe(element, value),
            EXTENDED_OFFSETS => self.extended.push(value, 8),
            FLOAT_PIXELS | DOUBLE_PIXELS | PIXELS => self.long(element),
            _ => {}
        }
    }

    fn long(&mut self, element: &Element) {
        let length = element.length.unwrap_or_default();
        self.open = Open::Nothing;
        match element.tag {
            _ if element.depth > 0 => {}
            EXTENDED_OFFSETS if length / 8 <= MOST_ENTRIES => self.open = Open::Extended,
            FLOAT_PIXELS | DOUBLE_PIXELS | PIXELS => {
                let found = Native { element: *element, length: u64::from(length) };
                self.native = self.native.take().filter(|earlier| earlier.length > 0).or(Some(found));
            }
            _ => {}
        }
    }

    fn bytes(&mut self, chunk: &[u8]) {
        match &mut self.open {
            Open::Nothing => {}
            Open::Basic => self.basic.push(chunk, 4),
            Open::Extended => self.extended.push(chunk, 8),
            Open::Fragment(ends) => ends.see(chunk),
        }
    }

    fn long_end(&mut self) {
        if let Open::Fragment(ends) = self.open {
            let index = u32::try_from(self.fragments.len().saturating_sub(1)).unwrap_or(u32::MAX);
            if ends.opens(self.syntax.media_type) {
                self.openings.push(index);
            }
            if ends.closes() {
                self.endings.push(index);
            }
        }
        self.open = Open::Nothing;
    }

    fn fragments(&mut self, element: &Element) {
        self.recording = element.depth == 0 && element.tag == PIXELS && !self.encapsulated;
        self.encapsulated |= self.recording;
        self.open = Open::Nothing;
    }

    fn fragment(&mut self, index: u32, offset: u64, length: u32) {
        self.open = match index {
            _ if !self.recording => Open::Nothing,
            0 if length / 4 <= MOST_ENTRIES => Open::Basic,
            0 => Open::Nothing,
            _ => match self.fragments.push(offset, length) {
                Some(()) => Open::Fragment(Ends::default()),
                None => Open::Nothing,
            },
        };
    }
}

impl Offsets {
    /// Numbers of `word` bytes, little endian (encapsulated pixel data has no other order).
    fn push(&mut self, bytes: &[u8], word: u32) {
        for &byte in bytes {
            self.partial |= u64::from(byte) << (8 * self.filled);
            self.filled += 1;
            if self.filled == word {
                self.entries.push(self.partial);
                (self.partial, self.filled) = (0, 0);
            }
        }
    }
}

impl Ends {
    fn see(&mut self, chunk: &[u8]) {
        for (place, &byte) in self.head.iter_mut().skip(self.headed).zip(chunk) {
            *place = byte;
        }
        self.headed = self.headed.saturating_add(chunk.len()).min(self.head.len());
        for &byte in chunk.get(chunk.len().saturating_sub(3)..).unwrap_or_default() {
            let [_, b, c] = self.tail;
            self.tail = [b, c, byte];
        }
    }

    /// Whether a codestream of this media type begins here.
    fn opens(&self, media_type: &str) -> bool {
        let magics: &[&[u8]] = match media_type {
            "image/jpeg" | "image/jls" => &[b"\xFF\xD8\xFF"],
            "image/jp2" | "image/jpx" | "image/jphc" => &[b"\xFF\x4F\xFF\x51", b"\0\0\0\x0CjP  "],
            "image/jxl" => &[b"\xFF\x0A", b"\0\0\0\x0CJXL "],
            _ => &[],
        };
        magics.iter().any(|magic| self.head.starts_with(magic))
    }

    /// Whether it ends in the end marker that JPEG, JPEG-LS and JPEG 2000 share, with or without a byte of padding.
    fn closes(&self) -> bool {
        matches!(self.tail, [_, 0xFF, 0xD9] | [0xFF, 0xD9, 0x00 | 0x20 | 0xFF])
    }
}

/// RLE Lossless, Encapsulated Uncompressed and Deflated Image Frame: one fragment holds one frame (PS3.5 section A.4).
fn is_one_fragment_a_frame(uid: &str) -> bool {
    matches!(uid, "1.2.840.10008.1.2.5" | "1.2.840.10008.1.2.1.98" | "1.2.840.10008.1.2.8.1")
}

fn native_data(native: &Native, shape: &Shape) -> Data {
    let element = &native.element;
    let bits = u16::try_from(shape.bits_allocated).unwrap_or_default();
    let word = if element.big_endian { pixel_word_size(element.vr, bits) } else { 1 };
    Data::Native { offset: element.offset, length: native.length, word }
}

/// An unsigned number of 16 or 32 bits; 0 for anything else.
fn number(element: &Element, value: &[u8]) -> u32 {
    match (value, element.big_endian) {
        (&[a, b], false) => u32::from(u16::from_le_bytes([a, b])),
        (&[a, b], true) => u32::from(u16::from_be_bytes([a, b])),
        (&[a, b, c, d], false) => u32::from_le_bytes([a, b, c, d]),
        (&[a, b, c, d], true) => u32::from_be_bytes([a, b, c, d]),
        _ => 0,
    }
}

/// An IS value; larger than 32 bits is all of them, what is no number is 0.
fn integer_string(value: &[u8]) -> u32 {
    let number: Option<u64> = text(value).parse().ok();
    number.map_or(0, |number| u32::try_from(number).unwrap_or(u32::MAX))
}

fn text(value: &[u8]) -> String {
    let value = value.get(..LONGEST_TEXT).unwrap_or(value);
    String::from_utf8_lossy(value).trim_matches([' ', '\0']).to_owned()
}
