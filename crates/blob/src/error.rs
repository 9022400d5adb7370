//! What can go wrong, by what the caller has to do about it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::io::Errno;

use crate::{HEAD_LEN, Room};

/// An error of the blob store. Cheap to clone: one failed flush may answer many who wait.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlobError {
    /// The file system is full (ENOSPC), the quota is used up (EDQUOT), or the reserve is reached. Goes on when there is room.
    #[error("no space left for {path}{}", seen(.room))]
    NoSpace {
        /// What there was no space for.
        path: PathBuf,
        /// What was free, when it was looked at.
        room: Option<Room>,
    },
    /// The operating system failed an operation (EIO and all that is not named elsewhere).
    #[error("cannot {what} {path}: {source}")]
    Io {
        /// A verb: "write", "flush".
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: Arc<io::Error>,
    },
    /// A write or a flush failed some time ago, and no health check has passed since: nothing new is taken.
    #[error("the disk below {folder} failed a write; nothing is taken until its health check passes")]
    Poisoned {
        /// The data folder.
        folder: PathBuf,
    },
    /// The process or the machine is out of file descriptors or memory for a moment.
    #[error("out of file descriptors or memory: cannot {what} {path}: {source}")]
    Exhausted {
        /// A verb.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: Arc<io::Error>,
    },
    /// Too much is waiting in the spool to be placed, and it did not become less in time.
    #[error("the spool holds {files} files of {bytes} bytes that wait to be placed")]
    SpoolFull {
        /// Files that wait.
        files: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// There is no such file (any more). A reader asks the index once more: it may have been placed meanwhile.
    #[error("{path} does not exist")]
    NotFound {
        /// What was looked for.
        path: PathBuf,
    },
    /// A file is shorter than a read needs, or than a file of ours can be.
    #[error("{path} ends at byte {length}, byte {wanted} was wanted")]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Its length in bytes, head included.
        length: u64,
        /// The first byte behind what was wanted, head included.
        wanted: u64,
    },
    /// Another file with other bytes has this key already. Nothing was changed.
    #[error("{key} is there already, with other bytes")]
    Collision {
        /// The key.
        key: String,
    },
    /// Not a name of ours: a spool name or key that was not built from parsed UIDs.
    #[error("{name:?} cannot be a file name here")]
    BadName {
        /// The name as given.
        name: String,
    },
    /// The caller gave a head of the wrong length, or an empty one.
    #[error("a head has {HEAD_LEN} bytes that are not all zero, {given} bytes were given")]
    BadHead {
        /// Bytes given.
        given: u64,
    },
    /// Another process owns the data folder.
    #[error("the data folder {folder} is in use by another process{}", owner(.pid))]
    Locked {
        /// The data folder.
        folder: PathBuf,
        /// The other process, when it could be read.
        pid: Option<u32>,
    },
    /// The data folder cannot do what the store needs.
    #[error("the data folder {folder} must be one file system with hard links: {source}")]
    NoHardLinks {
        /// The data folder.
        folder: PathBuf,
        /// What the attempt answered.
        source: Arc<io::Error>,
    },
}

/// [`BlobError`] by what the caller has to answer or do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A700 / 507. Ingest goes on when there is room.
    NoSpace,
    /// A700 / 503. The disk failed; ingest stops until its health check passes.
    Io,
    /// A700 / 503. Try again soon.
    Busy,
    /// The file is not there.
    NotFound,
    /// The file is not what was written.
    Corrupt,
    /// The key is taken by other bytes.
    Collision,
    /// A fault of the caller.
    Caller,
    /// The data folder cannot be opened.
    Unsuitable,
}

impl BlobError {
    /// What the caller has to do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            BlobError::NoSpace { .. } => ErrorKind::NoSpace,
            BlobError::Io { .. } | BlobError::Poisoned { .. } => ErrorKind::Io,
            BlobError::Exhausted { .. } | BlobError::SpoolFull { .. } => ErrorKind::Busy,
            BlobError::NotFound { .. } => ErrorKind::NotFound,
            BlobError::Truncated { .. } => ErrorKind::Corrupt,
            BlobError::Collision { .. } => ErrorKind::Collision,
            BlobError::BadName { .. } | BlobError::BadHead { .. } => ErrorKind::Caller,
            BlobError::Locked { .. } | BlobError::NoHardLinks { .. } => ErrorKind::Unsuitable,
        }
    }

    /// Sorts an error of the operating system by what the caller has to do about it.
    pub(crate) fn from_os(what: &'static str, path: &Path, error: impl Into<io::Error>) -> BlobError {
        let source = error.into();
        let path = path.to_owned();
        match Fault::of(&source) {
            Fault::Full => BlobError::NoSpace { path, room: None },
            Fault::Absent => BlobError::NotFound { path },
            Fault::Exhausted => BlobError::Exhausted { what, path, source: Arc::new(source) },
            Fault::Disk => BlobError::Io { what, path, source: Arc::new(source) },
        }
    }
}

/// What an error of the operating system says about the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No room: later there may be.
    Full,
    /// Not the disk: descriptors or memory are short.
    Exhausted,
    /// The name is not there.
    Absent,
    /// Anything else; on a write or a flush it means that the disk cannot be trusted.
    Disk,
}

impl Fault {
    pub(crate) fn of(error: &io::Error) -> Fault {
        match Errno::from_io_error(error) {
            Some(Errno::NOSPC | Errno::DQUOT) => Fault::Full,
            Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM) => Fault::Exhausted,
            Some(Errno::NOENT) => Fault::Absent,
            _ => Fault::Disk,
        }
    }
}

fn seen(room: &Option<Room>) -> String {
    let Some(room) = room else { return String::new() };
    let Room { free_bytes, free_inodes, reserve_bytes, .. } = room;
    format!(
        ": {free_bytes} bytes and {free_inodes} files are free, {reserve_bytes} bytes of them are a reserve"
    )
}

fn owner(pid: &Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_system_are_sorted_by_what_they_say_about_the_disk() {
        let rows = [
            (Errno::NOSPC, Fault::Full),
            (Errno::DQUOT, Fault::Full),
            (Errno::MFILE, Fault::Exhausted),
            (Errno::NFILE, Fault::Exhausted),
            (Errno::NOMEM, Fault::Exhausted),
            (Errno::NOENT, Fault::Absent),
            (Errno::IO, Fault::Disk),
            (Errno::ROFS, Fault::Disk),
            (Errno::NODEV, Fault::Disk),
            (Errno::STALE, Fault::Disk),
        ];
        for (errno, expected) in rows {
            assert_eq!(Fault::of(&errno.into()), expected, "{errno}");
        }
    }
}
