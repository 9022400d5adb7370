//! `multipart/related`, both ways and streaming (PS3.18 8.6.1.2, RFC 2046 5.1).
//!
//! [`Parser`] is pushed [`bytes::Bytes`] as they arrive and gives them back as slices of the same memory, cut at the
//! delimiters; it holds one part's head and one delimiter line, never a part. [`Writer`] gives the bytes that stand
//! between parts, so that a caller can send files in large chunks and still say a `Content-Length`.

mod boundary;
mod head;
mod parser;
mod writer;

pub use boundary::{Boundary, BoundaryError};
pub use head::PartHead;
pub use parser::{Event, Limits, MultipartError, Parser};
pub use writer::Writer;

#[cfg(test)]
mod oracle;
