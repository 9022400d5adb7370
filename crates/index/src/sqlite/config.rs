//! Settings of the embedded index, each with what it costs at worst.

use std::time::Duration;

/// Settings of [`super::SqliteIndex`].
///
/// Worst-case memory with the defaults: 8 MiB for the writer's pages, 4 × 16 MiB for the readers', 0.5 MiB for
/// checkpoints, and some 8 KiB for each of at most 5 × 64 prepared statements, so 75 MiB under load. Connections are
/// opened when first needed, and after two idle seconds their pages are given back.
///
/// Files are never mapped into memory: a read error of the disk under a mapping would end the process (SIGBUS)
/// instead of failing one query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Connections for reading. Searches use all but one of them, so that retrieval goes on beside slow searches.
    pub readers: usize,
    /// Page cache of each reader, in KiB.
    pub reader_cache_kib: u32,
    /// Page cache of the writer, in KiB.
    pub writer_cache_kib: u32,
    /// Prepared statements kept by each connection.
    pub statements: usize,
    /// Calls that one transaction takes together at most.
    pub group: usize,
    /// Calls that may wait for the writer; the next ones wait before they are queued. Each holds its rows in memory.
    pub queue: usize,
    /// After so many new pages of 4 KiB in the write-ahead log a checkpoint starts beside the writer.
    pub checkpoint_pages: u32,
    /// Length at which the log should begin anew: its size on disk where the disk keeps up and no reading takes long.
    /// At eight times as much the writer waits for the disk.
    pub wal_pages: u32,
    /// A search that takes longer is stopped.
    pub search_time: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            readers: 4,
            reader_cache_kib: 16_384,
            writer_cache_kib: 8_192,
            statements: 64,
            group: 64,
            queue: 256,
            checkpoint_pages: 4_096,
            wal_pages: 16_384,
            search_time: Duration::from_secs(20),
        }
    }
}
