//! Puts pieces of fragments together again: a whole command set, then its data set as it comes (PS3.8 Annex E).

use bytes::{Bytes, BytesMut};

use crate::ProtocolError;
use crate::command::{Dataset, Message};
use crate::negotiate::Negotiated;
use crate::pdu::{Piece, Value};

/// What pieces amount to.
#[derive(Debug)]
pub(crate) enum Part {
    /// A whole command set, on this presentation context.
    Message(u8, Message),
    /// The next bytes of its data set.
    Data(Bytes, bool),
}

/// Where in a message the next fragment belongs.
#[derive(Debug)]
pub(crate) enum Assembler {
    Between,
    Command { context: u8, bytes: BytesMut },
    Data { context: u8 },
}

impl Assembler {
    pub(crate) fn inside(&self) -> bool {
        !matches!(self, Assembler::Between)
    }

    /// Bytes held of an incomplete command set.
    pub(crate) fn held(&self) -> usize {
        match self {
            Assembler::Command { bytes, .. } => bytes.len(),
            _ => 0,
        }
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// When it belongs to no message: wrong context, wrong order, a command set over `limit` or one that cannot be read.
    pub(crate) fn take(
        &mut self,
        piece: Piece,
        negotiated: &Negotiated,
        limit: usize,
    ) -> Result<Option<Part>, ProtocolError> {
        if negotiated.context(piece.context).is_none() {
            return Err(ProtocolError::UnknownContext(piece.context));
        }
        match (&mut *self, piece.value) {
            (Assembler::Data { context }, Value::Data) => {
                same(*context, piece.context)?;
                if piece.last {
                    *self = Assembler::Between;
                }
                let nothing = piece.bytes.is_empty() && !piece.last;
                Ok((!nothing).then_some(Part::Data(piece.bytes, piece.last)))
            }
            (Assembler::Data { .. }, Value::Command) => {
                Err(ProtocolError::MessageOrder("a command fragment before the data set was complete"))
            }
            (_, Value::Data) => Err(ProtocolError::MessageOrder("a data set fragment without a command")),
            (Assembler::Between, Value::Command) if piece.last => {
                within(piece.bytes.len(), limit)?;
                self.message(piece.context, piece.bytes).map(Some)
            }
            (Assembler::Between, Value::Command) => {
                within(piece.bytes.len(), limit)?;
                *self = Assembler::Command { context: piece.context, bytes: BytesMut::from(&*piece.bytes) };
                Ok(None)
            }
            (Assembler::Command { context, bytes }, Value::Command) => {
                same(*context, piece.context)?;
                within(bytes.len() + piece.bytes.len(), limit)?;
                bytes.extend_from_slice(&piece.bytes);
                if !piece.last {
                    return Ok(None);
                }
                let whole = std::mem::take(bytes).freeze();
                self.message(piece.context, whole).map(Some)
            }
        }
    }

    fn message(&mut self, context: u8, bytes: Bytes) -> Result<Part, ProtocolError> {
        let message = Message::read(bytes)?;
        *self = match message.data() {
            Dataset::Follows => Assembler::Data { context },
            Dataset::None => Assembler::Between,
        };
        Ok(Part::Message(context, message))
    }
}

fn within(length: usize, limit: usize) -> Result<(), ProtocolError> {
    if length > limit { Err(ProtocolError::CommandTooLong(limit)) } else { Ok(()) }
}

fn same(open: u8, context: u8) -> Result<(), ProtocolError> {
    if open == context {
        return Ok(());
    }
    Err(ProtocolError::MessageOrder("a fragment of another presentation context inside a message"))
}
