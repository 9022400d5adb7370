//! What the audit is told of links. Rows name a link by its number, never by its secret.

use audit::{Event, Outcome, What};
use identity::Shut;

use crate::desk::Caller;

/// By which service.
pub const SERVICE: &str = "links";

/// A link was not opened; none where guesses are slowed: of these the first twenty are told.
pub fn shut(why: &Shut, from: &Caller) -> Option<Event> {
    let nobody = from.nobody();
    let (what, detail) = match why {
        Shut::Dead { id: Some(id), why } => (What::Login, format!("link {id} does not work: {why}")),
        Shut::Dead { id: None, .. } => (What::Login, "no such link".to_owned()),
        Shut::WrongCode { id, left: 0 } => {
            (What::Restricted, format!("link {id} is locked: too many access codes did not match"))
        }
        Shut::WrongCode { id, left } => {
            (What::Login, format!("an access code of link {id} does not match, {left} tries left"))
        }
        Shut::Locked { .. } | Shut::TooMany { .. } | Shut::NeedsCode | Shut::Register(_) => return None,
    };
    let mut event = Event::new(what, nobody, SERVICE);
    (event.outcome, event.detail) = (Outcome::Serious, detail);
    Some(event)
}
