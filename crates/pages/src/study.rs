//! One study and its series.

use std::sync::Arc;

use access::Principal;
use archive::{Level, Query, ReadError, SearchPage};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use identity::{LinkKind, Links};
use maud::{Markup, html};
use model::StudyUid;

use crate::attributes::Attributes;
use crate::form::Form;
use crate::layout::{Page, Width, not_found};
use crate::mask;
use crate::site::Site;
use crate::studies::refusal;

/// Most series on the page; a study with more is for a viewer.
const SERIES: u32 = 500;

/// The study with its patient's name masked.
pub async fn show(State(site): State<Arc<Site>>, headers: HeaderMap, Path(study): Path<String>) -> Response {
    answer(&site, &headers, &study, false).await
}

/// The study with the whole name, which a form asks for.
pub async fn reveal(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    Path(study): Path<String>,
    body: Bytes,
) -> Response {
    answer(&site, &headers, &study, Form::read(&body).ticked("shown")).await
}

async fn answer(site: &Site, headers: &HeaderMap, study: &str, shown: bool) -> Response {
    let Some(visitor) = site.visitor(headers) else { return Redirect::to("/").into_response() };
    let Ok(uid) = study.parse::<StudyUid>() else { return not_found(site, &visitor) };
    match read(site, &visitor, &uid).await {
        Ok(Some((study, series))) => {
            if shown {
                tracing::info!(principal = %visitor, study.uid = %uid, "a patient's name shown");
            }
            page(site, &visitor, &uid, &study, &series, shown)
        }
        Ok(None) => not_found(site, &visitor),
        Err(error) => refusal(site, &visitor, &error),
    }
}

async fn read(
    site: &Site,
    visitor: &Principal,
    uid: &StudyUid,
) -> Result<Option<(Attributes, SearchPage)>, ReadError> {
    let query = |level, limit| Query { study: Some(*uid), limit: Some(limit), ..Query::of(level) };
    let studies = site.archive.search(visitor, query(Level::Study, 1)).await?;
    let Some(study) = studies.results.first().and_then(|result| Attributes::read(&result.json)) else {
        return Ok(None);
    };
    let series = site.archive.search(visitor, query(Level::Series, SERIES)).await?;
    Ok(Some((study, series)))
}

fn page(
    site: &Site,
    visitor: &Principal,
    uid: &StudyUid,
    study: &Attributes,
    series: &SearchPage,
    shown: bool,
) -> Response {
    let description = study.text("00081030");
    let main = html! {
        p { a href="/studies" { "All studies" } }
        h1 { @if description.is_empty() { "Study without a description" } @else { (description) } }
        section class="card" aria-label="Facts" { div class="card-body stack" { (facts(uid, study, shown)) } }
        (series_card(uid, series))
        section class="card" aria-labelledby="fetch" {
            header { h2 id="fetch" { "Fetch it" } }
            div class="card-body stack" {
                @if site.about.viewer {
                    // A new tab that knows nothing of this one.
                    p { a class="btn primary" href={ "/viewer/viewer?StudyInstanceUIDs=" (uid) } target="_blank" rel="noopener" { "Open the images" } }
                }
                @let url = format!("{}/studies/{uid}", site.about.dicomweb);
                pre class="paste" tabindex="0" role="region" aria-label="DICOMweb address of the study" { (url) }
                @if site.links.is_some() && Links::may_make(visitor, LinkKind::Share) {
                    p { a class="btn" href={ "/studies/" (uid) "/share" } { "Share this study" } }
                }
                p { a href={ "/studies/" (uid) "/metadata" } { "Metadata of all images (DICOM JSON)" } }
            }
        }
    };
    Page { title: "Study", width: Width::Dense, main }.respond(StatusCode::OK, site, Some(visitor))
}

fn facts(uid: &StudyUid, study: &Attributes, shown: bool) -> Markup {
    let name = study.name("00100010");
    html! {
        dl class="facts" {
            dt { "Patient" }
            dd {
                @if shown {
                    (mask::whole(&name)) ", ID " (study.text("00100020"))
                    @if !study.text("00100030").is_empty() { ", born " (study.date("00100030")) }
                } @else {
                    (mask::mask(&name))
                }
            }
            @for (label, value) in [
                ("Date", study.date("00080020")),
                ("Modality", study.texts("00080061").join(", ")),
                ("Accession number", study.text("00080050")),
                ("Series", study.text("00201206")),
                ("Images", study.text("00201208")),
                ("Study UID", uid.to_string()),
            ] {
                @if !value.is_empty() { dt { (label) } dd { (value) } }
            }
        }
        @if !shown {
            form method="post" action={ "/studies/" (uid) } {
                input type="hidden" name="shown" value="1";
                button class="btn" { "Show name" }
            }
        }
    }
}

fn series_card(study: &StudyUid, series: &SearchPage) -> Markup {
    let rows = series.results.iter().filter_map(|result| Attributes::read(&result.json));
    html! {
        div class="card" {
            header {
                h2 id="series" { "Series" }
                @if series.remaining > 0 { span class="push" { (series.remaining) " more are not shown" } }
            }
            div class="scroll" tabindex="0" role="region" aria-labelledby="series" {
                table class="list" {
                    thead {
                        tr {
                            th scope="col" { "Description" }
                            th scope="col" class="end" { "No." }
                            th scope="col" { "Modality" }
                            th scope="col" { "Body part" }
                            th scope="col" class="end" { "Images" }
                            th scope="col" { "Open" }
                        }
                    }
                    tbody { @for one in rows { (series_row(study, &one)) } }
                }
            }
        }
    }
}

fn series_row(study: &StudyUid, series: &Attributes) -> Markup {
    let description = series.text("0008103E");
    let number = series.text("00200011");
    html! {
        tr {
            th scope="row" { @if description.is_empty() { "No description" } @else { (description) } }
            td data-label="No." class="end num" { (number) }
            td data-label="Modality" { (series.text("00080060")) }
            td data-label="Body part" { (series.text("00180015")) }
            td data-label="Images" class="end num" { (series.text("00201209")) }
            td {
                a href={ "/studies/" (study) "/series/" (series.text("0020000E")) "/metadata" } {
                    "Metadata" span class="vh" { " of series " (number) }
                }
            }
        }
    }
}
