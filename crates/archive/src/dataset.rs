//! An opened instance: its bytes, checked against their sums before anyone sees them, in the form asked for.

use std::ops::Range;
use std::sync::Arc;

use blob::{CHUNK, Place, Reader};
use bytes::Bytes;
use futures::TryStreamExt;
use futures::stream::{self, BoxStream, StreamExt};
use imaging::frames::Frame;
use index::{InstanceRecord, Location, RowId};
use model::part10::{NewMeta, write_head};
use model::recode::{ToExplicitLe, WordSwap};
use model::scan::{Limits, Scanner};
use model::transfer_syntax::{self, Encoding, Pixels, Syntax};

use crate::inflated::Inflated;
use crate::retrieve::stored_syntax;
use crate::{Decoders, ReadError, Shared, quarantine};

/// Bytes read at a time: four chunks, one `preadv2`.
const READ: u64 = 4 * CHUNK;
/// Chunk sums fetched at a time for large instances: 4 KiB of sums for 64 MiB.
const SUMS: u64 = 1_024;
/// The form in which an instance leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// As it was stored.
    AsStored,
    /// Explicit VR Little Endian; only for instances whose pixel data is not encapsulated.
    ExplicitLe,
}

/// A Part 10 file on its way out.
pub struct Part10 {
    /// The transfer syntax that it is in.
    pub syntax: Syntax,
    /// Its length in bytes, where it is known before the last byte.
    pub length: Option<u64>,
    /// The file.
    pub stream: BoxStream<'static, Result<Bytes, ReadError>>,
}

/// An opened instance. It stays readable whatever is moved or unlinked meanwhile.
#[derive(Clone)]
pub struct DataSet {
    shared: Arc<Shared>,
    record: Arc<InstanceRecord>,
    bytes: Source,
}

#[derive(Clone)]
enum Source {
    Stored(Reader),
    Inflated(Arc<Inflated>),
}

/// `head` and then `body`, but not before the first of the body was read: who asks for the first piece of a damaged file
/// gets its error, and nothing else.
pub(crate) fn behind(
    head: Bytes,
    mut body: BoxStream<'static, Result<Bytes, ReadError>>,
) -> BoxStream<'static, Result<Bytes, ReadError>> {
    let begun = async move {
        let first = body.next().await.transpose()?;
        Ok::<_, ReadError>(stream::iter([Ok(head)].into_iter().chain(first.map(Ok))).chain(body))
    };
    stream::once(begun).try_flatten().boxed()
}

/// Fresh File Meta Information, nothing private in it.
pub(crate) fn file_head(record: &InstanceRecord, syntax: Syntax) -> Bytes {
    let meta = NewMeta {
        sop_class: record.sop_class.as_str(),
        sop_instance: record.sop_instance.as_str(),
        transfer_syntax: syntax.uid,
        source_ae: None,
        private: None,
    };
    Bytes::from(write_head(&meta, None))
}

impl DataSet {
    pub(crate) async fn open(shared: &Arc<Shared>, record: InstanceRecord) -> Result<Self, ReadError> {
        if let Some(why) = &record.damaged {
            return Err(ReadError::Damaged(format!("{} is in quarantine: {why}", record.sop_instance)));
        }
        let record = Arc::new(record);
        let place = match &record.location {
            Location::Spool(name) => Place::Spool(name.clone()),
            Location::Placed(key) => Place::Final(key.clone()),
        };
        let opened = match shared.blobs.open_blob(&place) {
            Err(blob::BlobError::NotFound { .. }) if matches!(place, Place::Spool(_)) => {
                // Placed since the record was read.
                let key = crate::place::record_key(&record);
                shared.blobs.open_blob(&Place::Final(key))
            }
            other => other,
        };
        let reader = match opened {
            Ok(reader) => reader,
            Err(error) => return Err(unreadable(shared, &record, error).await),
        };
        if reader.length() != record.length {
            quarantine::suspect(shared, &record);
            return Err(ReadError::Damaged(format!(
                "{} has {} bytes of data set, {} were stored",
                record.sop_instance,
                reader.length(),
                record.length
            )));
        }
        Ok(Self { shared: Arc::clone(shared), record, bytes: Source::Stored(reader) })
    }

    /// The instance's record.
    pub fn record(&self) -> &InstanceRecord {
        &self.record
    }

    /// The same instance with offsets of its inflated stream, for a deflated one; else itself.
    pub(crate) async fn flat(self) -> Result<Self, ReadError> {
        if stored_syntax(&self.record)?.encoding != Encoding::Deflated {
            return Ok(self);
        }
        let inflated = self.shared.inflated.get(&self).await?;
        Ok(Self { bytes: Source::Inflated(inflated), ..self })
    }

