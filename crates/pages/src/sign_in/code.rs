//! The second page of signing in: a code.

use std::sync::Arc;

use audit::{Outcome, What};
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use identity::Next;
use maud::html;

use super::refused::{problem, summary};
use super::{Field, Problem, Refusal, admit, asked, place_of, way};
use crate::desk::{Caller, told};
use crate::form::Form;
use crate::layout::{Page, Width, unavailable};
use crate::site::Site;

/// What is said of a code that does not count.
pub const WRONG: &str =
    "That code does not match. It changes every 30 seconds and counts once; try the one shown now.";

/// Asks for the code.
pub async fn show(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    let ask = asked!(site);
    match ask.desk.next(&way(ask, &headers)) {
        Some(Next::Code) => page(&site, None),
        next => Redirect::to(place_of(next.as_ref())).into_response(),
    }
}

/// Takes it.
pub async fn check(State(site): State<Arc<Site>>, from: Caller, headers: HeaderMap, body: Bytes) -> Response {
    let ask = asked!(site);
    if !site.recorder.has_room() {
        return unavailable(&site, None);
    }
    let (way, given) = (way(ask, &headers), Form::read(&body).text("code").to_owned());
    let done = ask.desk.ask(move |accounts, now| accounts.code(from.0, &way, &given, now)).await;
    let refusal = match done {
        Ok(admitted) => return admit(&site, ask, from, admitted, "with a code").await,
        Err(trouble) => Refusal::at(trouble, "code", WRONG),
    };
    let who = from.unproven(refusal.account.as_deref());
    let event = told(What::Login, who, Outcome::Serious, refusal.told("the code was wrong"));
    if !site.record_durably(event).await {
        return unavailable(&site, None);
    }
    refusal.answer(|wrong| page(&site, Some(wrong)), &site)
}

fn page(site: &Site, wrong: Option<&Problem>) -> Response {
    let main = html! {
        @if let Some(wrong) = wrong { (summary(wrong)) }
        h1 { "One more step" }
        form class="card narrow" method="post" action="/sign-in/code" {
            div class="card-body stack" {
                (Field {
                    id: "code", label: "Code", kind: "text", autocomplete: "one-time-code",
                    hint: Some("Six digits, from your authenticator app."),
                }.empty(problem(wrong, "code")))
                button class="btn primary" { "Sign in" }
            }
        }
        details {
            summary { "You cannot get a code?" }
            p { "Write one of your recovery codes into the field instead. Each is good once." }
            p { "Without those, ask whoever runs this server to reset your second factor." }
        }
        p { a href="/" { "Begin anew" } }
    };
    let (title, status) = match wrong {
        None => ("Code", StatusCode::OK),
        Some(_) => ("Error: code", StatusCode::UNPROCESSABLE_ENTITY),
    };
    Page { title, width: Width::Reading, main }.respond(status, site, None)
}
