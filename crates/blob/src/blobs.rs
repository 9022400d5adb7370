//! The store: one handle over spool, shelf and quarantine.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::backlog::Backlog;
use crate::behind::Behind;
use crate::folder::Folder;
use crate::health::Health;
use crate::lock::Lock;
use crate::name::{SpoolName, check_key};
use crate::open::{self, SPOOL, STUDIES};
use crate::quarantine::Quarantine;
use crate::reader::Reads;
use crate::record::Records;
use crate::room::Gauge;
use crate::shelf::{Placing, Shelf, Unplaced, Walk};
use crate::slots::{self, Slots};
use crate::spool::Spool;
use crate::{BlobError, Incoming, Limits, Reader, Room, SpoolEntry, disk};

/// The blobs below one data folder. Clones share it; with the last of them, and of all incoming instances, the folder is free again.
#[derive(Clone)]
pub struct Blobs {
    owner: Arc<Owner>,
}

/// Where a file is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// In the spool, under this name.
    Spool(String),
    /// Placed, under this key.
    Final(String),
}

struct Owner {
    spool: Arc<Spool>,
    shelf: Box<dyn Shelf>,
    slots: Option<JoinHandle<()>>,
}

impl Blobs {
    /// Opens a data folder, making it when it is not there, and owns it. Also returns what a former process sealed and
    /// did not unspool, oldest first; it counts as spooled until [`Blobs::unspool`]. Unused and half-written spool files and records are removed.
    pub fn open(root: &Path, limits: Limits) -> Result<(Blobs, Vec<SpoolEntry>), BlobError> {
        open::make_layout(root)?;
        let root = root.canonicalize().map_err(|error| BlobError::from_os("find", root, error))?;
        let lock = Lock::take(&root)?;
        open::check_links(&root)?;
        let leftovers = open::sweep(&root)?;
        Records::below(&root).sweep()?;
        let gauge = Gauge::new(&root, limits.room_age)
            .map_err(|error| BlobError::from_os("look at", &root, error))?;
        let reads = Reads::default();
        let shelf = Box::new(Folder::sharing(&root.join(STUDIES), reads.clone()));
        let spool = Arc::new(Spool {
            path: root.join(SPOOL),
            gauge,
            health: Health::default(),
            backlog: Backlog::new(&limits),
            behind: Behind::default(),
            slots: Slots::new(limits.slots),
            reads,
            _lock: lock,
            root,
            limits,
        });
        for entry in &leftovers {
            spool.backlog.add(SpoolName::parse(&entry.name)?, entry.length);
        }
        let slots = thread::Builder::new().name("spool-slots".into()).spawn({
            let spool = spool.clone();
            move || slots::run(&spool)
        });
        let slots = slots.map_err(|error| BlobError::from_os("start a thread for", &spool.path, error))?;
        Ok((Blobs { owner: Arc::new(Owner { spool, shelf, slots: Some(slots) }) }, leftovers))
    }

    /// Begins an instance. `seed` (the transfer syntax UID) goes into its SHA-256 first.
    ///
    /// Waits when the spool is full (at most [`Limits::spool_wait`]); answers `NoSpace` at once below the reserve and
    /// `Poisoned` after a failed write until the disk passes its health check.
    pub fn create(&self, seed: &[u8]) -> Result<Incoming, BlobError> {
        let spool = &self.owner.spool;
        spool.admit()?;
        self.wait_for_room(spool.limits.spool_wait)?;
        let slot = match spool.slots.take() {
            Some(slot) => slot,
            None => slots::make_one(spool)?,
        };
        Ok(Incoming::new(spool, slot, seed))
    }

    /// Like [`Blobs::create`], without waiting: `None` when it would have to (the spool is full, or no file was made ahead).
    pub fn create_nowait(&self, seed: &[u8]) -> Result<Option<Incoming>, BlobError> {
        let spool = &self.owner.spool;
        spool.admit()?;
        if spool.backlog.is_full() {
            return Ok(None);
        }
        Ok(spool.slots.take().map(|slot| Incoming::new(spool, slot, seed)))
    }

    /// Waits until less than [`Limits::spool_files`] and [`Limits::spool_bytes`] wait to be placed.
    pub fn wait_for_room(&self, timeout: Duration) -> Result<(), BlobError> {
        let backlog = &self.owner.spool.backlog;
        if backlog.wait(timeout) {
            return Ok(());
        }
        let (files, bytes) = backlog.size();
        Err(BlobError::SpoolFull { files, bytes })
    }

