//! An instance on its way in: bytes are appended and summed, then the head is written, then one flush makes it durable.

use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::name::SpoolName;
use crate::slots::Slot;
use crate::spool::Spool;
use crate::sums::Sums;
use crate::{BlobError, HEAD_LEN, disk};

/// An instance being received. Dropped without [`Incoming::seal`], its file is removed.
pub struct Incoming {
    file: SpoolFile,
    sums: Sums,
    /// Bytes of the data set that were handed to the disk already.
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
        let file = SpoolFile {
            spool: spool.clone(),
            name: slot.name,
            file: slot.file,
            named_durably: slot.named_durably,
            kept: false,
        };
        Incoming {
            file,
            sums: Sums::new(seed),
            behind: 0,
            failed: None,
        }
    }

    /// Appends to the data set. Blocking, though mostly a copy into the page cache.
    ///
    /// After an error the instance is lost: every later call answers the same error.
    pub fn write(&mut self, parts: &[Bytes]) -> Result<(), BlobError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.append(parts)
            .inspect_err(|error| self.failed = Some(error.clone()))
    }

    /// Bytes of the data set so far.
    pub fn length(&self) -> u64 {
        self.sums.length()
    }

    /// Ends the data set and writes the head, which `head` makes from the length and SHA-256 of the data set and which
    /// must have exactly [`HEAD_LEN`] bytes, not all of them zero.
    pub fn seal(self, head: impl FnOnce(u64, [u8; 32]) -> Vec<u8>) -> Result<Sealed, BlobError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let Incoming { file, sums, .. } = self;
        let summed = sums.finish();
        let head = head(summed.length, summed.digest);
        if head.len() as u64 != HEAD_LEN {
            return Err(BlobError::BadHead {
                expected: HEAD_LEN,
                given: head.len() as u64,
            });
        }
        let written = disk::write_parts(&file.file, &[head.into()], 0);
        written.map_err(|error| file.spool.failed("write", &file.path(), error))?;
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
        let SpoolFile { spool, file, .. } = &self.file;
        let bytes = parts.iter().map(|part| part.len() as u64).sum();
        spool
            .gauge
            .spend(bytes)
            .map_err(|room| spool.no_space(room))?;
        disk::write_parts(file, parts, HEAD_LEN + self.sums.length())
            .map_err(|error| spool.failed("write", &self.file.path(), error))?;
        parts.iter().for_each(|part| self.sums.update(part));
        if self.sums.length() - self.behind >= spool.limits.writeback {
            self.behind = self.sums.length();
            rustix::fs::fdatasync(file)
                .map_err(|error| spool.failed("flush", &self.file.path(), error))?;
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
    pub fn flush(&self) -> Result<(), BlobError> {
        self.flushed.get_or_init(|| self.file.flush()).clone()
    }

    /// From now on the file stays when this is dropped; [`crate::Blobs::unspool`] removes it.
    pub fn keep(mut self) -> String {
        self.file.kept = true;
        self.name()
    }
}

/// A file in the spool that is removed with its owner unless it is kept.
struct SpoolFile {
    spool: Arc<Spool>,
    name: SpoolName,
    file: File,
    named_durably: bool,
    kept: bool,
}

impl SpoolFile {
    fn path(&self) -> PathBuf {
        self.spool.file(self.name)
    }

    fn flush(&self) -> Result<(), BlobError> {
        rustix::fs::fdatasync(&self.file)
            .map_err(|error| self.spool.failed("flush", &self.path(), error))?;
        if self.named_durably {
            return Ok(());
        }
        let folder = self.spool.folder(self.name.folder());
        disk::flush_folder(&folder).map_err(|error| self.spool.failed("flush", &folder, error))
    }
}

impl Drop for SpoolFile {
    fn drop(&mut self) {
        if !self.kept {
            let _ = disk::remove_file(&self.path());
            self.spool.backlog.remove(self.name);
        }
    }
}
