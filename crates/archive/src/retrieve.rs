//! Reading what is held: instances, metadata, frames, bulk data.

use std::ops::Range;
use std::sync::Arc;

use access::{Action, Principal, Scope};
use dicomweb::json::BulkTable;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use imaging::frames::{Frame, PixelLayout};
use index::{Cursor, Group, IndexError, InstanceDetail, InstanceRecord, Target};
use model::transfer_syntax::{self, Syntax};
use model::{SeriesUid, SopInstanceUid, StudyUid, VR};

use bytes::Bytes;

use crate::bulk::short;
use crate::dataset::DataSet;
use crate::image::{Image, plan};
use crate::remove::missing;
use crate::{Archive, ReadError, Shared, pixels, work};

/// Records or metadata rows read from the index at a time: about 1 KiB each for records, 3 KiB for metadata.
const PAGE: u32 = 256;

/// Records read at first: what is given at once does not wait for more. Each page then has four times as many.
const FIRST_PAGE: u32 = 16;

/// The instances of a target, page by page in a stable order.
pub struct Instances {
    shared: Arc<Shared>,
    scope: Scope,
    target: Target,
    next: Option<Vec<InstanceRecord>>,
    after: Option<Cursor>,
    limit: u32,
    counted: Option<Counted>,
}

/// Of [`Archive::counted`]: what a walk gives.
#[derive(Clone, Copy)]
struct Counted {
    /// How many there were.
    instances: u64,
    /// Of those, how many were not given yet.
    left: u64,
    /// The largest sequence among them.
    newest: u64,
}

/// The metadata of a target's instances, page by page in the same order.
pub struct Metadata {
    shared: Arc<Shared>,
    scope: Scope,
    target: Target,
    next: Option<Vec<MetadataItem>>,
    after: Option<Cursor>,
}

/// One instance's DICOM JSON as it was made at store time; `dicomweb::json::complete` puts the URLs in.
pub struct MetadataItem {
    /// (0020,000D).
    pub study: StudyUid,
    /// (0020,000E).
    pub series: SeriesUid,
    /// (0008,0018).
    pub sop_instance: SopInstanceUid,
    /// One JSON object.
    pub json: Vec<u8>,
}

/// Frames of one instance, in the order asked for.
pub struct Frames {
    /// The instance.
    pub record: InstanceRecord,
    /// As stored.
    pub syntax: Syntax,
    /// How many frames the instance has; a video is one, its whole stream.
    pub total: u32,
    /// The frames, as they are stored.
    pub frames: Vec<FrameItem>,
    shared: Arc<Shared>,
    source: DataSet,
    places: Vec<Frame>,
}

/// Frames in another transfer syntax than the one they are stored in.
pub struct Transcoded {
    /// Bytes of each frame, where it comes out bare; a compressed one tells its length when it comes.
    pub length: Option<u64>,
    /// The frames, in the order asked for, each whole.
    pub frames: BoxStream<'static, Result<Bytes, ReadError>>,
}

impl Frames {
    /// The frames in this transfer syntax, each made while the ones before it are sent.
    ///
    /// # Errors
    /// [`ReadError::Unsupported`] when they cannot be given in it, [`ReadError::Unprocessable`] when the data set does
    /// not describe them.
    pub async fn transcoded(self, to: Syntax) -> Result<Transcoded, ReadError> {
        let image = Image::of(&self.shared, &self.record).await?.ok_or(ReadError::NotFound("frame"))?;
        let plan = plan(self.syntax, to, &image.format)?;
        let length = plan.frame_bits().map(|bits| bits.div_ceil(8));
        let places = self.places.into_iter().map(Ok);
        Ok(Transcoded { length, frames: pixels::transcoded(self.source, plan, places) })
    }
}

/// One frame, ready to stream: native pixels little endian, or the frame's codestream.
pub struct FrameItem {
    /// 1-based.
    pub number: u32,
    /// Bytes.
    pub length: u64,
    /// The bytes, verified.
    pub stream: BoxStream<'static, Result<Bytes, ReadError>>,
}

/// One long value, ready to stream in little endian.
pub struct BulkItem {
    /// The instance.
    pub record: InstanceRecord,
    /// Its VR.
    pub vr: VR,
    /// Bytes.
    pub length: u64,
    /// It is the instance's encapsulated pixel data, of which [`BulkItem::stream`] gives the items as they lie: ask for
    /// frames. That of an icon, which has no frames, comes as its fragments joined.
    pub encapsulated: bool,
    /// The value's place and the data set it lies in.
    source: DataSet,
    start: u64,
    word: u8,
    /// The fragments of an icon, joined.
    icon: Option<Bytes>,
}

