//! Retention: studies go when their class says so, a few at a time, by the way of every deletion.

pub mod cli;
mod clock;
mod rules;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use access::{CustodianId, Door, Principal, Reach, Rights};
use archive::{Age, Archive, ReadErrorKind};
use audit::{Event as Told, Outcome, Patient, Recorder as _, What, Who, moment};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use trail::Trail;

use self::cli::RetentionCommand;
use self::clock::Judgement;
pub use self::rules::Rule;
use crate::commands::{self, configured, must_exist};
use crate::config::Retention;
use crate::control::Request;
use crate::event::{Events, Fate, Summary};
use crate::exit::Exit;
use crate::jobs::{Context, Job};
use crate::{recording, trail_command};

/// What the audit calls it.
const SERVICE: &str = "retention";
/// Under which key the trail keeps the last look at the clock.
const LOOK: &str = "retention-look";
/// How often it looks what is due.
const ROUND: Duration = Duration::from_secs(60);
/// Studies looked at in one step, and the rest between steps.
const STEP: (u32, Duration) = (200, Duration::from_millis(50));
const HOUR: Duration = Duration::from_secs(3_600);

/// The rules that a plan is made by; they travel to the server that holds the archive.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Planned {
    rules: Vec<Rule>,
}

/// `overread retention`
pub async fn run(command: cli::Retention, json: bool) -> anyhow::Result<Exit> {
    let config = configured(&command.place)?;
    must_exist(&config.data.folder)?;
    match command.command {
        RetentionCommand::Plan => {
            let planned = Planned { rules: config.retention.rules.clone() };
            commands::on_archive(
                &config,
                Request::RetentionPlan(planned.clone()),
                Job::RetentionPlan(planned),
                json,
            )
            .await
        }
        RetentionCommand::TrustClock => {
            let (folder, request) = (&config.data.folder, Request::TrustClock);
            trail_command::record_with(folder, &request, trusted(), trust).await?;
            Ok(Exit::Done)
        }
    }
}

/// What the audit is told of a clock that somebody vouched for.
pub fn trusted() -> Told {
    let detail = "the clock is said to be right; retention goes on".to_owned();
    Told { detail, ..recording::command(What::Configuration, "overread retention", Outcome::Success) }
}

/// The clock is right from now on.
pub fn trust(trail: &Trail) {
    looked(trail, now());
}

/// Keeps a look at the clock.
fn looked(trail: &Trail, now: i64) {
    trail.set_state(LOOK, now.to_string());
}

/// What the rules would remove, and when.
///
/// # Errors
/// When the index cannot be read.
pub async fn plan(archive: &Archive, planned: &Planned, events: &Events) -> anyhow::Result<Summary> {
    let (who, now, mut after) = (principal(), now(), None);
    let (mut due, mut later, mut held) = (0, 0, 0);
    loop {
        let page = archive.ages(&who, after.take(), STEP.0).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.cursor);
        for age in &page {
            let Some((rule, at)) = rules::decide(&planned.rules, &age.custodian, age.newest) else {
                continue;
            };
            let hold = archive.hold_on(&who, &age.custodian, &age.study).await?;
            let why = match hold {
                Some(number) => format!("class {:?}: kept by legal hold {number}", rule.class),
                None if at <= now => format!("class {:?}: due since {}", rule.class, moment(at)),
                None => format!("class {:?}: due at {}", rule.class, moment(at)),
            };
            match hold {
                Some(_) => held += 1,
                None if at <= now => due += 1,
                None => later += 1,
            }
            events.item(Fate::Noted, format!("{}/{}", age.custodian, age.study), why).await;
        }
    }
    Ok(Summary::RetentionPlan { due, later, held })
}

/// Removes what is due, until `stop`. Does nothing without a rule.
pub async fn keep(archive: Archive, context: Arc<Context>, config: Retention, stop: CancellationToken) {
    if config.rules.is_empty() {
        return;
    }
    let mut keeper = Keeper { archive, context, config, hour: Instant::now(), removed: 0, told: false };
    loop {
        let round = tokio::select! {
            round = keeper.round() => round,
            () = stop.cancelled() => return,
        };
        if let Err(error) = round {
            tracing::error!(
                error = format!("{error:#}"),
                "retention could not look at everything; it goes on later"
            );
        }
        tokio::select! {
            () = tokio::time::sleep(ROUND) => {}
            () = stop.cancelled() => return,
        }
    }
}

