//! How much room there is, and the reserve that ingest never fills, so that the index and the audit can still commit.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::StatVfs;

/// After the reserve was hit, the disk is looked at this often rather than on each call.
const LOW_AGE: Duration = Duration::from_millis(100);

/// What is free on the file system of the data folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes that an unprivileged process could still write.
    pub free_bytes: u64,
    /// Files that could still be made; `u64::MAX` where the file system has no such limit.
    pub free_inodes: u64,
    /// Bytes that are kept free: min(max(1 %, 512 MiB), 10 % of the file system).
    pub reserve_bytes: u64,
    /// Files that are kept free: min(max(1 %, 1,024), 10 % of them).
    pub reserve_inodes: u64,
    /// Free bytes or files are down to the reserve: nothing new is taken.
    pub reserve: bool,
}

impl Room {
    fn of(stat: &StatVfs) -> Room {
        let unit = stat.f_frsize.max(1);
        let free_bytes = stat.f_bavail.saturating_mul(unit);
        let reserve_bytes = kept_back(stat.f_blocks.saturating_mul(unit), 512 << 20);
        let (free_inodes, reserve_inodes) = match stat.f_files {
            0 => (u64::MAX, 0),
            files => (stat.f_favail, kept_back(files, 1_024)),
        };
        let reserve = free_bytes <= reserve_bytes || free_inodes <= reserve_inodes;
        Room { free_bytes, free_inodes, reserve_bytes, reserve_inodes, reserve }
    }
}

fn kept_back(total: u64, at_least: u64) -> u64 {
    (total / 100).max(at_least).min(total / 10)
}

/// Looks at the file system now and then, and counts what is written in between.
pub(crate) struct Gauge {
    folder: File,
    age: Duration,
    last: Mutex<(Instant, Room)>,
    /// Bytes above the reserve at the last look, less what was written since.
    left: AtomicI64,
}

impl Gauge {
    pub(crate) fn new(root: &Path, age: Duration) -> io::Result<Gauge> {
        let folder = File::open(root)?;
        let room = Room::of(&rustix::fs::fstatvfs(&folder)?);
        let gauge = Gauge { folder, age, last: Mutex::new((Instant::now(), room)), left: AtomicI64::new(0) };
        gauge.left.store(above_reserve(&room), Ordering::Relaxed);
        Ok(gauge)
    }

    /// What is free, at most `age` old.
    pub(crate) fn room(&self) -> Room {
        let spent = self.left.load(Ordering::Relaxed) < 0;
        self.not_older_than(if spent { self.age.min(LOW_AGE) } else { self.age })
    }

    /// A look at the disk now, whatever was seen before.
    pub(crate) fn look(&self) -> Room {
        self.not_older_than(Duration::ZERO)
    }

    /// Counts bytes about to be written. Past the reserve it looks again and answers what it saw.
    pub(crate) fn spend(&self, bytes: u64) -> Result<(), Room> {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        if self.left.fetch_sub(bytes, Ordering::Relaxed) >= bytes {
            return Ok(());
        }
        let room = self.not_older_than(self.age.min(LOW_AGE));
        if room.reserve { Err(room) } else { Ok(()) }
    }

    fn not_older_than(&self, age: Duration) -> Room {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.0.elapsed() < age {
            return last.1;
        }
        // A failing look changes nothing: the write itself will say what is wrong.
        if let Ok(stat) = rustix::fs::fstatvfs(&self.folder) {
            let room = Room::of(&stat);
            self.left.store(above_reserve(&room), Ordering::Relaxed);
            *last = (Instant::now(), room);
        }
        last.1
    }
}

fn above_reserve(room: &Room) -> i64 {
    if room.reserve {
        return -1;
    }
    i64::try_from(room.free_bytes - room.reserve_bytes).unwrap_or(i64::MAX)
}
