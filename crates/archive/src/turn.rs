//! Rows are committed in the order of their sequences.
//!
//! Flushes end in any order, but an index made again from the files alone knows only the sequences in them. So that it
//! gives the same answers in the same order, with the same first instance of each study and the same versions, whoever
//! got an earlier sequence goes first. Flushes of one moment end together in the file system's journal, so this wait is
//! short; a crash takes rows from the end of the order only.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Gives out sequences and turns. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Turns {
    shared: Arc<Shared>,
}

struct Shared {
    given: Mutex<Given>,
    ended: Notify,
}

struct Given {
    last: u64,
    /// Sequences whose instances are neither committed nor given up.
    open: BTreeSet<u64>,
}

/// One sequence; dropping it ends its turn, however it went.
pub(crate) struct Turn {
    turns: Turns,
    sequence: u64,
}

impl Turns {
    /// Goes on behind `last`.
    pub(crate) fn after(last: u64) -> Self {
        let given = Mutex::new(Given { last, open: BTreeSet::new() });
        Self { shared: Arc::new(Shared { given, ended: Notify::new() }) }
    }

    /// The next sequence. To be flushed soon: those behind it wait for it.
    pub(crate) fn next(&self) -> Turn {
        let mut given = self.given();
        given.last += 1;
        let sequence = given.last;
        given.open.insert(sequence);
        drop(given);
        Turn { turns: self.clone(), sequence }
    }

    fn given(&self) -> MutexGuard<'_, Given> {
        self.shared.given.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// Its number.
    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Waits until every earlier one has ended.
    pub(crate) async fn comes(&self) {
        loop {
            let ended = self.turns.shared.ended.notified();
            tokio::pin!(ended);
            // Registered before the look, so that no end is missed.
            ended.as_mut().enable();
            if self.turns.given().open.first() == Some(&self.sequence) {
                return;
            }
            ended.await;
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.given().open.remove(&self.sequence);
        self.turns.shared.ended.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_was_first_goes_first() {
        let turns = Turns::after(7);
        let (first, second, third) = (turns.next(), turns.next(), turns.next());
        assert_eq!((first.sequence(), second.sequence(), third.sequence()), (8, 9, 10));
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = tokio::task::JoinSet::new();
        for turn in [third, first] {
            let order = Arc::clone(&order);
            tasks.spawn(async move {
                turn.comes().await;
                order.lock().unwrap().push(turn.sequence());
            });
        }
        // The second gives up: those behind it need not wait for it.
        drop(second);
        tasks.join_all().await;
        assert_eq!(*order.lock().unwrap(), [8, 10]);
    }
}
