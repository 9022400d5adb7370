//! Frames as pictures: of an image, or of the images that a presentation state is for.

use std::sync::Arc;

use archive::{Kind, Patience, ReadErrorKind, Showable, Target};
use axum::response::Response;
use dicomweb::media::{Accept, Framing, Offer, Pictures, picture_offers};
use dicomweb::url::{FrameList, MOST_FRAMES};
use futures::StreamExt;
use http::StatusCode;
use http::header::WARNING;
use imaging::render::{Output, Request};

use super::wishes::Wishes;
use super::{bare_or_part, location, tag};
use crate::app::Call;
use crate::conditional::Tag;
use crate::refusal::Refusal;
use crate::retrieve::{Item, choose, multipart, unchanged};

/// Frames that the renderer is told about ahead.
const AHEAD: usize = 64;

/// One frame of one image, perhaps under a state.
#[derive(Clone)]
struct Shot {
    subject: Arc<Showable>,
    number: u32,
    state: Option<Arc<Showable>>,
}

/// An image, or frames of it.
pub(super) async fn image(
    call: &Call<'_>,
    accept: &Accept,
    wishes: &Wishes,
    subject: Showable,
    frames: Option<&FrameList>,
) -> Result<Response, Refusal> {
    let pictures = match frames.map(FrameList::numbers) {
        Some([_]) => Pictures::One,
        Some(_) => Pictures::Several,
        None if subject.frames == 1 => Pictures::One,
        None => Pictures::Moving,
    };
    if let Some(beyond) = frames.and_then(|list| list.numbers().iter().find(|n| **n > subject.frames)) {
        let text = format!("There is no frame {beyond}: the instance has {}.", subject.frames);
        return Err(Refusal::not_found(text));
    }
    let offers = picture_offers(pictures);
    let offer = choose(accept, &offers)?;
    let request = wishes.request(offer)?;
    let moving = pictures == Pictures::Moving && offer.framing == Framing::Single;
    let numbers: Vec<u32> = match frames {
        Some(list) => list.numbers().to_vec(),
        None if moving => vec![subject.representative],
        None => every(&subject)?,
    };
    if moving && request.output == Output::Gif {
        return animation(call, &subject, offer, &request).await;
    }
    let tag = tag(&subject, offer, &format!("{numbers:?} {request:?}"));
    let subject = Arc::new(subject);
    let shot = |number| Shot { subject: Arc::clone(&subject), number, state: None };
    answer(call, offer, &request, &numbers.into_iter().map(shot).collect::<Vec<_>>(), &tag).await
}

/// One picture of an image as the whole body: a frame, perhaps under a state, or all of them moving.
pub(super) async fn bare(
    call: &Call<'_>,
    accept: &Accept,
    wishes: &Wishes,
    subject: Showable,
    frame: Option<u32>,
    state: Option<Showable>,
) -> Result<Response, Refusal> {
    let mut offers = picture_offers(Pictures::One);
    offers.retain(|offer| offer.framing == Framing::Single);
    let offer = choose(accept, &offers)?;
    let request = wishes.request(offer)?;
    let all = frame.is_none() && state.is_none() && subject.frames > 1;
    if all && request.output == Output::Gif {
        return animation(call, &subject, offer, &request).await;
    }
    let number = frame.unwrap_or(subject.representative);
    let under = state.as_ref().map(|state| state.record.digest);
    let tag = tag(&subject, offer, &format!("{number} {request:?} {under:?}"));
    let shot = Shot { subject: Arc::new(subject), number, state: state.map(Arc::new) };
    answer(call, offer, &request, &[shot], &tag).await
}

/// The number of each frame.
fn every(subject: &Showable) -> Result<Vec<u32>, Refusal> {
    if subject.frames as usize > MOST_FRAMES {
        return Err(too_many(subject.frames as usize));
    }
    Ok((1..=subject.frames).collect())
}

fn too_many(count: usize) -> Refusal {
    let text =
        format!("That is {count} pictures. Ask for at most {MOST_FRAMES} at a time: …/frames/1,2,3/rendered");
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, text)
}

async fn animation(
    call: &Call<'_>,
    subject: &Showable,
    offer: &Offer,
    request: &Request,
) -> Result<Response, Refusal> {
    let tag = tag(subject, offer, &format!("moving {request:?}"));
    if let Some(response) = unchanged(call, &tag) {
        return Ok(response);
    }
    let bytes = call.app.archive().moving(subject, request).await?;
    bare_or_part(call, bytes, location(call, subject), offer, &tag).await
}

