//! WADO-RS: frames of an instance (PS3.18 10.4.1.1.6).

use archive::{Frames, InstanceRecord, Target, Transcoded};
use axum::response::Response;
use bytes::Bytes;
use dicomweb::media::{Accept, Framing, OCTET_STREAM, Offer, Resource, frame_offers};
use dicomweb::multipart::Writer;
use dicomweb::query::RetrieveRequest;
use dicomweb::url::{FrameList, MOST_FRAMES, Place};
use futures::StreamExt;
use http::StatusCode;
use http::header::{CONTENT_LENGTH, ETAG};
use model::transfer_syntax::{EXPLICIT_LE, Pixels, Syntax};

use crate::app::Call;
use crate::conditional::Tag;
use crate::outgoing::{Outgoing, Segment, begun, content_length};
use crate::refusal::Refusal;
use crate::retrieve::{Item, Representation, accept, choose, insert, multipart, single, target, unchanged};

/// Frames in the order asked for, in the transfer syntax that the client takes.
pub(crate) async fn frames(call: &Call<'_>, place: Place, list: &FrameList) -> Result<Response, Refusal> {
    let query = RetrieveRequest::parse(call.query)?;
    let accept = accept(call, &query, Resource::Frames)?;
    let target = target(place, &query)?;
    let found = call.app.archive().frames(&call.who, &target, list.numbers()).await?;
    let (stored, count) = (found.syntax, found.frames.len());
    let offers = |others: &[Syntax]| frame_offers(stored, others, count);
    let offer = negotiate(call, &accept, &found.record.clone(), stored, offers).await?;
    answer(call, found, &offer).await
}

/// What the BulkDataURI of encapsulated pixel data stands for: without compression one value, else every frame as a
/// part.
pub(crate) async fn all(
    call: &Call<'_>,
    accept: &Accept,
    target: &Target,
    location: &str,
) -> Result<Response, Refusal> {
    let found = call.app.archive().frames(&call.who, target, &[1]).await?;
    let (record, stored, total) = (found.record, found.syntax, found.total);
    let count = total as usize;
    let is_value = |offer: &Offer| offer.media == OCTET_STREAM && offer.syntax == Some(EXPLICIT_LE);
    let offers = |others: &[Syntax]| {
        let value = frame_offers(stored, others, 1).into_iter().filter(is_value);
        let parts = frame_offers(stored, others, count).into_iter().filter(|offer| !is_value(offer));
        value.chain(parts).collect::<Vec<_>>()
    };
    let offer = negotiate(call, accept, &record, stored, offers).await?;
    if is_value(&offer) {
        return value(call, &record, &offer, location).await;
    }
    if count > MOST_FRAMES {
        return Err(Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!(
                "The instance has {total} frames. Ask for at most {MOST_FRAMES} at a time: …/frames/1,2,3"
            ),
        ));
    }
    let numbers: Vec<u32> = (1..=total).collect();
    let found = call.app.archive().frames(&call.who, target, &numbers).await?;
    answer(call, found, &offer).await
}

/// The offer that the client takes of what can be made of these frames. What depends on more than their transfer syntax
/// is looked at only when it would be chosen.
async fn negotiate(
    call: &Call<'_>,
    accept: &Accept,
    record: &InstanceRecord,
    stored: Syntax,
    offers: impl Fn(&[Syntax]) -> Vec<Offer>,
) -> Result<Offer, Refusal> {
    let all = offers(&archive::possible_syntaxes(stored));
    let offer = choose(accept, &all)?;
    if lies_there(offer, stored) {
        return Ok(*offer);
    }
    let real = offers(&call.app.archive().producible(record).await?);
    Ok(*choose(accept, &real)?)
}

/// Whether nothing is to be decoded for this offer.
fn lies_there(offer: &Offer, stored: Syntax) -> bool {
    offer.syntax == Some(stored) || (stored.pixels == Pixels::Native && offer.syntax == Some(EXPLICIT_LE))
}

