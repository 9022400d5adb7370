//! A file between the thread that reads it and the task that stores it.

use access::Principal;
use bytes::Bytes;
use tokio::sync::mpsc;

use crate::{Announced, Archive, StoreError, Stored};

/// A file, or what is said of one instead of handing it over.
pub enum Offer {
    /// A file to store.
    File(Source),
    /// Nothing to store.
    LeftOut {
        /// Which.
        what: String,
        /// Why.
        why: String,
    },
    /// It should have been offered, and could not.
    Unreadable {
        /// Which.
        what: String,
        /// Why.
        why: String,
    },
}

/// A file that is being read. Holds at most four pieces of 256 KiB.
pub struct Source {
    /// Its path, and its name within a ZIP.
    pub what: String,
    /// Whether it says that it is DICOM, or was asked for by its name: then it must not be left out quietly.
    pub expected: bool,
    /// Its bytes.
    pub pieces: mpsc::Receiver<Piece>,
}

/// A piece of a file.
pub enum Piece {
    /// Bytes.
    Bytes(Bytes),
    /// The file was read to its end.
    End,
    /// It cannot be read on.
    Broken(String),
}

/// Why a file was not stored.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The archive did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It could not be read to its end.
    #[error("{0}")]
    Broken(String),
}

impl Source {
    /// Stores the file; `from` says where it comes from, for people.
    ///
    /// # Errors
    /// [`SourceError`].
    pub async fn store(
        &mut self,
        archive: &Archive,
        who: &Principal,
        from: &str,
    ) -> Result<Stored, SourceError> {
        let mut incoming = archive.receive(who, Announced::file(from)).await?;
        while let Some(bytes) = self.next().await? {
            incoming.write(bytes).await?;
        }
        Ok(incoming.finish().await?)
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// [`SourceError::Broken`].
    pub async fn next(&mut self) -> Result<Option<Bytes>, SourceError> {
        match self.pieces.recv().await {
            Some(Piece::Bytes(bytes)) => Ok(Some(bytes)),
            Some(Piece::End) => Ok(None),
            Some(Piece::Broken(why)) => Err(SourceError::Broken(why)),
            None => Err(SourceError::cut_short()),
        }
    }
}

impl SourceError {
    /// Whoever read the file stopped without a word.
    pub fn cut_short() -> Self {
        SourceError::Broken("it could not be read to its end".to_owned())
    }
}
