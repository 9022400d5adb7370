//! `overread send`: files, or studies of the archive, to another application by C-STORE.

use std::fs;
use std::path::{Path, PathBuf};

use access::Principal;
use anyhow::{Context, bail};
use archive::{Archive, InstanceRecord, ReadError, Target};
use audit::{Outcome, Recorder, Unrecorded};
use model::StudyUid;
use rustls::pki_types::ServerName;
use serde::{Deserialize, Serialize};
use tokio::task::block_in_place;
use transfer::{Delivery, Destination, Outgoing, Route};

use crate::cli::Send;
use crate::config::Config;
use crate::event::{Events, Fate, Summary};
use crate::import::{Found, Walk};
use crate::recording;
use crate::tls;

/// Instances that wait in a delivery: their pairs of class and syntax are proposed together.
const WAITING: usize = 1_000;

/// What is to be sent where. It travels to the server that holds the archive, so certificates are in it as text: the
/// server may not be allowed to read the files.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    called: String,
    host: String,
    port: u16,
    calling: String,
    studies: Vec<String>,
    tls: Option<Tls>,
}

/// TLS to the peer; PEM texts.
#[derive(Clone, Serialize, Deserialize)]
struct Tls {
    authorities: String,
    name: String,
    /// Our chain and its key.
    own: Option<(String, String)>,
}

/// Without the key.
impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tls({})", self.name)
    }
}

impl Order {
    /// The order of a command line. Reads the certificates.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn of(command: &Send, config: &Config) -> anyhow::Result<Self> {
        let tls = match &command.tls {
            None => None,
            Some(authorities) => {
                let own = command.tls_certificate.as_ref().zip(command.tls_key.as_ref());
                Some(Tls {
                    authorities: read(authorities)?,
                    name: command.tls_name.clone().unwrap_or_else(|| command.to.host.clone()),
                    own: own.map(|(chain, key)| anyhow::Ok((read(chain)?, read(key)?))).transpose()?,
                })
            }
        };
        let order = Self {
            called: command.to.aet.to_string(),
            host: command.to.host.clone(),
            port: command.to.port,
            calling: command.aet.map_or_else(|| config.dimse.aet.clone(), |aet| aet.to_string()),
            studies: command.study.iter().map(ToString::to_string).collect(),
            tls,
        };
        // What is wrong with it is said here, before anything is asked of a server.
        order.route()?;
        Ok(order)
    }

    fn route(&self) -> anyhow::Result<Route> {
        let tls = match &self.tls {
            None => None,
            Some(tls) => {
                let own = tls.own.as_ref().map(|(chain, key)| (chain.as_str(), key.as_str()));
                Some(transfer::Tls {
                    config: tls::client(&tls.authorities, own)
                        .context("the certificates given for TLS cannot be used")?,
                    name: ServerName::try_from(tls.name.clone())
                        .with_context(|| format!("{} is no name that a certificate can have", tls.name))?,
                })
            }
        };
        Ok(Route {
            to: Destination { aet: self.called.parse()?, host: self.host.clone(), port: self.port },
            calling: self.calling.parse()?,
            tls,
            originator: None,
        })
    }
}

fn read(file: &Path) -> anyhow::Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

