//! What can go wrong with the trail.

use std::io;

/// The trail cannot be opened, written or read.
#[derive(Debug, thiserror::Error)]
pub enum TrailError {
    /// The database engine.
    #[error("audit.db: {0}")]
    Engine(#[from] rusqlite::Error),
    /// The file system.
    #[error("{what}: {error}")]
    File {
        /// Which file.
        what: &'static str,
        /// Why.
        error: io::Error,
    },
    /// Another process writes it.
    #[error("another process writes the audit trail")]
    Held,
    /// It was made by a later version.
    #[error("audit.db has version {0}, which this program does not know")]
    Version(i64),
    /// A row that nobody can read; `overread audit verify` says more.
    #[error("row {0} of audit.db cannot be read")]
    Row(u64),
    /// The trail was closed.
    #[error("the audit trail is closed")]
    Closed,
}

impl TrailError {
    pub(crate) fn file(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::File { what, error }
    }
}
