//! An instance as a Part 10 file in another transfer syntax, frame by frame.
//!
//! The data set before the pixel data is rewritten as it streams, then come the frames, then what follows them. Nothing
//! is longer in memory than a few frames ([`crate::pixels`]).

use std::ops::Range;

use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use imaging::transcode::{Change, Loss, Plan, Rewrite};
use index::InstanceRecord;
use model::VR;
use model::scan::{Limits, Scanner};
use model::transfer_syntax::{EXPLICIT_LE, Encoding, Pixels, Syntax};

use crate::bulk::every_frame;
use crate::dataset::{DataSet, behind, file_head};
use crate::image::{Image, plan};
use crate::pixels::{joined, transcoded};
use crate::retrieve::stored_syntax;
use crate::{Archive, Form, Part10, ReadError};

type Pieces = BoxStream<'static, Result<Bytes, ReadError>>;

/// Bytes of a value at most (PS3.5 7.1.1): the length is even, and FFFFFFFFH means another thing.
const LONGEST: u64 = 0xFFFF_FFFE;
/// Entries of an Extended Offset Table at most; more frames go without one.
const MOST_OFFSETS: u32 = 1 << 20;

const ITEM: [u8; 4] = [0xFE, 0xFF, 0x00, 0xE0];
/// The delimiter of a sequence, with its length.
const SEQUENCE_END: [u8; 8] = [0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0];

impl Archive {
    /// An instance as a Part 10 file in this transfer syntax: as it is stored when it is in it, else converted as it
    /// streams. The record comes from [`Archive::instances`] or [`Archive::frames`].
    ///
    /// The first frame is made before this returns, so that what cannot be made is an error and not a broken file.
    ///
    /// # Errors
    /// [`ReadError::Unsupported`] for a syntax that it cannot be given in, [`ReadError::TooLarge`] for pixel data that
    /// no native value can hold, [`ReadError::Unprocessable`] for frames that are not there or cannot be decoded,
    /// [`ReadError::Busy`].
    pub async fn part10(&self, record: InstanceRecord, to: Syntax) -> Result<Part10, ReadError> {
        let stored = stored_syntax(&record)?;
        if stored == to {
            return self.open_instance(record).await?.part10(Form::AsStored);
        }
        if to == EXPLICIT_LE && stored.pixels == Pixels::Native {
            return self.open_instance(record).await?.part10(Form::ExplicitLe);
        }
        let image = Image::of(&self.shared, &record).await?;
        let source = self.open_instance(record).await?;
        match image {
            None => Ok(without_pixels(source, stored, to)),
            Some(image) => with_pixels(source.flat().await?, stored, to, &image).await,
        }
    }
}

/// Without pixel data only the encoding differs.
fn without_pixels(source: DataSet, stored: Syntax, to: Syntax) -> Part10 {
    let head = file_head(source.record(), to);
    let body = match stored.encoding {
        Encoding::ExplicitLe => source.whole(),
        Encoding::Deflated => crate::inflated::stream(source.whole()),
        Encoding::ImplicitLe | Encoding::ExplicitBe => source.recoded(stored),
    };
    Part10 { syntax: to, length: None, stream: behind(head, body) }
}

async fn with_pixels(
    source: DataSet,
    stored: Syntax,
    to: Syntax,
    image: &Image,
) -> Result<Part10, ReadError> {
    let plan = plan(stored, to, &image.format)?;
    let count = image.layout.frames();
    image.last_frame()?;
    let span = image.layout.span().ok_or(ReadError::NotFound("frame"))?;
    let native = plan.is_native().then(|| native_length(&plan, count)).transpose()?;
    let mut frames = transcoded(source.clone(), plan.clone(), every_frame(image.layout.clone()));
    let first = frames.try_next().await?.ok_or(ReadError::NotFound("frame"))?;
    let changes = plan.changes(offset_table(&plan, count).as_deref(), loss(&plan, &first));

    let frames = stream::iter([Ok(first)]).chain(frames).boxed();
    let pixels = match native {
        Some(length) => native_value(&plan, length, frames),
        None => fragments(frames),
    };
    let scan = Part { source: source.clone(), stored, limits: source.scan_limits() };
    let before = scan.clone().before(0..span.start, changes);
    let after = scan.after(span.end..source.length());
    let body = before.chain(pixels).chain(after).boxed();
    Ok(Part10 { syntax: to, length: None, stream: behind(file_head(source.record(), to), body) })
}

/// Bytes of all frames as one value, without the byte that makes them even.
fn native_length(plan: &Plan, frames: u32) -> Result<u64, ReadError> {
    let bits = plan.frame_bits().and_then(|bits| bits.checked_mul(u64::from(frames)));
    let bytes = bits.map(|bits| bits.div_ceil(8)).filter(|bytes| bytes.next_multiple_of(2) <= LONGEST);
    bytes.ok_or_else(|| {
        ReadError::TooLarge(format!(
            "the pixel data is too large for {}; ask for the instance as it is stored",
            plan.to().name
        ))
    })
}

