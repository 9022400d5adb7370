//! `POST /api/upload`: a ZIP of DICOM files, as people have them from a CD or a portal. An extension of our own;
//! PS3.18 has no such request, and `/studies` does not take one.
//!
//! The ZIP waits in a scratch file, since its list of entries stands at its end, and is unpacked from there. Each entry
//! has a verdict of its own.

mod answer;

use std::time::Instant;

use access::Action;
use archive::unpack::{self, Offer, SourceError, Verdict};
use archive::{Scratch, StoreError, StoreErrorKind, Stored};
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use dicomweb::media::MediaType;
use futures::StreamExt;
use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use tokio::sync::{SemaphorePermit, mpsc};

use crate::app::{App, Call, Caller, respond, to_its_end};
use crate::audited::Subject;
use crate::refusal::Refusal;
use crate::store::{Upload, UploadError, announced, too_large};

use self::answer::Report;

const METHODS: &str = "POST, OPTIONS";
/// What browsers call a ZIP.
const ZIP: [&str; 2] = ["application/zip", "application/x-zip-compressed"];
/// Bytes that are written at once.
const STEP: usize = 1 << 20;
/// ZIPs that are taken at the same moment; who comes later is answered 503. Each holds at most
/// [`crate::Limits::request_bytes`] of disk, never its reserve, and 10 MiB of memory.
pub(crate) const AT_ONCE: usize = 4;

/// `/api/upload`.
pub(crate) async fn upload(State(app): State<App>, request: Request) -> Response {
    to_its_end(at_once(app, request)).await
}

async fn at_once(app: App, request: Request) -> Response {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    respond(&app, &parts, "upload", METHODS, started, async {
        match parts.method {
            Method::OPTIONS => Ok(options()),
            Method::POST => {
                let caller = Caller::of(&app, &parts);
                let mut body = Upload::new(body, &parts.headers, &app.config().limits);
                let answered = async {
                    let who = app.authenticate(&caller).await?;
                    let trace = app.trace(&who, &caller, Some(Subject::zip()), "")?;
                    let query = parts.uri.query().unwrap_or("");
                    let call = Call { app: &app, who, caller, trace, query };
                    let answered = store(&call, &mut body).await;
                    call.trace.end(answered.as_ref().map_or_else(Refusal::status, Response::status));
                    answered
                }
                .await;
                if answered.is_err() {
                    body.drain().await;
                }
                answered
            }
            _ => Err(Refusal::method(METHODS)),
        }
    })
    .await
}

fn options() -> Response {
    let mut response = Response::new(axum::body::Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(METHODS));
    response
}

async fn store(call: &Call<'_>, body: &mut Upload) -> Result<Response, Refusal> {
    call.who.scope_for(Action::Store).map_err(|denied| Refusal::denied(&denied))?;
    is_zip(call)?;
    let _place = place(call.app)?;
    let zip = spool(call, body).await?;
    let report = unpack_all(call, &zip).await;
    report.answer(call.app)
}

fn place(app: &App) -> Result<SemaphorePermit<'_>, Refusal> {
    app.zip_places().try_acquire().map_err(|_| {
        Refusal::unavailable(format!("{AT_ONCE} ZIPs are being taken already. Send it again soon."))
    })
}

fn is_zip(call: &Call<'_>) -> Result<(), Refusal> {
    let headers = &call.caller.headers;
    let media = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).and_then(MediaType::parse);
    let encoded = headers.get_all(CONTENT_ENCODING).iter().any(|value| value != "identity");
    if encoded || !media.is_some_and(|media| ZIP.iter().any(|name| media.is_named(name))) {
        return Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Send one ZIP as application/zip. DICOM files by themselves go to /dicom-web/studies.",
        ));
    }
    let most = call.app.config().limits.request_bytes;
    match announced(headers) {
        Some(length) if length > most => Err(too_large(most)),
        _ => Ok(()),
    }
}