/// Sends studies of the archive, as stored.
///
/// # Errors
/// When a study is not here, or the peer cannot be reached.
pub async fn studies(
    archive: &Archive,
    order: &Order,
    recorder: &dyn Recorder,
    events: &Events,
) -> anyhow::Result<Summary> {
    let who = Principal::console();
    let mut studies = Vec::new();
    let mut total = 0;
    for study in &order.studies {
        let study: StudyUid = study.parse()?;
        let target = Target { study, series: None, instance: None, custodian: None, version: None };
        let (groups, instances) = archive.counted(&who, target).await.with_context(|| study.to_string())?;
        // Counted first, so that the bar has an end.
        total += groups.iter().map(|group| group.instances).sum::<u64>();
        studies.push((study, instances.again()));
    }
    let mut sending = Sending { recorder, ..Sending::new(order, total, events)? };
    for (study, mut instances) in studies {
        loop {
            match instances.next_page().await {
                Ok(page) if page.is_empty() => break,
                Ok(page) => {
                    for record in page {
                        sending.add_record(archive, record).await?;
                    }
                }
                // Deleted meanwhile: the other studies are sent all the same.
                Err(error @ (ReadError::Gone(_) | ReadError::Changed(_))) => {
                    sending.refuse(study.to_string(), error.to_string()).await;
                    break;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
    sending.finish().await
}

/// Sends files, and those below folders.
///
/// # Errors
/// When the peer cannot be reached.
pub async fn files(paths: Vec<PathBuf>, order: &Order, events: &Events) -> anyhow::Result<Summary> {
    // Folders and files are read here, and nothing else waits for this thread.
    let total = block_in_place(|| Walk::of(&paths).filter(Result::is_ok).count()) as u64;
    let mut sending = Sending::new(order, total, events)?;
    let mut walk = Walk::of(&paths);
    while let Some(found) = block_in_place(|| walk.next()) {
        match found {
            Ok(found) => sending.add_file(found).await?,
            Err(unreadable) => {
                sending.refuse(unreadable.path.display().to_string(), unreadable.error.to_string()).await;
            }
        }
    }
    sending.finish().await
}

/// A delivery and what came of it so far.
struct Sending<'a> {
    delivery: Delivery,
    /// Told of what is sent out of the archive.
    recorder: &'a dyn Recorder,
    to: String,
    events: &'a Events,
    total: u64,
    sent: u64,
    failed: u64,
    left_out: u64,
    bytes: u64,
}

impl<'a> Sending<'a> {
    fn new(order: &Order, total: u64, events: &'a Events) -> anyhow::Result<Self> {
        let delivery = Delivery::new(order.route()?, transfer::Limits::default());
        let to = format!("{}@{}:{}", order.called, order.host, order.port);
        Ok(Self {
            delivery,
            recorder: &Unrecorded,
            to,
            events,
            total,
            sent: 0,
            failed: 0,
            left_out: 0,
            bytes: 0,
        })
    }

    async fn add_record(&mut self, archive: &Archive, record: InstanceRecord) -> anyhow::Result<()> {
        let what = record.sop_instance.to_string();
        match Outgoing::stored(archive, record) {
            Ok(outgoing) => self.add(outgoing).await,
            Err(error) => {
                self.refuse(what, error.to_string()).await;
                Ok(())
            }
        }
    }

    async fn add_file(&mut self, found: Found) -> anyhow::Result<()> {
        let what = found.path.display().to_string();
        match block_in_place(|| Outgoing::file(found.path)) {
            Ok(outgoing) => return self.add(outgoing).await,
            Err(error) if error.is_no_instance() && !found.named => {
                self.left_out += 1;
                self.events.item(Fate::LeftOut, what, error.to_string()).await;
            }
            Err(error) => self.refuse(what, error.to_string()).await,
        }
        Ok(())
    }

    async fn add(&mut self, outgoing: Outgoing) -> anyhow::Result<()> {
        self.delivery.push(outgoing);
        if self.delivery.waiting() >= WAITING {
            self.deliver().await?;
        }
        Ok(())
    }

    async fn refuse(&mut self, what: String, why: String) {
        self.failed += 1;
        self.events.item(Fate::Refused, what, why).await;
    }

    /// Sends what waits.
    async fn deliver(&mut self) -> anyhow::Result<()> {
        loop {
            let (done, total, before) = (self.sent + self.failed + self.left_out, self.total, self.bytes);
            let tell = |written| self.events.progress(done, Some(total), before + written);
            let sent = match self.delivery.next(tell).await {
                Ok(Some(sent)) => sent,
                Ok(None) => return Ok(()),
                Err(error) if self.sent == 0 => return Err(error.into()),
                Err(error) => bail!("{error}; {} sent before", self.sent),
            };
            if let Some(record) = sent.outgoing.record() {
                let outcome = if sent.result.is_ok() { Outcome::Success } else { Outcome::Minor };
                self.recorder.record(recording::sent(record, &self.to, outcome));
            }
            match sent.result {
                Ok(delivered) => {
                    self.sent += 1;
                    self.bytes += delivered.bytes;
                    if let Some(warning) = delivered.warning() {
                        self.events.item(Fate::Noted, sent.outgoing.to_string(), warning).await;
                    }
                }
                Err(error) => self.refuse(sent.outgoing.to_string(), error.to_string()).await,
            }
        }
    }

    async fn finish(mut self) -> anyhow::Result<Summary> {
        self.deliver().await?;
        self.delivery.finish().await;
        Ok(Summary::Send { sent: self.sent, failed: self.failed, bytes: self.bytes })
    }
}
