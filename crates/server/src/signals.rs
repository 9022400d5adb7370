//! SIGTERM and SIGINT: the first drains, the second ends at once. SIGHUP renews certificates, and never ends the process.

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a process exits with when a second signal cuts its drain short: 128 + SIGINT, as shells show it.
pub const CUT_SHORT: i32 = 130;

/// The signals that ask this process to end.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// Held so that the default, which is to end, stays off where there is no certificate to renew.
    _hang_up: Signal,
}

impl Signals {
    /// Takes the signals over from their default, which ends the process.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn listen() -> anyhow::Result<Self> {
        let take = |kind| signal(kind).context("cannot listen to signals");
        Ok(Self {
            terminate: take(SignalKind::terminate())?,
            interrupt: take(SignalKind::interrupt())?,
            _hang_up: take(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one and names it.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
