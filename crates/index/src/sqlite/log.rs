//! The write-ahead log: pages move into the database file beside the writer, so that no commit waits for it.
//!
//! A thread with a connection of its own runs passive checkpoints, which lock out neither the writer nor readers. While
//! commits go on it never quite reaches the log's end, so past [`Config::wal_pages`] the writer moves the last few pages
//! itself; the next commit then begins the log anew. The same thread lets memory go when nothing happens.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::Connection;

use super::readers::Readers;
use super::writer::Job;
use super::{Config, schema};
use crate::IndexError;

/// So long without a commit, and the rest of the log is moved and memory given back.
const QUIET: Duration = Duration::from_secs(2);

/// The writer's side.
pub(super) struct Log {
    shared: Arc<Shared>,
    wake: SyncSender<()>,
    soft: u32,
    hard: u32,
    /// The length at which the writer tries next to finish a checkpoint.
    next: u32,
}

#[derive(Default)]
struct Shared {
    /// Commits since the last checkpoint.
    behind: AtomicBool,
    /// A flush failed. The kernel may have dropped the pages, and would report success the next time.
    failure: OnceLock<IndexError>,
}

/// Starts the checkpoint thread; it ends when the [`Log`] is dropped.
pub(super) fn start(
    path: &Path,
    config: &Config,
    readers: Arc<Readers>,
    writer: tokio::sync::mpsc::WeakSender<Job>,
) -> Result<(Log, JoinHandle<()>), IndexError> {
    let conn = schema::checkpointer(path)?;
    let shared = Arc::new(Shared::default());
    let (wake, woken) = mpsc::sync_channel(1);
    let log = Log {
        shared: Arc::clone(&shared),
        wake,
        soft: config.checkpoint_pages,
        hard: config.wal_pages,
        next: config.wal_pages,
    };
    let thread = thread::Builder::new()
        .name("index-log".into())
        .spawn(move || keep(&conn, &shared, &woken, &readers, &writer))
        .map_err(|error| IndexError::Engine(format!("no thread for the log: {error}")))?;
    Ok((log, thread))
}

fn keep(
    conn: &Connection,
    shared: &Shared,
    woken: &Receiver<()>,
    readers: &Readers,
    writer: &tokio::sync::mpsc::WeakSender<Job>,
) {
    let mut resting = true;
    loop {
        match woken.recv_timeout(QUIET) {
            Ok(()) => {
                resting = false;
                shared.checkpoint(conn);
            }
            Err(RecvTimeoutError::Timeout) => {
                if shared.behind.load(Ordering::Relaxed) {
                    resting = false;
                    shared.checkpoint(conn);
                } else if !resting {
                    resting = true;
                    let _ = conn.release_memory();
                    if let Some(writer) = writer.upgrade() {
                        let _ = writer.try_send(Job::Rest);
                    }
                }
                readers.rest();
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

impl Log {
    /// After a commit that left the log this long.
    pub(super) fn committed(&mut self, conn: &Connection, pages: u32) {
        self.shared.behind.store(true, Ordering::Relaxed);
        if pages < self.soft {
            self.next = self.hard;
            return;
        }
        // Full means that it was woken already.
        let _ = self.wake.try_send(());
        if pages >= self.next {
            let done = self.shared.checkpoint(conn);
            // Kept by a long reader or by the thread's own checkpoint: later again, not at each commit.
            self.next = if done { self.hard } else { pages.saturating_add(self.soft) };
        }
    }

    /// A flush that failed, then or ever since the start.
    pub(super) fn failure(&self) -> Option<IndexError> {
        self.shared.failure.get().cloned()
    }

    /// Refuses every later write.
    pub(super) fn fail(&self, error: IndexError) {
        self.shared.fail(error);
    }
}

impl Shared {
    /// Moves what can be moved without waiting; whether that was all.
    fn checkpoint(&self, conn: &Connection) -> bool {
        if self.failure.get().is_some() {
            return false;
        }
        self.behind.store(false, Ordering::Relaxed);
        let moved = conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
        });
        match moved.map_err(IndexError::from) {
            Ok((busy, log, moved)) => busy == 0 && log == moved,
            Err(error @ IndexError::Flush(_)) => {
                self.fail(error);
                false
            }
            Err(error) => {
                tracing::warn!(%error, "the index's log could not be moved; it grows until it can");
                self.behind.store(true, Ordering::Relaxed);
                false
            }
        }
    }

    fn fail(&self, error: IndexError) {
        tracing::error!(%error, "the index takes no more writes until it is opened again");
        let _ = self.failure.set(error);
    }
}
