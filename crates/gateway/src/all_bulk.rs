//! WADO-RS: all bulk data of a study, series or instance, without compression (PS3.18 10.4.1.1.5, Table 10.4.4-1).
//!
//! The same bytes as by the BulkDataURIs of the metadata, a part for each, under the same addresses. Pixel data is
//! decoded; what has no decoder is left out and said so.

use std::collections::VecDeque;

use archive::{Archive, BulkPart, Group, InstanceRecord, Instances, ReadError, Target, Which};
use axum::response::Response;
use bytes::Bytes;
use dicomweb::media::{OCTET_STREAM, Resource, bulk_offers};
use dicomweb::multipart::Writer;
use dicomweb::query::RetrieveRequest;
use dicomweb::url::{Base, Place};
use futures::StreamExt;
use http::StatusCode;
use http::header::{CONTENT_TYPE, WARNING};
use model::transfer_syntax::{EXPLICIT_LE, Pixels};

use crate::app::Call;
use crate::conditional::random_boundary;
use crate::outgoing::{Outgoing, Pieces, Segment, begun};
use crate::refusal::Refusal;
use crate::retrieve::{accept, choose, insert, syntax, target};

/// `…/bulkdata` and `…/pixeldata`.
pub(crate) async fn all_bulk(call: &Call<'_>, place: Place, which: Which) -> Result<Response, Refusal> {
    let query = RetrieveRequest::parse(call.query)?;
    let accept = accept(call, &query, Resource::Bulk)?;
    // What may be several is given in parts.
    let [parts, _] = bulk_offers();
    choose(&accept, &[parts])?;
    answer(call, target(place, &query)?, which).await
}

/// The bulk data of a target as parts.
pub(crate) async fn answer(call: &Call<'_>, target: Target, which: Which) -> Result<Response, Refusal> {
    let archive = call.app.archive();
    call.trace.begins_anew();
    let (groups, instances) = archive.counted(&call.who, target).await?;
    let left_out = left_out(call, &groups)?;
    let parts = Parts {
        archive: archive.clone(),
        base: call.app.base().clone(),
        which,
        instances,
        records: VecDeque::new(),
        instance: String::new(),
        values: VecDeque::new(),
        open: None,
    };
    let writer = Writer::new(random_boundary(call.app.secret()));
    let content_type = writer.content_type(OCTET_STREAM);
    let pieces =
        futures::stream::try_unfold((parts, Some(writer), false), |(mut parts, writer, begun)| async move {
            let Some(mut writer) = writer else { return Ok(None) };
            if let Some(piece) = parts.next_of_open().await {
                return Ok(Some((piece?, (parts, Some(writer), begun))));
            }
            let Some((value, location)) = parts.next_value().await? else {
                return match begun {
                    true => Ok(Some((writer.close(), (parts, None, begun)))),
                    false => Err(ReadError::NotFound("bulk data")),
                };
            };
            let content_type = format!("{OCTET_STREAM}; transfer-syntax={}", value.syntax.uid);
            let head = writer.head(&[("Content-Type", &content_type), ("Content-Location", &location)]);
            parts.open = Some(value.stream);
            Ok(Some((head, (parts, Some(writer), true))))
        });
    let pieces = begun(pieces.boxed()).await?;
    let mut response = Response::new(Outgoing::new([Segment::Pieces(pieces)], None).into_body());
    insert(response.headers_mut(), CONTENT_TYPE, &content_type);
    if left_out > 0 {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        let text = format!(
            "the pixel data of {left_out} instances is left out: its transfer syntax has no decoder here. Ask for their \
             frames with transfer-syntax=*"
        );
        response.headers_mut().insert(WARNING, call.app.warning(&text));
    }
    Ok(response)
}

/// How many instances have pixel data that nothing here decodes, by their transfer syntax.
fn left_out(call: &Call<'_>, groups: &[Group]) -> Result<u64, Refusal> {
    let mut count = 0;
    for group in groups {
        call.trace.gives_group(group);
        let stored = syntax(&group.transfer_syntax)?;
        if stored.pixels != Pixels::Native && !archive::possible_syntaxes(stored).contains(&EXPLICIT_LE) {
            count += group.instances;
        }
    }
    Ok(count)
}

/// Long values one after the other; one file is open at a time.
struct Parts {
    archive: Archive,
    base: Base,
    which: Which,
    instances: Instances,
    records: VecDeque<InstanceRecord>,
    /// The address of the instance whose values these are.
    instance: String,
    values: VecDeque<BulkPart>,
    open: Option<Pieces>,
}

impl Parts {
    async fn next_of_open(&mut self) -> Option<Result<Bytes, ReadError>> {
        let piece = self.open.as_mut()?.next().await;
        if piece.is_none() {
            self.open = None;
        }
        piece
    }

    /// The next value and its address; `None` at the end.
    async fn next_value(&mut self) -> Result<Option<(BulkPart, String)>, ReadError> {
        loop {
            if let Some(value) = self.values.pop_front() {
                let location = format!("{}/bulkdata/{}", self.instance, value.path);
                return Ok(Some((value, location)));
            }
            let Some(record) = self.records.pop_front() else {
                self.records = self.instances.next_page().await?.into();
                if self.records.is_empty() {
                    return Ok(None);
                }
                continue;
            };
            self.instance = self.base.instance(&record.study, &record.series, &record.sop_instance);
            self.values = self.archive.bulk_parts(record, self.which).await?.into();
        }
    }
}
