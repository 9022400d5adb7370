//! Cuts a stream of bytes into PDUs, and P-DATA-TF into pieces of fragments that are slices of what was read.

use bytes::{Bytes, BytesMut};

use super::{HEADER, PduKind};
use crate::limits::LARGEST_PDU;
use crate::{Limits, ProtocolError};

/// What a fragment belongs to (PS3.8 E.2, bit 0 of the message control header).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// A command set.
    Command,
    /// A data set.
    Data,
}

/// A piece of a fragment: as much of it as has come, without a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The presentation context that it says.
    pub context: u8,
    /// Of a command set or of a data set.
    pub value: Value,
    /// The command set or data set ends with this piece.
    pub last: bool,
    /// The bytes; empty only where a fragment is.
    pub bytes: Bytes,
}

/// What the framer found next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A PDU begins. Its length is within the limits; nothing of its body was looked at.
    Start(PduKind),
    /// The whole body of any PDU but P-DATA-TF.
    Body(PduKind, Bytes),
    /// The next piece of the P-DATA-TF that began.
    Piece(Piece),
}

/// The framer of one direction of an association. It holds no bytes, only where in a PDU the next byte lies.
#[derive(Debug)]
pub struct Framer {
    stage: Stage,
    associate: u32,
    p_data: u32,
    first: bool,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Header,
    Body {
        kind: PduKind,
        length: usize,
    },
    /// Inside a P-DATA-TF, before a PDV.
    Pdv {
        left: u32,
    },
    Fragment(Open),
    /// A body that nobody wants.
    Skip {
        left: u32,
    },
    /// After an error there are no more frames.
    Broken,
}

/// A fragment that has begun.
#[derive(Clone, Copy, Debug)]
struct Open {
    context: u8,
    control: u8,
    /// Its bytes to come.
    fragment: u32,
    /// What is left of the PDU after it.
    left: u32,
}

impl Framer {
    /// A framer at the first byte of a connection.
    pub fn new(limits: &Limits) -> Self {
        Self {
            stage: Stage::Header,
            associate: limits.associate,
            p_data: limits.p_data.min(LARGEST_PDU),
            first: true,
        }
    }

    /// Takes the next frame out of `input`; `None` when more bytes are needed.
    ///
    /// # Errors
    /// What is wrong with a header, from the header alone. Afterwards there are no more frames.
    pub fn next(&mut self, input: &mut BytesMut) -> Result<Option<Frame>, ProtocolError> {
        let frame = self.advance(input);
        if frame.is_err() {
            self.stage = Stage::Broken;
        }
        frame
    }

    /// The body of the PDU that began is dropped as it comes.
    pub fn skip(&mut self) {
        self.stage = match self.stage {
            Stage::Body { length, .. } => Stage::Skip { left: u32::try_from(length).unwrap_or(u32::MAX) },
            Stage::Pdv { left } => Stage::Skip { left },
            Stage::Fragment(open) => Stage::Skip { left: open.fragment.saturating_add(open.left) },
            other => other,
        };
    }

    /// No more frames are wanted: whatever comes is dropped.
    pub fn stop(&mut self) {
        self.stage = Stage::Broken;
    }

    /// Whether a PDU has begun and not ended.
    pub fn inside(&self) -> bool {
        !matches!(self.stage, Stage::Header | Stage::Broken)
    }

    /// Bytes that the framer could use beyond the `held` that are in the buffer, as far as it knows.
    pub fn wants(&self, held: usize) -> usize {
        let whole = match self.stage {
            Stage::Header => HEADER,
            Stage::Body { length, .. } => length,
            Stage::Pdv { left } | Stage::Skip { left } => left as usize,
            Stage::Fragment(open) => open.fragment as usize + open.left as usize,
            Stage::Broken => 0,
        };
        whole.saturating_sub(held)
    }

