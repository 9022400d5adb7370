//! DELETE of a study, a series or an instance. PS3.18 has no such transaction; what clients call so is this.

use archive::{Include, Level, Query, Target};
use audit::Patient;
use axum::body::Body;
use axum::response::Response;
use dicomweb::query::{DeleteRequest, QueryError};
use dicomweb::url::Place;
use http::StatusCode;
use model::Tag;

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
    call.trace.because(reason);
    note(call, &target).await;
    call.app.archive().remove(&call.who, &target, &source, reason).await?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// Notes whose study it is and what goes: afterwards nobody could say. What cannot be read is deleted all the same.
async fn note(call: &Call<'_>, target: &Target) {
    let archive = call.app.archive();
    let Ok(groups) = archive.groups(&call.who, target).await else { return };
    if groups.is_empty() {
        return;
    }
    groups.iter().for_each(|group| call.trace.gives_group(group));
    let query = Query {
        study: Some(target.study),
        include: Include::Fields(vec![vec![Tag(0x0010, 0x0021)]]),
        limit: Some(1),
        ..Query::of(Level::Study)
    };
    let Ok(page) = archive.search(&call.who, query).await else { return };
    call.trace.is_of(page.results.first().and_then(|study| Patient::read(&study.json)));
}