async fn answer(call: &Call<'_>, found: Frames, offer: &Offer) -> Result<Response, Refusal> {
    call.trace.gives(&found.record);
    let numbers: Vec<String> = found.frames.iter().map(|frame| frame.number.to_string()).collect();
    let made = !lies_there(offer, found.syntax);
    let maker = if made { MAKER } else { "" };
    let representation = format!("frames {} {}{maker}", numbers.join(","), offer.to_string_with_syntax());
    let tag = Tag::of(&found.record.digest, &representation);
    if let Some(response) = unchanged(call, &tag) {
        return Ok(response);
    }
    let record = &found.record;
    let instance = call.app.base().instance(&record.study, &record.series, &record.sop_instance);
    let locations: Vec<String> = numbers.iter().map(|number| format!("{instance}/frames/{number}")).collect();
    if let Some(to) = offer.syntax.filter(|_| made) {
        let frames = found.transcoded(to).await?;
        return transcoded(call, frames, locations, offer, &tag).await;
    }
    let mut items: Vec<Item> = found
        .frames
        .into_iter()
        .zip(locations)
        .map(|(frame, location)| Item { location, length: Some(frame.length), pieces: frame.stream })
        .collect();
    match (offer.framing, items.pop()) {
        (Framing::Single, Some(item)) => single(&call.caller.headers, item, offer, &tag).await,
        (Framing::Multipart | Framing::Single, last) => {
            items.extend(last);
            multipart(call, items, offer, &tag).await
        }
    }
}

/// Whose codecs made a representation: another version may make other bytes of the same frame.
pub(crate) const MAKER: &str = concat!(" made by ", env!("CARGO_PKG_VERSION"));

/// Frames that are made while the answer is under way. The first one is there before it begins.
async fn transcoded(
    call: &Call<'_>,
    mut made: Transcoded,
    locations: Vec<String>,
    offer: &Offer,
    tag: &Tag,
) -> Result<Response, Refusal> {
    if offer.framing == Framing::Single {
        let frame = made.frames.next().await.transpose()?.unwrap_or_default();
        let location = locations.into_iter().next().unwrap_or_default();
        let length = Some(frame.len() as u64);
        let pieces = futures::stream::iter([Ok(frame)]).boxed();
        return single(&call.caller.headers, Item { pieces, length, location }, offer, tag).await;
    }
    let mut writer = Writer::new(tag.boundary(call.app.secret()));
    let content_type = offer.content_type();
    let heads: Vec<Bytes> = locations
        .iter()
        .map(|location| writer.head(&[("Content-Type", &content_type), ("Content-Location", location)]))
        .collect();
    let close = writer.close();
    let length = made.length.and_then(|frame| {
        let parts =
            heads.iter().try_fold(0u64, |sum, head| sum.checked_add(frame)?.checked_add(head.len() as u64));
        parts?.checked_add(close.len() as u64)
    });
    let parts = futures::stream::iter(heads).zip(made.frames).flat_map(|(head, frame)| {
        let part = frame.map_or_else(|error| vec![Err(error)], |frame| vec![Ok(head), Ok(frame)]);
        futures::stream::iter(part)
    });
    let pieces = begun(parts.boxed()).await?;
    let body = Outgoing::new([Segment::Pieces(pieces), Segment::Bytes(close)], length);
    let mut response = Response::new(body.into_body());
    let headers = response.headers_mut();
    insert(headers, http::header::CONTENT_TYPE, &writer.content_type(offer.media));
    headers.insert(ETAG, tag.header());
    if let Some(length) = length {
        headers.insert(CONTENT_LENGTH, content_length(length));
    }
    Ok(response)
}

/// All frames as the one value that an instance without compression has.
async fn value(
    call: &Call<'_>,
    record: &InstanceRecord,
    offer: &Offer,
    location: &str,
) -> Result<Response, Refusal> {
    call.trace.gives(record);
    let tag = Tag::of(&record.digest, &format!("pixels {}{MAKER}", offer.to_string_with_syntax()));
    if let Some(response) = unchanged(call, &tag) {
        return Ok(response);
    }
    let value = call.app.archive().pixel_value(record).await?;
    let item = Item { pieces: value.stream, length: Some(value.length), location: location.to_owned() };
    match offer.framing {
        Framing::Single => single(&call.caller.headers, item, offer, &tag).await,
        Framing::Multipart => multipart(call, vec![item], offer, &tag).await,
    }
}
