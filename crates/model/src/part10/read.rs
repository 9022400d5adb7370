//! Reading the head of a file, as far as its first bytes are there.

use dicom_core::{Tag, VR};

use super::{FileMeta, HeadError};
use crate::scan::{VrBytes, long_form, vr_bytes};
use crate::transfer_syntax::{DEFLATED, EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, Syntax};

/// The longest head that is read, in bytes. What a caller keeps until [`read_head`] has an answer is bounded by it.
pub const LIMIT: usize = 1 << 20;

/// The most elements that a head may have: the Standard knows 18.
const ELEMENTS: usize = 256;
/// Bytes of the preamble.
const PREAMBLE: usize = 128;
/// The longest first element of a data set without VRs; a longer one is taken for something else than DICOM.
const FIRST_VALUE: u32 = 1 << 16;

/// What the first bytes of a file say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The File Meta Information; none in a bare data set.
    pub meta: Option<FileMeta>,
    /// Whether there was a preamble.
    pub preamble: bool,
    /// Where the data set starts in the bytes given.
    pub data_offset: usize,
    /// Transfer syntax: (0002,0010) as read, or what the first element of a bare data set looks like.
    pub syntax_uid: String,
}

/// Reads the head of a file from its first bytes.
///
/// `None` asks for more of them: call it again with all bytes so far, at best some KiB at a time. `at_end` says that no
/// more come; then there is always an answer.
///
/// Accepted are a preamble with `DICM`, File Meta Information without preamble, and a bare data set whose first
/// element is in group 0008, in Implicit VR Little Endian or either Explicit VR. A group length (0002,0000) that is
/// absent or 0 is ignored: group 0002 ends with its last element.
///
/// # Errors
/// [`HeadError`]: it is none of these, or the File Meta Information is cut, lies about its length or names no transfer
/// syntax.
pub fn read_head(bytes: &[u8], at_end: bool) -> Result<Option<Head>, HeadError> {
    if bytes.len() < PREAMBLE + 4 && !at_end {
        return Ok(None);
    }
    let preamble = bytes.get(PREAMBLE..PREAMBLE + 4) == Some(b"DICM");
    if !preamble && !bytes.starts_with(&[2, 0]) {
        let syntax = recognise(bytes).ok_or(HeadError::NotDicom)?;
        let syntax_uid = syntax.uid.to_owned();
        return Ok(Some(Head { meta: None, preamble, data_offset: 0, syntax_uid }));
    }
    let start = if preamble { PREAMBLE + 4 } else { 0 };
    let mut reader = Reader { bytes, at_end, start, at: start, meta: FileMeta::default(), claimed: None };
    match reader.read() {
        Ok(()) => {}
        Err(Stop::Refused(error)) => return Err(error),
        Err(Stop::More) if at_end => return Err(HeadError::Cut { end: bytes.len() }),
        Err(Stop::More) if bytes.len() >= LIMIT => return Err(HeadError::TooLong),
        Err(Stop::More) => return Ok(None),
    }
    let syntax_uid = reader.meta.transfer_syntax.clone().ok_or(HeadError::NoTransferSyntax)?;
    Ok(Some(Head { meta: Some(reader.meta), preamble, data_offset: reader.at, syntax_uid }))
}

/// What a data set looks like that starts with these bytes. Its first element must be in group 0008: no other group
/// before it may be in a data set, and without (0008,0018) it could not be stored.
fn recognise(bytes: &[u8]) -> Option<Syntax> {
    let [g0, g1, _, _, a, b, c, d] = *bytes.first_chunk::<8>()?;
    let explicit = matches!(vr_bytes([a, b]), VrBytes::Known(_));
    match [g0, g1] {
        [8, 0] if explicit => Some(EXPLICIT_LE),
        [0, 8] if explicit => Some(EXPLICIT_BE),
        [8, 0] => match u32::from_le_bytes([a, b, c, d]) {
            ..=FIRST_VALUE | u32::MAX => Some(IMPLICIT_LE),
            _ => None,
        },
        _ => None,
    }
}

