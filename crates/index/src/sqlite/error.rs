//! From the engine's result codes to the port's errors.

use rusqlite::ErrorCode;
use rusqlite::ffi;

use crate::IndexError;

impl From<rusqlite::Error> for IndexError {
    fn from(error: rusqlite::Error) -> Self {
        let text = error.to_string();
        let Some(failure) = error.sqlite_error() else {
            return IndexError::Engine(text);
        };
        match (failure.code, failure.extended_code) {
            (ErrorCode::DiskFull, _) => IndexError::NoSpace(text),
            // The shared memory file is grown by writing into it; what fails there is the room.
            (_, ffi::SQLITE_IOERR_SHMSIZE) => IndexError::NoSpace(text),
            (_, ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC) => IndexError::Flush(text),
            (ErrorCode::OperationInterrupted, _) => IndexError::TooBroad,
            _ => IndexError::Engine(text),
        }
    }
}

/// A row that holds what this program never writes.
pub(super) fn corrupt(what: &str) -> IndexError {
    IndexError::Engine(format!("a row holds {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_become_reasons() {
        let check = |code: i32, expected: fn(&IndexError) -> bool| {
            let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            let error = IndexError::from(error);
            assert!(expected(&error), "{code}: {error:?}");
        };
        check(ffi::SQLITE_FULL, |e| matches!(e, IndexError::NoSpace(_)));
        check(ffi::SQLITE_IOERR_SHMSIZE, |e| matches!(e, IndexError::NoSpace(_)));
        check(ffi::SQLITE_IOERR_FSYNC, |e| matches!(e, IndexError::Flush(_)));
        check(ffi::SQLITE_IOERR_WRITE, |e| matches!(e, IndexError::Engine(_)));
        check(ffi::SQLITE_CORRUPT, |e| matches!(e, IndexError::Engine(_)));
        check(ffi::SQLITE_INTERRUPT, |e| matches!(e, IndexError::TooBroad));
    }
}