impl BulkItem {
    /// Whether it is an icon's codestream, in the instance's transfer syntax.
    pub fn is_codestream(&self) -> bool {
        self.icon.is_some()
    }

    /// The bytes of `range` within the value, verified; the range must lie inside it.
    pub fn stream(&self, range: Range<u64>) -> BoxStream<'static, Result<Bytes, ReadError>> {
        if let Some(icon) = &self.icon {
            let whole = stream::iter([Ok(icon.clone())]).boxed();
            return within(whole, range.start, range.end - range.start);
        }
        let word = u64::from(self.word.max(1));
        // Words are turned whole, so the reading begins and ends with one.
        let (from, to) =
            (range.start - range.start % word, range.end.next_multiple_of(word).min(self.length));
        let whole = self.source.clone().stream(self.start + from..self.start + to, self.word);
        if (from, to) == (range.start, range.end) {
            return whole;
        }
        within(whole, range.start - from, range.end - range.start)
    }
}

/// Largest encapsulated icon with its items, in bytes; it is joined in memory.
const ICON: u64 = 4 << 20;

/// The fragments of encapsulated pixel data behind its offset table, joined (PS3.5 A.4).
pub(crate) async fn fragments_joined(source: DataSet, offset: u64, length: u64) -> Result<Bytes, ReadError> {
    if length > ICON {
        return Err(ReadError::Unprocessable(format!("the icon is larger than {ICON} bytes")));
    }
    let items = short(source.stream(offset..offset.saturating_add(length), 1)).await?;
    let (mut rest, mut out, mut first) = (items.as_slice(), Vec::new(), true);
    while let Some((head, behind)) = rest.split_first_chunk::<8>() {
        let [_, _, _, _, a, b, c, d] = *head;
        let length = usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        let Some((fragment, tail)) = behind.split_at_checked(length) else { break };
        if !first {
            out.extend_from_slice(fragment);
        }
        (rest, first) = (tail, false);
    }
    Ok(Bytes::from(out))
}

/// `length` bytes of a stream behind its first `skip` bytes.
fn within(
    pieces: BoxStream<'static, Result<Bytes, ReadError>>,
    skip: u64,
    length: u64,
) -> BoxStream<'static, Result<Bytes, ReadError>> {
    let mut at = 0;
    let cut = move |piece: Bytes| {
        let here = piece.len() as u64;
        let from = skip.saturating_sub(at).min(here);
        let to = (skip + length).saturating_sub(at).clamp(from, here);
        at += here;
        // Both are within the piece, whose length is a usize.
        piece.slice(from as usize..to as usize)
    };
    pieces.map_ok(cut).boxed()
}

impl Archive {
    /// The instances of a study, series or instance.
    ///
    /// # Errors
    /// [`ReadError::NotFound`] when the scope holds none, [`ReadError::Gone`] when it did, [`ReadError::Denied`].
    pub async fn instances(&self, who: &Principal, target: Target) -> Result<Instances, ReadError> {
        let scope = who.scope_for(Action::Retrieve)?;
        let shared = Arc::clone(&self.shared);
        let mut instances =
            Instances { shared, scope, target, next: None, after: None, limit: FIRST_PAGE, counted: None };
        let first = instances.next_page().await?;
        if first.is_empty() {
            return Err(missing(self.shared.index.as_ref(), &instances.scope, &instances.target).await);
        }
        instances.next = Some(first);
        Ok(instances)
    }

    /// The instances of a study, series or instance as they are now, counted before the first record is read. The walk
    /// gives those that were counted: it leaves out what comes meanwhile, and fails when one of them has gone.
    ///
    /// # Errors
    /// As of [`Archive::instances`].
    pub async fn counted(
        &self,
        who: &Principal,
        mut target: Target,
    ) -> Result<(Vec<Group>, Instances), ReadError> {
        let groups = self.groups(who, &target).await?;
        let Some(first) = groups.first() else {
            let scope = who.scope_for(Action::Retrieve)?;
            return Err(missing(self.shared.index.as_ref(), &scope, &target).await);
        };
        // Another holding of the same study may come first by now.
        target.custodian = Some(first.custodian.clone());
        let all = groups.iter().map(|group| group.instances).sum();
        let newest = groups.iter().map(|group| group.newest).max().unwrap_or(0);
        let mut instances = self.instances(who, target).await?;
        instances.counted = Some(Counted { instances: all, left: all, newest });
        Ok((groups, instances))
    }

