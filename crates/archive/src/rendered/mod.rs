//! Instances as anything can show them: frames as pictures, documents in words, videos as they are.
//!
//! What is needed of an instance — its JSON, a few long values, the bytes of the frame and no others — goes to a decode
//! worker in one job; what comes back is kept by content.

mod cache;
mod facts;
mod kind;

use access::Principal;
use bytes::Bytes;
use dicomweb::json::{BulkTable, complete};
use imaging::frames::PixelLayout;
use imaging::image::{Attributes, Reference, references, wants};
use imaging::job::{Answer, Job};
use imaging::render::document::Form as DocumentForm;
use imaging::render::{self, Length, Output, Part, RenderError, Rendered, Request, Subject, Task, Viewport};
use index::{InstanceRecord, Target};
pub use worker::Patience;

pub(crate) use cache::Cache;
pub use kind::Kind;

use crate::pixels::whole;
use crate::retrieve::{frame_error, stored_syntax};
use crate::{Archive, ReadError, work};
use cache::Key;
use facts::Facts;

/// Largest JSON of an instance that is rendered, in bytes; a worker needs about ten times as much to read it.
const LARGEST_JSON: usize = 32 << 20;
/// Bytes of the long values that go with a frame at most: palettes, tables, a profile, overlays.
const MOST_BULK: u64 = 64 << 20;
/// Bytes of the file inside of a document that is held.
const LARGEST_FILE: u64 = 256 << 20;
/// Decoded bytes of the frames of one moving picture at most: held twice in the worker.
const MOST_MOVING: u64 = 192 << 20;
/// Decoded bytes of frames that are rendered in one job, where the JSON is long and would be read again for each.
const TOGETHER: u64 = 16 << 20;
/// Length of a JSON that is worth reading once for several frames.
const LONG_JSON: usize = 64 << 10;

/// An instance, ready to be rendered.
#[derive(Clone)]
pub struct Showable {
    /// Its record.
    pub record: InstanceRecord,
    /// What it is.
    pub kind: Kind,
    /// Frames; 0 for what is no image.
    pub frames: u32,
    /// The frame that stands for all of them.
    pub representative: u32,
    /// Letters for an icon: its modality, or its kind.
    letters: String,
    burned_in: bool,
    json: Bytes,
    bulk: BulkTable,
    layout: Option<PixelLayout>,
}

impl Archive {
    /// What is needed to render an instance.
    ///
    /// # Errors
    /// [`ReadError::NotFound`] for an unknown one, [`ReadError::Gone`] for a deleted one; [`ReadError::TooLarge`] when its attributes are too many to be read.
    pub async fn showable(&self, who: &Principal, target: &Target) -> Result<Showable, ReadError> {
        let detail = self.detail(who, target).await?;
        let row = self.shared.index.image(detail.record.row).await?.ok_or(ReadError::NotFound("instance"))?;
        let stored = work::unpack(&row.metadata)?;
        if stored.len() > LARGEST_JSON {
            return Err(ReadError::TooLarge("the instance has too many attributes to be rendered".into()));
        }
        // The addresses of long values do not matter here, but without one it is no JSON.
        let mut json = Vec::with_capacity(stored.len());
        complete(&stored, "", &mut json);
        let facts = Facts::read(&json);
        let layout = match row.pixels.is_empty() {
            true => None,
            false => Some(PixelLayout::decode(&row.pixels).map_err(|e| ReadError::Storage(e.to_string()))?),
        };
        let kind = match (Kind::of(&detail.record), &layout) {
            (Kind::Image | Kind::Video(_), None) => Kind::Other,
            (kind, _) => kind,
        };
        let frames = match (kind, &layout) {
            (Kind::Image, Some(layout)) => layout.frames(),
            (Kind::Video(_), _) => 1,
            _ => 0,
        };
        let letters = match (kind, facts.modality()) {
            (Kind::Report | Kind::File(_), _) | (_, "") => kind.letters(),
            (_, modality) => modality,
        };
        Ok(Showable {
            kind,
            frames,
            representative: facts.representative(frames),
            letters: letters.to_owned(),
            burned_in: facts.is_burned_in(),
            bulk: BulkTable::decode(&detail.bulk).map_err(|e| ReadError::Storage(e.to_string()))?,
            json: Bytes::from(json),
            layout,
            record: detail.record,
        })
    }

