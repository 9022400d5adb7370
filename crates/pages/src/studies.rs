//! The studies list: the newest, or those that a search finds. Searches are posted, so that no name lies in a history.

use std::sync::Arc;

use access::Principal;
use archive::{Level, Query, ReadError, ReadErrorKind, SearchPage};
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use maud::{Markup, html};
use model::matching;
use model::{Tag, VR};

use crate::attributes::Attributes;
use crate::form::Form;
use crate::home::grouped;
use crate::layout::{self, Page, Tone, Width, notice, unavailable};
use crate::mask;
use crate::site::Site;

/// The page's title.
pub const TITLE: &str = "Studies";
/// Studies on a page.
const ROWS: u32 = 50;

/// The newest studies.
pub async fn newest(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    match site.visitor(&headers) {
        Some(visitor) => list(&site, &visitor, Wanted::default()).await,
        None => Redirect::to("/").into_response(),
    }
}

/// The studies that a search finds.
pub async fn search(State(site): State<Arc<Site>>, headers: HeaderMap, body: Bytes) -> Response {
    match site.visitor(&headers) {
        Some(visitor) => list(&site, &visitor, Wanted::read(&Form::read(&body))).await,
        None => Redirect::to("/").into_response(),
    }
}

/// What is searched for, as it was typed.
#[derive(Debug, Default, PartialEq)]
struct Wanted {
    name: String,
    id: String,
    accession: String,
    from: String,
    to: String,
    modality: String,
    /// Whole names and IDs are to be shown.
    shown: bool,
    offset: u64,
}

/// A field that cannot be searched for, and why.
#[derive(Debug, PartialEq)]
struct Wrong {
    field: &'static str,
    why: String,
}

impl Wanted {
    fn read(form: &Form<'_>) -> Self {
        let text = |name| form.text(name).to_owned();
        Self {
            name: text("name"),
            id: text("id"),
            accession: text("accession"),
            from: text("from"),
            to: text("to"),
            modality: text("modality"),
            shown: form.ticked("shown"),
            offset: form.text("offset").parse().unwrap_or(0),
        }
    }

    fn is_search(&self) -> bool {
        [&self.name, &self.id, &self.accession, &self.from, &self.to, &self.modality]
            .iter()
            .any(|t| !t.is_empty())
    }

    fn query(&self) -> Result<Query, Wrong> {
        let (from, to) = (self.from.replace('-', ""), self.to.replace('-', ""));
        let dates = if from.is_empty() && to.is_empty() { String::new() } else { format!("{from}-{to}") };
        let fields = [
            ("name", Tag(0x0010, 0x0010), VR::PN, name_pattern(&self.name)),
            ("id", Tag(0x0010, 0x0020), VR::LO, self.id.clone()),
            ("accession", Tag(0x0008, 0x0050), VR::SH, self.accession.clone()),
            ("from", Tag(0x0008, 0x0020), VR::DA, dates),
            ("modality", Tag(0x0008, 0x0061), VR::CS, self.modality.to_uppercase()),
        ];
        let mut matches = Vec::new();
        for (field, tag, vr, text) in fields {
            if !text.is_empty() {
                let rule =
                    matching::parse(vr, &text).map_err(|error| Wrong { field, why: error.to_string() })?;
                matches.push((vec![tag], rule.into()));
            }
        }
        Ok(Query { matches, limit: Some(ROWS), offset: self.offset, ..Query::of(Level::Study) })
    }
}

/// `Sample, Maria` is searched for as `Sample^Maria*`.
fn name_pattern(typed: &str) -> String {
    if typed.is_empty() {
        return String::new();
    }
    let parts: Vec<_> = typed.split([',', '^']).map(str::trim).collect();
    parts.join("^") + if typed.ends_with('*') { "" } else { "*" }
}

async fn list(site: &Site, visitor: &Principal, wanted: Wanted) -> Response {
    let query = match wanted.query() {
        Ok(query) => query,
        Err(wrong) => return page(site, visitor, &wanted, Err(wrong)),
    };
    match site.archive.search(visitor, query).await {
        Ok(found) => {
            if wanted.shown {
                tracing::info!(principal = %visitor, studies = found.results.len(), "patients' names shown");
            }
            page(site, visitor, &wanted, Ok(found))
        }
        Err(error) => refusal(site, visitor, &error),
    }
}

