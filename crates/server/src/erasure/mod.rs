//! `overread erase`: data removed for good, with proof; gone on with after a crash, and by the server when the command
//! went away.

pub mod cli;

use std::fs;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::time::Duration;

use access::{CustodianId, Holding, Principal};
use anyhow::{Context as _, bail};
use archive::{Archive, ErasedHolding, Erasure, Subject};
use audit::{Event as Told, Outcome, Patient, Recorder as _, What};
use identity::{FILE, People};
use model::StudyUid;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::commands::{self, configured, must_exist};
use crate::control::{self, Request};
use crate::event::{Events, Fate, Summary, count, size};
use crate::exit::Exit;
use crate::jobs::{self, Context, Job};
use crate::open::INDEX;
use crate::recording;

/// What the audit calls it.
const SERVICE: &str = "overread erase";
/// How often the server looks for erasures that somebody ordered and nobody ended.
const ROUND: Duration = Duration::from_secs(60);
/// How often a step is tried that a reader of the index holds up, and how long between.
const TRIES: (u32, Duration) = (5, Duration::from_secs(2));

/// What a command asks for; it travels to the server that holds the archive.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Wanted {
    patient: Option<String>,
    issuer: Option<String>,
    study: Option<String>,
    custodian: Option<String>,
    case: Option<String>,
    reason: String,
}

/// What an erasure would take: told before it is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Studies as held by one custodian each.
    studies: u64,
    /// Of those, studies of which only a patient's instances go.
    parts: u64,
    /// Versions of instances.
    versions: u64,
    /// Bytes of their data sets.
    bytes: u64,
    /// Why there is no plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// `overread erase`
pub async fn run(command: cli::Erase, json: bool) -> anyhow::Result<Exit> {
    let config = configured(&command.place)?;
    let folder = config.data.folder.clone();
    must_exist(&folder)?;
    let (wanted, yes) = (Wanted::of(&command), command.yes);
    if let Some(mut session) = control::connect(&folder).await? {
        session.ask(&Request::Erasable(wanted.clone())).await?;
        let plan = session.next::<Plan>().await?.context("the server went away")?;
        if let Some(why) = plan.why {
            bail!("{why}");
        }
        if !confirmed(&plan, yes, json)? {
            return Ok(Exit::Usage);
        }
        return commands::on_archive(&config, Request::Erase(wanted.clone()), Job::Erase(wanted), json).await;
    }
    let opened = commands::Opened::new(&config).await?;
    let planned = plan(&opened.archive, &opened.context, &wanted).await;
    let asked = planned.and_then(|plan| confirmed(&plan, yes, json));
    let exit = match asked {
        Ok(true) => Ok(commands::tell(json, |events| {
            Job::Erase(wanted).run(opened.archive.clone(), &opened.context, events)
        })
        .await),
        Ok(false) => Ok(Exit::Usage),
        Err(error) => Err(error),
    };
    opened.close().await;
    exit
}

/// Shows what would go. Whether it is to go: somebody at a terminal is asked.
fn confirmed(plan: &Plan, yes: bool, json: bool) -> anyhow::Result<bool> {
    let parts = if plan.parts > 0 { format!(" ({} in part)", plan.parts) } else { String::new() };
    let what = format!(
        "{}{parts}, {}, {}",
        count(plan.studies, "study"),
        count(plan.versions, "version"),
        size(plan.bytes)
    );
    if yes {
        return Ok(true);
    }
    if json || !std::io::stdin().is_terminal() {
        eprintln!("overread: would erase for good: {what}. Nothing was done; --yes does it");
        return Ok(false);
    }
    eprint!("Erase for good: {what}. There is no way back. Type yes: ");
    std::io::stderr().flush()?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line.trim() == "yes")
}

impl Wanted {
    fn of(command: &cli::Erase) -> Self {
        Self {
            patient: command.patient.clone(),
            issuer: command.issuer.clone(),
            study: command.study.as_ref().map(ToString::to_string),
            custodian: command.custodian.as_ref().map(ToString::to_string),
            case: command.case.clone(),
            reason: command.reason.clone(),
        }
    }