/// Takes the whole body to disk.
async fn spool(call: &Call<'_>, body: &mut Upload) -> Result<Scratch, Refusal> {
    let most = call.app.config().limits.request_bytes;
    let mut scratch = call.app.archive().scratch(most);
    let mut step: Vec<Bytes> = Vec::new();
    let mut held = 0;
    loop {
        let piece = body.next().await.map_err(|error| match error {
            UploadError::TooLarge => too_large(most),
            UploadError::TooSlow => {
                Refusal::new(StatusCode::REQUEST_TIMEOUT, "The ZIP came too slowly. Send it again.")
            }
            UploadError::Broken => Refusal::bad_request("The ZIP broke off. Send it again."),
        })?;
        let ended = piece.is_none();
        if let Some(piece) = piece {
            if scratch.length() == 0 && step.is_empty() && piece.len() >= 4 && !unpack::is_zip(&piece) {
                return Err(Refusal::bad_request(NO_ZIP));
            }
            held += piece.len();
            step.push(piece);
        }
        if held >= STEP || (ended && held > 0) {
            scratch.append(std::mem::take(&mut step)).await.map_err(|error| {
                tracing::error!(%error, "a ZIP cannot be kept until it is unpacked");
                answer::no_room()
            })?;
            held = 0;
        }
        if ended {
            return Ok(scratch);
        }
    }
}

const NO_ZIP: &str = "This is no ZIP. Send one ZIP of DICOM files as it is, or unpack it.";

/// Stores the entries, as many at the same moment as a store request does.
async fn unpack_all(call: &Call<'_>, zip: &Scratch) -> Report {
    let (send, mut offers) = mpsc::channel(1);
    let (first, second) = (zip.reader(), zip.reader());
    let reading = tokio::task::spawn_blocking(move || {
        let readers = std::cell::RefCell::new(vec![second, first]);
        let next = || readers.borrow_mut().pop().ok_or_else(|| std::io::Error::other("no third reader"));
        // Whoever takes the offers may have seen enough.
        let _ = unpack::offer_zip("", next, &send);
    });
    let from = format!("{}@{}", call.who, call.caller.peer.address.ip());
    let mut report = Report::default();
    {
        let offers = futures::stream::poll_fn(|context| offers.poll_recv(context)).enumerate();
        let mut done = offers
            .map(|(number, offer)| one(call, &from, number, offer))
            .buffer_unordered(call.app.config().limits.pipeline);
        while let Some((number, what, outcome)) = done.next().await {
            if !report.add(number, what, outcome) {
                break;
            }
        }
    }
    drop(offers);
    if let Err(error) = reading.await {
        tracing::error!(%error, "the thread that unpacks a ZIP ended early");
        report.cut_short();
    }
    report
}

/// What became of one entry.
enum Outcome {
    Stored(Verdict, Option<model::StudyUid>),
    LeftOut(String),
    Unreadable(String),
}

async fn one(call: &Call<'_>, from: &str, number: usize, offer: Offer) -> (usize, String, Outcome) {
    match offer {
        Offer::LeftOut { what, why } => (number, what, Outcome::LeftOut(why)),
        Offer::Unreadable { what, why } => (number, what, Outcome::Unreadable(why)),
        Offer::File(mut source) => {
            let stored = source.store(call.app.archive(), &call.who, from).await;
            match &stored {
                Ok(stored) => call.trace.keeps(stored, &call.who),
                // A file that is no DICOM is nothing that could be kept.
                Err(SourceError::Store(StoreError::Head(_))) => {}
                Err(SourceError::Store(error)) => call.trace.refuses(is_ours(error)),
                Err(SourceError::Broken(_)) => call.trace.refuses(false),
            }
            count(&stored);
            let study = stored.as_ref().ok().map(|stored| *stored.study());
            let verdict = Verdict::of(&stored).expected(source.expected);
            (number, source.what, Outcome::Stored(verdict, study))
        }
    }
}

fn is_ours(error: &StoreError) -> bool {
    matches!(error.kind(), StoreErrorKind::NoSpace | StoreErrorKind::Unavailable)
}

fn count(stored: &Result<Stored, SourceError>) {
    let Ok(stored) = stored else { return };
    let outcome = match stored.outcome() {
        archive::Outcome::New => "new",
        archive::Outcome::Same => "same",
        archive::Outcome::NewVersion(_) => "new_version",
    };
    metrics::counter!("overread_stored_instances_total", "door" => "zip", "outcome" => outcome).increment(1);
    metrics::counter!("overread_stored_bytes_total", "door" => "zip").increment(stored.length());
}
