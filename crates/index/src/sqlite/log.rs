//! The write-ahead log: pages move into the database file beside the writer, so that no commit waits for it.
//!
//! A thread with a connection of its own runs passive checkpoints, which lock out neither the writer nor readers. While
//! commits go on it never quite reaches the log's end. So once the log is long enough it goes on until few pages are
//! left, and the writer moves those between two commits; the next commit then begins the log anew. The same thread lets
//! memory go when nothing happens.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::SetOnce;

use super::readers::Readers;
use super::writer::Job;
use super::{Config, schema};
use crate::IndexError;

/// So long without a commit, and the rest of the log is moved and memory given back.
const QUIET: Duration = Duration::from_secs(2);

/// Pages that the writer may move itself: a few milliseconds.
const FEW: u32 = 256;
/// Rounds in which the thread tries to leave so few.
const ROUNDS: usize = 8;
/// The log grows to so many times its usual length while readers or the disk keep it; then the writer waits.
const TOO_LONG: u32 = 8;

/// The flush that failed, if ever one does.
pub(super) type Failure = Arc<SetOnce<IndexError>>;

/// The writer's side.
pub(super) struct Log {
    shared: Arc<Shared>,
    wake: SyncSender<()>,
}

struct Shared {
    /// The log's length at which a checkpoint starts, and that at which it begins anew, in pages.
    start: u32,
    anew: u32,
    /// The log's length after the last commit.
    pages: AtomicU32,
    /// How many of its pages the last checkpoint had moved.
    moved: AtomicU32,
    /// Commits since the last checkpoint.
    behind: AtomicBool,
    /// Few pages are left: the writer's turn.
    few_left: AtomicBool,
    /// The database file, to flush what was moved. While commits go on the engine leaves that to whoever moves the last
    /// page, which would be the writer. Never closed before the connections: that would drop their locks.
    file: Arc<File>,
    /// One checkpoint at a time: the engine would answer the second that it is busy.
    turn: Mutex<()>,
    /// A flush failed. The kernel may have dropped the pages, and would report success the next time.
    failure: Failure,
}

/// Starts the checkpoint thread; it ends when the [`Log`] is dropped.
pub(super) fn start(
    path: &Path,
    file: Arc<File>,
    config: &Config,
    readers: Arc<Readers>,
    writer: tokio::sync::mpsc::WeakSender<Job>,
    failure: Failure,
) -> Result<(Log, JoinHandle<()>), IndexError> {
    let conn = schema::checkpointer(path)?;
    let shared = Arc::new(Shared {
        start: config.checkpoint_pages,
        anew: config.wal_pages,
        pages: AtomicU32::new(0),
        moved: AtomicU32::new(0),
        behind: AtomicBool::new(false),
        few_left: AtomicBool::new(false),
        file,
        turn: Mutex::new(()),
        failure,
    });
    let (wake, woken) = mpsc::sync_channel(1);
    let log = Log { shared: Arc::clone(&shared), wake };
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
                shared.follow(conn);
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
    pub(super) fn committed(&self, conn: &Connection, pages: u32) {
        let shared = &self.shared;
        shared.pages.store(pages, Ordering::Relaxed);
        shared.behind.store(true, Ordering::Relaxed);
        let moved = shared.moved.load(Ordering::Relaxed);
        // A log shorter than what was moved has begun anew.
        let waiting = pages.checked_sub(moved).unwrap_or(pages);
        let long = pages >= shared.anew;
        let turn = shared.few_left.swap(false, Ordering::Relaxed);
        if long && turn || pages >= shared.anew.saturating_mul(TOO_LONG) {
            shared.checkpoint(conn);
        } else if long || waiting >= shared.start {
            // Full means that it was woken already.
            let _ = self.wake.try_send(());
        }
    }

    /// Moves the whole log and cuts its file to nothing, once no reader needs any of it.
    pub(super) fn truncate(&self, conn: &Connection) -> Result<(), IndexError> {
        let shared = &self.shared;
        let _turn = shared.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let busy: bool = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if busy {
            return Err(IndexError::Engine("a reader keeps the index's log".into()));
        }
        shared.file.sync_all().map_err(|error| IndexError::Flush(error.to_string()))?;
        shared.pages.store(0, Ordering::Relaxed);
        shared.moved.store(0, Ordering::Relaxed);
        shared.behind.store(false, Ordering::Relaxed);
        Ok(())
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
    /// Moves what can be moved; of a log that should begin anew, all but a few pages.
    fn follow(&self, conn: &Connection) {
        let mut before = None;
        for _ in 0..ROUNDS {
            let moved = self.checkpoint(conn);
            if let Err(error) = self.file.sync_data() {
                return self.fail(IndexError::Flush(error.to_string()));
            }
            let pages = self.pages.load(Ordering::Relaxed);
            self.few_left.store(pages.saturating_sub(moved) <= FEW, Ordering::Relaxed);
            // A reader that still needs what follows keeps it there.
            let stuck = before.replace(moved) == Some(moved);
            if pages < self.anew || pages.saturating_sub(moved) <= FEW || stuck {
                return;
            }
        }
    }

    /// Moves what no reader still needs in the log; how many of the log's pages are moved by now.
    fn checkpoint(&self, conn: &Connection) -> u32 {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if self.failure.initialized() {
            return 0;
        }
        self.behind.store(false, Ordering::Relaxed);
        // Busy, length, moved.
        let moved = conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get::<_, i64>(2));
        match moved.map_err(IndexError::from) {
            Ok(moved) => {
                let moved = u32::try_from(moved).unwrap_or(0);
                self.moved.store(moved, Ordering::Relaxed);
                moved
            }
            Err(error @ IndexError::Flush(_)) => {
                self.fail(error);
                0
            }
            Err(error) => {
                tracing::warn!(%error, "the index's log could not be moved; it grows until it can");
                self.behind.store(true, Ordering::Relaxed);
                0
            }
        }
    }

    fn fail(&self, error: IndexError) {
        tracing::error!(%error, "the index takes no more writes until it is opened again");
        let _ = self.failure.set(error);
    }
}
