//! The embedded adapter: one SQLite file in WAL mode, one writer thread, a few read-only connections.
//!
//! | module | idea |
//! |---|---|
//! | [`writer`] | all that waits goes into one transaction; each caller is answered after its commit |
//! | [`log`] | the write-ahead log moves into the file beside the writer |
//! | [`readers`] | connections for reading, by turns, each call in one snapshot |
//! | [`scope`] | the one place where a scope becomes SQL |
//! | [`plan`] | from where a search walks |
//! | [`filter`], [`when`], [`function`] | matching rules, dates and names as SQL |
//! | [`moment`], [`key`], [`word`] | dates as numbers, looked-up values, the words of names |
//! | [`insert`], [`place`], [`search`], [`retrieve`], [`upkeep`] | the calls of the port |
//! | [`remove`], [`reject`], [`damage`] | what is taken out of sight |
//! | [`erase`] | what goes without leaving a name |
//! | [`holding`] | studies as their custodians hold them |
//! | [`fresh`] | attributes of studies and series whose first instance is gone |
//! | [`commitment`] | storage commitment requests |
//! | [`schema`], [`upgrade`] | migrations and pragmas |

mod commitment;
mod common;
mod config;
mod damage;
mod driver;
mod erase;
mod error;
mod filter;
mod fresh;
mod function;
mod gather;
mod holding;
mod insert;
mod key;
mod log;
mod moment;
mod place;
mod plan;
mod readers;
mod reject;
mod remove;
mod retrieve;
mod schema;
mod scope;
mod search;
mod sql;
#[cfg(test)]
mod tests;
mod upgrade;
mod upkeep;
mod when;
mod word;
mod writer;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use access::{CustodianId, Scope};
use model::{SopInstanceUid, StudyUid};
use tokio::sync::{mpsc, oneshot};

use self::insert::Known;
use self::readers::{Purpose, Readers};
use self::writer::{Changing, Job, Writer};
use crate::{
    Commitment, Cursor, Erasure, Fresh, Group, Hidden, Hits, HoldingRow, ImageRow, Index, IndexError,
    Inserted, InstanceDetail, InstanceRecord, MetadataRow, NewCommitment, NewInstance, OpenedCommitment,
    Order, PendingCommitment, Removable, Removal, RemovalHead, RowId, Search, Stale, StaleId, Target, Totals,
    Unpurged, Version, WhichHoldings,
};

pub use config::Config;

/// The index in one SQLite file. Cheap to clone; the last clone's drop waits for what was queued.
#[derive(Clone)]
pub struct SqliteIndex {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    config: Config,
    readers: Arc<Readers>,
    jobs: Option<mpsc::Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
    failure: log::Failure,
    /// Behind the connections in the order of dropping.
    _file: Arc<File>,
}

impl SqliteIndex {
    /// Opens the file, makes it when it is not there, and brings its schema up. Blocking.
    ///
    /// # Errors
    /// [`IndexError::Newer`] when a newer program made it, which leaves it untouched; [`IndexError::Engine`] when it
    /// is no database of ours or cannot be read; [`IndexError::NoSpace`].
    pub fn open(path: &Path, config: Config) -> Result<Self, IndexError> {
        let conn = schema::writer(path, &config)?;
        let file = File::open(path).map_err(|error| IndexError::Engine(error.to_string()))?;
        let file = Arc::new(file);
        let readers = Arc::new(Readers::new(path.to_owned(), config.clone()));
        let (jobs, queue) = mpsc::channel(config.queue.max(1));
        let failure = log::Failure::default();
        let (log, log_thread) = log::start(
            path,
            Arc::clone(&file),
            &config,
            Arc::clone(&readers),
            jobs.downgrade(),
            Arc::clone(&failure),
        )?;
        let writer = Writer::new(path, conn, log)?;
        let group = config.group.max(1);
        let writer_thread = thread::Builder::new()
            .name("index-writer".into())
            .spawn(move || writer.run(queue, group))
            .map_err(|error| IndexError::Engine(format!("no thread for the writer: {error}")))?;
        let threads = vec![writer_thread, log_thread];
        let inner =
            Inner { path: path.to_owned(), config, readers, jobs: Some(jobs), threads, failure, _file: file };
        Ok(Self { inner: Arc::new(inner) })
    }

