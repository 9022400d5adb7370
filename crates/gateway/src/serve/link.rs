//! What is going on on a connection, told by the service and its answers to the guard.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// Shared by the two ends of a connection. Everything on it happens in one task or is only a hint.
#[derive(Debug)]
pub(super) struct Link {
    /// Requests that have begun and whose answers are not given to hyper whole.
    busy: AtomicUsize,
    /// Answers of which hyper has not taken everything.
    answers: AtomicUsize,
    /// Milliseconds after `began` at which hyper last took something of an answer.
    taken: AtomicU64,
    /// The head that was just read frames its body in two ways.
    ambiguous: AtomicBool,
    began: Instant,
}

impl Link {
    pub(super) fn new() -> Self {
        Self {
            busy: AtomicUsize::new(0),
            answers: AtomicUsize::new(0),
            taken: AtomicU64::new(0),
            ambiguous: AtomicBool::new(false),
            began: Instant::now(),
        }
    }

    pub(super) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed) > 0
    }

    pub(super) fn begin(&self) {
        self.busy.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn end(&self) {
        self.busy.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn answer_begins(&self) {
        self.take();
        self.answers.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn answer_ends(&self) {
        self.answers.fetch_sub(1, Ordering::Relaxed);
    }

    /// Hyper takes a piece of an answer.
    pub(super) fn take(&self) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.taken.store(now, Ordering::Relaxed);
    }

    pub(super) fn set_ambiguous(&self) {
        self.ambiguous.store(true, Ordering::Relaxed);
    }

    /// Whether the head of the request that begins was ambiguous.
    pub(super) fn take_ambiguous(&self) -> bool {
        self.ambiguous.swap(false, Ordering::Relaxed)
    }

    /// Returns when there have been answers for `limit` of which nothing was taken: on HTTP/2 a peer that opens no
    /// window blocks its streams, not the connection.
    pub(super) async fn stalled(&self, limit: Duration) {
        let mut check = tokio::time::interval(limit / 4);
        loop {
            check.tick().await;
            let last = Duration::from_millis(self.taken.load(Ordering::Relaxed));
            if self.answers.load(Ordering::Relaxed) > 0 && self.began.elapsed().saturating_sub(last) > limit {
                return;
            }
        }
    }
}
