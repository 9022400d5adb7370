//! WADO-RS: rendered studies, series, instances and frames (PS3.18 10.4.1.1.3).

mod pictures;
mod several;
mod wishes;

use archive::{FrameItem, Kind, ReadErrorKind, Showable, Target};
use axum::response::Response;
use bytes::Bytes;
use dicomweb::media::{Accept, Framing, Offer, Resource, text_offers, video_offers};
use dicomweb::query::UriRequest;
use dicomweb::url::{FrameList, Place};
use futures::StreamExt;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderName, WARNING};
use http::{HeaderValue, StatusCode};
use imaging::render::document::Form;

use crate::app::Call;
use crate::conditional::Tag;
use crate::outgoing::Pieces;
use crate::refusal::Refusal;
use crate::retrieve::{Item, accept, choose, multipart, single, target, unchanged};
use wishes::Wishes;
pub(crate) use wishes::{output, viewport};

/// What a page of ours may do: be shown, with the style that is in it.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/// A place, or frames of an instance, as pictures, pages or videos.
pub(crate) async fn rendered(
    call: &Call<'_>,
    place: Place,
    frames: Option<&FrameList>,
) -> Result<Response, Refusal> {
    let wishes = Wishes::read(call.query)?;
    let accept = accept(call, &wishes.query, Resource::Rendered)?;
    let target = target(place, &wishes.query)?;
    let mut response = match place.instance {
        Some(_) => one(call, &accept, &wishes, &target, frames).await?,
        None => several::rendered(call, &accept, &wishes, target).await?,
    };
    if let Some(text) = wishes.ignored() {
        response.headers_mut().append(WARNING, call.app.warning(&text));
    }
    Ok(response)
}

/// An instance by WADO-URI (PS3.18 9.4): one body, never parts.
pub(crate) async fn by_uri(
    call: &Call<'_>,
    accept: &Accept,
    request: &UriRequest,
    target: &Target,
) -> Result<Response, Refusal> {
    let wishes = Wishes::of_uri(request);
    let archive = call.app.archive();
    let subject = archive.showable(&call.who, target).await?;
    call.trace.begins_anew();
    call.trace.gives(&subject.record);
    let frame = request.rendering.frame;
    if frame.is_some_and(|frame| subject.frames <= 1 || frame > subject.frames) {
        let text = format!("There is no such frame to choose: the instance has {}.", subject.frames.max(1));
        return Err(Refusal::bad_request(text));
    }
    let state = match request.rendering.presentation {
        None => None,
        Some((series, instance)) => {
            let of =
                Target { series: Some(series), instance: Some(instance), version: None, ..target.clone() };
            match archive.showable(&call.who, &of).await {
                Ok(state) if state.kind == Kind::State => Some(state),
                Ok(_) => return Err(Refusal::bad_request("presentationUID names no presentation state.")),
                Err(error) if matches!(error.kind(), ReadErrorKind::NotFound | ReadErrorKind::Gone) => {
                    return Err(Refusal::bad_request("There is no such presentation state here."));
                }
                Err(error) => return Err(error.into()),
            }
        }
    };
    let mut response = match subject.kind {
        Kind::Image => pictures::bare(call, accept, &wishes, subject, frame, state).await?,
        _ => one(call, accept, &wishes, target, None).await?,
    };
    if let Some(text) = wishes.ignored() {
        response.headers_mut().append(WARNING, call.app.warning(&text));
    }
    Ok(response)
}

async fn one(
    call: &Call<'_>,
    accept: &Accept,
    wishes: &Wishes,
    target: &Target,
    frames: Option<&FrameList>,
) -> Result<Response, Refusal> {
    let subject = call.app.archive().showable(&call.who, target).await?;
    call.trace.begins_anew();
    call.trace.gives(&subject.record);
    match subject.kind {
        Kind::Image => pictures::image(call, accept, wishes, subject, frames).await,
        Kind::State => pictures::state(call, accept, wishes, target, subject, frames).await,
        Kind::Video(media) => video(call, accept, target, &subject, media, frames).await,
        Kind::Report | Kind::File(_) if frames.is_some() => {
            Err(Refusal::not_found("The instance is a document; it has no frames."))
        }
        Kind::Report => document(call, accept, &subject, None).await,
        Kind::File(media) => document(call, accept, &subject, Some(media)).await,
        Kind::Other => Err(nothing_to_show()),
    }
}

