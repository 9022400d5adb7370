//! Opening a data folder: make what is missing, own it, check what it can do, find what a crash left behind.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use crate::name::{FOLDERS, SpoolName, folder_name};
use crate::reader::Reads;
use crate::{BlobError, HEAD_LEN, Reader, disk, quarantine};

pub(crate) const SPOOL: &str = "spool";
pub(crate) const STUDIES: &str = "studies";
pub(crate) const QUARANTINE: &str = "quarantine";
pub(crate) const RECORDS: &str = "removed";
/// A file that is made to see what the disk can do; whoever comes after a crash removes it.
pub(crate) const PROBE: &str = ".probe";

/// A spool file that a former process sealed: whole and acknowledged, whole and not acknowledged, or torn. Its head,
/// together with length and digest, says which.
#[derive(Clone, Debug)]
pub struct SpoolEntry {
    /// Its spool name.
    pub name: String,
    /// Bytes behind the head.
    pub length: u64,
    /// The first [`HEAD_LEN`] bytes; empty when they cannot be read.
    pub head: Vec<u8>,
}

/// Makes the folders, durably.
pub(crate) fn make_layout(root: &Path) -> Result<(), BlobError> {
    if !root.is_dir() {
        make_root(root)?;
    }
    for name in [SPOOL, STUDIES, QUARANTINE, RECORDS] {
        disk::make_folder(&root.join(name))?;
    }
    for folder in 0..FOLDERS {
        disk::make_folder(&root.join(SPOOL).join(folder_name(folder)))?;
    }
    [root.join(SPOOL), root.to_owned()].iter().try_for_each(|path| flush(path))
}

/// A file of the spool must be linkable into the other folders.
pub(crate) fn check_links(root: &Path) -> Result<(), BlobError> {
    let probe = root.join(SPOOL).join(PROBE);
    disk::remove_file(&probe)?;
    disk::make_file(&probe).map_err(|error| BlobError::from_os("make", &probe, error))?;
    let result = [STUDIES, QUARANTINE].iter().try_for_each(|name| {
        let link = root.join(name).join(PROBE);
        disk::remove_file(&link)?;
        let same = linked(&probe, &link);
        disk::remove_file(&link)?;
        same.map_err(|source| BlobError::NoHardLinks { folder: root.to_owned(), source: Arc::new(source) })
    });
    disk::remove_file(&probe)?;
    result
}

/// Removes what was never sealed (an empty or zero head: slots and broken transfers) and returns what was, oldest first.
pub(crate) fn sweep(root: &Path) -> Result<Vec<SpoolEntry>, BlobError> {
    let mut found = Vec::new();
    for folder in 0..FOLDERS {
        let path = root.join(SPOOL).join(folder_name(folder));
        let list = |error| BlobError::from_os("list", &path, error);
        for entry in fs::read_dir(&path).map_err(list)? {
            let entry = entry.map_err(list)?;
            match entry.file_name().to_str().and_then(|file| SpoolName::of_file(file, folder)) {
                Some(name) => found.extend(leftover(root, &entry.path(), name)?),
                None => tracing::warn!("{} is no spool file of ours: left alone", entry.path().display()),
            }
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn make_root(root: &Path) -> Result<(), BlobError> {
    let above = root.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(above).map_err(|error| BlobError::from_os("make the folder", above, error))?;
    disk::make_folder(root)?;
    flush(above)
}

fn flush(path: &Path) -> Result<(), BlobError> {
    disk::flush_folder(path).map_err(|error| BlobError::from_os("flush", path, error))
}

fn linked(file: &Path, link: &Path) -> io::Result<()> {
    fs::hard_link(file, link)?;
    if fs::metadata(link)?.ino() == fs::metadata(file)?.ino() {
        return Ok(());
    }
    Err(io::Error::other("a link is a copy there"))
}

fn leftover(root: &Path, path: &Path, name: SpoolName) -> Result<Option<SpoolEntry>, BlobError> {
    let length = fs::metadata(path).map_err(|error| BlobError::from_os("look at", path, error))?.len();
    let Some(behind) = length.checked_sub(HEAD_LEN) else {
        remove_stub(root, path, length)?;
        return Ok(None);
    };
    // A sector that cannot be read must not keep the server from starting: the caller sees a head that says nothing.
    let head =
        Reader::open(path, Reads::default()).and_then(|reader| reader.head()).unwrap_or_else(|error| {
            tracing::error!("cannot read what was left in the spool: {error}");
            Vec::new()
        });
    if !head.is_empty() && head.iter().all(|&byte| byte == 0) {
        disk::remove_file(path)?;
        return Ok(None);
    }
    Ok(Some(SpoolEntry { name: name.to_string(), length: behind, head }))
}

/// A file without a whole head was never flushed, so nobody was told of it. An empty one is a slot; the other is odd
/// enough to be kept for people.
fn remove_stub(root: &Path, path: &Path, length: u64) -> Result<(), BlobError> {
    if length == 0 {
        return disk::remove_file(path);
    }
    let kept = quarantine::Quarantine::below(root).note(path, "found in the spool, shorter than a head")?;
    tracing::warn!("{} is shorter than a head: moved to {}", path.display(), kept.display());
    fs::rename(path, &kept).map_err(|error| BlobError::from_os("move", path, error))
}
