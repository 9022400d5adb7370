//! Opening a data folder: make what is missing, own it, check what it can do, find what a crash left behind.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use crate::name::{FOLDERS, SpoolName, folder_name};
use crate::reader::NoWait;
use crate::{BlobError, HEAD_LEN, Reader, disk};

pub(crate) const SPOOL: &str = "spool";
pub(crate) const STUDIES: &str = "studies";
pub(crate) const QUARANTINE: &str = "quarantine";
const PROBE: &str = ".probe";

/// A spool file that a former process sealed: whole and acknowledged, whole and not acknowledged, or torn. Its head says
/// which, together with its digest.
#[derive(Clone, Debug)]
pub struct SpoolEntry {
    /// Its spool name.
    pub name: String,
    /// Bytes behind the head.
    pub length: u64,
    /// The first [`HEAD_LEN`] bytes; fewer when the file is shorter.
    pub head: Vec<u8>,
}

/// Makes the folders, durably.
pub(crate) fn make_layout(root: &Path) -> Result<(), BlobError> {
    fs::create_dir_all(root.parent().unwrap_or(root))
        .map_err(|error| BlobError::from_os("make the folder above", root, error))?;
    disk::make_folder(root)?;
    for name in [SPOOL, STUDIES, QUARANTINE] {
        disk::make_folder(&root.join(name))?;
    }
    for folder in 0..FOLDERS {
        disk::make_folder(&root.join(SPOOL).join(folder_name(folder)))?;
    }
    for path in [root.join(SPOOL), root.to_owned(), root.join("..")] {
        disk::flush_folder(&path).map_err(|error| BlobError::from_os("flush", &path, error))?;
    }
    Ok(())
}

/// A file of the spool must be linkable into the other folders.
pub(crate) fn check_links(root: &Path) -> Result<(), BlobError> {
    let probe = root.join(SPOOL).join(PROBE);
    disk::remove_file(&probe)?;
    disk::make_file(&probe).map_err(|error| BlobError::from_os("make", &probe, error))?;
    let result = [STUDIES, QUARANTINE].into_iter().try_for_each(|name| {
        let link = root.join(name).join(PROBE);
        disk::remove_file(&link)?;
        let same = fs::hard_link(&probe, &link)
            .and_then(|()| Ok(fs::metadata(&link)?.ino() == fs::metadata(&probe)?.ino()));
        disk::remove_file(&link)?;
        let refuse = |source| BlobError::NoHardLinks { folder: root.to_owned(), source: Arc::new(source) };
        if same.map_err(refuse)? { Ok(()) } else { Err(refuse(io::Error::other("a link is a copy there"))) }
    });
    disk::remove_file(&probe)?;
    result
}

/// Removes what was never sealed (an empty or zero head: slots and broken transfers) and returns what was.
pub(crate) fn sweep(root: &Path) -> Result<Vec<SpoolEntry>, BlobError> {
    let mut found = Vec::new();
    for folder in 0..FOLDERS {
        let path = root.join(SPOOL).join(folder_name(folder));
        let list = |error| BlobError::from_os("list", &path, error);
        for entry in fs::read_dir(&path).map_err(list)? {
            let entry = entry.map_err(list)?;
            let name = entry.file_name().to_str().and_then(|file| SpoolName::of_file(file, folder));
            let Some(name) = name else {
                tracing::warn!(file = %entry.path().display(), "not a spool file of ours: left alone");
                continue;
            };
            found.extend(leftover(&entry.path(), name)?);
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn leftover(path: &Path, name: SpoolName) -> Result<Option<SpoolEntry>, BlobError> {
    let length = fs::metadata(path).map_err(|error| BlobError::from_os("look at", path, error))?.len();
    let head = match length {
        0 => Vec::new(),
        HEAD_LEN.. => Reader::open(path, NoWait::default())?.head()?,
        _ => fs::read(path).map_err(|error| BlobError::from_os("read", path, error))?,
    };
    if head.iter().all(|&byte| byte == 0) {
        disk::remove_file(path)?;
        return Ok(None);
    }
    Ok(Some(SpoolEntry { name: name.to_string(), length: length.saturating_sub(HEAD_LEN), head }))
}
