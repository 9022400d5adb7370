//! What a peer can do wrong on the wire, and which A-ABORT answers it.

use crate::pdu::PduKind;
use crate::{AbortReason, State};

/// A violation of PS3.8 or PS3.7 that ends the association.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// The first bytes are an HTTP request or a TLS hello: nothing is answered.
    #[error("the peer speaks {0}, not DICOM")]
    ForeignProtocol(&'static str),
    /// A PDU type that PS3.8 9.3 does not have.
    #[error("PDU type {0:02X}H is unknown")]
    UnknownPdu(u8),
    /// A PDU that has no place in this state (PS3.8 Table 9-10).
    #[error("{kind} has no place in {state:?}")]
    UnexpectedPdu {
        /// What came.
        kind: PduKind,
        /// When.
        state: State,
    },
    /// A declared length over the limit.
    #[error("{kind} claims {length} bytes, the limit is {limit}")]
    PduTooLong {
        /// What came.
        kind: PduKind,
        /// Bytes claimed.
        length: u32,
        /// Bytes allowed.
        limit: u32,
    },
    /// A-ASSOCIATE-RJ, A-RELEASE-RQ, -RP and A-ABORT have a body of four bytes, A-ASSOCIATE-RQ and -AC at least 68.
    #[error("{kind} has a body of {length} bytes")]
    PduLength {
        /// What came.
        kind: PduKind,
        /// Bytes claimed.
        length: u32,
    },
    /// A PDV that is shorter than its own head or longer than its PDU.
    #[error("a PDV claims {length} bytes where {left} are left in its PDU")]
    PdvLength {
        /// Bytes claimed.
        length: u32,
        /// Bytes left for it.
        left: u32,
    },
    /// An item of A-ASSOCIATE-RQ or -AC whose length lies or whose content is none.
    #[error("item {item:02X}H at byte {at}: {problem}")]
    Item {
        /// Its type; 00H for the fixed part.
        item: u8,
        /// Byte of the PDU's body.
        at: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// A fragment on a presentation context that was not accepted.
    #[error("presentation context {0} was not accepted")]
    UnknownContext(u8),
    /// A fragment where another one belongs: the message before it is not complete, or there is no command for it.
    #[error("{0}")]
    MessageOrder(&'static str),
    /// A command set over the limit.
    #[error("a command set of more than {0} bytes")]
    CommandTooLong(usize),
    /// A command set that cannot be read.
    #[error("command set: {0}")]
    Command(#[from] CommandError),
}

/// Why a command set (PS3.7 6.3) cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// It breaks off inside an element's head.
    #[error("breaks off at byte {0}")]
    Truncated(usize),
    /// An element claims more than is left.
    #[error("(0000,{element:04X}) claims {length} bytes, {left} are left")]
    ElementLength {
        /// Element number.
        element: u16,
        /// Bytes claimed.
        length: u32,
        /// Bytes left.
        left: usize,
    },
    /// An element outside group 0000.
    #[error("group {0:04X}H in a command set")]
    Group(u16),
    /// A value that is not two bytes long.
    #[error("(0000,{0:04X}) is no 16-bit value")]
    NotShort(u16),
    /// An element without which the message has no meaning.
    #[error("(0000,{0:04X}) is missing")]
    Missing(u16),
}

impl ProtocolError {
    /// The reason of the A-ABORT that answers it (PS3.8 Table 9-26).
    pub fn reason(&self) -> AbortReason {
        match self {
            ProtocolError::ForeignProtocol(_) | ProtocolError::UnknownPdu(_) => AbortReason::UnrecognizedPdu,
            ProtocolError::UnexpectedPdu { .. } | ProtocolError::MessageOrder(_) => {
                AbortReason::UnexpectedPdu
            }
            ProtocolError::PduTooLong { .. }
            | ProtocolError::PduLength { .. }
            | ProtocolError::PdvLength { .. }
            | ProtocolError::Item { .. }
            | ProtocolError::UnknownContext(_)
            | ProtocolError::CommandTooLong(_)
            | ProtocolError::Command(_) => AbortReason::InvalidParameterValue,
        }
    }

    /// One word, for metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            ProtocolError::ForeignProtocol(_) => "foreign_protocol",
            ProtocolError::UnknownPdu(_) => "unknown_pdu",
            ProtocolError::UnexpectedPdu { .. } => "unexpected_pdu",
            ProtocolError::PduTooLong { .. } => "pdu_too_long",
            ProtocolError::PduLength { .. } => "pdu_length",
            ProtocolError::PdvLength { .. } => "pdv_length",
            ProtocolError::Item { .. } => "item",
            ProtocolError::UnknownContext(_) => "unknown_context",
            ProtocolError::MessageOrder(_) => "message_order",
            ProtocolError::CommandTooLong(_) => "command_too_long",
            ProtocolError::Command(_) => "command",
        }
    }
}