    /// Who decodes its frames.
    pub(crate) fn decoders(&self) -> &Decoders {
        &self.shared.config.decoders
    }

    /// Limits of scanning it again: what they were when it was stored.
    pub(crate) fn scan_limits(&self) -> Limits {
        self.shared.config.scan
    }

    /// Bytes of the data set in the source that is read.
    pub fn length(&self) -> u64 {
        match &self.bytes {
            Source::Stored(reader) => reader.length(),
            Source::Inflated(file) => file.length(),
        }
    }

    /// The instance as a Part 10 file in `form`, with fresh File Meta Information (nothing private in it).
    ///
    /// # Errors
    /// [`ReadError::Unsupported`] for [`Form::ExplicitLe`] of encapsulated pixel data: that is [`crate::Archive::part10`]'s.
    pub fn part10(self, form: Form) -> Result<Part10, ReadError> {
        let stored = stored_syntax(&self.record)?;
        let syntax = match form {
            Form::AsStored => stored,
            Form::ExplicitLe if stored.pixels == Pixels::Encapsulated => {
                let text = format!("{} is converted frame by frame", stored.name);
                return Err(ReadError::Unsupported(text));
            }
            Form::ExplicitLe => transfer_syntax::EXPLICIT_LE,
        };
        let head = file_head(&self.record, syntax);
        let known = (stored == syntax).then(|| head.len() as u64 + self.length());
        let body = match (stored == syntax, stored.encoding) {
            (true, _) => self.whole(),
            (false, Encoding::Deflated) => crate::inflated::stream(self.whole()),
            (false, _) => self.recoded(stored),
        };
        let stream = behind(head, body);
        Ok(Part10 { syntax, length: known, stream })
    }

    pub(crate) fn whole(self) -> BoxStream<'static, Result<Bytes, ReadError>> {
        let length = self.length();
        self.stream(0..length, 1)
    }

    /// Reads `range`, at most one window of [`READ`] bytes beyond its first chunk boundary, checked.
    async fn window(&self, range: Range<u64>, sums: &mut Sums) -> Result<Bytes, ReadError> {
        let reader = match &self.bytes {
            Source::Stored(reader) => reader,
            Source::Inflated(file) => return file.read(range).await,
        };
        let first = range.start / CHUNK;
        let from = first * CHUNK;
        let to = range.end.div_ceil(CHUNK).saturating_mul(CHUNK).min(self.record.length);
        let length = usize::try_from(to - from).map_err(|e| ReadError::Storage(e.to_string()))?;
        let read = match reader.read_nowait(from, length) {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => {
                let reader = reader.clone();
                tokio::task::spawn_blocking(move || reader.read(from, length))
                    .await
                    .map_err(|e| ReadError::Storage(e.to_string()))?
            }
            Err(error) => Err(error),
        };
        let bytes = match read {
            Ok(bytes) => bytes,
            Err(error) => return Err(unreadable(&self.shared, &self.record, error).await),
        };
        let expected = sums.of(self, first, (to - from).div_ceil(CHUNK)).await?;
        if let Err(bad) = blob::verify(&bytes, 0, expected) {
            quarantine::suspect(&self.shared, &self.record);
            return Err(ReadError::Damaged(format!("{}: {bad}", self.record.sop_instance)));
        }
        let start = usize::try_from(range.start - from).unwrap_or(usize::MAX);
        let end = usize::try_from(range.end - from).unwrap_or(usize::MAX);
        if start > end || end > bytes.len() {
            return Err(ReadError::Damaged(format!(
                "{} is shorter than its index row says",
                self.record.sop_instance
            )));
        }
        Ok(bytes.slice(start..end))
    }

    /// The bytes of `range` in large verified pieces, words of `word` bytes turned. A range beyond the data set ends in
    /// [`ReadError::Damaged`].
    pub(crate) fn stream(self, range: Range<u64>, word: u8) -> BoxStream<'static, Result<Bytes, ReadError>> {
        let state = (self, range.start, Sums::default(), WordSwap::new(word));
        let end = range.end;
        stream::try_unfold(state, move |(data, at, mut sums, mut swap)| async move {
            if at >= end {
                return Ok(None);
            }
            let to = ((at / CHUNK) * CHUNK + READ).min(end);
            let mut bytes = data.window(at..to, &mut sums).await?;
            if word > 1 {
                let mut turned = Vec::with_capacity(bytes.len() + 8);
                swap.push(&bytes, &mut turned);
                if to == end {
                    swap.finish(&mut turned);
                }
                bytes = Bytes::from(turned);
            }
            Ok(Some((bytes, (data, to, sums, swap))))
        })
        .boxed()
    }

    /// The bytes of a frame as it is given out: fragments joined, little endian, from bit 0 on (PS3.5 8.1.1, WADO-030).
    pub(crate) fn frame_stream(self, frame: Frame) -> BoxStream<'static, Result<Bytes, ReadError>> {
        let convert = frame.convert();
        let parts = stream::iter(frame.parts).flat_map(move |part| self.clone().stream(part, 1));
        let Some(convert) = convert else { return parts.boxed() };
        stream::try_unfold((parts.boxed(), Some(convert)), |(mut parts, convert)| async move {
            let Some(mut convert) = convert else { return Ok(None) };
            let mut out = Vec::with_capacity(READ as usize);
            match parts.next().await {
                Some(piece) => {
                    convert.push(&piece?, &mut out);
                    Ok(Some((Bytes::from(out), (parts, Some(convert)))))
                }
                None => {
                    convert.finish(&mut out);
                    Ok(Some((Bytes::from(out), (parts, None))))
                }
            }
        })
        .boxed()
    }

    /// The data set in Explicit VR Little Endian, converted as it streams.
    pub(crate) fn recoded(self, stored: Syntax) -> BoxStream<'static, Result<Bytes, ReadError>> {
        let limits = self.shared.config.scan;
        let instance = self.record.sop_instance;
        let converter = (Scanner::new(stored, limits), ToExplicitLe::new());
        stream::try_unfold((self.whole(), Some(converter)), move |(mut pieces, converter)| async move {
            let Some((mut scanner, mut out)) = converter else { return Ok(None) };
            let failed = |e| ReadError::Damaged(format!("{instance}: {e}"));
            loop {
                match pieces.next().await {
                    Some(piece) => scanner.push(&piece?, &mut out).map_err(failed)?,
                    None => {
                        scanner.finish(&mut out).map_err(failed)?;
                        let rest = Bytes::from(std::mem::take(&mut out.out));
                        return Ok(Some((rest, (pieces, None))));
                    }
                }
                if !out.out.is_empty() {
                    let piece = Bytes::from(std::mem::take(&mut out.out));
                    return Ok(Some((piece, (pieces, Some((scanner, out))))));
                }
            }
        })
        .boxed()
    }

    /// The head of the file as it lies on disk, with our private information.
    pub(crate) fn file_head(&self) -> Result<Vec<u8>, ReadError> {
        match &self.bytes {
            Source::Stored(reader) => Ok(reader.head()?),
            Source::Inflated(_) => Err(ReadError::Storage("an inflated copy has no head".into())),
        }
    }

    /// The encoded data set as it was stored, without a file head, verified as it streams: all pieces but the last are of
    /// even length.
    pub fn stored_bytes(&self) -> BoxStream<'static, Result<Bytes, ReadError>> {
        let length = self.record.length;
        self.clone().stream(0..length, 1)
    }
}

