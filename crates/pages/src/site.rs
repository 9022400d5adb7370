//! What the pages need to know of the server that they belong to.

use std::net::SocketAddr;
use std::sync::Arc;

use access::Principal;
use archive::Archive;
use audit::{Recorder, Unrecorded};
use http::HeaderMap;

use crate::session::{self, Sessions};

/// Recognises the holder of a token by the token's SHA-256; asked at each request, so that a revocation ends sessions.
pub type Authenticate = Arc<dyn Fn(&[u8; 32]) -> Option<Principal> + Send + Sync>;

/// Recognises who signed in, by the session's cookie among these headers.
pub type Visitors = Arc<dyn Fn(&HeaderMap) -> Option<Principal> + Send + Sync>;

/// The server as its pages show it.
pub struct Site {
    pub(crate) archive: Archive,
    pub(crate) about: About,
    pub(crate) entry: Entry,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) recorder: Arc<dyn Recorder>,
}

/// How people come in.
#[derive(Clone)]
pub enum Entry {
    /// Whoever reaches the pages is let in as this principal: `--insecure-loopback`.
    Open(Principal),
    /// With a token, which a form takes once and a session stands for from then on.
    Token {
        /// Recognises the token.
        authenticate: Authenticate,
        /// Whether browsers reach the pages by HTTPS; the session's cookie is then bound to it.
        https: bool,
    },
}

/// What the home page tells.
#[derive(Clone, Debug)]
pub struct About {
    /// The version of this program.
    pub version: &'static str,
    /// Our AE title.
    pub aet: String,
    /// Whether a viewer is served at `/viewer`.
    pub viewer: bool,
    /// Where the server listens.
    pub listeners: Vec<Listener>,
    /// The DICOMweb root as an absolute URL without a slash at its end.
    pub dicomweb: String,
    /// An AE title that may call from this machine, for the example.
    pub calling: Option<String>,
}

/// One listener.
#[derive(Clone, Debug)]
pub struct Listener {
    /// What it speaks, in words: `DIMSE`, `DIMSE over TLS`, `HTTPS`.
    pub speaks: &'static str,
    /// Where.
    pub address: SocketAddr,
}

impl Site {
    /// A site without sessions yet.
    pub fn new(archive: Archive, about: About, entry: Entry) -> Self {
        Self { archive, about, entry, sessions: Arc::default(), recorder: Arc::new(Unrecorded) }
    }

    /// Tells this recorder what is done. Without one nobody is told.
    pub fn with_recorder(self, recorder: Arc<dyn Recorder>) -> Self {
        Self { recorder, ..self }
    }

    /// Recognises for other doors who signed in here; whether a cookie counts there is for them to say.
    pub fn visitors(&self) -> Visitors {
        let (entry, sessions) = (self.entry.clone(), Arc::clone(&self.sessions));
        Arc::new(move |headers| visitor(&entry, &sessions, headers))
    }

    /// Who asks; none for somebody who has not signed in.
    pub(crate) fn visitor(&self, headers: &HeaderMap) -> Option<Principal> {
        visitor(&self.entry, &self.sessions, headers)
    }

    /// Whether a session can be ended.
    pub(crate) fn has_sessions(&self) -> bool {
        matches!(self.entry, Entry::Token { .. })
    }
}

fn visitor(entry: &Entry, sessions: &Sessions, headers: &HeaderMap) -> Option<Principal> {
    match entry {
        Entry::Open(principal) => Some(principal.clone()),
        Entry::Token { https, authenticate } => authenticate(&sessions.find(session::id(headers, *https)?)?),
    }
}
