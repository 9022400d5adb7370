//! WADO-RS: metadata of studies, series and instances, from the index alone (PS3.18 10.4.1.1.2).

use archive::{Metadata, MetadataItem, ReadError};
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use dicomweb::media::{Offer, Resource, model_offers};
use dicomweb::query::RetrieveRequest;
use dicomweb::url::{Base, Place};
use futures::StreamExt;
use http::header::{CONTENT_TYPE, ETAG};

use crate::app::Call;
use crate::compress::Coding;
use crate::conditional::{Tag, random_boundary};
use crate::refusal::Refusal;
use crate::retrieve::{accept, choose, insert, target, unchanged};
use crate::sheet::Sheet;

/// Bytes that are gathered before they go out; larger objects go out one by one.
const PIECE: usize = 256 << 10;

/// The metadata of a place's instances: one array, or one XML document each.
pub(crate) async fn metadata(call: &Call<'_>, place: Place) -> Result<Response, Refusal> {
    let query = RetrieveRequest::parse(call.query)?;
    let offers = model_offers();
    let offer = choose(&accept(call, &query, Resource::Metadata)?, &offers)?;
    let found = call.app.archive().metadata(&call.who, target(place, &query)?).await?;
    match place.instance {
        Some(_) => one(call, found, offer).await,
        None => several(call, found, offer),
    }
}

/// One instance's, whole, with an entity tag.
async fn one(call: &Call<'_>, mut found: Metadata, offer: &Offer) -> Result<Response, Refusal> {
    let items = found.next_page().await?;
    let (content, length) = items.first().map_or((&[][..], 0), |item| (&item.json[..], item.json.len()));
    let coding = Coding::of(&call.caller.headers).for_length(length);
    let representation = format!("metadata {} {:?} {}", offer.media, coding, call.app.base());
    let tag = Tag::of(content, &representation);
    if let Some(response) = unchanged(call, &tag) {
        return Ok(response);
    }
    let mut sheet = Sheet::new(offer, tag.boundary(call.app.secret()));
    for item in items.iter().take(1) {
        push(&mut sheet, item, call.app.base())?;
    }
    sheet.close();
    let content_type = sheet.content_type();
    let mut response = answer(coding.whole(sheet.out).await?, &content_type, coding);
    response.headers_mut().insert(ETAG, tag.header());
    Ok(response)
}

/// Of all instances, while the index is read.
fn several(call: &Call<'_>, found: Metadata, offer: &Offer) -> Result<Response, Refusal> {
    let sheet = Sheet::new(offer, random_boundary(call.app.secret()));
    let (content_type, coding) = (sheet.content_type(), Coding::of(&call.caller.headers));
    let base = call.app.base().clone();
    let state = Reading { found, sheet, base, page: Vec::new().into_iter(), open: true };
    let pieces = futures::stream::try_unfold(state, |mut state| async move {
        Ok(state.next_piece().await?.map(|piece| (piece, state)))
    });
    Ok(answer(coding.pieces(pieces.boxed())?, &content_type, coding))
}

fn answer(body: Body, content_type: &str, coding: Coding) -> Response {
    let mut response = Response::new(body);
    insert(response.headers_mut(), CONTENT_TYPE, content_type);
    coding.mark(&mut response);
    response
}

fn push(sheet: &mut Sheet, item: &MetadataItem, base: &Base) -> Result<(), ReadError> {
    sheet.push(&item.json, &base.instance(&item.study, &item.series, &item.sop_instance))
}

struct Reading {
    found: Metadata,
    sheet: Sheet,
    base: Base,
    page: std::vec::IntoIter<MetadataItem>,
    open: bool,
}

impl Reading {
    async fn next_piece(&mut self) -> Result<Option<Bytes>, ReadError> {
        while self.open && self.sheet.out.len() < PIECE {
            if let Some(item) = self.page.next() {
                push(&mut self.sheet, &item, &self.base)?;
                continue;
            }
            self.page = self.found.next_page().await?.into_iter();
            if self.page.len() == 0 {
                self.sheet.close();
                self.open = false;
            }
        }
        let piece = std::mem::take(&mut self.sheet.out);
        Ok((!piece.is_empty()).then(|| Bytes::from(piece)))
    }
}