fn nothing_to_show() -> Refusal {
    Refusal::new(StatusCode::NOT_ACCEPTABLE, "There is no rendered form of this instance.")
}

/// A report or an encapsulated file in words, or that file itself.
async fn document(
    call: &Call<'_>,
    accept: &Accept,
    subject: &Showable,
    own: Option<&'static str>,
) -> Result<Response, Refusal> {
    let offers = text_offers(own, true);
    let offer = choose(accept, &offers)?;
    let tag = tag(subject, offer, "document");
    if let Some(response) = unchanged(call, &tag) {
        return Ok(response);
    }
    let bytes = words(call.app.archive(), subject, offer).await?;
    let mut response = bare_or_part(call, bytes, location(call, subject), offer, &tag).await?;
    if offer.framing == Framing::Single {
        let headers = response.headers_mut();
        match offer.media {
            "application/pdf" => {
                // A PDF may bring scripts: browsers are to keep it, not to show it in our name.
                headers.insert(
                    CONTENT_DISPOSITION,
                    HeaderValue::from_static("attachment; filename=\"document.pdf\""),
                );
            }
            "text/html" => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
                let policy = HeaderName::from_static("content-security-policy");
                headers.insert(policy, HeaderValue::from_static(PAGE_POLICY));
            }
            // Our own text is UTF-8; a file says its own encoding.
            "text/plain" => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
            }
            _ => {}
        }
    }
    Ok(response)
}

/// The bytes of a document in the form that was chosen.
async fn words(
    archive: &archive::Archive,
    subject: &Showable,
    offer: &Offer,
) -> Result<Bytes, archive::ReadError> {
    let form = match (subject.kind, offer.media) {
        (Kind::File(own), media) if own == media => return archive.file(subject).await,
        (_, "text/plain") => Form::Text,
        (_, "text/xml") => Form::Xml,
        _ => Form::Html,
    };
    archive.document(subject, form).await
}

/// A video as it is stored: its frames are one stream.
async fn video(
    call: &Call<'_>,
    accept: &Accept,
    target: &Target,
    subject: &Showable,
    media: &'static str,
    frames: Option<&FrameList>,
) -> Result<Response, Refusal> {
    if frames.is_some_and(|list| list.numbers() != [1]) {
        return Err(Refusal::not_found("The frames of a video are one stream, which is frame 1."));
    }
    let offers = video_offers(media, true);
    let offer = choose(accept, &offers)?;
    let tag = tag(subject, offer, "video");
    if let Some(response) = unchanged(call, &tag) {
        return Ok(response);
    }
    let found = call.app.archive().frames(&call.who, target, &[1]).await?;
    let Some(FrameItem { length, stream, .. }) = found.frames.into_iter().next() else {
        return Err(nothing_to_show());
    };
    let item = Item { pieces: stream, length: Some(length), location: location(call, subject) };
    match offer.framing {
        Framing::Single => single(&call.caller.headers, item, offer, &tag).await,
        Framing::Multipart => multipart(call, vec![item], offer, &tag).await,
    }
}

/// One file as the body, or as its only part.
async fn bare_or_part(
    call: &Call<'_>,
    bytes: Bytes,
    location: String,
    offer: &Offer,
    tag: &Tag,
) -> Result<Response, Refusal> {
    let item = Item { length: Some(bytes.len() as u64), pieces: ready(bytes), location };
    match offer.framing {
        Framing::Single => single(&call.caller.headers, item, offer, tag).await,
        Framing::Multipart => multipart(call, vec![item], offer, tag).await,
    }
}

/// Bytes that are there already.
pub(crate) fn ready(bytes: Bytes) -> Pieces {
    futures::stream::iter([Ok(bytes)]).boxed()
}

/// The tag of a subject in a representation.
fn tag(subject: &Showable, offer: &Offer, way: &str) -> Tag {
    Tag::of(&subject.record.digest, &format!("rendered {:?} {} {way}", offer.framing, offer.media))
}

/// The URL of an instance's rendered form.
fn location(call: &Call<'_>, subject: &Showable) -> String {
    let record = &subject.record;
    let instance = call.app.base().instance(&record.study, &record.series, &record.sop_instance);
    format!("{instance}/rendered")
}
