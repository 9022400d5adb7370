//! Sessions: in memory, bounded, known to the browser by 256 random bits. A restart ends them all.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::{Digest, IdentityError, digest, random};

/// Sessions at the same moment; some 300 bytes each.
const MOST: usize = 4_096;
/// Sessions of one standing, so that nobody's many push others' out.
const MOST_EACH: usize = 64;

/// Whom a session stands for. It holds no right: [`crate::Recogniser::stands`] says at each request what it is worth.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// The holder of a token, by its digest (the administrator's file token included).
    Token(Digest),
    /// An account that came in with its password and second factor, or from an OIDC issuer.
    Account {
        /// Its name.
        name: String,
        /// Its credential version: a changed password, a reset factor or "sign out everywhere" ends the session.
        version: i64,
    },
    /// A share or upload link, by its digest.
    Link(Digest),
}

/// How long sessions last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lasts {
    /// Without a request.
    pub idle: Duration,
    /// From the beginning, whatever is asked meanwhile.
    pub whole: Duration,
}

impl Default for Lasts {
    /// Half an hour without a request, twelve hours at most.
    fn default() -> Self {
        Self { idle: Duration::from_secs(30 * 60), whole: Duration::from_secs(12 * 3_600) }
    }
}

/// What is left of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// When nothing is asked.
    pub idle: Duration,
    /// Whatever is asked.
    pub whole: Duration,
}

/// The sessions of one server. Moments are of a clock that only goes forward.
#[derive(Debug, Default)]
pub struct Sessions {
    lasts: Lasts,
    /// By SHA-256 of the identifier: what is looked up is not what a guess would have to hit.
    by_digest: Mutex<HashMap<Digest, Session>>,
}

#[derive(Debug)]
struct Session {
    standing: Standing,
    began: Instant,
    used: Instant,
}

impl Sessions {
    /// No session yet.
    pub fn new(lasts: Lasts) -> Self {
        Self { lasts, by_digest: Mutex::default() }
    }

    /// How long they last.
    pub fn lasts(&self) -> Lasts {
        self.lasts
    }

    /// Begins a session; the value is its identifier. When there are too many, the one that was idle longest ends: of
    /// this standing's own, then of all.
    ///
    /// # Errors
    /// [`IdentityError::Random`].
    pub fn begin(&self, standing: Standing, now: Instant) -> Result<String, IdentityError> {
        let id = random()?;
        let mut sessions = self.lock();
        sessions.retain(|_, session| session.is_good(self.lasts, now));
        if sessions.values().filter(|session| session.standing == standing).count() >= MOST_EACH {
            remove_idlest(&mut sessions, |session| session.standing == standing);
        }
        if sessions.len() >= MOST {
            remove_idlest(&mut sessions, |_| true);
        }
        sessions.insert(digest(&id), Session { standing, began: now, used: now });
        Ok(id)
    }

    /// For whom the session of this identifier stands. Looking is using: it is idle from now on.
    pub fn find(&self, id: &str, now: Instant) -> Option<Standing> {
        let mut sessions = self.lock();
        let session = sessions.get_mut(&digest(id)).filter(|session| session.is_good(self.lasts, now))?;
        session.used = session.used.max(now);
        Some(session.standing.clone())
    }

    /// What is left of the session of this identifier. Asking is not using.
    pub fn left(&self, id: &str, now: Instant) -> Option<Left> {
        let sessions = self.lock();
        let session = sessions.get(&digest(id)).filter(|session| session.is_good(self.lasts, now))?;
        let until = |then, lasts: Duration| lasts.saturating_sub(now.saturating_duration_since(then));
        Some(Left {
            idle: until(session.used, self.lasts.idle),
            whole: until(session.began, self.lasts.whole),
        })
    }

