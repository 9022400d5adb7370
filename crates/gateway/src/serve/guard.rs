//! Stands between hyper and a connection, and ends it when the peer does not do its part in time.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::heads::Head;
use super::link::{Link, Protocol};
use crate::config::Limits;

/// How long the peer has for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    first_byte: Duration,
    head: Duration,
    idle: Duration,
    write: Duration,
}

impl From<&Limits> for Timeouts {
    fn from(limits: &Limits) -> Self {
        Self { first_byte: limits.first_byte, head: limits.head, idle: limits.idle, write: limits.write_idle }
    }
}

/// A guarded connection.
pub(super) struct Guard<S> {
    stream: S,
    link: Arc<Link>,
    protocol: Protocol,
    timeouts: Timeouts,
    reading: Reading,
    /// Ends what `reading` waits for.
    read_timer: Timer,
    /// Runs while the peer takes nothing of what we write.
    write_timer: Timer,
    head: Head,
}

/// What we wait for when we read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// The first byte of the connection.
    First,
    /// The rest of a request head.
    Head,
    /// The next request.
    Idle,
    /// Nothing in particular: a request is being answered, and bodies have a watch of their own.
    Busy,
}

impl<S> Guard<S> {
    pub(super) fn new(stream: S, link: Arc<Link>, protocol: Protocol, timeouts: Timeouts) -> Self {
        Self {
            stream,
            link,
            protocol,
            timeouts,
            reading: Reading::First,
            read_timer: Timer::default(),
            write_timer: Timer::default(),
            head: Head::default(),
        }
    }

    fn wait_for(&mut self, reading: Reading) {
        self.reading = reading;
        self.read_timer.stop();
    }

    /// Looks at what the service says: requests begin and end without a byte being read here.
    fn follow_link(&mut self) {
        match (self.link.is_busy(), self.reading) {
            (true, Reading::Busy) => {}
            (true, _) => self.wait_for(Reading::Busy),
            (false, Reading::Busy) => {
                self.head.reset();
                self.wait_for(Reading::Idle);
            }
            (false, _) => {}
        }
    }

    fn came(&mut self, bytes: &[u8]) {
        if bytes.is_empty() || self.reading == Reading::Busy {
            return;
        }
        match self.protocol {
            // Frames of all kinds; hyper bounds their heads.
            Protocol::Http2 => self.wait_for(Reading::Idle),
            Protocol::Http1 => {
                if self.reading != Reading::Head {
                    self.wait_for(Reading::Head);
                }
                if self.head.push(bytes) {
                    self.link.set_ambiguous();
                }
            }
        }
    }

    fn read_limit(&self) -> Option<Duration> {
        match self.reading {
            Reading::First => Some(self.timeouts.first_byte),
            Reading::Head => Some(self.timeouts.head),
            Reading::Idle => Some(self.timeouts.idle),
            Reading::Busy => None,
        }
    }

    /// Watches a write: progress stops the timer, waiting runs it.
    fn written<T>(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match result {
            Poll::Ready(done) => {
                self.write_timer.stop();
                Poll::Ready(done)
            }
            Poll::Pending if self.write_timer.has_passed(cx, self.timeouts.write) => {
                Poll::Ready(Err(late("the peer takes nothing of the answer")))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guard<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.follow_link();
        let before = buf.filled().len();
        match Pin::new(&mut this.stream).poll_read(cx, buf) {
            Poll::Ready(done) => {
                this.came(&buf.filled()[before..]);
                Poll::Ready(done)
            }
            Poll::Pending => match this.read_limit() {
                Some(limit) if this.read_timer.has_passed(cx, limit) => {
                    Poll::Ready(Err(late("the peer sends nothing")))
                }
                _ => Poll::Pending,
            },
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.written(cx, result)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.written(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_flush(cx);
        this.written(cx, result)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_shutdown(cx);
        this.written(cx, result)
    }
}

/// A timer that is made when it is first needed.
#[derive(Default)]
struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    running: bool,
}

impl Timer {
    /// Starts it if it does not run; whether its time is over. The task wakes when it is.
    fn has_passed(&mut self, cx: &mut Context<'_>, limit: Duration) -> bool {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        if !self.running {
            sleep.as_mut().reset(Instant::now() + limit);
            self.running = true;
        }
        sleep.as_mut().poll(cx).is_ready()
    }

    fn stop(&mut self) {
        self.running = false;
    }
}

fn late(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    fn guarded(protocol: Protocol) -> (Guard<DuplexStream>, DuplexStream, Arc<Link>) {
        let (ours, theirs) = duplex(64);
        let link = Arc::new(Link::new());
        let second = Duration::from_secs(1);
        let timeouts = Timeouts { first_byte: second, head: 2 * second, idle: 4 * second, write: 8 * second };
        (Guard::new(ours, Arc::clone(&link), protocol, timeouts), theirs, link)
    }

    /// Seconds until reading gives up.
    async fn gives_up(guard: &mut Guard<DuplexStream>) -> u64 {
        let began = Instant::now();
        let mut scratch = [0; 64];
        loop {
            match guard.read(&mut scratch).await {
                Ok(_) => {}
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
                    return began.elapsed().as_secs();
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_sends_nothing() {
        let (mut guard, _theirs, _) = guarded(Protocol::Http1);
        assert_eq!(gives_up(&mut guard).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_does_not_end() {
        let (mut guard, mut theirs, _) = guarded(Protocol::Http1);
        tokio::spawn(async move {
            loop {
                let _ = theirs.write_all(b"x").await;
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
        });
        assert_eq!(gives_up(&mut guard).await, 2, "from the first byte on, however many follow");
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_connection_and_an_idle_one() {
        let (mut guard, mut theirs, link) = guarded(Protocol::Http1);
        theirs.write_all(b"GET / HTTP/1.1\r\n\r\n").await.expect("room");
        let mut scratch = [0; 18];
        guard.read_exact(&mut scratch).await.expect("the head");
        link.begin();
        let waited = tokio::time::timeout(Duration::from_secs(60), guard.read(&mut scratch)).await;
        assert!(waited.is_err(), "a request takes what it takes");
        link.end();
        assert_eq!(gives_up(&mut guard).await, 4);
    }

    #[tokio::test(start_paused = true)]
    async fn an_http_2_connection() {
        let (mut guard, mut theirs, _) = guarded(Protocol::Http2);
        theirs.write_all(b"PRI").await.expect("room");
        assert_eq!(gives_up(&mut guard).await, 4, "it is idle once it has begun");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_takes() {
        let (mut guard, mut theirs, _) = guarded(Protocol::Http1);
        let began = Instant::now();
        let reader = tokio::spawn(async move {
            // Some of it, and then no more.
            let mut scratch = [0; 64];
            tokio::time::sleep(Duration::from_secs(5)).await;
            theirs.read_exact(&mut scratch).await.expect("bytes");
            theirs
        });
        let error = guard.write_all(&[0; 200]).await.expect_err("nobody takes it");
        assert_eq!((error.kind(), began.elapsed().as_secs()), (io::ErrorKind::TimedOut, 13));
        drop(reader);
    }
}
