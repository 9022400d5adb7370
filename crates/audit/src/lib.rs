//! The audit trail's vocabulary: what happened as types, and the forms that others read it in.
//!
//! An edge makes an [`Event`] and gives it to its [`Recorder`]. Whoever keeps it makes an [`Entry`] of it, whose
//! [`Entry::canonical`] bytes are chained by [`chain::next`]; [`xml`] writes an entry as DICOM Audit Message (PS3.15
//! A.5), [`fhir`] as AuditEvent (FHIR R4, IHE BALP). One entry is one message and names at most one patient.
//!
//! This crate must not know where entries are kept, nor any protocol.

pub mod chain;
mod codes;
mod entry;
mod event;
pub mod fhir;
mod message;
mod recorder;
mod request;
mod text;
pub mod xml;

pub use entry::{Entry, EntryError};
pub use event::{Change, Event, Outcome, Patient, What, Who};
pub use message::{Source, moment};
pub use recorder::{Recorder, Unrecorded};
pub use request::RequestId;
pub use text::clean;