/// What a file that cannot be opened or read says of its instance: deleted since its record was read, damaged, or the disk
/// does not answer.
async fn unreadable(shared: &Arc<Shared>, record: &Arc<InstanceRecord>, error: blob::BlobError) -> ReadError {
    match error.kind() {
        blob::ErrorKind::NotFound | blob::ErrorKind::Corrupt => {}
        _ => return error.into(),
    }
    match shared.index.by_sequence(record.sequence).await {
        Ok(None) => ReadError::Gone("instance"),
        Ok(Some(_)) => {
            quarantine::suspect(shared, record);
            ReadError::Damaged(format!("{}: {error}", record.sop_instance))
        }
        Err(error) => error.into(),
    }
}

/// The chunk sums of what is being read: all of a small instance, a moving window of a large one.
#[derive(Default)]
struct Sums {
    first: u64,
    window: Vec<u8>,
}

impl Sums {
    /// The sums of `count` chunks from `first` on.
    async fn of<'a>(&'a mut self, data: &'a DataSet, first: u64, count: u64) -> Result<&'a [u8], ReadError> {
        if !data.record.crcs.is_empty() {
            return slice(&data.record.crcs, first, count);
        }
        let held = self.window.len() as u64 / 4;
        if first < self.first || first + count > self.first + held {
            let row: RowId = data.record.row;
            self.window = data.shared.index.chunk_sums(row, first, SUMS.max(count)).await?;
            self.first = first;
        }
        slice(&self.window, first - self.first, count)
    }
}

fn slice(sums: &[u8], first: u64, count: u64) -> Result<&[u8], ReadError> {
    let (from, to) = (first.saturating_mul(4), (first + count).saturating_mul(4));
    let range = usize::try_from(from).unwrap_or(usize::MAX)..usize::try_from(to).unwrap_or(usize::MAX);
    sums.get(range).ok_or_else(|| ReadError::Damaged("chunk sums are missing from the index".into()))
}