    /// Frame `number` (from 1) as a picture, under a presentation state if one is given. Those `following` are going to
    /// be asked for next: they may be rendered with it.
    ///
    /// # Errors
    /// [`ReadError`]: of an image that cannot be decoded or shown [`ReadError::Unprocessable`] or
    /// [`ReadError::Unsupported`].
    pub async fn picture(
        &self,
        subject: &Showable,
        number: u32,
        following: &[u32],
        request: &Request,
        state: Option<&Showable>,
        patience: Patience,
    ) -> Result<Bytes, ReadError> {
        let way = format!("{request:?}");
        let key = |number: u32| subject.key(state, &format!("{number} {way}"));
        if let Some(found) = self.shared.rendered.get(&key(number)) {
            return Ok(found);
        }
        let numbers = subject.together(number, following);
        let (rendered, files) = self.frames_job(subject, &numbers, request, state, false, patience).await?;
        let files = split(&rendered, &files)?;
        for (number, file) in numbers.iter().zip(&files) {
            self.shared.rendered.put(key(*number), file);
        }
        files.into_iter().next().ok_or_else(|| ReadError::Storage("a worker gave no picture".into()))
    }

    /// All frames as one moving GIF.
    ///
    /// # Errors
    /// As [`Archive::picture`], and [`ReadError::TooLarge`] for more than fits into one.
    pub async fn moving(&self, subject: &Showable, request: &Request) -> Result<Bytes, ReadError> {
        let key = subject.key(None, &format!("moving {request:?}"));
        if let Some(found) = self.shared.rendered.get(&key) {
            return Ok(found);
        }
        let all = subject.frame_bytes().saturating_mul(u64::from(subject.frames));
        if all > MOST_MOVING {
            return Err(ReadError::TooLarge(format!(
                "{} frames are too much for one moving picture; ask for them as parts",
                subject.frames
            )));
        }
        let numbers: Vec<u32> = (1..=subject.frames).collect();
        let (_, file) = self.frames_job(subject, &numbers, request, None, true, Patience::Queue).await?;
        self.shared.rendered.put(key, &file);
        Ok(file)
    }

    /// A picture of the instance without anything that tells who is shown: an icon where the pixels may.
    ///
    /// # Errors
    /// As [`Archive::picture`].
    pub async fn thumbnail(
        &self,
        subject: &Showable,
        number: Option<u32>,
        output: Output,
        fit: Viewport,
    ) -> Result<Bytes, ReadError> {
        if subject.kind == Kind::Image && !subject.burned_in {
            let request = Request { viewport: Some(fit), quality: 80, ..Request::new(output) };
            let number = number.unwrap_or(subject.representative);
            return self.picture(subject, number, &[], &request, None, Patience::Queue).await;
        }
        let letters = &subject.letters;
        let key = Key::of([], &format!("icon {letters} {output:?} {fit:?}"));
        if let Some(found) = self.shared.rendered.get(&key) {
            return Ok(found);
        }
        let icon = render::icon(letters, output, Some(fit)).map_err(|e| ReadError::Storage(e.to_string()))?;
        let file = Bytes::from(icon.bytes);
        self.shared.rendered.put(key, &file);
        Ok(file)
    }

    /// A report, or what is known about a file, in words.
    ///
    /// # Errors
    /// [`ReadError::Unprocessable`] when the instance is no document.
    pub async fn document(&self, subject: &Showable, form: DocumentForm) -> Result<Bytes, ReadError> {
        let key = subject.key(None, &format!("document {form:?}"));
        if let Some(found) = self.shared.rendered.get(&key) {
            return Ok(found);
        }
        let mut payload = Payload::default();
        payload.push(Part::Instance, &subject.json);
        self.push_bulk(&mut payload, subject, Part::Bulk).await?;
        let (_, file) = self.job(Subject::Document(form), payload, Patience::Queue).await?;
        self.shared.rendered.put(key, &file);
        Ok(file)
    }

