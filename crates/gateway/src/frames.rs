//! WADO-RS: frames of an instance (PS3.18 10.4.1.1.6).

use archive::{Frames, Target};
use axum::response::Response;
use dicomweb::media::{Accept, Framing, Resource, frame_offers};
use dicomweb::query::RetrieveRequest;
use dicomweb::url::{FrameList, MOST_FRAMES, Place};
use http::StatusCode;

use crate::app::Call;
use crate::conditional::Tag;
use crate::refusal::Refusal;
use crate::retrieve::{Item, Representation, accept, choose, multipart, single, target, unchanged};

/// Frames in the order asked for: without compression as octets, else as the codestreams that are stored.
pub(crate) async fn frames(call: &Call<'_>, place: Place, list: &FrameList) -> Result<Response, Refusal> {
    let query = RetrieveRequest::parse(call.query)?;
    let accept = accept(call, &query, Resource::Frames)?;
    let target = target(place, &query)?;
    let frames = call.app.archive().frames(&call.who, &target, list.numbers()).await?;
    answer(call, &accept, frames).await
}

/// Every frame: what the BulkDataURI of encapsulated pixel data stands for.
pub(crate) async fn all(call: &Call<'_>, accept: &Accept, target: &Target) -> Result<Response, Refusal> {
    let first = call.app.archive().frames(&call.who, target, &[1]).await?;
    if first.total as usize > MOST_FRAMES {
        return Err(Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!(
                "The instance has {} frames. Ask for at most {MOST_FRAMES} at a time: …/frames/1,2,3",
                first.total
            ),
        ));
    }
    let numbers: Vec<u32> = (1..=first.total).collect();
    drop(first);
    let frames = call.app.archive().frames(&call.who, target, &numbers).await?;
    answer(call, accept, frames).await
}

async fn answer(call: &Call<'_>, accept: &Accept, found: Frames) -> Result<Response, Refusal> {
    let offers = frame_offers(found.syntax, found.frames.len());
    let offer = choose(accept, &offers)?;
    let numbers: Vec<String> = found.frames.iter().map(|frame| frame.number.to_string()).collect();
    let representation = format!("frames {} {}", numbers.join(","), offer.to_string_with_syntax());
    let tag = Tag::of(&found.record.digest, &representation);
    if let Some(response) = unchanged(call, &tag) {
        return Ok(response);
    }
    let record = &found.record;
    let instance = call.app.base().instance(&record.study, &record.series, &record.sop_instance);
    let mut items: Vec<Item> = found
        .frames
        .into_iter()
        .map(|frame| Item {
            location: format!("{instance}/frames/{}", frame.number),
            length: Some(frame.length),
            pieces: frame.stream,
        })
        .collect();
    match (offer.framing, items.pop()) {
        (Framing::Single, Some(item)) => single(&call.caller.headers, item, offer, &tag).await,
        (Framing::Multipart | Framing::Single, last) => {
            items.extend(last);
            multipart(call, items, offer, &tag).await
        }
    }
}
