//! From what became of the parts to the response.

use axum::body::Body;
use axum::response::Response;
use dicomweb::media::{DICOM_XML, Offer};
use dicomweb::stow::{self, Request, respond};
use http::header::{CONNECTION, CONTENT_LOCATION, CONTENT_TYPE, LOCATION, RETRY_AFTER, WARNING};
use http::{HeaderValue, StatusCode};

use super::request::too_large;
use super::session::{Cut, Done};
use super::upload::UploadError;
use crate::app::App;
use crate::refusal::{Refusal, sentence};

/// `Warning` headers of one answer; what is beyond is in the data set.
const MOST_WARNINGS: usize = 8;

/// The answer: the Store Instances Response Module, or a problem when not even one part came.
pub(super) fn answer(app: &App, done: Done, offer: &Offer) -> Result<Response, Refusal> {
    let broken = done.cut.is_some() || done.malformed;
    let request = if broken { Request::Broken } else { Request::Whole };
    let stored = respond(app.base(), &done.outcomes, request);
    let refusal = match &done.cut {
        None if done.outcomes.is_empty() => {
            Some(Refusal::bad_request("The body has no parts. Send one instance in each part."))
        }
        None if done.malformed => Some(Refusal::bad_request(done.complaints.join(" "))),
        None => None,
        Some(cut) => Some(refusal(cut, app)),
    };
    match refusal {
        Some(refusal) if stored.status == StatusCode::BAD_REQUEST => Err(refusal),
        _ => response(app, stored, &done, offer),
    }
}

fn refusal(cut: &Cut, app: &App) -> Refusal {
    match cut {
        Cut::Framing(error) => Refusal::bad_request(sentence(&error.to_string())),
        Cut::Metadata(why) => Refusal::bad_request(sentence(why)),
        Cut::TooMany(most) => Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("The body describes more than {most} instances. Send them in several requests."),
        ),
        Cut::Upload(UploadError::TooLarge) => too_large(app.config().limits.request_bytes),
        Cut::Upload(UploadError::TooSlow) => {
            Refusal::new(StatusCode::REQUEST_TIMEOUT, "The body came too slowly. Send it again.")
        }
        Cut::Upload(UploadError::Broken) => Refusal::bad_request("The body broke off. Send it again."),
        Cut::Storage => Refusal::unavailable("Nothing can be stored now. Send it again later."),
    }
    .with(CONNECTION, HeaderValue::from_static("close"))
}

fn response(app: &App, stored: stow::Response, done: &Done, offer: &Offer) -> Result<Response, Refusal> {
    let body = match offer.media {
        DICOM_XML => in_xml(&stored.body)?,
        _ => stored.body,
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = stored.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(offer.media));
    if let Some(url) = stored.location.and_then(|url| HeaderValue::try_from(url).ok()) {
        headers.insert(LOCATION, url.clone());
        headers.insert(CONTENT_LOCATION, url);
    }
    for complaint in done.complaints.iter().take(MOST_WARNINGS) {
        headers.append(WARNING, app.warning(complaint));
    }
    if stored.status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
    }
    if done.cut.is_some() {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// The module as Native DICOM Model (STOW-027).
fn in_xml(json: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut out = Vec::with_capacity(json.len() * 2);
    dicomweb::xml::document(json, &mut out).map_err(|error| {
        tracing::error!(%error, "the response to a store is no JSON");
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "The answer could not be written. Ask for JSON.")
    })?;
    Ok(out)
}
