//! Drives one association over one connection: writes while it reads, waits, and gives out what happened.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use dimse::{Association, End, Event, Negotiated, State};
use futures::FutureExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep_until, timeout};
use tokio_rustls::client::TlsStream;

use crate::Broken;

/// Bytes of a read: a response has some 200.
const READ: usize = 4 << 10;
/// What a peer may send while it is sent to: one answer, early.
const EARLY: usize = 4;
/// For the last bytes of a connection that ends.
const CLOSING: Duration = Duration::from_secs(1);

/// What an association runs over.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Unpin + Send {
    /// Acknowledges what was just read at once. The kernel forgets this by itself, so it is said after each read.
    ///
    /// Peers that write an answer in pieces with Nagle's algorithm on wait for the acknowledgement of the first one: 40
    /// ms for each instance.
    fn acknowledge(&self);
}

impl Wire for TcpStream {
    fn acknowledge(&self) {
        // Only speed depends on it.
        let _ = self.set_quickack(true);
    }
}

impl Wire for TlsStream<TcpStream> {
    fn acknowledge(&self) {
        self.get_ref().0.acknowledge();
    }
}

/// What could be done.
enum Step {
    Wrote(io::Result<usize>),
    Read(io::Result<usize>),
}

/// An association and its connection. Dropped while it is established, it sends A-ABORT if that can be done at once.
pub(crate) struct Connection {
    wire: Box<dyn Wire>,
    association: Association,
    /// What came while something was written.
    arrived: BytesMut,
    early: VecDeque<Event>,
    stall: Duration,
    /// Whether what is written would be understood: false once a PDU was begun that will not be ended.
    writable: bool,
}

impl Connection {
    pub(crate) fn new(wire: Box<dyn Wire>, association: Association, stall: Duration) -> Self {
        let (arrived, early) = (BytesMut::new(), VecDeque::new());
        Self { wire, association, arrived, early, stall, writable: true }
    }

    pub(crate) fn negotiated(&self) -> &Negotiated {
        self.association.negotiated()
    }

    /// Queues a command set.
    pub(crate) fn command(&mut self, context: u8, command: &[u8]) -> Result<(), Broken> {
        self.association.command(context, command).map_err(|_| Broken::End(End::Lost))
    }

    /// Queues bytes of a data set.
    pub(crate) fn data(&mut self, context: u8, bytes: Bytes, last: bool) -> Result<(), Broken> {
        self.association.data(context, bytes, last).map_err(|_| Broken::End(End::Lost))
    }

    /// The next thing that happens; what is queued is written first.
    pub(crate) async fn next(&mut self) -> Result<Event, Broken> {
        loop {
            if let Some(event) = self.early.pop_front() {
                return Ok(event);
            }
            match self.association.poll(Instant::now()) {
                Some(Event::Ended(end)) => return Err(end.into()),
                Some(event) => return Ok(event),
                None => {}
            }
            self.flush().await?;
            if self.early.is_empty() {
                if self.association.is_closed() {
                    return Err(End::Lost.into());
                }
                self.wait().await?;
            }
        }
    }

