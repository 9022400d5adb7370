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
                        @if let (true, Some(visitor)) = (has_keys, visitor) { (keys::list(&places(site, visitor))) }
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

/// A page that the bar leads to.
pub struct Place {
    /// Its title.
    pub title: &'static str,
    /// Its address.
    pub address: &'static str,
    /// The letter that goes there, behind `g`.
    pub key: &'static str,
}

/// The pages that somebody may see.
fn places(site: &Site, visitor: &Principal) -> Vec<Place> {
    let shares = [LinkKind::Share, LinkKind::Upload].iter().any(|kind| Links::may_make(visitor, *kind));
    [
        (true, Place { title: crate::home::TITLE, address: "/", key: "s" }),
        (true, Place { title: crate::studies::TITLE, address: "/studies", key: "i" }),
        (site.links.is_some() && shares, Place { title: crate::links::TITLE, address: "/links", key: "l" }),
        (
            crate::trails::may_see(site, visitor),
            Place { title: crate::trails::TITLE, address: "/audit", key: "a" },
        ),
    ]
    .into_iter()
    .filter_map(|(may, place)| may.then_some(place))
    .collect()
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
                        @for place in places(site, visitor) {
                            li {
                                a href=(place.address) data-key=(place.key) aria-current=[(title == place.title).then_some("page")] {
                                    (place.title) @if place.title == crate::links::TITLE { (news(site, visitor)) }
                                }
                            }
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

/// A page that leads no further: what is the matter, in a heading and a sentence, and where to go on.
pub struct DeadEnd {
    /// Its title without our name.
    pub title: &'static str,
    /// What is the matter.
    pub heading: &'static str,
    /// What it means and what to do.
    pub words: &'static str,
    /// Where to go on: the address and its name.
    pub back: (&'static str, &'static str),
}

impl DeadEnd {
    /// The whole document.
    pub fn respond(self, status: StatusCode, site: &Site, visitor: Option<&Principal>) -> Response {
        let (address, name) = self.back;
        let main = html! {
            h1 { (self.heading) }
            p { (self.words) }
            p { a class="btn" href=(address) { (name) } }
        };
        Page { title: self.title, width: Width::Reading, main }.respond(status, site, visitor)
    }
}

/// The page for what is not there, or not within what the visitor may see: both look the same.
pub fn not_found(site: &Site, visitor: &Principal) -> Response {
    let page = DeadEnd {
        title: "Error: not found",
        heading: "There is no such study here",
        words: "It may have another address, or lie outside what you may see.",
        back: ("/studies", "Back to the studies"),
    };
    page.respond(StatusCode::NOT_FOUND, site, Some(visitor))
}

/// The page for a store that does not answer.
pub fn unavailable(site: &Site, visitor: Option<&Principal>) -> Response {
    let page = DeadEnd {
        title: "Error: no answer",
        heading: "The archive does not answer",
        words: "Nothing is lost. Try again in a moment; when it stays so, the server's log says why.",
        back: ("/", "Back to the start"),
    };
    page.respond(StatusCode::SERVICE_UNAVAILABLE, site, visitor)
}

/// A field of a search, with what is wrong with what was typed.
pub fn search_field(id: &str, label: &str, kind: &str, value: &str, wrong: Option<&str>) -> Markup {
    html! {
        div class="field" {
            label for=(id) { (label) }
            @if let Some(wrong) = wrong { p class="error" id={ (id) "-error" } { (wrong) } }
            input id=(id) name=(id) type=(kind) value=(value) autocomplete="off"
                aria-describedby=[wrong.map(|_| format!("{id}-error"))] aria-invalid=[wrong.map(|_| "true")];
        }
    }
}
