//! The index made again from the files alone.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;

use blob::{Blobs, Place};
use index::{Index, Inserted, Location};

use crate::recover::{origin_of, reread};
use crate::verify::Problem;
use crate::{Config, ReadError, fresh, remove};

/// Rows inserted in one transaction.
const GROUP: usize = 64;

/// What a rebuild made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RebuildReport {
    /// Instances (all versions) in the new index.
    pub instances: u64,
    /// Deletions on record, applied to it.
    pub deletions: u64,
    /// Files that could not become a row.
    pub problems: Vec<Problem>,
}

/// One file that is to become a row: where its key lies in the list of keys.
struct Entry {
    version: u32,
    sequence: u64,
    at: u64,
    length: u32,
}

/// Fills an empty `index` from the files below `studies/`, first versions first and each in the
/// order in which they were received, so that versions, first-received study attributes and every search answer come out as they were. What is still in the
/// spool is taken in at the next start.
///
/// Holds 32 bytes for each file; the keys wait in a file. `progress` is told of (done, all).
///
/// # Errors
/// [`ReadError::Storage`] when the folder or the new index fails; a file that cannot be read is a [`Problem`].
pub async fn rebuild(
    config: &Config,
    blobs: &Blobs,
    index: &dyn Index,
    mut progress: impl FnMut(u64, u64),
) -> Result<RebuildReport, ReadError> {
    let mut report = RebuildReport::default();
    let walking = blobs.clone();
    let (mut entries, keys, problems) = tokio::task::spawn_blocking(move || list(&walking))
        .await
        .map_err(|e| ReadError::Storage(e.to_string()))?
        .map_err(|e| ReadError::Storage(e.to_string()))?;
    report.problems = problems;
    (report.deletions, _) = remove::apply_all(blobs, index).await?;
    entries.sort_by_key(|entry| (entry.version, entry.sequence));
    let all = entries.len() as u64;
    for group in entries.chunks(GROUP) {
        let mut rows = Vec::with_capacity(group.len());
        for entry in group {
            if index.is_removed(entry.sequence).await? {
                // Deleted, and not purged yet: the next start does that.
                continue;
            }
            let mut key = vec![0; entry.length as usize];
            keys.read_exact_at(&mut key, entry.at).map_err(|e| ReadError::Storage(e.to_string()))?;
            let key = String::from_utf8_lossy(&key).into_owned();
            let (config, blobs) = (config.clone(), blobs.clone());
            let what = format!("studies/{key}");
            let read = tokio::task::spawn_blocking(move || {
                let reader = blobs.open_blob(&Place::Final(key.clone())).map_err(|e| e.to_string())?;
                reread(&config, &reader, Location::Placed(key))
            })
            .await
            .map_err(|e| ReadError::Storage(e.to_string()))?;
            match read {
                Ok(row) => rows.push(row),
                Err(why) => report.problems.push(Problem { what, why }),
            }
        }
        let inserted = index.insert(rows).await?;
        report.instances += inserted.iter().filter(|i| !matches!(i, Inserted::Same(_))).count() as u64;
        progress(report.instances + report.problems.len() as u64, all);
    }
    fresh::refresh_all(index).await?;
    Ok(report)
}

/// The version that a final name carries: 1, or the number in `….v2.dcm`.
fn version(key: &str) -> u32 {
    let number = key.strip_suffix(".dcm").and_then(|stem| stem.rsplit_once(".v")).map(|(_, number)| number);
    number.and_then(|n| n.parse().ok()).unwrap_or(1)
}

/// Walks the files: their sequences in memory, their keys in a file of their own.
fn list(blobs: &Blobs) -> Result<(Vec<Entry>, File, Vec<Problem>), std::io::Error> {
    let path = blobs.root().join("cache").join("rebuild.keys");
    std::fs::create_dir_all(blobs.root().join("cache"))?;
    let file = File::options().read(true).write(true).create(true).truncate(true).open(&path)?;
    std::fs::remove_file(&path)?;
    let mut keys = BufWriter::new(&file);
    let (mut entries, mut problems, mut at) = (Vec::new(), Vec::new(), 0);
    for found in blobs.walk() {
        match found {
            Ok((key, reader)) => match origin_of(&reader) {
                Some(origin) => {
                    keys.write_all(key.as_bytes())?;
                    let length = u32::try_from(key.len()).unwrap_or(u32::MAX);
                    entries.push(Entry { version: version(&key), sequence: origin.sequence, at, length });
                    at += u64::from(length);
                }
                None => problems.push(Problem {
                    what: format!("studies/{key}"),
                    why: "it is no file of ours: its head cannot be read".into(),
                }),
            },
            Err(error) => problems.push(Problem { what: "studies/".into(), why: error.to_string() }),
        }
    }
    keys.flush()?;
    drop(keys);
    Ok((entries, file, problems))
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn versions() {
        for (key, expected) in [
            ("1.2/1.3/1.4.dcm", 1),
            ("1.2/1.3/1.4.local.v2.dcm", 2),
            ("1.2/1.3/1.4.clinic-7.v1.dcm", 1),
            ("1.2/1.3/1.4.local.v12.dcm", 12),
        ] {
            assert_eq!(version(key), expected, "{key}");
        }
    }
}
