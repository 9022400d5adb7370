//! The metadata of a study or series as DICOM JSON, for whoever has a session and no token at hand.

use std::sync::Arc;

use archive::{Metadata, ReadError, Target};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use futures::stream;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use model::{SeriesUid, StudyUid};

use crate::layout::not_found;
use crate::site::Site;
use crate::studies::refusal;

/// Of all images of a study.
pub async fn of_study(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    Path(study): Path<String>,
) -> Response {
    let target = study.parse::<StudyUid>().ok().map(|study| (study, None));
    answer(site, &headers, target).await
}

/// Of the images of a series.
pub async fn of_series(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    Path((study, series)): Path<(String, String)>,
) -> Response {
    let series = series.parse::<SeriesUid>().ok();
    let target = study.parse::<StudyUid>().ok().zip(series).map(|(study, series)| (study, Some(series)));
    answer(site, &headers, target).await
}

async fn answer(
    site: Arc<Site>,
    headers: &HeaderMap,
    target: Option<(StudyUid, Option<SeriesUid>)>,
) -> Response {
    let Some(visitor) = site.visitor(headers) else { return Redirect::to("/").into_response() };
    let Some((study, series)) = target else { return not_found(&site, &visitor) };
    let target = Target { study, series, instance: None, custodian: None, version: None };
    match site.archive.metadata(&visitor, target).await {
        Ok(metadata) => {
            let array = Array { metadata, root: site.about.dicomweb.clone(), begun: false, ended: false };
            let body = Body::from_stream(stream::try_unfold(array, Array::next));
            // Plain JSON, so that a browser shows it.
            ([(CONTENT_TYPE, "application/json")], body).into_response()
        }
        Err(error) => refusal(&site, &visitor, &error),
    }
}

/// A JSON array, page by page.
struct Array {
    metadata: Metadata,
    /// The DICOMweb root, which addresses of long values begin with.
    root: String,
    begun: bool,
    ended: bool,
}

impl Array {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, ReadError> {
        if self.ended {
            return Ok(None);
        }
        let mut text = Vec::new();
        let page = self
            .metadata
            .next_page()
            .await
            .inspect_err(|error| tracing::error!(%error, "metadata broke off"))?;
        for item in &page {
            text.push(if self.begun { b',' } else { b'[' });
            self.begun = true;
            let root = &self.root;
            let url = format!(
                "{root}/studies/{}/series/{}/instances/{}",
                item.study, item.series, item.sop_instance
            );
            dicomweb::json::complete(&item.json, &url, &mut text);
        }
        if page.is_empty() {
            text.extend_from_slice(if self.begun { b"]" } else { b"[]" });
            self.ended = true;
        }
        Ok(Some((Bytes::from(text), self)))
    }
}