    /// Ends a session.
    pub fn end(&self, id: &str) {
        self.lock().remove(&digest(id));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Session>> {
        // Nothing under this lock can leave the map half changed.
        self.by_digest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    fn is_good(&self, lasts: Lasts, now: Instant) -> bool {
        let since = |then| now.saturating_duration_since(then);
        since(self.began) < lasts.whole && since(self.used) < lasts.idle
    }
}

fn remove_idlest(sessions: &mut HashMap<Digest, Session>, among: impl Fn(&Session) -> bool) {
    let candidates = sessions.iter().filter(|(_, session)| among(session));
    if let Some(idlest) = candidates.min_by_key(|(_, session)| session.used).map(|(digest, _)| *digest) {
        sessions.remove(&idlest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str) -> Standing {
        Standing::Account { name: name.to_owned(), version: 1 }
    }

    #[test]
    fn sessions_begin_and_end() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let one = sessions.begin(Standing::Token([1; 32]), now).unwrap();
        let other = sessions.begin(account("a"), now).unwrap();
        assert_eq!(one.len(), 64);
        assert_ne!(one, other);
        assert_eq!(sessions.find(&one, now), Some(Standing::Token([1; 32])));
        sessions.end(&one);
        assert_eq!(sessions.find(&one, now), None);
        assert_eq!(sessions.find(&other, now), Some(account("a")));
        assert_eq!(sessions.find("", now), None);
    }

    #[test]
    fn idle_and_whole_lives() {
        let start = Instant::now();
        let minutes = |minutes: u64| start + Duration::from_secs(60 * minutes);
        let lasts = Lasts { idle: Duration::from_secs(30 * 60), whole: Duration::from_secs(60 * 60) };
        for (asked_at, still_there) in [
            (&[29][..], true),
            (&[30], false),
            (&[29, 58], true),
            (&[29, 59], false),
            (&[20, 40, 59], true),
            (&[20, 40, 60], false),
        ] {
            let sessions = Sessions::new(lasts);
            let id = sessions.begin(account("a"), start).unwrap();
            let found: Vec<_> =
                asked_at.iter().map(|at| sessions.find(&id, minutes(*at)).is_some()).collect();
            assert_eq!(found.last(), Some(&still_there), "{asked_at:?}");
        }
    }

    #[test]
    fn what_is_left() {
        let start = Instant::now();
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        let sessions = Sessions::new(Lasts { idle: minutes(30), whole: minutes(60) });
        let id = sessions.begin(account("a"), start).unwrap();
        for (asked, used, idle, whole) in
            [(10, false, 20, 50), (20, false, 10, 40), (20, true, 30, 40), (45, false, 5, 15)]
        {
            let now = start + minutes(asked);
            if used {
                sessions.find(&id, now);
            }
            let left = Left { idle: minutes(idle), whole: minutes(whole) };
            assert_eq!(sessions.left(&id, now), Some(left), "after {asked} minutes");
        }
        assert_eq!(sessions.left(&id, start + minutes(50)), None);
        assert_eq!(sessions.left("", start), None);
    }

    #[test]
    fn the_idlest_gives_way() {
        let (sessions, start) = (Sessions::default(), Instant::now());
        let at = |n: usize| start + Duration::from_millis(n as u64);
        let mine = sessions.begin(account("mine"), start).unwrap();
        let first = sessions.begin(account("a"), start).unwrap();
        let second = sessions.begin(account("a"), at(1)).unwrap();
        assert!(sessions.find(&first, at(2)).is_some(), "so the second is idler");
        for n in 2..=MOST_EACH {
            sessions.begin(account("a"), at(n)).unwrap();
        }
        assert_eq!(sessions.lock().len(), 1 + MOST_EACH);
        assert_eq!(sessions.find(&second, at(100)), None);
        assert!(sessions.find(&mine, at(100)).is_some() && sessions.find(&first, at(100)).is_some());
        for n in 0..MOST {
            sessions.begin(account(&n.to_string()), at(200 + n)).unwrap();
        }
        assert_eq!(sessions.lock().len(), MOST);
        assert_eq!(sessions.find(&mine, at(9_000)), None);
    }
}
