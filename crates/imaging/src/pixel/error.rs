//! Why the samples of a frame cannot be had.

use codec::CodecError;
use serde::{Deserialize, Serialize};

/// Why a frame cannot be decoded, converted or encoded. The texts are for people: no patient data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum PixelError {
    /// The data set's Image Pixel attributes are missing or contradict each other (422).
    #[error("{0}")]
    Format(String),
    /// The frame's bytes break their own standard, or end too early (422).
    #[error("{0}")]
    Malformed(String),
    /// The frame's bytes describe another image than the data set does (422).
    #[error("{0}")]
    Mismatch(String),
    /// Nothing here can read or write this (406).
    #[error("{0}")]
    Unsupported(String),
    /// Decoded it would take more bytes than are allowed (413).
    #[error("the decoded frame would be larger than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
}

impl From<CodecError> for PixelError {
    fn from(error: CodecError) -> Self {
        match error {
            CodecError::Malformed(text) => Self::Malformed(text),
            CodecError::Unsupported(text) => Self::Unsupported(text),
            CodecError::TooLarge { limit } => Self::TooLarge { limit },
        }
    }
}
