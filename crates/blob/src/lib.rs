//! Where the bytes are kept: a spool that makes them durable with one flush, and plain files as their final home.
//!
//! This crate knows files, folders and checksums. It must not know DICOM, the index, or who asks: names come from layers
//! above, built from parsed UIDs, and are checked once more. Everything blocks unless it says `nowait`.
//!
//! # On disk
//! ```text
//! lock                                  held (flock) by the one process that owns the folder
//! spool/<00..0f>/<name>.dcm             received or being received; the name's last letter chooses the folder
//! studies/<study>/<series>/<instance>   placed: a hard link of the spool file, plain Part 10
//! quarantine/<name>.dcm, .txt           what failed a check, and why
//! removed/<name>                        records of what was decided about the blobs: written whole, never changed
//! ```
//! Each file of ours is a head of [`HEAD_LEN`] bytes and the data set. Offsets, lengths and checksums are the data set's.
//!
//! # From slot to shelf, and what a crash leaves
//! A *slot* is an empty spool file, made ahead: created, its folder flushed. An instance takes one, and its name never
//! changes. The bytes go behind the head, the head goes in last, one `fdatasync` makes all of it durable.
//!
//! | killed, or power cut, after | what the next start finds | and does |
//! |---|---|---|
//! | the slot was made | an empty file | removes it |
//! | some bytes came | a head of zeros | removes it |
//! | [`Incoming::seal`] | a head; after a power cut perhaps without its bytes | returns it as [`SpoolEntry`]: the caller compares length and digest, and quarantines what was torn, which was never acknowledged |
//! | [`Sealed::flush`] | head and bytes | returns it; the caller makes its row if a crash took that |
//! | [`Blobs::place`], in part or whole | the same, and perhaps its final name | returns it; placing again finds the link and is done |
//! | the row says durably that it is placed | the same | returns it; the caller unspools it |
//! | [`Blobs::unspool`] | the final name alone (or, after a power cut, still both) | as before |
//!
//! So the order for a caller is: `flush`, [`Sealed::keep`], commit the row, answer; later `place`, commit *placed* durably,
//! `unspool`. A file without a row costs a little work at the next start; a row without a file would be a loss.
//!
//! # When the disk fails
//! No flush is tried twice on the same file, because after a failure the kernel may drop the pages and report success
//! next time. A failed write or flush poisons the store: nothing new is taken and no flush believed until a probe file
//! can be written, flushed and removed, which is tried every [`Limits::probe_every`]. A full disk poisons nothing. Ingest
//! stops at a reserve ([`Room`]), so that placing, index and audit can go on, and resumes when there is room.

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
mod pool;
mod quarantine;
mod reader;
mod record;
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
