//! DELETE of a study, a series or an instance. PS3.18 has no such transaction; what clients call so is this.

use archive::Target;
use axum::body::Body;
use axum::response::Response;
use dicomweb::query::{DeleteRequest, QueryError};
use dicomweb::url::Place;
use http::StatusCode;

use crate::app::Call;
use crate::refusal::Refusal;

/// Deletes what the place names, with all its versions: 204 once it is durable and gone from every door.
pub(crate) async fn delete(call: &Call<'_>, place: Place) -> Result<Response, Refusal> {
    let query = DeleteRequest::parse(call.query)?;
    let wrong =
        |_| QueryError::Value { name: "custodian".to_owned(), problem: "is no custodian's name".to_owned() };
    let target = Target {
        study: place.study,
        series: place.series,
        instance: place.instance,
        custodian: query.custodian.as_deref().map(str::parse).transpose().map_err(wrong)?,
        version: None,
    };
    let source = call.caller.peer.address.ip().to_string();
    let reason = query.reason.as_deref().unwrap_or("");
    call.app.archive().remove(&call.who, &target, &source, reason).await?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}
