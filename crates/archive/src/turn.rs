//! Rows are queued, and so committed, in the order of their sequences.
//!
//! Flushes end in any order, but an index made again from the files alone knows only the sequences in them. So that it
//! gives the same answers in the same order, with the same first instance of each study and the same versions, whoever
//! got an earlier sequence goes first; a turn ends when its row is queued, so that many are committed together. Flushes of
//! one moment end together in the file system's journal, so this wait is short; a crash takes rows from the end of the
//! order only.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use index::{Index, IndexError};

/// Gives out sequences and turns. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Turns {
    given: Arc<Mutex<Given>>,
}

struct Given {
    last: u64,
    /// Sequences whose rows are neither queued nor given up, and who waits for them to be the first.
    open: BTreeMap<u64, Option<Waker>>,
}

/// One sequence; dropping it ends its turn, however it went.
pub(crate) struct Turn {
    turns: Turns,
    sequence: u64,
}

impl Turns {
    /// Goes on behind `last`.
    pub(crate) fn after(last: u64) -> Self {
        Self { given: Arc::new(Mutex::new(Given { last, open: BTreeMap::new() })) }
    }

    /// The next sequence. To be flushed soon: those behind it wait for it.
    pub(crate) fn next(&self) -> Turn {
        let mut given = self.given();
        given.last += 1;
        let sequence = given.last;
        given.open.insert(sequence, None);
        drop(given);
        Turn { turns: self.clone(), sequence }
    }

    fn given(&self) -> MutexGuard<'_, Given> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// Its number.
    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Waits until every earlier one has ended.
    pub(crate) async fn comes(&self) {
        poll_fn(|context| {
            let mut given = self.turns.given();
            if given.open.first_key_value().is_some_and(|(first, _)| *first == self.sequence) {
                return Poll::Ready(());
            }
            given.open.insert(self.sequence, Some(context.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    /// The same, and until their rows are committed: for whoever looks at all rows that came before.
    ///
    /// # Errors
    /// [`IndexError`] when the index cannot commit.
    pub(crate) async fn comes_alone(&self, index: &dyn Index) -> Result<(), IndexError> {
        self.comes().await;
        // The writer takes jobs in their order, so what was queued before is committed with this or before it.
        index.insert(Vec::new()).await.map(drop)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut given = self.turns.given();
        given.open.remove(&self.sequence);
        let first = given.open.first_entry().and_then(|mut first| first.get_mut().take());
        drop(given);
        // Only the first can go on, and whoever waits looks again.
        if let Some(waker) = first {
            waker.wake();
        }
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
