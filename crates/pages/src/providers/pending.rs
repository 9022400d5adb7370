//! Logins that began and did not end yet, and what signing out shows again. In memory, bounded, short.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use identity::{Digest, IdentityError, digest, random};

use super::TAKES;

/// Logins at the same moment; some 400 bytes each.
const MOST: usize = 4_096;
/// Sessions whose ID token is kept; at most 8 KiB each.
const MOST_KEPT: usize = 1_024;

/// What a provider is asked with: 256 random bits each, for one login alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What the browser brings back.
    pub state: String,
    /// What the ID token must say.
    pub nonce: String,
    /// What redeeming the code takes (RFC 7636).
    pub verifier: String,
}

/// The logins of one server.
#[derive(Default)]
pub struct Logins {
    /// By the SHA-256 of their state.
    pending: Mutex<HashMap<Digest, Pending>>,
    /// ID tokens, by the SHA-256 of the session's identifier.
    kept: Mutex<HashMap<Digest, Kept>>,
}

struct Pending {
    provider: usize,
    asked: Asked,
    /// SHA-256 of the browser's cookie.
    browser: Digest,
    began: Instant,
}

struct Kept {
    provider: usize,
    id_token: String,
    began: Instant,
}

impl Logins {
    /// Begins a login; what is asked, and the cookie's value for the browser that it began in.
    ///
    /// # Errors
    /// [`IdentityError::Random`].
    pub fn begin(&self, provider: usize, now: Instant) -> Result<(Asked, String), IdentityError> {
        let asked = Asked { state: random()?, nonce: random()?, verifier: random()? };
        let browser = random()?;
        let mut pending = lock(&self.pending);
        pending.retain(|_, one| now.saturating_duration_since(one.began) < TAKES);
        make_room(&mut pending, MOST, |one| one.began);
        let one = Pending { provider, asked: asked.clone(), browser: digest(&browser), began: now };
        pending.insert(digest(&asked.state), one);
        Ok((asked, browser))
    }

    /// Ends the login of this state; which provider was asked, and with what, if it began in this browser and not too long ago.
    pub fn take(&self, state: &str, browser: &str, now: Instant) -> Option<(usize, Asked)> {
        let one = lock(&self.pending).remove(&digest(state))?;
        let good = one.browser == digest(browser) && now.saturating_duration_since(one.began) < TAKES;
        good.then_some((one.provider, one.asked))
    }

    /// Keeps what signing out of the provider will show.
    pub fn came(&self, session: &str, provider: usize, id_token: String) {
        let mut kept = lock(&self.kept);
        make_room(&mut kept, MOST_KEPT, |one| one.began);
        kept.insert(digest(session), Kept { provider, id_token, began: Instant::now() });
    }

    /// What signing out of the provider shows; kept no longer.
    pub fn went(&self, session: &str) -> Option<(usize, String)> {
        lock(&self.kept).remove(&digest(session)).map(|one| (one.provider, one.id_token))
    }
}

/// The oldest goes when there is no room for one more.
fn make_room<K: Copy + Eq + Hash, V>(map: &mut HashMap<K, V>, most: usize, began: impl Fn(&V) -> Instant) {
    if map.len() >= most
        && let Some(oldest) = map.iter().min_by_key(|(_, one)| began(one)).map(|(key, _)| *key)
    {
        map.remove(&oldest);
    }
}

fn lock<T>(map: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing under this lock can leave the map half changed.
    map.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AUTH-010: once, in the browser that it began in, within ten minutes.
    #[test]
    fn logins_end_where_they_began() {
        let (logins, now) = (Logins::default(), Instant::now());
        let begin = || logins.begin(1, now).unwrap();
        let (asked, browser) = begin();
        assert_eq!((asked.state.len(), asked.verifier.len()), (64, 64));
        assert_eq!(logins.take(&asked.state, &browser, now), Some((1, asked.clone())));
        assert_eq!(logins.take(&asked.state, &browser, now), None, "not again");
        let ((asked, browser), (other, others)) = (begin(), begin());
        assert_eq!(logins.take(&asked.state, &others, now), None, "another browser");
        assert_eq!(logins.take(&asked.state, &browser, now), None, "one try");
        assert_eq!(logins.take(&other.state, "", now), None);
        let (asked, browser) = begin();
        assert_eq!(logins.take(&asked.state, &browser, now + TAKES), None, "too late");
    }

    #[test]
    fn memory_is_bounded() {
        let (logins, now) = (Logins::default(), Instant::now());
        let (first, browser) = logins.begin(0, now).unwrap();
        for _ in 0..MOST {
            logins.begin(0, now + TAKES / 2).unwrap();
        }
        assert_eq!(lock(&logins.pending).len(), MOST);
        assert_eq!(logins.take(&first.state, &browser, now), None, "the oldest gave way");
        for session in 0..MOST_KEPT + 5 {
            logins.came(&session.to_string(), 0, "t".into());
        }
        assert_eq!(lock(&logins.kept).len(), MOST_KEPT);
        assert_eq!(logins.went(&MOST_KEPT.to_string()), Some((0, "t".to_owned())));
        assert_eq!(logins.went(&MOST_KEPT.to_string()), None);
    }
}
