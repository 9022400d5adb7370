//! The home page: what this server is, whether it is well, how to send to it.

use std::sync::Arc;

use access::Principal;
use archive::Totals;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, StatusCode};
use maud::{Markup, html};

use crate::layout::{Page, Tone, Width, notice, unavailable};
use crate::sign_in;
use crate::site::{About, Entry, Site};
use crate::steps::{Step, steps};
use crate::trails;

/// The page's title.
pub const TITLE: &str = "Server";

/// The home page, or the way in.
pub async fn show(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    if let Some(home) = site.guest_home(&headers) {
        return Redirect::to(home).into_response();
    }
    let Some(visitor) = site.visitor(&headers) else { return sign_in::page(&site, "", None) };
    match site.archive.totals().await {
        Ok(totals) => page(&site, &visitor, totals),
        Err(error) => {
            tracing::error!(%error, "the home page could not count");
            unavailable(&site, Some(&visitor))
        }
    }
}

fn page(site: &Site, visitor: &Principal, totals: Totals) -> Response {
    // The first administrator's last step; for anybody else the steps before it were not theirs.
    let first = totals.instances == 0 && site.has_sessions() && trails::may_see(site, visitor);
    let main = html! {
        @if first { (steps(Step::Image)) }
        @if let Entry::Open(_) = site.entry {
            (notice(Tone::Warn, html! {
                p { strong { "Everybody on this machine may read and store everything." }
                    " The server was started with " code { "--insecure-loopback" } ", to try it out, to measure, or behind a proxy that asks who is there." }
            }))
        }
        (state(site, totals))
        (card("listeners", "Where it listens", listeners(&site.about)))
        (card("send", "Send to it", how_to_send(site)))
        (card("web", "Read from it", how_to_read(site)))
        p class="small muted" { "Overread " (site.about.version) }
    };
    Page { title: TITLE, width: Width::Reading, main }.respond(StatusCode::OK, site, Some(visitor))
}

/// The answer first: is it well, and what does it hold.
fn state(site: &Site, totals: Totals) -> Markup {
    let takes = site.archive.accepts();
    html! {
        div class="stack" {
            h1 { @if takes { "All good: it takes in studies" } @else { "It takes nothing in at the moment" } }
            @if !takes {
                (notice(Tone::Bad, html! {
                    p { strong { "The disk is full, or failed a write." } " Senders are told to try later; nothing that was acknowledged is lost, and reading goes on. It takes in again by itself when there is room and the disk works." }
                }))
            }
            dl class="tallies" {
                (tally(totals.studies, "studies"))
                (tally(totals.series, "series"))
                (tally(totals.instances, "instances"))
            }
            @if totals.studies == 0 {
                p { "Nothing here yet. Send a study as below, or take a CD in with " code { "overread import /media/cdrom" } "." }
            } @else {
                p { a class="btn primary" href="/studies" { "Show the studies" } }
            }
        }
    }
}

fn tally(number: u64, what: &str) -> Markup {
    html! { div { dt { (what) } dd { (grouped(number)) } } }
}

fn listeners(about: &About) -> Markup {
    html! {
        dl class="facts" {
            @for listener in &about.listeners {
                dt { (listener.speaks) }
                dd { span class="num" { (listener.address) } }
            }
            dt { "AE title" }
            dd { span class="num" { (about.aet) } }
        }
    }
}

fn how_to_send(site: &Site) -> Markup {
    let about = &site.about;
    let dimse = about.listeners.iter().find(|listener| listener.speaks == "DIMSE");
    html! {
        p {
            "A scanner or PACS sends by C-STORE to the AE title above. "
            @match site.entry {
                Entry::Open(_) => "Any calling AE title is taken."
                Entry::Ask(_) => { "Its own AE title must be in the configuration, under " code { "dimse.peers" } "." }
            }
        }
        @if let Some(dimse) = dimse {
            @let calling = about.calling.as_deref().unwrap_or("STORESCU");
            (paste("To try it on this machine", &format!(
                "storescu -aet {calling} -aec {} {} {} +sd +r FOLDER", about.aet, dimse.address.ip(), dimse.address.port(),
            )))
        }
        (paste("A folder, a ZIP or a CD", "overread import PATH"))
    }
}

fn how_to_read(site: &Site) -> Markup {
    let root = &site.about.dicomweb;
    html! {
        p { "DICOMweb for viewers (OHIF, Weasis, 3D Slicer) and scripts: QIDO-RS, WADO-RS and STOW-RS." }
        (paste("DICOMweb root", root))
        @if site.has_sessions() { p { "It asks for a token: " code { "Authorization: Bearer …" } "." } }
    }
}

/// A line to paste, under its label.
fn paste(label: &str, line: &str) -> Markup {
    html! {
        div {
            p class="small muted" { (label) }
            pre class="paste" tabindex="0" role="region" aria-label=(label) { (line) }
        }
    }
}

fn card(id: &str, title: &str, body: Markup) -> Markup {
    html! {
        section class="card" aria-labelledby=(id) {
            header { h2 id=(id) { (title) } }
            div class="card-body stack" { (body) }
        }
    }
}

/// Digits in groups of three.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn numbers() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_204_331, "1,204,331")] {
            assert_eq!(grouped(number), text);
        }
    }
}
