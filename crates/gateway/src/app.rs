//! The gateway as a whole: its parts, its routes, and the way from a request to its handler.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use access::Principal;
use archive::{Archive, Which};
use audit::{Recorder, RequestId, Unrecorded, Who};
use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use dicomweb::url::{Base, BaseError, Path};
use http::header::{CACHE_CONTROL, HeaderName, VARY, X_CONTENT_TYPE_OPTIONS};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};
use identity::Links;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::audited::{self, Subject, Trace};
use crate::authenticate::{Authenticate, Peer, Unauthenticated};
use crate::config::Config;
use crate::cors::Cors;
use crate::health::{self, RenderMetrics};
use crate::rates::Rates;
use crate::refusal::Refusal;
use crate::viewer::{self, FolderError, Viewer};
use crate::{
    all_bulk, bulk, capabilities, commitment, delete, docs, frames, links, metadata, rendered, retrieve,
    same_origin, search, serve, store, thumbnail, wado_uri, zip_upload,
};

/// Where DICOMweb begins below the base URL.
const SERVICE: &str = "/dicom-web";

/// Why there can be no gateway.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// [`Config::base_url`] is none.
    #[error("http.base_url: {0}")]
    Base(#[from] BaseError),
    /// The viewer's folder cannot be served.
    #[error("viewer.folder: {0}")]
    Viewer(#[from] FolderError),
}

/// The DICOMweb service, ready to be served on a listener.
pub struct Gateway {
    archive: Archive,
    authenticate: Arc<dyn Authenticate>,
    config: Config,
    origin: Option<Base>,
    viewer: Option<Viewer>,
    links: Option<Arc<Links>>,
    pages: Router,
    metrics: Option<RenderMetrics>,
    recorder: Arc<dyn Recorder>,
}

impl Gateway {
    /// A gateway to this archive.
    ///
    /// # Errors
    /// [`SetUpError`] when [`Config::base_url`] is none, or the viewer's folder cannot be served.
    pub fn new(
        archive: Archive,
        authenticate: Arc<dyn Authenticate>,
        config: Config,
    ) -> Result<Self, SetUpError> {
        let origin = config.base_url.as_deref().map(Base::new).transpose()?;
        let root = origin.as_ref().map_or("", path_of);
        let study_list = config.viewer.study_list;
        let folder = config.viewer.folder.as_deref();
        let viewer = folder.map(|folder| Viewer::open(folder, study_list, root)).transpose()?;
        let (pages, recorder) = (Router::new(), Arc::new(Unrecorded));
        Ok(Self {
            archive,
            authenticate,
            config,
            origin,
            viewer,
            links: None,
            pages,
            metrics: None,
            recorder,
        })
    }

    /// Adds routes of others at the root. Their requests carry [`Peer`] (as `Arc<Peer>`) and
    /// `axum::extract::ConnectInfo<SocketAddr>` as extensions.
    pub fn with_pages(self, pages: Router) -> Self {
        Self { pages, ..self }
    }

    /// Lets links be made, listed and withdrawn by `/api/links`.
    pub fn with_links(self, links: Option<Arc<Links>>) -> Self {
        Self { links, ..self }
    }

    /// Gives `/metrics` something to show.
    pub fn with_metrics(self, render: RenderMetrics) -> Self {
        Self { metrics: Some(render), ..self }
    }

    /// Tells this recorder what is done. Without one nobody is told.
    pub fn with_recorder(self, recorder: Arc<dyn Recorder>) -> Self {
        Self { recorder, ..self }
    }

    /// Serves until `stop`, then finishes what is in progress for at most [`crate::Limits::drain`].
    ///
    /// With `tls` it speaks HTTP/2 or HTTP/1.1 as ALPN says, without only HTTP/1.1.
    pub async fn serve(
        self,
        listener: TcpListener,
        tls: Option<Arc<rustls::ServerConfig>>,
        stop: CancellationToken,
    ) {
        let (limits, recorder) = (self.config.limits, Arc::clone(&self.recorder));
        let host = match &self.origin {
            Some(origin) => serve::Host::Only(origin.authority().to_ascii_lowercase()),
            None => self.config.hosts.into(),
        };
        let rates = Arc::new(Rates::new(&limits));
        let address = listener.local_addr().unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0)));
        let router = self.router(address, tls.is_some(), Arc::clone(&rates), stop.clone());
        serve::run(listener, tls, serve::Site { router, host, rates, recorder }, limits, stop).await;
    }

    fn router(self, address: SocketAddr, tls: bool, rates: Arc<Rates>, stop: CancellationToken) -> Router {
        let origin = self.origin.map_or_else(|| listening(address, tls), |origin| origin.to_string());
        // An origin with the service's path behind it is a URL as the origin is.
        let base = Base::new(&format!("{origin}{SERVICE}")).unwrap_or_else(|_| unreachable!("{origin}"));
        let mut secret = [0; 32];
        if let Err(error) = getrandom::fill(&mut secret) {
            tracing::warn!(%error, "no random bytes; boundaries of answers can be guessed");
        }
        let app = App(Arc::new(Shared {
            archive: self.archive,
            authenticate: self.authenticate,
            cors: Cors::new(self.config.origins.clone(), self.config.credentials),
            config: self.config,
            root: origin,
            base,
            viewer: self.viewer,
            links: self.links,
            store_places: store::Places::default(),
            zip_places: Semaphore::new(zip_upload::AT_ONCE),
            secret,
            metrics: self.metrics,
            recorder: self.recorder,
            rates,
            stop,
        }));
        Router::new()
            .route("/dicom-web", any(dicom_web))
            .route("/dicom-web/", any(dicom_web))
            .route("/dicom-web/{*path}", any(dicom_web))
            .route("/wado", any(wado_uri::wado))
            .route("/api/upload", any(zip_upload::upload))
            .route("/api/links", any(links::all))
            .route("/api/links/{link}", any(links::one))
            .route("/healthz", get(health::healthz))
            .route("/readyz", get(health::readyz))
            .route("/metrics", get(health::metrics))
            .route("/docs", get(docs::page))
            .route("/docs/docs.css", get(docs::style))
            .route("/docs/openapi.json", get(docs::openapi))
            .route("/viewer", any(viewer::viewer))
            .route("/viewer/", any(viewer::viewer))
            .route("/viewer/{*path}", any(viewer::viewer))
            .with_state(app)
            .merge(self.pages)
            .fallback(async || Refusal::not_found("There is nothing here. DICOMweb is below /dicom-web."))
    }
}