    /// What there is of a study, series or instance, without its records: how many instances are alike. None where there is
    /// nothing.
    ///
    /// # Errors
    /// [`ReadError::Denied`]; [`ReadError::Storage`] when the index fails.
    pub async fn groups(&self, who: &Principal, target: &Target) -> Result<Vec<Group>, ReadError> {
        let scope = who.scope_for(Action::Retrieve)?;
        Ok(self.shared.index.groups(&scope, target).await?)
    }

    /// Opens an instance's bytes for reading. The record comes from [`Archive::instances`] or [`Archive::frames`].
    ///
    /// # Errors
    /// [`ReadError::Storage`] when the file is not where the index says, twice.
    pub async fn open_instance(&self, record: InstanceRecord) -> Result<DataSet, ReadError> {
        DataSet::open(&self.shared, record).await
    }

    /// The metadata of a study's, series' or instance's instances, from the index alone.
    ///
    /// # Errors
    /// [`ReadError::NotFound`] when the scope holds none, [`ReadError::Gone`] when it did, [`ReadError::Denied`].
    pub async fn metadata(&self, who: &Principal, target: Target) -> Result<Metadata, ReadError> {
        let scope = who.scope_for(Action::Retrieve)?;
        let mut metadata =
            Metadata { shared: Arc::clone(&self.shared), scope, target, next: None, after: None };
        let first = metadata.next_page().await?;
        if first.is_empty() {
            return Err(missing(self.shared.index.as_ref(), &metadata.scope, &metadata.target).await);
        }
        metadata.next = Some(first);
        Ok(metadata)
    }

    /// Frames of an instance, 1-based, in the order asked for.
    ///
    /// # Errors
    /// [`ReadError::NotFound`] for an unknown instance or a frame beyond its count; [`ReadError::Unprocessable`] when
    /// the frame's bytes are not there.
    pub async fn frames(
        &self,
        who: &Principal,
        target: &Target,
        numbers: &[u32],
    ) -> Result<Frames, ReadError> {
        let detail = self.detail(who, target).await?;
        let syntax = stored_syntax(&detail.record)?;
        if detail.pixels.is_empty() {
            return Err(ReadError::NotFound("frame"));
        }
        let layout = PixelLayout::decode(&detail.pixels).map_err(|e| ReadError::Storage(e.to_string()))?;
        let wanted = numbers
            .iter()
            .map(|&n| layout.frame(n).map(|frame| (n, frame)).map_err(frame_error))
            .collect::<Result<Vec<_>, _>>()?;
        let total = if layout.is_video() { 1 } else { layout.frames() };
        let record = detail.record;
        let source = self.open_instance(record.clone()).await?.flat().await?;
        let frames = wanted
            .iter()
            .map(|(number, frame)| FrameItem {
                number: *number,
                length: frame.length,
                stream: source.clone().frame_stream(frame.clone()),
            })
            .collect();
        let places = wanted.into_iter().map(|(_, frame)| frame).collect();
        Ok(Frames { record, syntax, total, frames, shared: Arc::clone(&self.shared), source, places })
    }

    /// The value that a BulkDataURI of the metadata names: `path` is what follows `bulkdata/`.
    ///
    /// # Errors
    /// [`ReadError::NotFound`] for an unknown instance or path.
    pub async fn bulk(&self, who: &Principal, target: &Target, path: &str) -> Result<BulkItem, ReadError> {
        let detail = self.detail(who, target).await?;
        let table = BulkTable::decode(&detail.bulk).map_err(|e| ReadError::Storage(e.to_string()))?;
        let bulk = table.find(path).ok_or(ReadError::NotFound("bulk data"))?;
        let (vr, start, length) = (bulk.vr, bulk.offset, bulk.length);
        let source = self.open_instance(detail.record.clone()).await?.flat().await?;
        let (word, encapsulated) = (bulk.word, bulk.encapsulated);
        let mut item =
            BulkItem { record: detail.record, vr, length, encapsulated, source, start, word, icon: None };
        if encapsulated && path.contains('/') {
            let icon = fragments_joined(item.source.clone(), start, length).await?;
            item.length = icon.len() as u64;
            item.encapsulated = false;
            item.icon = Some(icon);
        }
        Ok(item)
    }