/// Why reading stopped before the end of the head.
enum Stop {
    /// The bytes given end here.
    More,
    Refused(HeadError),
}

impl From<HeadError> for Stop {
    fn from(error: HeadError) -> Stop {
        Stop::Refused(error)
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at_end: bool,
    /// Where group 0002 starts.
    start: usize,
    /// Where the next element starts.
    at: usize,
    meta: FileMeta,
    /// Where group 0002 ends by (0002,0000), when that says anything.
    claimed: Option<u64>,
}

impl Reader<'_> {
    /// Reads group 0002 (Explicit VR Little Endian always, PS3.10 section 7.1) and stops behind it.
    fn read(&mut self) -> Result<(), Stop> {
        for _ in 0..ELEMENTS {
            let here = self.at as u64;
            if self.claimed.is_some_and(|end| here >= end) || !self.more_of_group()? {
                return self.check_end(here);
            }
            self.element()?;
        }
        Err(HeadError::TooLong.into())
    }

    /// Whether the next element is in group 0002 too. No more bytes is an end as well.
    fn more_of_group(&self) -> Result<bool, Stop> {
        match self.rest() {
            [2, 0, ..] => Ok(true),
            [_, _, ..] => Ok(false),
            _ if self.at_end => Ok(false),
            _ => Err(Stop::More),
        }
    }

    /// (0002,0000), where it says something, must say where group 0002 ends. Deflated bytes may look like anything.
    fn check_end(&self, here: u64) -> Result<(), Stop> {
        let Some(claimed) = self.claimed else {
            return Ok(());
        };
        let deflated = self.meta.transfer_syntax.as_deref() == Some(DEFLATED.uid);
        if claimed != here || (!deflated && self.more_of_group()?) {
            return Err(HeadError::GroupLength { claimed }.into());
        }
        Ok(())
    }

    fn element(&mut self) -> Result<(), Stop> {
        let offset = self.at;
        let [_, _, e0, e1, a, b, c, d] = *self.rest().first_chunk::<8>().ok_or(Stop::More)?;
        let tag = Tag(0x0002, u16::from_le_bytes([e0, e1]));
        let (header, length) = match vr_bytes([a, b]) {
            VrBytes::Known(VR::SQ) | VrBytes::Unknown | VrBytes::Nothing => {
                return Err(HeadError::Vr { tag, offset }.into());
            }
            VrBytes::Known(vr) if long_form(vr) => {
                let last = self.rest().get(8..).and_then(|rest| rest.first_chunk::<4>());
                (12, u32::from_le_bytes(*last.ok_or(Stop::More)?))
            }
            VrBytes::Known(_) => (8, u32::from(u16::from_le_bytes([c, d]))),
        };
        if length as usize > LIMIT {
            return Err(if self.at_end {
                HeadError::Cut { end: self.bytes.len() }
            } else {
                HeadError::TooLong
            }
            .into());
        }
        let end = offset + header + length as usize;
        let value = self.bytes.get(offset + header..end).ok_or(Stop::More)?;
        self.at = end;
        match (tag.1, value.first_chunk::<4>()) {
            (0, Some(group_length)) if offset == self.start => {
                self.claim(u32::from_le_bytes(*group_length))?
            }
            _ => self.meta.take(tag, value),
        }
        Ok(())
    }

    fn claim(&mut self, group_length: u32) -> Result<(), Stop> {
        if group_length == 0 {
            return Ok(());
        }
        let claimed = self.at as u64 + u64::from(group_length);
        if claimed > LIMIT as u64 || (self.at_end && claimed > self.bytes.len() as u64) {
            return Err(HeadError::GroupLength { claimed }.into());
        }
        self.claimed = Some(claimed);
        Ok(())
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }
}