    fn subject(&self, folder: &Path) -> anyhow::Result<Subject> {
        let custodian: Option<CustodianId> =
            self.custodian.as_deref().map(str::parse).transpose().context("the custodian")?;
        if let Some(study) = &self.study {
            return Ok(Subject::Study { study: study.parse::<StudyUid>().context("the study")?, custodian });
        }
        if let Some(case) = &self.case {
            let holdings = People::open(&folder.join(FILE))?.case(case)?;
            return match holdings.is_empty() {
                true => bail!("there is no case {case} that holds anything"),
                false => Ok(Subject::Holdings(holdings)),
            };
        }
        let id = self.patient.clone().filter(|id| !id.is_empty()).context("a Patient ID is not empty")?;
        Ok(Subject::Patient { id, issuer: self.issuer.clone(), custodian })
    }
}

/// What it would take.
///
/// # Errors
/// When it cannot be erased, with the reason.
pub async fn plan(archive: &Archive, context: &Context, wanted: &Wanted) -> anyhow::Result<Plan> {
    let subject = wanted.subject(&context.folder)?;
    let holdings = archive.erasable(&Principal::console(), &subject).await;
    if let Err(error) = &holdings {
        refused(context, wanted, &error.to_string());
    }
    let mut plan = Plan::default();
    for holding in holdings? {
        plan.studies += 1;
        plan.parts += u64::from(holding.part);
        plan.versions += holding.versions;
        plan.bytes += holding.bytes;
    }
    Ok(plan)
}

impl Plan {
    /// Why there is none.
    pub fn refused(error: &anyhow::Error) -> Self {
        Self { why: Some(format!("{error:#}")), ..Self::default() }
    }
}

/// Does it, from the order to the proof.
pub async fn erase(
    archive: &Archive,
    context: &Context,
    wanted: &Wanted,
    events: &Events,
) -> anyhow::Result<Summary> {
    let Ok(_one) = context.copying.try_lock() else { bail!("a backup or another erasure is running") };
    let subject = wanted.subject(&context.folder)?;
    let ordered = archive.order_erasure(&Principal::console(), &subject, &wanted.reason).await;
    if let Err(error) = &ordered {
        refused(context, wanted, &error.to_string());
    }
    let erasure = ordered?;
    let (total, bytes) = (erasure.count(), erasure.bytes());
    let told = |done| events.progress(done, Some(total), if done == total { bytes } else { 0 });
    finish(archive, context, &erasure, told).await.context(
        "it is out of every answer, but not all of it is gone from the disk yet; the server, or the next start, goes on",
    )?;
    for name in strangers(&context.folder)? {
        events.item(Fate::Noted, name, "no file of this program: look at it yourself").await;
    }
    Ok(Summary::Erase {
        erasure: erasure.sequence,
        studies: erasure.holdings.len() as u64,
        versions: total,
        bytes,
        digest: hex(&erasure.digest()),
    })
}

/// Carries out what was ordered; may be done again from its beginning.
async fn finish(
    archive: &Archive,
    context: &Context,
    erasure: &Erasure,
    progress: impl Fn(u64),
) -> anyhow::Result<()> {
    let who = Principal::console();
    let (most, pause) = TRIES;
    let mut turn = 1;
    while let Err(error) = archive.carry_out(&who, erasure, &progress).await {
        if turn == most {
            return Err(error.into());
        }
        turn += 1;
        tracing::warn!(%error, erasure = erasure.sequence, "a step of an erasure is tried again");
        tokio::time::sleep(pause).await;
    }
    let (folder, names) = (context.folder.clone(), erasure.clone());
    tokio::task::spawn_blocking(move || forget_elsewhere(&folder, &names)).await??;
    for holding in &erasure.holdings {
        rows(erasure, holding).into_iter().for_each(|row| context.trail.record(row));
    }
    // The proof is in the trail before the order goes.
    context.trail.settle().await?;
    Ok(archive.end_erasure(&who, erasure).await?)
}

