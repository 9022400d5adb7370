//! Who may receive at this moment: instances counted in all and by whom they are stored for, so that slow senders of one
//! never take every place from the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use access::Principal;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

/// Principals that are remembered before those that store nothing are forgotten.
const REMEMBERED: usize = 256;

pub(crate) struct Places {
    all: Arc<Semaphore>,
    each: usize,
    by_principal: Mutex<HashMap<String, Weak<Semaphore>>>,
}

/// A place; it is free again when this is dropped.
pub(crate) struct Place {
    _all: OwnedSemaphorePermit,
    /// It keeps the counter of its principal alive.
    _own: OwnedSemaphorePermit,
}

impl Places {
    /// So many places, of which one principal gets three quarters at most.
    pub(crate) fn new(places: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(places)),
            each: (places - places / 4).max(1),
            by_principal: Mutex::default(),
        }
    }

    /// Waits for a place, first behind others of the same principal.
    pub(crate) async fn take(&self, who: &Principal) -> Result<Place, AcquireError> {
        let own = self.counter(who.to_string()).acquire_owned().await?;
        let all = Arc::clone(&self.all).acquire_owned().await?;
        Ok(Place { _all: all, _own: own })
    }

    fn counter(&self, who: String) -> Arc<Semaphore> {
        let mut known = self.by_principal.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(counter) = known.get(&who).and_then(Weak::upgrade) {
            return counter;
        }
        if known.len() >= REMEMBERED {
            known.retain(|_, counter| counter.strong_count() > 0);
        }
        let counter = Arc::new(Semaphore::new(self.each));
        known.insert(who, Arc::downgrade(&counter));
        counter
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use access::{CustodianId, Door, Reach, Rights};

    use super::*;

    fn centre(name: &str) -> Principal {
        Principal::new(Door::AeTitle, name, CustodianId::local(), Rights::STORE_ONLY, Reach::Everything)
    }

    fn now<F: Future>(future: F) -> Option<F::Output> {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => Some(done),
            Poll::Pending => None,
        }
    }

    /// Reliability L5: one centre's senders wait for each other, the other's find a place.
    #[test]
    fn one_principal_leaves_places_to_others() {
        let places = Places::new(8);
        let mut taken: Vec<_> =
            std::iter::from_fn(|| now(places.take(&centre("SLOW"))).map(Result::unwrap)).take(20).collect();
        assert_eq!(taken.len(), 6);
        let other = now(places.take(&centre("OTHER"))).expect("a place").unwrap();
        taken.pop();
        taken.push(now(places.take(&centre("SLOW"))).expect("the one that is free again").unwrap());
        assert!(now(places.take(&centre("SLOW"))).is_none());
        let last = now(places.take(&centre("OTHER"))).expect("a place").unwrap();
        assert!(now(places.take(&centre("THIRD"))).is_none(), "all are taken");
        drop((other, last, taken));
        assert!(now(places.take(&centre("THIRD"))).is_some());
    }

    #[test]
    fn who_stores_nothing_is_forgotten() {
        let places = Places::new(1);
        for number in 0..2_000 {
            drop(now(places.take(&centre(&format!("C{number}")))).expect("a place").unwrap());
        }
        assert!(places.by_principal.lock().unwrap().len() <= REMEMBERED);
    }
}
