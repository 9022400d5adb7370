//! A consistent copy while the archive runs.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use access::{Action, Principal};
use blob::{Blobs, HEAD_LEN};
use index::{Index, InstanceRecord, Location};

use futures::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::erase::{self, Named, Proof, name_digest};
use crate::place::record_key;
use crate::recover::origin_in;
use crate::{Archive, ReadError, purge, tombstone};

/// Rows copied at a time.
const PAGE: u32 = 500;

/// What a backup holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackupReport {
    /// Instances (all versions) in the copy.
    pub instances: u64,
    /// Instances whose bytes are damaged, which are not in the copy.
    pub damaged: u64,
    /// Bytes of files copied; what an earlier backup had is not copied again.
    pub bytes: u64,
}

impl Archive {
    /// Copies the index as of now into the new file `index_copy`.
    ///
    /// # Errors
    /// [`ReadError::Denied`], [`ReadError::Storage`].
    pub async fn backup_index(&self, who: &Principal, index_copy: &Path) -> Result<(), ReadError> {
        who.scope_for(Action::Administer)?;
        Ok(self.shared.index.backup(index_copy).await?)
    }

    /// Copies every file that `copied_index` (opened from [`Archive::backup_index`]'s copy) names to its final place
    /// below `folder`, flushed, and sets its rows to those places. What is stored meanwhile is not in the copy.
    ///
    /// # Errors
    /// [`ReadError::Denied`]; [`ReadError::Storage`] when a file cannot be copied: then the copy is not to be used.
    pub async fn backup_files(
        &self,
        who: &Principal,
        copied_index: &dyn Index,
        folder: &Path,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<BackupReport, ReadError> {
        who.scope_for(Action::Administer)?;
        let mut report = BackupReport::default();
        let mut after = None;
        loop {
            let page = copied_index.all(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.row);
            let (mut placed, mut keys) = (Vec::new(), Vec::new());
            for record in &page {
                let key = record_key(record);
                if record.damaged.is_some() {
                    report.damaged += 1;
                    continue;
                }
                match self.copy(record, &key, folder).await {
                    Ok(bytes) => report.bytes += bytes,
                    // Deleted since the index was copied: the copy is told of that below.
                    Err(_) if self.shared.index.is_removed(record.sequence).await? => continue,
                    Err(error) => return Err(error),
                }
                report.instances += 1;
                if matches!(record.location, Location::Spool(_)) {
                    placed.push((record.row, key.clone()));
                }
                keys.push(key);
                progress(report.instances, report.bytes);
            }
            flush_folders(folder, &keys).await?;
            if !placed.is_empty() {
                copied_index.set_placed(placed).await?;
            }
        }
        self.copy_deletions(copied_index, folder).await?;
        Ok(report)
    }

    /// Copies the records of all deletions, tells the copy of those made since its index was copied, and removes from the
    /// folder what an earlier backup had of anything deleted.
    async fn copy_deletions(&self, copied_index: &dyn Index, folder: &Path) -> Result<(), ReadError> {
        let blobs = self.shared.blobs.clone();
        let to = folder.join("removed");
        let copying = tokio::task::spawn_blocking(move || copy_records(&blobs, &to));
        let names = copying.await.map_err(|e| ReadError::Storage(e.to_string()))??;
        for name in names {
            let blobs = self.shared.blobs.clone();
            if let Some(named) = Named::of(&name) {
                self.copy_erasure(copied_index, folder, named).await?;
                continue;
            }
            // The index skips those that it knows.
            let reading = tokio::task::spawn_blocking(move || tombstone::read(&blobs, &name));
            let removal = reading.await.map_err(|e| ReadError::Storage(e.to_string()))?;
            copied_index.remove(removal.map_err(ReadError::Storage)?).await?;
        }
        let mut after = None;
        loop {
            let page = copied_index.removed(after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.instance.sequence);
            let sequences = page.iter().map(|one| one.instance.sequence).collect();
            let studies = folder.join("studies");
            let erasing = tokio::task::spawn_blocking(move || {
                page.iter()
                    .try_for_each(|one| remove_version(&studies, &purge::key(one), one.instance.sequence))
            });
            erasing.await.map_err(|e| ReadError::Storage(e.to_string()))?.map_err(storage)?;
            copied_index.set_purged(sequences).await?;
        }
    }

    /// Has the copy know of an erasure, and removes from the folder what an earlier backup had of it. A proof that lies
    /// in the folder says that this was done.
    async fn copy_erasure(
        &self,
        copied_index: &dyn Index,
        folder: &Path,
        named: Named,
    ) -> Result<(), ReadError> {
        let (blobs, folder) = (self.shared.blobs.clone(), folder.to_owned());
        let copying = tokio::task::spawn_blocking(move || match named {
            // To be carried out by whoever opens the copy.
            Named::Order(sequence) => Ok(erase::read(&blobs, sequence)?.rows()),
            Named::Proof(sequence) => {
                let (proof, to) = (erase::read_proof(&blobs, sequence)?, folder.join("removed"));
                if !to.join(named.name()).exists() {
                    forget(&folder, &proof).map_err(storage)?;
                    copy_record(&blobs, &to, &named.name())?;
                    fs::File::open(&to).and_then(|folder| folder.sync_all()).map_err(storage)?;
                }
                Ok::<_, ReadError>(proof.rows())
            }
        });
        let rows = copying.await.map_err(|e| ReadError::Storage(e.to_string()))??;
        Ok(copied_index.erase(rows).await?)
    }

    /// Copies one file, checked against its sums on the way, flushed; what an earlier backup has is left.
    async fn copy(&self, record: &InstanceRecord, key: &str, folder: &Path) -> Result<u64, ReadError> {
        let data = self.open_instance(record.clone()).await?;
        let (head, to) = (data.file_head()?, folder.join("studies").join(key));
        if has_head(&to, &head, record.length).await {
            return Ok(0);
        }
        let parent = to.parent().unwrap_or(folder).to_owned();
        tokio::fs::create_dir_all(&parent).await.map_err(storage)?;
        // Under its final name only when it is whole, so that a backup that broke off can be gone on with.
        let part = to.with_extension("part");
        let mut file = tokio::fs::File::create(&part).await.map_err(storage)?;
        file.write_all(&head).await.map_err(storage)?;
        let mut pieces = data.stored_bytes();
        while let Some(piece) = pieces.next().await {
            file.write_all(&piece?).await.map_err(storage)?;
        }
        file.sync_all().await.map_err(storage)?;
        tokio::fs::rename(&part, &to).await.map_err(storage)?;
        Ok(record.length)
    }
}

/// Copies the records that are not there yet, flushed, but for proofs of erasures. The names of all.
fn copy_records(blobs: &Blobs, to: &Path) -> Result<Vec<String>, ReadError> {
    fs::create_dir_all(to).map_err(storage)?;
    let names = blobs.records()?;
    for name in names.iter().filter(|name| !matches!(Named::of(name), Some(Named::Proof(_)))) {
        copy_record(blobs, to, name)?;
    }
    fs::File::open(to).and_then(|folder| folder.sync_all()).map_err(storage)?;
    Ok(names)
}

fn copy_record(blobs: &Blobs, to: &Path, name: &str) -> Result<(), ReadError> {
    let bytes = blobs.read_record(name)?;
    let path = to.join(name);
    if fs::read(&path).is_ok_and(|held| held == bytes) {
        return Ok(());
    }
    let part = to.join(format!("{name}.part"));
    let mut file = fs::File::create(&part).map_err(storage)?;
    file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(storage)?;
    fs::rename(&part, &path).map_err(storage)
}

/// Removes what an earlier backup had of an erasure: files, and records that named them.
fn forget(folder: &Path, proof: &Proof) -> std::io::Result<()> {
    let removed = folder.join("removed");
    let stale = proof.records.iter().map(|sequence| tombstone::name(*sequence));
    for name in stale.chain([Named::Order(proof.sequence).name()]) {
        remove(&removed.join(name))?;
    }
    let erased: HashMap<_, _> = proof.versions.iter().map(|(sequence, name)| (*name, *sequence)).collect();
    let studies = folder.join("studies");
    for study in entries(&studies)? {
        for series in entries(&study)? {
            for file in entries(&series)? {
                let Some(key) = file.strip_prefix(&studies).ok().and_then(Path::to_str) else { continue };
                if let Some(sequence) = erased.get(&name_digest(key)) {
                    remove_version(&studies, key, *sequence)?;
                }
            }
            // The names of folders are UIDs, too.
            remove_empty(&series)?;
        }
        remove_empty(&study)?;
    }
    fs::File::open(&removed)?.sync_all()
}

/// Removes a folder unless something is in it.
fn remove_empty(folder: &Path) -> std::io::Result<()> {
    match fs::remove_dir(folder) {
        Err(error)
            if !matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::DirectoryNotEmpty
            ) =>
        {
            Err(error)
        }
        _ => Ok(()),
    }
}

