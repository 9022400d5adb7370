//! What became of one file.

use serde::{Deserialize, Serialize};

use super::SourceError;
use crate::{Outcome, StoreError, StoreErrorKind, Stored};

/// What became of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// A new instance.
    Stored {
        /// Bytes of its data set.
        bytes: u64,
    },
    /// The same bytes were here.
    Same,
    /// Other bytes were here under its UID.
    Version {
        /// It is kept as this one.
        number: u32,
    },
    /// Its beginning is no DICOM.
    NotDicom {
        /// Why.
        why: String,
    },
    /// It is DICOM, and was not stored.
    Refused {
        /// Why.
        why: String,
    },
    /// Nothing can be stored at the moment; the next file would fare no better.
    Stopped {
        /// Why.
        why: String,
    },
}

impl Verdict {
    /// The verdict of the archive.
    pub fn of(stored: &Result<Stored, SourceError>) -> Self {
        match stored {
            Ok(stored) => match stored.outcome() {
                Outcome::New => Verdict::Stored { bytes: stored.length() },
                Outcome::Same => Verdict::Same,
                Outcome::NewVersion(number) => Verdict::Version { number },
            },
            Err(SourceError::Broken(why)) => Verdict::Refused { why: why.clone() },
            Err(SourceError::Store(error)) => Self::of_error(error),
        }
    }

    /// The same of a file that must not be left out quietly, because it says that it is DICOM or was asked for by name.
    pub fn expected(self, expected: bool) -> Self {
        match self {
            Verdict::NotDicom { why } if expected => Verdict::Refused { why },
            other => other,
        }
    }

    fn of_error(error: &StoreError) -> Self {
        if let StoreError::Head(head) = error {
            return Verdict::NotDicom { why: head.to_string() };
        }
        let why = error.to_string();
        match error.kind() {
            StoreErrorKind::NoSpace | StoreErrorKind::Unavailable | StoreErrorKind::Denied => {
                Verdict::Stopped { why }
            }
            StoreErrorKind::CannotUnderstand
            | StoreErrorKind::Mismatch
            | StoreErrorKind::OtherStudy
            | StoreErrorKind::Class
            | StoreErrorKind::Syntax
            | StoreErrorKind::TooLarge => Verdict::Refused { why },
        }
    }
}
