//! What is in the spool and not yet placed, and the bound on it.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::Limits;
use crate::name::SpoolName;

/// Sealed spool files with the length of their data sets.
pub(crate) struct Backlog {
    files: u64,
    bytes: u64,
    waiting: Mutex<Waiting>,
    less: Condvar,
}

#[derive(Default)]
struct Waiting {
    lengths: HashMap<SpoolName, u64>,
    bytes: u64,
}

impl Backlog {
    pub(crate) fn new(limits: &Limits) -> Backlog {
        Backlog {
            files: limits.spool_files,
            bytes: limits.spool_bytes,
            waiting: Mutex::default(),
            less: Condvar::new(),
        }
    }

    pub(crate) fn add(&self, name: SpoolName, length: u64) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.bytes += length;
        if let Some(before) = waiting.lengths.insert(name, length) {
            waiting.bytes -= before;
        }
    }

    pub(crate) fn remove(&self, name: SpoolName) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(length) = waiting.lengths.remove(&name) {
            waiting.bytes -= length;
            drop(waiting);
            self.less.notify_all();
        }
    }

    /// Files and bytes.
    pub(crate) fn size(&self) -> (u64, u64) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        (waiting.lengths.len() as u64, waiting.bytes)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.over(self.size())
    }

    /// Waits until there is room; false when there was none in time.
    pub(crate) fn wait(&self, timeout: Duration) -> bool {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |waiting: &mut Waiting| self.over((waiting.lengths.len() as u64, waiting.bytes));
        let (mut waiting, _) =
            self.less.wait_timeout_while(waiting, timeout, full).unwrap_or_else(PoisonError::into_inner);
        !full(&mut waiting)
    }

    fn over(&self, (files, bytes): (u64, u64)) -> bool {
        files >= self.files || (files > 0 && bytes >= self.bytes)
    }
}