/// What the archive does not know of: grants and cases that name a study, and indexes that were put aside.
fn forget_elsewhere(folder: &Path, erasure: &Erasure) -> anyhow::Result<()> {
    let whole: Vec<Holding> = erasure
        .holdings
        .iter()
        .filter(|holding| !holding.part)
        .filter_map(|holding| {
            Some(Holding { study: holding.study.parse().ok()?, custodian: holding.custodian.parse().ok()? })
        })
        .collect();
    let of = erasure.holdings.first().and_then(|holding| holding.custodian.parse().ok());
    let patient = erasure.patient.as_ref().zip(of).map(|((id, _), custodian)| (custodian, id.as_str()));
    People::open(&folder.join(FILE))?.forget(&whole, patient)?;
    for left in ["before-rebuild", "rebuild"] {
        jobs::remove_index(&folder.join(INDEX).with_added_extension(left))?;
    }
    fs::File::open(folder)?.sync_all()?;
    Ok(())
}

/// The rows of the audit trail: one for each patient of a study (AUD-003), each with the whole proof.
fn rows(erasure: &Erasure, holding: &ErasedHolding) -> Vec<Told> {
    let mut row = recording::command(What::Delete, SERVICE, Outcome::Success);
    row.study.clone_from(&holding.study);
    row.custodian.clone_from(&holding.custodian);
    row.classes.clone_from(&holding.classes);
    row.detail = format!(
        "erasure {}: {} of this study, {} bytes; {} of {} in all, SHA-256 of their sorted digests {}; {}",
        erasure.sequence,
        count(holding.versions, "version"),
        holding.bytes,
        count(erasure.count(), "version"),
        count(erasure.holdings.len() as u64, "study"),
        hex(&erasure.digest()),
        erasure.reason,
    );
    if holding.patients.is_empty() {
        return vec![row];
    }
    // The ID is what a later question is asked by; the name goes with the images.
    let of = |(id, issuer): &(String, String)| Patient {
        id: id.clone(),
        issuer: issuer.clone(),
        name: String::new(),
    };
    holding.patients.iter().map(|patient| Told { patient: Some(of(patient)), ..row.clone() }).collect()
}

fn refused(context: &Context, wanted: &Wanted, why: &str) {
    let mut row = recording::command(What::Delete, SERVICE, Outcome::Minor);
    row.study = wanted.study.clone().unwrap_or_default();
    row.custodian = wanted.custodian.clone().unwrap_or_default();
    row.detail = why.to_owned();
    context.trail.record(row);
}

/// Carries out what earlier commands or processes ordered.
///
/// # Errors
/// When one cannot be ended: it stays ordered.
pub async fn resume(archive: &Archive, context: &Context) -> anyhow::Result<()> {
    let _one = context.copying.lock().await;
    for erasure in archive.pending_erasures().await? {
        tracing::warn!(erasure = erasure.sequence, "an erasure that was ordered is carried out");
        finish(archive, context, &erasure, |_| ()).await?;
    }
    Ok(())
}

/// Looks for such now and then, until `stop`.
pub async fn keep(archive: Archive, context: std::sync::Arc<Context>, stop: CancellationToken) {
    loop {
        let resumed = tokio::select! {
            resumed = resume(&archive, &context) => resumed,
            () = stop.cancelled() => return,
        };
        if let Err(error) = resumed {
            tracing::error!(
                error = format!("{error:#}"),
                "an erasure is not carried out yet; it is tried again"
            );
        }
        tokio::select! {
            () = tokio::time::sleep(ROUND) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Files in the data folder that are none of ours: copies that somebody made, most likely.
fn strangers(folder: &Path) -> anyhow::Result<Vec<String>> {
    const OURS: [&str; 10] = [
        "lock",
        "control.sock",
        "spool",
        "studies",
        "quarantine",
        "removed",
        "cache",
        "tls",
        "administrator.token",
        "audit.head",
    ];
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let database = [INDEX, trail::DATABASE, FILE].iter().any(|base| {
            name.strip_prefix(base).is_some_and(|rest| ["", "-wal", "-shm", "-journal"].contains(&rest))
        });
        if !database && !OURS.contains(&name.as_str()) {
            found.push(name);
        }
    }
    found.sort();
    Ok(found)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
