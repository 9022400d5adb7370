//! What a share shows: the studies, with the whole name, for its reader must check it.

use std::sync::Arc;

use access::Principal;
use archive::{Level, Query, SearchPage};
use audit::{Event, What};
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, StatusCode};
use identity::{Link, Standing};
use maud::{Markup, html};

use super::told::SERVICE;
use super::{SEND, SHOWN, enter};
use crate::attributes::Attributes;
use crate::desk::Caller;
use crate::layout::{Page, Width, unavailable};
use crate::mask;
use crate::moment;
use crate::site::Site;

/// Most studies of a share.
const STUDIES: u32 = 100;

/// The studies of a share.
pub async fn show(State(site): State<Arc<Site>>, from: Caller, headers: HeaderMap) -> Response {
    let Some((link, visitor)) = came_by(&site, &headers) else { return enter::dead(&site) };
    if visitor.scope_for(access::Action::Retrieve).is_err() {
        return Redirect::to(SEND).into_response();
    }
    if !site.recorder.has_room() {
        return unavailable(&site, None);
    }
    let query = Query { limit: Some(STUDIES), ..Query::of(Level::Study) };
    match site.archive.search(&visitor, query).await {
        Ok(found) => {
            let studies = read(&found);
            for study in &studies {
                let mut event = Event::new(What::View, from.principal(&visitor), SERVICE);
                event.study = study.text("0020000D");
                site.recorder.record(event);
            }
            page(&site, &visitor, &link, &studies)
        }
        Err(error) => {
            tracing::error!(%error, "a share could not be shown");
            unavailable(&site, Some(&visitor))
        }
    }
}

/// The link by which somebody came, and what it may do now.
pub fn came_by(site: &Site, headers: &HeaderMap) -> Option<(Link, Principal)> {
    let Standing::Link(digest) = site.standing(headers)? else { return None };
    site.links.as_ref()?.by_digest(&digest, moment::now()).unwrap_or_else(|error| {
        tracing::error!(%error, "nobody is let in by a link");
        None
    })
}

fn read(found: &SearchPage) -> Vec<Attributes> {
    found.results.iter().filter_map(|result| Attributes::read(&result.json)).collect()
}

fn page(site: &Site, visitor: &Principal, link: &Link, studies: &[Attributes]) -> Response {
    let mut names: Vec<String> = studies.iter().map(|study| mask::whole(&study.name("00100010"))).collect();
    names.sort_unstable();
    names.dedup();
    let main = html! {
        div class="stack" {
            h1 {
                @match names.as_slice() {
                    [] => "Nothing is here any more"
                    [one] if one.is_empty() => "Images without a name"
                    [one] => { "Images of " (one) }
                    _ => { "Images of " (names.len()) " patients" }
                }
            }
            @if studies.is_empty() {
                p { "What was shared was taken out. Ask the centre that sent the link." }
            } @else {
                p { "Check that name and date of birth are those of your patient." }
            }
        }
        @for (number, study) in studies.iter().enumerate() { (card(site, number, study)) }
        p class="small muted" {
            "This link works until " (moment::day(link.expires_at)) " and can be withdrawn at any time. Each opening is recorded. "
            span class="no-print" { "Do not forward it: others get their own link from the centre." }
        }
    };
    Page { title: "Images", width: Width::Reading, main }.respond(StatusCode::OK, site, Some(visitor))
}

fn card(site: &Site, number: usize, study: &Attributes) -> Markup {
    let (uid, description) = (study.text("0020000D"), study.text("00081030"));
    let name = mask::whole(&study.name("00100010"));
    let (id, what) = (format!("study-{number}"), study.texts("00081030").join(", "));
    let pictures = study.text("00201208");
    html! {
        section class="card" aria-labelledby=(id) {
            header {
                h2 id=(id) { @if description.is_empty() { "Examination" } @else { (what) } }
                span class="push num" { (study.date("00080020")) }
            }
            div class="card-body shared" {
                div class="film" {
                    img src={ "/dicom-web/studies/" (uid) "/thumbnail" } alt="" width="256" height="256";
                    @if !pictures.is_empty() { span class="count" { (pictures) } }
                }
                div class="stack" {
                    dl class="facts" {
                        @for (label, value) in [
                            ("Patient", name),
                            ("Born", study.date("00100030")),
                            ("Patient ID", study.text("00100020")),
                            ("Modality", study.texts("00080061").join(", ")),
                            ("Series", study.text("00201206")),
                            ("Images", pictures.clone()),
                        ] {
                            @if !value.is_empty() { dt { (label) } dd { (value) } }
                        }
                    }
                    @if site.about.viewer {
                        p class="no-print" {
                            // A new tab that knows nothing of this one.
                            a class="btn primary" href={ "/viewer/viewer?StudyInstanceUIDs=" (uid) } target="_blank" rel="noopener" {
                                "Open the images" span class="vh" { " of " (study.date("00080020")) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Where whoever came by a link and asks for what is not theirs goes.
pub fn lead_back(visitor: &Principal) -> Response {
    Redirect::to(super::home(visitor).unwrap_or(SHOWN)).into_response()
}
