//! One process owns a data folder.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use crate::BlobError;

/// Name of the lock file in the data folder.
const LOCK: &str = "lock";

/// Held while the file is open; the kernel lets it go with the process, however that ends.
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    pub(crate) fn take(root: &Path) -> Result<Lock, BlobError> {
        let path = root.join(LOCK);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|error| BlobError::from_os("open", &path, error))?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                return Err(BlobError::Locked { folder: root.to_owned(), pid: pid(&mut file) });
            }
            Err(error) => return Err(BlobError::from_os("lock", &path, error)),
        }
        // For people only; a full disk must not keep the server from starting.
        let _ = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
        Ok(Lock { _file: file })
    }
}

fn pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(10).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
