//! The pool: processes that are started when they are needed and kept.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::process::Process;
use crate::{Config, Patience, Runner, WorkerError};

/// Worker processes, at most [`Config::workers`]. Cheap to clone.
///
/// A process is started by the first job that finds none free, and kept for later ones. One that fails in any way is
/// killed and never used again; a job whose process was found dead under it is tried once more in a fresh one.
#[derive(Clone)]
pub struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    config: Config,
    turns: Semaphore,
    waiting: AtomicUsize,
    idle: Mutex<Vec<Process>>,
}

impl Pool {
    /// A pool without any process yet.
    pub fn new(config: Config) -> Self {
        let shared = Shared {
            turns: Semaphore::new(config.workers.clamp(1, Semaphore::MAX_PERMITS)),
            waiting: AtomicUsize::new(0),
            idle: Mutex::new(Vec::new()),
            config,
        };
        Self { shared: Arc::new(shared) }
    }
}

#[async_trait]
impl Runner for Pool {
    async fn ask(
        &self,
        head: Vec<u8>,
        payload: Bytes,
        patience: Patience,
    ) -> Result<(Vec<u8>, Bytes), WorkerError> {
        let result = self.shared.job(&head, &payload, patience).await;
        metrics::counter!("overread_worker_jobs_total", "result" => label(&result)).increment(1);
        result
    }
}

impl Shared {
    async fn job(
        &self,
        head: &[u8],
        payload: &Bytes,
        patience: Patience,
    ) -> Result<(Vec<u8>, Bytes), WorkerError> {
        let _turn = self.turn(patience).await?;
        let started = Instant::now();
        let answered = match self.kept() {
            // Something may have killed it meanwhile that has nothing to do with this job.
            Some(process) => match self.work(process, head, payload).await {
                Err(WorkerError::Crashed) => self.afresh(head, payload).await,
                answered => answered,
            },
            None => self.afresh(head, payload).await,
        };
        metrics::histogram!("overread_worker_job_seconds").record(started.elapsed().as_secs_f64());
        answered
    }

    async fn afresh(&self, head: &[u8], payload: &Bytes) -> Result<(Vec<u8>, Bytes), WorkerError> {
        let process = Process::start(&self.config)?;
        metrics::counter!("overread_workers_started_total").increment(1);
        self.work(process, head, payload).await
    }

    /// One job in one process, which is kept when it is well. It is dropped with this future, and that kills it.
    async fn work(
        &self,
        mut process: Process,
        head: &[u8],
        payload: &Bytes,
    ) -> Result<(Vec<u8>, Bytes), WorkerError> {
        let timeout = self.config.timeout;
        let exchange = process.exchange(head, payload, self.config.answer);
        let answer = tokio::time::timeout(timeout, exchange).await;
        let answer = answer.map_err(|_| WorkerError::TimedOut(timeout))??;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(process);
        Ok(answer)
    }

    async fn turn(&self, patience: Patience) -> Result<SemaphorePermit<'_>, WorkerError> {
        if let Ok(free) = self.turns.try_acquire() {
            return Ok(free);
        }
        let place = Waiting::enter(&self.waiting);
        if patience == Patience::Queue && place.before >= self.config.waiting {
            return Err(WorkerError::Busy);
        }
        // It is never closed.
        self.turns.acquire().await.map_err(|_| WorkerError::Busy)
    }

    /// The process that was used last of those that live.
    fn kept(&self) -> Option<Process> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(mut process) = idle.pop() {
            if process.lives() {
                return Some(process);
            }
        }
        None
    }
}

/// A place in the queue.
struct Waiting<'a> {
    count: &'a AtomicUsize,
    before: usize,
}

impl<'a> Waiting<'a> {
    fn enter(count: &'a AtomicUsize) -> Self {
        Self { before: count.fetch_add(1, Ordering::Relaxed), count }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

fn label<T>(result: &Result<T, WorkerError>) -> &'static str {
    match result {
        Ok(_) => "answered",
        Err(WorkerError::Busy) => "busy",
        Err(WorkerError::Crashed) => "crashed",
        Err(WorkerError::TimedOut(_)) => "timed_out",
        Err(WorkerError::TooLarge { .. }) => "too_large",
        Err(WorkerError::Spawn(_)) => "not_started",
    }
}
