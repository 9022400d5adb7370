//! One provider, as it is configured.

use std::fmt;
use std::sync::Arc;

use oidc::Algorithm;

/// One provider, and what we are to it.
#[derive(Clone)]
pub struct Config {
    /// Its name: an https address, letter by letter as its tokens have it.
    pub issuer: String,
    /// Our name in access tokens. Without, none is taken.
    pub audience: Option<String>,
    /// Our name as a client.
    pub client_id: String,
    /// Our secret as a client; without one, codes are redeemed by their verifier alone (RFC 7636).
    pub client_secret: Option<String>,
    /// Algorithms that its signatures may be made by.
    pub algorithms: Vec<Algorithm>,
    /// Whom we trust to vouch for its address.
    pub tls: Arc<rustls::ClientConfig>,
    /// Lets it be asked by plain HTTP on a loopback address, and nowhere else.
    pub insecure_loopback: bool,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}
