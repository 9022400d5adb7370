//! Making a link: to see one study, from its page, or to send images.

use std::sync::Arc;

use access::{Action, Allowed, Holding, Principal};
use archive::{Level, Query, Target};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use identity::{LinkDone, LinkError, LinkKind, Links, Purpose, link_told};
use maud::{Markup, html};
use model::StudyUid;

use super::form::{Filled, Wrong, made};
use super::told::SERVICE;
use super::{list, off};
use crate::attributes::Attributes;
use crate::desk::Caller;
use crate::form::Form;
use crate::layout::{Page, Width, not_found, unavailable};
use crate::mask;
use crate::moment::now;
use crate::site::Site;

/// The form for a link by which images are sent.
pub async fn form_for_images(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    match list::staff(&site, &headers).await {
        Ok((visitor, _)) => upload_page(&site, &visitor, &Filled::default(), None),
        Err(answer) => answer,
    }
}

/// Makes a link by which images are sent.
pub async fn ask_for_images(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    from: Caller,
    body: Bytes,
) -> Response {
    let filled = Filled::read(&Form::read(&body));
    match list::staff(&site, &headers).await {
        Err(answer) => answer,
        Ok((visitor, links)) => match make(&site, &visitor, links, &filled, Purpose::Upload, &from).await {
            Err(Some(wrong)) => upload_page(&site, &visitor, &filled, Some(&wrong)),
            Err(None) => super::refused(&site, &visitor),
            Ok(answer) => answer,
        },
    }
}

/// The form for a link to a study.
pub async fn form_for_study(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    Path(study): Path<String>,
) -> Response {
    match study_of(&site, &headers, &study).await {
        Ok(subject) => subject.page(&site, &Filled::default(), None),
        Err(answer) => answer,
    }
}

/// Makes a link to a study.
pub async fn share_study(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    from: Caller,
    Path(study): Path<String>,
    body: Bytes,
) -> Response {
    let filled = Filled::read(&Form::read(&body));
    let subject = match study_of(&site, &headers, &study).await {
        Ok(subject) => subject,
        Err(answer) => return answer,
    };
    let purpose = Purpose::Share(vec![subject.holding.clone()]);
    match make(&site, &subject.visitor, Arc::clone(&subject.links), &filled, purpose, &from).await {
        Err(Some(wrong)) => subject.page(&site, &filled, Some(&wrong)),
        Err(None) => not_found(&site, &subject.visitor),
        Ok(answer) => answer,
    }
}

/// The page with the link, what is wrong with the form, or nothing for what one may not.
async fn make(
    site: &Site,
    visitor: &Principal,
    links: Arc<Links>,
    filled: &Filled,
    purpose: Purpose,
    from: &Caller,
) -> Result<Response, Option<Wrong>> {
    if !site.recorder.has_room() {
        return Ok(unavailable(site, Some(visitor)));
    }
    let (who, wanted) = (visitor.clone(), filled.wanted(purpose));
    match off(&links, move |links| links.make(&who, &wanted, now())).await {
        Some(Ok(fresh)) => {
            let who = from.principal(visitor);
            site.record_all(link_told(&fresh.link, LinkDone::Made, &who, SERVICE)).await;
            tracing::info!(principal = %visitor, link = fresh.link.id, "a link was made");
            Ok(made(site, visitor, &fresh))
        }
        Some(Err(LinkError::NotAllowed)) => Err(None),
        Some(Err(error)) => match Wrong::of(&error) {
            Some(wrong) => Err(Some(wrong)),
            None => Ok(list::failed(site, visitor, &error)),
        },
        None => Ok(unavailable(site, Some(visitor))),
    }
}

