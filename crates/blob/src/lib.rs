//! Where the bytes are kept: a spool that makes them durable with one flush, and plain files as their final home.
//!
//! This crate knows files, folders and checksums. It must not know DICOM, the index, or who asks.

mod backlog;
mod behind;
mod blobs;
mod disk;
mod error;
mod folder;
mod health;
mod incoming;
mod limits;
mod lock;
mod name;
mod open;
mod quarantine;
mod reader;
mod room;
mod shelf;
mod slots;
mod spool;
mod sums;
mod walk;

pub use blobs::{Blobs, Place};
pub use error::{BlobError, ErrorKind};
pub use folder::Folder;
pub use incoming::{Incoming, Sealed};
pub use limits::Limits;
pub use open::SpoolEntry;
pub use reader::Reader;
pub use room::Room;
pub use shelf::{Placing, Shelf, Unplaced, Walk};
pub use sums::{BadChunk, Summed, Sums, aligned, verify};

/// Bytes of the head of every file of ours: preamble, `DICM` and file meta. The data set begins behind it.
pub const HEAD_LEN: u64 = 1_024;

/// Bytes of the data set that one CRC32C covers; chunk 0 begins at the first byte of the data set.
pub const CHUNK: u64 = 65_536;
