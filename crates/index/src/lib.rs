//! The index: what the archive holds, searchable, within a scope.
//!
//! [`Index`] is the port; [`SqliteIndex`] the embedded adapter. Every adapter passes the same contract suite
//! (`tests/contract`). This crate must not know blobs (their names are text to it) nor any protocol.

mod commitment;
mod erasure;
mod fresh;
mod holding;
mod removal;
mod sqlite;
mod types;

pub use commitment::*;
pub use erasure::*;
pub use fresh::*;
pub use holding::*;
pub use removal::*;
pub use sqlite::{Config, SqliteIndex};
pub use types::*;

use access::{CustodianId, Scope};
use model::{SopInstanceUid, StudyUid};

/// Something to drop when the order of an insertion is certain.
pub type Order = Box<dyn Send>;

/// The port that the archive uses. All writes go through one writer that commits in groups.
#[async_trait::async_trait]
pub trait Index: Send + Sync {
    /// Waits for a failure after which no later write is believed until the index is opened again; for ever while there is
    /// none.
    async fn failed(&self) -> IndexError;

    /// Adds instances in one transaction; readers see them when it returns. Not flushed by itself: what a power cut
    /// takes, recovery gives back from the spool. The outcomes are in the order of `instances`.
    async fn insert(&self, instances: Vec<NewInstance>) -> Result<Vec<Inserted>, IndexError> {
        self.insert_in_order(instances, Box::new(())).await
    }

    /// The same; `order` is dropped as soon as whatever is inserted from then on comes behind these, which is long
    /// before they are committed. So callers who take turns do not wait for each other's commits.
    async fn insert_in_order(
        &self,
        instances: Vec<NewInstance>,
        order: Order,
    ) -> Result<Vec<Inserted>, IndexError>;

    /// Sets the final place of these rows in one durable (`synchronous=FULL`) transaction, which makes every earlier
    /// row durable with it.
    async fn set_placed(&self, placed: Vec<(RowId, String)>) -> Result<(), IndexError>;

    /// Rows still in the spool, oldest first, after this row.
    async fn unplaced(&self, after: Option<RowId>, limit: u32) -> Result<Vec<InstanceRecord>, IndexError>;

    /// The row whose bytes have this spool name, in whatever location state.
    async fn by_sequence(&self, sequence: u64) -> Result<Option<InstanceRecord>, IndexError>;

    /// Takes an unplaced row out again: its file failed its digest at start, so it was never acknowledged.
    async fn remove_unplaced(&self, row: RowId) -> Result<(), IndexError>;

    /// What a deletion of the target would take out: in the first holding of those in scope that has it, every version
    /// of each instance whose first version lies in the target, hidden ones too. `None` when there is nothing; one more
    /// than `limit` when there is more.
    async fn removable(
        &self,
        scope: &Scope,
        target: &Target,
        limit: u32,
    ) -> Result<Option<Removable>, IndexError>;

    /// Studies as their custodians hold them, by the index's number, after this one. Without a scope: for what the archive
    /// decides by itself.
    async fn holdings(
        &self,
        which: &WhichHoldings,
        after: Option<StaleId>,
        limit: u32,
    ) -> Result<Vec<HoldingRow>, IndexError>;

    /// Takes the rows of these sequences out of everything that is searched and read, and keeps the record, in one durable
    /// transaction. Rows that are not there are only recorded; the same removal again changes nothing. How many went.
    async fn remove(&self, removal: Removal) -> Result<u64, IndexError>;

    /// Every version of everything in a study, hidden ones too, by row, after this one.
    async fn versions(
        &self,
        study: StaleId,
        after: Option<RowId>,
        limit: u32,
    ) -> Result<Vec<Version>, IndexError>;

    /// What was deleted of a study before, of this custodian or of all, each version with the sequence of the deletion that
    /// took it.
    async fn deleted_before(
        &self,
        custodian: Option<&CustodianId>,
        study: &StudyUid,
    ) -> Result<Vec<(u64, Unpurged)>, IndexError>;

    /// Takes everything out that names these versions, in one durable transaction, and keeps their sequences. Doing it
    /// again changes nothing.
    async fn erase(&self, erasure: Erasure) -> Result<(), IndexError>;

    /// Every erasure that is known, by its sequence.
    async fn erasures(&self) -> Result<Vec<u64>, IndexError>;

    /// Writes the whole index anew, so that nothing is left on disk of rows that are gone: not in free pages, nor in
    /// the log. Nothing else is written meanwhile, and the disk needs room for two copies.
    async fn scrub(&self) -> Result<(), IndexError>;

    /// Whether the instance of this sequence was deleted or erased.
    async fn is_removed(&self, sequence: u64) -> Result<bool, IndexError>;

    /// Whether there was something of this name within the scope that was deleted, or that a rejection note hides.
    async fn was_here(&self, scope: &Scope, target: &Target) -> Result<bool, IndexError>;

    /// Deletions on record, oldest first, after this sequence.
    async fn removals(&self, after: Option<u64>, limit: u32) -> Result<Vec<RemovalHead>, IndexError>;

    /// Every deleted version by its own sequence, after this one.
    async fn removed(&self, after: Option<u64>, limit: u32) -> Result<Vec<Unpurged>, IndexError>;

    /// Deleted versions whose bytes are not removed yet, by their own sequence, after this one.
    async fn unpurged(&self, after: Option<u64>, limit: u32) -> Result<Vec<Unpurged>, IndexError>;

    /// The bytes of these deleted versions are removed. Durable.
    async fn set_purged(&self, sequences: Vec<u64>) -> Result<(), IndexError>;

