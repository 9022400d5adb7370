//! Where accounts are asked: off the async threads, few at a time, and every answer's row on the disk before it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use audit::{Event, Outcome, RequestId, What, Who};
use axum::extract::{ConnectInfo, FromRequestParts};
use http::request::Parts;
use identity::{Accounts, Refused};
use tokio::sync::Semaphore;

use crate::site::Site;

/// At the same moment: each takes 19 MiB while it hashes a password.
const AT_ONCE: usize = 4;
/// Who waits for a turn besides, some seconds at worst; more are told to come again.
const WAITING: usize = 60;
/// What a disk gets to take the row of a login.
const FLUSH: Duration = Duration::from_secs(5);

/// The accounts, and the turns to ask them.
#[derive(Clone)]
pub struct Desk {
    accounts: Arc<Accounts>,
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Trouble {
    /// What accounts say.
    Refused(Refused),
    /// Too many ask at this moment.
    Busy,
}

impl Desk {
    /// Asks these accounts.
    pub fn new(accounts: Arc<Accounts>) -> Self {
        Self {
            accounts,
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            places: Arc::new(Semaphore::new(AT_ONCE + WAITING)),
        }
    }

    /// What is asked next on this way in. From memory.
    pub fn next(&self, way: &str) -> Option<identity::Next> {
        self.accounts.next(way, now())
    }

    /// Asks when it is one's turn.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Accounts, i64) -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, Trouble> {
        let place = self.places.try_acquire().map_err(|_| Trouble::Busy)?;
        // The turn goes with the work, which goes on when whoever asked went away.
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| Trouble::Busy)?;
        let accounts = Arc::clone(&self.accounts);
        let done = tokio::task::spawn_blocking(move || {
            let done = work(&accounts, now());
            drop(turn);
            done
        });
        let done = done.await.map_err(|_| Trouble::Busy)?;
        drop(place);
        done.map_err(Trouble::Refused)
    }
}

/// Seconds of Unix time.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// The address that a request came from, and what it is called.
#[derive(Clone, Debug)]
pub struct Caller(pub IpAddr, RequestId);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let from = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let address = from.map_or(IpAddr::from([0, 0, 0, 0]), |from| from.0.ip().to_canonical());
        Ok(Self(address, parts.extensions.get().cloned().unwrap_or_else(RequestId::make)))
    }
}

impl Caller {
    fn who(&self, door: &str, name: &str) -> Who {
        let address = if self.0.is_unspecified() { String::new() } else { self.0.to_string() };
        Who::new(door, name, &address).by(&self.1)
    }

    /// The account of this name.
    pub fn account(&self, name: &str) -> Who {
        self.who("password", name)
    }

    /// The account of this name, which did not prove itself; none for a name that nobody has, which may be a password
    /// typed into the wrong field.
    pub fn unproven(&self, name: Option<&str>) -> Who {
        self.who("nobody", name.unwrap_or("nobody"))
    }

    /// Whoever was recognised so.
    pub fn principal(&self, who: &access::Principal) -> Who {
        self.who(who.door().name(), who.name())
    }

    /// Somebody whom nothing is known of.
    pub fn nobody(&self) -> Who {
        self.who("nobody", "nobody")
    }
}

/// What is told of an attempt.
pub fn told(what: What, who: Who, outcome: Outcome, detail: &str) -> Event {
    Event { outcome, detail: detail.to_owned(), ..Event::new(what, who, "pages") }
}

impl Site {
    /// Records this, and waits until it is on the disk; `false` when the disk does not take it in time. Then nothing may
    /// follow from it.
    pub async fn record_durably(&self, event: Event) -> bool {
        self.recorder.record(event);
        matches!(tokio::time::timeout(FLUSH, self.recorder.flushed()).await, Ok(true))
    }
}