/// The address by which a client on this machine reaches the listener.
fn listening(address: SocketAddr, tls: bool) -> String {
    let scheme = if tls { "https" } else { "http" };
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("{scheme}://{}", SocketAddr::new(ip, address.port()))
}

/// The path of a base URL: empty when it has none.
fn path_of(base: &Base) -> &str {
    let rest = base.as_str().split_once("://").map_or("", |(_, rest)| rest);
    rest.find('/').map_or("", |at| rest.split_at(at).1)
}

/// What handlers share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct App(Arc<Shared>);

struct Shared {
    archive: Archive,
    authenticate: Arc<dyn Authenticate>,
    config: Config,
    cors: Cors,
    root: String,
    base: Base,
    viewer: Option<Viewer>,
    links: Option<Arc<Links>>,
    store_places: store::Places,
    zip_places: Semaphore,
    secret: [u8; 32],
    metrics: Option<RenderMetrics>,
    recorder: Arc<dyn Recorder>,
    rates: Arc<Rates>,
    stop: CancellationToken,
}

impl App {
    pub(crate) fn archive(&self) -> &Archive {
        &self.0.archive
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    /// Which pages of other origins may call.
    pub(crate) fn cors(&self) -> &Cors {
        &self.0.cors
    }

    /// Where clients reach the server, without a slash at its end.
    pub(crate) fn root(&self) -> &str {
        &self.0.root
    }

    /// The viewer, where one is installed.
    pub(crate) fn viewer(&self) -> Option<&Viewer> {
        self.0.viewer.as_ref()
    }

    /// The links, where it is known who makes them.
    pub(crate) fn links(&self) -> Option<&Arc<Links>> {
        self.0.links.as_ref()
    }

    /// Whom the audit is told.
    pub(crate) fn recorder(&self) -> &dyn Recorder {
        self.0.recorder.as_ref()
    }

    /// `…/dicom-web`.
    pub(crate) fn base(&self) -> &Base {
        &self.0.base
    }

    /// The places of stores that bring metadata.
    pub(crate) fn store_places(&self) -> &store::Places {
        &self.0.store_places
    }

    /// The places of ZIPs that are being taken.
    pub(crate) fn zip_places(&self) -> &Semaphore {
        &self.0.zip_places
    }

    /// Random bytes of this process, for boundaries.
    pub(crate) fn secret(&self) -> &[u8] {
        &self.0.secret
    }

    pub(crate) fn render_metrics(&self) -> Option<&RenderMetrics> {
        self.0.metrics.as_ref()
    }

    pub(crate) fn stopping(&self) -> bool {
        self.0.stop.is_cancelled()
    }

    pub(crate) async fn authenticate(&self, caller: &Caller) -> Result<Principal, Refusal> {
        let found = self.recognise(caller).await;
        if let Err(error) = &found {
            self.0.recorder.record(audited::unrecognised(error, caller.nobody()));
            if matches!(error, Unauthenticated::Invalid | Unauthenticated::Refused { .. }) {
                self.0.rates.failure(caller.peer.address.ip())?;
            }
        }
        let who = found?;
        self.0.rates.principal(&who)?;
        Ok(who)
    }

    /// The same where nobody is refused for it, so that the audit is told nothing.
    pub(crate) async fn recognise(&self, caller: &Caller) -> Result<Principal, Unauthenticated> {
        self.0.authenticate.authenticate(&caller.headers, &caller.peer).await
    }

    /// Tells the audit that somebody asked for what he may not have.
    pub(crate) fn denied(&self, who: &Principal, caller: &Caller, service: &'static str) {
        self.0.recorder.record(audited::restricted(caller.told(who), service));
    }

    /// A trace of what this caller asks, if the audit has room for it.
    pub(crate) fn trace(
        &self,
        who: &Principal,
        caller: &Caller,
        subject: Option<Subject>,
        query: &str,
    ) -> Result<Trace, Refusal> {
        if !self.0.recorder.has_room() {
            return Err(Refusal::unavailable(
                "The audit trail cannot be written. Try again in some seconds.",
            ));
        }
        Ok(Trace::new(&self.0.recorder, caller.told(who), subject, query))
    }

    /// A `Warning` header (PS3.18 8.3.4.2): only characters that a header may have are kept of the text.
    pub(crate) fn warning(&self, text: &str) -> HeaderValue {
        let line = format!("299 {}: {text}", self.base());
        let printable: String =
            line.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(500).collect();
        HeaderValue::from_str(&printable).unwrap_or(HeaderValue::from_static("299 - -"))
    }
}

/// Who sent a request: its headers and the connection's other end.
pub(crate) struct Caller {
    pub(crate) headers: HeaderMap,
    pub(crate) peer: Arc<Peer>,
    pub(crate) request: RequestId,
}

impl FromRequestParts<App> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self::of(app, parts))
    }
}