    async fn write<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, IndexError>>) -> Job,
    ) -> Result<T, IndexError> {
        self.queue(job).await?.await
    }

    /// Puts a job behind all that wait; the value is its answer.
    async fn queue<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, IndexError>>) -> Job,
    ) -> Result<impl Future<Output = Result<T, IndexError>>, IndexError> {
        let ended = || IndexError::Engine("the index's writer has ended".into());
        let (answer, answered) = oneshot::channel();
        let jobs = self.inner.jobs.as_ref().ok_or_else(ended)?;
        jobs.send(job(answer)).await.map_err(|_| ended())?;
        Ok(async move { answered.await.map_err(|_| ended())? })
    }

    /// A change whose commit is flushed.
    async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&rusqlite::Connection, &mut Known) -> Result<T, IndexError> + Send + 'static,
    ) -> Result<T, IndexError> {
        self.write(|to| Job::Change(Box::new(Changing { work, to }))).await
    }

    /// Runs long work on a connection of its own.
    async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce(&rusqlite::Connection) -> Result<T, IndexError> + Send + 'static,
    ) -> Result<T, IndexError> {
        let inner = Arc::clone(&self.inner);
        readers::blocking(move || work(&schema::reader(&inner.path, &inner.config)?)).await
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.readers.close();
        // The writer ends when nobody can send, and the log's thread when the writer has.
        drop(self.jobs.take());
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the index ended in a panic");
            }
        }
    }
}

#[async_trait::async_trait]
impl Index for SqliteIndex {
    async fn failed(&self) -> IndexError {
        self.inner.failure.wait().await.clone()
    }

    async fn insert_in_order(
        &self,
        instances: Vec<NewInstance>,
        order: Order,
    ) -> Result<Vec<Inserted>, IndexError> {
        let answered = self.queue(|answer| Job::Insert(instances, answer)).await;
        drop(order);
        answered?.await
    }

    async fn set_placed(&self, placed: Vec<(RowId, String)>) -> Result<(), IndexError> {
        self.write(|answer| Job::SetPlaced(placed, answer)).await
    }

    async fn unplaced(&self, after: Option<RowId>, limit: u32) -> Result<Vec<InstanceRecord>, IndexError> {
        self.inner.readers.read(Purpose::Lookup, move |conn| retrieve::unplaced(conn, after, limit)).await
    }

    async fn by_sequence(&self, sequence: u64) -> Result<Option<InstanceRecord>, IndexError> {
        self.inner.readers.read(Purpose::Lookup, move |conn| retrieve::by_sequence(conn, sequence)).await
    }

    async fn remove_unplaced(&self, row: RowId) -> Result<(), IndexError> {
        self.write(|answer| Job::RemoveUnplaced(row, answer)).await
    }

    async fn removable(
        &self,
        scope: &Scope,
        target: &Target,
        limit: u32,
    ) -> Result<Option<Removable>, IndexError> {
        let (scope, target) = (scope.clone(), target.clone());
        let work = move |conn: &_| remove::removable(conn, &scope, &target, limit);
        self.inner.readers.read(Purpose::Lookup, work).await
    }

    async fn holdings(
        &self,
        which: &WhichHoldings,
        after: Option<StaleId>,
        limit: u32,
    ) -> Result<Vec<HoldingRow>, IndexError> {
        let which = which.clone();
        self.apart(move |conn| holding::holdings(conn, &which, after, limit)).await
    }

    async fn remove(&self, removal: Removal) -> Result<u64, IndexError> {
        self.change(move |conn, known| remove::remove(conn, known, &removal)).await
    }

    async fn versions(
        &self,
        study: StaleId,
        after: Option<RowId>,
        limit: u32,
    ) -> Result<Vec<Version>, IndexError> {
        let work = move |conn: &_| erase::versions(conn, study, after, limit);
        self.inner.readers.read(Purpose::Lookup, work).await
    }

