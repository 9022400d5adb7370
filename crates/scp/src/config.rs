//! Limits of the DIMSE listeners, each with its cost.

use std::time::Duration;

use dimse::{Limits, Timers};

/// Limits and times of all associations together.
#[derive(Clone, Debug)]
pub struct Config {
    /// Limits of one association; [`Limits::p_data`] is what is announced as maximum length.
    pub limits: Limits,
    /// Times of one association: ARTIM 10 s, idle 60 s, 30 KiB in 30 s while a message is incomplete.
    pub timers: Timers,
    /// Connections at the same moment; who comes later is rejected for the time being. Default 12,000; up to 24 KiB
    /// each when idle, 64 KiB with TLS.
    pub associations: usize,
    /// Connections of one address at the same moment. Default 256; loopback addresses are not counted.
    pub per_address: usize,
    /// Connections beyond these limits that are told so in DICOM at the same moment; more are just closed. Default 256.
    pub rejecting: usize,
    /// From the connection to the end of the TLS handshake. Default 10 s.
    pub tls_handshake: Duration,
    /// For a peer to read what it was sent. Default 60 s.
    pub write: Duration,
    /// Bytes of a large read, while a data set is received. Default 256 KiB.
    pub large_read: usize,
    /// Associations that may hold more than 16 KiB of unread input, and so make large reads, at the same moment. Default
    /// 192, so 48 MiB. The others receive data sets in small steps, and wait with the rest.
    pub large_reads: usize,
    /// While draining, an association on which nothing is under way is aborted after this. Default 2 s.
    pub drain_idle: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            timers: Timers::default(),
            associations: 12_000,
            per_address: 256,
            rejecting: 256,
            tls_handshake: Duration::from_secs(10),
            write: Duration::from_secs(60),
            large_read: 256 << 10,
            large_reads: 192,
            drain_idle: Duration::from_secs(2),
        }
    }
}
