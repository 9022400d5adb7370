//! The final home as plain files: `studies/<study>/<series>/<instance>.dcm`, hard links of the spool files.

use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File, ReadDir};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::name::check_key;
use crate::reader::NoWait;
use crate::shelf::{Placing, Shelf, Unplaced, Walk};
use crate::{BlobError, Reader, disk};

/// Folders whose own entry this process knows to be durable. Past it, they are flushed once more.
const KNOWN_FOLDERS: usize = 4_096;

/// A shelf in a folder of the same file system as the spool.
pub struct Folder {
    root: PathBuf,
    nowait: NoWait,
    /// Held while the tree changes. Relative paths of folders whose entry in their parent was flushed by this process:
    /// that a folder is there does not say that its entry would survive a power cut.
    known: Mutex<HashSet<PathBuf>>,
}

impl Folder {
    /// A shelf below `root`, which exists.
    pub fn new(root: &Path) -> Folder {
        Folder::sharing(root, NoWait::default())
    }

    pub(crate) fn sharing(root: &Path, nowait: NoWait) -> Folder {
        Folder { root: root.to_owned(), nowait, known: Mutex::default() }
    }

    fn path(&self, key: &str) -> Result<PathBuf, BlobError> {
        check_key(key)?;
        Ok(self.root.join(key))
    }

    fn change(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn link(&self, item: &Placing) -> Result<(), BlobError> {
        let target = self.path(&item.key)?;
        let mut linked = fs::hard_link(&item.spooled, &target);
        if is(&linked, io::ErrorKind::NotFound) && item.spooled.exists() {
            make_parents(&self.root, Path::new(&item.key))?;
            linked = fs::hard_link(&item.spooled, &target);
        }
        match linked {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if same_bytes(&item.spooled, &target)? {
                    return Ok(());
                }
                Err(BlobError::Collision { key: item.key.clone() })
            }
            Err(error) => Err(BlobError::from_os("link", &item.spooled, error)),
        }
    }

    /// Flushes the folders that got a file, and upwards each whose new entry this process has not flushed yet.
    fn flush(&self, touched: BTreeSet<PathBuf>, known: &mut HashSet<PathBuf>) -> Result<(), BlobError> {
        let mut folders = touched.clone();
        let mut entered = Vec::new();
        for folder in &touched {
            for folder in folder.ancestors().take_while(|folder| !folder.as_os_str().is_empty()) {
                if known.contains(folder) {
                    break;
                }
                entered.push(folder.to_owned());
                folders.extend(folder.parent().map(Path::to_owned));
            }
        }
        for folder in &folders {
            let path = self.root.join(folder);
            disk::flush_folder(&path).map_err(|error| BlobError::from_os("flush", &path, error))?;
        }
        if known.len() + entered.len() > KNOWN_FOLDERS {
            known.clear();
        }
        known.extend(entered);
        Ok(())
    }
}

impl Shelf for Folder {
    fn place(&self, batch: &[Placing]) -> Result<Vec<Unplaced>, BlobError> {
        let mut known = self.change();
        let mut touched = BTreeSet::new();
        let mut unplaced = Vec::new();
        for (index, item) in batch.iter().enumerate() {
            match self.link(item) {
                Ok(()) => touched.extend(Path::new(&item.key).parent().map(Path::to_owned)),
                Err(
                    why @ (BlobError::Collision { .. }
                    | BlobError::BadName { .. }
                    | BlobError::NotFound { .. }),
                ) => {
                    unplaced.push(Unplaced { index, why });
                }
                Err(error) => return Err(error),
            }
        }
        self.flush(touched, &mut known)?;
        Ok(unplaced)
    }

    fn open(&self, key: &str) -> Result<Reader, BlobError> {
        Reader::open(&self.path(key)?, self.nowait.clone())
    }

    fn remove(&self, key: &str) -> Result<(), BlobError> {
        let path = self.path(key)?;
        let mut known = self.change();
        disk::remove_file(&path)?;
        leave(&self.root, Path::new(key), &mut known)
    }

    fn take(&self, key: &str, to: &Path) -> Result<(), BlobError> {
        let path = self.path(key)?;
        let mut known = self.change();
        fs::rename(&path, to).map_err(|error| BlobError::from_os("move", &path, error))?;
        leave(&self.root, Path::new(key), &mut known)
    }

    fn walk(&self) -> Walk {
        Box::new(Files {
            root: self.root.clone(),
            nowait: self.nowait.clone(),
            open: Vec::new(),
            begun: false,
        })
    }
}

fn is(result: &io::Result<()>, kind: io::ErrorKind) -> bool {
    result.as_ref().is_err_and(|error| error.kind() == kind)
}

fn make_parents(root: &Path, key: &Path) -> Result<(), BlobError> {
    let Some(parent) = key.parent() else {
        return Ok(());
    };
    let mut path = root.to_owned();
    for part in parent {
        path.push(part);
        disk::make_folder(&path)?;
    }
    Ok(())
}

/// Flushes the folder that lost an entry; folders left empty go too.
fn leave(root: &Path, key: &Path, known: &mut HashSet<PathBuf>) -> Result<(), BlobError> {
    for folder in key.ancestors().skip(1) {
        let path = root.join(folder);
        match disk::flush_folder(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            flushed => flushed.map_err(|error| BlobError::from_os("flush", &path, error))?,
        }
        if folder.as_os_str().is_empty() || fs::remove_dir(&path).is_err() {
            break;
        }
        known.remove(folder);
    }
    Ok(())
}

/// The same inode, or files that are equal from the first byte to the last (a restored backup may have copies for links).
fn same_bytes(left: &Path, right: &Path) -> Result<bool, BlobError> {
    let (a, b) = (disk::open_file(left)?, disk::open_file(right)?);
    let meta =
        |file: &File, path| file.metadata().map_err(|error| BlobError::from_os("look at", path, error));
    let (am, bm) = (meta(&a, left)?, meta(&b, right)?);
    if (am.dev(), am.ino()) == (bm.dev(), bm.ino()) {
        return Ok(true);
    }
    if am.len() != bm.len() {
        return Ok(false);
    }
    let (mut one, mut other) = (vec![0; 256 << 10], vec![0; 256 << 10]);
    let mut at = 0;
    while at < am.len() {
        let now = (am.len() - at).min(one.len() as u64) as usize;
        a.read_exact_at(&mut one[..now], at).map_err(|error| BlobError::from_os("read", left, error))?;
        b.read_exact_at(&mut other[..now], at).map_err(|error| BlobError::from_os("read", right, error))?;
        if one[..now] != other[..now] {
            return Ok(false);
        }
        at += now as u64;
    }
    Ok(true)
}

/// Depth first over the tree, one open folder per level.
struct Files {
    root: PathBuf,
    nowait: NoWait,
    open: Vec<ReadDir>,
    begun: bool,
}

impl Files {
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
        Ok(Some((key, Reader::open(&path, self.nowait.clone())?)))
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
