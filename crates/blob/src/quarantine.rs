//! Where bytes go that failed a check: out of the way, with a note of why, for a person to look at.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::name::SpoolName;
use crate::open::QUARANTINE;
use crate::{BlobError, disk};

/// The folder of the quarantine.
pub(crate) struct Quarantine {
    folder: PathBuf,
}

impl Quarantine {
    pub(crate) fn below(root: &Path) -> Quarantine {
        Quarantine { folder: root.join(QUARANTINE) }
    }

    /// Writes the note first, so that no file is ever here without one. Returns where the file has to be moved to.
    pub(crate) fn note(&self, was: &Path, why: &str) -> Result<PathBuf, BlobError> {
        let failed = |error| BlobError::from_os("write a note in", &self.folder, error);
        let name = SpoolName::random(0).map_err(failed)?;
        write_note(&self.folder.join(format!("{name}.txt")), was, why).map_err(failed)?;
        Ok(self.folder.join(name.file()))
    }

    /// What lies here, by its name without an ending, in no order.
    pub(crate) fn names(&self) -> Result<BTreeSet<String>, BlobError> {
        let list = |error| BlobError::from_os("list", &self.folder, error);
        let mut names = BTreeSet::new();
        for entry in fs::read_dir(&self.folder).map_err(list)? {
            let file = entry.map_err(list)?.file_name();
            let stem = file.to_str().and_then(|file| file.rsplit_once('.')).map(|(stem, _)| stem);
            names.extend(stem.filter(|stem| SpoolName::parse(stem).is_ok()).map(str::to_owned));
        }
        Ok(names)
    }

    /// The file and the note of a name; one of them may be missing.
    pub(crate) fn files(&self, name: &str) -> Result<[PathBuf; 2], BlobError> {
        let name = SpoolName::parse(name)?;
        Ok([self.folder.join(name.file()), self.folder.join(format!("{name}.txt"))])
    }

    /// Makes what was moved here durable.
    pub(crate) fn flush(&self) -> Result<(), BlobError> {
        disk::flush_folder(&self.folder).map_err(|error| BlobError::from_os("flush", &self.folder, error))
    }
}

fn write_note(path: &Path, was: &Path, why: &str) -> io::Result<()> {
    let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs());
    let mut file = disk::make_file(path)?;
    write!(file, "was: {}\nwhy: {}\nmoved: {at} (Unix time)\n", was.display(), why.escape_debug())?;
    file.sync_all()
}
