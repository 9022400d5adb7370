//! Legal holds: what the archive asks before it deletes, and `overread hold`.

pub mod cli;

use std::path::Path;

use access::{CustodianId, Holding};
use anyhow::{Context as _, bail};
use archive::Holds;
use audit::{Outcome, Patient, What};
use identity::{FILE, Held as On, Hold, People, RegisterError};
use serde_json::{Value, json};

use self::cli::{HeldOn, HoldCommand};
use crate::commands::{configured, must_exist};
use crate::control::Request;
use crate::doors::now;
use crate::exit::Exit;
use crate::people::moment;
use crate::{recording, trail_command};

/// Who makes holds from the command line.
const CONSOLE: &str = "console:console";

/// The register, as the archive asks it.
#[derive(Debug)]
pub struct Held(identity::Holds);

impl Held {
    /// Opens the register at this path.
    ///
    /// # Errors
    /// When it cannot be read: then it is not known what may be deleted.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        Ok(Self(identity::Holds::open(path).context("legal holds cannot be read")?))
    }
}

impl Holds for Held {
    fn on_study(&self, holding: &Holding) -> Result<Option<i64>, String> {
        self.0.on_study(holding).map_err(said)
    }

    fn on_patient(&self, custodian: &CustodianId, id: &str, issuer: &str) -> Result<Option<i64>, String> {
        self.0.on_patient(custodian, id, issuer).map_err(said)
    }

    fn are_patients_held(&self, custodian: &CustodianId) -> Result<bool, String> {
        self.0.are_patients_held(custodian).map_err(said)
    }
}

fn said(error: RegisterError) -> String {
    error.to_string()
}

/// `overread hold`
pub async fn run(hold: cli::Hold, json: bool) -> anyhow::Result<Exit> {
    let folder = configured(&hold.place)?.data.folder;
    must_exist(&folder)?;
    let mut people = People::open(&folder.join(FILE))?;
    match hold.command {
        HoldCommand::Add { on, reason } => {
            let on = on.read()?;
            let number = people.hold(&on, &reason, CONSOLE, now())?;
            match json {
                true => println!("{}", json!({ "hold": number })),
                false => println!("hold {number} on {on}"),
            }
            told(&folder, changed("made", number, &on, &reason)).await
        }
        HoldCommand::List { all } => {
            for hold in people.holds()?.iter().filter(|hold| all || hold.released.is_none()) {
                println!("{}", if json { described(hold).to_string() } else { in_words(hold) });
            }
            Ok(Exit::Done)
        }
        HoldCommand::Release { hold, reason } => {
            let Some(released) = people.release(hold, CONSOLE, now())? else {
                bail!("hold {hold} was released before");
            };
            if !json {
                println!("hold {hold} on {} released", released.on);
            }
            told(&folder, changed("released", hold, &released.on, &reason)).await
        }
    }
}

impl HeldOn {
    fn read(self) -> anyhow::Result<On> {
        let Self { study, patient, issuer, custodian, case } = self;
        let on = match (study, patient, case) {
            (Some(study), _, _) => On::Study(Holding { study, custodian }),
            (_, Some(id), _) => On::Patient { custodian, id, issuer },
            (_, _, Some(case)) => On::Case(case),
            (None, None, None) => bail!("a hold is on a study, a patient or a case"),
        };
        // As data sets have them: padding is no part of an ID.
        if let On::Patient { id, .. } = &on
            && (id.is_empty() || id.trim() != id)
        {
            bail!("a Patient ID is not empty, and has no blank at its ends");
        }
        Ok(on)
    }
}

/// What the audit is told of a hold that was made or released.
pub fn changed(how: &str, number: i64, on: &On, reason: &str) -> audit::Event {
    let mut event = recording::command(What::Configuration, "overread hold", Outcome::Success);
    let because = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    event.detail = format!("legal hold {number} {how} on {on}{because}");
    match on {
        On::Study(holding) => {
            (event.study, event.custodian) = (holding.study.to_string(), holding.custodian.to_string());
        }
        On::Patient { custodian, id, issuer } => {
            let issuer = issuer.clone().unwrap_or_default();
            event.custodian = custodian.to_string();
            event.patient = Some(Patient { id: id.clone(), issuer, name: String::new() });
        }
        On::Case(_) => {}
    }
    event
}

async fn told(folder: &Path, event: audit::Event) -> anyhow::Result<Exit> {
    let request = Request::HoldChanged { event: Box::new(event.clone()) };
    trail_command::record(folder, &request, event)
        .await
        .context("it is done, but the audit trail does not say so")?;
    Ok(Exit::Done)
}

fn described(hold: &Hold) -> Value {
    let on = match &hold.on {
        On::Study(holding) => {
            json!({ "study": holding.study.as_str(), "custodian": holding.custodian.as_str() })
        }
        On::Patient { custodian, id, issuer } => {
            json!({ "patient": id, "issuer": issuer, "custodian": custodian.as_str() })
        }
        On::Case(case) => json!({ "case": case }),
    };
    json!({
        "hold": hold.id,
        "on": on,
        "reason": hold.reason,
        "by": hold.by,
        "since": moment(hold.since),
        "released_by": hold.released.as_ref().map(|(by, _)| by),
        "released": hold.released.as_ref().map(|(_, at)| moment(*at)),
    })
}

fn in_words(hold: &Hold) -> String {
    let on = match &hold.on {
        On::Patient { custodian, id, issuer } => {
            let issuer = issuer.as_ref().map_or(String::new(), |issuer| format!(" of issuer {issuer}"));
            format!("patient {id}{issuer}, held by {custodian}")
        }
        on => on.to_string(),
    };
    let released = hold
        .released
        .as_ref()
        .map_or(String::new(), |(by, at)| format!(", released {} by {by}", moment(*at)));
    // One line, whatever somebody wrote into the reason.
    let line =
        format!("{}  {on}, since {} by {}{released}: {}", hold.id, moment(hold.since), hold.by, hold.reason);
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
