//! DICOMweb's grammar (PS3.18): media types and their negotiation, `multipart/related` both ways, the DICOM JSON model,
//! resource paths, search parameters, ranges, and the response to a store.
//!
//! Everything here is pure: bytes and texts in, types out. This crate must not know sockets, an HTTP framework, or
//! where instances are kept.

pub mod commitment;
pub mod json;
pub mod media;
pub mod multipart;
pub mod query;
pub mod range;
pub mod stow;
pub mod url;
pub mod xml;
