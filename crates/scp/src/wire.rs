//! A connection, plain or encrypted.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// What an association runs over.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Unpin + Send {
    /// Acknowledges what was just read at once. The kernel forgets this by itself, so it is said after each read.
    ///
    /// Senders that write a PDU in pieces with Nagle's algorithm on wait for the acknowledgement of each piece: up to
    /// eleven times as fast.
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
