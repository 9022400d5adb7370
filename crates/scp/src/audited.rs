//! What this edge tells the audit. Equal stores are told one by one: the recorder makes one row of them.

use std::net::SocketAddr;

use access::Principal;
use archive::{Outcome as Kept, Stored};
use audit::{Change, Event, Outcome, What, Who};
use dimse::Reject;
use dimse::command::Store;

use crate::status::Refusal;

/// An instance was kept, or refused (AUD-005, AUD-006).
pub(crate) fn stored(
    principal: &Principal,
    peer: SocketAddr,
    request: &Store,
    outcome: Result<&Stored, &Refusal>,
) -> Event {
    let who = Who::new(principal.door().name(), principal.name(), &address(peer));
    let mut event = Event::new(What::Store(Change::New), who, "C-STORE");
    principal.custodian().as_str().clone_into(&mut event.custodian);
    match outcome {
        Ok(stored) => {
            event.what = What::Store(match stored.outcome() {
                Kept::New => Change::New,
                Kept::Same => Change::Held,
                Kept::NewVersion(_) => Change::Altered,
            });
            event.study = stored.study().to_string();
            event.classes.insert(stored.sop_class().to_string(), 1);
        }
        Err(refusal) => {
            event.outcome = if refusal.is_ours() { Outcome::Serious } else { Outcome::Minor };
            event.detail = format!("refused with status {:04X}H", refusal.status().0);
            if let Ok(class) = &request.sop_class {
                event.classes.insert(class.to_string(), 1);
            }
        }
    }
    event
}

/// An association was refused.
pub(crate) fn rejected(reject: Reject, called: &str, calling: &str, peer: SocketAddr) -> Event {
    let busy = matches!(reject, Reject::LocalLimitExceeded | Reject::TemporaryCongestion);
    let who = Who::new("aet", calling, &address(peer));
    let outcome = if busy { Outcome::Minor } else { Outcome::Serious };
    let detail = format!("an association with {called} was rejected: {reject}");
    Event { outcome, detail, ..Event::new(What::NodeAuthentication, who, "A-ASSOCIATE") }
}

/// A TLS handshake failed (TLS-007).
pub(crate) fn no_tls(peer: SocketAddr, why: &str) -> Event {
    let detail = format!("a TLS handshake failed: {why}");
    let outcome = Outcome::Serious;
    Event {
        outcome,
        detail,
        ..Event::new(What::NodeAuthentication, Who::nobody(&address(peer)), "DIMSE over TLS")
    }
}

fn address(peer: SocketAddr) -> String {
    peer.ip().to_canonical().to_string()
}
