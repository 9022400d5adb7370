//! Where accounts, tokens, grants, AE titles and links are kept: the SQLite file `access.db` in the data folder.
//!
//! What it holds cannot be made again from the studies, so every change is on the disk before it is answered
//! (`synchronous=FULL`). The server and commands open it side by side; [`Register::change`] tells, without reading
//! a row, whether anybody else wrote. Of secrets it gets digests only, but for those of second factors: so the file is its
//! owner's alone. This crate must not know DICOM, nor any protocol.

mod credentials;
mod error;
mod forget;
mod hold;
mod links;
mod rows;
mod schema;
mod write;

pub use credentials::{Credentials, NewFactor, SetUp, Totp};
pub use error::RegisterError;
pub use hold::{Held, Hold};
pub use links::{Link, LinkKind, Maker, Opening, Tries, Try};
pub use rows::{Certificate, Everybody, Kind, Known, PasswordHash, Subject, TokenRow};
pub use schema::FILE;

use std::path::Path;

use rusqlite::Connection;

/// The open file. Not for several threads at once.
#[derive(Debug)]
pub struct Register {
    conn: Connection,
}

impl Register {
    /// Opens the file, making it when it is not there, and brings its schema up to this program's.
    ///
    /// # Errors
    /// When it is no file of ours, or of a newer version.
    pub fn open(path: &Path) -> Result<Self, RegisterError> {
        Ok(Self { conn: schema::open(path)? })
    }

    /// A number that is another one after each commit of others (`PRAGMA data_version`), not after own ones. Some 2 µs.
    /// Look before rows are read: a commit in between is then seen at the next look.
    ///
    /// # Errors
    /// [`RegisterError`].
    pub fn change(&self) -> Result<i64, RegisterError> {
        Ok(self.conn.pragma_query_value(None, "data_version", |row| row.get(0))?)
    }

    /// Everything that is known, from one moment.
    ///
    /// # Errors
    /// [`RegisterError`].
    pub fn everybody(&mut self) -> Result<Everybody, RegisterError> {
        let read = self.conn.unchecked_transaction()?;
        let everybody = rows::everybody(&read)?;
        read.commit()?;
        Ok(everybody)
    }

    /// Copies it as it is into a new file.
    ///
    /// # Errors
    /// When the file is there already, or cannot be written.
    pub fn backup(&self, to: &Path) -> Result<(), RegisterError> {
        let name = to.to_str().ok_or(RegisterError::Path)?;
        if to.exists() {
            return Err(RegisterError::Taken(name.to_owned()));
        }
        // SQLite writes into an empty file, which is its owner's alone from the first byte.
        schema::make_private(to).map_err(RegisterError::File)?;
        self.conn.execute("VACUUM INTO ?1", [name])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
