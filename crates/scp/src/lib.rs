//! The DIMSE edge: listeners, plain and over TLS, that verify (C-ECHO) and store (C-STORE) for calling AE titles.
//!
//! The protocol is [`dimse`]'s, the bytes are [`archive`]'s; between them are sockets, times, limits, and one place that
//! turns outcomes into statuses (`status.rs`). Fragments reach the archive as slices of what was read.
//!
//! This crate must not know the other edges, nor who may call: it asks [`Callers`].
#![warn(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod audited;
mod callers;
mod config;
mod connection;
mod listen;
mod places;
mod record;
mod serve;
mod services;
mod status;
mod wire;

use dimse::Implementation;
use model::part10::{IMPLEMENTATION_CLASS, IMPLEMENTATION_VERSION};

pub use callers::{Admission, Call, Callers};
pub use config::Config;
pub use listen::Scp;

pub(crate) use listen::Shared;

/// Who we say we are, on the wire as in files.
const OURS: Implementation = Implementation { class: IMPLEMENTATION_CLASS, version: IMPLEMENTATION_VERSION };
