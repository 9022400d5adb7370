//! Drives one association over one connection: reads, writes, waits, and gives out what happened.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use dimse::{Association, Event, State};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{sleep_until, timeout};
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::Shared;
use crate::wire::Wire;

/// Bytes of a read while nothing is under way: room for a command, cheap for thousands of idle associations.
const IDLE_READ: usize = 4 << 10;
/// Bytes of input that every association may hold; beyond, it needs one of [`crate::Config::large_reads`].
const SMALL_READ: usize = 16 << 10;

pub(crate) struct Connection<S> {
    wire: S,
    association: Association,
    shared: Arc<Shared>,
    large: Option<OwnedSemaphorePermit>,
    /// Registered once, not at each read: thousands of connections wait for the same two tokens.
    draining: Pin<Box<WaitForCancellationFutureOwned>>,
    cutting: Pin<Box<WaitForCancellationFutureOwned>>,
    phase: Phase,
}

/// How far the end of the server has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Phase {
    Serving,
    Draining,
    Cut,
}

enum Woken {
    Read(io::Result<usize>),
    Timer,
    Drain,
    Cut,
}

impl<S: Wire> Connection<S> {
    pub(crate) fn new(wire: S, association: Association, shared: Arc<Shared>) -> Self {
        let draining = Box::pin(shared.draining.clone().cancelled_owned());
        let cutting = Box::pin(shared.cutting.clone().cancelled_owned());
        Self { wire, association, shared, large: None, draining, cutting, phase: Phase::Serving }
    }

    pub(crate) fn association(&mut self) -> &mut Association {
        &mut self.association
    }

    /// Whether it was this server's stop that ended the association.
    pub(crate) fn was_cut(&self) -> bool {
        self.phase == Phase::Cut
    }

    /// The next thing that happens; `None` when the association is over and its connection may be closed.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.association.poll(Instant::now()) {
                return Some(event);
            }
            if self.flush().await.is_err() {
                return self.association.lost();
            }
            if self.association.is_closed() {
                return None;
            }
            if let Some(event) = self.wait().await {
                return Some(event);
            }
        }
    }

    /// Ends the connection: what is written arrives, and TLS says good-bye.
    pub(crate) async fn close(mut self) {
        let _ = self.flush().await;
        let _ = timeout(Duration::from_secs(1), self.wire.shutdown()).await;
    }

    /// Writes all output, in one call where the transport takes it.
    async fn flush(&mut self) -> io::Result<()> {
        let (wire, output) = (&mut self.wire, self.association.output());
        if !output.has_remaining() {
            return Ok(());
        }
        let limit = match self.phase {
            Phase::Cut => Duration::from_secs(1),
            _ => self.shared.config.write,
        };
        let write = async {
            while output.has_remaining() {
                if wire.write_buf(output).await? == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
            }
            wire.flush().await
        };
        timeout(limit, write).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Waits for the peer, its time, or the end of the server.
    async fn wait(&mut self) -> Option<Event> {
        let start = Instant::now();
        let mut deadline = self.association.wait(start);
        let established = self.association.state() == State::Sta6;
        let idle = self.phase == Phase::Draining && established && !self.association.inside_message();
        if idle {
            let soon = start + self.shared.config.drain_idle;
            deadline = Some(deadline.map_or(soon, |deadline| deadline.min(soon)));
        }
        if !self.make_room(deadline).await {
            return self.association.timeout(Instant::now());
        }
        let Self { wire, association, draining, cutting, phase, .. } = self;
        let woken = tokio::select! {
            biased;
            read = wire.read_buf(association.input()) => Woken::Read(read),
            () = cutting, if *phase < Phase::Cut => Woken::Cut,
            () = draining, if *phase < Phase::Draining => Woken::Drain,
            () = sleep_until(deadline.unwrap_or(start).into()), if deadline.is_some() => Woken::Timer,
        };
        match woken {
            Woken::Read(Ok(0) | Err(_)) => self.association.lost(),
            Woken::Read(Ok(count)) => {
                self.wire.acknowledge();
                self.association.received(count, Instant::now())
            }
            Woken::Timer if idle => {
                self.cut();
                None
            }
            Woken::Timer => self.association.timeout(Instant::now()),
            Woken::Drain => {
                self.phase = Phase::Draining;
                None
            }
            Woken::Cut => {
                self.cut();
                None
            }
        }
    }

    /// Aborts what is established; what is not is just closed.
    fn cut(&mut self) {
        self.phase = Phase::Cut;
        self.association.abort(Instant::now());
        if self.association.state() == State::Sta2 {
            let _ = self.association.lost();
        }
    }

    /// Makes room for a read that fits what is expected; `false` when the deadline came first.
    ///
    /// Whoever gets no permit for a large buffer receives data sets in small steps, and waits with everything that must
    /// be held whole.
    async fn make_room(&mut self, deadline: Option<Instant>) -> bool {
        let data = self.association.inside_data();
        let held = self.association.input().len() + self.association.held();
        let whole = held + self.association.wants();
        if !data && whole <= SMALL_READ {
            let input = self.association.input();
            if input.is_empty() {
                self.large = None;
                if input.capacity() > IDLE_READ {
                    *input = BytesMut::new();
                }
            }
            reserve(input, IDLE_READ, 64);
            return true;
        }
        if self.large.is_none() {
            self.large = Arc::clone(&self.shared.large_reads).try_acquire_owned().ok();
        }
        if self.large.is_none() && !data && held >= SMALL_READ {
            let permit = Arc::clone(&self.shared.large_reads).acquire_owned();
            let permit = match deadline {
                Some(deadline) => tokio::time::timeout_at(deadline.into(), permit).await,
                None => Ok(permit.await),
            };
            match permit {
                Ok(Ok(permit)) => self.large = Some(permit),
                Ok(Err(_)) | Err(_) => return false,
            }
        }
        let size = if self.large.is_some() { self.shared.config.large_read } else { SMALL_READ };
        reserve(self.association.input(), size, size / 4);
        true
    }
}

/// Makes room for `size` bytes when fewer than `least` are free.
fn reserve(input: &mut BytesMut, size: usize, least: usize) {
    if input.capacity() - input.len() < least.max(1) {
        input.reserve(size);
    }
}
