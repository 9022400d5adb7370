//! Protocol data units (PS3.8 9.3): framing, reading, writing. The structures are dicom-ul's.

mod frame;
mod read;
mod write;

use std::fmt;

use crate::state::Event;

pub use dicom_ul::pdu::{
    AssociationAC, AssociationRQ, PresentationContextProposed, PresentationContextResult,
    PresentationContextResultReason, RequestorRoles, UserIdentity, UserIdentityType, UserVariableItem,
};
pub use frame::{Frame, Framer, Piece, Value};
pub use read::{read_abort, read_associate_ac, read_associate_rj, read_associate_rq};
pub use write::{
    PDV_HEAD, WriteError, pdata_head, write_abort, write_associate_ac, write_associate_rj,
    write_associate_rq, write_release_rp, write_release_rq,
};

/// Type, reserved byte and length: the bytes before every PDU's body.
pub const HEADER: usize = 6;

/// The seven PDU types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PduKind {
    /// 01H.
    AssociateRq = 1,
    /// 02H.
    AssociateAc = 2,
    /// 03H.
    AssociateRj = 3,
    /// 04H.
    PData = 4,
    /// 05H.
    ReleaseRq = 5,
    /// 06H.
    ReleaseRp = 6,
    /// 07H.
    Abort = 7,
}

impl PduKind {
    /// The kind of this PDU type byte.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => PduKind::AssociateRq,
            2 => PduKind::AssociateAc,
            3 => PduKind::AssociateRj,
            4 => PduKind::PData,
            5 => PduKind::ReleaseRq,
            6 => PduKind::ReleaseRp,
            7 => PduKind::Abort,
            _ => return None,
        })
    }

    /// The event of PS3.8 Table 9-10 that receiving it is.
    pub const fn event(self) -> Event {
        match self {
            PduKind::AssociateAc => Event::Evt3,
            PduKind::AssociateRj => Event::Evt4,
            PduKind::AssociateRq => Event::Evt6,
            PduKind::PData => Event::Evt10,
            PduKind::ReleaseRq => Event::Evt12,
            PduKind::ReleaseRp => Event::Evt13,
            PduKind::Abort => Event::Evt16,
        }
    }
}

impl fmt::Display for PduKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PduKind::AssociateRq => "A-ASSOCIATE-RQ",
            PduKind::AssociateAc => "A-ASSOCIATE-AC",
            PduKind::AssociateRj => "A-ASSOCIATE-RJ",
            PduKind::PData => "P-DATA-TF",
            PduKind::ReleaseRq => "A-RELEASE-RQ",
            PduKind::ReleaseRp => "A-RELEASE-RP",
            PduKind::Abort => "A-ABORT",
        })
    }
}
