//! Placing: behind the answer, instances move from the spool to their final names, in batches.
//!
//! Link, flush folders, one durable transaction, unlink from the spool. Each step may be repeated after a crash; an
//! instance stays in the spool until its row and its final name are both durable.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use access::CustodianId;
use blob::{Blobs, ErrorKind, Place, Unplaced};
use index::{Index, InstanceRecord, Location, RowId};
use model::{SeriesUid, SopInstanceUid, StudyUid};
use tokio::sync::{Mutex as Turn, Notify, mpsc, oneshot};

use crate::recover::origin_of;

/// Instances placed at a time.
const BATCH: usize = 512;
/// How long a lonely instance waits for company.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long placing rests after a failure, so that a full disk is not hammered.
const REST: Duration = Duration::from_secs(5);

/// The final name of an instance version. Built from parsed UIDs only.
pub(crate) fn key(
    study: &StudyUid,
    series: &SeriesUid,
    instance: &SopInstanceUid,
    custodian: &CustodianId,
    version: u32,
) -> String {
    if version == 1 && *custodian == CustodianId::local() {
        return format!("{study}/{series}/{instance}.dcm");
    }
    format!("{study}/{series}/{instance}.{custodian}.v{version}.dcm")
}

/// The final name of a record's instance.
pub(crate) fn record_key(record: &InstanceRecord) -> String {
    key(&record.study, &record.series, &record.sop_instance, &record.custodian, record.version)
}

/// One instance that waits for its final name.
struct Waiting {
    row: RowId,
    spool: String,
    key: String,
}

/// The task that places, and its queue.
pub(crate) struct Placer {
    queue: Arc<Queue>,
    stop: mpsc::Sender<oneshot::Sender<()>>,
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<Vec<Waiting>>,
    full: Notify,
}

impl Queue {
    fn push(&self, waiting: Waiting) {
        let mut queue = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        queue.push(waiting);
        if queue.len() == 1 || queue.len() == BATCH {
            self.full.notify_one();
        }
    }

    fn len(&self) -> usize {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn take(&self) -> Vec<Waiting> {
        let mut queue = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let count = queue.len().min(BATCH);
        queue.drain(..count).collect()
    }

    fn give_back(&self, batch: Vec<Waiting>) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).splice(0..0, batch);
    }
}

impl Placer {
    /// Starts the task on the current runtime.
    pub(crate) fn start(blobs: Blobs, index: Arc<dyn Index>, names: Arc<Turn<()>>) -> Self {
        let queue = Arc::new(Queue::default());
        let (stop, stopped) = mpsc::channel(1);
        tokio::spawn(run(Arc::clone(&queue), Files { blobs, index, names }, stopped));
        Self { queue, stop }
    }

    /// Queues a flushed and indexed instance.
    pub(crate) fn queue_new(&self, row: RowId, spool: String, key: String) {
        self.queue.push(Waiting { row, spool, key });
    }

    /// Queues what an earlier run left in the spool.
    pub(crate) fn queue(&self, record: &InstanceRecord) {
        if let Location::Spool(name) = &record.location {
            self.queue.push(Waiting { row: record.row, spool: name.clone(), key: record_key(record) });
        }
    }

    /// Places what waits and ends the task.
    pub(crate) async fn finish(&self) {
        let (done, finished) = oneshot::channel();
        if self.stop.send(done).await.is_ok() {
            let _ = finished.await;
        }
    }
}

/// What placing works on.
struct Files {
    blobs: Blobs,
    index: Arc<dyn Index>,
    /// Held by whoever gives final names or takes them away.
    names: Arc<Turn<()>>,
}

async fn run(queue: Arc<Queue>, files: Files, mut stopped: mpsc::Receiver<oneshot::Sender<()>>) {
    let stop = until_stopped(&queue, &files, &mut stopped).await;
    while queue.len() > 0 && place_batch(&queue, &files).await {}
    if let Some(done) = stop {
        let _ = done.send(());
    }
}

/// Places what comes until it is to stop, which it hears wherever it waits.
async fn until_stopped(
    queue: &Queue,
    files: &Files,
    stopped: &mut mpsc::Receiver<oneshot::Sender<()>>,
) -> Option<oneshot::Sender<()>> {
    loop {
        tokio::select! {
            () = queue.full.notified() => {}
            stop = stopped.recv() => return stop,
        }
        if queue.len() < BATCH {
            tokio::select! {
                _ = tokio::time::timeout(PATIENCE, queue.full.notified()) => {}
                stop = stopped.recv() => return stop,
            }
        }
        while queue.len() > 0 {
            if !place_batch(queue, files).await {
                tokio::select! {
                    () = tokio::time::sleep(REST) => {}
                    stop = stopped.recv() => return stop,
                }
                queue.full.notify_one();
                break;
            }
        }
    }
}