    /// Brings flushed spool files (name, key) to their final home. When it answers, all but those it names are durable
    /// there; the spool names stay until [`Blobs::unspool`]. May be repeated.
    pub fn place(&self, batch: &[(String, String)]) -> Result<Vec<Unplaced>, BlobError> {
        let mut placing = Vec::with_capacity(batch.len());
        let mut numbers = Vec::with_capacity(batch.len());
        let mut unplaced = Vec::new();
        for (index, (name, key)) in batch.iter().enumerate() {
            match self.spooled_path(name) {
                Ok(spooled) => {
                    placing.push(Placing { spooled, key: key.clone() });
                    numbers.push(index);
                }
                Err(why) => unplaced.push(Unplaced { index, why }),
            }
        }
        let refused = self.changed(self.owner.shelf.place(&placing))?;
        self.owner.spool.trusted()?;
        unplaced.extend(
            refused.into_iter().filter_map(|one| Some(Unplaced { index: *numbers.get(one.index)?, ..one })),
        );
        Ok(unplaced)
    }

    /// Removes spool files: those whose row durably says that they are placed, or that no row points at. A name that
    /// cannot be removed now is found again at the next start.
    pub fn unspool(&self, names: &[String]) {
        for name in names {
            fail::fail_point!("blob::unspool");
            let removed = SpoolName::parse(name).and_then(|name| {
                disk::remove_file(&self.owner.spool.file(name))?;
                self.owner.spool.backlog.remove(name);
                Ok(())
            });
            if let Err(error) = removed {
                tracing::warn!(spool.name = name, %error, "cannot remove a spool file");
            }
        }
    }

    /// Opens a file for reading. `NotFound` when it is not there: the index may know a newer place.
    pub fn open_blob(&self, place: &Place) -> Result<Reader, BlobError> {
        match place {
            Place::Spool(name) => Reader::open(&self.spooled_path(name)?, self.owner.spool.reads.clone()),
            Place::Final(key) => self.owner.shelf.open(key),
        }
    }

    /// Removes a placed file for good; that there is none is fine.
    pub fn remove(&self, key: &str) -> Result<(), BlobError> {
        self.changed(self.owner.shelf.remove(key))
    }

    /// Moves a file into the quarantine, with a note that says where it was and why. Returns where it is now. Whoever has
    /// it open goes on reading it.
    pub fn quarantine(&self, place: &Place, why: &str) -> Result<PathBuf, BlobError> {
        let spool = &self.owner.spool;
        let quarantine = Quarantine::below(&spool.root);
        let to = match place {
            Place::Spool(name) => {
                let name = SpoolName::parse(name)?;
                let from = existing(spool.file(name))?;
                let to = self.changed(quarantine.note(&from, why))?;
                fs::rename(&from, &to).map_err(|error| spool.failed("move", &from, error))?;
                spool.backlog.remove(name);
                to
            }
            Place::Final(key) => {
                check_key(key)?;
                let from = existing(spool.root.join(STUDIES).join(key))?;
                let to = self.changed(quarantine.note(&from, why))?;
                self.changed(self.owner.shelf.take(key, &to))?;
                to
            }
        };
        self.changed(quarantine.flush())?;
        Ok(to)
    }

    /// What lies in the quarantine, each by a name.
    pub fn quarantined(&self) -> Result<Vec<String>, BlobError> {
        Ok(Quarantine::below(self.root()).names()?.into_iter().collect())
    }

    /// A file of the quarantine and its note, as far as they are there.
    pub fn open_quarantined(&self, name: &str) -> Result<(Option<fs::File>, Option<fs::File>), BlobError> {
        let [file, note] = Quarantine::below(self.root()).files(name)?;
        let open = |path: &Path| match disk::open_file(path) {
            Err(BlobError::NotFound { .. }) => Ok(None),
            opened => opened.map(Some),
        };
        Ok((open(&file)?, open(&note)?))
    }

    /// Removes a file of the quarantine with its note, durably.
    pub fn remove_quarantined(&self, name: &str) -> Result<(), BlobError> {
        let quarantine = Quarantine::below(self.root());
        for path in quarantine.files(name)? {
            self.changed(disk::remove_file(&path))?;
        }
        self.changed(quarantine.flush())
    }

    /// Writes a small file that must not be lost (`removed/<name>`) and is not there yet; durable when it answers. A name
    /// has 1 to 100 characters of `[a-z0-9.-]`.
    pub fn write_record(&self, name: &str, bytes: &[u8]) -> Result<(), BlobError> {
        self.owner.spool.trusted()?;
        self.changed(Records::below(self.root()).write(name, bytes))
    }

    /// Writes a record in place of the one of that name, durably.
    pub fn replace_record(&self, name: &str, bytes: &[u8]) -> Result<(), BlobError> {
        self.owner.spool.trusted()?;
        self.changed(Records::below(self.root()).replace(name, bytes))
    }

    /// Removes a record, durably; that there is none is fine.
    pub fn remove_record(&self, name: &str) -> Result<(), BlobError> {
        self.changed(Records::below(self.root()).remove(name))
    }

