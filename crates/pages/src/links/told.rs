//! What the audit is told of links. Rows name a link by its number, never by its secret.

use std::net::{IpAddr, SocketAddr};

use access::Principal;
use audit::{Event, Outcome, What, Who};
use axum::extract::{ConnectInfo, FromRequestParts};
use http::request::Parts;
use identity::Shut;

/// By which service.
pub const SERVICE: &str = "links";

/// From where a request comes.
pub struct From(pub IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for From {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let from = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Ok(Self(from.map_or(IpAddr::from([0, 0, 0, 0]), |from| from.0.ip().to_canonical())))
    }
}

/// Somebody who was recognised.
pub fn who(principal: &Principal, from: &From) -> Who {
    Who::new(principal.door().name(), principal.name(), &from.0.to_string())
}

/// A link was not opened; none where guesses are slowed: of these the first twenty are told.
pub fn shut(why: &Shut, from: &From) -> Option<Event> {
    let nobody = Who::nobody(&from.0.to_string());
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
