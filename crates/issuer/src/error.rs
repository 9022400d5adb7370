//! Why a provider gave nothing that counts.

use oidc::{Fault, KeysError, MetadataError};

/// A provider that cannot be asked, or whose answer is none.
#[derive(Debug, thiserror::Error)]
pub enum Unreachable {
    /// An address that is not asked: no https, a user in it, no host.
    #[error("{0} is no address that is asked")]
    Address(String),
    /// The connection failed, or ended.
    #[error("the provider cannot be reached: {0}")]
    Io(#[from] std::io::Error),
    /// The connection's HTTP failed.
    #[error("the provider cannot be reached: {0}")]
    Http(#[from] hyper::Error),
    /// It takes too long.
    #[error("the provider takes longer than 10 s")]
    Late,
    /// Too much of it.
    #[error("the provider's answer is longer than 256 KiB, or broke off")]
    Long,
    /// Not 200. A redirection is none: nobody is led elsewhere.
    #[error("the provider answers {0}")]
    Status(http::StatusCode),
    /// It was asked a moment ago.
    #[error("the provider could not be asked a moment ago")]
    Waiting,
    /// Its metadata.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// Its keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// It lets nobody sign in by code.
    #[error("the provider's metadata has no {0}")]
    Lacks(&'static str),
    /// Redeeming a code gave no tokens.
    #[error("the provider's answer to a code cannot be read")]
    Answer,
}

/// Why a token does not count.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is not good.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// It cannot be known whether it is.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
}