fn upload_page(site: &Site, visitor: &Principal, filled: &Filled, wrong: Option<&Wrong>) -> Response {
    if !Links::may_make(visitor, LinkKind::Upload) {
        return super::refused(site, visitor);
    }
    let words = html! {
        p { "Whoever opens the link can send CT, MRI and other DICOM images to " strong { (visitor.custodian()) } ", from a CD, a ZIP or a folder, and sees nothing of what is here." }
    };
    page(site, visitor, "Ask for images", "/links", words, filled, wrong)
}

/// A study that somebody may share.
struct Subject {
    visitor: Principal,
    links: Arc<Links>,
    holding: Holding,
    study: Attributes,
}

impl Subject {
    fn page(&self, site: &Site, filled: &Filled, wrong: Option<&Wrong>) -> Response {
        let (study, action) = (&self.study, format!("/studies/{}/share", self.holding.study));
        let words = html! {
            p {
                "Whoever opens the link sees these images, and nothing else of what is here: "
                strong { (mask::mask(&study.name("00100010"))) }
                @for text in [study.text("00081030"), study.date("00080020")] { @if !text.is_empty() { ", " (text) } }
                ", held by " (self.holding.custodian) ". The link shows the patient's whole name."
            }
        };
        page(site, &self.visitor, "Share this study", &action, words, filled, wrong)
    }
}

fn page(
    site: &Site,
    visitor: &Principal,
    title: &str,
    action: &str,
    words: Markup,
    filled: &Filled,
    wrong: Option<&Wrong>,
) -> Response {
    let main = html! {
        @if let Some(wrong) = wrong { (wrong.summary()) }
        div class="stack" { h1 { (title) } (words) }
        form class="card" method="post" action=(action) {
            div class="card-body stack" {
                (filled.fields(wrong))
                button class="btn primary" { "Make the link" }
            }
        }
    };
    let (shown, status) = match wrong {
        None => (title.to_owned(), StatusCode::OK),
        Some(_) => (format!("Error: {}", title.to_lowercase()), StatusCode::UNPROCESSABLE_ENTITY),
    };
    Page { title: &shown, width: Width::Reading, main }.respond(status, site, Some(visitor))
}

/// The holding of a study that a visitor may share: of several the first received. What they may not share looks like
/// what is not there.
async fn study_of(site: &Site, headers: &HeaderMap, study: &str) -> Result<Subject, Response> {
    let Some(visitor) = site.visitor(headers) else { return Err(Redirect::to("/").into_response()) };
    let (Some(links), Ok(uid)) = (&site.links, study.parse::<StudyUid>()) else {
        return Err(not_found(site, &visitor));
    };
    let Some(sharer) = sharer(&visitor) else { return Err(not_found(site, &visitor)) };
    let target = Target { study: uid, series: None, instance: None, custodian: None, version: None };
    let first = match site.archive.instances(&sharer, target).await {
        Ok(mut instances) => instances.next_page().await,
        Err(error) => Err(error),
    };
    let first = first.map_err(|error| crate::studies::refusal(site, &visitor, &error))?;
    let holding = first.first().map(|record| Holding { study: uid, custodian: record.custodian.clone() });
    let query = Query { study: Some(uid), limit: Some(1), ..Query::of(Level::Study) };
    let found = site.archive.search(&sharer, query).await;
    let found = found.map_err(|error| crate::studies::refusal(site, &visitor, &error))?;
    let study = found.results.first().and_then(|result| Attributes::read(&result.json));
    match (holding, study) {
        (Some(holding), Some(study)) => Ok(Subject { visitor, links: Arc::clone(links), holding, study }),
        _ => Err(not_found(site, &visitor)),
    }
}

/// The same principal as far as it may share: what it only reads is not looked at.
fn sharer(visitor: &Principal) -> Option<Principal> {
    let reach = visitor.allowed().reach(Action::Share)?.clone();
    let reads = |action| matches!(action, Action::Search | Action::Retrieve);
    let (door, custodian) = (visitor.door(), visitor.custodian().clone());
    Some(Principal::with(door, visitor.name(), custodian, Allowed::by(reads, &reach)))
}
