//! How a command reaches the server that holds the data folder: a Unix socket in that folder.
//!
//! The folder belongs to one process. A command that finds it held connects to `control.sock` in it and has its work
//! done there: `import` hands its files over, `verify`, `backup` and `send --study` run in the server and tell their
//! events back. Who may open the socket is decided by the file system (the folder is 0700), and the server takes only
//! its own user and root. The command sends one line of JSON, a [`Request`]; the server answers in lines of JSON.

mod client;
mod frames;
mod listener;

use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::erasure::Wanted;
use crate::retention::Planned;
use crate::send::Order;

pub use client::{Session, connect};
pub use listener::Listener;

/// The socket's name in the data folder.
const SOCKET: &str = "control.sock";
/// Longest line of either side, in bytes.
const LINE: u64 = 1 << 20;

/// What a command asks of the running server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case")]
pub enum Request {
    /// Store files that follow in frames; the answer to each is a line with its verdict.
    Store,
    /// Read everything again.
    Verify,
    /// Copy everything.
    Backup {
        /// Into this folder; absolute.
        to: PathBuf,
    },
    /// Send studies.
    Send(Order),
    /// Tell what an erasure would take; the answer is a line with its plan.
    Erasable(Wanted),
    /// Erase for good.
    Erase(Wanted),
    /// Tell what rules of retention would remove, and when.
    RetentionPlan(Planned),
    /// The clock is right, although it is far ahead of when retention last looked.
    TrustClock,
    /// Record that a command changed who is known or what somebody may do.
    AccessChanged {
        /// What, in words; no secret.
        detail: String,
    },
    /// Record what a command did to a link.
    LinkChanged {
        /// What; no secret.
        event: Box<audit::Event>,
    },
    /// Record that a command made or released a legal hold.
    HoldChanged {
        /// What the audit is told.
        event: Box<audit::Event>,
    },
    /// Record that a command reads the audit trail, after all that happened before.
    AuditUsed {
        /// What for.
        detail: String,
    },
}

/// A path to the socket that is short enough for the system (108 bytes), however long the folder's is: it leads
/// through the open folder.
fn socket_path(folder: &std::fs::File) -> PathBuf {
    Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(SOCKET)
}
