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
use std::time::Duration;

use index::{Index, IndexError};

/// How long a turn is waited for. Flushes take some ten milliseconds, on a slow disk a second.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long after a failure what is on record is tried again.
const AGAIN: Duration = Duration::from_millis(250);

/// What came before did not end in time.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("what came before did not end within {} s", PATIENCE.as_secs())]
pub(crate) struct Stuck;

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

    /// Waits until every earlier one has ended, at most [`PATIENCE`].
    ///
    /// # Errors
    /// [`Stuck`]: then nothing may be committed under this sequence.
    pub(crate) async fn comes(&self) -> Result<(), Stuck> {
        tokio::time::timeout(PATIENCE, self.first()).await.map_err(|_| Stuck)
    }

    async fn first(&self) {
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
    /// [`IndexError`] when the index cannot commit, or what came before is [`Stuck`].
    pub(crate) async fn comes_alone(&self, index: &dyn Index) -> Result<(), IndexError> {
        self.comes().await.map_err(|stuck| IndexError::Engine(stuck.to_string()))?;
        // The writer takes jobs in their order, so what was queued before is committed with this or before it.
        index.insert(Vec::new()).await.map(drop)
    }

    /// Goes on trying what a record on disk has decided already, and keeps the turn until it is done: nothing that comes
    /// later may be acknowledged and then be taken by it.
    pub(crate) fn hold_until<W>(self, work: impl Fn() -> W + Send + 'static)
    where
        W: Future<Output = Result<(), IndexError>> + Send,
    {
        let turn = self;
        tokio::spawn(async move {
            while let Err(error) = work().await {
                tracing::error!(%error, "what is on record is not in the index yet");
                tokio::time::sleep(AGAIN).await;
            }
            drop(turn);
        });
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
                turn.comes().await.unwrap();
                order.lock().unwrap().push(turn.sequence());
            });
        }
        // The second gives up: those behind it need not wait for it.
        drop(second);
        tasks.join_all().await;
        assert_eq!(*order.lock().unwrap(), [8, 10]);
    }
}
