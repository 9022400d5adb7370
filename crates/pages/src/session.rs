//! Sessions: in memory, short, known to the browser by 256 random bits.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};

/// How long a session lasts.
const LASTS: Duration = Duration::from_secs(12 * 3_600);
/// Sessions at the same moment; the oldest ends when one more begins. About 300 bytes each.
const MOST: usize = 1_024;

/// The `__Host-` prefix binds the cookie to this host, to HTTPS and to the whole site (RFC 6265bis 4.1.3.2).
const SECURE_NAME: &str = "__Host-overread";
const PLAIN_NAME: &str = "overread";

/// The sessions of one server.
#[derive(Default)]
pub struct Sessions {
    /// By SHA-256 of the identifier: what is looked up is not what a guess would have to hit.
    by_digest: Mutex<HashMap<[u8; 32], Session>>,
}

struct Session {
    /// SHA-256 of the token that it stands for.
    token: [u8; 32],
    began: Instant,
}

impl Sessions {
    /// Begins a session that stands for a token; the value is its identifier. None when the system gives no random numbers.
    pub fn begin(&self, token: [u8; 32]) -> Option<String> {
        let mut bits = [0; 32];
        getrandom::fill(&mut bits).ok()?;
        let id: String = bits.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut sessions = self.lock();
        sessions.retain(|_, session| session.began.elapsed() < LASTS);
        if sessions.len() >= MOST
            && let Some(oldest) = sessions.iter().min_by_key(|(_, s)| s.began).map(|(digest, _)| *digest)
        {
            sessions.remove(&oldest);
        }
        sessions.insert(digest(&id), Session { token, began: Instant::now() });
        Some(id)
    }

    /// The SHA-256 of the token that it stands for.
    pub fn find(&self, id: &str) -> Option<[u8; 32]> {
        let sessions = self.lock();
        let session = sessions.get(&digest(id))?;
        (session.began.elapsed() < LASTS).then_some(session.token)
    }

    /// Ends a session.
    pub fn end(&self, id: &str) {
        self.lock().remove(&digest(id));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Session>> {
        // Nothing under this lock can leave the map half changed.
        self.by_digest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The SHA-256 of a secret.
pub fn digest(id: &str) -> [u8; 32] {
    Sha256::digest(id.as_bytes()).into()
}

/// The session's identifier that a request carries.
pub fn id(headers: &HeaderMap, https: bool) -> Option<&str> {
    let wanted = name(https);
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies.flat_map(|line| line.split(';')).find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == wanted).then_some(value)
    })
}

/// The cookie that gives a browser its session, or takes it away when there is none.
pub fn cookie(id: Option<&str>, https: bool) -> Option<HeaderValue> {
    let (value, age) = id.map_or(("", 0), |id| (id, LASTS.as_secs()));
    let secure = if https { "; Secure" } else { "" };
    let name = name(https);
    HeaderValue::from_str(&format!(
        "{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}"
    ))
    .ok()
}

fn name(https: bool) -> &'static str {
    if https { SECURE_NAME } else { PLAIN_NAME }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_begin_and_end() {
        let sessions = Sessions::default();
        let one = sessions.begin([1; 32]).unwrap();
        let other = sessions.begin([2; 32]).unwrap();
        assert_eq!(one.len(), 64);
        assert_ne!(one, other);
        assert_eq!(sessions.find(&one), Some([1; 32]));
        sessions.end(&one);
        assert_eq!(sessions.find(&one), None);
        assert_eq!(sessions.find(&other), Some([2; 32]));
        assert_eq!(sessions.find(""), None);
    }

    #[test]
    fn the_oldest_gives_way() {
        let sessions = Sessions::default();
        let first = sessions.begin([1; 32]).unwrap();
        for _ in 0..MOST {
            sessions.begin([1; 32]).unwrap();
        }
        assert_eq!(sessions.lock().len(), MOST);
        assert_eq!(sessions.find(&first), None);
    }

    #[test]
    fn cookies() {
        for (line, https, expected) in [
            ("__Host-overread=abc", true, Some("abc")),
            ("a=b; __Host-overread=abc; c=d", true, Some("abc")),
            ("overread=abc", true, None),
            ("overread=abc", false, Some("abc")),
            ("x__Host-overread=abc", true, None),
            ("", true, None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(COOKIE, HeaderValue::from_str(line).unwrap());
            assert_eq!(id(&headers, https), expected, "{line}");
        }
        let given = cookie(Some("abc"), true).unwrap();
        assert_eq!(given, "__Host-overread=abc; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict; Secure");
        assert_eq!(cookie(None, false).unwrap(), "overread=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict");
    }
}