/// The lengths of bare frames in fragments, which are known beforehand.
fn offset_table(plan: &Plan, frames: u32) -> Option<Vec<u64>> {
    let length = plan.frame_bits()?.div_ceil(8);
    (!plan.is_native() && frames > 1 && frames <= MOST_OFFSETS).then(|| vec![length; frames as usize])
}

/// What the first frame lost; it stands for all of them.
fn loss(plan: &Plan, first: &Bytes) -> Option<Loss> {
    let before = plan.source().samples_bytes()?;
    plan.loses().then_some(Loss { before, after: first.len() as u64 })
}

/// Pixel Data (7FE0,0010) as one value.
fn native_value(plan: &Plan, length: u64, frames: Pieces) -> Pieces {
    let target = plan.target();
    let vr = if target.bits_allocated > 8 { VR::OW } else { VR::OB };
    // At most LONGEST.
    let header = pixel_header(vr, length.next_multiple_of(2) as u32);
    let bits = plan.frame_bits().unwrap_or_default();
    let pad = length % 2 == 1;
    stream::iter([Ok(header)]).chain(joined(frames, bits, pad)).boxed()
}

/// Pixel Data (7FE0,0010) in fragments, one for each frame, behind an empty Basic Offset Table (PS3.5 A.4).
fn fragments(frames: Pieces) -> Pieces {
    let mut opening = pixel_header(VR::OB, u32::MAX).to_vec();
    opening.extend_from_slice(&ITEM);
    opening.extend_from_slice(&[0; 4]);
    let items = frames.map(|frame| {
        let frame = frame?;
        let length = u32::try_from(frame.len().next_multiple_of(2)).unwrap_or(u32::MAX);
        if u64::from(length) > LONGEST {
            return Err(ReadError::TooLarge("a frame is too large for a fragment".into()));
        }
        let head = Bytes::from([ITEM, length.to_le_bytes()].concat());
        let pad = Bytes::from_static(if frame.len() % 2 == 1 { &[0] } else { &[] });
        Ok(stream::iter([Ok(head), Ok(frame), Ok(pad)]))
    });
    let end = stream::iter([Ok(Bytes::from_static(&SEQUENCE_END))]);
    stream::iter([Ok(Bytes::from(opening))]).chain(items.try_flatten()).chain(end).boxed()
}

/// The header of Pixel Data in Explicit VR Little Endian.
fn pixel_header(vr: VR, length: u32) -> Bytes {
    let mut out = vec![0xE0, 0x7F, 0x10, 0x00];
    out.extend_from_slice(vr.to_string().as_bytes());
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(&length.to_le_bytes());
    Bytes::from(out)
}

/// A part of the data set on its way through a scanner.
#[derive(Clone)]
struct Part {
    source: DataSet,
    stored: Syntax,
    limits: Limits,
}

impl Part {
    /// Everything before the first byte of the pixel data, with these changes.
    fn before(self, range: Range<u64>, changes: Vec<Change>) -> Pieces {
        self.rewritten(range, Rewrite::new(changes), |rewrite| match rewrite.is_at_pixels() {
            true => Ok(()),
            false => Err(ReadError::Damaged("the pixel data is not where the index says".into())),
        })
    }

    /// Everything behind the pixel data.
    fn after(self, range: Range<u64>) -> Pieces {
        self.rewritten(range, Rewrite::new(Vec::new()), |_| Ok(()))
    }

    fn rewritten(
        self,
        range: Range<u64>,
        rewrite: Rewrite,
        ends: fn(&Rewrite) -> Result<(), ReadError>,
    ) -> Pieces {
        // What is read of a deflated data set is inflated.
        let syntax = if self.stored.encoding == Encoding::Deflated { EXPLICIT_LE } else { self.stored };
        let scanner = Scanner::new(syntax, self.limits);
        let instance = self.source.record().sop_instance;
        let pieces = self.source.stream(range, 1);
        let state = (pieces, Some((scanner, rewrite)));
        stream::try_unfold(state, move |(mut pieces, scan)| async move {
            let Some((mut scanner, mut rewrite)) = scan else { return Ok(None) };
            match pieces.try_next().await? {
                Some(piece) => {
                    let failed = |e| ReadError::Damaged(format!("{instance}: {e}"));
                    scanner.push(&piece, &mut rewrite).map_err(failed)?;
                    let written = Bytes::from(rewrite.take());
                    Ok(Some((written, (pieces, Some((scanner, rewrite))))))
                }
                None => {
                    ends(&rewrite)?;
                    rewrite.finish();
                    Ok(Some((Bytes::from(rewrite.take()), (pieces, None))))
                }
            }
        })
        .boxed()
    }
}
