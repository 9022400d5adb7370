//! The vocabulary of DICOM: identifiers, transfer syntaxes, the streaming data-set scanner, files, texts and matching.
//!
//! Outside bytes become types here, once. Nothing panics on them, nothing allocates by a length that they declare, and
//! nothing recurses by their nesting. This crate must not know sockets, files, clocks or any protocol: bytes come in as
//! slices.
//!
//! | module | what it reads |
//! |---|---|
//! | [`scan`] | a data set, pushed in pieces (PS3.5 section 7) |
//! | [`part10`] | the head of a file: preamble and file meta information (PS3.10 section 7) |
//! | [`transfer_syntax`], [`sop_class`] | the tables of PS3.6 |
//! | [`text`], [`person_name`] | character sets and names (PS3.5 section 6) |
//! | [`value`] | dates, times and numbers |
//! | [`matching`] | the rules of searches (PS3.4 section C.2.2.2) |
//! | [`recode`] | any data set as Explicit VR Little Endian |
#![cfg_attr(
    not(test),
    warn(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

mod ae_title;
pub mod matching;
pub mod part10;
pub mod person_name;
pub mod recode;
pub mod scan;
pub mod sop_class;
pub mod text;
pub mod transfer_syntax;
mod uid;
pub mod value;
pub mod varint;

pub use ae_title::{AeTitle, AeTitleError};
pub use dicom_core::{Tag, VR};
pub use uid::{SeriesUid, SopClassUid, SopInstanceUid, StudyUid, Uid, UidError};
