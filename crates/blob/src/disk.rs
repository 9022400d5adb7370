//! Few operations on files and folders, each with its error sorted. Everything that reaches the disk is here or in `slots`.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use bytes::Bytes;
use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::BlobError;

/// Slices per `pwritev`; the kernel takes at most 1,024.
const SLICES: usize = 64;

/// Makes a folder (0700) unless it is there. True when it was made.
pub(crate) fn make_folder(path: &Path) -> Result<bool, BlobError> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(false),
        Err(error) => Err(BlobError::from_os("make the folder", path, error)),
    }
}

/// Makes a file (0600) that was not there.
pub(crate) fn make_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

/// Opens a file for reading. A symbolic link is refused, a pipe does not hold us up.
pub(crate) fn open_file(path: &Path) -> Result<File, BlobError> {
    OpenOptions::new()
        .read(true)
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32)
        .open(path)
        .map_err(|error| BlobError::from_os("open", path, error))
}

/// Makes a file durable that somebody else wrote.
pub(crate) fn flush_file(path: &Path) -> Result<(), BlobError> {
    open_file(path)?.sync_all().map_err(|error| BlobError::from_os("flush", path, error))
}

/// Makes the entries of a folder durable.
pub(crate) fn flush_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// What a test has the disk answer: the number of an errno, EIO by default.
#[cfg(feature = "failpoints")]
pub(crate) fn injected(errno: Option<String>) -> io::Error {
    let errno = errno.and_then(|errno| errno.parse().ok()).unwrap_or(Errno::IO.raw_os_error());
    tracing::warn!(errno, "a failure was injected");
    io::Error::from_raw_os_error(errno)
}

/// Removes a file; that it is gone already is fine.
pub(crate) fn remove_file(path: &Path) -> Result<(), BlobError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(BlobError::from_os("remove", path, error))
        }
        _ => Ok(()),
    }
}

/// Writes all the parts one behind the other from `offset`, copying none of them in this process.
pub(crate) fn write_parts(file: &File, parts: &[Bytes], mut offset: u64) -> io::Result<()> {
    for parts in parts.chunks(SLICES) {
        let mut slices = [IoSlice::new(&[]); SLICES];
        for (slice, part) in slices.iter_mut().zip(parts) {
            *slice = IoSlice::new(part);
        }
        let mut rest = &mut slices[..parts.len()];
        IoSlice::advance_slices(&mut rest, 0); // drops empty parts at the front
        while !rest.is_empty() {
            match rustix::io::pwritev(file, rest, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    offset += written as u64;
                    IoSlice::advance_slices(&mut rest, written);
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}