    /// Marks a row whose bytes failed a check, durably; the text says why. Whether it was not marked before.
    async fn mark_damaged(&self, row: RowId, at: i64, why: &str) -> Result<bool, IndexError>;

    /// Takes the mark off a row whose bytes are there again, durably.
    async fn mark_sound(&self, row: RowId) -> Result<(), IndexError>;

    /// Studies and series whose first instance changed since their attributes were taken from it.
    async fn stale(&self, limit: u32) -> Result<Vec<Stale>, IndexError>;

    /// The metadata of every version of everything in a study, by row, after this one.
    async fn stale_metadata(
        &self,
        study: StaleId,
        after: Option<RowId>,
        limit: u32,
    ) -> Result<Vec<(RowId, Vec<u8>)>, IndexError>;

    /// Gives stale studies and series their attributes, in one transaction; what changed meanwhile stays stale.
    async fn refresh(&self, fresh: Vec<Fresh>) -> Result<(), IndexError>;

    /// Notes a storage commitment request, durably, unless the principal has `most` of them.
    async fn open_commitment(&self, new: NewCommitment, most: u32) -> Result<OpenedCommitment, IndexError>;

    /// Keeps the result of a request, durably.
    async fn end_commitment(&self, id: i64, at: i64, result: Vec<u8>) -> Result<(), IndexError>;

    /// What became of a principal's request; `None` when it never made one of this transaction UID.
    async fn commitment(&self, principal: &str, transaction: &str) -> Result<Option<Commitment>, IndexError>;

    /// Requests of all principals without a result, oldest first, after this number.
    async fn pending_commitments(&self, after: i64, limit: u32)
    -> Result<Vec<PendingCommitment>, IndexError>;

    /// Lets results of requests older than `results` (Unix time in milliseconds) go, and forgets those older than `all`.
    async fn expire_commitments(&self, results: i64, all: i64) -> Result<(), IndexError>;

    /// Counts of what is out of sight.
    async fn hidden(&self) -> Result<Hidden, IndexError>;

    /// Studies, series or instances that match, within the scope.
    async fn search(&self, scope: &Scope, search: &Search) -> Result<Hits, IndexError>;

    /// The current versions (or the one asked for) of the target's instances in stable order, after the cursor.
    ///
    /// # Errors
    /// [`IndexError::Gone`] when a study or series is no longer there for a page that goes on: what was given of it is
    /// not all of it.
    async fn instances(
        &self,
        scope: &Scope,
        target: &Target,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Vec<InstanceRecord>, IndexError>;

    /// How many of those instances are of which class and lie in which transfer syntax; none when the target is not there.
    async fn groups(&self, scope: &Scope, target: &Target) -> Result<Vec<Group>, IndexError>;

    /// One instance with what frames and bulk data need; `target.instance` must be there.
    async fn instance(&self, scope: &Scope, target: &Target) -> Result<Option<InstanceDetail>, IndexError>;

    /// The current version of this instance in the first holding of those in scope that has it, wherever it is.
    async fn by_uid(
        &self,
        scope: &Scope,
        instance: &SopInstanceUid,
    ) -> Result<Option<InstanceRecord>, IndexError>;

    /// The metadata of the target's instances in stable order, after the cursor. A page may end before `limit`, once
    /// its rows hold 1 MiB; only an empty one is the end.
    ///
    /// # Errors
    /// As of [`Index::instances`].
    async fn metadata(
        &self,
        scope: &Scope,
        target: &Target,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Vec<MetadataRow>, IndexError>;

    /// What tells how the image and the long values of a row are to be read, for a record that came out of a scope; `None` when the row is
    /// gone.
    async fn image(&self, row: RowId) -> Result<Option<ImageRow>, IndexError>;

    /// `count` chunk sums from the chunk `first` on, 4 bytes little endian each.
    async fn chunk_sums(&self, row: RowId, first: u64, count: u64) -> Result<Vec<u8>, IndexError>;

    /// Every row of every custodian and version by row number, for `verify`.
    async fn all(&self, after: Option<RowId>, limit: u32) -> Result<Vec<InstanceRecord>, IndexError>;

    /// The largest sequence ever given out, 0 when none.
    async fn last_sequence(&self) -> Result<u64, IndexError>;

    /// Counts.
    async fn totals(&self) -> Result<Totals, IndexError>;

    /// Checks the engine's own integrity; the texts say what is wrong, empty is sound.
    async fn check(&self) -> Result<Vec<String>, IndexError>;

    /// A consistent copy while running, into this file that does not exist yet.
    async fn backup(&self, to: &std::path::Path) -> Result<(), IndexError>;
}

/// Why the index could not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// No room on the disk.
    #[error("no space for the index: {0}")]
    NoSpace(String),
    /// The engine failed: disk, corruption, lock.
    #[error("the index failed: {0}")]
    Engine(String),
    /// A flush to disk failed, so what was committed may be lost although it can be read. Every later write is refused:
    /// only opening again, with recovery from the spool, tells what is there. A server ends its process.
    #[error("the index could not be flushed: {0}")]
    Flush(String),
    /// A search that was stopped because it looked at too much.
    #[error("the search took too long")]
    TooBroad,
    /// What is read page by page went out of sight between two pages.
    #[error("it is not there any more")]
    Gone,
    /// Made by a newer version of this program.
    #[error("the index has schema {found}, this program knows up to {known}")]
    Newer {
        /// The schema found.
        found: i64,
        /// The newest known here.
        known: i64,
    },
}
