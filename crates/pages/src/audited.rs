//! What the pages tell the audit: who looked for and at what, who signed in and out.

use std::net::SocketAddr;
use std::sync::Arc;

use access::Principal;
use audit::{Event, Outcome, What, Who};
use axum::RequestExt;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, MatchedPath, RawPathParams, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode};

use crate::FORM;
use crate::site::Site;

/// An answer carries it when somebody signed in with it.
#[derive(Clone)]
pub struct SignedIn(pub Principal);

/// Tells what a request did, before its answer begins.
pub async fn tell(State(site): State<Arc<Site>>, mut request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let Some(what) = route.as_deref().and_then(|route| what(route, request.method())) else {
        return next.run(request).await;
    };
    if !site.recorder.has_room() {
        let text = "The audit trail cannot be written. Try again in some seconds.";
        return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    }
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let address = address.map(|from| from.0.ip().to_canonical().to_string()).unwrap_or_default();
    let visitor = site.visitor(request.headers());
    let study = study(&mut request).await;
    let (request, query) = match what {
        What::Query => with_query(request).await,
        _ => (request, String::new()),
    };
    let response = next.run(request).await;
    let signed_in = response.extensions().get::<SignedIn>().map(|signed_in| &signed_in.0);
    let who = match signed_in.or(visitor.as_ref()) {
        Some(who) => Who::new(who.door().name(), who.name(), &address),
        // Whoever is sent to sign in has seen nothing.
        None if what != What::Login => return response,
        None => Who::nobody(&address),
    };
    let mut event = Event::new(what, who, "pages");
    event.outcome = outcome(what, signed_in.is_some(), response.status());
    if what == What::View {
        event.study = study;
    }
    event.query = query;
    site.recorder.record(event);
    response
}

/// The study that the path names, as the handler reads it: without percent-encoding.
async fn study(request: &mut Request) -> String {
    let named = request.extract_parts::<RawPathParams>().await;
    let study = named.ok().and_then(|named| {
        named.iter().find(|(name, _)| *name == "study").map(|(_, study)| study.chars().take(64).collect())
    });
    study.unwrap_or_default()
}

/// What the route does to patients' data or to a session.
fn what(route: &str, method: &Method) -> Option<What> {
    match route {
        "/studies" => Some(What::Query),
        _ if route.starts_with("/studies/") => Some(What::View),
        "/sign-in" if *method == Method::POST => Some(What::Login),
        "/sign-out" if *method == Method::POST => Some(What::Logout),
        _ => None,
    }
}

fn outcome(what: What, signed_in: bool, status: StatusCode) -> Outcome {
    match status.as_u16() {
        _ if what == What::Login && !signed_in => Outcome::Serious,
        ..400 => Outcome::Success,
        500.. => Outcome::Serious,
        400.. => Outcome::Minor,
    }
}

/// What is searched for comes as a form; one that is longer than a form may be is searched for by nobody.
async fn with_query(request: Request) -> (Request, String) {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, FORM).await.unwrap_or_default();
    let query = String::from_utf8_lossy(&body).into_owned();
    (Request::from_parts(parts, Body::from(body)), query)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_routes_do() {
        for (route, method, expected) in [
            ("/", Method::GET, None),
            ("/assets/{file}", Method::GET, None),
            ("/sign-in", Method::POST, Some(What::Login)),
            ("/sign-out", Method::POST, Some(What::Logout)),
            ("/studies", Method::GET, Some(What::Query)),
            ("/studies/{study}", Method::POST, Some(What::View)),
            ("/studies/{study}/series/{series}/metadata", Method::GET, Some(What::View)),
        ] {
            assert_eq!(what(route, &method), expected, "{route}");
        }
    }

    #[test]
    fn outcomes() {
        for (what, signed_in, status, expected) in [
            (What::Login, true, 303, Outcome::Success),
            (What::Login, false, 422, Outcome::Serious),
            (What::Login, false, 303, Outcome::Serious),
            (What::View, false, 200, Outcome::Success),
            (What::View, false, 404, Outcome::Minor),
            (What::Query, false, 503, Outcome::Serious),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(outcome(what, signed_in, status), expected, "{what:?} {status}");
        }
    }
}