/// The page for a read that the archive refuses.
pub fn refusal(site: &Site, visitor: &Principal, error: &ReadError) -> Response {
    match error.kind() {
        ReadErrorKind::NotFound
        | ReadErrorKind::Gone
        | ReadErrorKind::Held
        | ReadErrorKind::Unprocessable
        | ReadErrorKind::Unsupported
        | ReadErrorKind::TooLarge
        | ReadErrorKind::BadRequest => crate::layout::not_found(site, visitor),
        ReadErrorKind::Denied => {
            let main = html! {
                h1 { "You may not read here" }
                p { "The token that you signed in with has no right to read studies." }
            };
            Page { title: "Error: not allowed", width: Width::Reading, main }.respond(
                StatusCode::FORBIDDEN,
                site,
                Some(visitor),
            )
        }
        ReadErrorKind::Damaged | ReadErrorKind::Unavailable | ReadErrorKind::Busy => {
            tracing::error!(%error, "a page could not be made");
            unavailable(site, Some(visitor))
        }
    }
}

fn page(site: &Site, visitor: &Principal, wanted: &Wanted, found: Result<SearchPage, Wrong>) -> Response {
    let (wrong, found) = match found {
        Ok(found) => (None, Some(found)),
        Err(wrong) => (Some(wrong), None),
    };
    let main = html! {
        @if let Some(wrong) = &wrong {
            (layout::problem(html! { a href={ "#" (wrong.field) } { (wrong.why) } }))
        }
        h1 { (TITLE) }
        (search_form(wanted, wrong.as_ref()))
        @if let Some(found) = &found { (results(wanted, found)) }
    };
    let (title, status) = match wrong {
        None => (TITLE, StatusCode::OK),
        Some(_) => ("Error: studies", StatusCode::UNPROCESSABLE_ENTITY),
    };
    Page { title, width: Width::Dense, main }.respond(status, site, Some(visitor))
}

fn search_form(wanted: &Wanted, wrong: Option<&Wrong>) -> Markup {
    let text = |id: &str, label: &str, kind: &str, value: &str| {
        let wrong = wrong.filter(|wrong| wrong.field == id).map(|wrong| wrong.why.as_str());
        layout::search_field(id, label, kind, value, wrong)
    };
    html! {
        form class="card" method="post" action="/studies" role="search" {
            div class="card-body search" {
                (text("name", "Patient's name", "text", &wanted.name))
                (text("id", "Patient ID", "text", &wanted.id))
                (text("accession", "Accession number", "text", &wanted.accession))
                (text("modality", "Modality", "text", &wanted.modality))
                (text("from", "From", "date", &wanted.from))
                (text("to", "To", "date", &wanted.to))
                div class="check" {
                    input id="shown" name="shown" type="checkbox" value="1" checked[wanted.shown];
                    label for="shown" { "Show names" }
                }
                button class="btn primary" { "Search" }
            }
        }
    }
}

fn results(wanted: &Wanted, found: &SearchPage) -> Markup {
    let rows: Vec<_> = found.results.iter().filter_map(|result| Attributes::read(&result.json)).collect();
    if rows.is_empty() {
        return html! {
            (notice(Tone::Info, html! {
                @if wanted.is_search() || wanted.offset > 0 {
                    p { "No study matches. " code { "*" } " stands for any letters; a name is found by its beginning." }
                } @else {
                    p { "Nothing here yet. " a href="/" { "How to send a study" } "." }
                }
            }))
        };
    }
    let last = wanted.offset + rows.len() as u64;
    html! {
        div class="card" {
            header {
                h2 id="found" { @if wanted.is_search() { "Found" } @else { "Newest first" } }
                span class="push num" { (range(wanted.offset, last, found.remaining)) }
            }
            div class="scroll" tabindex="0" role="region" aria-labelledby="found" {
                table class="list" {
                    thead {
                        tr {
                            th scope="col" { "Patient" }
                            @if wanted.shown { th scope="col" { "Patient ID" } }
                            th scope="col" { "Date" }
                            th scope="col" { "Description" }
                            th scope="col" { "Modality" }
                            th scope="col" { "Accession" }
                            th scope="col" class="end" { "Series" }
                            th scope="col" class="end" { "Images" }
                            th scope="col" { "Open" }
                        }
                    }
                    tbody { @for study in &rows { (row(study, wanted.shown)) } }
                }
            }
            (pager(wanted, last, found.remaining))
        }
    }
}

