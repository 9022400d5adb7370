//! The boundary parameter of a multipart media type.

use std::fmt;

/// A boundary of 1 to 70 characters as RFC 2046 5.1.1 allows them; it cannot end with a space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boundary(Box<str>);

/// Why a text cannot be a boundary.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BoundaryError {
    /// There is none, or it is empty.
    #[error("the boundary parameter is missing or empty")]
    Missing,
    /// Longer than 70 characters.
    #[error("the boundary has {0} characters, 70 are allowed")]
    TooLong(usize),
    /// A character that no boundary may have, or a space at its end.
    #[error("the boundary has the character {0:?}, which is not allowed there")]
    Character(char),
}

impl Boundary {
    /// Takes the (unquoted) value of a `boundary` parameter.
    ///
    /// # Errors
    /// [`BoundaryError`] when RFC 2046 does not allow it.
    pub fn new(text: &str) -> Result<Self, BoundaryError> {
        if text.is_empty() {
            return Err(BoundaryError::Missing);
        }
        if let Some(bad) = text.chars().find(|c| !allowed(*c)) {
            return Err(BoundaryError::Character(bad));
        }
        if text.len() > 70 {
            return Err(BoundaryError::TooLong(text.len()));
        }
        if text.ends_with(' ') {
            return Err(BoundaryError::Character(' '));
        }
        Ok(Self(text.into()))
    }

    /// A boundary for a body of our own, from 128 random bits: no stored bytes can have been made to contain it.
    pub fn from_random(bits: u128) -> Self {
        Self(format!("overread-{bits:032x}").into())
    }

    /// The boundary without its leading hyphens.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || "'()+_,-./:=? ".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stow_007_boundaries() {
        let seventy = "b".repeat(70);
        let more = "b".repeat(71);
        for (text, expected) in [
            ("a", Ok(())),
            ("----WebKitFormBoundary7MA4YWxkTrZu0gW", Ok(())),
            ("=_Part 1'()+_,-./:=?x", Ok(())),
            (seventy.as_str(), Ok(())),
            ("", Err(BoundaryError::Missing)),
            (more.as_str(), Err(BoundaryError::TooLong(71))),
            ("a ", Err(BoundaryError::Character(' '))),
            ("a\r\nb", Err(BoundaryError::Character('\r'))),
            ("a\"b", Err(BoundaryError::Character('"'))),
            ("ü", Err(BoundaryError::Character('ü'))),
        ] {
            assert_eq!(Boundary::new(text).map(|_| ()), expected, "{text:?}");
        }
    }

    #[test]
    fn our_own_is_a_boundary() {
        for bits in [0, 7, u128::MAX] {
            let ours = Boundary::from_random(bits);
            assert_eq!(Boundary::new(ours.as_str()).as_ref(), Ok(&ours));
        }
    }
}
