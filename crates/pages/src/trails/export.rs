//! Rows as a file: DICOM Audit Messages (PS3.15 A.5) or FHIR AuditEvents, one a line, in their order.

use std::io;
use std::sync::Arc;

use audit::{fhir, xml};
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use http::HeaderMap;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use tokio::sync::mpsc;
use trail::{Filter, Reader, Row};

use super::list::page;
use super::wanted::Wanted;
use super::{Trails, busy, note, reader};
use crate::desk::Caller;
use crate::form::Form;
use crate::site::Site;

/// Rows read at a time; one such piece waits for the browser, about 2 MiB.
const ROWS: u32 = 500;

#[derive(Clone, Copy)]
enum Shape {
    Dicom,
    Fhir,
}

/// The rows that the form asks for, as a download.
pub async fn export(
    State(site): State<Arc<Site>>,
    from: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (visitor, trails) = match reader(&site, &headers) {
        Ok(reader) => reader,
        Err(answer) => return *answer,
    };
    let form = Form::read(&body);
    let wanted = Wanted::read(&form);
    let filter = match wanted.filter() {
        Ok(filter) => filter,
        Err(wrong) => return page(&site, &visitor, &trails, &wanted, Err(wrong)),
    };
    let (shape, kind, name) = match form.text("form") {
        "dicom" => (Shape::Dicom, "text/plain; charset=utf-8", "audit-dicom.txt"),
        _ => (Shape::Fhir, "application/fhir+ndjson", "audit-fhir.ndjson"),
    };
    let Ok(place) = Arc::clone(&trails.places).try_acquire_owned() else { return busy(&site, &visitor) };
    if let Err(answer) =
        note(&site, &from, &visitor, &format!("rows were exported: {}", wanted.in_words())).await
    {
        return answer;
    }
    let (pieces, receive) = mpsc::channel::<io::Result<Bytes>>(1);
    tokio::task::spawn_blocking(move || {
        // A download that breaks off is no whole file: the browser is told so by the connection.
        if let Err(error) = send(&trails, &filter, shape, &pieces) {
            tracing::error!(%error, "an export of the audit trail ended early");
            let _ = pieces.blocking_send(Err(io::Error::other("the trail cannot be read")));
        }
        drop(place);
    });
    let rows = stream::unfold(receive, async |mut receive| Some((receive.recv().await?, receive)));
    let attached = format!("attachment; filename=\"{name}\"");
    let headers = [(CONTENT_TYPE, kind.to_owned()), (CONTENT_DISPOSITION, attached)];
    (headers, Body::from_stream(rows)).into_response()
}

fn send(
    trails: &Trails,
    filter: &Filter,
    shape: Shape,
    pieces: &mpsc::Sender<io::Result<Bytes>>,
) -> Result<(), trail::TrailError> {
    let reader = Reader::open(&trails.folder)?;
    // What is written meanwhile belongs to the next export.
    let end = reader.last()?.sequence;
    let mut after = 0;
    loop {
        let rows = reader.rows(filter, after, ROWS)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.sequence;
        let text: String =
            rows.iter().filter(|row| row.sequence <= end).map(|row| line(row, shape, trails)).collect();
        // Nobody listens any more, or all is said.
        if pieces.blocking_send(Ok(text.into())).is_err() || after >= end {
            return Ok(());
        }
    }
}

fn line(row: &Row, shape: Shape, trails: &Trails) -> String {
    match shape {
        Shape::Dicom => xml::write(&row.entry, &trails.source) + "\n",
        Shape::Fhir => fhir::write(&row.entry, &trails.source).to_string() + "\n",
    }
}
