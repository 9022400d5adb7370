//! WADO-RS: one small picture of a study, series, instance or frame, without patient identity (PS3.18 10.4.1.1.4).

use archive::{InstanceRecord, Target};
use axum::response::Response;
use dicomweb::media::{Resource, thumbnail_offers};
use dicomweb::query::{RenderedRequest, RetrieveRequest};
use dicomweb::url::{FrameList, Place};
use imaging::render::Viewport;

use crate::app::Call;
use crate::conditional::Tag;
use crate::refusal::Refusal;
use crate::rendered::{output, ready, viewport};
use crate::retrieve::{Item, accept, choose, single, target, unchanged};

/// The box that a thumbnail is fitted into where no viewport is given.
const SIZE: Viewport = Viewport { width: 256, height: 256 };
/// Instances of a study or series that are looked at for one that stands for all.
const LOOKED_AT: usize = 4_096;

/// A thumbnail. Of a list of frames the first one's.
pub(crate) async fn thumbnail(
    call: &Call<'_>,
    place: Place,
    frames: Option<&FrameList>,
) -> Result<Response, Refusal> {
    let query = RetrieveRequest::parse(call.query)?;
    let fit = RenderedRequest::parse_thumbnail(call.query)?.map_or(SIZE, viewport);
    let accept = accept(call, &query, Resource::Rendered)?;
    let offers = thumbnail_offers();
    let offer = choose(&accept, &offers)?;
    let target = target(place, &query)?;
    let target = if place.instance.is_some() { target } else { representative(call, target).await? };
    let archive = call.app.archive();
    let subject = archive.showable(&call.who, &target).await?;
    call.trace.gives(&subject.record);
    let number = frames.and_then(|list| list.numbers().first()).copied();
    if let Some(beyond) = number.filter(|number| *number > subject.frames) {
        let text = format!("There is no frame {beyond}: the instance has {}.", subject.frames);
        return Err(Refusal::not_found(text));
    }
    let way = format!("thumbnail {number:?} {} {fit:?}", offer.media);
    let tag = Tag::of(&subject.record.digest, &way);
    if let Some(response) = unchanged(call, &tag) {
        return Ok(response);
    }
    let bytes = archive.thumbnail(&subject, number, output(offer), fit).await?;
    let record = &subject.record;
    let instance = call.app.base().instance(&record.study, &record.series, &record.sop_instance);
    let location = match number {
        Some(number) => format!("{instance}/frames/{number}/thumbnail"),
        None => format!("{instance}/thumbnail"),
    };
    let item = Item { length: Some(bytes.len() as u64), pieces: ready(bytes), location };
    single(&call.caller.headers, item, offer, &tag).await
}

/// The instance that stands for a study or series: the middle one of the first series that has images, else the first.
async fn representative(call: &Call<'_>, target: Target) -> Result<Target, Refusal> {
    let mut found = call.app.archive().instances(&call.who, target).await?;
    let (mut first, mut images, mut seen): (Option<InstanceRecord>, Vec<InstanceRecord>, usize) =
        (None, Vec::new(), 0);
    'pages: loop {
        let page = found.next_page().await?;
        if page.is_empty() || seen > LOOKED_AT {
            break;
        }
        seen += page.len();
        for record in page {
            match images.first() {
                Some(image) if image.series != record.series => break 'pages,
                _ if is_image(&record) => images.push(record),
                _ => {
                    first.get_or_insert(record);
                }
            }
        }
    }
    let middle = images.len() / 2;
    let chosen = images.into_iter().nth(middle).or(first);
    let record = chosen.ok_or_else(|| Refusal::not_found("There is no such instance here."))?;
    Ok(Target {
        study: record.study,
        series: Some(record.series),
        instance: Some(record.sop_instance),
        custodian: Some(record.custodian),
        version: None,
    })
}

/// Whether the class is one of images proper: segmentations, doses and maps stand for nothing by themselves.
fn is_image(record: &InstanceRecord) -> bool {
    let name = model::sop_class::name(record.sop_class.as_str()).unwrap_or_default();
    archive::Kind::of(record) == archive::Kind::Image && name.contains("Image")
}
