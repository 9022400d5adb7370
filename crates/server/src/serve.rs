//! `overread serve`: everything wired, announced, and drained when a signal says so.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use archive::Archive;
use audit::{Recorder as _, What, Who};
use gateway::{Gateway, RenderMetrics};
use identity::{Accounts, Lasts, Links, Recogniser, Sessions};
use metrics_exporter_prometheus::PrometheusHandle;
use pages::{About, Ask, Entry, Site};
use scp::Scp;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use trail::Trail;

use crate::announce::{Announcement, Listening, calling_from, origin, warn_insecure, warn_plain_network};
use crate::certificate::Certificate;
use crate::cli::Serve;
use crate::config::{Config, Listen, Loaded, Mode};
use crate::control;
use crate::doors::{DimseDoor, WebDoor, now};
use crate::exit::Exit;
use crate::providers::SignIn;
use crate::signals::{CUT_SHORT, Signals};
use crate::start::{self, Prepared};
use crate::{erasure, jobs, logging, observe, open, providers, recording, retention, tls};

/// What placing gets of the time to drain; what it does not reach, the next start does.
const PLACING: Duration = Duration::from_secs(3);

/// What answers get that are on their way when the index fails.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Runs the server until a signal ends it.
///
/// # Errors
/// When it cannot start.
pub fn run(flags: &Serve, json: bool) -> anyhow::Result<Exit> {
    let loaded = Loaded::read(flags.config.as_deref(), &flags.overrides())?.validated()?;
    logging::start(&loaded.config.log)?;
    #[cfg(feature = "failpoints")]
    crate::failpoints::set()?;
    let runtime = runtime(loaded.config.process.workers)?;
    let result = runtime.block_on(serve(loaded, json));
    // Whatever still blocks a thread by now was cut.
    runtime.shutdown_background();
    result.map(|()| Exit::Done)
}

fn runtime(workers: usize) -> anyhow::Result<Runtime> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let workers = if workers == 0 { cores.max(2) } else { workers };
    Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .context("the threads for connections cannot be started")
}

async fn serve(loaded: Loaded, json: bool) -> anyhow::Result<()> {
    let Loaded { config, mode, .. } = loaded;
    warn(&config, mode);
    let mut signals = Signals::listen()?;
    // Bound before anything else, so that a taken port is known at once; who connects waits until all is ready.
    let sockets = Sockets::bind(&config).await?;
    let metrics = observe::install()?;
    let (archive, recovered) = open::open(&config).await?;
    if recovered.restored + recovered.quarantined + recovered.deletions > 0 {
        tracing::warn!(
            recovered.restored,
            recovered.quarantined,
            recovered.deletions,
            "taken back what a crash left"
        );
    }
    let trail = recording::open(&config.data.folder, Some(&archive)).await?;
    recording::started(&trail, &config, mode)?;
    let prepared = start::prepare(&config, mode)?;
    let listening = sockets.listening(&config)?;
    let set_up = set_up(&config, mode, &listening)?;
    let server = Server::start(&config, mode, &prepared, sockets, archive.clone(), trail, metrics)?;
    Announcement {
        config: &config,
        mode,
        prepared: &prepared,
        listening: &listening,
        set_up: set_up.as_ref(),
    }
    .print(json);
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "ready");

    let signal = tokio::select! {
        signal = signals.next() => signal,
        error = archive.failed() => {
            // A flush that failed is never believed again (R4): whoever starts the server anew has the spool checked.
            server.drain(LAST_WORDS).await;
            anyhow::bail!("the disk failed under the index, and nothing more can be stored: {error}");
        }
        error = server.trail.failed() => {
            server.drain(LAST_WORDS).await;
            anyhow::bail!("the disk failed under the audit trail, and nothing more can be recorded: {error}");
        }
    };
    tracing::info!(signal, "draining");
    tokio::select! {
        () = server.drain(Duration::from_secs(config.process.drain_seconds)) => {}
        signal = signals.next() => {
            tracing::warn!(signal, "the drain was cut short");
            std::process::exit(CUT_SHORT);
        }
    }
    tracing::info!("stopped");
    Ok(())
}