/// The images of a presentation state, as it shows them, in the order in which it names them.
pub(super) async fn state(
    call: &Call<'_>,
    accept: &Accept,
    wishes: &Wishes,
    target: &Target,
    state: Showable,
    frames: Option<&FrameList>,
) -> Result<Response, Refusal> {
    if frames.is_some() {
        return Err(Refusal::not_found("A presentation state has no frames; ask for it as a whole."));
    }
    wishes.check_for_state()?;
    let archive = call.app.archive();
    let state = Arc::new(state);
    let (mut shots, mut missing): (Vec<Shot>, usize) = (Vec::new(), 0);
    for reference in archive.references(&state)? {
        let (Ok(series), Ok(instance)) = (reference.series.parse(), reference.instance.parse()) else {
            missing += 1;
            continue;
        };
        let target =
            Target { series: Some(series), instance: Some(instance), version: None, ..target.clone() };
        let subject = match archive.showable(&call.who, &target).await {
            Ok(subject) if subject.kind == Kind::Image => Arc::new(subject),
            Ok(_) => {
                missing += 1;
                continue;
            }
            Err(error) if matches!(error.kind(), ReadErrorKind::NotFound | ReadErrorKind::Gone) => {
                missing += 1;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let numbers = if reference.frames.is_empty() { every(&subject)? } else { reference.frames };
        let there = numbers.into_iter().filter(|number| *number <= subject.frames);
        let state = Some(&state);
        shots.extend(there.map(|number| Shot {
            subject: Arc::clone(&subject),
            number,
            state: state.cloned(),
        }));
        if shots.len() > MOST_FRAMES {
            return Err(too_many(shots.len()));
        }
    }
    if shots.is_empty() {
        return Err(Refusal::not_found("None of the images that the presentation state is for is here."));
    }
    let offers = picture_offers(if shots.len() == 1 { Pictures::One } else { Pictures::Several });
    let offer = choose(accept, &offers)?;
    let request = wishes.request(offer)?;
    let of: Vec<String> = shots
        .iter()
        .map(|shot| {
            format!("{} {} {:?}", shot.subject.record.sop_instance, shot.number, shot.subject.record.digest)
        })
        .collect();
    let tag = tag(&state, offer, &format!("{} {request:?}", of.join(",")));
    let mut response = answer(call, offer, &request, &shots, &tag).await?;
    if missing > 0 {
        let text = format!("{missing} images of the presentation state are left out: they are not here");
        response.headers_mut().append(WARNING, call.app.warning(&text));
        if response.status() == StatusCode::OK {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        }
    }
    Ok(response)
}

/// The pictures as one body or as parts. A part is rendered when the one before it has been sent.
async fn answer(
    call: &Call<'_>,
    offer: &Offer,
    request: &Request,
    shots: &[Shot],
    tag: &Tag,
) -> Result<Response, Refusal> {
    if let Some(response) = unchanged(call, tag) {
        return Ok(response);
    }
    if let ([shot], Framing::Single) = (shots, offer.framing) {
        let state = shot.state.as_deref();
        let archive = call.app.archive();
        let bytes = archive.picture(&shot.subject, shot.number, &[], request, state, Patience::Queue).await?;
        return bare_or_part(call, bytes, of_frame(call, shot), offer, tag).await;
    }
    let items = shots.iter().enumerate().map(|(at, shot)| Item {
        pieces: later(call, shot, shots.get(at + 1..).unwrap_or_default(), request, at == 0),
        length: None,
        location: of_frame(call, shot),
    });
    multipart(call, items.collect(), offer, tag).await
}

/// A picture that is rendered when it is asked for.
fn later(
    call: &Call<'_>,
    shot: &Shot,
    next: &[Shot],
    request: &Request,
    first: bool,
) -> crate::outgoing::Pieces {
    let same = |next: &&Shot| Arc::ptr_eq(&next.subject, &shot.subject);
    let following: Vec<u32> = next.iter().take(AHEAD).take_while(same).map(|shot| shot.number).collect();
    let (archive, shot, request) = (call.app.archive().clone(), shot.clone(), request.clone());
    let patience = if first { Patience::Queue } else { Patience::Wait };
    futures::stream::once(async move {
        let state = shot.state.as_deref();
        archive.picture(&shot.subject, shot.number, &following, &request, state, patience).await
    })
    .boxed()
}

/// The URL of a frame's picture; of one under a state that of the state.
fn of_frame(call: &Call<'_>, shot: &Shot) -> String {
    match &shot.state {
        Some(state) => location(call, state),
        None if shot.subject.frames == 1 => location(call, &shot.subject),
        None => {
            let record = &shot.subject.record;
            let instance = call.app.base().instance(&record.study, &record.series, &record.sop_instance);
            format!("{instance}/frames/{}/rendered", shot.number)
        }
    }
}
