//! The index: what the archive holds, searchable, within a scope.
//!
//! [`Index`] is the port; [`SqliteIndex`] the embedded adapter. Every adapter passes the same contract suite
//! (`tests/contract`). This crate must not know blobs (their names are text to it) nor any protocol.

mod sqlite;
mod types;

pub use sqlite::{Config, SqliteIndex};
pub use types::*;

use access::Scope;

/// The port that the archive uses. All writes go through one writer that commits in groups.
#[async_trait::async_trait]
pub trait Index: Send + Sync {
    /// Adds instances in one transaction; readers see them when it returns. Not flushed by itself: what a power cut
    /// takes, recovery gives back from the spool. The outcomes are in the order of `instances`.
    async fn insert(&self, instances: Vec<NewInstance>) -> Result<Vec<Inserted>, IndexError>;

    /// Sets the final place of these rows in one durable (`synchronous=FULL`) transaction, which makes every earlier
    /// row durable with it.
    async fn set_placed(&self, placed: Vec<(RowId, String)>) -> Result<(), IndexError>;

    /// Rows still in the spool, oldest first, after this row.
    async fn unplaced(&self, after: Option<RowId>, limit: u32) -> Result<Vec<InstanceRecord>, IndexError>;

    /// The row whose bytes have this spool name, in whatever location state.
    async fn by_sequence(&self, sequence: u64) -> Result<Option<InstanceRecord>, IndexError>;

    /// Takes an unplaced row out again: its file failed its digest at start, so it was never acknowledged.
    async fn remove_unplaced(&self, row: RowId) -> Result<(), IndexError>;

    /// Studies, series or instances that match, within the scope.
    async fn search(&self, scope: &Scope, search: &Search) -> Result<Hits, IndexError>;

    /// The current versions (or the one asked for) of the target's instances in stable order, after the cursor.
    async fn instances(
        &self,
        scope: &Scope,
        target: &Target,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Vec<InstanceRecord>, IndexError>;

    /// One instance with what frames and bulk data need; `target.instance` must be there.
    async fn instance(&self, scope: &Scope, target: &Target) -> Result<Option<InstanceDetail>, IndexError>;

    /// The metadata of the target's instances in stable order, after the cursor. A page may end before `limit`, once
    /// its rows hold 1 MiB; only an empty one is the end.
    async fn metadata(
        &self,
        scope: &Scope,
        target: &Target,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Vec<MetadataRow>, IndexError>;

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
    /// Made by a newer version of this program.
    #[error("the index has schema {found}, this program knows up to {known}")]
    Newer {
        /// The schema found.
        found: i64,
        /// The newest known here.
        known: i64,
    },
}
