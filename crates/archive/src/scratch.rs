//! Bytes that wait beside the archive: bulk data that comes before the place where it goes is known.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use crate::{Archive, Shared, StoreError};

/// Names of scratch files, for as long as they have one.
static MADE: AtomicU64 = AtomicU64::new(0);

/// A file below the data folder without a name: it ends with whoever has it, by a crash too. It is made when the first
/// bytes come.
pub struct Scratch {
    shared: Arc<Shared>,
    file: Option<Arc<File>>,
    length: u64,
    limit: u64,
}

/// Reads what was in a [`Scratch`] when it was made. Readers have a place of their own each.
pub struct ScratchReader {
    file: Option<Arc<File>>,
    length: u64,
    at: u64,
}

impl Archive {
    /// A scratch file for at most `limit` bytes.
    pub fn scratch(&self, limit: u64) -> Scratch {
        Scratch { shared: Arc::clone(&self.shared), file: None, length: 0, limit }
    }
}

impl Scratch {
    /// Bytes that are in it.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Appends bytes; says where they are.
    ///
    /// # Errors
    /// [`StoreError::NoSpace`] below the disk's reserve, [`StoreError::TooLarge`] over the limit,
    /// [`StoreError::Storage`].
    pub async fn append(&mut self, pieces: Vec<Bytes>) -> Result<Range<u64>, StoreError> {
        let more: u64 = pieces.iter().map(|piece| piece.len() as u64).sum();
        let start = self.length;
        let end = start.saturating_add(more);
        if end > self.limit {
            return Err(StoreError::TooLarge { limit: self.limit });
        }
        if self.shared.blobs.room().reserve {
            return Err(StoreError::NoSpace("the disk is down to its reserve".into()));
        }
        let file = self.file()?;
        let written = tokio::task::spawn_blocking(move || {
            let mut at = start;
            for piece in pieces {
                file.write_all_at(&piece, at)?;
                at += piece.len() as u64;
            }
            Ok(())
        });
        written.await.map_err(lost)?.map_err(storage)?;
        self.length = end;
        Ok(start..end)
    }

    /// Reads what was appended.
    ///
    /// # Errors
    /// [`StoreError::Storage`].
    pub async fn read(&self, range: Range<u64>) -> Result<Bytes, StoreError> {
        let file = self.file.clone().filter(|_| range.end <= self.length);
        let file = file.ok_or_else(|| StoreError::Storage("nothing waits there".into()))?;
        let read = tokio::task::spawn_blocking(move || {
            let mut bytes = vec![0; usize::try_from(range.end - range.start).unwrap_or(usize::MAX)];
            file.read_exact_at(&mut bytes, range.start).map(|()| Bytes::from(bytes))
        });
        read.await.map_err(lost)?.map_err(storage)
    }

    /// The file, for a reader off the async threads; `None` while nothing was appended.
    pub fn handle(&self) -> Option<Arc<File>> {
        self.file.clone()
    }

    /// A reader of all that is in it, for a thread that may wait.
    pub fn reader(&self) -> ScratchReader {
        ScratchReader { file: self.file.clone(), length: self.length, at: 0 }
    }

    /// Forgets all that is in it and gives its room back.
    pub fn clear(&mut self) {
        if self.length > 0 {
            (self.file, self.length) = (None, 0);
        }
    }

    fn file(&mut self) -> Result<Arc<File>, StoreError> {
        if let Some(file) = &self.file {
            return Ok(Arc::clone(file));
        }
        let name = format!("{}.scratch", MADE.fetch_add(1, Ordering::Relaxed));
        let path = self.shared.blobs.root().join("cache").join(name);
        let mut options = File::options();
        options.read(true).write(true).create_new(true).mode(0o600);
        let file = Arc::new(options.open(&path).map_err(storage)?);
        fs::remove_file(&path).map_err(storage)?;
        self.file = Some(Arc::clone(&file));
        Ok(file)
    }
}

impl Read for ScratchReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let wanted = left.min(buffer.len());
        let (Some(file), Some(buffer)) = (&self.file, buffer.get_mut(..wanted)) else { return Ok(0) };
        let read = file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for ScratchReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

fn storage(error: io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::NoSpace(error.to_string()),
        _ => StoreError::Storage(error.to_string()),
    }
}

fn lost(error: tokio::task::JoinError) -> StoreError {
    StoreError::Storage(format!("a step ended early: {error}"))
}
