//! What waits for the writer.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use audit::chain::Head;
use audit::{Entry, Event};
use tokio::sync::{oneshot, watch};

use crate::Config;
use crate::fold::Windows;
use crate::patients::Known;

/// How often windows are looked at while some are open.
const SWEEP: Duration = Duration::from_millis(500);

/// What edges and the writer share.
pub(crate) struct Queue {
    pub(crate) config: Config,
    pub(crate) process: u32,
    pub(crate) known: Known,
    /// The last row that is committed.
    pub(crate) committed: watch::Sender<Head>,
    /// Bytes that wait.
    weight: AtomicUsize,
    waiting: Mutex<Waiting>,
    woken: Condvar,
    /// Why nothing is written any more, when a flush failed.
    pub(crate) failed: watch::Sender<Option<String>>,
}

#[derive(Default)]
struct Waiting {
    batch: Batch,
    windows: Windows,
    /// Windows are to end now.
    settle: bool,
    /// The writer has ended; nothing is written any more.
    over: bool,
}

/// What the writer takes at once.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) entries: Vec<Entry>,
    pub(crate) states: Vec<(String, String)>,
    /// Told once it is all on disk.
    pub(crate) waiters: Vec<oneshot::Sender<()>>,
    /// Nothing comes after it.
    pub(crate) last: bool,
    weight: usize,
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.states.is_empty() && self.waiters.is_empty() && !self.last
    }
}

impl Queue {
    pub(crate) fn new(config: Config, head: Head) -> Self {
        Self {
            known: Known::new(config.patients),
            config,
            process: std::process::id(),
            committed: watch::Sender::new(head),
            weight: AtomicUsize::new(0),
            waiting: Mutex::default(),
            failed: watch::Sender::new(None),
            woken: Condvar::new(),
        }
    }

    pub(crate) fn has_room(&self) -> bool {
        self.weight() < self.config.queue_bytes && self.failed.borrow().is_none()
    }

    /// Bytes that wait.
    pub(crate) fn weight(&self) -> usize {
        self.weight.load(Ordering::Relaxed)
    }

    pub(crate) fn push(&self, event: Event) {
        let now = now();
        let mut waiting = self.lock();
        if waiting.over {
            tracing::error!(what = event.what.name(), "something was done after the audit trail was closed");
            return;
        }
        let Some(event) = waiting.windows.offer(&self.config, now, self.process, event) else {
            // The writer sweeps windows once there are some; it may be waiting without end.
            return;
        };
        let weight = event.weight();
        waiting.batch.entries.push(Entry::new(now, self.process, event));
        waiting.batch.weight += weight;
        self.weight.fetch_add(weight, Ordering::Relaxed);
        drop(waiting);
        self.woken.notify_one();
    }

    pub(crate) fn set(&self, key: &str, value: String) {
        self.lock().batch.states.push((key.to_owned(), value));
        self.woken.notify_one();
    }

    /// Ends all windows; the receiver hears once everything that was given before is on disk, or is closed when the
    /// writer has ended.
    pub(crate) fn settle(&self) -> oneshot::Receiver<()> {
        let (told, hears) = oneshot::channel();
        let mut waiting = self.lock();
        if !waiting.over {
            waiting.settle = true;
            waiting.batch.waiters.push(told);
        }
        drop(waiting);
        self.woken.notify_one();
        hears
    }

    /// The receiver hears once everything that was given before, but for what is still gathered, is on disk.
    pub(crate) fn flush(&self) -> oneshot::Receiver<()> {
        let (told, hears) = oneshot::channel();
        let mut waiting = self.lock();
        if !waiting.over {
            waiting.batch.waiters.push(told);
        }
        drop(waiting);
        self.woken.notify_one();
        hears
    }

    /// Lets the writer end once it has written what waits.
    pub(crate) fn end(&self) {
        let mut waiting = self.lock();
        (waiting.settle, waiting.batch.last) = (true, true);
        drop(waiting);
        self.woken.notify_one();
    }

    /// Waits for something to write. An empty batch comes only after `idle`, when one is given.
    pub(crate) fn take(&self, idle: Option<Duration>) -> Batch {
        let mut waiting = self.lock();
        let mut slept = Duration::ZERO;
        loop {
            let until = if std::mem::take(&mut waiting.settle) { i64::MAX } else { now() };
            let ended = waiting.windows.ended(until);
            waiting.batch.entries.extend(ended);
            if !waiting.batch.is_empty() || idle.is_some_and(|idle| slept >= idle) {
                return std::mem::take(&mut waiting.batch);
            }
            let nap = match idle {
                Some(idle) => idle.saturating_sub(slept).min(SWEEP),
                None if waiting.windows.is_empty() => Duration::MAX,
                None => SWEEP,
            };
            waiting = match nap {
                Duration::MAX => self.woken.wait(waiting).unwrap_or_else(PoisonError::into_inner),
                nap => {
                    slept += nap;
                    self.woken.wait_timeout(waiting, nap).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// The batch is on disk.
    pub(crate) fn written(&self, batch: Batch, head: Head) {
        self.weight.fetch_sub(batch.weight, Ordering::Relaxed);
        self.committed.send_if_modified(|committed| std::mem::replace(committed, head) != head);
        for waiter in batch.waiters {
            // Whoever went away needs no answer.
            let _ = waiter.send(());
        }
    }

    /// What was written may not be on the disk, and nothing is written any more.
    pub(crate) fn fail(&self, why: String) {
        self.over();
        self.failed.send_replace(Some(why));
    }

    /// Nothing is written any more: those that wait hear so.
    pub(crate) fn over(&self) {
        let mut waiting = self.lock();
        waiting.over = true;
        waiting.batch.waiters.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Milliseconds of Unix time.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
