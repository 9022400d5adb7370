//! The head of a file (PS3.10 section 7): preamble, `DICM` and the File Meta Information of group 0002.

mod error;
mod meta;
mod read;
mod write;

pub use error::HeadError;
pub use meta::FileMeta;
pub use read::{Head, LIMIT, read_head};
pub use write::{IMPLEMENTATION_CLASS, IMPLEMENTATION_VERSION, NewMeta, PRIVATE_CREATOR, write_head};
