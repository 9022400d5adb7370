//! The final home as plain files: `studies/<study>/<series>/<instance>.dcm`, hard links of the spool files.
//!
//! A batch is linked first and flushed then, each folder once: the first flush commits the journal, and the others find
//! nothing left to do.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::name::check_key;
use crate::reader::Reads;
use crate::shelf::{Placing, Shelf, Unplaced, Walk};
use crate::walk::Files;
use crate::{BlobError, Reader, disk};

/// Folders whose own entry this process knows to be durable. Past it, they are flushed once more.
const KNOWN_FOLDERS: usize = 4_096;

/// Bytes compared at a time.
const COMPARED: u64 = 256 << 10;

/// A shelf in a folder of the same file system as the spool.
pub struct Folder {
    root: PathBuf,
    reads: Reads,
    /// Held while the tree changes. Relative paths of folders whose entry in their parent was flushed by this process:
    /// that a folder is there does not say that its entry would survive a power cut.
    known: Mutex<HashSet<PathBuf>>,
}

impl Folder {
    /// A shelf below `root`, which exists.
    pub fn new(root: &Path) -> Folder {
        Folder::sharing(root, Reads::default())
    }

    pub(crate) fn sharing(root: &Path, reads: Reads) -> Folder {
        Folder { root: root.to_owned(), reads, known: Mutex::default() }
    }

    fn path(&self, key: &str) -> Result<PathBuf, BlobError> {
        check_key(key)?;
        Ok(self.root.join(key))
    }

    fn change(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives one spool file its final name. True when it did not have it before.
    fn link(&self, item: &Placing) -> Result<bool, LinkError> {
        let target = self.path(&item.key).map_err(LinkError::Item)?;
        let mut linked = fs::hard_link(&item.spooled, &target);
        if is(&linked, io::ErrorKind::NotFound) && item.spooled.exists() {
            self.make_parents(item)?;
            linked = fs::hard_link(&item.spooled, &target);
        }
        let Err(error) = linked else { return Ok(true) };
        let collision = || LinkError::Item(BlobError::Collision { key: item.key.clone() });
        match error.kind() {
            io::ErrorKind::NotFound => {
                Err(LinkError::Item(BlobError::NotFound { path: item.spooled.clone() }))
            }
            io::ErrorKind::NotADirectory => Err(collision()),
            io::ErrorKind::AlreadyExists => match already_there(&item.spooled, &target) {
                Ok(true) => Ok(false),
                Ok(false) => Err(collision()),
                // One file that cannot be read must not hold up the others.
                Err(error) => Err(LinkError::Item(error)),
            },
            _ => Err(LinkError::Batch(BlobError::from_os("link", &target, error))),
        }
    }

    fn make_parents(&self, item: &Placing) -> Result<(), LinkError> {
        let mut path = self.root.clone();
        for part in Path::new(&item.key).parent().into_iter().flatten() {
            path.push(part);
            disk::make_folder(&path).map_err(|error| match error {
                // A file lies where a folder is wanted.
                BlobError::Io { .. } if path.is_file() => {
                    LinkError::Item(BlobError::Collision { key: item.key.clone() })
                }
                error => LinkError::Batch(error),
            })?;
        }
        Ok(())
    }

    fn place_all<'a>(
        &self,
        batch: &'a [Placing],
        known: &mut HashSet<PathBuf>,
        made: &mut Vec<&'a Placing>,
    ) -> Result<Vec<Unplaced>, BlobError> {
        let mut touched = BTreeSet::new();
        let mut unplaced = Vec::new();
        for (index, item) in batch.iter().enumerate() {
            match self.link(item) {
                Ok(new) => {
                    made.extend(new.then_some(item));
                    touched.extend(Path::new(&item.key).parent().map(Path::to_owned));
                }
                Err(LinkError::Item(why)) => unplaced.push(Unplaced { index, why }),
                Err(LinkError::Batch(error)) => return Err(error),
            }
        }
        fail::fail_point!("blob::shelf-linked", |errno| {
            Err(BlobError::from_os("link into", &self.root, disk::injected(errno)))
        });
        self.flush(touched, known)?;
        fail::fail_point!("blob::shelf-placed");
        Ok(unplaced)
    }

