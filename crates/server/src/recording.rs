//! The audit trail of this process: opened, given what it asks, told what commands do, and closed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use access::{CustodianId, Door, Principal, Reach, Rights};
use anyhow::Context as _;
use archive::unpack::SourceError;
use archive::{Archive, Include, InstanceRecord, Level, Query, StoreError, Stored};
use audit::{Event, Outcome, Patient, Recorder, What, Who};
use model::{StudyUid, Tag};
use rustls::pki_types::ServerName;
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;
use trail::{Patients, Trail};
use transfer::{Collector, Shipper};

use crate::config::{Config, Mode};
use crate::tls;

/// Under which key the trail keeps the digests of the last configuration.
const CONFIGURATION: &str = "configuration";

/// Opens the trail of a data folder that is there, and lets it ask the archive whose studies are.
///
/// # Errors
/// When it cannot be used: nothing is done then that cannot be recorded.
pub async fn open(folder: &Path, archive: Option<&Archive>) -> anyhow::Result<Trail> {
    let owned = folder.to_owned();
    let opened = tokio::task::spawn_blocking(move || Trail::open(&owned, trail::Config::default())).await?;
    let trail = opened.context("the audit trail cannot be used")?;
    if let Some(archive) = archive {
        trail.ask_patients(Arc::new(Asking { archive: archive.clone(), runtime: Handle::current() }));
    }
    Ok(trail)
}

/// Writes what is left and ends the recording.
pub async fn close(trail: &Trail) {
    let trail = trail.clone();
    // It blocks on the disk. That its thread failed was said there.
    let _ = tokio::task::spawn_blocking(move || trail.close()).await;
}

/// Who we are in every message.
pub fn source(config: &Config) -> audit::Source {
    let host = || rustix::system::uname().nodename().to_string_lossy().into_owned();
    audit::Source {
        id: config.audit.source_id.clone().unwrap_or_else(host),
        site: config.audit.site_id.clone().unwrap_or_default(),
        aet: config.dimse.aet.clone(),
    }
}

/// Records that the server starts, and what of its configuration is not as it was at the last start.
///
/// # Errors
/// When the trail cannot be read.
pub fn started(trail: &Trail, config: &Config, mode: Mode) -> anyhow::Result<()> {
    let mut start = Event::new(What::Start, Who::server(), "overread serve");
    if mode == Mode::InsecureLoopback {
        start.detail = "--insecure-loopback: nobody is asked who they are".to_owned();
    }
    trail.record(start);
    let now = digests(config)?;
    let before = trail.reader()?.state(CONFIGURATION)?;
    let before: Option<BTreeMap<String, String>> = before.and_then(|text| serde_json::from_str(&text).ok());
    if before.as_ref() == Some(&now) {
        return Ok(());
    }
    if let Some(before) = before {
        let changed: Vec<&str> = now
            .iter()
            .filter(|(section, digest)| before.get(*section) != Some(*digest))
            .map(|(section, _)| section.as_str())
            .collect();
        let mut change = Event::new(What::Configuration, Who::server(), "overread serve");
        change.detail = format!("the configuration was changed in: {}", changed.join(", "));
        trail.record(change);
    }
    trail.set_state(CONFIGURATION, serde_json::to_string(&now)?);
    Ok(())
}

/// SHA-256 of each section of the configuration; it holds no secret.
fn digests(config: &Config) -> anyhow::Result<BTreeMap<String, String>> {
    let serde_json::Value::Object(sections) = serde_json::to_value(config)? else {
        return Ok(BTreeMap::new());
    };
    let digest = |value: &serde_json::Value| -> String {
        Sha256::digest(value.to_string()).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    Ok(sections.iter().map(|(section, value)| (section.clone(), digest(value))).collect())
}

/// A command on this machine, and what came of it.
pub fn command(what: What, service: &str, outcome: Outcome) -> Event {
    Event { outcome, ..Event::new(what, Who::console(), service) }
}

/// A file was taken in, or refused.
pub fn imported(recorder: &dyn Recorder, result: &Result<Stored, SourceError>) {
    let mut event = command(What::Import, "overread import", Outcome::Success);
    event.other = "files on this machine".to_owned();
    match result {
        Ok(stored) => {
            event.study = stored.study().to_string();
            event.custodian = Principal::console().custodian().to_string();
            event.classes.insert(stored.sop_class().to_string(), 1);
        }
        // A file that is no DICOM is nothing that could be taken in.
        Err(SourceError::Store(StoreError::Head(_))) => return,
        Err(_) => {
            event.outcome = Outcome::Minor;
            event.detail = "not stored".to_owned();
        }
    }
    recorder.record(event);
}

/// An instance was sent, or not.
pub fn sent(record: &InstanceRecord, to: &str, outcome: Outcome) -> Event {
    let mut event = command(What::Export, "overread send", outcome);
    event.study = record.study.to_string();
    event.custodian = record.custodian.to_string();
    event.other = to.to_owned();
    event.classes.insert(record.sop_class.to_string(), 1);
    event
}

/// Ships the trail where the configuration says, if it does.
///
/// # Errors
/// When certificates cannot be used.
pub fn shipper(trail: &Trail, config: &Config) -> anyhow::Result<Option<Shipper>> {
    let syslog = &config.audit.syslog;
    let (Some((host, port)), Some(authorities)) = (syslog.address(), &syslog.ca_file) else {
        return Ok(None);
    };
    let read = |file: &Path| {
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
    };
    let own = syslog.certificate_file.as_deref().zip(syslog.key_file.as_deref());
    let own = own.map(|(chain, key)| anyhow::Ok((read(chain)?, read(key)?))).transpose()?;
    let own = own.as_ref().map(|(chain, key)| (chain.as_str(), key.as_str()));
    let tls =
        tls::client(&read(authorities)?, own).context("the certificates of audit.syslog cannot be used")?;
    let name = syslog.tls_name.clone().unwrap_or_else(|| host.to_owned());
    let name = ServerName::try_from(name.clone())
        .with_context(|| format!("{name} is no name that a certificate can have"))?;
    let collector = Collector { host: host.to_owned(), port, tls, name };
    Ok(Some(Shipper::new(trail.clone(), source(config), collector)))
}

/// Asks the archive, on the trail's own thread.
struct Asking {
    archive: Archive,
    runtime: Handle,
}

impl Patients for Asking {
    fn of(&self, study: &str, custodian: Option<&str>) -> Option<Patient> {
        let query = Query {
            study: Some(study.parse::<StudyUid>().ok()?),
            include: Include::Fields(vec![vec![Tag(0x0010, 0x0021)]]),
            limit: Some(1),
            ..Query::of(Level::Study)
        };
        let who = holder(custodian.and_then(|custodian| custodian.parse().ok()));
        let page = self.runtime.block_on(self.archive.search(&who, query));
        match page {
            Ok(page) => page.results.first().and_then(|study| Patient::read(&study.json)),
            Err(error) => {
                tracing::warn!(%error, "the audit does not say whose study it is");
                None
            }
        }
    }
}

/// Whoever sees this custodian's holdings, or all of them.
fn holder(custodian: Option<CustodianId>) -> Principal {
    match custodian {
        None => Principal::console(),
        Some(custodian) => {
            let reach = Reach::custodians(vec![custodian.clone()]);
            Principal::new(Door::Console, "audit", custodian, Rights::STORE_AND_READ, reach)
        }
    }
}
