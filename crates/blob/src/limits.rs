//! Bounds on what the store holds open, ahead and behind.

use std::time::Duration;

/// Bounds of the store, with what each costs at worst.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Spool files made ahead: created and their folder flushed, so that an instance pays for neither.
    /// Costs one file descriptor and one inode each. 0 makes each file when it is asked for. Default 64.
    pub slots: usize,
    /// Kept spool files that wait to be placed; past it [`crate::Blobs::create`] waits. It bounds the time that recovery
    /// takes. Default 4,096.
    pub spool_files: u64,
    /// The same in bytes of data sets. One larger instance is still taken when nothing else waits. Default 2 GiB.
    pub spool_bytes: u64,
    /// How long [`crate::Blobs::create`] waits for room in the spool before it answers `SpoolFull`. Default 10 s.
    pub spool_wait: Duration,
    /// Bytes of one incoming stream after which its pages are sent to the disk while it goes on. At most twice as much
    /// of each stream is dirty, so its last flush is short. Default 16 MiB.
    pub writeback: u64,
    /// How old a look at the free space may be. Default 1 s.
    pub room_age: Duration,
    /// Pause between health checks after the disk failed a write. Default 1 s.
    pub probe_every: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            slots: 64,
            spool_files: 4_096,
            spool_bytes: 2 << 30,
            spool_wait: Duration::from_secs(10),
            writeback: 16 << 20,
            room_age: Duration::from_secs(1),
            probe_every: Duration::from_secs(1),
        }
    }
}
