//! What a request is called, so that an answer, a row of the trail and a line of the log can be laid side by side.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

/// Longest name that is taken from a client.
const LONGEST: usize = 128;

/// A request's name, as `X-Request-Id` has it: its client's, or one that we made. It is no secret and proves nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId {
    name: Arc<str>,
    ours: bool,
}

impl RequestId {
    /// What the client calls its request, where that is one plain word of at most 128 characters.
    pub fn given(name: &[u8]) -> Option<Self> {
        let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-._:/+=".contains(b);
        let good = (1..=LONGEST).contains(&name.len()) && name.iter().all(plain);
        let name = std::str::from_utf8(name).ok().filter(|_| good)?;
        Some(Self { name: name.into(), ours: false })
    }

    /// A name that no other request of this server has: short enough to be said on the telephone.
    pub fn make() -> Self {
        static RUN: LazyLock<u32> = LazyLock::new(|| RandomState::new().hash_one("run") as u32);
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let name = format!("{:08x}-{:x}", *RUN, NEXT.fetch_add(1, Ordering::Relaxed));
        Self { name: name.into(), ours: true }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// What of it may stand in a log, where no word of a client's own choice may: all, or that the client chose it.
    pub fn for_log(&self) -> &str {
        if self.ours { &self.name } else { "client's own" }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_taken() {
        let long = "x".repeat(LONGEST + 1);
        for (given, taken) in [
            ("0b5c-42", true),
            ("urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", true),
            (&long[1..], true),
            (&long, false),
            ("", false),
            ("a b", false),
            ("<script>", false),
            ("DOE^JANE", false),
        ] {
            assert_eq!(RequestId::given(given.as_bytes()).is_some(), taken, "{given:?}");
        }
        let given = RequestId::given(b"JANE").unwrap();
        assert_eq!((given.as_str(), given.for_log()), ("JANE", "client's own"));
    }

    #[test]
    fn made_names_are_taken_and_differ() {
        let (one, other) = (RequestId::make(), RequestId::make());
        assert_ne!(one, other);
        assert_eq!(one.for_log(), one.as_str());
        assert_eq!(RequestId::given(one.as_str().as_bytes()).unwrap().as_str(), one.as_str());
    }
}
