//! The port to the final home of instances. `Folder` is the adapter on files; a bucket is another, under the same contract
//! (`tests/shelf_contract.rs`).

use std::path::{Path, PathBuf};

use crate::{BlobError, Reader};

/// One durable spool file on its way home.
#[derive(Clone, Debug)]
pub struct Placing {
    /// The spool file.
    pub spooled: PathBuf,
    /// Where it goes: `study/series/instance.dcm`.
    pub key: String,
}

/// One of a batch that did not come home; the others did.
#[derive(Clone, Debug)]
pub struct Unplaced {
    /// Its number in the batch, from 0.
    pub index: usize,
    /// Why: `Collision`, `BadName`, or `NotFound` for the spool file.
    pub why: BlobError,
}

/// Every final file with its key, in no order; an entry that is none is an error with its path, and the walk goes on.
pub type Walk = Box<dyn Iterator<Item = Result<(String, Reader), BlobError>> + Send>;

/// The final home. Blocking; every operation may be repeated after a crash.
pub trait Shelf: Send + Sync {
    /// Brings spool files home; when it answers, all but those it names are durable under their keys. A key that is there
    /// already with the same bytes is done; with other bytes it is a `Collision`, and nothing is changed. An error means
    /// that none of the batch can be relied on; the spool files are untouched in any case.
    fn place(&self, batch: &[Placing]) -> Result<Vec<Unplaced>, BlobError>;

    /// Opens a file; `NotFound` when there is none.
    fn open(&self, key: &str) -> Result<Reader, BlobError>;

    /// Removes a file for good: durable when it answers. That there was none is fine.
    fn remove(&self, key: &str) -> Result<(), BlobError>;

    /// Moves a file out of the shelf to this path (which does not exist), durably removed from here when it answers.
    fn take(&self, key: &str, to: &Path) -> Result<(), BlobError>;

    /// Walks over everything without holding it in memory.
    fn walk(&self) -> Walk;
}