/// What lies in a folder; nothing when it is none.
fn entries(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(Vec::new())
        }
        listed => listed?.map(|entry| entry.map(|entry| entry.path())).collect(),
    }
}

fn remove(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes a file of the backup when it is that of this sequence.
fn remove_version(studies: &Path, key: &str, sequence: u64) -> std::io::Result<()> {
    let path = studies.join(key);
    let mut head = vec![0; HEAD_LEN as usize];
    let read = fs::File::open(&path).and_then(|mut file| file.read_exact(&mut head));
    let ours = read.is_ok() && origin_in(&head).is_some_and(|origin| origin.sequence == sequence);
    if !ours {
        return Ok(());
    }
    fs::remove_file(&path)?;
    match path.parent() {
        Some(folder) => fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Flushes the folders of these keys and those above them up to `folder`.
async fn flush_folders(folder: &Path, keys: &[String]) -> Result<(), ReadError> {
    let mut folders = BTreeSet::from([folder.to_owned(), folder.join("studies")]);
    for key in keys {
        let file = folder.join("studies").join(key);
        folders.extend(file.ancestors().skip(1).take(2).map(Path::to_owned));
    }
    for folder in folders {
        let folder = tokio::fs::File::open(folder).await.map_err(storage)?;
        folder.sync_all().await.map_err(storage)?;
    }
    Ok(())
}

/// Whether the file is there with this head and this many bytes of data set.
async fn has_head(file: &Path, head: &[u8], length: u64) -> bool {
    let Ok(mut file) = tokio::fs::File::open(file).await else { return false };
    let mut found = vec![0; head.len()];
    let whole = file.metadata().await.is_ok_and(|m| m.len() == head.len() as u64 + length);
    whole && file.read_exact(&mut found).await.is_ok() && found == head
}

fn storage(error: std::io::Error) -> ReadError {
    ReadError::Storage(error.to_string())
}