    fn advance(&mut self, input: &mut BytesMut) -> Result<Option<Frame>, ProtocolError> {
        loop {
            match self.stage {
                Stage::Header => {
                    let Some(&header) = input.first_chunk::<HEADER>() else { return Ok(None) };
                    let kind = self.begin(header)?;
                    let _ = input.split_to(HEADER);
                    return Ok(Some(Frame::Start(kind)));
                }
                Stage::Body { kind, length } => {
                    if input.len() < length {
                        return Ok(None);
                    }
                    self.stage = Stage::Header;
                    return Ok(Some(Frame::Body(kind, input.split_to(length).freeze())));
                }
                Stage::Pdv { left: 0 } | Stage::Skip { left: 0 } => self.stage = Stage::Header,
                Stage::Pdv { left } => {
                    if left < PDV_HEAD {
                        return Err(ProtocolError::PdvLength { length: left, left });
                    }
                    let Some(&[a, b, c, d, context, control]) = input.first_chunk::<6>() else {
                        return Ok(None);
                    };
                    let length = u32::from_be_bytes([a, b, c, d]);
                    // The length counts context and control header; it never reaches past the PDU (PS3.8 9.3.5.1).
                    if length < 2 || length > left - 4 {
                        return Err(ProtocolError::PdvLength { length, left: left - 4 });
                    }
                    let _ = input.split_to(PDV_HEAD as usize);
                    let open = Open { context, control, fragment: length - 2, left: left - 4 - length };
                    if open.fragment == 0 {
                        return Ok(Some(self.piece(open, Bytes::new())));
                    }
                    self.stage = Stage::Fragment(open);
                }
                Stage::Fragment(open) => {
                    if input.is_empty() {
                        return Ok(None);
                    }
                    let take = input.len().min(open.fragment as usize);
                    let bytes = input.split_to(take).freeze();
                    return Ok(Some(self.piece(open, bytes)));
                }
                Stage::Skip { left } => {
                    if input.is_empty() {
                        return Ok(None);
                    }
                    let take = input.len().min(left as usize);
                    let _ = input.split_to(take);
                    self.stage = Stage::Skip { left: left - take as u32 };
                }
                Stage::Broken => {
                    input.clear();
                    return Ok(None);
                }
            }
        }
    }

    /// Looks at a header; its body may come.
    fn begin(&mut self, header: [u8; HEADER]) -> Result<PduKind, ProtocolError> {
        let [byte, _, a, b, c, d] = header;
        let length = u32::from_be_bytes([a, b, c, d]);
        let first = std::mem::replace(&mut self.first, false);
        let Some(kind) = PduKind::from_byte(byte) else {
            return Err(match foreign(header).filter(|_| first) {
                Some(name) => ProtocolError::ForeignProtocol(name),
                None => ProtocolError::UnknownPdu(byte),
            });
        };
        let limit = if kind == PduKind::PData { self.p_data } else { self.associate };
        if length > limit {
            return Err(ProtocolError::PduTooLong { kind, length, limit });
        }
        let fits = match kind {
            PduKind::AssociateRq | PduKind::AssociateAc => length >= 68,
            PduKind::AssociateRj | PduKind::ReleaseRq | PduKind::ReleaseRp | PduKind::Abort => length == 4,
            PduKind::PData => true,
        };
        if !fits {
            return Err(ProtocolError::PduLength { kind, length });
        }
        self.stage = match kind {
            PduKind::PData => Stage::Pdv { left: length },
            _ => Stage::Body { kind, length: length as usize },
        };
        Ok(kind)
    }

    /// A piece of the open fragment, which closes with its last byte.
    fn piece(&mut self, open: Open, bytes: Bytes) -> Frame {
        let rest = open.fragment.saturating_sub(bytes.len() as u32);
        self.stage = match rest {
            0 => Stage::Pdv { left: open.left },
            rest => Stage::Fragment(Open { fragment: rest, ..open }),
        };
        // Bits 2 to 7 are not tested (PS3.8 E.2).
        let value = if open.control & 1 == 1 { Value::Command } else { Value::Data };
        Frame::Piece(Piece { context: open.context, value, last: rest == 0 && open.control & 2 == 2, bytes })
    }
}

/// Length, context and control header of a PDV.
const PDV_HEAD: u32 = 6;

/// What speaks when a connection begins like this.
fn foreign([a, b, c, d, ..]: [u8; HEADER]) -> Option<&'static str> {
    match &[a, b, c, d] {
        [0x16, 0x03, _, _] => Some("TLS"),
        b"GET " | b"HEAD" | b"POST" | b"PUT " | b"DELE" | b"OPTI" | b"CONN" | b"TRAC" | b"PATC" | b"PRI " => {
            Some("HTTP")
        }
        _ => None,
    }
}
