//! The marker segments (T.87 Annex C).

use super::{malformed, parameters::Parameters, unsupported};
use crate::{CodecError, Format};

/// How the components of a scan take turns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interleave {
    /// One component a scan.
    #[default]
    None,
    /// A line of each component.
    Line,
    /// A sample of each component.
    Sample,
}

/// What a codestream says before its first scan's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The shape after decoding; never signed.
    pub format: Format,
    /// The most that a sample of the first scan is off, 0 when it is lossless.
    pub near: u8,
    /// The interleaving of the first scan.
    pub interleave: Interleave,
}

/// LSE of type 1; zeros stand for defaults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Preset {
    pub(super) largest: u16,
    pub(super) thresholds: [u16; 3],
    pub(super) reset: u16,
}

/// A scan's header and where its data is.
pub(super) struct Scan {
    /// Indices of the components.
    pub(super) components: Vec<usize>,
    pub(super) interleave: Interleave,
    pub(super) near: u8,
    pub(super) parameters: Parameters,
    /// Lines between two restart markers; `None` without them.
    pub(super) restart: Option<u32>,
}

/// Reads marker segments, scan by scan.
pub(super) struct Markers<'a> {
    bytes: &'a [u8],
    at: usize,
    frame: Option<Frame>,
    preset: Preset,
    restart: Option<u32>,
    /// Rows and columns from LSE of type 4.
    oversize: Option<(u32, u32)>,
}

#[derive(Clone, Copy)]
struct Frame {
    format: Format,
    identifiers: [u8; 4],
}

pub(super) fn head(bytes: &[u8]) -> Result<Head, CodecError> {
    let mut markers = Markers::new(bytes)?;
    let scan = markers.scan()?.ok_or_else(|| malformed("no scan"))?;
    Ok(Head { format: markers.format()?, near: scan.near, interleave: scan.interleave })
}

