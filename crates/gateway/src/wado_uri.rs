//! WADO-URI (PS3.18 9): one instance by a query, as DICOM or rendered.

use std::time::Instant;

use audit::What;
use axum::extract::{Request, State};
use axum::response::Response;
use dicomweb::media::{Accept, DICOM, Resource};
use dicomweb::query::{RetrieveRequest, UriRequest};
use dicomweb::url::Place;
use http::header::ALLOW;
use http::{HeaderValue, Method, StatusCode};

use crate::app::{App, Call, Caller, respond};
use crate::audited::Subject;
use crate::refusal::Refusal;
use crate::retrieve;

const METHODS: &str = "GET, HEAD, OPTIONS";

/// `/wado`.
pub(crate) async fn wado(State(app): State<App>, request: Request) -> Response {
    let started = Instant::now();
    let (parts, _) = request.into_parts();
    respond(&app, &parts, "wado", METHODS, started, async {
        match parts.method {
            Method::OPTIONS => Ok(options()),
            Method::GET | Method::HEAD => {
                let caller = Caller::of(&app, &parts);
                let who = app.authenticate(&caller).await?;
                let trace = app.trace(&who, &caller, Some(Subject::uri()), "")?;
                let query = parts.uri.query().unwrap_or("");
                let call = Call { app: &app, who, caller, trace, query };
                let answered = answer(&call).await;
                call.trace.end(answered.as_ref().map_or_else(Refusal::status, Response::status));
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

async fn answer(call: &Call<'_>) -> Result<Response, Refusal> {
    let request = UriRequest::parse(call.query)?;
    if request.anonymize {
        return Err(Refusal::new(
            StatusCode::FORBIDDEN,
            "This server does not de-identify on retrieval: leave anonymize out, or take the instance elsewhere.",
        ));
    }
    let whole = wants_dicom(call, &request);
    call.trace.is_about(if whole { What::Retrieve } else { What::View }, &request.study);
    match whole {
        true => dicom(call, &request).await,
        false => rendered(call, &request).await,
    }
}

/// By `contentType`, else by `Accept`: DICOM only when it is named (PS3.18 9.3).
fn wants_dicom(call: &Call<'_>, request: &UriRequest) -> bool {
    if !request.content_types.is_empty() {
        return request.wants_dicom();
    }
    request.transfer_syntax.is_some()
        || call.accept().flat_map(|list| list.split(',')).any(|range| {
            let name = range.split(';').next().unwrap_or_default().trim();
            name.eq_ignore_ascii_case(DICOM)
        })
}

/// The instance as one bare Part 10 file; transfer syntaxes are negotiated as for WADO-RS (WADO-045, WADO-046).
async fn dicom(call: &Call<'_>, request: &UriRequest) -> Result<Response, Refusal> {
    if let Some(name) = request.rendered_only() {
        return Err(Refusal::bad_request(format!("The parameter {name} is for rendered media types.")));
    }
    let syntax = request.transfer_syntax.as_deref();
    let wanted = syntax.map_or(DICOM.to_owned(), |uid| format!("{DICOM}; transfer-syntax={uid}"));
    let missing = call.app.config().missing_accept;
    let accept = Accept::read([wanted.as_str()], None, Resource::Instances, missing)?;
    retrieve::one(call, target(request)?, &accept).await
}

/// What `contentType` names, else what `Accept` does.
async fn rendered(call: &Call<'_>, request: &UriRequest) -> Result<Response, Refusal> {
    let missing = call.app.config().missing_accept;
    let named = request.content_types.join(", ");
    let accept = match named.is_empty() {
        true => Accept::read(call.accept(), None, Resource::Rendered, missing)?,
        false => Accept::read([named.as_str()], None, Resource::Rendered, missing)?,
    };
    crate::rendered::by_uri(call, &accept, request, &target(request)?).await
}

fn target(request: &UriRequest) -> Result<archive::Target, Refusal> {
    let place =
        Place { study: request.study, series: Some(request.series), instance: Some(request.instance) };
    let query = RetrieveRequest {
        custodian: request.custodian.clone(),
        version: request.version,
        ..RetrieveRequest::default()
    };
    retrieve::target(place, &query)
}