    async fn deleted_before(
        &self,
        custodian: Option<&CustodianId>,
        study: &StudyUid,
    ) -> Result<Vec<(u64, Unpurged)>, IndexError> {
        let (custodian, study) = (custodian.cloned(), *study);
        self.apart(move |conn| erase::deleted_before(conn, custodian.as_ref(), &study)).await
    }

    async fn erase(&self, erasure: Erasure) -> Result<(), IndexError> {
        self.change(move |conn, _| erase::erase(conn, &erasure)).await
    }

    async fn erasures(&self) -> Result<Vec<u64>, IndexError> {
        self.inner.readers.read(Purpose::Lookup, erase::erasures).await
    }

    async fn scrub(&self) -> Result<(), IndexError> {
        self.write(Job::Scrub).await
    }

    async fn is_removed(&self, sequence: u64) -> Result<bool, IndexError> {
        let work =
            move |conn: &_| Ok(remove::is_removed(conn, sequence)? || erase::is_erased(conn, sequence)?);
        self.inner.readers.read(Purpose::Lookup, work).await
    }

    async fn was_here(&self, scope: &Scope, target: &Target) -> Result<bool, IndexError> {
        let (scope, target) = (scope.clone(), target.clone());
        self.inner.readers.read(Purpose::Lookup, move |conn| remove::was_here(conn, &scope, &target)).await
    }

    async fn removals(&self, after: Option<u64>, limit: u32) -> Result<Vec<RemovalHead>, IndexError> {
        self.inner.readers.read(Purpose::Lookup, move |conn| remove::removals(conn, after, limit)).await
    }

    async fn removed(&self, after: Option<u64>, limit: u32) -> Result<Vec<Unpurged>, IndexError> {
        self.inner.readers.read(Purpose::Lookup, move |conn| remove::removed(conn, after, limit)).await
    }

    async fn unpurged(&self, after: Option<u64>, limit: u32) -> Result<Vec<Unpurged>, IndexError> {
        self.inner.readers.read(Purpose::Lookup, move |conn| remove::unpurged(conn, after, limit)).await
    }

    async fn set_purged(&self, sequences: Vec<u64>) -> Result<(), IndexError> {
        self.change(move |conn, _| remove::set_purged(conn, &sequences)).await
    }

    async fn mark_damaged(&self, row: RowId, at: i64, why: &str) -> Result<bool, IndexError> {
        let why = why.to_owned();
        self.change(move |conn, _| damage::mark(conn, row, at, &why)).await
    }

    async fn mark_sound(&self, row: RowId) -> Result<(), IndexError> {
        self.change(move |conn, _| damage::unmark(conn, row)).await
    }

    async fn stale(&self, limit: u32) -> Result<Vec<Stale>, IndexError> {
        self.inner.readers.read(Purpose::Lookup, move |conn| fresh::stale(conn, limit)).await
    }

    async fn stale_metadata(
        &self,
        study: StaleId,
        after: Option<RowId>,
        limit: u32,
    ) -> Result<Vec<(RowId, Vec<u8>)>, IndexError> {
        let work = move |conn: &_| fresh::metadata(conn, study, after, limit);
        self.inner.readers.read(Purpose::Lookup, work).await
    }

    async fn refresh(&self, fresh: Vec<Fresh>) -> Result<(), IndexError> {
        self.change(move |conn, known| fresh::refresh(conn, known, &fresh)).await
    }

    async fn open_commitment(&self, new: NewCommitment, most: u32) -> Result<OpenedCommitment, IndexError> {
        self.change(move |conn, _| commitment::open(conn, &new, most)).await
    }

    async fn end_commitment(&self, id: i64, at: i64, result: Vec<u8>) -> Result<(), IndexError> {
        self.change(move |conn, _| commitment::done(conn, id, at, &result)).await
    }