    /// The file inside of a document: Encapsulated Document (0042,0011), without the byte that makes its length even.
    ///
    /// # Errors
    /// [`ReadError::Unprocessable`] when there is none.
    pub async fn file(&self, subject: &Showable) -> Result<Bytes, ReadError> {
        let none = || ReadError::Unprocessable("the instance has no document in it".into());
        let (bytes, length) = match subject.bulk.find(DOCUMENT) {
            Some(bulk) if bulk.length > LARGEST_FILE => {
                return Err(ReadError::TooLarge(format!("the document is larger than {LARGEST_FILE} bytes")));
            }
            Some(bulk) => {
                let source = self.open_instance(subject.record.clone()).await?.flat().await?;
                let end = bulk.offset.saturating_add(bulk.length);
                (whole(source.stream(bulk.offset..end, bulk.word)).await?, document_length(&subject.json))
            }
            None => {
                let object = serde_json::from_slice(&subject.json).map_err(|_| none())?;
                let nothing = imaging::image::Bulk::new();
                let all = Attributes::new(&object, &nothing);
                let inline = all.bytes(DOCUMENT).ok_or_else(none)?;
                (Bytes::from(inline.into_owned()), document_length(&subject.json))
            }
        };
        Ok(match length.and_then(|length| usize::try_from(length).ok()) {
            Some(length) if length < bytes.len() && bytes.len() - length <= 1 => bytes.slice(..length),
            _ if bytes.last() == Some(&0) => bytes.slice(..bytes.len() - 1),
            _ => bytes,
        })
    }

    /// The images that a presentation state is for, in its order.
    ///
    /// # Errors
    /// [`ReadError::Unprocessable`] when its attributes cannot be read.
    pub fn references(&self, state: &Showable) -> Result<Vec<Reference>, ReadError> {
        let object = serde_json::from_slice(&state.json)
            .map_err(|_| ReadError::Unprocessable("the presentation state cannot be read".into()))?;
        Ok(references(&Attributes::new(&object, &imaging::image::Bulk::new())))
    }

    /// Frames through a worker.
    async fn frames_job(
        &self,
        subject: &Showable,
        numbers: &[u32],
        request: &Request,
        state: Option<&Showable>,
        moving: bool,
        patience: Patience,
    ) -> Result<(Rendered, Bytes), ReadError> {
        let layout = subject.layout.as_ref().ok_or(ReadError::NotFound("frame"))?;
        let limit = self.shared.config.decoders.frame_limit();
        let frames = numbers
            .iter()
            .map(|number| layout.frame(*number).map(|frame| (*number, frame)).map_err(frame_error))
            .collect::<Result<Vec<_>, _>>()?;
        if frames.iter().any(|(_, frame)| frame.length > limit) {
            return Err(ReadError::TooLarge(format!("a frame is larger than {limit} bytes")));
        }
        let mut payload = Payload::default();
        payload.push(Part::Instance, &subject.json);
        self.push_bulk(&mut payload, subject, Part::Bulk).await?;
        if let Some(state) = state {
            payload.push(Part::State, &state.json);
            self.push_bulk(&mut payload, state, Part::StateBulk).await?;
        }
        let source = self.open_instance(subject.record.clone()).await?.flat().await?;
        for (number, frame) in frames {
            payload.push(Part::Frame(number), &whole(source.clone().frame_stream(frame)).await?);
        }
        let syntax = stored_syntax(&subject.record)?.uid.to_owned();
        let job = Subject::Frames { syntax, request: request.clone(), moving };
        self.job(job, payload, patience).await
    }

