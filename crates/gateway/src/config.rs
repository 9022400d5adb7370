//! What the gateway is told at start, each limit with its cost.

use std::time::Duration;

use dicomweb::media::MissingAccept;

use crate::viewer::ViewerConfig;

/// Policy and limits of the gateway.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// `https://images.example.org`, or with a path that a proxy takes away: what URLs in answers begin with, and the
    /// only `Host` that is answered. Without one, URLs begin with the listening address, and [`Config::hosts`] holds.
    pub base_url: Option<String>,
    /// What a request without `Accept` gets.
    pub missing_accept: MissingAccept,
    /// Origins (`https://viewer.example.org`) whose pages may call from a browser. Empty: none.
    pub origins: Vec<String>,
    /// Whether those pages may use what the browser knows of its user: cookies and client certificates. For reading
    /// only, and never where the cookie's own rules forbid it.
    pub credentials: bool,
    /// The viewer to be served, if any.
    pub viewer: ViewerConfig,
    /// Whom a request may mean without [`Config::base_url`].
    pub hosts: Hosts,
    /// The limits.
    pub limits: Limits,
}

/// Which `Host` is answered where no base URL says what ours is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hosts {
    /// Any: who asks has to say who it is.
    #[default]
    Any,
    /// Names and addresses of this machine's loopback only: where nobody is asked who they are, a page that has its own
    /// name lead to loopback (DNS rebinding) must not be answered.
    Loopback,
}

/// A limit on everything that a peer can make us hold or wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at the same moment. Default 6,000; who comes later is answered 503. An idle one costs some 16 KiB,
    /// over TLS 48 KiB; one that sends a request head at most 128 KiB; one that uploads over HTTP/2 at most 16 MiB.
    pub connections: usize,
    /// Of these, from one address that is not loopback. Default 256.
    pub per_address: usize,
    /// Requests a second from one address that is not loopback, on average; ten seconds' worth may come at once.
    /// Default 2,000; who asks for more is answered 429. The table of addresses takes 5 MiB at worst.
    pub requests_per_address: u32,
    /// The same for one principal. Default 2,000; its table takes 5 MiB at worst.
    pub requests_per_principal: u32,
    /// Requests a minute with wrong credentials from one address that is not loopback; more are answered 429 in place
    /// of 401. Default 60; its table takes 5 MiB at worst.
    pub failures_per_address: u32,
    /// Bytes of one store's body. Default 64 GiB; costs disk only.
    pub request_bytes: u64,
    /// Bytes of bulk data that one store may keep waiting below the data folder until the place where they go is known.
    /// Default 8 GiB; costs disk only, and never its reserve.
    pub scratch_bytes: u64,
    /// From accepting to the first byte of a request. Default 10 s.
    pub first_byte: Duration,
    /// The TLS handshake. Default 10 s.
    pub handshake: Duration,
    /// From the first byte of a request head to its end. Default 10 s.
    pub head: Duration,
    /// A connection on which nothing is asked. Default 120 s.
    pub idle: Duration,
    /// A body must bring [`Limits::body_bytes`] in each stretch of this much waiting. Default 30 s.
    pub body_wait: Duration,
    /// See [`Limits::body_wait`]. Default 30 KiB, so 1 KiB a second.
    pub body_bytes: u64,
    /// A peer that takes nothing of an answer for this long is cut. Default 60 s.
    pub write_idle: Duration,
    /// Work in progress gets this long after the stop. Default 30 s.
    pub drain: Duration,
    /// Instances of one store request that wait for the disk at the same moment. Default 8: they share flushes, and
    /// one sender cannot take all places for receiving.
    pub pipeline: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 6_000,
            per_address: 256,
            requests_per_address: 2_000,
            requests_per_principal: 2_000,
            failures_per_address: 60,
            request_bytes: 64 << 30,
            scratch_bytes: 8 << 30,
            first_byte: Duration::from_secs(10),
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(10),
            idle: Duration::from_secs(120),
            body_wait: Duration::from_secs(30),
            body_bytes: 30 << 10,
            write_idle: Duration::from_secs(60),
            drain: Duration::from_secs(30),
            pipeline: 8,
        }
    }
}

/// Longest request target in bytes; a longer one is 414.
pub(crate) const URI_MAX: usize = 16 << 10;
/// Longest request head in bytes; a longer one is 431.
pub(crate) const HEAD_MAX: usize = 64 << 10;
