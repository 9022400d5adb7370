//! The read-only connections: opened when needed, shared by turns, used on blocking threads.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::{Config, schema};
use crate::IndexError;

/// Virtual machine steps between two looks at the clock: some tenths of a millisecond.
const STEPS: i32 = 20_000;

/// What a reading is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Matching, which may be slow: never takes the last connection, and is stopped after [`Config::search_time`].
    Search,
    /// Reading by key.
    Lookup,
}

pub(super) struct Readers {
    path: PathBuf,
    config: Config,
    idle: Mutex<Vec<Reader>>,
    all: Arc<Semaphore>,
    searches: Arc<Semaphore>,
    /// Whether a connection was used since the last [`Readers::rest`].
    used: AtomicBool,
}

struct Reader {
    conn: Connection,
    watch: Arc<Watch>,
}

/// Decides whether the call that a connection works for should go on.
#[derive(Default)]
struct Watch {
    call: AtomicU64,
    given_up: AtomicU64,
    until: Mutex<Option<Instant>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf, config: Config) -> Self {
        let readers = config.readers.max(1);
        Self {
            path,
            idle: Mutex::default(),
            all: Arc::new(Semaphore::new(readers)),
            searches: Arc::new(Semaphore::new((readers - 1).max(1))),
            used: AtomicBool::new(false),
            config,
        }
    }

    /// Runs `work` on one connection, in one snapshot. A caller that goes away ends it.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        purpose: Purpose,
        work: impl FnOnce(&Connection) -> Result<T, IndexError> + Send + 'static,
    ) -> Result<T, IndexError> {
        let search = match purpose {
            Purpose::Search => Some(Arc::clone(&self.searches).acquire_owned().await.map_err(closed)?),
            Purpose::Lookup => None,
        };
        let permit = Arc::clone(&self.all).acquire_owned().await.map_err(closed)?;
        let reader = match self.pop() {
            Some(reader) => reader,
            None => {
                let readers = Arc::clone(self);
                blocking(move || Reader::open(&readers.path, &readers.config)).await?
            }
        };
        let until = search.is_some().then(|| Instant::now() + self.config.search_time);
        let mut abandon = reader.watch.begin(until);
        let readers = Arc::clone(self);
        let result = blocking(move || {
            let result = snapshot(&reader.conn, work);
            readers.push(reader);
            drop((permit, search));
            result
        })
        .await;
        abandon.call = 0;
        result
    }

    /// Gives pages back when no connection was used since the last time.
    pub(super) fn rest(&self) {
        if self.used.swap(false, Ordering::Relaxed) {
            return;
        }
        for reader in self.idle().iter() {
            let _ = reader.conn.release_memory();
        }
    }

    /// Closes the connections that nobody uses: a log is only folded into its file when the writer closes last.
    pub(super) fn close(&self) {
        self.idle().clear();
    }

    fn pop(&self) -> Option<Reader> {
        self.used.store(true, Ordering::Relaxed);
        self.idle().pop()
    }

    fn push(&self, reader: Reader) {
        if reader.conn.is_autocommit() {
            self.idle().push(reader);
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Reader>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader {
    fn open(path: &std::path::Path, config: &Config) -> Result<Self, IndexError> {
        let mut conn = schema::reader(path, config)?;
        let watch = Arc::new(Watch::default());
        let watching = Arc::clone(&watch);
        conn.progress_handler(STEPS, Some(move || watching.should_end()))?;
        Ok(Self { conn, watch })
    }
}

/// Ends the call when it is dropped before its answer came.
struct Abandon {
    watch: Arc<Watch>,
    call: u64,
}

impl Drop for Abandon {
    fn drop(&mut self) {
        if self.call != 0 {
            self.watch.given_up.store(self.call, Ordering::Relaxed);
        }
    }
}

impl Watch {
    fn begin(self: &Arc<Self>, until: Option<Instant>) -> Abandon {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
        let call = self.call.fetch_add(1, Ordering::Relaxed) + 1;
        Abandon { watch: Arc::clone(self), call }
    }

    fn should_end(&self) -> bool {
        let given_up = self.given_up.load(Ordering::Relaxed) == self.call.load(Ordering::Relaxed);
        let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        given_up || until.is_some_and(|until| Instant::now() > until)
    }
}

/// All statements of `work` see one state of the index.
fn snapshot<T>(
    conn: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, IndexError>,
) -> Result<T, IndexError> {
    conn.prepare_cached("BEGIN")?.execute([])?;
    let result = work(conn);
    // Nothing was written, so there is nothing to lose; a reader still inside is not used again.
    let _ = conn.prepare_cached("ROLLBACK").and_then(|mut end| end.execute([]));
    result
}

/// Runs it off the async threads.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, IndexError> + Send + 'static,
) -> Result<T, IndexError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| IndexError::Engine(format!("a reader failed: {error}")))?
}

fn closed(_: tokio::sync::AcquireError) -> IndexError {
    IndexError::Engine("the index is closed".into())
}
