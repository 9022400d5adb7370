//! Every instance read again against its sums and digest, and index and files against each other.

use std::collections::HashSet;
use std::sync::Arc;

use access::{Action, Principal};
use blob::Sums;
use index::InstanceRecord;

use futures::StreamExt;

use crate::erase::{self, Named};
use crate::{Archive, DataSet, ReadError, quarantine, tombstone};

/// Rows read from the index at a time.
const PAGE: u32 = 500;
/// Problems kept in a report; more are counted.
const PROBLEMS: usize = 10_000;

/// What is wrong with one instance or file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The instance (study/series/instance) or the file.
    pub what: String,
    /// What is wrong, in words.
    pub why: String,
}

/// What a run of verify saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Instances read and found as they were stored.
    pub sound: u64,
    /// Bytes read.
    pub bytes: u64,
    /// What is out of sight: deletions on record, and what is rejected or damaged.
    pub hidden: index::Hidden,
    /// What is wrong; at most 10,000 are listed.
    pub problems: Vec<Problem>,
    /// Problems beyond those listed.
    pub unlisted: u64,
}

impl VerifyReport {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }

    fn add(&mut self, what: String, why: String) {
        if self.problems.len() < PROBLEMS {
            self.problems.push(Problem { what, why });
        } else {
            self.unlisted += 1;
        }
    }
}

impl Archive {
    /// Reads every instance of every custodian and version against its chunk sums and its digest, checks the index's
    /// own integrity, and looks for files that no row knows. `progress` is told of (instances, bytes) done so far.
    ///
    /// # Errors
    /// [`ReadError::Denied`], [`ReadError::Storage`] when the index cannot be read at all.
    pub async fn verify(
        &self,
        who: &Principal,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<VerifyReport, ReadError> {
        who.scope_for(Action::Administer)?;
        let mut report = VerifyReport::default();
        for wrong in self.shared.index.check().await? {
            report.add("index".into(), wrong);
        }
        let mut after = None;
        loop {
            let page = self.shared.index.all(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.row);
            for mut record in page {
                if record.damaged.is_some() && quarantine::is_restored(&self.shared, &record).await? {
                    record.damaged = None;
                }
                let what =
                    format!("{}/{}/{} v{}", record.study, record.series, record.sop_instance, record.version);
                match self.reread(record.clone()).await {
                    Ok(bytes) => {
                        report.sound += 1;
                        report.bytes += bytes;
                    }
                    // Deleted since the page was read.
                    Err(_) if self.shared.index.is_removed(record.sequence).await? => {}
                    Err(why) => {
                        quarantine::judge(&self.shared, &Arc::new(record)).await;
                        report.add(what, why);
                    }
                }
                progress(report.sound + report.problems.len() as u64, report.bytes);
            }
        }
        self.unknown_files(&mut report).await?;
        self.records(&mut report).await?;
        report.hidden = self.shared.index.hidden().await?;
        Ok(report)
    }

    /// Reads one instance whole; the text says what is wrong with it.
    pub(crate) async fn reread(&self, record: InstanceRecord) -> Result<u64, String> {
        let (expected, length) = (record.digest, record.length);
        let mut sums = Sums::new(record.transfer_syntax.as_bytes());
        let data = DataSet::open(&self.shared, record).await.map_err(|e| e.to_string())?;
        let mut pieces = data.stored_bytes();
        while let Some(piece) = pieces.next().await {
            sums.update(&piece.map_err(|e| e.to_string())?);
        }
        if sums.finish().digest != expected {
            return Err("its bytes do not have the digest that they were stored with".into());
        }
        Ok(length)
    }

    /// Every deletion must be whole on disk and known to the index: an index made again needs the one, every answer the
    /// other.
    async fn records(&self, report: &mut VerifyReport) -> Result<(), ReadError> {
        let blobs = self.shared.blobs.clone();
        let read = tokio::task::spawn_blocking(move || {
            let names = blobs.records()?;
            let read = |name: String| {
                let whole = match Named::of(&name) {
                    None => tombstone::read(&blobs, &name).map(|removal| Some(removal.head.sequence)),
                    Some(Named::Order(erasure)) => none(erase::read(&blobs, erasure)),
                    Some(Named::Proof(erasure)) => none(erase::read_proof(&blobs, erasure)),
                };
                (name, whole)
            };
            Ok::<_, blob::BlobError>(names.into_iter().map(read).collect::<Vec<_>>())
        });
        let read = read.await.map_err(|e| ReadError::Storage(e.to_string()))??;
        let mut on_disk: HashSet<u64> = HashSet::new();
        for (name, whole) in read {
            match whole {
                Ok(sequence) => on_disk.extend(sequence),
                Err(why) => report.add(format!("removed/{name}"), why),
            }
        }
        let mut after = None;
        loop {
            let page = self.shared.index.removals(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.sequence);
            for head in page {
                if !on_disk.remove(&head.sequence) {
                    let what = format!("removed/{}", tombstone::name(head.sequence));
                    report.add(
                        what,
                        "the index has this deletion, but its file is not there or not whole".into(),
                    );
                }
            }
        }
        for sequence in on_disk {
            // Made since the index was asked, perhaps.
            if self.shared.index.removals(sequence.checked_sub(1), 1).await?.first().map(|h| h.sequence)
                != Some(sequence)
            {
                let what = format!("removed/{}", tombstone::name(sequence));
                report.add(what, "the index does not know this deletion; the next start applies it".into());
            }
        }
        Ok(())
    }

    /// Files below `studies/` that no row points at. Placing goes on meanwhile, so a file counts only when its row is
    /// still missing after the walk.
    async fn unknown_files(&self, report: &mut VerifyReport) -> Result<(), ReadError> {
        let blobs = self.shared.blobs.clone();
        let (send, mut walked) = tokio::sync::mpsc::channel::<Result<(String, Option<u64>), String>>(256);
        let walk = tokio::task::spawn_blocking(move || {
            for entry in blobs.walk() {
                let found = entry
                    .map(|(key, reader)| (key, crate::recover::origin_of(&reader).map(|o| o.sequence)))
                    .map_err(|e| e.to_string());
                if send.blocking_send(found).is_err() {
                    return;
                }
            }
        });
        let mut seen = HashSet::new();
        while let Some(found) = walked.recv().await {
            let (key, sequence) = match found {
                Ok(found) => found,
                Err(why) => {
                    report.add("studies/".into(), why);
                    continue;
                }
            };
            let Some(sequence) = sequence else {
                report.add(format!("studies/{key}"), "it is no file of ours: its head cannot be read".into());
                continue;
            };
            // A deleted file that is not purged yet is no problem.
            if self.shared.index.by_sequence(sequence).await?.is_none()
                && !self.shared.index.is_removed(sequence).await?
            {
                report.add(
                    format!("studies/{key}"),
                    "the index has no row for it; `overread rebuild` would".into(),
                );
            }
            if !seen.insert(sequence) {
                report.add(format!("studies/{key}"), "another file has the same sequence".into());
            }
        }
        walk.await.map_err(|e| ReadError::Storage(e.to_string()))
    }
}

/// Of an erasure it matters only that it can be read.
fn none<T>(read: Result<T, ReadError>) -> Result<Option<u64>, String> {
    read.map(|_| None).map_err(|error| error.to_string())
}
