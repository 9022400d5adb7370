//! What can go wrong with the register.

/// Why the register cannot answer.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// Somebody of this kind has the name already.
    #[error("{0} is known already")]
    Taken(String),
    /// Somebody else is linked to the provider's subject already.
    #[error("{0} is linked to this subject already")]
    Linked(String),
    /// Nobody of this kind has the name.
    #[error("{0} is not known")]
    Unknown(String),
    /// A principal has as many grants as it may have.
    #[error("a principal has at most {0} grants")]
    TooMany(i64),
    /// Somebody has as many links as one may have.
    #[error("one has at most {0} links that have not ended")]
    TooManyLinks(i64),
    /// No link has this number.
    #[error("there is no link {0}")]
    UnknownLink(i64),
    /// There is no such legal hold.
    #[error("there is no hold {0}")]
    NoHold(i64),
    /// As many holds stand as may.
    #[error("at most {0} holds stand at a time")]
    TooManyHolds(i64),
    /// Somebody reads an old state of it.
    #[error("the access register is being read")]
    Busy,
    /// Written by a newer program.
    #[error("the access register has schema {found}, this program knows {known}")]
    Newer {
        /// Of the file.
        found: i64,
        /// Of this program.
        known: i64,
    },
    /// Another program's file.
    #[error("the file is another program's database")]
    Foreign,
    /// A row that this program did not write so.
    #[error("the access register is damaged: {0}")]
    Corrupt(&'static str),
    /// The file cannot be made, or not be made its owner's alone.
    #[error("the access register: {0}")]
    File(std::io::Error),
    /// A path that SQLite cannot take.
    #[error("the path is not UTF-8")]
    Path,
    /// The engine failed.
    #[error("the access register: {0}")]
    Engine(#[from] rusqlite::Error),
}
