//! What the pages tell the audit of whoever is in: who looked for and at what. Coming in and going out tell for themselves.

use std::sync::Arc;

use access::Principal;
use audit::{Event, Outcome, What};
use axum::RequestExt;
use axum::body::{Body, to_bytes};
use axum::extract::{MatchedPath, RawPathParams, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use maud::html;

use crate::FORM;
use crate::desk::Caller;
use crate::layout::{Page, Width};
use crate::site::Site;

/// Tells what a request did, before its answer begins.
pub async fn tell(State(site): State<Arc<Site>>, mut request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let Some(what) = route.as_deref().and_then(what) else {
        return next.run(request).await;
    };
    if !site.recorder.has_room() {
        let text = "The audit trail cannot be written. Try again in some seconds.";
        return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    }
    let Ok(from) = request.extract_parts::<Caller>().await;
    let visitor = site.visitor(request.headers());
    let study = study(&mut request).await;
    let (request, query) = match what {
        What::Query => match with_query(request).await {
            Some(read) => read,
            None => return too_long(&site, visitor.as_ref()),
        },
        _ => (request, String::new()),
    };
    let response = next.run(request).await;
    // Whoever is sent to sign in has seen nothing.
    let Some(who) = visitor else { return response };
    let mut event = Event::new(what, from.principal(&who), "pages");
    event.outcome = outcome(response.status());
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

/// What the route does to patients' data.
fn what(route: &str) -> Option<What> {
    match route {
        "/studies" => Some(What::Query),
        _ if route.starts_with("/studies/") => Some(What::View),
        _ => None,
    }
}

fn outcome(status: StatusCode) -> Outcome {
    match status.as_u16() {
        ..400 => Outcome::Success,
        500.. => Outcome::Serious,
        400.. => Outcome::Minor,
    }
}

/// What is searched for comes as a form; `None` when it is longer than a form may be.
async fn with_query(request: Request) -> Option<(Request, String)> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, FORM).await.ok()?;
    let query = String::from_utf8_lossy(&body).into_owned();
    Some((Request::from_parts(parts, Body::from(body)), query))
}

fn too_long(site: &Site, visitor: Option<&Principal>) -> Response {
    let main = html! {
        h1 { "This search is too long" }
        p { "What is searched for may have " (FORM >> 10) " KiB in all. Shorten it and try again." }
        p { a href="/studies" { "Back to the studies" } }
    };
    let page = Page { title: "This search is too long", width: Width::Reading, main };
    page.respond(StatusCode::PAYLOAD_TOO_LARGE, site, visitor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_routes_do() {
        for (route, expected) in [
            ("/", None),
            ("/assets/{file}", None),
            ("/sign-in", None),
            ("/studies", Some(What::Query)),
            ("/studies/{study}", Some(What::View)),
            ("/studies/{study}/series/{series}/metadata", Some(What::View)),
        ] {
            assert_eq!(what(route), expected, "{route}");
        }
    }

    #[test]
    fn outcomes() {
        for (status, expected) in
            [(200, Outcome::Success), (303, Outcome::Success), (404, Outcome::Minor), (503, Outcome::Serious)]
        {
            assert_eq!(outcome(StatusCode::from_u16(status).unwrap()), expected, "{status}");
        }
    }
}
