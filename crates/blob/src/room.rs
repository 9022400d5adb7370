//! How much room there is, and the reserve that ingest never fills, so that the index and the audit can still commit.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
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
        let low = self.left.load(Ordering::Relaxed) < 0;
        let mut last = self.last();
        if last.0.elapsed() >= if low { self.age.min(LOW_AGE) } else { self.age } {
            self.renew(&mut last);
        }
        last.1
    }

    /// A look at the disk now, whatever was seen before.
    pub(crate) fn look(&self) -> Room {
        let mut last = self.last();
        self.renew(&mut last);
        last.1
    }

    /// Counts bytes about to be written. Where they would go into the reserve, it answers what is free.
    pub(crate) fn spend(&self, bytes: u64) -> Result<(), Room> {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        if self.left.fetch_sub(bytes, Ordering::Relaxed) >= bytes {
            return Ok(());
        }
        let mut last = self.last();
        if last.1.reserve && last.0.elapsed() < self.age.min(LOW_AGE) {
            return Err(last.1);
        }
        self.renew(&mut last);
        if self.left.fetch_sub(bytes, Ordering::Relaxed) >= bytes { Ok(()) } else { Err(last.1) }
    }

    fn last(&self) -> MutexGuard<'_, (Instant, Room)> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A failing look changes nothing: the write itself will say what is wrong.
    fn renew(&self, last: &mut (Instant, Room)) {
        if let Ok(stat) = rustix::fs::fstatvfs(&self.folder) {
            let room = Room::of(&stat);
            self.left.store(above_reserve(&room), Ordering::Relaxed);
            *last = (Instant::now(), room);
        }
    }
}

fn above_reserve(room: &Room) -> i64 {
    if room.reserve {
        return -1;
    }
    i64::try_from(room.free_bytes - room.reserve_bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R5: min(max(1 %, 512 MiB), 10 % of the file system).
    #[test]
    fn the_reserve_follows_the_size_of_the_disk() {
        let (mib, gib) = (1_u64 << 20, 1_u64 << 30);
        let rows = [
            (0, 0),
            (60 * mib, 6 * mib),
            (gib, gib / 10),
            (6 * gib, 512 * mib),
            (50 * gib, 512 * mib),
            (100 * gib, gib),
            (u64::MAX, u64::MAX / 100),
        ];
        for (total, expected) in rows {
            assert_eq!(kept_back(total, 512 << 20), expected, "{total}");
        }
    }
}
