//! Unique identifiers (PS3.5 section 9) as types: parsed once at the edge, plain `Copy` data below it.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

/// The longest UID, in characters (PS3.5 section 9).
pub const MAX_LENGTH: usize = 64;

/// A UID: 1 to 64 characters of `0-9` and `.`, no empty component.
///
/// Components with leading zeros are against PS3.5 section 9.1 but common in real studies, so they are accepted and
/// kept as they are: two texts that differ are two UIDs. Nothing but digits and dots is in it, so it may stand in a
/// file name or a URL as it is.
#[derive(Clone, Copy)]
pub struct Uid {
    length: u8,
    bytes: [u8; MAX_LENGTH],
}

impl Uid {
    /// Reads an element value of VR UI: the padding (NULs, and the spaces that some senders use) at its end is no part
    /// of the UID.
    ///
    /// # Errors
    /// [`UidError`], also when there are several values.
    pub fn from_value(bytes: &[u8]) -> Result<Uid, UidError> {
        let end = bytes.iter().rposition(|b| !matches!(b, 0 | b' ')).map_or(0, |last| last + 1);
        Uid::parse(bytes.get(..end).unwrap_or_default())
    }

    /// The UID as text.
    pub fn as_str(&self) -> &str {
        let text = self.bytes.get(..usize::from(self.length));
        text.and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }

    fn parse(text: &[u8]) -> Result<Uid, UidError> {
        if text.is_empty() {
            return Err(UidError::Empty);
        }
        if text.contains(&b'\\') {
            return Err(UidError::MultiValued);
        }
        if text.len() > MAX_LENGTH {
            return Err(UidError::TooLong(text.len()));
        }
        if let Some(at) = text.iter().position(|b| !matches!(b, b'0'..=b'9' | b'.')) {
            return Err(UidError::Character(at));
        }
        if text.split(|b| *b == b'.').any(<[u8]>::is_empty) {
            return Err(UidError::EmptyComponent);
        }
        let mut bytes = [0; MAX_LENGTH];
        for (to, from) in bytes.iter_mut().zip(text) {
            *to = *from;
        }
        Ok(Uid { length: text.len() as u8, bytes })
    }
}

impl FromStr for Uid {
    type Err = UidError;

    /// Takes the text as it is: nothing is trimmed.
    fn from_str(text: &str) -> Result<Uid, UidError> {
        Uid::parse(text.as_bytes())
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PartialEq for Uid {
    fn eq(&self, other: &Uid) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Uid {}

impl PartialOrd for Uid {
    fn partial_cmp(&self, other: &Uid) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Uid {
    fn cmp(&self, other: &Uid) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl std::hash::Hash for Uid {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl Borrow<str> for Uid {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Uid {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

/// Why a text is no UID. It never carries the text itself, which may be hostile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UidError {
    /// Nothing there.
    #[error("the UID is empty")]
    Empty,
    /// More than 64 characters.
    #[error("the UID has {0} characters, 64 are allowed")]
    TooLong(usize),
    /// Another character than digits and dots, at this byte.
    #[error("the UID has a character other than digits and dots at position {0}")]
    Character(usize),
    /// Two dots in a row, or one at an end.
    #[error("the UID has an empty component")]
    EmptyComponent,
    /// A backslash: several values where one is wanted.
    #[error("there are several UIDs where one is wanted")]
    MultiValued,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uid);

        impl $name {
            /// The same UID without its meaning.
            pub fn uid(&self) -> Uid {
                self.0
            }

            /// The UID as text.
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }

            /// Reads an element value: see [`Uid::from_value`].
            ///
            /// # Errors
            /// [`UidError`].
            pub fn from_value(bytes: &[u8]) -> Result<$name, UidError> {
                Uid::from_value(bytes).map($name)
            }
        }

        impl From<Uid> for $name {
            fn from(uid: Uid) -> $name {
                $name(uid)
            }
        }

        impl FromStr for $name {
            type Err = UidError;

            fn from_str(text: &str) -> Result<$name, UidError> {
                text.parse().map($name)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }
    )*};
}

kinds! {
    /// Study Instance UID (0020,000D).
    StudyUid;
    /// Series Instance UID (0020,000E).
    SeriesUid;
    /// SOP Instance UID (0008,0018).
    SopInstanceUid;
    /// SOP Class UID (0008,0016).
    SopClassUid;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, UidError>) {
        let parsed: Result<Uid, _> = text.parse();
        assert_eq!(parsed.as_ref().map(Uid::as_str), expected.as_ref().copied());
    }

    #[test]
    fn texts_become_uids_or_are_refused() {
        let longest = format!("1.{}", "2".repeat(62));
        let too_long = format!("1.{}", "2".repeat(63));
        check("1.2.840.10008.1.2", Ok("1.2.840.10008.1.2"));
        check("1.02.003", Ok("1.02.003"));
        check("0", Ok("0"));
        check(&longest, Ok(&longest));
        check(&too_long, Err(UidError::TooLong(65)));
        check("", Err(UidError::Empty));
        check(".", Err(UidError::EmptyComponent));
        check("1..2", Err(UidError::EmptyComponent));
        check("1.2.", Err(UidError::EmptyComponent));
        check(".1", Err(UidError::EmptyComponent));
        check("..", Err(UidError::EmptyComponent));
        check("../../etc/passwd", Err(UidError::Character(2)));
        check("1.2/3", Err(UidError::Character(3)));
        check("1.2\\1.3", Err(UidError::MultiValued));
        check("1.2\0", Err(UidError::Character(3)));
        check("1.2\r\n", Err(UidError::Character(3)));
        check(" 1.2", Err(UidError::Character(0)));
        check("1.2a", Err(UidError::Character(3)));
        check("1.２", Err(UidError::Character(2)));
    }

    #[test]
    fn values_lose_their_padding_and_nothing_else() {
        for (value, expected) in [
            (&b"1.2.3\0"[..], Ok("1.2.3")),
            (b"1.2.3 ", Ok("1.2.3")),
            (b"1.2.3 \0\0", Ok("1.2.3")),
            (b"1.2.3", Ok("1.2.3")),
            (b" 1.2.3", Err(UidError::Character(0))),
            (b"1.2\x001.3", Err(UidError::Character(3))),
            (b"\0", Err(UidError::Empty)),
            (b"", Err(UidError::Empty)),
            (b"1.2\\1.3", Err(UidError::MultiValued)),
            (b"\xff\xfe", Err(UidError::Character(0))),
        ] {
            let parsed = StudyUid::from_value(value);
            assert_eq!(parsed.as_ref().map(StudyUid::as_str), expected.as_ref().copied());
        }
    }

    #[test]
    fn order_and_equality_are_those_of_the_text() {
        let mut uids: Vec<Uid> =
            ["1.2.10", "1.2", "1.10", "1.2.9"].iter().map(|t| t.parse().expect("a UID")).collect();
        uids.sort();
        let texts: Vec<_> = uids.iter().map(Uid::as_str).collect();
        assert_eq!(texts, ["1.10", "1.2", "1.2.10", "1.2.9"]);
        assert_eq!(format!("{:>5}|{:?}", uids[1], uids[1]), "  1.2|1.2");
    }
}
