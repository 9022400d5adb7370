//! The links that staff made: to whom, to what, how often opened, and whether they still work.

use std::sync::Arc;

use access::Principal;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, StatusCode};
use identity::{Link, LinkError, LinkKind, Links};
use maud::{Markup, html};

use super::off;
use crate::layout::{Page, Tone, Width, notice, unavailable};
use crate::moment::{minute, now};
use crate::site::Site;

/// The page's title.
pub const TITLE: &str = "Links";
/// Links on the page: the newest.
const ROWS: usize = 500;

/// Somebody of the staff who may have links, with the links; else the answer.
pub async fn staff(site: &Site, headers: &HeaderMap) -> Result<(Principal, Arc<Links>), Response> {
    let Some(visitor) = site.visitor(headers) else { return Err(Redirect::to("/").into_response()) };
    let may = [LinkKind::Share, LinkKind::Upload].iter().any(|kind| Links::may_make(&visitor, *kind));
    match &site.links {
        Some(links) if may => Ok((visitor, Arc::clone(links))),
        _ => Err(super::refused(site, &visitor)),
    }
}

/// The list.
pub async fn show(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    let (visitor, links) = match staff(&site, &headers).await {
        Ok(staff) => staff,
        Err(answer) => return answer,
    };
    let who = visitor.clone();
    match off(&links, move |links| links.look(&who)).await {
        Some(Ok(found)) => page(&site, &visitor, &found),
        Some(Err(error)) => failed(&site, &visitor, &error),
        None => unavailable(&site, Some(&visitor)),
    }
}

/// The register does not answer.
pub fn failed(site: &Site, visitor: &Principal, error: &LinkError) -> Response {
    tracing::error!(%error, "links could not be read or changed");
    unavailable(site, Some(visitor))
}

fn page(site: &Site, visitor: &Principal, links: &[Link]) -> Response {
    let asks = Links::may_make(visitor, LinkKind::Upload);
    let main = html! {
        h1 { (TITLE) }
        div class="row" {
            @if asks { a class="btn primary" href="/links/new" { "Ask for images" } }
            p class="muted small" { "A study is shared from its own page." }
        }
        @if links.is_empty() {
            (notice(Tone::Info, html! {
                p { "Nothing here yet. " @if asks { "Send a patient or a centre a link by which they send images, or share a study from its page." } @else { "Share a study from its page." } }
            }))
        } @else {
            div class="card" {
                header {
                    h2 id="made" { "Newest first" }
                    @if links.len() > ROWS { span class="push" { (links.len() - ROWS) " older are not shown" } }
                }
                div class="scroll" tabindex="0" role="region" aria-labelledby="made" {
                    table class="list" {
                        thead {
                            tr {
                                th scope="col" { "For" }
                                th scope="col" class="end" { "No." }
                                th scope="col" { "To" }
                                th scope="col" { "State" }
                                th scope="col" class="end" { "Opened" }
                                th scope="col" { "Last (UTC)" }
                                th scope="col" { "Until (UTC)" }
                                th scope="col" { "Made by" }
                                th scope="col" { "Withdraw" }
                            }
                        }
                        tbody { @for link in links.iter().take(ROWS) { (row(link)) } }
                    }
                }
            }
        }
    };
    Page { title: TITLE, width: Width::Dense, main }.respond(StatusCode::OK, site, Some(visitor))
}

fn row(link: &Link) -> Markup {
    let state = Working::of(link, now());
    let last = link.openings.first();
    html! {
        tr {
            th scope="row" { (link.label) }
            td data-label="No." class="end num" { (link.id) }
            td data-label="To" { (purpose(link)) @if link.code.is_some() { ", with a code" } }
            td data-label="State" { span class={ "tag " (state.tone()) } { (state.words()) } }
            td data-label="Opened" class="end num" {
                (link.uses) @if let Some(limit) = link.use_limit { " of " (limit) }
                @if link.uses > link.noticed { " " span class="tag info" { (link.uses - link.noticed) " new" } }
            }
            td data-label="Last" class="num" { @if let Some(last) = last { (minute(last.at)) " from " (last.address) } @else { "–" } }
            td data-label="Until" class="num" { (minute(link.expires_at)) }
            td data-label="Made by" { (link.maker_name) }
            td {
                @if state.is_open() {
                    a href={ "/links/" (link.id) "/withdraw" } { "Withdraw" span class="vh" { " link " (link.id) } }
                }
            }
        }
    }
}

/// What a link is for, in words.
pub fn purpose(link: &Link) -> String {
    match (link.kind, link.holdings.as_slice()) {
        (LinkKind::Upload, _) => format!("send images to {}", link.custodian),
        (LinkKind::Share, [one]) => format!("see 1 study of {}", one.custodian),
        (LinkKind::Share, several) => format!("see {} studies", several.len()),
    }
}

/// Whether a link works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Working {
    Open,
    Locked,
    UsedUp,
    Expired,
    Withdrawn,
}

impl Working {
    fn of(link: &Link, now: i64) -> Self {
        match link {
            _ if link.revoked_at.is_some() => Self::Withdrawn,
            _ if link.expires_at < now => Self::Expired,
            _ if link.use_limit.is_some_and(|limit| link.uses >= limit) => Self::UsedUp,
            _ if link.locked_until >= now => Self::Locked,
            _ => Self::Open,
        }
    }

    /// Whether there is something to withdraw: sessions of a link that is used up go on.
    fn is_open(self) -> bool {
        !matches!(self, Self::Expired | Self::Withdrawn)
    }

    fn words(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Locked => "locked: wrong codes",
            Self::UsedUp => "used up",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
        }
    }

    fn tone(self) -> &'static str {
        match self {
            Self::Open => "good",
            Self::Locked => "warn",
            Self::UsedUp | Self::Expired | Self::Withdrawn => "",
        }
    }
}
