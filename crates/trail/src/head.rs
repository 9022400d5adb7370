//! `audit.head`: the number and hash of the last row, in a second place, so that a tail that was cut off is missed. It
//! is also the lock of the one writer.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use audit::chain::Head;

use crate::TrailError;

/// The file's name in the data folder.
pub const HEAD: &str = "audit.head";

/// What the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marked {
    pub(crate) head: Head,
    /// The writer had ended in order: there is nothing behind the head.
    pub(crate) closed: bool,
}

/// The file, held by the one writer.
pub(crate) struct HeadFile {
    file: File,
}

impl HeadFile {
    /// Opens and locks it.
    pub(crate) fn hold(folder: &Path) -> Result<Self, TrailError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(folder.join(HEAD))
            .map_err(TrailError::file(HEAD))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => Err(TrailError::Held),
            Err(TryLockError::Error(error)) => Err(TrailError::file(HEAD)(error)),
        }
    }

    /// Says what the last row is. One write of few bytes, that a kill does not tear; it reaches the disk with `flush`.
    pub(crate) fn write(&self, marked: Marked) -> io::Result<()> {
        let end = if marked.closed { "closed" } else { "open  " };
        self.file.write_all_at(format!("{:>86} {end}\n", marked.head.to_string()).as_bytes(), 0)
    }

    pub(crate) fn flush(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// What the file in this folder says; `None` when there is none, or an empty or unreadable one.
pub(crate) fn read(folder: &Path) -> Option<Marked> {
    let mut text = String::new();
    File::open(folder.join(HEAD)).ok()?.take(1_024).read_to_string(&mut text).ok()?;
    let (head, end) = text.trim().rsplit_once(' ')?;
    Some(Marked { head: head.trim().parse().ok()?, closed: end == "closed" })
}
