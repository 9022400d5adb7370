//! The one writer: a thread that owns the write connection and commits all that waits in one transaction.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use tokio::sync::{mpsc, oneshot};

use super::insert::{self, Known};
use super::log::Log;
use super::place;
use crate::{IndexError, Inserted, NewInstance, RowId};

pub(super) type Answer<T> = oneshot::Sender<Result<T, IndexError>>;

/// One call that writes.
pub(super) enum Job {
    Insert(Vec<NewInstance>, Answer<Vec<Inserted>>),
    SetPlaced(Vec<(RowId, String)>, Answer<()>),
    RemoveUnplaced(RowId, Answer<()>),
    /// Any other change; its commit is flushed.
    Change(Box<dyn Change>),
    /// Everything is written anew, so that nothing is left of what is gone.
    Scrub(Answer<()>),
    /// Nothing happened for a while: memory is given back.
    Rest,
}

impl Job {
    /// Whether its commit must be flushed. What recovery makes again from the spool need not be.
    fn durable(&self) -> bool {
        match self {
            Job::Insert(..) | Job::Rest | Job::Scrub(_) => false,
            Job::SetPlaced(..) | Job::RemoveUnplaced(..) | Job::Change(_) => true,
        }
    }
}

impl Job {
    fn scrub(self) -> Option<Answer<()>> {
        match self {
            Job::Scrub(to) => Some(to),
            _ => None,
        }
    }
}

/// Work on the write connection, and whom to tell.
pub(super) trait Change: Send {
    /// Does it in its savepoint.
    fn run(self: Box<Self>, writer: &mut Writer, lost: &mut Option<IndexError>) -> Finish;
}

/// A change as a closure.
pub(super) struct Changing<T, W> {
    pub work: W,
    pub to: Answer<T>,
}

impl<T, W> Change for Changing<T, W>
where
    T: Send + 'static,
    W: FnOnce(&Connection, &mut Known) -> Result<T, IndexError> + Send,
{
    fn run(self: Box<Self>, writer: &mut Writer, lost: &mut Option<IndexError>) -> Finish {
        answer(self.to, writer.attempt(lost, self.work))
    }
}

/// What of a commit survives a power cut.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flush {
    /// Nothing until the next flush (`synchronous=NORMAL`).
    Later,
    /// All of it, and all earlier commits with it (`synchronous=FULL`).
    Now,
}

/// Tells a caller what became of its job, once the commit is known.
pub(super) type Finish = Box<dyn FnOnce(Result<(), IndexError>)>;

/// The writer's state, moved into its thread.
pub(super) struct Writer {
    path: PathBuf,
    conn: Connection,
    known: Known,
    flush: Flush,
    log: Log,
    log_pages: Arc<AtomicU32>,
}

impl Writer {
    pub(super) fn new(path: &Path, mut conn: Connection, log: Log) -> Result<Self, IndexError> {
        let log_pages = Arc::new(AtomicU32::new(0));
        let pages = Arc::clone(&log_pages);
        conn.wal_hook(Some(move |_: &mut _, length: i32| {
            pages.store(length.unsigned_abs(), Ordering::Relaxed);
            Ok(())
        }))?;
        let (path, known) = (path.to_owned(), Known::default());
        Ok(Self { path, conn, known, flush: Flush::Later, log, log_pages })
    }

    /// Works until every sender is gone and the queue is empty.
    pub(super) fn run(mut self, mut jobs: mpsc::Receiver<Job>, group: usize) {
        let mut batch = Vec::with_capacity(group);
        while jobs.blocking_recv_many(&mut batch, group) > 0 {
            if batch.iter().all(|job| matches!(job, Job::Rest)) {
                let _ = self.conn.release_memory();
                batch.clear();
                continue;
            }
            let scrubs: Vec<_> = batch.extract_if(.., |job| matches!(job, Job::Scrub(_))).collect();
            if !batch.is_empty() {
                self.commit(&mut batch);
            }
            if !scrubs.is_empty() {
                let scrubbed = self.scrub();
                for to in scrubs.into_iter().filter_map(Job::scrub) {
                    drop(to.send(scrubbed.clone()));
                }
            }
            self.log.committed(&self.conn, self.log_pages.load(Ordering::Relaxed));
        }
    }

    /// Runs the jobs in one transaction and answers each after its commit.
    fn commit(&mut self, batch: &mut Vec<Job>) {
        let flush = if batch.iter().any(Job::durable) { Flush::Now } else { Flush::Later };
        let mut lost = self.begin(flush).err();
        let finishes: Vec<Finish> = batch
            .drain(..)
            .map(|job| match job {
                Job::Insert(new, to) => {
                    answer(to, self.attempt(&mut lost, |conn, known| insert::insert(conn, known, &new)))
                }
                Job::SetPlaced(placed, to) => {
                    answer(to, self.attempt(&mut lost, |conn, _| place::set_placed(conn, &placed)))
                }
                Job::RemoveUnplaced(row, to) => {
                    answer(to, self.attempt(&mut lost, |conn, _| place::remove_unplaced(conn, row)))
                }
                Job::Change(change) => change.run(self, &mut lost),
                // There is work after all; and that of the others is done apart.
                Job::Rest | Job::Scrub(_) => Box::new(|_| ()),
            })
            .collect();
        let committed = self.end(lost);
        for finish in finishes {
            finish(committed.clone());
        }
    }

