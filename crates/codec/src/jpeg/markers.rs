//! What stands between the scans: markers, tables and marks of colour (T.81 B.2.4, JFIF, Adobe's APP14).

use super::frame::{Coding, Frame};
use super::huffman::Huffman;
use super::{Marks, malformed};
use crate::CodecError;

/// A walk over the markers of a codestream.
#[derive(Clone)]
pub(super) struct Markers<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A marker with its parameters; none for the markers that stand alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marker<'a> {
    pub(super) code: u8,
    pub(super) payload: &'a [u8],
}

/// What markers have set so far.
#[derive(Clone, Default)]
pub(super) struct State {
    dc: [Option<Huffman>; 4],
    ac: [Option<Huffman>; 4],
    /// In natural order.
    quantisation: [Option<[u16; 64]>; 4],
    /// MCUs of a restart interval, 0 for none.
    pub(super) restart: u32,
    marks: Marks,
}

pub(super) const SOF0: u8 = 0xC0;
pub(super) const SOF1: u8 = 0xC1;
pub(super) const SOF2: u8 = 0xC2;
pub(super) const SOF3: u8 = 0xC3;
pub(super) const DHT: u8 = 0xC4;
pub(super) const SOI: u8 = 0xD8;
pub(super) const EOI: u8 = 0xD9;
pub(super) const SOS: u8 = 0xDA;
pub(super) const DQT: u8 = 0xDB;
pub(super) const DNL: u8 = 0xDC;
pub(super) const DRI: u8 = 0xDD;
pub(super) const APP0: u8 = 0xE0;
pub(super) const APP2: u8 = 0xE2;
pub(super) const APP14: u8 = 0xEE;

/// The order of coefficients: `ZIGZAG[k]` is the natural place of the k-th (T.81 Figure A.6).
#[rustfmt::skip]
pub(super) const ZIGZAG: [u8; 64] = [
     0,  1,  8, 16,  9,  2,  3, 10, 17, 24, 32, 25, 18, 11,  4,  5,
    12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13,  6,  7, 14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
    58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

impl<'a> Markers<'a> {
    /// The markers behind SOI.
    ///
    /// # Errors
    /// [`CodecError::Malformed`] when there is no SOI.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, CodecError> {
        if bytes.starts_with(&[0xFF, SOI]) {
            Ok(Self { bytes, at: 2 })
        } else {
            Err(malformed("no SOI marker"))
        }
    }

    /// Where the next marker is looked for.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Goes on behind a scan.
    pub(super) fn go_to(&mut self, at: usize) {
        self.at = at;
    }

    /// The next marker; `None` at the end of the bytes. What stands before it and is no marker is passed over.
    ///
    /// # Errors
    /// [`CodecError::Malformed`] when its parameters are cut off.
    pub(super) fn next(&mut self) -> Result<Option<Marker<'a>>, CodecError> {
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let Some(start) = memchr::memchr(0xFF, rest) else { return Ok(None) };
            let rest = rest.get(start..).unwrap_or_default();
            let fill = rest.iter().take_while(|&&byte| byte == 0xFF).count();
            self.at += start + fill;
            let Some(&code) = rest.get(fill) else { return Ok(None) };
            self.at += 1;
            match code {
                // Data behind a scan, restart markers out of place, and markers without meaning.
                0 | 0x01 | 0xD0..=0xD7 => {}
                SOI | EOI => return Ok(Some(Marker { code, payload: &[] })),
                _ => return self.payload(code).map(Some),
            }
        }
    }

    fn payload(&mut self, code: u8) -> Result<Marker<'a>, CodecError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest.first_chunk().map_or(0, |length| usize::from(u16::from_be_bytes(*length)));
        let payload = rest.get(2..length);
        let payload =
            payload.ok_or_else(|| malformed(format!("the segment of marker FF{code:02X} is cut off")))?;
        self.at += length;
        Ok(Marker { code, payload })
    }

    /// Rows that a DNL marker behind the first scan tells, looked for from here.
    pub(super) fn lines(&self) -> Option<u16> {
        let rest = self.bytes.get(self.at..)?;
        let at = memchr::memmem::find(rest, &[0xFF, DNL, 0, 4])?;
        rest.get(at + 4..)?.first_chunk().map(|rows| u16::from_be_bytes(*rows))
    }
}

impl State {
    /// Takes in a marker as far as it tells colour.
    pub(super) fn mark(&mut self, marker: Marker<'_>) {
        let payload = marker.payload;
        match marker.code {
            APP0 => self.marks.jfif |= payload.starts_with(b"JFIF\0"),
            APP14 if payload.starts_with(b"Adobe") => self.marks.adobe = payload.get(11).copied(),
            _ => {}
        }
    }

    /// The marks of colour, with the identifiers of a frame's components.
    pub(super) fn marks(&self, frame: &Frame) -> Marks {
        let mut marks = self.marks;
        marks.ids.iter_mut().zip(&frame.components).for_each(|(id, component)| *id = component.id);
        marks
    }

