//! Limits and timers of one association, each with its cost.

use std::time::Duration;

/// The most a PDU may ever be announced as: 1 MiB.
pub const LARGEST_PDU: u32 = 1 << 20;

/// The smallest maximum length that leaves room for a fragment of two bytes: PDV length, context, control header, 2.
pub const SMALLEST_PDU: u32 = 8;

/// How much of a peer's bytes is taken.
///
/// Nothing is allocated by a declared length: a length over its limit is refused from the header alone, one within it
/// costs only the bytes that really came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of an A-ASSOCIATE-RQ or -AC body. Default 256 KiB, all held until the PDU is whole.
    pub associate: u32,
    /// Bytes of a P-DATA-TF body: what is announced as Maximum Length (PS3.8 D.1). Default 256 KiB, at most
    /// [`LARGEST_PDU`]. Not held: fragments are passed on as they come.
    pub p_data: u32,
    /// Bytes of a command set. Default 64 KiB, all held until the set is whole.
    pub command: usize,
    /// Bytes of a P-DATA-TF body sent to a peer that sets no limit or a larger one. Default 256 KiB.
    pub send: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { associate: 256 << 10, p_data: 256 << 10, command: 64 << 10, send: 256 << 10 }
    }
}

/// How long a peer may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// ARTIM (PS3.8 9.1.5): from the connection to a whole A-ASSOCIATE-RQ, and for the peer to close after a rejection
    /// or release. Default 10 s.
    pub artim: Duration,
    /// For the peer to close after an A-ABORT; never longer than ARTIM. Default 500 ms.
    pub closing: Duration,
    /// Without a byte from the peer on an established association. Default 60 s.
    pub idle: Duration,
    /// For the answer to an A-ASSOCIATE-RQ or A-RELEASE-RQ. Default 30 s.
    pub answer: Duration,
    /// While a message is incomplete, this many bytes must come in each [`Timers::rate_window`] that is spent waiting
    /// for the peer. Default 30 KiB.
    pub rate_bytes: u64,
    /// See [`Timers::rate_bytes`]. Default 30 s.
    pub rate_window: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            artim: Duration::from_secs(10),
            closing: Duration::from_millis(500),
            idle: Duration::from_secs(60),
            answer: Duration::from_secs(30),
            rate_bytes: 30 << 10,
            rate_window: Duration::from_secs(30),
        }
    }
}