    /// Writes every page anew, durably, and empties the log: into a file beside the database, which has no page more
    /// than its rows need, and from there over what there was.
    fn scrub(&mut self) -> Result<(), IndexError> {
        if let Some(failure) = self.log.failure() {
            return Err(failure);
        }
        let copy = self.path.with_added_extension("scrub");
        let written = self.write_anew(&copy);
        let removed = remove(&copy);
        if let Err(error @ IndexError::Flush(_)) = &written {
            self.log.fail(error.clone());
        }
        written.and(removed)
    }

    fn write_anew(&mut self, copy: &Path) -> Result<(), IndexError> {
        // What a crash left of an earlier one.
        remove(copy)?;
        let name = copy.to_str().ok_or_else(|| IndexError::Engine("the index's path is no text".into()))?;
        self.conn.execute("VACUUM INTO ?1", [name])?;
        fail::fail_point!("index::scrub-copied");
        self.conn.pragma_update(None, "synchronous", "FULL")?;
        self.flush = Flush::Now;
        self.known.forget();
        let from = Connection::open_with_flags(copy, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        match Backup::new(&from, &mut self.conn)?.step(-1)? {
            StepResult::Done => {}
            _ => return Err(IndexError::Engine("the index is in use".into())),
        }
        fail::fail_point!("index::scrubbed");
        self.log.truncate(&self.conn)
    }

    fn begin(&mut self, flush: Flush) -> Result<(), IndexError> {
        if let Some(failure) = self.log.failure() {
            return Err(failure);
        }
        if flush != self.flush {
            let level = if flush == Flush::Now { "FULL" } else { "NORMAL" };
            self.conn.pragma_update(None, "synchronous", level)?;
            self.flush = flush;
        }
        Ok(run(&self.conn, "BEGIN IMMEDIATE")?)
    }

    /// One job in its savepoint, so that its failure is its own. `lost` is set once the engine has given the whole
    /// transaction up: nothing may run then, it would commit by itself.
    fn attempt<T>(
        &mut self,
        lost: &mut Option<IndexError>,
        work: impl FnOnce(&Connection, &mut Known) -> Result<T, IndexError>,
    ) -> Result<T, IndexError> {
        if let Some(error) = lost {
            return Err(error.clone());
        }
        let outcome = run(&self.conn, "SAVEPOINT job")
            .map_err(IndexError::from)
            .and_then(|()| work(&self.conn, &mut self.known));
        let undone = match &outcome {
            Ok(_) => run(&self.conn, "RELEASE job"),
            Err(_) => {
                self.known.forget();
                run(&self.conn, "ROLLBACK TO job").and_then(|()| run(&self.conn, "RELEASE job"))
            }
        };
        if undone.is_err() || self.conn.is_autocommit() {
            let error = match (&outcome, undone) {
                (Err(error), _) => error.clone(),
                (Ok(_), Err(error)) => error.into(),
                (Ok(_), Ok(())) => IndexError::Engine("the transaction ended early".into()),
            };
            *lost = Some(error.clone());
            return Err(error);
        }
        outcome
    }

    /// Commits, or rolls back what is lost.
    fn end(&mut self, lost: Option<IndexError>) -> Result<(), IndexError> {
        let committed = match lost {
            Some(error) => Err(error),
            None => commit(&self.conn),
        };
        let Err(error) = &committed else {
            return Ok(());
        };
        self.known.forget();
        if !self.conn.is_autocommit()
            && let Err(error) = run(&self.conn, "ROLLBACK")
        {
            tracing::error!(%error, "the index could not roll back");
        }
        if matches!(error, IndexError::Flush(_)) {
            self.log.fail(error.clone());
        }
        committed
    }
}

/// What a caller gets: its own failure, or the commit's.
fn answer<T: Send + 'static>(to: Answer<T>, outcome: Result<T, IndexError>) -> Finish {
    // A caller that is gone needs no answer; its rows stay.
    Box::new(move |committed| drop(to.send(committed.and(outcome))))
}

/// Removes a file; that there is none is fine.
fn remove(file: &Path) -> Result<(), IndexError> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(IndexError::Engine(format!("cannot remove {}: {error}", file.display())))
        }
        _ => Ok(()),
    }
}

fn commit(conn: &Connection) -> Result<(), IndexError> {
    fail::fail_point!("index::commit", |_| Err(IndexError::Flush("injected".into())));
    run(conn, "COMMIT")?;
    fail::fail_point!("index::committed");
    Ok(())
}

fn run(conn: &Connection, statement: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(statement)?.execute([]).map(drop)
}
