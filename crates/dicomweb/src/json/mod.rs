//! The DICOM JSON model (PS3.18 Annex F): made from a data set as it streams by, cut and merged for search results.
//!
//! Stored JSON does not know under which address it will be served. Where an absolute URL goes, it holds the byte
//! [`MARK`], which no JSON has otherwise, and then the path; [`complete`] puts the rest in.

mod bulk;
mod complete;
pub mod object;
mod text;
mod value;
mod writer;

pub use bulk::{Bulk, BulkError, BulkTable};
pub use complete::{MARK, complete};
pub use writer::JsonWriter;