/// Places one batch; whether it went well.
async fn place_batch(queue: &Queue, files: &Files) -> bool {
    let batch = queue.take();
    match files.try_place(&batch).await {
        Ok(()) => true,
        Err(error) => {
            tracing::error!(
                instances = batch.len(),
                "instances stay in the spool, placing goes on later: {error}"
            );
            queue.give_back(batch);
            false
        }
    }
}

impl Files {
    async fn try_place(&self, batch: &[Waiting]) -> Result<(), String> {
        let _names = self.names.lock().await;
        let mut unplaced = self.link(batch).await?;
        if self.clear(batch, &unplaced).await? {
            unplaced = self.link(batch).await?;
        }
        for refused in &unplaced {
            match refused.why.kind() {
                // Deleted and purged since it was queued.
                ErrorKind::NotFound => tracing::debug!("nothing to place: {}", refused.why),
                // It stays in the spool, durable and served from there; the next start tries again.
                _ => tracing::error!("an instance stays in the spool: {}", refused.why),
            }
        }
        let refused: HashSet<usize> = unplaced.iter().map(|one| one.index).collect();
        let batch: Vec<_> =
            batch.iter().enumerate().filter(|(i, _)| !refused.contains(i)).map(|(_, w)| w).collect();
        let placed = batch.iter().map(|w| (w.row, w.key.clone())).collect();
        fail::fail_point!("archive::place-linked");
        self.index.set_placed(placed).await.map_err(|e| e.to_string())?;
        fail::fail_point!("archive::place-committed");
        let names: Vec<_> = batch.iter().map(|w| w.spool.clone()).collect();
        let unlinking = self.blobs.clone();
        tokio::task::spawn_blocking(move || unlinking.unspool(&names)).await.map_err(|e| e.to_string())
    }

    async fn link(&self, batch: &[Waiting]) -> Result<Vec<Unplaced>, String> {
        let links: Vec<_> = batch.iter().map(|w| (w.spool.clone(), w.key.clone())).collect();
        let linking = self.blobs.clone();
        tokio::task::spawn_blocking(move || linking.place(&links))
            .await
            .map_err(|e| e.to_string())?
            .map_err(|e| e.to_string())
    }

    /// Takes files away that no row points at and whose name another instance has to get: deleted ones that are not
    /// purged yet go, damaged ones go to quarantine. Whether there were any.
    async fn clear(&self, batch: &[Waiting], unplaced: &[Unplaced]) -> Result<bool, String> {
        let mut cleared = false;
        let taken = unplaced.iter().filter(|one| one.why.kind() == ErrorKind::Collision);
        for waiting in taken.filter_map(|one| batch.get(one.index)) {
            let place = Place::Final(waiting.key.clone());
            let Ok(reader) = self.blobs.open_blob(&place) else { continue };
            let origin = origin_of(&reader);
            let (deleted, held) = match &origin {
                Some(origin) => (
                    self.index.is_removed(origin.sequence).await.map_err(|e| e.to_string())?,
                    self.index.by_sequence(origin.sequence).await.map_err(|e| e.to_string())?.is_some(),
                ),
                None => (false, false),
            };
            if held {
                continue;
            }
            let (blobs, key) = (self.blobs.clone(), waiting.key.clone());
            let gone = tokio::task::spawn_blocking(move || match deleted {
                true => blobs.remove(&key),
                false => {
                    let why = "no row points at it, and its name is another instance's";
                    blobs.quarantine(&Place::Final(key), why).map(drop)
                }
            });
            gone.await.map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
            cleared = true;
        }
        Ok(cleared)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        let (study, series, instance) =
            ("1.2".parse().unwrap(), "1.2.3".parse().unwrap(), "1.2.3.4".parse().unwrap());
        let clinic: CustodianId = "clinic".parse().unwrap();
        for (custodian, version, expected) in [
            (CustodianId::local(), 1, "1.2/1.2.3/1.2.3.4.dcm"),
            (CustodianId::local(), 2, "1.2/1.2.3/1.2.3.4.local.v2.dcm"),
            (clinic, 1, "1.2/1.2.3/1.2.3.4.clinic.v1.dcm"),
        ] {
            assert_eq!(key(&study, &series, &instance, &custodian, version), expected);
        }
    }
}
