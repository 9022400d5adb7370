//! Why a job has no answer.

/// Why a job has no answer. None of them harms another job.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorkerError {
    /// As many callers wait as may wait: try again later.
    #[error("all workers are busy, and enough jobs wait for them")]
    Busy,
    /// The process ended before it had answered.
    #[error("the worker process ended before it had answered")]
    Crashed,
    /// The job took longer than it may; its process was killed.
    #[error("the job took longer than {0:?}")]
    TimedOut(std::time::Duration),
    /// The answer is larger than it may be; its process was killed.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// No process can be started.
    #[error("a worker process cannot be started: {0}")]
    Spawn(String),
}
