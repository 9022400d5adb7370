//! A walk over the files of a shelf, as they are found on disk, holding no more than one open folder per level.

use std::fs::{self, ReadDir};
use std::io;
use std::path::{Path, PathBuf};

use crate::name::check_key;
use crate::reader::Reads;
use crate::{BlobError, Reader};

/// Depth first over the tree, one open folder per level.
pub(crate) struct Files {
    root: PathBuf,
    reads: Reads,
    open: Vec<ReadDir>,
    begun: bool,
}

impl Files {
    pub(crate) fn below(root: &Path, reads: Reads) -> Files {
        Files { root: root.to_owned(), reads, open: Vec::new(), begun: false }
    }

    fn enter(&mut self, path: &Path) -> Result<(), BlobError> {
        self.open.push(fs::read_dir(path).map_err(|error| BlobError::from_os("list", path, error))?);
        Ok(())
    }

    /// A file's key and reader; `None` for a folder, which is entered.
    fn visit(&mut self, entry: io::Result<fs::DirEntry>) -> Result<Option<(String, Reader)>, BlobError> {
        let entry = entry.map_err(|error| BlobError::from_os("list", &self.root, error))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(|error| BlobError::from_os("look at", &path, error))?;
        let bad_name = || BlobError::BadName { name: path.to_string_lossy().into_owned() };
        let relative = path.strip_prefix(&self.root).map_err(|_| bad_name())?;
        let key = relative.to_str().ok_or_else(bad_name)?.to_owned();
        check_key(&key).map_err(|_| bad_name())?;
        if kind.is_dir() {
            self.enter(&path)?;
            return Ok(None);
        }
        if !kind.is_file() {
            return Err(bad_name());
        }
        Ok(Some((key, Reader::open(&path, self.reads.clone())?)))
    }
}

impl Iterator for Files {
    type Item = Result<(String, Reader), BlobError>;

    fn next(&mut self) -> Option<Self::Item> {
        if !self.begun {
            self.begun = true;
            if let Err(error) = self.enter(&self.root.clone()) {
                return Some(Err(error));
            }
        }
        loop {
            match self.open.last_mut()?.next() {
                None => drop(self.open.pop()),
                Some(entry) => match self.visit(entry) {
                    Ok(Some(file)) => return Some(Ok(file)),
                    Ok(None) => {}
                    // Gone since the folder was listed: purged meanwhile.
                    Err(BlobError::NotFound { .. }) => {}
                    Err(error) => return Some(Err(error)),
                },
            }
        }
    }
}
