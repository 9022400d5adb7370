//! How long a peer may take, and how much of it is put up with.

use std::time::Duration;

use model::scan;

/// Limits of sending. One association holds about 1 MiB: two pieces of 256 KiB, one that waits to be written, and the
/// first one of the instance after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For a TCP connection to one address of the destination. Default 10 s; a name with several addresses may take
    /// as many times as long.
    pub connect: Duration,
    /// For the TLS handshake. Default 10 s.
    pub handshake: Duration,
    /// For the answer to A-ASSOCIATE-RQ and A-RELEASE-RQ. Default 30 s.
    pub answer: Duration,
    /// For the C-STORE-RSP, from the last byte sent. Default 120 s: some archives put an instance away first.
    pub response: Duration,
    /// Without the peer taking a single byte. Default 60 s.
    pub stall: Duration,
    /// Bytes of a P-DATA-TF body for a peer that takes as many. Default 131,078: two fragments fill a piece.
    pub pdu: u32,
    /// Associations in a row that break before anything is answered on them, until a [`Delivery`](crate::Delivery)
    /// gives up. Default 3.
    pub failures: u32,
    /// Limits of reading a data set that must be converted.
    pub scan: scan::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            handshake: Duration::from_secs(10),
            answer: Duration::from_secs(30),
            response: Duration::from_secs(120),
            stall: Duration::from_secs(60),
            pdu: (128 << 10) + 6,
            failures: 3,
            scan: scan::Limits::default(),
        }
    }
}

impl Limits {
    pub(crate) fn association(&self) -> dimse::Limits {
        dimse::Limits { send: self.pdu, ..dimse::Limits::default() }
    }

    pub(crate) fn timers(&self) -> dimse::Timers {
        // Each answer is waited for by a clock of its own, which is to be the first.
        let idle = self.response.saturating_add(Duration::from_secs(1));
        dimse::Timers { idle, answer: self.answer, ..dimse::Timers::default() }
    }
}
