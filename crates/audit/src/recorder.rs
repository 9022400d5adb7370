//! Whom an edge tells.

use std::future::{Future, ready};
use std::pin::Pin;

use crate::{Event, Patient};

/// Takes what happened. Edges get one at construction.
pub trait Recorder: Send + Sync {
    /// Whether there is room for what a new request may bring. An edge that hears `false` refuses the request (503, out
    /// of resources): nothing is done that cannot be recorded.
    fn has_room(&self) -> bool;

    /// Takes an event; never waits, and never drops one. Whoever was let in may always tell how it went.
    fn record(&self, event: Event);

    /// Waits until what was recorded before is on the disk; `false` when it will not be. For what must not be answered
    /// before: logins, and changes of what somebody comes in by.
    fn flushed(&self) -> Pin<Box<dyn Future<Output = bool> + Send>> {
        Box::pin(ready(true))
    }

    /// Whose study it is that is about to be deleted: from then on nobody could say, and events about it may still wait.
    fn remember(&self, _study: &str, _custodian: &str, _patient: &Patient) {}
}

/// Records nothing: for tests of other things, and where there is no archive.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unrecorded;

impl Recorder for Unrecorded {
    fn has_room(&self) -> bool {
        true
    }

    fn record(&self, _: Event) {}
}
