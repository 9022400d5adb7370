//! Who may call: the question that this crate asks, and that the server answers.

use std::net::SocketAddr;

use access::Principal;
use dimse::Reject;
use dimse::pdu::UserIdentity;
use model::AeTitle;

/// Somebody asks for an association.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The AE title called.
    pub called: AeTitle,
    /// The AE title that calls.
    pub calling: AeTitle,
    /// From where.
    pub peer: SocketAddr,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// The client's certificate as DER, verified against the configured authorities; `None` when none was shown.
    pub certificate: Option<&'a [u8]>,
    /// User identity (PS3.7 D.3.3.7). Without a policy for it, it is ignored, as the Standard allows.
    pub identity: Option<&'a UserIdentity>,
}

/// Somebody who is let in.
#[derive(Clone, Debug)]
pub struct Admission {
    /// On whose behalf instances are stored.
    pub principal: Principal,
    /// The server response of an authenticated user identity, sent when the peer asked for one; empty for a user name.
    pub identity: Option<Vec<u8>>,
}

impl From<Principal> for Admission {
    fn from(principal: Principal) -> Self {
        Self { principal, identity: None }
    }
}

/// Decides who may call. Closures are callers too.
pub trait Callers: Send + Sync {
    /// Lets the caller in, or says why not.
    ///
    /// # Errors
    /// The rejection that the caller is sent.
    fn admit(&self, call: &Call<'_>) -> Result<Admission, Reject>;
}

impl<F> Callers for F
where
    F: Fn(&Call<'_>) -> Result<Admission, Reject> + Send + Sync,
{
    fn admit(&self, call: &Call<'_>) -> Result<Admission, Reject> {
        self(call)
    }
}
