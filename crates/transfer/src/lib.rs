//! Sending: instances go to another application by C-STORE (PS3.4 annex B), over TCP or TLS; audit messages to a
//! collector by syslog.
//!
//! What is to be sent is an [`Outgoing`]: a file, or an instance of the archive. A [`Delivery`] takes them, opens
//! associations as they are needed, and gives one result for each: what one instance spoils does not stop the others.
//! A [`Sender`] is one association. Data sets stream; nothing of their size is ever in memory, and what the archive
//! gives is checked against its sums before it leaves.
//!
//! This crate must not know inbound edges: no listener, no HTTP.
//!
//! | file | what |
//! |---|---|
//! | `outgoing.rs`, `identity.rs` | what is sent: where its bytes lie and what they say that they are |
//! | `plan.rs` | the presentation contexts to propose, and the way that an instance takes |
//! | `convert.rs`, `implicit.rs` | other encodings for peers that do not take the stored one |
//! | `route.rs` | whom to connect to, and how |
//! | `connection.rs` | drives an association over a connection |
//! | `sender.rs`, `delivery.rs` | one association; as many as it takes |
//! | `syslog.rs` | audit messages to a collector |
#![warn(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod connection;
mod convert;
mod delivery;
mod error;
mod identity;
mod implicit;
mod limits;
mod outgoing;
mod plan;
mod route;
mod sender;
mod syslog;

pub use delivery::{Delivery, Sent};
pub use error::{Broken, ConnectError, Fault, SendError, SourceError};
pub use limits::Limits;
pub use outgoing::Outgoing;
pub use plan::Pair;
pub use route::{Destination, Route, Tls};
pub use sender::{Delivered, Sender};
pub use syslog::{Collector, SETTLED, Shipper};
