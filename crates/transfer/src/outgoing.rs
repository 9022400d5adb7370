//! What is to be sent, and its bytes as they stream.

use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use archive::{Archive, InstanceRecord};
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use model::transfer_syntax;
use model::{SopClassUid, SopInstanceUid};

use crate::identity::{Identity, identify};
use crate::{Pair, SourceError};

/// Bytes that are read at a time. Even, as every fragment but the last must be (PS3.8 annex F, DIMSE-015).
pub(crate) const PIECE: usize = 256 << 10;

/// An instance to be sent: what it is, and where its bytes lie. Nothing of it is held open.
#[derive(Clone)]
pub struct Outgoing {
    pair: Pair,
    instance: SopInstanceUid,
    source: Source,
}

#[derive(Clone)]
enum Source {
    File { path: PathBuf, offset: u64, seen: Seen },
    Stored { archive: Archive, record: Box<InstanceRecord> },
}

/// What a file was when it was looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Seen {
    length: u64,
    modified: Option<SystemTime>,
}

/// An instance whose bytes are ready to be read.
pub(crate) struct Opened {
    first: Option<Bytes>,
    rest: BoxStream<'static, Result<Bytes, SourceError>>,
}

impl Outgoing {
    /// A Part 10 file, one that lacks preamble or File Meta Information, or a bare data set. Reads its beginning;
    /// blocks while it does.
    ///
    /// # Errors
    /// [`SourceError`] when it is none of these, or does not say what it is.
    pub fn file(path: impl Into<PathBuf>) -> Result<Self, SourceError> {
        let path = path.into();
        let mut file = File::open(&path)?;
        let seen = Seen::of(&file.metadata()?);
        let Identity { class, instance, syntax, offset } = identify(&mut file)?;
        Ok(Self { pair: Pair { class, syntax }, instance, source: Source::File { path, offset, seen } })
    }

    /// An instance of the archive, as stored. The record comes from [`Archive::instances`], which asked whether the
    /// principal may have it.
    ///
    /// # Errors
    /// [`SourceError::Syntax`].
    pub fn stored(archive: &Archive, record: InstanceRecord) -> Result<Self, SourceError> {
        let syntax = transfer_syntax::by_uid(&record.transfer_syntax)
            .ok_or_else(|| SourceError::Syntax(record.transfer_syntax.clone()))?;
        let (class, instance) = (record.sop_class, record.sop_instance);
        let source = Source::Stored { archive: archive.clone(), record: Box::new(record) };
        Ok(Self { pair: Pair { class, syntax }, instance, source })
    }

    /// SOP class and transfer syntax.
    pub fn pair(&self) -> Pair {
        self.pair
    }

    /// (0008,0016).
    pub fn sop_class(&self) -> SopClassUid {
        self.pair.class
    }

    /// (0008,0018).
    pub fn sop_instance(&self) -> SopInstanceUid {
        self.instance
    }

    /// The file, when it is one.
    pub fn path(&self) -> Option<&Path> {
        match &self.source {
            Source::File { path, .. } => Some(path),
            Source::Stored { .. } => None,
        }
    }

    /// The record, when it is an instance of the archive.
    pub fn record(&self) -> Option<&InstanceRecord> {
        match &self.source {
            Source::File { .. } => None,
            Source::Stored { record, .. } => Some(record),
        }
    }

    /// Bytes of the data set as it is stored.
    pub fn length(&self) -> u64 {
        match &self.source {
            Source::File { offset, seen, .. } => seen.length.saturating_sub(*offset),
            Source::Stored { record, .. } => record.length,
        }
    }

    pub(crate) async fn open(&self) -> Result<Opened, SourceError> {
        match &self.source {
            Source::File { path, offset, seen } => {
                let (path, offset, seen) = (path.clone(), *offset, *seen);
                blocking(move || Opened::file(&path, offset, seen)).await
            }
            Source::Stored { archive, record } => {
                let data = archive.open_instance((**record).clone()).await?;
                let mut rest = data.stored_bytes().map(|piece| piece.map_err(SourceError::from)).boxed();
                let first = rest.next().await.transpose()?;
                Ok(Opened { first, rest })
            }
        }
    }
}

/// The file's path, or the instance's UID.
impl fmt::Display for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::File { path, .. } => write!(f, "{}", path.display()),
            Source::Stored { record, .. } => write!(f, "{}", record.sop_instance),
        }
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outgoing({self})")
    }
}

impl Opened {
    fn file(path: &Path, offset: u64, seen: Seen) -> Result<Self, SourceError> {
        let mut file = File::open(path)?;
        if Seen::of(&file.metadata()?) != seen {
            return Err(SourceError::Changed);
        }
        file.seek(SeekFrom::Start(offset))?;
        let mut reading = Reading { file, left: seen.length.saturating_sub(offset) };
        let first = reading.piece()?;
        let rest = stream::try_unfold(reading, |mut reading| {
            blocking(move || Ok(reading.piece()?.map(|piece| (piece, reading))))
        });
        Ok(Self { first, rest: rest.boxed() })
    }

    #[cfg(test)]
    pub(crate) fn of(pieces: Vec<Bytes>) -> Self {
        Self { first: None, rest: stream::iter(pieces.into_iter().map(Ok)).boxed() }
    }

    /// The next bytes; `None` at the end. All but the last are of even length.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, SourceError> {
        match self.first.take() {
            Some(first) => Ok(Some(first)),
            None => self.rest.next().await.transpose(),
        }
    }
}

/// A file that is being read to the end that it had when it was looked at.
struct Reading {
    file: File,
    left: u64,
}

impl Reading {
    fn piece(&mut self) -> Result<Option<Bytes>, SourceError> {
        let wanted = self.left.min(PIECE as u64);
        if wanted == 0 {
            return Ok(None);
        }
        let mut bytes = Vec::with_capacity(wanted as usize);
        let read = (&self.file).take(wanted).read_to_end(&mut bytes)? as u64;
        if read < wanted {
            return Err(SourceError::Changed);
        }
        self.left -= read;
        Ok(Some(bytes.into()))
    }
}

impl Seen {
    fn of(metadata: &Metadata) -> Self {
        Self { length: metadata.len(), modified: metadata.modified().ok() }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SourceError> + Send + 'static,
) -> Result<T, SourceError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|gone| Err(io::Error::other(gone).into()))
}
