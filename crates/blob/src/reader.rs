//! Reading a data set out of a file of ours. An open file stays readable whatever is unlinked.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use rustix::io::{Errno, ReadWriteFlags};

use crate::pool::Pool;
use crate::{BlobError, HEAD_LEN, disk};

/// What readers of one data folder share.
#[derive(Clone, Default)]
pub(crate) struct Reads {
    /// The file system does not take reads that must not wait; found out by the first that it refuses.
    waits: Arc<AtomicBool>,
    pool: Pool,
}

/// An open file. Offsets count from the first byte of the data set. Clones share the descriptor.
#[derive(Clone)]
pub struct Reader {
    inner: Arc<Inner>,
}

struct Inner {
    file: File,
    path: PathBuf,
    length: u64,
    reads: Reads,
}

impl Reader {
    pub(crate) fn open(path: &Path, reads: Reads) -> Result<Reader, BlobError> {
        let file = disk::open_file(path)?;
        let meta = file.metadata().map_err(|error| BlobError::from_os("look at", path, error))?;
        if !meta.is_file() {
            return Err(BlobError::NotFound { path: path.to_owned() });
        }
        let length = meta.len().checked_sub(HEAD_LEN).ok_or_else(|| BlobError::Truncated {
            path: path.to_owned(),
            length: meta.len(),
            wanted: HEAD_LEN,
        })?;
        Ok(Reader { inner: Arc::new(Inner { file, path: path.to_owned(), length, reads }) })
    }

    /// Bytes of the data set.
    pub fn length(&self) -> u64 {
        self.inner.length
    }

    /// The first [`HEAD_LEN`] bytes of the file. May wait for the disk.
    pub fn head(&self) -> Result<Vec<u8>, BlobError> {
        let mut head = vec![0; HEAD_LEN as usize];
        self.fill(&mut head, 0)?;
        Ok(head)
    }

    /// These bytes if they are in memory, without waiting; `None` when they are not (call [`Reader::read`] where waiting is
    /// allowed) or when the file system cannot tell. Never fewer bytes than asked for: past the end is `Truncated`.
    pub fn read_nowait(&self, offset: u64, length: usize) -> Result<Option<Bytes>, BlobError> {
        let at = self.locate(offset, length)?;
        if length == 0 {
            return Ok(Some(Bytes::new()));
        }
        if self.inner.reads.waits.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let mut buffer = self.inner.reads.pool.take(length);
        let mut slices = [IoSliceMut::new(buffer.bytes())];
        match rustix::io::preadv2(&self.inner.file, &mut slices, at, ReadWriteFlags::NOWAIT) {
            Ok(read) if read == length => Ok(Some(buffer.freeze())),
            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => Ok(None),
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {
                self.inner.reads.waits.store(true, Ordering::Relaxed);
                Ok(None)
            }
            Err(error) => Err(BlobError::from_os("read", &self.inner.path, error)),
        }
    }

    /// Exactly these bytes. May wait for the disk.
    pub fn read(&self, offset: u64, length: usize) -> Result<Bytes, BlobError> {
        let at = self.locate(offset, length)?;
        let mut buffer = self.inner.reads.pool.take(length);
        self.fill(buffer.bytes(), at)?;
        Ok(buffer.freeze())
    }

    fn fill(&self, bytes: &mut [u8], at: u64) -> Result<(), BlobError> {
        self.inner.file.read_exact_at(bytes, at).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => self.truncated(at + bytes.len() as u64),
            _ => BlobError::from_os("read", &self.inner.path, error),
        })
    }

    /// Where in the file a range of the data set begins, when all of it is inside.
    fn locate(&self, offset: u64, length: usize) -> Result<u64, BlobError> {
        let end = offset.saturating_add(length as u64);
        if end > self.inner.length {
            return Err(self.truncated(end.saturating_add(HEAD_LEN)));
        }
        Ok(HEAD_LEN + offset)
    }

    fn truncated(&self, wanted: u64) -> BlobError {
        BlobError::Truncated { path: self.inner.path.clone(), length: HEAD_LEN + self.inner.length, wanted }
    }
}
