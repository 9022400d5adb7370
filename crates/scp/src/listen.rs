//! Listeners: accept connections, give each a place, and stop in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use archive::Archive;
use audit::Recorder;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::places::{Place, Places};
use crate::serve::{From, serve};
use crate::services::Services;
use crate::{Callers, Config, audited, record};

/// How long a listener rests when the system has no file descriptor for a connection.
const REST: Duration = Duration::from_millis(50);

/// The DIMSE edge. Cheap to clone.
#[derive(Clone)]
pub struct Scp {
    shared: Arc<Shared>,
}

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) archive: Archive,
    pub(crate) callers: Box<dyn Callers>,
    pub(crate) recorder: Arc<dyn Recorder>,
    pub(crate) services: Services,
    pub(crate) large_reads: Arc<Semaphore>,
    pub(crate) draining: CancellationToken,
    pub(crate) cutting: CancellationToken,
    places: Arc<Places>,
    tasks: TaskTracker,
}

impl Scp {
    /// An edge that stores into `archive` for whom `callers` let in, and tells `recorder`. It listens nowhere yet.
    pub fn new(
        config: Config,
        archive: Archive,
        callers: impl Callers + 'static,
        recorder: Arc<dyn Recorder>,
    ) -> Self {
        record::describe();
        let shared = Shared {
            places: Places::new(&config),
            services: Services::new(archive.clone()),
            large_reads: Arc::new(Semaphore::new(config.large_reads)),
            draining: CancellationToken::new(),
            cutting: CancellationToken::new(),
            tasks: TaskTracker::new(),
            callers: Box::new(callers),
            recorder,
            archive,
            config,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Accepts connections, over TLS when `tls` is given, until [`Scp::drain`]. Call it once for each listener.
    pub async fn listen(&self, listener: TcpListener, tls: Option<Arc<ServerConfig>>) {
        let tls = tls.map(TlsAcceptor::from);
        let mut failing = false;
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.shared.draining.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    failing = false;
                    self.admit(stream, peer, tls.as_ref());
                }
                Err(error) => {
                    // Said once for as long as it lasts.
                    if !std::mem::replace(&mut failing, true) {
                        tracing::error!(%error, "cannot accept DIMSE connections");
                    }
                    tokio::time::sleep(REST).await;
                }
            }
        }
    }

    /// Stops: no new associations; those on which nothing is under way are aborted soon, the others get `grace` and are
    /// aborted then. Returns when all are over.
    pub async fn drain(&self, grace: Duration) {
        self.shared.draining.cancel();
        self.shared.tasks.close();
        if timeout(grace, self.shared.tasks.wait()).await.is_err() {
            self.shared.cutting.cancel();
            self.shared.tasks.wait().await;
        }
    }

    fn admit(&self, stream: TcpStream, peer: SocketAddr, tls: Option<&TlsAcceptor>) {
        let Some(place) = self.shared.places.take(peer.ip()) else {
            record::turned_away("no_place");
            return;
        };
        // Answers are small and written whole: they should leave at once.
        let _ = stream.set_nodelay(true);
        let shared = Arc::clone(&self.shared);
        match tls.cloned() {
            None => {
                let from = From { peer, tls: false, certificate: None, full: !place.is_served() };
                self.shared.tasks.spawn(plain(stream, shared, from, place));
            }
            Some(acceptor) => {
                self.shared.tasks.spawn(encrypted(stream, acceptor, peer, shared, place));
            }
        }
    }
}

async fn plain(stream: TcpStream, shared: Arc<Shared>, from: From, place: Place) {
    let _open = place.is_served().then(record::Open::new);
    serve(stream, shared, from).await;
    drop(place);
}

async fn encrypted(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    peer: SocketAddr,
    shared: Arc<Shared>,
    place: Place,
) {
    let _open = place.is_served().then(record::Open::new);
    // The handshake's state is large and short-lived.
    let handshake = Box::pin(timeout(shared.config.tls_handshake, acceptor.accept(stream)));
    let failure = match handshake.await {
        Ok(Ok(stream)) => {
            let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
            let certificate = certificate.map(|certificate| certificate.to_vec());
            let from = From { peer, tls: true, certificate, full: !place.is_served() };
            serve(stream, shared, from).await;
            drop(place);
            return;
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it took too long".to_owned(),
    };
    record::turned_away("tls");
    shared.recorder.record(audited::no_tls(peer, &failure));
    tracing::warn!(peer.address = %peer, reason = %failure.escape_debug(), "a TLS handshake failed");
}
