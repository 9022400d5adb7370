//! Opening a link. Its secret comes in the address behind `#`, which browsers send to nobody; the page's script puts it
//! into the form, and without script it is pasted there.

use std::sync::Arc;
use std::time::Instant;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use http::header::{RETRY_AFTER, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use identity::{LinkDone, Shut, Standing, link_told};
use maud::{Markup, html};

use super::told::{self, SERVICE};
use super::{ENTRANCE, home, off};
use crate::assets;
use crate::cookie;
use crate::desk::Caller;
use crate::form::Form;
use crate::guard::Scripted;
use crate::layout::{self, Page, Width, unavailable};
use crate::moment::now;
use crate::site::{Entry, Site};

/// The form, and nothing else: whoever looks at addresses in mails opens it too, so it counts nothing.
pub async fn ask(State(site): State<Arc<Site>>) -> Response {
    match &site.links {
        Some(_) => form(&site, StatusCode::OK, "", None),
        None => dead(&site),
    }
}

/// Opens a link: its secret and its access code become a session.
pub async fn enter(State(site): State<Arc<Site>>, from: Caller, body: Bytes) -> Response {
    let (Some(links), Entry::Ask(entry)) = (&site.links, &site.entry) else { return dead(&site) };
    if !site.recorder.has_room() {
        return unavailable(&site, None);
    }
    let fields = Form::read(&body);
    let (token, code) = (secret(fields.text("token")).to_owned(), fields.text("code").to_owned());
    let (given, address) = (token.clone(), from.0);
    let opened = off(links, move |links| links.enter(&given, &code, address, now())).await;
    let opened = match opened {
        Some(Ok(opened)) => opened,
        Some(Err(why)) => {
            told::shut(&why, &from).into_iter().for_each(|event| site.recorder.record(event));
            return shut(&site, &token, &why);
        }
        None => return unavailable(&site, None),
    };
    let who = from.principal(&opened.principal);
    for event in link_told(&opened.link, LinkDone::Opened, &who, SERVICE) {
        site.recorder.record(event);
    }
    tracing::info!(principal = %opened.principal, "a link was opened");
    let begun = entry.sessions.begin(Standing::Link(opened.digest), Instant::now()).ok();
    let cookie = begun.and_then(|id| cookie::SESSION.give(&id, entry.sessions.lasts().whole, entry.https));
    match (cookie, home(&opened.principal)) {
        (Some(cookie), Some(home)) => ([(SET_COOKIE, cookie)], Redirect::to(home)).into_response(),
        _ => unavailable(&site, None),
    }
}

/// Ends the session of a link.
pub async fn close(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    let Entry::Ask(entry) = &site.entry else { return Redirect::to(ENTRANCE).into_response() };
    if let Some(id) = entry.session(&headers) {
        entry.sessions.end(id);
    }
    let main = html! {
        h1 { "Closed" }
        p { "Nothing of it stays on this device. To look again, open the link from your message once more." }
    };
    let page = Page { title: "Closed", width: Width::Reading, main }.respond(StatusCode::OK, &site, None);
    match cookie::SESSION.take(entry.https) {
        Some(cookie) => ([(SET_COOKIE, cookie)], page).into_response(),
        None => page,
    }
}

/// Of what was pasted, the secret: the whole address may be.
fn secret(pasted: &str) -> &str {
    pasted.rsplit_once('#').map_or(pasted, |(_, secret)| secret).trim()
}

/// What does not work looks always the same, whether it never was, was withdrawn, ended, or was used up.
pub fn dead(site: &Site) -> Response {
    let main = html! {
        h1 { "This link does not work, or no longer" }
        p { "Ask the centre that sent it for a new one." }
    };
    scripted(Page { title: "Error: link", width: Width::Reading, main }, StatusCode::NOT_FOUND, site)
}

/// A page on which a link is waited for: one that is pasted into its address is opened.
fn scripted(page: Page<'_>, status: StatusCode, site: &Site) -> Response {
    let main = html! { (page.main) script src=(assets::link_script()) defer {} };
    (Extension(Scripted), Page { main, ..page }.respond(status, site, None)).into_response()
}

fn shut(site: &Site, token: &str, why: &Shut) -> Response {
    match why {
        Shut::Dead { .. } => dead(site),
        Shut::NeedsCode => form(
            site,
            StatusCode::UNPROCESSABLE_ENTITY,
            token,
            Some("This link has an access code. You got it apart from the link, by phone for example."),
        ),
        Shut::WrongCode { left, .. } if *left > 0 => {
            let tries = if *left == 1 { "1 try is".to_owned() } else { format!("{left} tries are") };
            let words = format!("That code does not match. Look again at what you were told; {tries} left.");
            form(site, StatusCode::UNPROCESSABLE_ENTITY, token, Some(&words))
        }
        Shut::WrongCode { .. } => locked(site, 15 * 60),
        Shut::Locked { wait, .. } => locked(site, *wait),
        Shut::TooMany { wait } => {
            let main = html! {
                h1 { "Too many links were tried from here" }
                p { "Wait a minute, then open the link from your message again. Nothing is lost." }
            };
            later(Page { title: "Error: wait", width: Width::Reading, main }, site, *wait)
        }
        Shut::Register(error) => {
            tracing::error!(%error, "a link could not be opened");
            unavailable(site, None)
        }
    }
}

fn locked(site: &Site, wait: i64) -> Response {
    let minutes = (wait + 59) / 60;
    let main = html! {
        h1 { "Too many codes did not match" }
        p { "Nobody can open this link for " (minutes) @if minutes == 1 { " minute" } @else { " minutes" } ". Nothing is lost: wait and try again, or ask the centre that sent it for a new link." }
    };
    later(Page { title: "Error: locked", width: Width::Reading, main }, site, wait)
}

fn later(page: Page<'_>, site: &Site, wait: i64) -> Response {
    let mut response = scripted(page, StatusCode::TOO_MANY_REQUESTS, site);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait));
    response
}

