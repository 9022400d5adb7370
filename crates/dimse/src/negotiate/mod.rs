//! Negotiation of an association (PS3.7 Annex D, PS3.8 9.3.2, 9.3.3): what is asked, what is answered, what holds then.

mod accept;
mod policy;
mod propose;
mod user;

use dicom_ul::pdu::{PresentationContextProposed, PresentationContextResultReason, RequestorRoles};
use model::AeTitle;
use model::transfer_syntax::Syntax;

pub use policy::{Catalogue, Extended, Offer, Policy, Preference};
pub use propose::{MOST_CONTEXTS, Proposal, ProposedContext, TooManyContexts};
pub use user::{CommonExtended, UserInformation};

pub(crate) use accept::answer;

use crate::Limits;
use crate::limits::SMALLEST_PDU;

/// An association request whose fixed parts are good.
#[derive(Clone, Debug)]
pub struct AssociateRequest {
    /// The AE title that is called.
    pub called: AeTitle,
    /// The AE title that calls.
    pub calling: AeTitle,
    /// The presentation contexts proposed: odd and unique ids.
    pub contexts: Vec<PresentationContextProposed>,
    /// What the User Information item says.
    pub user: UserInformation,
    /// The AE titles as they were sent, to be sent back.
    pub(crate) echoed: (String, String),
}

/// A presentation context that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// Odd, 1 to 255.
    pub id: u8,
    /// The SOP class, or what else was proposed as abstract syntax.
    pub abstract_syntax: Box<str>,
    /// The one transfer syntax that was accepted.
    pub transfer_syntax: Syntax,
    /// What the requestor may be on it (PS3.7 D.3.3.4). Without negotiation it is SCU.
    pub roles: RequestorRoles,
}

/// The other end, as it describes itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// Implementation Class UID as sent, not judged; empty when missing.
    pub implementation_class: Box<str>,
    /// Implementation Version Name as sent, not judged; empty when missing.
    pub implementation_version: Box<str>,
}

/// What both ends agreed on.
#[derive(Clone, Debug, Default)]
pub struct Negotiated {
    contexts: Vec<Context>,
    refused: Vec<(u8, PresentationContextResultReason)>,
    /// The other end.
    pub peer: Peer,
    /// Longest fragment that may be sent to the peer, in bytes; even, at least 2.
    pub fragment: usize,
}

impl Negotiated {
    /// The accepted context with this id.
    pub fn context(&self, id: u8) -> Option<&Context> {
        self.contexts.iter().find(|context| context.id == id)
    }

    /// The accepted contexts in the order of the proposal.
    pub fn contexts(&self) -> &[Context] {
        &self.contexts
    }

    /// The contexts that the acceptor refused, and why. Known to the requestor only.
    pub fn refused(&self) -> &[(u8, PresentationContextResultReason)] {
        &self.refused
    }
}

/// The longest even fragment for a peer that announced `maximum` (0 is no limit, PS3.8 D.1), never more than `limits`
/// let this end send; `None` when not even two bytes fit.
fn fragment_for(maximum: u32, limits: &Limits) -> Option<usize> {
    let maximum = if maximum == 0 { limits.send } else { maximum.min(limits.send) };
    (maximum >= SMALLEST_PDU).then(|| ((maximum - 6) & !1) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DIMSE-011, DIMSE-012: the peer's maximum counts PDV length, context and control header; 0 is no limit.
    #[test]
    fn fragments_fit_the_peers_maximum() {
        let limits = Limits { send: 262_144, ..Limits::default() };
        for (maximum, fragment) in [
            (0, Some(262_138)),
            (4096, Some(4090)),
            (4097, Some(4090)),
            (16_384, Some(16_378)),
            (u32::MAX, Some(262_138)),
            (9, Some(2)),
            (8, Some(2)),
            (7, None),
            (1, None),
        ] {
            assert_eq!(fragment_for(maximum, &limits), fragment, "{maximum}");
        }
    }
}
