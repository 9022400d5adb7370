//! What has to be done to an instance before it can be laid out: pictures become pixels, codestreams are asked.

use dicomweb::stow::Failure;
use model::{Tag, VR};

use super::codestream;
use super::held::Store;
use super::part::{Coded, Picture, Role};
use super::pictures::{self, Pixels, Trouble};
use super::places::Places;
use super::waiting::Pending;

/// Prepares an instance whose parts are there.
///
/// # Errors
/// [`Trouble`].
pub(super) async fn prepare(
    pending: &mut Pending,
    store: &mut Store,
    places: &Places,
) -> Result<(), Trouble> {
    for hole in 0..pending.holes.len() {
        let nested = pending.instance.bulk().get(hole).is_none_or(|hole| hole.nested);
        match pending.holes.get(hole).and_then(|filling| filling.role) {
            Some(Role::Picture(picture)) => draw(pending, hole, picture, nested, store, places).await?,
            Some(Role::Frame(coded)) => ask(pending, hole, coded, nested, store).await?,
            Some(Role::Value | Role::Document) | None => {}
        }
    }
    Ok(())
}

/// Looks at the first frame of compressed pixel data.
async fn ask(
    pending: &mut Pending,
    hole: usize,
    coded: Coded,
    nested: bool,
    store: &Store,
) -> Result<(), Trouble> {
    let Some(filling) = pending.holes.get_mut(hole) else { return Ok(()) };
    let Some(first) = filling.pieces.first().and_then(Option::as_ref) else { return Ok(()) };
    if !codestream::is_wanted(&pending.instance, coded) {
        return Ok(());
    }
    let start = first.start(store, codestream::HEAD).await.map_err(Trouble::Storage)?;
    let syntax = match nested {
        true => codestream::syntax(coded, &start),
        false => codestream::complete(&mut pending.instance, coded, &start)
            .map_err(|(failure, why)| Trouble::Picture(failure, why))?,
    };
    filling.role = Some(Role::Frame(Coded { syntax, named: true }));
    Ok(())
}

/// Puts the pixels of a picture in its place.
async fn draw(
    pending: &mut Pending,
    hole: usize,
    picture: Picture,
    nested: bool,
    store: &mut Store,
    places: &Places,
) -> Result<(), Trouble> {
    let Some(filling) = pending.holes.get_mut(hole) else { return Ok(()) };
    let Some(held) = filling.pieces.first_mut().and_then(Option::take) else { return Ok(()) };
    let permit = places.picture().await;
    let Pixels { format, frames, piece } = pictures::decode(picture, &held, store).await?;
    drop(permit);
    filling.pieces = vec![Some(piece)];
    filling.role = Some(Role::Value);
    if nested {
        // The attributes of an icon stand beside it; they are taken as they are.
        return Ok(());
    }
    let described = [
        (0x0002, "Samples per Pixel", u64::from(format.components)),
        (0x0008, "Number of Frames", u64::from(frames)),
        (0x0010, "Rows", u64::from(format.height)),
        (0x0011, "Columns", u64::from(format.width)),
        (0x0100, "Bits Allocated", u64::from(format.bits)),
    ];
    let instance = &mut pending.instance;
    for (element, name, found) in described {
        let told = instance.number(Tag(0x0028, element));
        if let Some(told) = told.filter(|told| *told != found) {
            let why = format!("{name} is {told}, its picture has {found}");
            return Err(Trouble::Picture(Failure::Mismatch, why));
        }
    }
    if frames > 1 {
        instance.supply(Tag(0x0028, 0x0008), VR::IS, frames.to_string().as_bytes());
    }
    let photometric = if format.components == 1 { "MONOCHROME2" } else { "RGB" };
    codestream::supply(instance, &format, photometric);
    Ok(())
}