impl Caller {
    /// Whoever sent the request with this head. A cookie is among the headers only where it counts.
    pub(crate) fn of(app: &App, parts: &Parts) -> Self {
        let peer = parts.extensions.get::<Arc<Peer>>().cloned().unwrap_or_else(nobody);
        let request = parts.extensions.get::<RequestId>().cloned().unwrap_or_else(RequestId::make);
        Self { headers: same_origin::headers(parts, app.cors()), peer, request }
    }

    /// Somebody who was recognised, for the audit.
    pub(crate) fn told(&self, who: &Principal) -> Who {
        Who::new(who.door().name(), who.name(), &self.address()).by(&self.request)
    }

    /// Somebody whom nothing is known of, for the audit.
    pub(crate) fn nobody(&self) -> Who {
        Who::nobody(&self.address()).by(&self.request)
    }

    fn address(&self) -> String {
        self.peer.address.ip().to_canonical().to_string()
    }
}

/// Stands for the peer of a request that came by no connection of ours.
fn nobody() -> Arc<Peer> {
    Arc::new(Peer { address: SocketAddr::from(([0, 0, 0, 0], 0)), tls: false, certificate: None })
}

/// A request to the service, taken apart.
pub(crate) struct Call<'a> {
    pub(crate) app: &'a App,
    pub(crate) who: Principal,
    pub(crate) caller: Caller,
    /// What is told of it.
    pub(crate) trace: Trace,
    /// The query string, percent-encoded.
    pub(crate) query: &'a str,
}

