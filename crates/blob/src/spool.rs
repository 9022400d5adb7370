//! What all handles of one data folder share, and the one place where its errors are judged.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::backlog::Backlog;
use crate::behind::Behind;
use crate::error::Fault;
use crate::health::Health;
use crate::lock::Lock;
use crate::name::{SpoolName, folder_name};
use crate::reader::Reads;
use crate::room::{Gauge, Room};
use crate::slots::Slots;
use crate::{BlobError, Limits};

pub(crate) struct Spool {
    pub(crate) root: PathBuf,
    pub(crate) path: PathBuf,
    pub(crate) limits: Limits,
    pub(crate) gauge: Gauge,
    pub(crate) health: Health,
    pub(crate) backlog: Backlog,
    pub(crate) behind: Behind,
    pub(crate) slots: Slots,
    pub(crate) reads: Reads,
    pub(crate) _lock: Lock,
}

impl Spool {
    pub(crate) fn folder(&self, folder: usize) -> PathBuf {
        self.path.join(folder_name(folder))
    }

    pub(crate) fn file(&self, name: SpoolName) -> PathBuf {
        self.folder(name.folder()).join(name.file())
    }

    /// Whether a flush that went well can be believed. When a journal gives up, flushes that were waiting for it may be
    /// told that all is well (seen with ext4), while others and all later ones fail.
    pub(crate) fn trusted(&self) -> Result<(), BlobError> {
        if self.health.is_poisoned() {
            return Err(BlobError::Poisoned { folder: self.root.clone() });
        }
        Ok(())
    }

    /// Whether something new can be taken at all.
    pub(crate) fn admit(&self) -> Result<(), BlobError> {
        self.trusted()?;
        let room = self.gauge.room();
        if room.reserve { Err(self.no_space(room)) } else { Ok(()) }
    }

    /// Judges an error of something that wants to change the disk: what speaks against the disk itself poisons the store.
    pub(crate) fn failed(&self, what: &'static str, path: &Path, error: impl Into<io::Error>) -> BlobError {
        let source = error.into();
        match Fault::of(&source) {
            Fault::Full => BlobError::NoSpace { path: path.to_owned(), room: Some(self.gauge.look()) },
            // A folder or file of ours was removed by somebody: no fault of the disk, and no answer to "is it there?".
            Fault::Absent => BlobError::Io { what, path: path.to_owned(), source: Arc::new(source) },
            Fault::Exhausted => BlobError::from_os(what, path, source),
            Fault::Disk => {
                self.poison(what, &source);
                BlobError::Io { what, path: path.to_owned(), source: Arc::new(source) }
            }
        }
    }

    pub(crate) fn poison(&self, what: &str, error: &io::Error) {
        if self.health.poison() {
            tracing::error!(%error, "cannot {what} on the disk of the data folder: ingest stops until a health check passes");
            self.slots.wake();
        }
    }

    pub(crate) fn no_space(&self, room: Room) -> BlobError {
        BlobError::NoSpace { path: self.root.clone(), room: Some(room) }
    }

    /// Writes, flushes and removes a small file; what passes can be trusted again.
    pub(crate) fn probe(&self) -> Result<(), BlobError> {
        let was_poisoned = self.health.is_poisoned();
        self.health.probe(&self.path).map_err(|error| BlobError::from_os("probe", &self.path, error))?;
        if was_poisoned {
            tracing::info!("the disk of the data folder passes its health check: ingest goes on");
        }
        Ok(())
    }
}
