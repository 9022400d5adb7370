//! How many requests may hold metadata at the same moment, and how much.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// Requests that store with metadata at the same moment; others wait before their body is read. Each holds at most
/// [`SMALL`], so 32 MiB in all.
const REQUESTS: usize = 32;
/// Requests that hold more than [`SMALL`] at the same moment; others wait. Each holds at most 64 MiB while it reads.
const LARGE: usize = 2;
/// Bytes of metadata and of short bulk data that any request may hold.
const SMALL: usize = 1 << 20;

/// The places of all requests.
pub(crate) struct Places {
    requests: Arc<Semaphore>,
    large: Arc<Semaphore>,
    pictures: Semaphore,
}

/// The place of one.
pub(super) struct Place {
    _request: Option<OwnedSemaphorePermit>,
    lane: Option<OwnedSemaphorePermit>,
    large: Arc<Semaphore>,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            requests: Arc::new(Semaphore::new(REQUESTS)),
            large: Arc::new(Semaphore::new(LARGE)),
            pictures: Semaphore::new(1),
        }
    }
}

impl Places {
    /// Waits until a picture may be decoded.
    pub(super) async fn picture(&self) -> Option<SemaphorePermit<'_>> {
        self.pictures.acquire().await.ok()
    }

    /// Waits for a place. The semaphores are never closed.
    pub(super) async fn take(&self) -> Place {
        let request = Arc::clone(&self.requests).acquire_owned().await.ok();
        Place { _request: request, lane: None, large: Arc::clone(&self.large) }
    }
}

impl Place {
    /// Goes on when this much may be held. Nobody waits here who has what somebody else waits for.
    pub(super) async fn hold(&mut self, bytes: usize) {
        if bytes > SMALL && self.lane.is_none() {
            self.lane = Arc::clone(&self.large).acquire_owned().await.ok();
        }
    }
}
