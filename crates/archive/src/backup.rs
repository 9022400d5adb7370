//! A consistent copy while the archive runs.

use std::collections::BTreeSet;
use std::path::Path;

use access::{Action, Principal};
use index::{Index, InstanceRecord, Location};

use futures::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::place::record_key;
use crate::{Archive, ReadError};

/// Rows copied at a time.
const PAGE: u32 = 500;

/// What a backup holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackupReport {
    /// Instances (all versions) in the copy.
    pub instances: u64,
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
            let Some(last) = page.last() else { return Ok(report) };
            after = Some(last.row);
            let (mut placed, mut keys) = (Vec::new(), Vec::new());
            for record in &page {
                let key = record_key(record);
                report.bytes += self.copy(record, &key, folder).await?;
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
