//! What became of one file.

use archive::{Outcome, StoreError, StoreErrorKind, Stored};
use serde::{Deserialize, Serialize};

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
    pub fn of(stored: Result<Stored, StoreError>) -> Self {
        match stored {
            Ok(stored) => match stored.outcome() {
                Outcome::New => Verdict::Stored { bytes: stored.length() },
                Outcome::Same => Verdict::Same,
                Outcome::NewVersion(number) => Verdict::Version { number },
            },
            Err(error) => Self::of_error(&error),
        }
    }

    /// A file that could not be read to its end.
    pub fn abandoned() -> Self {
        Verdict::Refused { why: "it could not be read to its end".to_owned() }
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
