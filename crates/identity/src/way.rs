//! Those who are on the way in: their password was right, or their link, and something more is asked. It is no session:
//! nothing can be reached with it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use register::SetUp;

use crate::totp::Secret;
use crate::{Digest, IdentityError, digest, random};

/// Seconds after which one begins anew.
const LASTS: i64 = 10 * 60;
/// At the same moment; some 400 bytes each. The oldest ends when there is one more.
const MOST: usize = 1_024;

/// Somebody on the way in.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(crate) stage: Stage,
    /// The account's name; empty before it has one.
    pub(crate) name: String,
    /// Its credential version; the way ends with it.
    pub(crate) version: i64,
    pub(crate) began: i64,
}

/// What is asked next.
#[derive(Clone, Debug)]
pub(crate) enum Stage {
    /// A password, of whoever showed a set-up link.
    Password { link: Digest, what: SetUp },
    /// A code.
    Code,
    /// The first code of a new factor.
    Factor(Secret),
    /// Whether the recovery codes are kept.
    Kept,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Ways(Mutex<HashMap<Digest, Way>>);

impl Ways {
    pub(crate) fn begin(&self, way: Way) -> Result<String, IdentityError> {
        let id = random()?;
        let mut ways = self.lock();
        let now = way.began;
        ways.retain(|_, way| way.is_good(now));
        if ways.len() >= MOST
            && let Some(oldest) = ways.iter().min_by_key(|(_, way)| way.began).map(|(digest, _)| *digest)
        {
            ways.remove(&oldest);
        }
        ways.insert(digest(&id), way);
        Ok(id)
    }

    pub(crate) fn find(&self, id: &str, now: i64) -> Option<Way> {
        self.lock().get(&digest(id)).filter(|way| way.is_good(now)).cloned()
    }

    /// The next stage of a way that is still there.
    pub(crate) fn go_on(&self, id: &str, next: Way) -> bool {
        match self.lock().get_mut(&digest(id)) {
            Some(way) => {
                *way = next;
                true
            }
            None => false,
        }
    }

    /// Ends a way; whether it was there, so that it ends once.
    pub(crate) fn end(&self, id: &str) -> bool {
        self.lock().remove(&digest(id)).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Way>> {
        // Nothing under this lock can leave the map half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Way {
    fn is_good(&self, now: i64) -> bool {
        // A clock that was set back ends it, too.
        (0..LASTS).contains(&now.saturating_sub(self.began))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(name: &str, began: i64) -> Way {
        Way { stage: Stage::Code, name: name.into(), version: 1, began }
    }

    #[test]
    fn ways_end() {
        let ways = Ways::default();
        let id = ways.begin(way("a", 1_000)).unwrap();
        for (now, there) in [(999, false), (1_000, true), (1_599, true), (1_600, false)] {
            assert_eq!(ways.find(&id, now).is_some(), there, "{now}");
        }
        assert!(ways.find("", 1_000).is_none());
        assert!(ways.go_on(&id, Way { version: 2, ..way("a", 1_000) }));
        assert_eq!(ways.find(&id, 1_000).map(|way| way.version), Some(2));
        assert!(ways.end(&id) && !ways.end(&id) && !ways.go_on(&id, way("a", 1_000)));
    }

    #[test]
    fn memory_is_bounded() {
        let ways = Ways::default();
        let first = ways.begin(way("first", 0)).unwrap();
        for n in 1..=MOST as i64 {
            ways.begin(way("a", n.min(300))).unwrap();
        }
        assert_eq!(ways.lock().len(), MOST);
        assert!(ways.find(&first, 300).is_none());
    }
}
