//! Storage commitment over HTTP (PS3.18 13): a request under a transaction UID of the client's, and its result.

use archive::{Commitment, CommitmentError, Reference, Verdict};
use axum::body::Body;
use axum::response::Response;
use dicomweb::commitment::{self, CommitmentRequestError};
use dicomweb::media::{DICOM_JSON, DICOM_XML, MediaType, Offer, Resource, response_offers};
use dicomweb::query::RetrieveRequest;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use model::Uid;

use crate::app::Call;
use crate::refusal::{Refusal, sentence};
use crate::retrieve::{accept, choose};
use crate::store::{Upload, UploadError};

/// Largest request in bytes, held whole: 10,000 instances are some 3 MB.
const LARGEST: usize = 8 << 20;
/// Seconds after which a client should ask again.
const AGAIN: &str = "5";

/// Takes a request: 200 with its result when it is there soon, else 202.
pub(crate) async fn request(
    call: &Call<'_>,
    transaction: Uid,
    body: &mut Upload,
) -> Result<Response, Refusal> {
    let query = RetrieveRequest::parse(call.query)?;
    let offers = response_offers();
    let offer = choose(&accept(call, &query, Resource::Metadata)?, &offers)?;
    is_json(call)?;
    let body = whole(body).await?;
    let most = call.app.archive().commitment_limit();
    let wanted = commitment::read_request(&body, &transaction, most)?;
    let wanted = wanted.into_iter().map(|one| Reference {
        sop_class: one.sop_class,
        sop_instance: one.sop_instance,
        place: one.place,
    });
    let archive = call.app.archive();
    let found = archive.request_commitment(&call.who, &transaction, wanted.collect()).await?;
    answer(&transaction, found, offer)
}

/// The result of a request: 200, or 202 while there is none yet.
pub(crate) async fn result(call: &Call<'_>, transaction: Uid) -> Result<Response, Refusal> {
    let query = RetrieveRequest::parse(call.query)?;
    let offers = response_offers();
    let offer = choose(&accept(call, &query, Resource::Metadata)?, &offers)?;
    let found = call.app.archive().commitment(&call.who, &transaction).await?;
    answer(&transaction, found, offer)
}

fn answer(transaction: &Uid, found: Commitment, offer: &Offer) -> Result<Response, Refusal> {
    let Commitment::Done(verdicts) = found else {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::ACCEPTED;
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(AGAIN));
        return Ok(response);
    };
    let results: Vec<_> = verdicts
        .into_iter()
        .map(|Verdict { reference: Reference { sop_class, sop_instance, place }, failure }| {
            let reference = commitment::Reference { sop_class, sop_instance, place };
            (reference, failure.map(|failure| failure as u16))
        })
        .collect();
    let mut body = commitment::write_result(transaction, &results);
    if offer.media == DICOM_XML {
        let mut xml = Vec::with_capacity(body.len() * 2);
        dicomweb::xml::document(&body, &mut xml).map_err(|error| {
            tracing::error!(%error, "the result of a storage commitment request is no JSON");
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "The result could not be written. Ask for JSON.")
        })?;
        body = xml;
    }
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(offer.media));
    Ok(response)
}

fn is_json(call: &Call<'_>) -> Result<(), Refusal> {
    let given = call.caller.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media = given.and_then(MediaType::parse);
    match media {
        Some(media) if media.is_named(DICOM_JSON) || media.is_named("application/json") => Ok(()),
        _ => Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!("A storage commitment request is taken as {DICOM_JSON}."),
        )),
    }
}

/// The whole body, within its limit.
async fn whole(body: &mut Upload) -> Result<Vec<u8>, Refusal> {
    let mut held = Vec::new();
    let too_large =
        || Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, format!("A request has at most {LARGEST} bytes."));
    loop {
        match body.next().await {
            Ok(Some(piece)) if held.len() + piece.len() > LARGEST => return Err(too_large()),
            Ok(Some(piece)) => held.extend_from_slice(&piece),
            Ok(None) => return Ok(held),
            Err(UploadError::TooLarge) => return Err(too_large()),
            Err(UploadError::TooSlow) => {
                let text = "The body came too slowly. Send it again.";
                return Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, text));
            }
            Err(UploadError::Broken) => {
                return Err(Refusal::bad_request("The body broke off. Send it again."));
            }
        }
    }
}

impl From<CommitmentRequestError> for Refusal {
    fn from(error: CommitmentRequestError) -> Self {
        let text = sentence(&error.to_string());
        match error {
            CommitmentRequestError::TooMany(_) => Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, text),
            CommitmentRequestError::Json
            | CommitmentRequestError::DataSet
            | CommitmentRequestError::Nothing
            | CommitmentRequestError::Both
            | CommitmentRequestError::Uid(_)
            | CommitmentRequestError::Transaction
            | CommitmentRequestError::Twice(_) => Refusal::bad_request(text),
        }
    }
}

impl From<CommitmentError> for Refusal {
    fn from(error: CommitmentError) -> Self {
        let text = sentence(&error.to_string());
        match error {
            CommitmentError::Denied(denied) => Refusal::denied(&denied),
            CommitmentError::Used => Refusal::new(StatusCode::CONFLICT, text),
            CommitmentError::TooMany(_) => Refusal::unavailable(text),
            CommitmentError::TooLarge(_) => Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, text),
            CommitmentError::NotFound => Refusal::not_found(text),
            CommitmentError::Expired => Refusal::new(StatusCode::GONE, text),
            CommitmentError::Storage(_) => {
                tracing::error!(error = %error, "a storage commitment request failed");
                Refusal::unavailable("The storage does not answer. Try again in some seconds.")
            }
        }
    }
}
