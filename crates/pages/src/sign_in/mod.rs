//! Signing in with a token, and out.

use std::sync::Arc;
use std::time::Instant;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};
use identity::{Standing, digest};
use maud::{Markup, html};

use crate::audited::SignedIn;
use crate::cookie;
use crate::form::Form;
use crate::layout::{Page, Tone, Width, notice};
use crate::site::{Entry, Site};

/// Takes the token and begins a session.
pub async fn sign_in(State(site): State<Arc<Site>>, body: Bytes) -> Response {
    let Entry::Ask(ask) = &site.entry else { return Redirect::to("/").into_response() };
    let form = Form::read(&body);
    let standing = Standing::Token(digest(form.text("token")));
    let Some(principal) = (ask.stands)(&standing) else {
        tracing::warn!("a page was asked for with a token that is not known");
        return page(
            &site,
            Some("This token is not known here. Copy the whole line from the file, without spaces."),
        );
    };
    let who = principal.to_string();
    let signed_in = Extension(SignedIn(principal));
    let begun = ask.sessions.begin(standing, Instant::now()).ok();
    let Some(cookie) = begun.and_then(|id| cookie::give(&id, ask.sessions.lasts().whole, ask.https)) else {
        return crate::layout::unavailable(&site, None);
    };
    tracing::info!(principal = %who, "signed in");
    (signed_in, [(SET_COOKIE, cookie)], Redirect::to("/")).into_response()
}

/// Ends the session.
pub async fn sign_out(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    let Entry::Ask(ask) = &site.entry else { return Redirect::to("/").into_response() };
    if let Some(id) = ask.session(&headers) {
        ask.sessions.end(id);
    }
    match cookie::take(ask.https) {
        Some(cookie) => ([(SET_COOKIE, cookie)], Redirect::to("/")).into_response(),
        None => Redirect::to("/").into_response(),
    }
}

/// The page for those who have not signed in, with what was wrong with the last try.
pub fn page(site: &Site, error: Option<&str>) -> Response {
    let main = html! {
        @if let Some(error) = error {
            (notice(Tone::Bad, html! { h2 { "There is a problem" } p { a href="#token" { (error) } } }))
        }
        div class="stack" {
            h1 { "Overread" }
            p { "This server takes in radiology studies for second opinions, keeps them, and gives them out by DICOM and DICOMweb." }
        }
        (form(error))
        details {
            summary { "Where is the token?" }
            p { "The first start of the server wrote it to a file that only the server's user can read, and printed the path: "
                code { "administrator.token" } " in the data folder, unless the configuration names another one." }
        }
    };
    let (title, status) = match error {
        None => ("Sign in", StatusCode::OK),
        Some(_) => ("Error: sign in", StatusCode::UNPROCESSABLE_ENTITY),
    };
    Page { title, width: Width::Reading, main }.respond(status, site, None)
}

fn form(error: Option<&str>) -> Markup {
    let described = if error.is_some() { "token-hint token-error" } else { "token-hint" };
    html! {
        form class="card narrow" method="post" action="/sign-in" {
            div class="card-body stack" {
                h2 { "Sign in" }
                div class="field" {
                    label for="token" { "Token" }
                    p class="hint" id="token-hint" { "A long line of letters and digits, from a file." }
                    @if let Some(error) = error { p class="error" id="token-error" { (error) } }
                    input id="token" name="token" type="password" required autocomplete="current-password"
                        aria-describedby=(described) aria-invalid=[error.map(|_| "true")];
                }
                button class="btn primary" { "Sign in" }
            }
        }
    }
}
