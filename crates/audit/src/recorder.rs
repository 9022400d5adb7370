//! Whom an edge tells.

use crate::Event;

/// Takes what happened. Edges get one at construction.
pub trait Recorder: Send + Sync {
    /// Whether there is room for what a new request may bring. An edge that hears `false` refuses the request (503, out
    /// of resources): nothing is done that cannot be recorded.
    fn has_room(&self) -> bool;

    /// Takes an event; never waits, and never drops one. Whoever was let in may always tell how it went.
    fn record(&self, event: Event);
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
