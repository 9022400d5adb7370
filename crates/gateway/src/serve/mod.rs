//! The accept loop: connections under limits, TLS, HTTP/1.1 or HTTP/2, and an end in good order.
//!
//! hyper's own timers do not cover a connection that sends nothing, a body, or an answer that nobody reads, so
//! [`guard::Guard`] stands between hyper and each connection, and [`link::Link`] tells it what hyper is at.

mod addresses;
mod admit;
mod envelope;
mod guard;
mod heads;
mod link;
mod service;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use audit::Recorder;
use axum::Router;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::audited;
use crate::authenticate::Peer;
use crate::config::{HEAD_MAX, Limits};
use crate::rates::Rates;
use addresses::{Addresses, Place};
pub(crate) use admit::Host;
use guard::{Guard, Timeouts};
use link::{Link, Protocol};
use service::Service;

/// Read buffer of an HTTP/1.1 connection: what a request head can make us hold, and how much of an upload is read at
/// a time.
const H1_BUFFER: usize = 128 << 10;
/// What one stream of an HTTP/2 connection may send before we have taken it.
const H2_STREAM_WINDOW: u32 = 4 << 20;
/// What all streams of a connection may.
const H2_WINDOW: u32 = 16 << 20;
/// A pause after the system had no descriptor left for us.
const NO_DESCRIPTORS: Duration = Duration::from_millis(50);

/// What is served, to whom, and how often.
pub(crate) struct Site {
    pub(crate) router: Router,
    pub(crate) host: Host,
    pub(crate) rates: Arc<Rates>,
    /// Is told of connections that failed.
    pub(crate) recorder: Arc<dyn Recorder>,
}

/// What every connection is served with.
struct Serving {
    site: Arc<Site>,
    limits: Limits,
    stop: CancellationToken,
}

/// Serves the site on the listener until `stop`, then finishes what is in progress for [`Limits::drain`].
pub(crate) async fn run(
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    site: Site,
    limits: Limits,
    stop: CancellationToken,
) {
    let serving = Arc::new(Serving { site: Arc::new(site), limits, stop: stop.clone() });
    let acceptor = tls.map(TlsAcceptor::from);
    let addresses = Addresses::new(limits.connections, limits.per_address);
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                accept_failed(&error).await;
                continue;
            }
        };
        match addresses.take(address.ip()) {
            Some(place) => {
                let serving = Arc::clone(&serving);
                connections.spawn(connection(serving, acceptor.clone(), stream, address, place));
            }
            None => turn_away(&stream, acceptor.is_some()),
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.drain, drained).await.is_err() {
        tracing::warn!(connections = connections.len(), "connections are cut: they did not end in time");
    }
}

/// An address that hung up between SYN and accept says nothing about us; a full descriptor table does.
async fn accept_failed(error: &io::Error) {
    match error.kind() {
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset => {}
        _ => {
            tracing::warn!(%error, "cannot accept a connection");
            tokio::time::sleep(NO_DESCRIPTORS).await;
        }
    }
}

/// One more than the limit: 503 where the client can read it at once, and an end.
fn turn_away(stream: &TcpStream, tls: bool) {
    metrics::counter!("overread_http_connections_refused_total").increment(1);
    if tls {
        return;
    }
    let body = "{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,\
                \"detail\":\"Too many connections. Try again in some seconds.\"}";
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\nretry-after: 5\r\n\
         x-content-type-options: nosniff\r\ncache-control: no-store\r\n\
         content-security-policy: default-src 'none'; sandbox\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    // Closing with unread bytes would reset the connection and take the answer with it.
    let mut scratch = [0; 4_096];
    let _ = stream.try_read(&mut scratch);
    let _ = stream.try_write(answer.as_bytes());
}

async fn connection(
    serving: Arc<Serving>,
    acceptor: Option<TlsAcceptor>,
    stream: TcpStream,
    address: SocketAddr,
    _place: Place,
) {
    let _ = stream.set_nodelay(true);
    let Some(acceptor) = acceptor else {
        let peer = Peer { address, tls: false, certificate: None };
        return speak(&serving, stream, peer, Protocol::Http1).await;
    };
    let handshake = tokio::time::timeout(serving.limits.handshake, acceptor.accept(stream));
    let stream = tokio::select! {
        () = serving.stop.cancelled() => return,
        done = handshake => match done {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                serving.site.recorder.record(audited::no_tls(address, &error.to_string()));
                return tracing::debug!(%error, %address, "no TLS connection");
            }
            Err(_) => {
                serving.site.recorder.record(audited::no_tls(address, "it took too long"));
                return tracing::debug!(%address, "a TLS handshake took too long");
            }
        },
    };
    let session = stream.get_ref().1;
    let certificate =
        session.peer_certificates().and_then(|chain| chain.first()).map(|c| c.clone().into_owned());
    let protocol = match session.alpn_protocol() {
        Some(b"h2") => Protocol::Http2,
        _ => Protocol::Http1,
    };
    speak(&serving, stream, Peer { address, tls: true, certificate }, protocol).await;
}

/// Serves HTTP on a connection until it ends.
async fn speak<S>(serving: &Serving, stream: S, peer: Peer, protocol: Protocol)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let link = Arc::new(Link::new());
    let io = TokioIo::new(Guard::new(stream, Arc::clone(&link), protocol, Timeouts::from(&serving.limits)));
    let service = Service::new(Arc::clone(&serving.site), peer, Arc::clone(&link));
    let ended = match protocol {
        Protocol::Http1 => {
            let connection = h1(&serving.limits).serve_connection(io, service);
            let mut connection = std::pin::pin!(connection);
            tokio::select! {
                ended = connection.as_mut() => ended,
                () = serving.stop.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            }
        }
        Protocol::Http2 => {
            let connection = h2().serve_connection(io, service);
            let mut connection = std::pin::pin!(connection);
            tokio::select! {
                ended = connection.as_mut() => ended,
                () = link.stalled(serving.limits.write_idle) => return tracing::debug!("a peer takes no answers"),
                () = serving.stop.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

fn h1(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // The guard is stricter; this one holds where it does not look.
        .header_read_timeout(limits.idle + limits.head)
        .max_header_size(HEAD_MAX)
        .max_buf_size(H1_BUFFER);
    builder
}

fn h2() -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(100)
        .max_pending_accept_reset_streams(20)
        .initial_stream_window_size(H2_STREAM_WINDOW)
        .initial_connection_window_size(H2_WINDOW)
        .max_header_list_size(HEAD_MAX as u32)
        .max_frame_size(64 << 10)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}
