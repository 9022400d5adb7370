//! Why the archive said no, by who is at fault. The edges turn a kind into their status.

use access::Denied;
use blob::BlobError;
use index::IndexError;
use model::part10::HeadError;
use model::scan::ScanError;

use crate::parse::Unfit;

/// Why an instance was not stored.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The principal may not store.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The disk is full, or below the reserve that keeps index and audit going.
    #[error("no space: {0}")]
    NoSpace(String),
    /// Disk or index failed; nothing is known to be kept.
    #[error("storage failed: {0}")]
    Storage(String),
    /// No Part 10 file and no data set.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// The data set breaks off or contradicts itself.
    #[error("the data set cannot be read: {0}")]
    DataSet(#[from] ScanError),
    /// An attribute that identifies the instance is missing or is no UID.
    #[error("{name} {problem}")]
    Identity {
        /// Its keyword.
        name: &'static str,
        /// "is missing", "is no UID" ...
        problem: String,
    },
    /// What was announced is not what came.
    #[error("{name} is {found} in the data set but {announced} was announced")]
    Mismatch {
        /// The attribute's keyword.
        name: &'static str,
        /// In the data set.
        found: String,
        /// In the command or file meta information.
        announced: String,
    },
    /// The instance belongs to another study than the request's.
    #[error("the instance belongs to study {found}, the request is for {wanted}")]
    OtherStudy {
        /// In the data set.
        found: String,
        /// In the request.
        wanted: String,
    },
    /// Not a class that is stored here.
    #[error("SOP class {0} is not stored here")]
    Class(String),
    /// Not a transfer syntax that is stored here.
    #[error("transfer syntax {0} is not stored here")]
    Syntax(String),
    /// Larger than the limit.
    #[error("the instance is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// Its attributes without pixel data are larger than the limit.
    #[error("the instance's attributes take more than {limit} bytes")]
    TooManyAttributes {
        /// The limit in bytes.
        limit: u64,
    },
}

/// The kinds of [`StoreError`] that the protocols tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoreErrorKind {
    /// Refused: not authorised (0124H).
    Denied,
    /// Refused: out of resources (A700H, 507).
    NoSpace,
    /// Refused: storage failed or is being checked (A700H, 503).
    Unavailable,
    /// Cannot understand (C000H).
    CannotUnderstand,
    /// Data set does not match SOP Class or what was announced (A900H).
    Mismatch,
    /// Another study than the request's (A901H over STOW).
    OtherStudy,
    /// SOP Class not supported (0122H).
    Class,
    /// Transfer syntax not supported (C122H over STOW).
    Syntax,
    /// Over a size limit (A700H, 413).
    TooLarge,
}

impl StoreError {
    /// The kind, for the status.
    pub fn kind(&self) -> StoreErrorKind {
        match self {
            StoreError::Denied(_) => StoreErrorKind::Denied,
            StoreError::NoSpace(_) => StoreErrorKind::NoSpace,
            StoreError::Storage(_) => StoreErrorKind::Unavailable,
            StoreError::Head(_) | StoreError::DataSet(_) | StoreError::Identity { .. } => {
                StoreErrorKind::CannotUnderstand
            }
            StoreError::Mismatch { .. } => StoreErrorKind::Mismatch,
            StoreError::OtherStudy { .. } => StoreErrorKind::OtherStudy,
            StoreError::Class(_) => StoreErrorKind::Class,
            StoreError::Syntax(_) => StoreErrorKind::Syntax,
            StoreError::TooLarge { .. } | StoreError::TooManyAttributes { .. } => StoreErrorKind::TooLarge,
        }
    }
}

impl From<Unfit> for StoreError {
    fn from(error: Unfit) -> Self {
        match error {
            Unfit::DataSet(error) => StoreError::DataSet(error),
            Unfit::TooManyAttributes { limit } => StoreError::TooManyAttributes { limit: limit as u64 },
        }
    }
}

impl From<BlobError> for StoreError {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::NoSpace { .. } => StoreError::NoSpace(error.to_string()),
            other => StoreError::Storage(other.to_string()),
        }
    }
}

impl From<IndexError> for StoreError {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::NoSpace(text) => StoreError::NoSpace(text),
            other => StoreError::Storage(other.to_string()),
        }
    }
}

/// Why something was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The principal may not read.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Nothing of that name within the principal's scope.
    #[error("there is no such {0} here")]
    NotFound(&'static str),
    /// It was here, and was deleted or is hidden by a rejection note.
    #[error("this {0} was deleted")]
    Gone(&'static str),
    /// A legal hold of this number is on it.
    #[error("legal hold {0} keeps it: it cannot be deleted until that hold is released")]
    Held(i64),
    /// A frame that the instance says it has, but whose bytes are not there or cannot be told apart.
    #[error("{0}")]
    Unprocessable(String),
    /// There, but in a form that nothing here can read or write.
    #[error("{0}")]
    Unsupported(String),
    /// There, but larger in the form asked for than may be given.
    #[error("{0}")]
    TooLarge(String),
    /// Too many ask for decoded images at this moment.
    #[error("{0}")]
    Busy(String),
    /// Something of it was deleted between two pages: what was given is not all of it.
    #[error("something of this {0} was deleted while it was read")]
    Changed(&'static str),
    /// A parameter that no value fits.
    #[error("{0}")]
    BadRequest(String),
    /// The bytes on disk are not those that were stored; nothing of them was sent.
    #[error("stored bytes are damaged: {0}")]
    Damaged(String),
    /// Disk or index failed.
    #[error("storage failed: {0}")]
    Storage(String),
}

/// The kinds of [`ReadError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReadErrorKind {
    /// Not authorised.
    Denied,
    /// Unknown, or foreign.
    NotFound,
    /// It was here (410).
    Gone,
    /// It must not be deleted (409).
    Held,
    /// There, but cannot be given in this form (422).
    Unprocessable,
    /// There, but not in this form (406).
    Unsupported,
    /// Too large in this form (413).
    TooLarge,
    /// Try again in a moment (503).
    Busy,
    /// The request is wrong (400).
    BadRequest,
    /// Bit rot (500, commitment 0110H).
    Damaged,
    /// Try again later (503).
    Unavailable,
}

impl ReadError {
    /// The kind, for the status.
    pub fn kind(&self) -> ReadErrorKind {
        match self {
            ReadError::Denied(_) => ReadErrorKind::Denied,
            ReadError::NotFound(_) => ReadErrorKind::NotFound,
            ReadError::Gone(_) => ReadErrorKind::Gone,
            ReadError::Held(_) => ReadErrorKind::Held,
            ReadError::Unprocessable(_) => ReadErrorKind::Unprocessable,
            ReadError::Unsupported(_) => ReadErrorKind::Unsupported,
            ReadError::TooLarge(_) => ReadErrorKind::TooLarge,
            ReadError::Busy(_) | ReadError::Changed(_) => ReadErrorKind::Busy,
            ReadError::BadRequest(_) => ReadErrorKind::BadRequest,
            ReadError::Damaged(_) => ReadErrorKind::Damaged,
            ReadError::Storage(_) => ReadErrorKind::Unavailable,
        }
    }
}

impl From<BlobError> for ReadError {
    fn from(error: BlobError) -> Self {
        ReadError::Storage(error.to_string())
    }
}

impl From<IndexError> for ReadError {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::TooBroad => ReadError::TooLarge(
                "the search looks at more than there is time for; ask for fewer dates, or for an indexed attribute"
                    .into(),
            ),
            other => ReadError::Storage(other.to_string()),
        }
    }
}