/// The link for the first account, while there is none and where there are pages to open it on.
fn set_up(config: &Config, mode: Mode, listening: &[Listening]) -> anyhow::Result<Option<start::SetUpLink>> {
    let reached = config.http.base_url.clone().or_else(|| origin(listening));
    match (mode, reached) {
        (Mode::Secure, Some(origin)) => start::first_set_up(&config.data.folder, &origin, now()),
        _ => Ok(None),
    }
}

fn warn(config: &Config, mode: Mode) {
    if mode == Mode::InsecureLoopback {
        warn_insecure();
    }
    if let Some(address) = config.dimse.listen.address()
        && !config.dimse.listen.is_local()
    {
        warn_plain_network(address);
    }
}

/// The listeners' sockets, bound.
struct Sockets {
    http: Option<TcpListener>,
    dimse: Option<TcpListener>,
    dimse_tls: Option<TcpListener>,
    metrics: Option<TcpListener>,
}

impl Sockets {
    async fn bind(config: &Config) -> anyhow::Result<Self> {
        Ok(Self {
            http: bind("http.listen", config.http.listen).await?,
            dimse: bind("dimse.listen", config.dimse.listen).await?,
            dimse_tls: bind("dimse.tls_listen", config.dimse.tls_listen).await?,
            metrics: bind("http.metrics_listen", config.http.metrics_listen).await?,
        })
    }

    /// Where they listen, with the ports that they were given.
    fn listening(&self, config: &Config) -> anyhow::Result<Vec<Listening>> {
        let web = if config.http.tls { "https" } else { "http" };
        let mut listening = Vec::new();
        for (listener, socket) in [
            (web, &self.http),
            ("dimse", &self.dimse),
            ("dimse-tls", &self.dimse_tls),
            ("metrics", &self.metrics),
        ] {
            if let Some(socket) = socket {
                listening.push(Listening { listener, address: socket.local_addr()? });
            }
        }
        Ok(listening)
    }
}

/// Connections that may wait to be accepted: a centre that opens hundreds at once loses none.
const BACKLOG: u32 = 4_096;

