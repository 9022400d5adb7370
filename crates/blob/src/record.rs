//! Small files that must not be lost: what was decided about the blobs, for whoever makes the index again from files.
//!
//! A record is written under another name, flushed, renamed, and its folder flushed: it is there whole, or not at all.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::open::RECORDS;
use crate::{BlobError, disk};

/// What a record's file is called before it is whole.
const PART: &str = ".part";

/// The folder of records.
pub(crate) struct Records {
    folder: PathBuf,
}

impl Records {
    pub(crate) fn below(root: &Path) -> Self {
        Self { folder: root.join(RECORDS) }
    }

    fn path(&self, name: &str) -> Result<PathBuf, BlobError> {
        let good = (1..=100).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-')
            && !name.starts_with('.')
            && !name.ends_with(PART);
        if good { Ok(self.folder.join(name)) } else { Err(BlobError::BadName { name: name.to_owned() }) }
    }

    /// Writes a record that is not there yet; durable when it answers.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), BlobError> {
        let path = self.path(name)?;
        if path.exists() {
            return Err(BlobError::Collision { key: name.to_owned() });
        }
        let part = self.folder.join(format!("{name}{PART}"));
        disk::remove_file(&part)?;
        let written = disk::make_file(&part).and_then(|mut file| {
            fail::fail_point!("blob::record-write", |errno| Err(disk::injected(errno)));
            file.write_all(bytes)?;
            file.sync_all()?;
            fail::fail_point!("blob::record-flushed", |errno| Err(disk::injected(errno)));
            fs::rename(&part, &path)
        });
        written
            .inspect_err(|_| drop(fs::remove_file(&part)))
            .map_err(|error| BlobError::from_os("write", &part, error))?;
        // Not known to survive: whoever asked is told that it failed, so it should not be found either.
        self.flush()
            .inspect_err(|_| drop(fs::remove_file(&path)))
            .map_err(|error| BlobError::from_os("flush", &self.folder, error))
    }

    /// Writes a record in place of the one of that name: durable, one or the other.
    pub(crate) fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), BlobError> {
        let path = self.path(name)?;
        let part = self.folder.join(format!("{name}{PART}"));
        disk::remove_file(&part)?;
        let written = disk::make_file(&part).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&part, &path)?;
            self.flush()
        });
        written.map_err(|error| BlobError::from_os("write", &part, error))
    }

    /// Removes a record, durably; that there is none is fine. Only what names somebody who is to be forgotten goes.
    pub(crate) fn remove(&self, name: &str) -> Result<(), BlobError> {
        disk::remove_file(&self.path(name)?)?;
        self.flush().map_err(|error| BlobError::from_os("flush", &self.folder, error))
    }

    /// Makes the names durable as they are.
    fn flush(&self) -> io::Result<()> {
        fail::fail_point!("blob::record-named", |errno| Err(disk::injected(errno)));
        disk::flush_folder(&self.folder)
    }

    pub(crate) fn read(&self, name: &str) -> Result<Vec<u8>, BlobError> {
        let path = self.path(name)?;
        fs::read(&path).map_err(|error| BlobError::from_os("read", &path, error))
    }

    pub(crate) fn holds(&self, name: &str) -> Result<bool, BlobError> {
        let path = self.path(name)?;
        path.try_exists().map_err(|error| BlobError::from_os("look at", &path, error))
    }

    /// The names of the records that are wanted, in their order. One that is being written is not among them.
    pub(crate) fn names(&self, wanted: impl Fn(&str) -> bool) -> Result<Vec<String>, BlobError> {
        let mut names = Vec::new();
        self.each(|path| {
            match path.file_name().and_then(OsStr::to_str) {
                Some(name) if name.ends_with(PART) => {}
                Some(name) if self.path(name).is_ok() => names.extend(wanted(name).then(|| name.to_owned())),
                _ => tracing::warn!("{} is no record of ours: left alone", path.display()),
            }
            Ok(())
        })?;
        names.sort();
        Ok(names)
    }

    /// Removes what a crash left half written. Only for who owns the folder and writes nothing yet.
    pub(crate) fn sweep(&self) -> Result<(), BlobError> {
        self.each(|path| match path.to_str() {
            Some(name) if name.ends_with(PART) => disk::remove_file(path),
            _ => Ok(()),
        })
    }

    /// Every file, one after the other: there is one for each deletion that ever was.
    fn each(&self, mut work: impl FnMut(&Path) -> Result<(), BlobError>) -> Result<(), BlobError> {
        let list = |error| BlobError::from_os("list", &self.folder, error);
        for entry in fs::read_dir(&self.folder).map_err(list)? {
            work(&entry.map_err(list)?.path())?;
        }
        Ok(())
    }
}
