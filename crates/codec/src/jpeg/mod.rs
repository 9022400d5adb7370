//! ITU-T T.81 (ISO/IEC 10918-1): what DICOM calls JPEG.
//!
//! Read are the Huffman processes without hierarchy: sequential with 8 and 12 bits (SOF0, SOF1), progressive (SOF2) and
//! lossless with 2 to 16 bits (SOF3). DCT frames give the samples of libjpeg-turbo's accurate integer transform and
//! smooth upsampling, bit by bit.
//!
//! Tolerated: bytes between markers, fill bytes, a missing EOI, a height that only DNL tells, and anything behind the
//! last pixel. Not tolerated: entropy-coded data that ends before its last pixel. Libraries fill up with grey there; a
//! picture with invented pixels is worse than none.

mod bits;
mod colour;
mod decode;
mod encode_baseline;
mod encode_lossless;
mod fdct;
mod frame;
mod huffman;
mod idct;
mod layout;
mod lossless;
mod markers;
mod plane;
mod progressive;
mod sequential;
mod standard_tables;
mod upsample;
mod writer;

use crate::{CodecError, Colour, Format};

pub use colour::to_rgb;
pub use decode::decode;
pub use encode_baseline::{Subsampling, encode_baseline};
pub use encode_lossless::encode_lossless;

use frame::{Coding, Frame, Scan};
use markers::{EOI, Markers, SOS, State};

/// What a codestream says of itself before its samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The shape of its samples.
    pub format: Format,
    /// What its components are, by its marks.
    pub colour: Colour,
    /// The marks themselves, for a reader who knows more.
    pub marks: Marks,
    /// How it is coded.
    pub process: Process,
}

/// How samples are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// SOF0: baseline, 8 bits (process 1).
    Baseline,
    /// SOF1: extended sequential, 8 or 12 bits (processes 2 and 4).
    Extended,
    /// SOF2: progressive, 8 or 12 bits.
    Progressive,
    /// SOF3: lossless (process 14).
    Lossless {
        /// 1 to 7, of the first scan. 1 is "selection value 1", a transfer syntax of its own.
        predictor: u8,
        /// How many low bits were dropped; 0 where nothing is lost.
        point_transform: u8,
    },
}

/// What tells colour in a codestream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Whether there is a JFIF segment: grey or YCbCr.
    pub jfif: bool,
    /// The transform of Adobe's APP14: 0 none, 1 YCbCr, 2 YCCK.
    pub adobe: Option<u8>,
    /// The components' identifiers, 0 where there is none.
    pub ids: [u8; 4],
}

impl Marks {
    /// What `components` components are, as libjpeg guesses; where no mark tells, [`Colour::Unknown`] for lossless
    /// frames, which DICOM writes as RGB, and YCbCr for others.
    fn colour(&self, components: usize, coding: Coding) -> Colour {
        match (components, self.adobe) {
            (1, _) => Colour::Grey,
            (3, _) if self.jfif => Colour::Ycc,
            (3, Some(0)) => Colour::Rgb,
            (3, Some(_)) => Colour::Ycc,
            (3, None) if self.ids.starts_with(b"RGB") => Colour::Rgb,
            (3, None) if coding != Coding::Lossless => Colour::Ycc,
            _ => Colour::Unknown,
        }
    }
}

/// What a codestream says of itself: its markers up to the first scan.
///
/// # Errors
/// [`CodecError::Malformed`] for no JPEG, [`CodecError::Unsupported`] for arithmetic or hierarchical coding, more than
/// four components, and sampling factors that do not divide.
pub fn head(bytes: &[u8]) -> Result<Head, CodecError> {
    let mut markers = Markers::new(bytes)?;
    let mut state = State::default();
    let mut frame = None;
    while let Some(marker) = markers.next()? {
        if let Some(found) = markers::frame(marker, &markers)? {
            frame = Some(found);
        } else if marker.code == EOI {
            break;
        } else if marker.code == SOS {
            let frame = frame.ok_or_else(|| malformed("a scan without a frame"))?;
            let scan = Scan::parse(marker.payload, &frame)?;
            return Ok(describe(&frame, &scan, &state));
        } else {
            state.mark(marker);
        }
    }
    Err(malformed("no scan"))
}

fn describe(frame: &Frame, scan: &Scan, state: &State) -> Head {
    let process = match frame.coding {
        Coding::Baseline => Process::Baseline,
        Coding::Extended => Process::Extended,
        Coding::Progressive => Process::Progressive,
        Coding::Lossless => Process::Lossless { predictor: scan.start, point_transform: scan.low },
    };
    let marks = state.marks(frame);
    let colour = marks.colour(frame.components.len(), frame.coding);
    Head { format: frame.format(), colour, marks, process }
}

fn malformed(why: impl Into<String>) -> CodecError {
    CodecError::Malformed(format!("JPEG: {}", why.into()))
}