fn listen_at(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn bind(key: &str, listen: Listen) -> anyhow::Result<Option<TcpListener>> {
    let Some(address) = listen.address() else { return Ok(None) };
    let bound = listen_at(address);
    bound.map(Some).with_context(|| format!("cannot listen on {address} ({key})"))
}

/// The server while it runs.
struct Server {
    archive: Archive,
    trail: Trail,
    scp: Scp,
    tasks: TaskTracker,
    /// No new work.
    stop: CancellationToken,
    /// No work any more.
    cut: CancellationToken,
}

impl Server {
    fn start(
        config: &Config,
        mode: Mode,
        prepared: &Prepared,
        sockets: Sockets,
        archive: Archive,
        trail: Trail,
        metrics: PrometheusHandle,
    ) -> anyhow::Result<Self> {
        let listening = sockets.listening(config)?;
        let (stop, cut, tasks) = (CancellationToken::new(), CancellationToken::new(), TaskTracker::new());
        let render: RenderMetrics = Arc::new({
            let metrics = metrics.clone();
            move || metrics.render()
        });
        let people = match mode {
            Mode::InsecureLoopback => None,
            Mode::Secure => Some(Arc::new(Recogniser::open(&config.data.folder.join(identity::FILE))?)),
        };
        let Sockets { http, dimse, dimse_tls, metrics: metrics_socket } = sockets;

        let certificate = (config.http.tls || dimse_tls.is_some())
            .then(|| Certificate::open(&prepared.certificate, &prepared.key))
            .transpose()?;
        if let Some(socket) = http {
            let tls = certificate.as_ref().filter(|_| config.http.tls).map(tls::https).transpose()?;
            let web = match (prepared.token, &people) {
                (Some(administrator), Some(people)) => WebDoor::new(administrator, Arc::clone(people)),
                _ if mode == Mode::InsecureLoopback => WebDoor::Open,
                _ => anyhow::bail!("there is nobody who could be let in"),
            };
            let issuers = providers::open(&config.oidc)?;
            let web = web.with_providers(issuers.clone());
            let mut site = Site::new(archive.clone(), about(config, mode, &listening), entry(config, &web)?)
                .with_recorder(Arc::new(trail.clone()))
                .with_trail(config.data.folder.clone(), recording::source(config));
            if let Some(people) = &people {
                let root = root(config, &listening);
                let sign_in = SignIn::new(&config.oidc, &issuers, Arc::clone(people), root);
                site = site.with_providers(Arc::new(sign_in));
            }
            let links = people.as_ref().map(|people| links(config, people)).transpose()?;
            let web_config = gateway_config(config, mode);
            if let Some(links) = &links {
                site = site.with_links(Arc::clone(links), upload_limits(&web_config.limits));
            }
            let web = web.with_visitors(site.visitors());
            let gateway = Gateway::new(archive.clone(), Arc::new(web), web_config)
                .context("the configuration")?
                .with_links(links)
                .with_pages(pages::router(site))
                .with_metrics(Arc::clone(&render))
                .with_recorder(Arc::new(trail.clone()));
            tasks.spawn(gateway.serve(socket, tls, stop.clone()));
        }
        if let Some(socket) = metrics_socket {
            tasks.spawn(gateway::serve_metrics(socket, render, stop.clone()));
        }
        let door = DimseDoor::new(config, people)?;
        let scp = Scp::new(scp_config(config), archive.clone(), door, Arc::new(trail.clone()));
        if let Some(socket) = dimse {
            let scp = scp.clone();
            tasks.spawn(async move { scp.listen(socket, None).await });
        }
        if let (Some(socket), Some(certificate)) = (dimse_tls, &certificate) {
            let (scp, tls) = (scp.clone(), tls::dimse(certificate, &config.tls)?);
            tasks.spawn(async move { scp.listen(socket, Some(tls)).await });
        }
        if let Some(certificate) = certificate {
            let stop = stop.clone();
            tasks.spawn(async move {
                if let Err(error) = certificate.watch(stop).await {
                    tracing::error!(%error, "the certificate is not read again before the next start");
                }
            });
        }
        let control = control::Listener::bind(&config.data.folder)?;
        let jobs = jobs::Context::new(config.data.folder.clone(), trail.clone());
        let jobs = Arc::new(jobs);
        tasks.spawn(erasure::keep(archive.clone(), Arc::clone(&jobs), stop.clone()));
        tasks.spawn(retention::keep(
            archive.clone(),
            Arc::clone(&jobs),
            config.retention.clone(),
            stop.clone(),
        ));
        tasks.spawn(control.serve(archive.clone(), jobs, stop.clone(), cut.clone()));
        tasks.spawn(observe::watch(archive.clone(), trail.clone(), metrics, stop.clone()));
        if let Some(shipper) = recording::shipper(&trail, config)? {
            tasks.spawn(shipper.run(stop.clone()));
        }
        tasks.close();
        Ok(Self { archive, trail, scp, tasks, stop, cut })
    }

    /// Takes no new work, ends what is in progress or cuts it, and has the spool placed, within `time`.
    async fn drain(self, time: Duration) {
        let grace = time.saturating_sub(PLACING);
        self.stop.cancel();
        let cut = async {
            tokio::time::sleep(grace).await;
            self.cut.cancel();
        };
        let ended = async { tokio::join!(self.scp.drain(grace), self.tasks.wait()) };
        tokio::select! {
            _ = ended => {}
            // Whatever does not heed the cut is left behind.
            () = async { cut.await; tokio::time::sleep(Duration::from_millis(200)).await } => {}
        }
        self.trail.record(audit::Event::new(What::Stop, Who::server(), "overread serve"));
        let placed = async {
            // It still asks the archive whose studies are.
            recording::close(&self.trail).await;
            self.archive.close().await;
        };
        if tokio::time::timeout(PLACING, placed).await.is_err() {
            tracing::info!("the rest of the spool is placed at the next start");
        }
    }
}

fn links(config: &Config, people: &Arc<Recogniser>) -> anyhow::Result<Arc<Links>> {
    Ok(Arc::new(Links::open(&config.data.folder.join(identity::FILE), Arc::clone(people))?))
}

/// What is sent by a link is limited as what is sent by STOW-RS.
fn upload_limits(limits: &gateway::Limits) -> pages::UploadLimits {
    pages::UploadLimits { bytes: limits.request_bytes, wait: limits.body_wait, rate: limits.body_bytes }
}

fn entry(config: &Config, web: &WebDoor) -> anyhow::Result<Entry> {
    Ok(match web {
        WebDoor::Open => Entry::Open(access::Principal::loopback()),
        WebDoor::Tokens { .. } => {
            let web = web.clone();
            let behind_https = config.http.base_url.as_deref().is_some_and(|url| url.starts_with("https://"));
            let minutes = |minutes: u32| Duration::from_secs(60 * u64::from(minutes));
            let lasts = Lasts {
                idle: minutes(config.access.session_idle_minutes),
                whole: minutes(60 * config.access.session_hours),
            };
            let accounts = Accounts::open(&config.data.folder.join(identity::FILE))?;
            let stands = Arc::new(move |standing: &_| web.stands(standing));
            let https = config.http.tls || behind_https;
            Entry::Ask(Ask::new(stands, Sessions::new(lasts), accounts, https))
        }
    })
}

fn about(config: &Config, mode: Mode, listening: &[Listening]) -> About {
    let listeners =
        listening.iter().map(|on| pages::Listener { speaks: speaks(on.listener), address: on.address });
    let here = SocketAddr::from(([127, 0, 0, 1], 0));
    About {
        version: env!("CARGO_PKG_VERSION"),
        aet: config.dimse.aet.clone(),
        viewer: config.viewer.folder.is_some(),
        listeners: listeners.collect(),
        dicomweb: format!("{}/dicom-web", root(config, listening)),
        calling: calling_from(config, mode, here.ip()),
    }
}

/// Where clients reach us, without a slash at its end.
fn root(config: &Config, listening: &[Listening]) -> String {
    config.http.base_url.clone().or_else(|| origin(listening)).unwrap_or_default()
}

fn speaks(listener: &str) -> &'static str {
    match listener {
        "https" => "HTTPS",
        "http" => "HTTP",
        "dimse" => "DIMSE",
        "dimse-tls" => "DIMSE over TLS",
        _ => "Metrics",
    }
}