struct Keeper {
    archive: Archive,
    context: Arc<Context>,
    config: Retention,
    /// Since when `removed` counts.
    hour: Instant,
    removed: u32,
    /// Whether the audit was told that the clock is not believed.
    told: bool,
}

impl Keeper {
    async fn round(&mut self) -> anyhow::Result<()> {
        let now = now();
        // While the disk is down to its reserve nothing is begun that writes.
        if !self.archive.accepts() || !self.is_clock_believed(now).await? {
            return Ok(());
        }
        let (who, mut after) = (principal(), None);
        loop {
            let page = self.archive.ages(&who, after.take(), STEP.0).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.cursor);
            for age in &page {
                let decided = rules::decide(&self.config.rules, &age.custodian, age.newest);
                let Some((rule, at)) = decided.filter(|(_, at)| *at <= now) else { continue };
                let class = rule.class.clone();
                if !self.may_remove() {
                    return Ok(());
                }
                self.remove(&who, age, &class, now.saturating_sub(at.saturating_sub(age.newest))).await?;
            }
            tokio::time::sleep(STEP.1).await;
        }
    }

    async fn is_clock_believed(&mut self, now: i64) -> anyhow::Result<bool> {
        self.context.trail.settle().await?;
        let look = self.context.trail.reader()?.state(LOOK)?.and_then(|look| look.parse().ok());
        let received = match look {
            Some(_) => None,
            None => self.archive.last_received(&principal()).await?,
        };
        if let Judgement::Ahead(by) = clock::judge(look, received, now) {
            metrics::gauge!("overread_retention_clock_ahead_seconds").set(by as f64 / 1e3);
            if !std::mem::replace(&mut self.told, true) {
                let detail = format!(
                    "the clock is {} days ahead of when retention last looked: nothing is removed until `overread retention \
                     trust-clock` says that it is right",
                    by / 86_400_000
                );
                tracing::error!("{detail}");
                let alarm = Told {
                    outcome: Outcome::Serious,
                    detail,
                    ..Told::new(What::Alarm, Who::server(), SERVICE)
                };
                self.context.trail.record(alarm);
            }
            return Ok(false);
        }
        metrics::gauge!("overread_retention_clock_ahead_seconds").set(0.0);
        self.told = false;
        looked(&self.context.trail, now);
        Ok(true)
    }

    /// Whether one more may go this hour.
    fn may_remove(&mut self) -> bool {
        if self.hour.elapsed() >= HOUR {
            (self.hour, self.removed) = (Instant::now(), 0);
        }
        self.removed += 1;
        self.removed <= self.config.per_hour
    }

    /// Removes a study unless something of it came after `until`, or a hold keeps it.
    async fn remove(&self, who: &Principal, age: &Age, class: &str, until: i64) -> anyhow::Result<()> {
        // PS3.16 CID 7011.
        let reason = format!("113039 DCM Data Retention Policy Expired: class {class:?}");
        let removed = self.archive.expire(who, &age.custodian, &age.study, until, SERVICE, &reason).await;
        let outcome = match removed.as_ref().map_err(archive::ReadError::kind) {
            Ok(_) => Outcome::Success,
            // Kept, gone meanwhile, or not as old any more.
            Err(ReadErrorKind::Held | ReadErrorKind::NotFound | ReadErrorKind::Gone) => return Ok(()),
            // One that is too large for a single deletion does not hold up the others.
            Err(ReadErrorKind::Unprocessable) => Outcome::Minor,
            Err(_) => return Err(removed.err().map_or_else(|| anyhow::anyhow!("not removed"), Into::into)),
        };
        let mut row = Told { outcome, detail: reason, ..Told::new(What::Delete, Who::server(), SERVICE) };
        (row.study, row.custodian) = (age.study.to_string(), age.custodian.to_string());
        if !age.patient_id.is_empty() {
            let (id, issuer) = (age.patient_id.clone(), age.issuer.clone());
            row.patient = Some(Patient { id, issuer, name: String::new() });
        }
        self.context.trail.record(row);
        Ok(())
    }
}

/// On whose behalf: the server itself.
fn principal() -> Principal {
    Principal::new(Door::Console, SERVICE, CustodianId::local(), Rights::ALL, Reach::Everything)
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
