//! Limits of the trail, each with its cost.

use std::time::Duration;

use audit::{Outcome, What};

/// Limits and times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Bytes of events that may wait for the disk; beyond, edges refuse new work. Default 16 MiB, some 25,000 events:
    /// that much memory at worst, and what requests under way still tell.
    pub queue_bytes: usize,
    /// Equal accesses after the first are gathered for so long and become one row. Default 60 s.
    pub window: Duration,
    /// The same for what comes in and goes away. Default 5 s: the counts of a window are lost by a crash.
    pub transfer_window: Duration,
    /// Windows that may be open; further accesses become rows of their own. Default 8,192; some 1 KiB each.
    pub windows: usize,
    /// Rows are flushed to the disk at least this often. Default 1 s: what a power cut may take.
    pub flush: Duration,
    /// Studies whose patients are remembered. Default 4,096; some 300 bytes each.
    pub patients: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            queue_bytes: 16 << 20,
            window: Duration::from_secs(60),
            transfer_window: Duration::from_secs(5),
            windows: 8_192,
            flush: Duration::from_secs(1),
            patients: 4_096,
        }
    }
}

impl Config {
    /// For how long accesses equal to this one are gathered; `None` for what is always a row of its own.
    pub(crate) fn window_of(&self, what: What, outcome: Outcome) -> Option<Duration> {
        match what {
            What::Retrieve | What::View | What::Restricted | What::NodeAuthentication => Some(self.window),
            What::Login if outcome != Outcome::Success => Some(self.window),
            What::Store(_) | What::Import | What::Export => Some(self.transfer_window),
            _ => None,
        }
    }
}