    /// Reads a record whole.
    pub fn read_record(&self, name: &str) -> Result<Vec<u8>, BlobError> {
        Records::below(self.root()).read(name)
    }

    /// Whether there is a record of this name.
    pub fn has_record(&self, name: &str) -> Result<bool, BlobError> {
        Records::below(self.root()).holds(name)
    }

    /// The names of all records, in their order.
    pub fn records(&self) -> Result<Vec<String>, BlobError> {
        self.records_where(|_| true)
    }

    /// The names that are wanted, in their order: memory for these only.
    pub fn records_where(&self, wanted: impl Fn(&str) -> bool) -> Result<Vec<String>, BlobError> {
        Records::below(self.root()).names(wanted)
    }

    /// The data folder, absolute. What else lies in it is the business of the layers above.
    pub fn root(&self) -> &Path {
        &self.owner.spool.root
    }

    /// Every placed file with its key, in no order, as it is found on disk.
    pub fn walk(&self) -> Walk {
        self.owner.shelf.walk()
    }

    /// What is free on the disk, as seen at most [`Limits::room_age`] ago.
    pub fn room(&self) -> Room {
        self.owner.spool.gauge.room()
    }

    /// Files and bytes that wait to be placed.
    pub fn spooled(&self) -> (u64, u64) {
        self.owner.spool.backlog.size()
    }

    /// True after a failed write or flush, until a health check passes.
    pub fn is_poisoned(&self) -> bool {
        self.owner.spool.health.is_poisoned()
    }

    /// The health check: writes, flushes and removes a small file. It also runs by itself while the store is poisoned.
    pub fn probe(&self) -> Result<(), BlobError> {
        self.owner.spool.probe()
    }

    fn spooled_path(&self, name: &str) -> Result<PathBuf, BlobError> {
        Ok(self.owner.spool.file(SpoolName::parse(name)?))
    }

    /// A shelf that failed a change speaks against the disk.
    fn changed<T>(&self, result: Result<T, BlobError>) -> Result<T, BlobError> {
        result.inspect_err(|error| {
            if let BlobError::Io { what, source, .. } = error {
                self.owner.spool.poison(what, source);
            }
        })
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.spool.slots.stop();
        if let Some(slots) = self.slots.take() {
            let _ = slots.join();
        }
    }
}

fn existing(path: PathBuf) -> Result<PathBuf, BlobError> {
    if path.symlink_metadata().is_ok() { Ok(path) } else { Err(BlobError::NotFound { path }) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails where it stands")]
mod tests {
    use std::time::Instant;

    use bytes::Bytes;
    use rustix::io::Errno;

    use super::*;
    use crate::{ErrorKind, HEAD_LEN};

    /// R4: what a failed write stops, and how it goes on without a restart.
    #[test]
    fn only_a_failing_disk_stops_ingest_and_a_passed_check_lets_it_go_on() {
        let rows = [
            (Errno::IO, ErrorKind::Io, true),
            (Errno::ROFS, ErrorKind::Io, true),
            (Errno::NOSPC, ErrorKind::NoSpace, false),
            (Errno::DQUOT, ErrorKind::NoSpace, false),
            (Errno::MFILE, ErrorKind::Busy, false),
            (Errno::NOENT, ErrorKind::Io, false),
        ];
        for (errno, kind, stops) in rows {
            let folder = tempfile::tempdir().unwrap();
            let limits = Limits { slots: 4, probe_every: Duration::from_millis(10), ..Limits::default() };
            let (blobs, _) = Blobs::open(folder.path(), limits).unwrap();
            let mut incoming = blobs.create(b"").unwrap();
            incoming.write(&[Bytes::from_static(b"under way")]).unwrap();
            let sealed = incoming.seal(|_, _| vec![1; HEAD_LEN as usize]).unwrap();
            let spool = &blobs.owner.spool;
            // While the spool's folder is away, no check can pass.
            std::fs::rename(&spool.path, folder.path().join("away")).unwrap();
            assert_eq!(spool.failed("write", folder.path(), errno).kind(), kind, "{errno}");
            std::thread::sleep(Duration::from_millis(30));
            assert_eq!(blobs.is_poisoned(), stops, "{errno}");
            if stops {
                assert_eq!(blobs.create(b"").err().unwrap().kind(), ErrorKind::Io);
                assert_eq!(sealed.flush().unwrap_err().kind(), ErrorKind::Io, "no flush is believed now");
            }
            std::fs::rename(folder.path().join("away"), &spool.path).unwrap();
            let begun = Instant::now();
            while blobs.is_poisoned() {
                assert!(begun.elapsed() < Duration::from_secs(5));
                std::thread::sleep(Duration::from_millis(5));
            }
            blobs.create(b"").unwrap();
            assert_eq!(sealed.flush().is_err(), stops, "an answer once given stays");
        }
    }
}
