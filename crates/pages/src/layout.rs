//! What every page has: head, bar, main, foot.

use access::{Action, Door, Principal};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use identity::{Lasts, LinkKind, Links};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::guard::Scripted;
use crate::site::Site;
use crate::{assets, here, keys, session};

/// Signs that pages use, drawn for 24 px.
const SIGNS: &str = r#"<svg class="vh" aria-hidden="true" focusable="false">
<symbol id="mark" viewBox="0 0 28 28"><circle cx="14" cy="17" r="8.5" fill="none" stroke="currentColor" stroke-width="3.2"/><path d="M6 4h16" stroke="currentColor" stroke-width="3.2" stroke-linecap="round"/></symbol>
<symbol id="i-info" viewBox="0 0 24 24"><circle cx="12" cy="12" r="9"/><path d="M12 11v5M12 7.6v.2"/></symbol>
<symbol id="i-warn" viewBox="0 0 24 24"><path d="M12 4 2.8 19.5h18.4zM12 10v4.5M12 17v.2"/></symbol>
<symbol id="i-lock" viewBox="0 0 24 24"><rect x="5" y="11" width="14" height="9" rx="1.5"/><path d="M8 11V8a4 4 0 0 1 8 0v3"/></symbol>
</svg>"#;

/// How dense a page is set.
#[derive(Clone, Copy)]
pub enum Width {
    /// One column of text, to read.
    Reading,
    /// The whole window, for lists.
    Dense,
}

/// A page before it is put into its frame.
pub struct Page<'a> {
    /// Its title without our name. Never a patient's name: titles are kept in histories.
    pub title: &'a str,
    /// How dense it is set.
    pub width: Width,
    /// What `main` holds.
    pub main: Markup,
}

impl Page<'_> {
    /// The whole document.
    pub fn respond(self, status: StatusCode, site: &Site, visitor: Option<&Principal>) -> Response {
        let session = site.lasts().zip(visitor);
        let document = self.document(status, site, visitor, session).into_string();
        let mut response = (status, [(CONTENT_TYPE, "text/html; charset=utf-8")], document).into_response();
        if session.is_some_and(|(_, visitor)| session::has_script(visitor)) {
            response.extensions_mut().insert(Scripted);
        }
        response
    }

    fn document(
        self,
        status: StatusCode,
        site: &Site,
        visitor: Option<&Principal>,
        session: Option<(Lasts, &Principal)>,
    ) -> Markup {
        let has_keys = session.is_some_and(|(_, visitor)| visitor.door() != Door::Link) && here::keys();
        let (body, main) = match self.width {
            Width::Reading => ("reading", "column stack-l"),
            Width::Dense => ("dense", "wide stack"),
        };
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover";
                    meta name="referrer" content="no-referrer";
                    meta name="robots" content="noindex";
                    title { (self.title) " – Overread" }
                    link rel="icon" href=(assets::mark()) type="image/svg+xml";
                    link rel="stylesheet" href=(assets::style());
                    @if let (Some(style), Some((_, visitor))) = (&site.session_style, session) {
                        link rel="stylesheet" href=(style.address());
                        @if session::has_script(visitor) { script src=(assets::session_script()) type="module" {} }
                        @if has_keys { script src=(assets::keys_script()) type="module" {} }
                    }
                }
                body class=(body) {
                    (PreEscaped(SIGNS))
                    a class="skip" href="#main" { "Skip to main content" }
                    (bar(self.title, site, visitor))
                    main id="main" class=(main) {
                        (self.main)
                        @if let (true, Some(request)) = (status.is_server_error(), here::request()) {
                            p class="small muted" { "Give this number when you ask: " code { (request) } }
                        }
                    }
                    footer class="foot" {
                        @if visitor.is_some_and(|visitor| visitor.door() == Door::Link) {
                            p { "Questions? Ask the centre that sent you the link. Not a certified medical device." }
                        } @else {
                        p { "Questions? Whoever runs this server finds the answers in docs/operations.md. Not a certified medical device." }
                        @if has_keys { (keys::list()) }
                        }
                    }
                    @if let Some((lasts, visitor)) = session { (session::bar(lasts, visitor)) }
                }
            }
        }
    }
}

/// What somebody's links were opened for since it last looked.
fn news(site: &Site, visitor: &Principal) -> Markup {
    let news = site.links.as_ref().map_or(0, |links| links.news(visitor));
    html! { @if news > 0 { " " span class="tag info" { (news) " new" span class="vh" { @if news == 1 { " opening" } @else { " openings" } } } } }
}

