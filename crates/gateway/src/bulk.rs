//! WADO-RS: bulk data by the URI that metadata give (PS3.18 10.4.1.1.5).

use axum::response::Response;
use dicomweb::media::{Framing, Resource, bulk_offers, frame_offers};
use dicomweb::query::RetrieveRequest;
use dicomweb::url::{BulkPath, Place};
use model::transfer_syntax;

use crate::app::Call;
use crate::conditional::Tag;
use crate::frames;
use crate::refusal::Refusal;
use crate::retrieve::{Item, Representation, accept, choose, multipart, single, target, unchanged};

/// One value, little endian. Encapsulated pixel data comes decoded, or frame by frame as what it is; that of an icon as
/// octets or as what it is.
pub(crate) async fn bulk(call: &Call<'_>, place: Place, path: &BulkPath) -> Result<Response, Refusal> {
    let query = RetrieveRequest::parse(call.query)?;
    let accept = accept(call, &query, Resource::Bulk)?;
    let target = target(place, &query)?;
    let value = call.app.archive().bulk(&call.who, &target, path.as_str()).await?;
    if value.encapsulated {
        let record = &value.record;
        let instance = call.app.base().instance(&record.study, &record.series, &record.sop_instance);
        let location = format!("{instance}/bulkdata/{}", path.as_str());
        return frames::all(call, &accept, &target, &location).await;
    }
    call.trace.gives(&value.record);
    let mut offers = bulk_offers().to_vec();
    if value.is_codestream() {
        let stored = transfer_syntax::by_uid(&value.record.transfer_syntax);
        offers.extend(stored.map(|stored| frame_offers(stored, &[], 1)).unwrap_or_default());
    }
    let offer = choose(&accept, &offers)?;
    let tag =
        Tag::of(&value.record.digest, &format!("bulk {} {}", path.as_str(), offer.to_string_with_syntax()));
    if let Some(response) = unchanged(call, &tag) {
        return Ok(response);
    }
    let record = &value.record;
    let instance = call.app.base().instance(&record.study, &record.series, &record.sop_instance);
    let item = Item {
        pieces: value.stream(0..value.length),
        length: Some(value.length),
        location: format!("{instance}/bulkdata/{}", path.as_str()),
    };
    match offer.framing {
        Framing::Single => single(&call.caller.headers, item, offer, &tag).await,
        Framing::Multipart => multipart(call, vec![item], offer, &tag).await,
    }
}