impl Call<'_> {
    /// The values of the `Accept` headers. One that is no text is no media range either.
    pub(crate) fn accept(&self) -> impl Iterator<Item = &str> {
        self.caller.headers.get_all(http::header::ACCEPT).iter().map(|value| value.to_str().unwrap_or(""))
    }
}

async fn dicom_web(State(app): State<App>, request: Request) -> Response {
    match *request.method() {
        Method::POST | Method::DELETE => to_its_end(at_once(app, request)).await,
        _ => at_once(app, request).await,
    }
}

/// What changes something is finished, and told as it ended, even when its client does not wait for the answer.
pub(crate) async fn to_its_end(work: impl Future<Output = Response> + Send + 'static) -> Response {
    match tokio::spawn(work).await.map_err(tokio::task::JoinError::try_into_panic) {
        Ok(response) => response,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        Err(Err(_)) => Refusal::unavailable("The server stops. Try again in some seconds.").into_response(),
    }
}

async fn at_once(app: App, request: Request) -> Response {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let path = Path::parse(parts.uri.path().strip_prefix(SERVICE).unwrap_or_default());
    let route = path.as_ref().map_or("unknown", route_name);
    let allow = path.as_ref().map_or("OPTIONS", Path::allow);
    let answer = answer(&app, &parts, path.map_err(Refusal::from), body);
    respond(&app, &parts, route, allow, started, answer).await
}

/// Has a request answered, unless it is a preflight: within its span, with the headers of every answer, and counted.
pub(crate) async fn respond(
    app: &App,
    parts: &Parts,
    route: &'static str,
    allow: &'static str,
    started: Instant,
    answer: impl Future<Output = Result<Response, Refusal>>,
) -> Response {
    let method = method_name(&parts.method);
    let mut response = match app.cors().preflight(&parts.method, &parts.headers, allow) {
        Some(response) => response,
        None => {
            answer.instrument(span(parts, method, route)).await.unwrap_or_else(IntoResponse::into_response)
        }
    };
    finish(app, &parts.headers, &mut response, started);
    let status = response.status().as_str().to_owned();
    metrics::counter!("overread_http_requests_total", "route" => route, "method" => method, "status" => status)
        .increment(1);
    metrics::histogram!("overread_http_request_seconds", "route" => route, "method" => method)
        .record(started.elapsed().as_secs_f64());
    response
}

/// What lines of the log say of the request that they are about.
fn span(parts: &Parts, method: &str, route: &str) -> tracing::Span {
    let id = parts.extensions.get::<RequestId>().map_or("", RequestId::for_log);
    tracing::info_span!("request", http.method = method, http.route = route, id)
}

async fn answer(
    app: &App,
    parts: &Parts,
    path: Result<Path, Refusal>,
    body: Body,
) -> Result<Response, Refusal> {
    if parts.method == Method::OPTIONS {
        let below = parts.uri.path().strip_prefix(SERVICE).unwrap_or_default();
        return capabilities::options(app.base(), &path?, below, &parts.headers);
    }
    let caller = Caller::of(app, parts);
    let mut body = store::Upload::new(body, &parts.headers, &app.config().limits);
    let answered = async {
        let who = app.authenticate(&caller).await?;
        let path = path?;
        let query = parts.uri.query().unwrap_or("");
        let below = parts.uri.path_and_query().map_or("", |whole| whole.as_str());
        let trace = app.trace(&who, &caller, Subject::of(&parts.method, &path), below)?;
        let call = Call { app, who, caller, trace, query };
        let answered = dispatch(&call, &parts.method, path, &mut body).await;
        call.trace.end(answered.as_ref().map_or_else(Refusal::status, Response::status));
        answered
    }
    .await;
    if answered.is_err() {
        body.drain().await;
    }
    answered
}

