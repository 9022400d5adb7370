//! Setting up the second factor: the secret, a first code as proof, the recovery codes.

use std::sync::Arc;

use audit::{Outcome, What};
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use identity::{Next, Secret};
use maud::{Markup, html};

use super::refused::{problem, summary};
use super::{Field, Problem, Refusal, admit, asked, place_of, way};
use crate::desk::{Caller, told};
use crate::form::Form;
use crate::layout::{Page, Width, unavailable};
use crate::qr;
use crate::site::Site;
use crate::steps::{Step, steps};

/// Who the codes are for, as an app shows it.
const ISSUER: &str = "Overread";

/// Shows the secret and asks for a code; after that, whether the recovery codes are kept.
pub async fn show(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    let ask = asked!(site);
    match ask.desk.next(&way(ask, &headers)) {
        Some(Next::Factor { secret, account }) => page(&site, &secret, &account, None),
        Some(Next::Kept) => shown_before(&site),
        next => Redirect::to(place_of(next.as_ref())).into_response(),
    }
}

/// Takes the first code, and shows the recovery codes.
pub async fn check(State(site): State<Arc<Site>>, from: Caller, headers: HeaderMap, body: Bytes) -> Response {
    let ask = asked!(site);
    if !site.recorder.has_room() {
        return unavailable(&site, None);
    }
    let (way, given) = (way(ask, &headers), Form::read(&body).text("code").to_owned());
    let asked = ask.desk.next(&way);
    let done = ask.desk.ask(move |accounts, now| accounts.new_factor(&way, &given, now)).await;
    let refusal = match done {
        Ok((account, codes)) => {
            let event = told(
                What::Configuration,
                from.account(&account),
                Outcome::Success,
                "set up its second factor",
            );
            if !site.record_durably(event).await {
                return unavailable(&site, None);
            }
            return recovery_codes(&site, &codes);
        }
        Err(trouble) => Refusal::at(trouble, "code", super::code::WRONG),
    };
    refusal.answer(
        |wrong| match asked {
            Some(Next::Factor { secret, account }) => page(&site, &secret, &account, Some(wrong)),
            next => Redirect::to(place_of(next.as_ref())).into_response(),
        },
        &site,
    )
}

/// The recovery codes are kept: in.
pub async fn kept(State(site): State<Arc<Site>>, from: Caller, headers: HeaderMap, body: Bytes) -> Response {
    let ask = asked!(site);
    if !site.recorder.has_room() {
        return unavailable(&site, None);
    }
    if !Form::read(&body).ticked("kept") {
        return shown_before(&site);
    }
    let way = way(ask, &headers);
    match ask.desk.ask(move |accounts, now| accounts.kept(&way, now)).await {
        Ok(admitted) => admit(&site, ask, from, admitted, "with a new second factor").await,
        Err(trouble) => Refusal::at(trouble, "code", super::code::WRONG)
            .answer(|_| Redirect::to("/").into_response(), &site),
    }
}

fn page(site: &Site, secret: &Secret, account: &str, wrong: Option<&Problem>) -> Response {
    let main = html! {
        @if let Some(wrong) = wrong { (summary(wrong)) }
        (steps(Step::Factor))
        div class="stack" {
            h1 { "Set up your second factor" }
            p { "From now on you sign in with your password and a code that an app on your phone makes. Any authenticator app does." }
        }
        div class="card narrow" {
            div class="card-body stack" {
                h2 { "1. Scan this with the app" }
                (qr::picture(&secret.uri(ISSUER, account)))
                details {
                    summary { "You cannot scan it?" }
                    p { "Type this into the app, as a key for " strong { (account) } ", by time:" }
                    p class="secret num" { (secret.text()) }
                }
            }
        }
        form class="card narrow" method="post" action="/sign-in/factor" {
            div class="card-body stack" {
                h2 { "2. Write the code that it shows" }
                (Field {
                    id: "code", label: "Code", kind: "text", autocomplete: "one-time-code", hint: Some("Six digits; they change every 30 seconds."),
                }.empty(problem(wrong, "code")))
                button class="btn primary" { "Go on" }
            }
        }
    };
    let (title, status) = match wrong {
        None => ("Second factor", StatusCode::OK),
        Some(_) => ("Error: second factor", StatusCode::UNPROCESSABLE_ENTITY),
    };
    Page { title, width: Width::Reading, main }.respond(status, site, None)
}

fn recovery_codes(site: &Site, codes: &[String]) -> Response {
    let main = html! {
        (steps(Step::Recovery))
        div class="stack" {
            h1 { "Keep your recovery codes" }
            p { "If you lose your phone, each of these signs you in once in place of a code. They are shown this one time: print them or write them down, and keep them where you keep no passwords." }
        }
        (list(codes))
        (keep_form())
    };
    Page { title: "Recovery codes", width: Width::Reading, main }.respond(StatusCode::OK, site, None)
}

/// The codes, to be printed or written down.
pub fn list(codes: &[String]) -> Markup {
    html! {
        ol class="codes num" aria-label="Recovery codes" { @for code in codes { li { (code) } } }
    }
}

fn keep_form() -> Markup {
    html! {
        form class="stack" method="post" action="/sign-in/kept" {
            label class="check" { input type="checkbox" name="kept" value="1" required; "I have kept them" }
            button class="btn primary" { "Go on" }
        }
    }
}

fn shown_before(site: &Site) -> Response {
    let main = html! {
        div class="stack" {
            h1 { "Your recovery codes were shown" }
            p { "They cannot be shown again. If you did not keep them, go on and make new ones on your account's page." }
        }
        (keep_form())
    };
    Page { title: "Recovery codes", width: Width::Reading, main }.respond(StatusCode::OK, site, None)
}
