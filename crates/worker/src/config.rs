//! The pool's limits, each with its cost.

use std::ffi::OsString;
use std::num::NonZero;
use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::Duration;

/// Limits of a [`crate::Pool`].
#[derive(Clone, Debug)]
pub struct Config {
    /// The program that is started for a worker; it calls [`crate::child::serve`].
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Processes at most, which is also jobs at the same moment. Default: one for each processor. Each may take
    /// [`crate::child::Limits::memory`]; here each costs the payload and the answer of the job it is at.
    pub workers: usize,
    /// Callers that may wait for a process; more are refused with [`crate::WorkerError::Busy`]. Default 256; each holds
    /// the payload of its job.
    pub waiting: usize,
    /// How long a job may take, from its first byte to the last of its answer; then its process is killed. Default 10 s.
    pub timeout: Duration,
    /// Bytes of an answer's payload at most. Default 256 MiB; held once for each job that is being answered.
    pub answer: u64,
}

impl Config {
    /// The defaults, for this program.
    pub fn new(program: impl Into<PathBuf>, arguments: impl IntoIterator<Item = OsString>) -> Self {
        Self {
            program: program.into(),
            arguments: arguments.into_iter().collect(),
            workers: available_parallelism().map_or(2, NonZero::get),
            waiting: 256,
            timeout: Duration::from_secs(10),
            answer: 256 << 20,
        }
    }
}