impl<'a> Markers<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, CodecError> {
        if !bytes.starts_with(&[0xFF, 0xD8]) {
            return Err(malformed("no SOI"));
        }
        let (preset, frame, restart, oversize) = (Preset::default(), None, None, None);
        Ok(Self { bytes, at: 2, frame, preset, restart, oversize })
    }

    /// The shape, once a scan was found.
    pub(super) fn format(&self) -> Result<Format, CodecError> {
        self.frame.map(|frame| frame.format).ok_or_else(|| malformed("a scan before its frame"))
    }

    /// The coded data after the last scan header.
    pub(super) fn data(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Moves behind coded data.
    pub(super) fn skip(&mut self, length: usize) {
        self.at += length;
    }

    /// The next scan's header; `None` at the end of the image.
    pub(super) fn scan(&mut self) -> Result<Option<Scan>, CodecError> {
        while let Some(marker) = self.marker()? {
            if marker == 0xD9 {
                return Ok(None);
            }
            let segment = self.segment()?;
            match marker {
                0xDA => return self.start_of_scan(segment).map(Some),
                0xF7 => self.frame = Some(self.start_of_frame(segment)?),
                0xF8 => self.preset_parameters(segment)?,
                0xDD => {
                    let lines = segment.iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte));
                    self.restart = (lines > 0).then_some(lines);
                }
                0xE8 if segment.starts_with(b"mrfx") && segment.get(4).is_some_and(|kind| *kind != 0) => {
                    return Err(unsupported("a colour transform outside the standard"));
                }
                0xE0..=0xEF | 0xFE => {}
                0xC0..=0xCF => return Err(malformed("another kind of JPEG")),
                _ => return Err(malformed("a marker that has no place here")),
            }
        }
        Ok(None)
    }

    /// The next marker's second byte; `None` when the bytes end, as some do without EOI.
    fn marker(&mut self) -> Result<Option<u8>, CodecError> {
        match self.data() {
            [0xFF, 0xFF, ..] => {
                self.at += 1;
                self.marker_after_fill()
            }
            [0xFF, marker, ..] => {
                self.at += 2;
                Ok(Some(*marker))
            }
            [] | [_] => Ok(None),
            _ => Err(malformed("no marker where one belongs")),
        }
    }

    fn marker_after_fill(&mut self) -> Result<Option<u8>, CodecError> {
        let fill = self.data().iter().take_while(|byte| **byte == 0xFF).count();
        self.at += fill.saturating_sub(1);
        match self.data() {
            [0xFF, marker, ..] => {
                self.at += 2;
                Ok(Some(*marker))
            }
            _ => Ok(None),
        }
    }

    fn segment(&mut self) -> Result<&'a [u8], CodecError> {
        let length = self.data().first_chunk().map(|length| usize::from(u16::from_be_bytes(*length)));
        let segment = length.and_then(|length| self.data().get(2..length));
        let segment = segment.ok_or_else(|| malformed("cut short inside a marker segment"))?;
        self.at += 2 + segment.len();
        Ok(segment)
    }

    /// SOF55 (C.2.2).
    fn start_of_frame(&self, segment: &[u8]) -> Result<Frame, CodecError> {
        let [bits, y1, y0, x1, x0, components, described @ ..] = segment else {
            return Err(malformed("a short frame header"));
        };
        if self.frame.is_some() {
            return Err(malformed("a second frame"));
        }
        let (mut height, mut width) =
            (u32::from(u16::from_be_bytes([*y1, *y0])), u32::from(u16::from_be_bytes([*x1, *x0])));
        if let Some((rows, columns)) = self.oversize {
            (height, width) =
                (if height == 0 { rows } else { height }, if width == 0 { columns } else { width });
        }
        if height == 0 || width == 0 {
            return Err(unsupported("a frame without its size"));
        }
        if !(2..=16).contains(bits) {
            return Err(malformed("a precision out of range"));
        }
        if !(1..=4).contains(components) {
            return Err(unsupported("more than four components"));
        }
        let mut identifiers = [0; 4];
        let described = described.as_chunks::<3>().0;
        if described.len() < usize::from(*components) {
            return Err(malformed("a short frame header"));
        }
        for (identifier, [id, sampling, _]) in identifiers.iter_mut().zip(described) {
            if *sampling != 0x11 {
                return Err(unsupported("subsampled components"));
            }
            *identifier = *id;
        }
        let format = Format { width, height, components: *components, bits: *bits, signed: false };
        Ok(Frame { format, identifiers })
    }

    /// LSE (C.2.4.1).
    fn preset_parameters(&mut self, segment: &[u8]) -> Result<(), CodecError> {
        match segment {
            [1, numbers @ ..] => {
                let numbers = numbers.as_chunks::<2>().0;
                let [largest, first, second, third, reset] = *numbers else {
                    return Err(malformed("preset parameters of another length"));
                };
                self.preset = Preset {
                    largest: u16::from_be_bytes(largest),
                    thresholds: [first, second, third].map(u16::from_be_bytes),
                    reset: u16::from_be_bytes(reset),
                };
                Ok(())
            }
            [2 | 3, ..] => Err(unsupported("mapping tables")),
            [4, bytes, numbers @ ..]
                if (2..=4).contains(bytes) && numbers.len() == 2 * usize::from(*bytes) =>
            {
                let number = |bytes: &[u8]| bytes.iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte));
                let (rows, columns) = numbers.split_at(usize::from(*bytes));
                self.oversize = Some((number(rows), number(columns)));
                Ok(())
            }
            _ => Err(malformed("preset parameters of an unknown kind")),
        }
    }

    /// SOS (C.2.3).
    fn start_of_scan(&self, segment: &[u8]) -> Result<Scan, CodecError> {
        let frame = self.frame.ok_or_else(|| malformed("a scan before its frame"))?;
        let known = usize::from(frame.format.components);
        let [count, rest @ ..] = segment else { return Err(malformed("a short scan header")) };
        let count = usize::from(*count);
        let (Some(selected), Some([near, interleave, transform])) =
            (rest.get(..2 * count), rest.get(2 * count..))
        else {
            return Err(malformed("a scan header of another length"));
        };
        let mut components = Vec::with_capacity(4);
        for [identifier, table] in selected.as_chunks::<2>().0 {
            let index = frame.identifiers.iter().take(known).position(|id| id == identifier);
            let index = index.filter(|index| !components.contains(index));
            components.push(index.ok_or_else(|| malformed("a scan of an unknown component"))?);
            if *table != 0 {
                return Err(unsupported("mapping tables"));
            }
        }
        let interleave = match (interleave, components.len()) {
            (0..=2, 1) => Interleave::None,
            (1, 2..) => Interleave::Line,
            (2, 2..) => Interleave::Sample,
            _ => return Err(malformed("an interleaving that does not fit the components")),
        };
        if *transform != 0 {
            return Err(unsupported("a point transform"));
        }
        let parameters = Parameters::new(frame.format.bits, *near, self.preset)?;
        Ok(Scan { components, interleave, near: *near, parameters, restart: self.restart })
    }
}
