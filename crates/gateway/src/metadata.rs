//! WADO-RS: metadata of studies, series and instances, from the index alone (PS3.18 10.4.1.1.2).

use archive::{Metadata, MetadataItem, ReadError};
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use dicomweb::json::complete;
use dicomweb::media::{DICOM_JSON, Resource, json_offers};
use dicomweb::query::RetrieveRequest;
use dicomweb::url::{Base, Place};
use futures::StreamExt;
use http::HeaderValue;
use http::header::{CONTENT_TYPE, ETAG};

use crate::app::Call;
use crate::conditional::Tag;
use crate::outgoing::{Outgoing, Segment};
use crate::refusal::Refusal;
use crate::retrieve::{accept, choose, target, unchanged};

/// Bytes that are gathered before they go out; larger objects go out one by one.
const PIECE: usize = 256 << 10;

/// The DICOM JSON of a place's instances as one array.
pub(crate) async fn metadata(call: &Call<'_>, place: Place) -> Result<Response, Refusal> {
    let query = RetrieveRequest::parse(call.query)?;
    choose(&accept(call, &query, Resource::Metadata)?, &json_offers())?;
    let found = call.app.archive().metadata(&call.who, target(place, &query)?).await?;
    match place.instance {
        Some(_) => one(call, found).await,
        None => Ok(several(call.app.base().clone(), found)),
    }
}

/// One instance's, whole, with an entity tag.
async fn one(call: &Call<'_>, mut found: Metadata) -> Result<Response, Refusal> {
    let items = found.next_page().await?;
    let mut array = Array::new(call.app.base().clone());
    for item in items.iter().take(1) {
        array.push(item);
    }
    array.close();
    let tag = Tag::of(&array.out, "metadata");
    if let Some(response) = unchanged(call, &tag) {
        return Ok(response);
    }
    let mut response = json(Body::from(array.out));
    response.headers_mut().insert(ETAG, tag.header());
    Ok(response)
}

/// Of all instances, while the index is read.
fn several(base: Base, found: Metadata) -> Response {
    let state = Reading { found, array: Array::new(base), page: Vec::new().into_iter(), open: true };
    let pieces = futures::stream::try_unfold(state, |mut state| async move {
        Ok(state.next_piece().await?.map(|piece| (piece, state)))
    });
    json(Outgoing::new([Segment::Pieces(pieces.boxed())], None).into_body())
}

fn json(body: Body) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(DICOM_JSON));
    response
}

struct Reading {
    found: Metadata,
    array: Array,
    page: std::vec::IntoIter<MetadataItem>,
    open: bool,
}

impl Reading {
    async fn next_piece(&mut self) -> Result<Option<Bytes>, ReadError> {
        while self.open && self.array.out.len() < PIECE {
            if let Some(item) = self.page.next() {
                self.array.push(&item);
                continue;
            }
            self.page = self.found.next_page().await?.into_iter();
            if self.page.len() == 0 {
                self.array.close();
                self.open = false;
            }
        }
        let piece = std::mem::take(&mut self.array.out);
        Ok((!piece.is_empty()).then(|| Bytes::from(piece)))
    }
}

/// A JSON array of instances with absolute URLs in them.
struct Array {
    base: Base,
    out: Vec<u8>,
    next: &'static [u8],
}

impl Array {
    fn new(base: Base) -> Self {
        Self { base, out: Vec::new(), next: b"[" }
    }

    fn push(&mut self, item: &MetadataItem) {
        self.out.extend_from_slice(self.next);
        self.next = b",";
        let url = self.base.instance(&item.study, &item.series, &item.sop_instance);
        complete(&item.json, &url, &mut self.out);
    }

    fn close(&mut self) {
        if self.next == b"[" {
            self.out.extend_from_slice(b"[");
        }
        self.out.extend_from_slice(b"]");
    }
}
