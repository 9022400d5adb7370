//! From what became of the parts to the response.

use axum::body::Body;
use axum::response::Response;
use dicomweb::media::DICOM_JSON;
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
pub(super) fn answer(app: &App, done: Done) -> Result<Response, Refusal> {
    let request = if done.cut.is_none() { Request::Whole } else { Request::Broken };
    let stored = respond(app.base(), &done.outcomes, request);
    let refusal = match &done.cut {
        None if done.outcomes.is_empty() => {
            Some(Refusal::bad_request("The body has no parts. Send one instance in each part."))
        }
        None => None,
        Some(cut) => Some(refusal(cut, app)),
    };
    match refusal {
        Some(refusal) if stored.status == StatusCode::BAD_REQUEST => Err(refusal),
        _ => Ok(response(app, stored, &done)),
    }
}

fn refusal(cut: &Cut, app: &App) -> Refusal {
    match cut {
        Cut::Framing(error) => Refusal::bad_request(sentence(&error.to_string())),
        Cut::Upload(UploadError::TooLarge) => too_large(app.config().limits.request_bytes),
        Cut::Upload(UploadError::TooSlow) => {
            Refusal::new(StatusCode::REQUEST_TIMEOUT, "The body came too slowly. Send it again.")
        }
        Cut::Upload(UploadError::Broken) => Refusal::bad_request("The body broke off. Send it again."),
        Cut::Storage => Refusal::unavailable("Nothing can be stored now. Send it again later."),
    }
    .with(CONNECTION, HeaderValue::from_static("close"))
}

fn response(app: &App, stored: stow::Response, done: &Done) -> Response {
    let mut response = Response::new(Body::from(stored.body));
    *response.status_mut() = stored.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(DICOM_JSON));
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
    response
}