    /// Writes everything that is queued, as many PDUs in one call as the transport takes, and looks meanwhile at what
    /// comes: a peer that aborts reads no more.
    pub(crate) async fn flush(&mut self) -> Result<(), Broken> {
        while self.association.output().has_remaining() {
            match timeout(self.stall, self.step()).await {
                Ok(Step::Wrote(Ok(0))) => return Err(self.failed(io::ErrorKind::WriteZero.into()).await),
                Ok(Step::Wrote(Ok(_))) => {}
                Ok(Step::Wrote(Err(error)) | Step::Read(Err(error))) => return Err(self.failed(error).await),
                Ok(Step::Read(Ok(0))) => return Err(self.given_up(End::Lost.into())),
                Ok(Step::Read(Ok(_))) => self.look()?,
                Err(_) => return Err(self.given_up(Broken::Stalled(self.stall))),
            }
        }
        match timeout(self.stall, self.wire.flush()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.failed(error).await),
            Err(_) => Err(self.given_up(Broken::Stalled(self.stall))),
        }
    }

    /// Writes some of what is queued or, while that cannot be done, reads.
    async fn step(&mut self) -> Step {
        self.arrived.reserve(READ);
        let Self { wire, association, arrived, .. } = self;
        poll_fn(|context| {
            if let Poll::Ready(wrote) = pin!(wire.write_buf(association.output())).poll(context) {
                return Poll::Ready(Step::Wrote(wrote));
            }
            pin!(wire.read_buf(arrived)).poll(context).map(Step::Read)
        })
        .await
    }

    /// Whether the peer is still there, as far as can be told without waiting.
    pub(crate) fn is_alive(&mut self) -> bool {
        if !self.writable || self.association.state() != State::Sta6 {
            return false;
        }
        self.arrived.reserve(READ);
        match self.wire.read_buf(&mut self.arrived).now_or_never() {
            None => true,
            Some(Ok(0) | Err(_)) => {
                self.writable = false;
                false
            }
            // Nothing may come between two answers.
            Some(Ok(_)) => self.look().is_ok() && self.early.is_empty() && !self.association.inside_message(),
        }
    }

    /// Asks for the release, and waits for its confirmation. Everything was answered, so a peer that just goes away
    /// does no harm.
    pub(crate) async fn release(&mut self) {
        self.association.release(Instant::now());
        match self.next().await {
            Ok(Event::Released) => {}
            Ok(_) => tracing::debug!("an association was not released in order: a message came"),
            Err(broken) => tracing::debug!(%broken, "an association was not released in order"),
        }
        self.close().await;
    }

    /// Ends the association with A-ABORT, after what is queued or not at all: within a PDU it would be taken for data.
    pub(crate) async fn abort(&mut self) {
        if !self.writable {
            return;
        }
        if !matches!(timeout(CLOSING, self.flush()).await, Ok(Ok(()))) {
            self.writable = false;
            return;
        }
        self.association.abort(Instant::now());
        self.close().await;
    }

    /// Writes what is left, A-ABORT or A-RELEASE-RP, and closes.
    pub(crate) async fn close(&mut self) {
        if !std::mem::replace(&mut self.writable, false) {
            return;
        }
        let (wire, output) = (&mut self.wire, self.association.output());
        let last = async {
            wire.write_all_buf(output).await?;
            wire.shutdown().await
        };
        let _ = timeout(CLOSING, last).await;
    }

    /// Waits for bytes of the peer, or for its time to run out.
    async fn wait(&mut self) -> Result<(), Broken> {
        let start = Instant::now();
        let deadline = self.association.wait(start);
        self.association.input().reserve(READ);
        let Self { wire, association, .. } = self;
        let ended = tokio::select! {
            biased;
            read = wire.read_buf(association.input()) => match read {
                Ok(0) => self.association.lost(),
                Ok(count) => {
                    self.wire.acknowledge();
                    self.association.received(count, Instant::now())
                }
                Err(error) => return Err(self.failed(error).await),
            },
            () = sleep_until(deadline.unwrap_or(start).into()), if deadline.is_some() => {
                self.association.timeout(Instant::now())
            }
        };
        match ended {
            Some(Event::Ended(end)) => Err(end.into()),
            Some(event) => {
                self.early.push_back(event);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Understands what came while something was written.
    fn look(&mut self) -> Result<(), Broken> {
        let begun = self.association.output().has_remaining();
        self.association.input().extend_from_slice(&self.arrived);
        self.arrived.clear();
        while let Some(event) = self.association.poll(Instant::now()) {
            match event {
                Event::Ended(end) => {
                    self.writable &= !begun;
                    return Err(end.into());
                }
                Event::Released => return Err(Broken::Released),
                _ if self.early.len() == EARLY => {
                    self.writable &= !begun;
                    return Err(Broken::Unasked);
                }
                event => self.early.push_back(event),
            }
        }
        Ok(())
    }

    /// Nothing more can be written.
    fn given_up(&mut self, broken: Broken) -> Broken {
        self.writable = false;
        broken
    }

    /// The connection failed: the peer may have said why before it closed.
    async fn failed(&mut self, error: io::Error) -> Broken {
        self.writable = false;
        let rest = async {
            while matches!(self.wire.read_buf(&mut self.arrived).await, Ok(1..)) && self.arrived.len() < READ
            {
            }
        };
        let _ = timeout(CLOSING, rest).await;
        match self.look() {
            Err(said @ Broken::End(End::PeerAborted(_))) => said,
            _ => error.into(),
        }
    }

    /// Writes what is queued as far as it goes at once.
    fn push_out(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        let output = self.association.output();
        while output.has_remaining() {
            match Pin::new(&mut self.wire).poll_write(&mut context, output.chunk()) {
                Poll::Ready(Ok(count @ 1..)) => output.advance(count),
                _ => return false,
            }
        }
        matches!(Pin::new(&mut self.wire).poll_flush(&mut context), Poll::Ready(Ok(())))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let asked = matches!(self.association.state(), State::Sta5 | State::Sta6);
        if self.writable && asked && self.push_out() {
            self.association.abort(Instant::now());
            self.push_out();
        }
    }
}
