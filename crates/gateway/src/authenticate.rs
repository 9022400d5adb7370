//! Who is asking. How that is known is the server's matter.

use std::net::SocketAddr;

use access::Principal;
use http::HeaderMap;
use rustls::pki_types::CertificateDer;

/// The other end of a connection.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// Whether the connection is TLS.
    pub tls: bool,
    /// The certificate that it showed and that was verified.
    pub certificate: Option<CertificateDer<'static>>,
}

/// Recognises principals. Called once for each request.
#[async_trait::async_trait]
pub trait Authenticate: Send + Sync {
    /// The principal that these headers and this connection stand for.
    ///
    /// # Errors
    /// [`Unauthenticated`], which becomes 401, or 400 when the request contradicts itself.
    async fn authenticate(&self, headers: &HeaderMap, peer: &Peer) -> Result<Principal, Unauthenticated>;
}

/// Why nobody was recognised.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unauthenticated {
    /// The request carries no credentials.
    #[error("send a token: Authorization: Bearer …")]
    Missing,
    /// It carries some that are not good here.
    #[error("the token is not valid here, or no longer")]
    Invalid,
    /// It carries a token of an identity provider that is not good here.
    #[error("{why}")]
    Refused {
        /// Why, for the client: ASCII without quotation marks (RFC 6750 3).
        why: String,
        /// Whose token it says that it is, for the log and the audit.
        whose: String,
    },
    /// It carries such a token, and the provider cannot be asked for its keys.
    #[error(
        "the identity provider cannot be reached, so its tokens cannot be checked; try again in some seconds"
    )]
    Unavailable,
    /// It carries more than one.
    #[error("the request has more than one Authorization header")]
    Ambiguous,
}
