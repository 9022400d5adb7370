//! The list: who did what, to what, from where, the newest first. What is looked for is posted: it may name a patient.

use std::sync::Arc;

use access::Principal;
use audit::{Change, Outcome, What};
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use maud::{Markup, html};
use trail::Row;

use super::wanted::{Wanted, Wrong};
use super::{Trails, note, reader};
use crate::desk::Caller;
use crate::form::Form;
use crate::home::grouped;
use crate::layout::{self, Page, Tone, Width, notice, unavailable};
use crate::moment::second;
use crate::site::Site;

/// The page's title.
pub const TITLE: &str = "Audit";
/// Rows on a page.
const ROWS: u32 = 100;

/// The newest rows.
pub async fn newest(State(site): State<Arc<Site>>, from: Caller, headers: HeaderMap) -> Response {
    list(&site, &from, &headers, Wanted::default()).await
}

/// The rows that a search finds.
pub async fn search(
    State(site): State<Arc<Site>>,
    from: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    list(&site, &from, &headers, Wanted::read(&Form::read(&body))).await
}

async fn list(site: &Site, from: &Caller, headers: &HeaderMap, wanted: Wanted) -> Response {
    let (visitor, trails) = match reader(site, headers) {
        Ok(reader) => reader,
        Err(answer) => return *answer,
    };
    let filter = match wanted.filter() {
        Ok(filter) => filter,
        Err(wrong) => return page(site, &visitor, &trails, &wanted, Err(wrong)),
    };
    if let Err(answer) =
        note(site, from, &visitor, &format!("rows were looked at: {}", wanted.in_words())).await
    {
        return answer;
    }
    let behind = wanted.behind;
    // One more than is shown tells whether there are more.
    match trails.read(move |reader| reader.newest(&filter, behind, ROWS + 1)).await {
        Some(rows) => page(site, &visitor, &trails, &wanted, Ok(rows)),
        None => unavailable(site, Some(&visitor)),
    }
}

/// The page with what was found, or with what is wrong with what was asked.
pub fn page(
    site: &Site,
    visitor: &Principal,
    trails: &Trails,
    wanted: &Wanted,
    found: Result<Vec<Row>, Wrong>,
) -> Response {
    let (wrong, found) = match found {
        Ok(found) => (None, Some(found)),
        Err(wrong) => (Some(wrong), None),
    };
    let main = html! {
        @if let Some(wrong) = &wrong { (layout::problem(html! { a href={ "#" (wrong.field) } { (wrong.why) } })) }
        h1 { (TITLE) }
        (trails.chain())
        (search_form(wanted, wrong.as_ref()))
        @if let Some(found) = &found { (results(wanted, found)) }
    };
    let (title, status) = match wrong {
        None => (TITLE, StatusCode::OK),
        Some(_) => ("Error: audit", StatusCode::UNPROCESSABLE_ENTITY),
    };
    Page { title, width: Width::Dense, main }.respond(status, site, Some(visitor))
}

fn search_form(wanted: &Wanted, wrong: Option<&Wrong>) -> Markup {
    let text = |id: &str, label: &str, kind: &str, value: &str| {
        let wrong = wrong.filter(|wrong| wrong.field == id).map(|wrong| wrong.why);
        layout::search_field(id, label, kind, value, wrong)
    };
    html! {
        form class="card" method="post" action="/audit" role="search" {
            div class="card-body search" {
                (text("from", "From (UTC)", "date", &wanted.from))
                (text("to", "To (UTC)", "date", &wanted.to))
                (text("who", "Who", "text", &wanted.who))
                (text("patient", "Patient ID", "text", &wanted.patient))
                (text("study", "Study Instance UID", "text", &wanted.study))
                button class="btn primary" { "Search" }
                button class="btn" formaction="/audit/export" name="form" value="fhir" { "Export as FHIR" }
                button class="btn" formaction="/audit/export" name="form" value="dicom" { "Export as DICOM" }
            }
        }
    }
}

fn results(wanted: &Wanted, found: &[Row]) -> Markup {
    let most = ROWS as usize;
    let rows = found.get(..most).unwrap_or(found);
    if rows.is_empty() {
        let searched = !wanted.is_all();
        return notice(
            Tone::Info,
            html! { p { @if searched { "No entry matches. A name, an ID and a UID are looked for as a whole." } @else { "No older entry." } } },
        );
    }
    html! {
        div class="card" {
            header {
                h2 id="found" { @if wanted.is_all() { "Newest first" } @else { "Found, newest first" } }
            }
            div class="scroll" tabindex="0" role="region" aria-labelledby="found" {
                table class="list" {
                    thead {
                        tr {
                            th scope="col" { "Time (UTC)" }
                            th scope="col" { "Who" }
                            th scope="col" { "What" }
                            th scope="col" { "On" }
                            th scope="col" { "From" }
                            th scope="col" class="end" { "Entry" }
                        }
                    }
                    tbody { @for row in rows { (entry(row)) } }
                }
            }
            @if let (true, Some(last)) = (found.len() > most, rows.last()) {
                nav class="pager" aria-label="More entries" {
                    form method="post" action="/audit" {
                        @for (name, value) in wanted.fields() { input type="hidden" name=(name) value=(value); }
                        input type="hidden" name="behind" value={ (last.entry.at) "." (last.sequence) };
                        button class="btn" { "Older" }
                    }
                }
            }
        }
    }
}

fn entry(row: &Row) -> Markup {
    let event = &row.entry.event;
    html! {
        tr {
            th scope="row" class="num" { (second(row.entry.at.div_euclid(1_000))) }
            td data-label="Who" { (event.who.principal()) }
            td data-label="What" {
                (words(event.what)) " " span class="muted small" { (event.service) @if row.entry.times > 1 { ", " (grouped(row.entry.times)) " times" } }
                @if event.outcome != Outcome::Success { " " span class={ "tag " (tone(event.outcome)) } { (failed(event.outcome)) } }
            }
            td data-label="On" {
                @if !event.study.is_empty() { a class="num" href={ "/studies/" (event.study) } { (event.study) } }
                @if !event.other.is_empty() { " " (event.other) }
                @if !event.detail.is_empty() { " " (event.detail) }
            }
            td data-label="From" class="num" { (event.who.address) }
            td data-label="Entry" class="end num" { (row.sequence) }
        }
    }
}

/// What was done, as somebody says it.
fn words(what: What) -> &'static str {
    match what {
        What::Start => "began",
        What::Stop => "ended",
        What::RecordingStarted => "recording began",
        What::RecordingStopped => "recording ended",
        What::Login => "sign-in",
        What::Logout => "signed out",
        What::Query => "searched",
        What::Retrieve => "fetched images",
        What::View => "looked at a study",
        What::Store(Change::New) => "stored",
        What::Store(Change::Held) => "sent again what is held",
        What::Store(Change::Altered) => "sent other bytes under the same name",
        What::Import => "imported",
        What::Export => "sent away or copied",
        What::Share => "shared",
        What::Delete => "deleted",
        What::Configuration => "changed what somebody may do, or a setting",
        What::NodeAuthentication => "did not prove who it is",
        What::Restricted => "tried what it may not",
        What::LogUsed => "read the audit",
        What::Alarm => "alarm",
    }
}

fn failed(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Success => "",
        Outcome::Minor => "not done",
        Outcome::Serious => "refused or failed",
        Outcome::Major => "broken",
    }
}

fn tone(outcome: Outcome) -> &'static str {
    if outcome == Outcome::Minor { "warn" } else { "bad" }
}