    /// After a failed flush the kernel may take the folders for clean and say that a second one worked. So the names that
    /// this batch made go, and the next attempt makes them, and dirty folders, anew. Older names are none of its business.
    fn undo(&self, made: &[&Placing], known: &mut HashSet<PathBuf>) {
        for item in made {
            let _ = fs::remove_file(self.root.join(&item.key));
            for folder in Path::new(&item.key).ancestors().skip(1) {
                if folder.as_os_str().is_empty() || fs::remove_dir(self.root.join(folder)).is_err() {
                    break;
                }
            }
        }
        known.clear();
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
            fail::fail_point!("blob::shelf-flush", |errno| {
                Err(BlobError::from_os("flush", &path, disk::injected(errno)))
            });
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
        let mut made = Vec::new();
        self.place_all(batch, &mut known, &mut made).inspect_err(|_| self.undo(&made, &mut known))
    }

    fn open(&self, key: &str) -> Result<Reader, BlobError> {
        Reader::open(&self.path(key)?, self.reads.clone())
    }

    fn remove(&self, key: &str) -> Result<(), BlobError> {
        let path = self.path(key)?;
        let mut known = self.change();
        fail::fail_point!("blob::shelf-remove", |errno| {
            Err(BlobError::from_os("remove", &path, disk::injected(errno)))
        });
        disk::remove_file(&path)?;
        fail::fail_point!("blob::shelf-removed");
        leave(&self.root, Path::new(key), &mut known)
    }

    fn take(&self, key: &str, to: &Path) -> Result<(), BlobError> {
        let path = self.path(key)?;
        let mut known = self.change();
        fs::rename(&path, to).map_err(|error| BlobError::from_os("move", &path, error))?;
        leave(&self.root, Path::new(key), &mut known)
    }

    fn walk(&self) -> Walk {
        Box::new(Files::below(&self.root, self.reads.clone()))
    }
}

/// What could not be linked: one file, or nothing more for now.
enum LinkError {
    Item(BlobError),
    Batch(BlobError),
}

fn is(result: &io::Result<()>, kind: io::ErrorKind) -> bool {
    result.as_ref().is_err_and(|error| error.kind() == kind)
}

/// Flushes the folder that lost an entry; folders left empty go too.
fn leave(root: &Path, key: &Path, known: &mut HashSet<PathBuf>) -> Result<(), BlobError> {
    for folder in key.ancestors().skip(1) {
        let path = root.join(folder);
        match disk::flush_folder(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            flushed => flushed.map_err(|error| BlobError::from_os("flush", &path, error))?,
        }
        if folder.as_os_str().is_empty() {
            break;
        }
        match fs::remove_dir(&path) {
            // Gone before: a crash came between this folder and the one above it.
            Err(error) if error.kind() != io::ErrorKind::NotFound => break,
            _ => drop(known.remove(folder)),
        }
    }
    Ok(())
}

/// The same inode, or a file that is equal from the first byte to the last (a restored backup may have copies for links).
fn already_there(spooled: &Path, target: &Path) -> Result<bool, BlobError> {
    let looked = |error| BlobError::from_os("look at", target, error);
    let (spooled_meta, target_meta) =
        (fs::symlink_metadata(spooled).map_err(looked)?, fs::symlink_metadata(target).map_err(looked)?);
    if (spooled_meta.dev(), spooled_meta.ino()) == (target_meta.dev(), target_meta.ino()) {
        return Ok(true);
    }
    let same = same_bytes(spooled, target)?;
    if same {
        // Who made the copy may not have flushed it.
        disk::flush_file(target)?;
    }
    Ok(same)
}

fn same_bytes(left: &Path, right: &Path) -> Result<bool, BlobError> {
    let (left, right) = (Reader::open(left, Reads::default())?, Reader::open(right, Reads::default())?);
    if left.length() != right.length() || left.head()? != right.head()? {
        return Ok(false);
    }
    let mut at = 0;
    while at < left.length() {
        let now = (left.length() - at).min(COMPARED) as usize;
        if left.read(at, now)? != right.read(at, now)? {
            return Ok(false);
        }
        at += now as u64;
    }
    Ok(true)
}
