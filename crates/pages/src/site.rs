//! What the pages need to know of the server that they belong to.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use access::{Door, Principal};
use archive::Archive;
use audit::{Event, Recorder, Unrecorded};
use http::HeaderMap;
use identity::{Accounts, Lasts, Links, Sessions, Standing};

use crate::assets::Asset;
use crate::cookie;
use crate::desk::Desk;
use crate::links::{self, Limits, Uploads};
use crate::providers::{Logins, Providers};
use crate::session;
use crate::trails::Trails;

/// Who a session stands for now; asked at each request, so that a revocation acts at the next one.
pub type Stands = Arc<dyn Fn(&Standing) -> Option<Principal> + Send + Sync>;

/// Recognises who signed in, by the session's cookie among these headers.
pub type Visitors = Arc<dyn Fn(&HeaderMap) -> Option<Principal> + Send + Sync>;

/// The server as its pages show it.
pub struct Site {
    pub(crate) archive: Archive,
    pub(crate) about: About,
    pub(crate) entry: Entry,
    pub(crate) links: Option<Arc<Links>>,
    pub(crate) uploads: Uploads,
    pub(crate) recorder: Arc<dyn Recorder>,
    pub(crate) providers: Option<Arc<dyn Providers>>,
    pub(crate) logins: Logins,
    pub(crate) trails: Option<Arc<Trails>>,
    /// Shows when a session is about to end; none where there are no sessions.
    pub(crate) session_style: Option<Asset>,
}

/// How people come in.
#[derive(Clone)]
pub enum Entry {
    /// Whoever reaches the pages is let in as this principal: `--insecure-loopback`.
    Open(Principal),
    /// Whoever comes is asked who it is, once; a session stands for it from then on.
    Ask(Ask),
}

/// What it takes to ask.
#[derive(Clone)]
pub struct Ask {
    /// Who a session stands for.
    pub stands: Stands,
    /// Who came in.
    pub sessions: Arc<Sessions>,
    /// Where accounts are asked.
    pub(crate) desk: Desk,
    /// Whether browsers reach the pages by HTTPS; the session's cookie is then bound to it.
    pub https: bool,
}

impl Ask {
    /// Asks these accounts; sessions stand for what `stands` says.
    pub fn new(stands: Stands, sessions: Sessions, accounts: Accounts, https: bool) -> Self {
        Self { stands, sessions: Arc::new(sessions), desk: Desk::new(Arc::new(accounts)), https }
    }

    /// The session's identifier among these headers.
    pub(crate) fn session<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        cookie::SESSION.find(headers, self.https)
    }

    /// What the session stands for, and for whom.
    pub(crate) fn standing(&self, headers: &HeaderMap) -> Option<(Standing, Principal)> {
        let standing = self.sessions.find(self.session(headers)?, Instant::now())?;
        (self.stands)(&standing).map(|principal| (standing, principal))
    }

    /// The same, for those who have a page about themselves: whoever came by a link has not.
    pub(crate) fn insider(&self, headers: &HeaderMap) -> Option<(Standing, Principal)> {
        self.standing(headers).filter(|(_, principal)| principal.door() != Door::Link)
    }

    fn visitor(&self, headers: &HeaderMap) -> Option<Principal> {
        self.standing(headers).map(|(_, principal)| principal)
    }
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
    /// A site that tells nobody what is done on it.
    pub fn new(archive: Archive, about: About, entry: Entry) -> Self {
        let session_style = match &entry {
            Entry::Open(_) => None,
            Entry::Ask(ask) => Some(Asset::of_style("session", session::style(ask.sessions.lasts()))),
        };
        Self {
            archive,
            about,
            entry,
            session_style,
            links: None,
            uploads: Uploads::new(Limits::default()),
            recorder: Arc::new(Unrecorded),
            providers: None,
            logins: Logins::default(),
            trails: None,
        }
    }

    /// Lets links be made and opened. Without them every link looks like one that does not work.
    pub fn with_links(self, links: Arc<Links>, limits: Limits) -> Self {
        Self { links: Some(links), uploads: Uploads::new(limits), ..self }
    }

    /// Tells this recorder what is done. Without one nobody is told.
    pub fn with_recorder(self, recorder: Arc<dyn Recorder>) -> Self {
        Self { recorder, ..self }
    }

    /// Lets people sign in with these identity providers, too.
    pub fn with_providers(self, providers: Arc<dyn Providers>) -> Self {
        Self { providers: Some(providers), ..self }
    }

    /// Shows the audit trail of this data folder, kept by this source, to whoever may administer everything.
    pub fn with_trail(self, folder: PathBuf, source: audit::Source) -> Self {
        Self { trails: Some(Arc::new(Trails::new(folder, source))), ..self }
    }

    /// Recognises for other doors who signed in here; whether a cookie counts there is for them to say.
    pub fn visitors(&self) -> Visitors {
        let entry = self.entry.clone();
        Arc::new(move |headers| entry.visitor(headers))
    }

    /// Who asks; none for somebody who has not signed in, nor for somebody who came by a link: those have pages of their
    /// own.
    pub(crate) fn visitor(&self, headers: &HeaderMap) -> Option<Principal> {
        self.entry.visitor(headers).filter(|visitor| visitor.door() != Door::Link)
    }

    /// For whom the session among these headers stands.
    pub(crate) fn standing(&self, headers: &HeaderMap) -> Option<Standing> {
        match &self.entry {
            Entry::Open(_) => None,
            Entry::Ask(ask) => ask.sessions.find(ask.session(headers)?, Instant::now()),
        }
    }

    /// Where somebody who came by a link belongs.
    pub(crate) fn guest_home(&self, headers: &HeaderMap) -> Option<&'static str> {
        self.entry.visitor(headers).as_ref().and_then(links::home)
    }

    /// Tells what was done, and waits until that is on the disk.
    pub(crate) async fn record_all(&self, events: Vec<Event>) {
        events.into_iter().for_each(|event| self.recorder.record(event));
        if !self.recorder.flushed().await {
            tracing::error!("the audit trail may not have on disk what was done to a link");
        }
    }

    /// How long sessions last; none where there are none.
    pub(crate) fn lasts(&self) -> Option<Lasts> {
        match &self.entry {
            Entry::Open(_) => None,
            Entry::Ask(ask) => Some(ask.sessions.lasts()),
        }
    }

    /// Whether a session can be ended.
    pub(crate) fn has_sessions(&self) -> bool {
        matches!(self.entry, Entry::Ask(_))
    }
}

impl Entry {
    fn visitor(&self, headers: &HeaderMap) -> Option<Principal> {
        match self {
            Entry::Open(principal) => Some(principal.clone()),
            Entry::Ask(ask) => ask.visitor(headers),
        }
    }
}
