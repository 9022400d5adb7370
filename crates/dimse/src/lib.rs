//! DICOM's network protocol: the upper layer (PS3.8) and the message exchange (PS3.7), both ends, as pure state.
//!
//! [`Association`] is one end. Bytes go in by [`Association::input`], events come out of [`Association::poll`], bytes to
//! send wait in [`Association::output`], and the time is an argument. Two of them talk to each other in a test without
//! a socket. Data sets pass through as slices of what was read, piece by piece, whatever the size of their PDUs.
//!
//! This crate must not know sockets, clocks, storage or HTTP. Peers' bytes never make it panic, and nothing is
//! allocated by a length that a peer declares.
//!
//! | file | what |
//! |---|---|
//! | `pdu/` | framing, reading and writing of PDUs |
//! | `state.rs` | PS3.8 Table 9-10 |
//! | `machine.rs` | the table applied: bytes, timers, aborts |
//! | `negotiate/` | presentation contexts, roles, extended negotiation |
//! | `assemble.rs` | fragments to messages |
//! | `command/` | command sets, statuses |
#![warn(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod assemble;
mod association;
pub mod command;
mod error;
mod limits;
mod machine;
pub mod negotiate;
mod output;
pub mod pdu;
mod reject;
mod state;

use dicom_ul::pdu::UserVariableItem;

pub use association::{Association, Event};
pub use command::{Status, StatusClass};
pub use error::{CommandError, ProtocolError};
pub use limits::{LARGEST_PDU, Limits, SMALLEST_PDU, Timers};
pub use machine::{End, NotOpen, Timer};
pub use negotiate::{AssociateRequest, Negotiated};
pub use output::Output;
pub use reject::{Abort, AbortReason, Reject, Rejection};
pub use state::{Action, Event as StateEvent, Role, State, step};

/// The DICOM Application Context Name (PS3.7 A.2.1), the only one there is.
pub const APPLICATION_CONTEXT: &str = "1.2.840.10008.3.1.1.1";

/// Version 1 of the upper layer protocol: bit 0 (PS3.8 9.3.2). Other bits are not looked at.
pub const PROTOCOL_VERSION: u16 = 1;

/// Who this end says it is (PS3.7 D.3.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Implementation {
    /// Implementation Class UID.
    pub class: &'static str,
    /// Implementation Version Name, at most 16 characters.
    pub version: &'static str,
}

impl Implementation {
    /// Maximum length, implementation class and version: what every association says (DIMSE-020).
    fn items(&self, limits: &Limits) -> Vec<UserVariableItem> {
        vec![
            UserVariableItem::MaxLength(limits.p_data.min(LARGEST_PDU)),
            UserVariableItem::ImplementationClassUID(self.class.to_owned()),
            UserVariableItem::ImplementationVersionName(self.version.to_owned()),
        ]
    }
}