fn form(site: &Site, status: StatusCode, token: &str, problem: Option<&str>) -> Response {
    let described = if problem.is_some() { "code-hint code-error" } else { "code-hint" };
    let main = html! {
        @if let Some(problem) = problem {
            (layout::problem(html! { a href="#code" { (problem) } }))
        }
        div class="stack" {
            h1 { "Open your link" }
            p { "You were sent a private link. Opening it is recorded." }
        }
        form class="card narrow" method="post" action=(ENTRANCE) {
            @if !token.is_empty() { input name="token" type="hidden" value=(token); }
            div class="card-body stack" {
                @if token.is_empty() { (token_field()) }
                div class="field" {
                    label for="code" { "Access code" }
                    p class="hint" id="code-hint" { "If you were given one. Leave it empty if not." }
                    @if let Some(problem) = problem { p class="error" id="code-error" { (problem) } }
                    input id="code" name="code" type="text" autocomplete="one-time-code" autocapitalize="none"
                        spellcheck="false" aria-describedby=(described) aria-invalid=[problem.map(|_| "true")];
                }
                button class="btn primary" { "Open" }
            }
        }
    };
    let title = if problem.is_some() { "Error: open your link" } else { "Open your link" };
    scripted(Page { title, width: Width::Reading, main }, status, site)
}

/// Where the secret goes; the script fills it in and hides it.
fn token_field() -> Markup {
    html! {
        div class="field" id="token-field" {
            label for="token" { "Link" }
            p class="hint" id="token-hint" { "Paste the whole link from your message." }
            input id="token" name="token" type="text" required autocomplete="off" autocapitalize="none"
                spellcheck="false" aria-describedby="token-hint";
        }
    }
}

#[cfg(test)]
mod tests {
    use super::secret;

    #[test]
    fn what_is_pasted() {
        for (pasted, expected) in [
            ("abc", "abc"),
            (" abc ", "abc"),
            ("https://here:8443/s#abc", "abc"),
            ("https://here/s#", ""),
            ("", ""),
        ] {
            assert_eq!(secret(pasted), expected, "{pasted}");
        }
    }
}