fn gateway_config(config: &Config, mode: Mode) -> gateway::Config {
    let limits = &config.limits;
    gateway::Config {
        base_url: config.http.base_url.clone(),
        origins: config.http.cors_origins.clone(),
        credentials: config.http.cors_credentials,
        viewer: gateway::ViewerConfig {
            folder: config.viewer.folder.clone(),
            study_list: config.viewer.study_list,
        },
        hosts: match mode {
            Mode::InsecureLoopback => gateway::Hosts::Loopback,
            Mode::Secure => gateway::Hosts::Any,
        },
        limits: gateway::Limits {
            connections: limits.http_connections,
            per_address: limits.per_address,
            requests_per_address: limits.requests_per_address,
            requests_per_principal: limits.requests_per_principal,
            failures_per_address: limits.failures_per_address,
            request_bytes: limits.request_bytes,
            drain: Duration::from_secs(config.process.drain_seconds).saturating_sub(PLACING),
            ..gateway::Limits::default()
        },
        ..gateway::Config::default()
    }
}

fn scp_config(config: &Config) -> scp::Config {
    scp::Config {
        limits: dimse::Limits { p_data: config.dimse.max_pdu, ..dimse::Limits::default() },
        associations: config.limits.associations,
        per_address: config.limits.per_address,
        ..scp::Config::default()
    }
}
