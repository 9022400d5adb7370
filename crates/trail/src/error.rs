//! What can go wrong with the trail.

use std::io;

use rusqlite::ffi;

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
    /// Whether a flush failed, so that nobody knows what is on the disk.
    pub(crate) fn is_flush(&self) -> bool {
        let Self::Engine(error) = self else { return false };
        let code = error.sqlite_error().map(|failure| failure.extended_code);
        matches!(code, Some(ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC))
    }

    pub(crate) fn file(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::File { what, error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_flushes_are_told_from_other_failures() {
        for (code, flush) in [
            (ffi::SQLITE_IOERR_FSYNC, true),
            (ffi::SQLITE_IOERR_DIR_FSYNC, true),
            (ffi::SQLITE_IOERR_WRITE, false),
            (ffi::SQLITE_FULL, false),
            (ffi::SQLITE_BUSY, false),
        ] {
            let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            assert_eq!(TrailError::from(error).is_flush(), flush, "{code}");
        }
        assert!(!TrailError::Closed.is_flush());
    }
}
