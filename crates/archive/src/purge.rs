//! Purging: the bytes of what was deleted go, some time behind the answer, and the record stays.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use blob::{Blobs, Place};
use index::{Index, Unpurged};
use tokio::sync::{Mutex as Turn, Notify};
use tokio::task::JoinHandle;

use crate::{ReadError, place, recover, remove};

/// Versions purged at a time.
const BATCH: u32 = 256;
/// How long it rests after a failure.
const REST: Duration = Duration::from_secs(5);
/// How often it looks by itself for what has become due.
const ROUND: Duration = Duration::from_secs(60);
/// What becomes due within this time goes together: each round looks at all that waits.
const TOGETHER: Duration = Duration::from_secs(1);

/// The task that purges.
pub(crate) struct Purger {
    shared: Arc<Work>,
    task: Turn<Option<JoinHandle<()>>>,
}

struct Work {
    blobs: Blobs,
    index: Arc<dyn Index>,
    /// Held by whoever gives final names or takes them away.
    names: Arc<Turn<()>>,
    after: Duration,
    /// Something was deleted.
    wake: Notify,
    /// Something else is to be done, now.
    urgent: Notify,
    stopping: AtomicBool,
    /// Deletions on record that the index refused.
    unapplied: Mutex<BTreeSet<u64>>,
}

impl Purger {
    /// Starts the task on the current runtime; what was deleted longer than `after` ago is purged.
    pub(crate) fn start(blobs: Blobs, index: Arc<dyn Index>, names: Arc<Turn<()>>, after: Duration) -> Self {
        let shared = Arc::new(Work {
            blobs,
            index,
            names,
            after,
            wake: Notify::new(),
            urgent: Notify::new(),
            stopping: AtomicBool::new(false),
            unapplied: Mutex::default(),
        });
        let task = tokio::spawn(run(Arc::clone(&shared)));
        Self { shared, task: Turn::new(Some(task)) }
    }

    /// Something was deleted.
    pub(crate) fn wake(&self) {
        self.shared.wake.notify_one();
    }

    /// A deletion on record has to be applied to the index again.
    pub(crate) fn apply(&self, sequence: u64) {
        self.shared.unapplied.lock().unwrap_or_else(PoisonError::into_inner).insert(sequence);
        self.shared.urgent.notify_one();
    }

    /// Purges all that is deleted, due or not.
    pub(crate) async fn purge_all(&self) -> Result<(), ReadError> {
        self.shared.purge_until(i64::MAX).await.map(drop)
    }

    /// Purges what is due now and ends the task.
    pub(crate) async fn finish(&self) {
        self.shared.stop();
        if let Some(task) = self.task.lock().await.take() {
            let _ = task.await;
        }
    }
}

impl Drop for Purger {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

async fn run(work: Arc<Work>) {
    loop {
        // Before the round: what is asked of it meanwhile is not missed.
        let stopping = work.stopping.load(Ordering::Acquire);
        let next = work.round().await.unwrap_or_else(|error| {
            tracing::error!(%error, "deleted bytes could not be removed; it is tried again");
            Some(REST)
        });
        if stopping {
            return;
        }
        let rest = next.map_or(ROUND, |next| next.clamp(TOGETHER, ROUND));
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            () = work.urgent.notified() => {}
            // What is deleted from now on is due later than what waits already.
            () = work.wake.notified(), if next.is_none() => {}
        }
    }
}

impl Work {
    fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.urgent.notify_one();
    }

    /// Applies and purges what is due. How long until more is.
    async fn round(&self) -> Result<Option<Duration>, ReadError> {
        let unapplied = self.unapplied.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for sequence in unapplied {
            remove::apply(&self.blobs, self.index.as_ref(), sequence).await?;
            self.unapplied.lock().unwrap_or_else(PoisonError::into_inner).remove(&sequence);
        }
        let due = remove::now().saturating_sub(i64::try_from(self.after.as_millis()).unwrap_or(i64::MAX));
        self.purge_until(due).await
    }

    /// Purges what was deleted until then. How long until more is due, when there is more.
    async fn purge_until(&self, due: i64) -> Result<Option<Duration>, ReadError> {
        let (mut after, mut next) = (None, None::<i64>);
        loop {
            let page = self.index.unpurged(after, BATCH).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.instance.sequence);
            let (now, later): (Vec<_>, Vec<_>) = page.into_iter().partition(|one| one.removed_at <= due);
            next = later.iter().map(|one| one.removed_at).chain(next).min();
            self.purge(now).await?;
        }
        Ok(next.map(|at| Duration::from_millis(at.saturating_sub(due).unsigned_abs() + 1)))
    }

    async fn purge(&self, batch: Vec<Unpurged>) -> Result<(), ReadError> {
        if batch.is_empty() {
            return Ok(());
        }
        let names = self.names.lock().await;
        let sequences = batch.iter().map(|one| one.instance.sequence).collect::<Vec<_>>();
        let blobs = self.blobs.clone();
        tokio::task::spawn_blocking(move || batch.iter().try_for_each(|one| erase(&blobs, one)))
            .await
            .map_err(|error| ReadError::Storage(error.to_string()))??;
        fail::fail_point!("archive::purge-erased");
        drop(names);
        self.index.set_purged(sequences.clone()).await?;
        tracing::info!(instances = sequences.len(), "deleted bytes are removed");
        Ok(())
    }
}

/// Removes the names of one deleted version: in the spool, and on the shelf when it is that very file. Another may have its
/// key by now.
pub(crate) fn erase(blobs: &Blobs, one: &Unpurged) -> Result<(), ReadError> {
    if let Some(name) = &one.instance.spool {
        blobs.unspool(std::slice::from_ref(name));
    }
    let key = key(one);
    match blobs.open_blob(&Place::Final(key.clone())) {
        Ok(reader) => match recover::origin_of(&reader) {
            Some(origin) if origin.sequence == one.instance.sequence => blobs.remove(&key)?,
            _ => {}
        },
        // Gone, but perhaps not the folders around it: their names are UIDs, too.
        Err(blob::BlobError::NotFound { .. }) => blobs.remove(&key)?,
        Err(error) if error.kind() == blob::ErrorKind::Corrupt => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// The final name that a deleted version had, or would have had.
pub(crate) fn key(one: &Unpurged) -> String {
    let instance = &one.instance;
    place::key(&instance.study, &instance.series, &instance.sop_instance, &one.custodian, instance.version)
}