    /// A DC table, which lossless scans have too.
    ///
    /// # Errors
    /// [`CodecError::Malformed`] when no DHT gave it.
    pub(super) fn dc_table(&self, index: usize) -> Result<&Huffman, CodecError> {
        let table = self.dc.get(index).and_then(Option::as_ref);
        table.ok_or_else(|| malformed(format!("there is no DC table {index}")))
    }

    /// An AC table.
    ///
    /// # Errors
    /// [`CodecError::Malformed`] when no DHT gave it.
    pub(super) fn ac_table(&self, index: usize) -> Result<&Huffman, CodecError> {
        let table = self.ac.get(index).and_then(Option::as_ref);
        table.ok_or_else(|| malformed(format!("there is no AC table {index}")))
    }

    /// A component's quantisation table.
    ///
    /// # Errors
    /// [`CodecError::Malformed`] when no DQT gave it.
    pub(super) fn quantisation_table(
        &self,
        frame: &Frame,
        component: usize,
    ) -> Result<[u16; 64], CodecError> {
        let index = frame.components.get(component).map_or(0, |of| usize::from(of.quantisation));
        let table = self.quantisation.get(index).copied().flatten();
        table.ok_or_else(|| malformed(format!("there is no quantisation table {index}")))
    }

    /// Takes in a marker that is no frame and no scan.
    ///
    /// # Errors
    /// [`CodecError::Malformed`] for impossible tables.
    pub(super) fn apply(&mut self, marker: Marker<'_>) -> Result<(), CodecError> {
        let payload = marker.payload;
        match marker.code {
            DHT => self.huffman(payload),
            DQT => self.quantise(payload),
            DRI => {
                let interval = payload.first_chunk().ok_or_else(|| malformed("DRI is cut off"))?;
                self.restart = u32::from(u16::from_be_bytes(*interval));
                Ok(())
            }
            _ => {
                self.mark(marker);
                Ok(())
            }
        }
    }

    fn huffman(&mut self, mut payload: &[u8]) -> Result<(), CodecError> {
        while let Some((&kind, rest)) = payload.split_first() {
            let short = || malformed("DHT is cut off");
            let (counts, rest) = rest.split_first_chunk::<16>().ok_or_else(short)?;
            let total = counts.iter().map(|&count| usize::from(count)).sum();
            let (symbols, rest) = rest.split_at_checked(total).ok_or_else(short)?;
            let tables = if kind >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            let slot = tables.get_mut(usize::from(kind & 15)).filter(|_| kind >> 4 < 2);
            let slot = slot.ok_or_else(|| malformed(format!("DHT for table {kind:02X}, which is none")))?;
            *slot = Some(Huffman::new(counts, symbols)?);
            payload = rest;
        }
        Ok(())
    }

    fn quantise(&mut self, mut payload: &[u8]) -> Result<(), CodecError> {
        while let Some((&kind, rest)) = payload.split_first() {
            let wide = kind >> 4 != 0;
            let length = if wide { 128 } else { 64 };
            let (values, rest) = rest.split_at_checked(length).ok_or_else(|| malformed("DQT is cut off"))?;
            let slot = self.quantisation.get_mut(usize::from(kind & 15)).filter(|_| kind >> 4 < 2);
            let slot = slot.ok_or_else(|| malformed(format!("DQT for table {kind:02X}, which is none")))?;
            let table = slot.insert([0; 64]);
            for (index, &place) in ZIGZAG.iter().enumerate() {
                let value = if wide {
                    values.as_chunks::<2>().0.get(index).map(|value| u16::from_be_bytes(*value))
                } else {
                    values.get(index).map(|&value| u16::from(value))
                };
                if let (Some(to), Some(value)) = (table.get_mut(usize::from(place)), value) {
                    *to = value;
                }
            }
            payload = rest;
        }
        Ok(())
    }
}

/// The frame header in a marker, when it is one.
///
/// # Errors
/// [`CodecError::Unsupported`] for hierarchical and arithmetic coding, and what [`Frame::parse`] says.
pub(super) fn frame(marker: Marker<'_>, markers: &Markers<'_>) -> Result<Option<Frame>, CodecError> {
    let coding = match marker.code {
        SOF0 => Coding::Baseline,
        SOF1 => Coding::Extended,
        SOF2 => Coding::Progressive,
        SOF3 => Coding::Lossless,
        0xC5..=0xC7 | 0xDE => return Err(CodecError::Unsupported("hierarchical JPEG".to_owned())),
        0xC8..=0xCB | 0xCD..=0xCF => {
            return Err(CodecError::Unsupported("JPEG in arithmetic coding".to_owned()));
        }
        _ => return Ok(None),
    };
    Frame::parse(coding, marker.payload, || markers.lines()).map(Some)
}