    pub(crate) async fn detail(&self, who: &Principal, target: &Target) -> Result<InstanceDetail, ReadError> {
        let scope = who.scope_for(Action::Retrieve)?;
        match self.shared.index.instance(&scope, target).await? {
            Some(found) => Ok(found),
            None => Err(missing(self.shared.index.as_ref(), &scope, target).await),
        }
    }
}

impl Instances {
    /// The same walk from its beginning.
    pub fn again(&self) -> Self {
        let (shared, scope, target) = (Arc::clone(&self.shared), self.scope.clone(), self.target.clone());
        let counted = self.counted.map(|counted| Counted { left: counted.instances, ..counted });
        Self { shared, scope, target, next: None, after: None, limit: FIRST_PAGE, counted }
    }

    /// The next records; empty at the end.
    ///
    /// # Errors
    /// [`ReadError::Gone`] when the target was deleted since the page before, [`ReadError::Changed`] when something was
    /// that [`Archive::counted`] counted; [`ReadError::Storage`] when the index fails.
    pub async fn next_page(&mut self) -> Result<Vec<InstanceRecord>, ReadError> {
        let Some(Counted { instances, left, newest }) = self.counted else { return self.read().await };
        loop {
            let mut page = match self.read().await {
                // Deleted when all of it had been given.
                Err(ReadError::Gone(_)) if left == 0 => return Ok(Vec::new()),
                read => read?,
            };
            if page.is_empty() {
                return if left == 0 { Ok(page) } else { Err(ReadError::Changed(level_name(&self.target))) };
            }
            page.retain(|record| record.sequence <= newest);
            if !page.is_empty() {
                let left = left.saturating_sub(page.len() as u64);
                self.counted = Some(Counted { instances, left, newest });
                return Ok(page);
            }
        }
    }

    async fn read(&mut self) -> Result<Vec<InstanceRecord>, ReadError> {
        if let Some(first) = self.next.take() {
            return Ok(first);
        }
        let page = self.shared.index.instances(&self.scope, &self.target, self.after, self.limit).await;
        let page = page.map_err(|error| while_read(error, &self.target))?;
        self.limit = PAGE.min(4 * self.limit);
        if let Some(last) = page.last() {
            self.after = Some(last.cursor);
        }
        Ok(page)
    }
}

impl Metadata {
    /// The next instances' metadata; empty at the end.
    ///
    /// # Errors
    /// [`ReadError::Gone`] when the target was deleted since the page before; [`ReadError::Storage`] when the index
    /// fails or a row cannot be unpacked.
    pub async fn next_page(&mut self) -> Result<Vec<MetadataItem>, ReadError> {
        if let Some(first) = self.next.take() {
            return Ok(first);
        }
        let rows = self.shared.index.metadata(&self.scope, &self.target, self.after, PAGE).await;
        let rows = rows.map_err(|error| while_read(error, &self.target))?;
        if let Some(last) = rows.last() {
            self.after = Some(last.cursor);
        }
        rows.into_iter()
            .map(|row| {
                let json = work::unpack(&row.metadata)?;
                Ok(MetadataItem {
                    study: row.study,
                    series: row.series,
                    sop_instance: row.sop_instance,
                    json,
                })
            })
            .collect()
    }
}

/// Why a target's next page cannot be read.
fn while_read(error: IndexError, target: &Target) -> ReadError {
    match error {
        IndexError::Gone => ReadError::Gone(level_name(target)),
        other => other.into(),
    }
}

pub(crate) fn stored_syntax(record: &InstanceRecord) -> Result<Syntax, ReadError> {
    transfer_syntax::by_uid(&record.transfer_syntax).ok_or_else(|| {
        ReadError::Storage(format!("the index names transfer syntax {}", record.transfer_syntax))
    })
}

pub(crate) fn level_name(target: &Target) -> &'static str {
    match (&target.series, &target.instance) {
        (_, Some(_)) => "instance",
        (Some(_), None) => "series",
        (None, None) => "study",
    }
}

pub(crate) fn frame_error(error: imaging::frames::FrameError) -> ReadError {
    match error.is_not_found() {
        true => ReadError::NotFound("frame"),
        false => ReadError::Unprocessable(error.to_string()),
    }
}
