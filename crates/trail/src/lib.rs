//! Keeps the audit trail: `audit.db`, in which each row is chained to the one before it, and `audit.head`, which says
//! what the last row is.
//!
//! A [`Trail`] is the one writer of a data folder and a [`audit::Recorder`]: edges give it events and go on, a thread
//! commits whatever waits in one transaction. A [`Reader`] reads beside it, and [`verify`] walks the chain. This crate
//! must not know what edges there are, nor any protocol.

mod backup;
mod config;
mod error;
mod fold;
mod head;
mod patients;
mod queue;
mod read;
mod schema;
mod trail;
mod verify;
mod writer;

pub use backup::backup;
pub use config::Config;
pub use error::TrailError;
pub use head::HEAD;
pub use patients::Patients;
pub use read::{Filter, Reader, Row};
pub use schema::DATABASE;
pub use trail::Trail;
pub use verify::{Problem, Report, verify};