async fn dispatch(
    call: &Call<'_>,
    method: &Method,
    path: Path,
    body: &mut store::Upload,
) -> Result<Response, Refusal> {
    match (method, &path, path.store()) {
        (&Method::POST, _, Some(study)) => store::store(call, study, body).await,
        (&Method::POST, &Path::Commitment(transaction), _) => {
            commitment::request(call, transaction, body).await
        }
        (&Method::DELETE, &Path::Retrieve(place), _) => delete::delete(call, place).await,
        (&Method::GET | &Method::HEAD, ..) => match path {
            Path::Search { level, study, series } => search::search(call, level, study, series).await,
            Path::Retrieve(place) => retrieve::retrieve(call, place).await,
            Path::Metadata(place) => metadata::metadata(call, place).await,
            Path::Frames(place, list) => frames::frames(call, place, &list).await,
            Path::Bulk(place, value) => bulk::bulk(call, place, &value).await,
            Path::Commitment(transaction) => commitment::result(call, transaction).await,
            Path::AllBulk(place) => all_bulk::all_bulk(call, place, Which::All).await,
            Path::PixelData(place) => all_bulk::all_bulk(call, place, Which::Pixels).await,
            Path::Rendered(place, list) => rendered::rendered(call, place, list.as_ref()).await,
            Path::Thumbnail(place, list) => thumbnail::thumbnail(call, place, list.as_ref()).await,
            Path::Service => Err(Refusal::method(path.allow())),
        },
        _ => Err(Refusal::method(path.allow())),
    }
}

/// Headers of every answer: patient data belongs into no shared cache and is nothing but what its type says.
/// `Server-Timing` says how long the answer took to begin, in milliseconds, where a browser shows it.
fn finish(app: &App, request: &HeaderMap, response: &mut Response, started: Instant) {
    let headers = response.headers_mut();
    let timing = format!("app;dur={:.1}", started.elapsed().as_secs_f64() * 1e3);
    if let Ok(timing) = HeaderValue::from_str(&timing) {
        headers.insert(HeaderName::from_static("server-timing"), timing);
    }
    for (name, value) in [
        (VARY, "Accept, Accept-Encoding, Authorization, Cookie"),
        (CACHE_CONTROL, "private, no-cache"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // A page of ours has a policy of its own.
    headers
        .entry(HeaderName::from_static("content-security-policy"))
        .or_insert(HeaderValue::from_static("default-src 'none'; sandbox"));
    app.cors().allow(request, headers);
}

fn route_name(path: &Path) -> &'static str {
    match path {
        Path::Service => "service",
        Path::Search { .. } => "search",
        Path::Retrieve(_) => "retrieve",
        Path::Metadata(_) => "metadata",
        Path::Frames(..) => "frames",
        Path::Bulk(..) | Path::AllBulk(_) => "bulkdata",
        Path::Commitment(_) => "commitment",
        Path::PixelData(_) => "pixeldata",
        Path::Rendered(..) => "rendered",
        Path::Thumbnail(..) => "thumbnail",
    }
}

/// The method as a label: what peers invent must not become labels.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A DELETE whose client resets the connection is done all the same, so it must be told as done.
    #[tokio::test]
    async fn what_changes_something_outlives_its_client() {
        let (go, wait) = tokio::sync::oneshot::channel::<()>();
        let (done, told) = tokio::sync::oneshot::channel::<()>();
        let mut asked = Box::pin(to_its_end(async move {
            wait.await.expect("the test goes on");
            done.send(()).expect("the test waits");
            Response::new(Body::empty())
        }));
        assert!(futures::poll!(&mut asked).is_pending());
        drop(asked);
        go.send(()).expect("the work waits");
        told.await.expect("it was finished");
    }

    #[test]
    fn listening_addresses() {
        for (address, tls, expected) in [
            ("127.0.0.1:8080", false, "http://127.0.0.1:8080"),
            ("0.0.0.0:8443", true, "https://127.0.0.1:8443"),
            ("[::]:8443", true, "https://[::1]:8443"),
            ("192.0.2.7:8443", true, "https://192.0.2.7:8443"),
        ] {
            let origin = listening(address.parse().expect("an address"), tls);
            assert_eq!(origin, expected);
            assert!(Base::new(&format!("{origin}{SERVICE}")).is_ok());
        }
    }
}
