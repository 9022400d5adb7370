//! Whom to connect to, and how.

use std::fmt;
use std::io;
use std::sync::Arc;

use model::AeTitle;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::connection::Wire;
use crate::{ConnectError, Limits};

/// An application entity and where it listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Destination {
    /// Its AE title.
    pub aet: AeTitle,
    /// Its name or address, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "{}@[{}]:{}", self.aet, self.host, self.port),
            false => write!(f, "{}@{}:{}", self.aet, self.host, self.port),
        }
    }
}

/// How to reach a destination.
#[derive(Clone, Debug)]
pub struct Route {
    /// To whom.
    pub to: Destination,
    /// Our AE title.
    pub calling: AeTitle,
    /// TLS, or plain TCP.
    pub tls: Option<Tls>,
    /// Who asked for it by C-MOVE, and the Message ID of the request (PS3.7 9.1.1.1).
    pub originator: Option<(AeTitle, u16)>,
}

/// TLS to a peer.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The authorities that vouch for the peer, and our own certificate where it wants one.
    pub config: Arc<ClientConfig>,
    /// The name or address that its certificate must be for.
    pub name: ServerName<'static>,
}

impl Route {
    /// Connects, and shakes hands where TLS is wanted.
    pub(crate) async fn open(&self, limits: &Limits) -> Result<Box<dyn Wire>, ConnectError> {
        let unreachable = |error| ConnectError::Unreachable { to: self.to.to_string(), error };
        let tcp = connect(&self.to.host, self.to.port, limits).await.map_err(unreachable)?;
        // Only speed depends on it.
        let _ = tcp.set_nodelay(true);
        let Some(tls) = &self.tls else { return Ok(Box::new(tcp)) };
        let shaking = TlsConnector::from(Arc::clone(&tls.config)).connect(tls.name.clone(), tcp);
        match timeout(limits.handshake, shaking).await.unwrap_or_else(|_| Err(late())) {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(ConnectError::Tls { to: self.to.to_string(), error }),
        }
    }
}

/// Tries the addresses of a host in their order.
pub(crate) async fn connect(host: &str, port: u16, limits: &Limits) -> io::Result<TcpStream> {
    let found = timeout(limits.connect, lookup_host((host, port)));
    let addresses = found.await.unwrap_or_else(|_| Err(late()))?;
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match timeout(limits.connect, TcpStream::connect(address)).await.unwrap_or_else(|_| Err(late())) {
            Ok(tcp) => return Ok(tcp),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "no answer in time")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_shown_as_they_are_written() {
        for (host, shown) in [
            ("pacs.example.org", "PACS@pacs.example.org:104"),
            ("192.0.2.7", "PACS@192.0.2.7:104"),
            ("2001:db8::1", "PACS@[2001:db8::1]:104"),
        ] {
            let to = Destination { aet: "PACS".parse().unwrap(), host: host.to_owned(), port: 104 };
            assert_eq!(to.to_string(), shown);
        }
    }
}