fn bar(title: &str, site: &Site, visitor: Option<&Principal>) -> Markup {
    let current = |name| (title == name).then_some("page");
    html! {
        header class="bar" {
            a class="brand" href=(visitor.and_then(crate::links::home).unwrap_or("/")) { svg aria-hidden="true" { (PreEscaped(r##"<use href="#mark"/>"##)) } "Overread" }
            @if let Some(visitor) = visitor.filter(|visitor| visitor.door() == Door::Link) {
                div class="bar-end" {
                    svg class="icon" aria-hidden="true" { use href="#i-lock" {} }
                    span { @if visitor.scope_for(Action::Store).is_ok() { "Private link" } @else { "Opened with your link" } }
                    form class="sign-out" method="post" action="/s/close" { button class="btn quiet" { "Close" } }
                }
            } @else if let Some(visitor) = visitor {
                nav aria-label="Pages" {
                    ul {
                        li { a href="/" data-key=[keys::of(crate::home::TITLE)] aria-current=[current(crate::home::TITLE)] { "Server" } }
                        li { a href="/studies" data-key=[keys::of(crate::studies::TITLE)] aria-current=[current(crate::studies::TITLE)] { "Studies" } }
                        @if site.links.is_some() && [LinkKind::Share, LinkKind::Upload].iter().any(|kind| Links::may_make(visitor, *kind)) {
                            li { a href="/links" data-key=[keys::of(crate::links::TITLE)] aria-current=[current(crate::links::TITLE)] { "Links" (news(site, visitor)) } }
                        }
                        @if crate::trails::may_see(site, visitor) {
                            li { a href="/audit" data-key=[keys::of(crate::trails::TITLE)] aria-current=[current(crate::trails::TITLE)] { "Audit" } }
                        }
                    }
                }
                div class="bar-end" {
                    @if site.has_sessions() {
                        a class="btn quiet" href="/account" aria-current=[current(crate::account::TITLE)] { span class="vh" { "Account " } (visitor.name()) }
                        form class="sign-out" method="post" action="/sign-out" { button class="btn quiet" { "Sign out" } }
                    }
                }
            }
        }
    }
}

/// What a notice is about.
#[derive(Clone, Copy)]
pub enum Tone {
    /// To know.
    Info,
    /// To mind.
    Warn,
    /// Something went wrong.
    Bad,
}

/// What is wrong with a form, first in `main`; focused, so that whoever does not see the page hears it first.
pub fn problem(words: Markup) -> Markup {
    html! {
        div class="notice bad" role="alert" tabindex="-1" autofocus {
            svg class="icon" aria-hidden="true" { use href="#i-warn" {} }
            div { h2 { "There is a problem" } p { (words) } }
        }
    }
}

/// A notice: a sign, words, and a colour last.
pub fn notice(tone: Tone, words: Markup) -> Markup {
    let (class, sign, role) = match tone {
        Tone::Info => ("notice", "#i-info", None),
        Tone::Warn => ("notice warn", "#i-warn", None),
        Tone::Bad => ("notice bad", "#i-warn", Some("alert")),
    };
    html! {
        div class=(class) role=[role] {
            svg class="icon" aria-hidden="true" { use href=(sign) {} }
            div { (words) }
        }
    }
}

/// The page for what is not there, or not within what the visitor may see: both look the same.
pub fn not_found(site: &Site, visitor: &Principal) -> Response {
    let main = html! {
        h1 { "There is no such study here" }
        p { "It may have another address, or lie outside what you may see." }
        p { a class="btn" href="/studies" { "Back to the studies" } }
    };
    Page { title: "Error: not found", width: Width::Reading, main }.respond(
        StatusCode::NOT_FOUND,
        site,
        Some(visitor),
    )
}

/// The page for a store that does not answer.
pub fn unavailable(site: &Site, visitor: Option<&Principal>) -> Response {
    let main = html! {
        h1 { "The archive does not answer" }
        p { "Nothing is lost. Try again in a moment; when it stays so, the server's log says why." }
        p { a class="btn" href="/" { "Back to the start" } }
    };
    Page { title: "Error: no answer", width: Width::Reading, main }.respond(
        StatusCode::SERVICE_UNAVAILABLE,
        site,
        visitor,
    )
}