    async fn commitment(&self, principal: &str, transaction: &str) -> Result<Option<Commitment>, IndexError> {
        let (principal, transaction) = (principal.to_owned(), transaction.to_owned());
        let work = move |conn: &_| commitment::get(conn, &principal, &transaction);
        self.inner.readers.read(Purpose::Lookup, work).await
    }

    async fn pending_commitments(
        &self,
        after: i64,
        limit: u32,
    ) -> Result<Vec<PendingCommitment>, IndexError> {
        self.inner.readers.read(Purpose::Lookup, move |conn| commitment::pending(conn, after, limit)).await
    }

    async fn expire_commitments(&self, results: i64, all: i64) -> Result<(), IndexError> {
        self.change(move |conn, _| commitment::expire(conn, results, all)).await
    }

    async fn hidden(&self) -> Result<Hidden, IndexError> {
        self.inner.readers.read(Purpose::Lookup, remove::hidden).await
    }

    async fn search(&self, scope: &Scope, search: &Search) -> Result<Hits, IndexError> {
        let (scope, search) = (scope.clone(), search.clone());
        self.inner.readers.read(Purpose::Search, move |conn| search::search(conn, &scope, &search)).await
    }

    async fn instances(
        &self,
        scope: &Scope,
        target: &Target,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Vec<InstanceRecord>, IndexError> {
        let (scope, target) = (scope.clone(), target.clone());
        let work = move |conn: &_| retrieve::instances(conn, &scope, &target, after, limit);
        self.inner.readers.read(Purpose::Lookup, work).await
    }

    async fn groups(&self, scope: &Scope, target: &Target) -> Result<Vec<Group>, IndexError> {
        let (scope, target) = (scope.clone(), target.clone());
        self.inner.readers.read(Purpose::Lookup, move |conn| retrieve::groups(conn, &scope, &target)).await
    }

    async fn instance(&self, scope: &Scope, target: &Target) -> Result<Option<InstanceDetail>, IndexError> {
        let (scope, target) = (scope.clone(), target.clone());
        self.inner.readers.read(Purpose::Lookup, move |conn| retrieve::instance(conn, &scope, &target)).await
    }

    async fn by_uid(
        &self,
        scope: &Scope,
        instance: &SopInstanceUid,
    ) -> Result<Option<InstanceRecord>, IndexError> {
        let (scope, instance) = (scope.clone(), *instance);
        self.inner.readers.read(Purpose::Lookup, move |conn| retrieve::by_uid(conn, &scope, &instance)).await
    }

    async fn metadata(
        &self,
        scope: &Scope,
        target: &Target,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Vec<MetadataRow>, IndexError> {
        let (scope, target) = (scope.clone(), target.clone());
        let work = move |conn: &_| retrieve::metadata(conn, &scope, &target, after, limit);
        self.inner.readers.read(Purpose::Lookup, work).await
    }

    async fn image(&self, row: RowId) -> Result<Option<ImageRow>, IndexError> {
        self.inner.readers.read(Purpose::Lookup, move |conn| retrieve::image(conn, row)).await
    }

    async fn chunk_sums(&self, row: RowId, first: u64, count: u64) -> Result<Vec<u8>, IndexError> {
        self.inner
            .readers
            .read(Purpose::Lookup, move |conn| retrieve::chunk_sums(conn, row, first, count))
            .await
    }

    async fn all(&self, after: Option<RowId>, limit: u32) -> Result<Vec<InstanceRecord>, IndexError> {
        self.inner.readers.read(Purpose::Lookup, move |conn| retrieve::all(conn, after, limit)).await
    }

    async fn last_sequence(&self) -> Result<u64, IndexError> {
        self.inner.readers.read(Purpose::Lookup, retrieve::last_sequence).await
    }

    async fn totals(&self) -> Result<Totals, IndexError> {
        self.inner.readers.read(Purpose::Lookup, retrieve::totals).await
    }

    async fn check(&self) -> Result<Vec<String>, IndexError> {
        self.apart(upkeep::check).await
    }

    async fn backup(&self, to: &Path) -> Result<(), IndexError> {
        let to = to.to_owned();
        self.apart(move |conn| upkeep::backup(conn, &to)).await
    }
}
