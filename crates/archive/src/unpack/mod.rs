//! Files that wait on a medium or in a ZIP: read one after the other by a thread of their own, handed piece by piece to
//! whoever stores them, with a verdict for each.
//!
//! One file is read at a time, so that a CD's head does not jump; those before it are flushed meanwhile.

mod budget;
mod feed;
mod source;
mod verdict;

pub use feed::{ENTRIES, Gone, is_directory, is_zip, offer_file, offer_zip, say_unreadable};
pub use source::{Offer, Piece, Source, SourceError};
pub use verdict::Verdict;
