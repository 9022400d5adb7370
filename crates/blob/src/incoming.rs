//! An instance on its way in: bytes are appended and summed, then the head is written, then one flush makes it durable.

use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;

use crate::behind::Flushing;
use crate::name::SpoolName;
use crate::slots::Slot;
use crate::spool::Spool;
use crate::sums::Sums;
use crate::{BlobError, HEAD_LEN, disk};

/// An instance being received. Dropped without [`Incoming::seal`], its file is removed.
pub struct Incoming {
    file: SpoolFile,
    sums: Sums,
    /// Bytes of the data set whose flush was asked for already.
    behind: u64,
    failed: Option<BlobError>,
}

/// A received instance with its head: whole, not yet durable. Dropped without [`Sealed::keep`], its file is removed.
pub struct Sealed {
    file: SpoolFile,
    length: u64,
    digest: [u8; 32],
    crcs: Vec<u8>,
    flushed: OnceLock<Result<(), BlobError>>,
}

impl Incoming {
    pub(crate) fn new(spool: &Arc<Spool>, slot: Slot, seed: &[u8]) -> Incoming {
        Incoming {
            file: SpoolFile {
                spool: spool.clone(),
                name: slot.name,
                file: Arc::new(slot.file),
                named_durably: slot.named_durably,
                flushing: Mutex::default(),
                kept: false,
            },
            sums: Sums::new(seed),
            behind: 0,
            failed: None,
        }
    }

    /// Appends to the data set. Blocking: mostly a copy into the page cache and the two sums, but a long stream waits for
    /// the disk (see [`crate::Limits::writeback`]).
    ///
    /// After an error the instance is lost and every later call answers the same error: drop it, which frees its space.
    pub fn write(&mut self, parts: &[Bytes]) -> Result<(), BlobError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.append(parts).inspect_err(|error| self.failed = Some(error.clone()))
    }

    /// Bytes of the data set so far.
    pub fn length(&self) -> u64 {
        self.sums.length()
    }

    /// Ends the data set and writes the head. `head` makes it from the length and the SHA-256 of the data set: exactly
    /// [`HEAD_LEN`] bytes, not all of them zero, for a zero head is what marks a file that was never sealed.
    pub fn seal(self, head: impl FnOnce(u64, [u8; 32]) -> Vec<u8>) -> Result<Sealed, BlobError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let Incoming { file, sums, .. } = self;
        let summed = sums.finish();
        let head = head(summed.length, summed.digest);
        if head.len() as u64 != HEAD_LEN || head.iter().all(|&byte| byte == 0) {
            return Err(BlobError::BadHead { given: head.len() as u64 });
        }
        fail::fail_point!("blob::spool-seal", |errno| Err(file.failed("write", disk::injected(errno))));
        let written = disk::write_parts(&file.file, &[head.into()], 0);
        written.map_err(|error| file.failed("write", error))?;
        fail::fail_point!("blob::spool-sealed");
        file.spool.backlog.add(file.name, summed.length);
        Ok(Sealed {
            file,
            length: summed.length,
            digest: summed.digest,
            crcs: summed.crcs,
            flushed: OnceLock::new(),
        })
    }

    fn append(&mut self, parts: &[Bytes]) -> Result<(), BlobError> {
        let spool = &self.file.spool;
        let bytes = parts.iter().map(|part| part.len() as u64).sum();
        fail::fail_point!("blob::spool-write", |errno| Err(self.file.failed("write", disk::injected(errno))));
        spool.gauge.spend(bytes).map_err(|room| spool.no_space(room))?;
        disk::write_parts(&self.file.file, parts, HEAD_LEN + self.sums.length())
            .map_err(|error| self.file.failed("write", error))?;
        parts.iter().for_each(|part| self.sums.update(part));
        if self.sums.length() - self.behind >= spool.limits.writeback {
            self.behind = self.sums.length();
            self.file.flush_behind()?;
        }
        Ok(())
    }
}

impl Sealed {
    /// The spool name: 26 letters and digits.
    pub fn name(&self) -> String {
        self.file.name.to_string()
    }

    /// Bytes of the data set.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// SHA-256 over seed and data set.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// CRC32C of each [`crate::CHUNK`] of the data set, 4 bytes little endian each.
    pub fn crcs(&self) -> &[u8] {
        &self.crcs
    }

    /// Makes the file durable, with its name: one `fdatasync`. It is never tried twice, because after a failure the
    /// kernel may have dropped the pages and would report success; later calls answer as the first did.
    ///
    /// Flush the files of a group side by side, from several threads: they then share the journal's one wait.
    pub fn flush(&self) -> Result<(), BlobError> {
        self.flushed.get_or_init(|| self.file.flush()).clone()
    }

    /// From now on the file stays when this is dropped, and only [`crate::Blobs::unspool`] removes it. Keep it before its
    /// row is committed: a row whose file went away would be a loss, a file without a row is found at the next start.
    pub fn keep(mut self) -> String {
        self.file.kept = true;
        self.name()
    }
}

/// A file in the spool that is removed with its owner unless it is kept.
struct SpoolFile {
    spool: Arc<Spool>,
    name: SpoolName,
    file: Arc<File>,
    named_durably: bool,
    /// The flush that was asked for last, behind a stream that goes on.
    flushing: Mutex<Option<Flushing>>,
    kept: bool,
}

impl SpoolFile {
    fn path(&self) -> PathBuf {
        self.spool.file(self.name)
    }

    fn failed(&self, what: &'static str, error: std::io::Error) -> BlobError {
        self.spool.failed(what, &self.path(), error)
    }

    /// Waits for the flush before, then asks for one of all so far.
    fn flush_behind(&self) -> Result<(), BlobError> {
        self.wait_behind()?;
        let flushing = self.spool.behind.flush(&self.file).map_err(|error| self.failed("flush", error))?;
        *self.flushing.lock().unwrap_or_else(PoisonError::into_inner) = Some(flushing);
        Ok(())
    }

    /// The kernel reports a failed write once per open file, so the outcome of the flush behind counts as much as the last.
    fn wait_behind(&self) -> Result<(), BlobError> {
        let flushing = self.flushing.lock().unwrap_or_else(PoisonError::into_inner).take();
        flushing.map_or(Ok(()), Flushing::wait).map_err(|error| self.failed("flush", error))
    }

    fn flush(&self) -> Result<(), BlobError> {
        self.wait_behind()?;
        fail::fail_point!("blob::spool-flush", |errno| Err(self.failed("flush", disk::injected(errno))));
        rustix::fs::fdatasync(&self.file).map_err(|error| self.failed("flush", error.into()))?;
        if !self.named_durably {
            let folder = self.spool.folder(self.name.folder());
            disk::flush_folder(&folder).map_err(|error| self.spool.failed("flush", &folder, error))?;
        }
        fail::fail_point!("blob::spool-flushed");
        self.spool.trusted()
    }
}

impl Drop for SpoolFile {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        // What cannot be removed now has no head, or no row: the next start removes it or finds it.
        if let Err(error) = disk::remove_file(&self.path()) {
            tracing::warn!(%error, "cannot remove a spool file that is not wanted");
        }
        self.spool.backlog.remove(self.name);
    }
}
