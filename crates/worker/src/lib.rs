//! A bounded pool of worker processes, and the inside of one.
//!
//! A job is a few bytes of head and a payload; so is its answer. What they mean is the caller's: this crate must not
//! know pixels, DICOM or any protocol. A worker that crashes, hangs or grows past its limits costs one job an error.
//!
//! | what | where |
//! |---|---|
//! | [`Pool`] | starts processes, keeps them, gives each one job at a time |
//! | [`child`] | what such a process does: gives up its rights, then answers jobs |
//! | [`Runner`] | what a caller sees; [`InProcess`] does without processes, for tests |
#![cfg_attr(
    not(test),
    warn(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

pub mod child;
mod config;
mod error;
mod pool;
mod process;
mod runner;
mod wire;

pub use config::Config;
pub use error::WorkerError;
pub use pool::Pool;
pub use runner::{Handler, InProcess, Patience, Runner};