    /// The long values that rendering may need.
    async fn push_bulk(
        &self,
        payload: &mut Payload,
        subject: &Showable,
        part: fn(String) -> Part,
    ) -> Result<(), ReadError> {
        let wanted: Vec<_> = subject.bulk.iter().filter(|bulk| wants(&bulk.path)).collect();
        let all = wanted.iter().fold(0u64, |sum, bulk| sum.saturating_add(bulk.length));
        if all > MOST_BULK {
            return Err(ReadError::TooLarge("the tables and overlays of the image are too large".into()));
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let source = self.open_instance(subject.record.clone()).await?.flat().await?;
        for bulk in wanted {
            let end = bulk.offset.saturating_add(bulk.length);
            let value = whole(source.clone().stream(bulk.offset..end, bulk.word)).await?;
            payload.push(part(bulk.path), &value);
        }
        Ok(())
    }

    async fn job(
        &self,
        subject: Subject,
        payload: Payload,
        patience: Patience,
    ) -> Result<(Rendered, Bytes), ReadError> {
        let decoders = &self.shared.config.decoders;
        let task = Task { subject, parts: payload.parts, decoded: decoders.frame_limit() };
        match decoders.run(&Job::Render(task), Bytes::from(payload.bytes), patience).await? {
            (Answer::Rendered(rendered), files) => Ok((rendered, files)),
            (Answer::NotRendered(error), _) => Err(error.into()),
            (Answer::Transcoded | Answer::Failed(_), _) => {
                Err(ReadError::Storage("a worker answered another question".into()))
            }
        }
    }
}

/// Encapsulated Document (0042,0011).
const DOCUMENT: &str = "00420011";

/// Encapsulated Document Length (0042,0015).
fn document_length(json: &[u8]) -> Option<u64> {
    #[derive(serde::Deserialize)]
    struct Of {
        #[serde(rename = "00420015")]
        length: Values,
    }
    #[derive(serde::Deserialize)]
    struct Values {
        #[serde(rename = "Value")]
        values: Vec<u64>,
    }
    serde_json::from_slice::<Of>(json).ok()?.length.values.first().copied()
}

/// A payload as it grows.
#[derive(Default)]
struct Payload {
    parts: Vec<Length>,
    bytes: Vec<u8>,
}

impl Payload {
    fn push(&mut self, part: Part, bytes: &[u8]) {
        self.parts.push(Length { part, bytes: bytes.len() as u64 });
        self.bytes.extend_from_slice(bytes);
    }
}

/// The files of an answer.
fn split(rendered: &Rendered, files: &Bytes) -> Result<Vec<Bytes>, ReadError> {
    let short = || ReadError::Storage("a worker's answer is shorter than it says".into());
    let mut rest = files.clone();
    let mut split = Vec::with_capacity(rendered.lengths.len());
    for length in &rendered.lengths {
        let length =
            usize::try_from(*length).ok().filter(|length| *length <= rest.len()).ok_or_else(short)?;
        split.push(rest.split_to(length));
    }
    Ok(split)
}

impl Showable {
    fn key(&self, state: Option<&Showable>, way: &str) -> Key {
        let digests = [Some(self), state];
        Key::of(digests.iter().flatten().map(|subject| &subject.record.digest), way)
    }

    /// Bytes of a decoded frame, as far as the data set tells.
    fn frame_bytes(&self) -> u64 {
        let Some(shape) = self.layout.as_ref().map(PixelLayout::shape) else { return 0 };
        [shape.rows, shape.columns, shape.samples, shape.bits_allocated.div_ceil(8)]
            .iter()
            .fold(1u64, |product, factor| product.saturating_mul(u64::from((*factor).max(1))))
    }

    /// The frame, and as many of those after it as are worth reading the JSON once for.
    fn together(&self, number: u32, following: &[u32]) -> Vec<u32> {
        let more = match self.json.len() > LONG_JSON {
            true => (TOGETHER / self.frame_bytes().max(1)).min(64),
            false => 0,
        };
        let more = usize::try_from(more).unwrap_or(0);
        let existing = following.iter().filter(|next| (1..=self.frames).contains(*next));
        std::iter::once(number).chain(existing.take(more).copied()).collect()
    }
}

impl From<RenderError> for ReadError {
    fn from(error: RenderError) -> Self {
        match error {
            RenderError::Pixels(error) => error.into(),
            RenderError::Region | RenderError::Size => ReadError::BadRequest(error.to_string()),
            RenderError::Encoding | RenderError::Unsupported(_) => ReadError::Unsupported(error.to_string()),
            RenderError::Image(_) | RenderError::Attributes | RenderError::Samples => {
                ReadError::Unprocessable(error.to_string())
            }
        }
    }
}
