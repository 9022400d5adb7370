//! The organisation that holds a study here.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The name of a custodian: 1 to 64 characters of `a-z`, `0-9` and `-`.
///
/// The same study from two custodians is two holdings; neither sees, counts or is told of the other's.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CustodianId(Arc<str>);

impl CustodianId {
    /// The custodian of the embedded default.
    pub fn local() -> Self {
        Self(Arc::from("local"))
    }

    /// The name as text; safe in file names and logs.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CustodianId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no custodian's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a custodian's name has 1 to 64 characters of a-z, 0-9 and '-'; {0:?} has not")]
pub struct CustodianIdError(String);

impl FromStr for CustodianId {
    type Err = CustodianIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !fits {
            return Err(CustodianIdError(text.chars().take(80).collect()));
        }
        Ok(Self(Arc::from(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let long = "a".repeat(65);
        for (text, fits) in [
            ("local", true),
            ("clinic-7", true),
            ("", false),
            ("Local", false),
            ("a/b", false),
            ("../x", false),
            (long.as_str(), false),
        ] {
            assert_eq!(text.parse::<CustodianId>().is_ok(), fits, "{text}");
        }
    }
}