fn row(study: &Attributes, shown: bool) -> Markup {
    let uid = study.text("0020000D");
    let name = study.name("00100010");
    let name = if shown { mask::whole(&name) } else { mask::mask(&name) };
    html! {
        tr {
            th scope="row" { @if name.is_empty() { "No name" } @else { (name) } }
            @if shown { td data-label="ID" { (study.text("00100020")) } }
            td data-label="Date" class="num" { (study.date("00080020")) }
            td data-label="Description" { (study.text("00081030")) }
            td data-label="Modality" { (study.texts("00080061").join(", ")) }
            td data-label="Accession" { (study.text("00080050")) }
            td data-label="Series" class="end num" { (study.text("00201206")) }
            td data-label="Images" class="end num" { (study.text("00201208")) }
            td { a href={ "/studies/" (uid) } { "Open" span class="vh" { " study of " (study.date("00080020")) } } }
        }
    }
}

fn range(offset: u64, last: u64, remaining: u32) -> String {
    let all = match remaining {
        0..1_000 => grouped(last + u64::from(remaining)),
        _ => format!("more than {}", grouped(last)),
    };
    format!("{}–{} of {all}", grouped(offset + 1), grouped(last))
}

fn pager(wanted: &Wanted, last: u64, remaining: u32) -> Markup {
    let step = |offset: u64, label: &str| {
        html! {
            form method="post" action="/studies" {
                @for (name, value) in [
                    ("name", &wanted.name), ("id", &wanted.id), ("accession", &wanted.accession),
                    ("modality", &wanted.modality), ("from", &wanted.from), ("to", &wanted.to),
                ] {
                    @if !value.is_empty() { input type="hidden" name=(name) value=(value); }
                }
                @if wanted.shown { input type="hidden" name="shown" value="1"; }
                input type="hidden" name="offset" value=(offset);
                button class="btn" { (label) }
            }
        }
    };
    html! {
        @if wanted.offset > 0 || remaining > 0 {
            nav class="pager" aria-label="More studies" {
                @if wanted.offset > 0 { (step(wanted.offset.saturating_sub(u64::from(ROWS)), "Back")) }
                @if remaining > 0 { (step(last, "Next")) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_becomes_a_query() {
        for (body, matches) in [
            ("", 0),
            ("name=&id=&offset=x", 0),
            ("name=Sample%2C+Maria&id=1%202&accession=A&modality=mr&from=2026-01-01&to=2026-12-31", 5),
            ("from=2026-01-01", 1),
            ("to=2026-01-01", 1),
        ] {
            let query = Wanted::read(&Form::read(body.as_bytes())).query().unwrap();
            assert_eq!(query.matches.len(), matches, "{body}");
        }
        let wrong = Wanted::read(&Form::read(b"from=yesterday")).query().unwrap_err();
        assert_eq!(wrong.field, "from");
    }

    #[test]
    fn names_are_found_by_their_beginning() {
        for (typed, pattern) in [
            ("", ""),
            ("sample", "sample*"),
            ("Sample, Maria", "Sample^Maria*"),
            ("Sample^M", "Sample^M*"),
            ("*ample*", "*ample*"),
        ] {
            assert_eq!(name_pattern(typed), pattern);
        }
    }

    #[test]
    fn ranges() {
        assert_eq!(range(0, 50, 12), "1–50 of 62");
        assert_eq!(range(50, 100, 1_000), "51–100 of more than 100");
    }
}
