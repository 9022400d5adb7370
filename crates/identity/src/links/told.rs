//! What the audit is told of a link. Rows name it by its number, never by its secret.

use audit::{Event, What, Who};
use register::{Link, LinkKind};

/// What was done to a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// It was made.
    Made,
    /// It was opened.
    Opened,
    /// It was withdrawn.
    Withdrawn,
}

/// The events of something that was done to a link by `who`: one for each study of a share (PS3.15 A.5.3.4, Export), and
/// for an upload link that what somebody may do was changed (A.5.3.11, Security Configuration) or that it was opened
/// (A.5.3.12, Login).
pub fn told(link: &Link, done: Done, who: &Who, service: &str) -> Vec<Event> {
    let (id, last) = (link.id, audit::moment(link.expires_at.saturating_mul(1_000)));
    let detail = match (done, link.kind) {
        (Done::Made, LinkKind::Share) => format!("shared by link {id} until {last}"),
        (Done::Made, LinkKind::Upload) => {
            format!("link {id} made: images may be sent to {} until {last}", link.custodian)
        }
        (Done::Opened, _) => format!("link {id} opened"),
        (Done::Withdrawn, _) => format!("link {id} withdrawn"),
    };
    let event = |what| Event { detail: detail.clone(), ..Event::new(what, who.clone(), service) };
    let mut events = Vec::new();
    match (done, link.kind) {
        (Done::Opened, _) => events.push(event(What::Login)),
        (_, LinkKind::Upload) => events.push(event(What::Configuration)),
        (_, LinkKind::Share) => {}
    }
    events.extend(link.holdings.iter().map(|holding| Event {
        study: holding.study.to_string(),
        custodian: holding.custodian.to_string(),
        ..event(What::Share)
    }));
    events
}
