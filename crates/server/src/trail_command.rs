//! `overread audit`: the chain verified, rows exported, and who saw a patient's images.

use std::io::Write;
use std::path::Path;

use anyhow::{Context as _, bail};
use audit::chain::Head;
use audit::{Entry, Outcome, Recorder as _, Source, What};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use trail::{DATABASE, Filter, Reader, Row};

use crate::cli::{AuditCommand, Choice, Form};
use crate::commands::configured;
use crate::control::{self, Request};
use crate::event::Event as Told;
use crate::exit::Exit;
use crate::recording;

/// Rows read at a time.
const PAGE: u32 = 1_000;

/// Runs the command, beside a running server or without one.
///
/// # Errors
/// When there is no trail, or it cannot be read.
pub async fn run(command: AuditCommand, json: bool) -> anyhow::Result<Exit> {
    let (place, use_of) = match &command {
        AuditCommand::Verify { place, .. } => (place, "the chain was verified".to_owned()),
        AuditCommand::Export { place, .. } => (place, "rows were exported".to_owned()),
        AuditCommand::Patient { place, id, .. } => {
            (place, format!("the accesses to patient {id} were listed"))
        }
    };
    let config = configured(place)?;
    let folder = config.data.folder.clone();
    if !folder.join(DATABASE).exists() {
        bail!("there is no audit trail at {}", folder.display());
    }
    // What is wrong with the chain is looked for before a row is added to it; a chain that is broken stays as it is.
    if let AuditCommand::Verify { head, .. } = &command {
        let exit = verify(&folder, *head, json)?;
        if exit == Exit::Done || control::connect(&folder).await?.is_some() {
            note(&folder, use_of).await?;
        }
        return Ok(exit);
    }
    note(&folder, use_of).await?;
    let source = recording::source(&config);
    match command {
        AuditCommand::Verify { .. } => Ok(Exit::Done),
        AuditCommand::Export { choice, form, output, .. } => {
            let form = if json { Form::Json } else { form };
            export(&folder, &filter(choice)?, form, &source, output.as_deref())
        }
        AuditCommand::Patient { id, choice, .. } => {
            let filter = Filter { patient: Some(id), ..filter(choice)? };
            let mut out = std::io::stdout().lock();
            each(&folder, &filter, |row| match json {
                true => line(&mut out, &as_json(row)),
                false => line(&mut out, &in_words(row)),
            })?;
            Ok(Exit::Done)
        }
    }
}

/// Has it recorded that the trail is read (AUD-015), after everything that happened before.
async fn note(folder: &Path, use_of: String) -> anyhow::Result<()> {
    record(folder, &Request::AuditUsed { detail: use_of.clone() }, used(use_of)).await
}

/// Has an event recorded: by the server that writes the trail, which is asked so, or here.
pub async fn record(folder: &Path, request: &Request, event: audit::Event) -> anyhow::Result<()> {
    record_with(folder, request, event, |_| ()).await
}

/// The same; here it is done with the trail besides, which the server does when it is asked.
pub async fn record_with(
    folder: &Path,
    request: &Request,
    event: audit::Event,
    besides: impl FnOnce(&trail::Trail),
) -> anyhow::Result<()> {
    if let Some(mut session) = control::connect(folder).await? {
        session.ask(request).await?;
        return match session.next::<Told>().await? {
            Some(Told::Failed { why }) => bail!("{why}"),
            _ => Ok(()),
        };
    }
    let trail = recording::open(folder, None).await?;
    besides(&trail);
    trail.record(event);
    recording::close(&trail).await;
    Ok(())
}

/// The trail was read.
pub fn used(detail: String) -> audit::Event {
    audit::Event { detail, ..recording::command(What::LogUsed, "overread audit", Outcome::Success) }
}

fn verify(folder: &Path, head: Option<Head>, json: bool) -> anyhow::Result<Exit> {
    let report = trail::verify(folder, head)?;
    let exit = if report.problem.is_none() { Exit::Done } else { Exit::Incomplete };
    if json {
        let why = report.problem.as_ref().map(ToString::to_string);
        println!(
            "{}",
            serde_json::json!({
                "event": "summary", "command": "audit-verify", "sound": report.sound, "head": report.head.to_string(),
                "problem": why, "behind_head": report.behind_head, "alarms": report.alarms,
            })
        );
        return Ok(exit);
    }
    match report.problem {
        None => println!("{} rows, each as it was written.", report.sound),
        Some(problem) => {
            println!("WRONG: {problem}. The {} rows before are as they were written.", report.sound)
        }
    }
    if report.alarms > 0 {
        println!(
            "{} alarms of the trail about itself are among them; `overread audit export` shows them.",
            report.alarms
        );
    }
    println!("head {}", report.head);
    Ok(exit)
}

fn export(
    folder: &Path,
    filter: &Filter,
    form: Form,
    source: &Source,
    output: Option<&Path>,
) -> anyhow::Result<Exit> {
    let mut out: Box<dyn Write> = match output {
        None => Box::new(std::io::BufWriter::new(std::io::stdout().lock())),
        Some(file) => {
            let made =
                std::fs::File::create_new(file).with_context(|| format!("cannot make {}", file.display()))?;
            Box::new(std::io::BufWriter::new(made))
        }
    };
    each(folder, filter, |row| {
        let text = match form {
            Form::Dicom => audit::xml::write(&row.entry, source),
            Form::Fhir => audit::fhir::write(&row.entry, source).to_string(),
            Form::Json => as_json(row),
        };
        line(&mut out, &text)
    })?;
    out.flush()?;
    Ok(Exit::Done)
}

/// Each row, in order.
fn each(
    folder: &Path,
    filter: &Filter,
    mut take: impl FnMut(&Row) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let reader = Reader::open(folder)?;
    let mut after = 0;
    loop {
        let rows = reader.rows(filter, after, PAGE)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.sequence;
        rows.iter().try_for_each(&mut take)?;
    }
}

fn line(out: &mut impl Write, text: &str) -> anyhow::Result<()> {
    Ok(writeln!(out, "{text}")?)
}

fn as_json(row: &Row) -> String {
    let hash: String = row.hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut value = serde_json::json!({ "sequence": row.sequence, "hash": hash });
    if let (Some(value), Ok(serde_json::Value::Object(entry))) =
        (value.as_object_mut(), serde_json::to_value(&row.entry))
    {
        value.extend(entry);
        value.insert("time".into(), moment(row.entry.at).into());
    }
    value.to_string()
}

/// One access, for the patient it is about.
fn in_words(row: &Row) -> String {
    let Entry { at, times, event, .. } = &row.entry;
    let from =
        if event.who.address.is_empty() { String::new() } else { format!(" from {}", event.who.address) };
    let to = if event.other.is_empty() { String::new() } else { format!(" ({})", event.other) };
    let often = if *times > 1 { format!(", {times} times") } else { String::new() };
    let failed = if event.outcome == Outcome::Success { "" } else { ", refused" };
    format!(
        "{} {}{from}: {} by {}{to}, study {}{often}{failed}",
        moment(*at),
        event.who.principal(),
        event.what.name(),
        event.service,
        event.study
    )
}

fn moment(at: i64) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at) * 1_000_000)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_else(|| at.to_string())
}

fn filter(choice: Choice) -> anyhow::Result<Filter> {
    Ok(Filter {
        since: choice.since.as_deref().map(millis).transpose()?,
        until: choice.until.as_deref().map(millis).transpose()?,
        patient: choice.patient,
        study: choice.study.map(|study| study.to_string()),
        principal: choice.principal,
    })
}

/// `2026-01-15`, or `2026-01-15T08:30:00Z`.
fn millis(text: &str) -> anyhow::Result<i64> {
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    let time = OffsetDateTime::parse(&whole, &Rfc3339).with_context(|| {
        format!("{text} is no date as in 2026-01-15, nor a time as in 2026-01-15T08:30:00Z")
    })?;
    Ok(i64::try_from(time.unix_timestamp_nanos() / 1_000_000)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        for (text, expected) in [
            ("1970-01-01", Some(0)),
            ("1970-01-02T00:00:00.5Z", Some(86_400_500)),
            ("1970-01-01T01:00:00+01:00", Some(0)),
            ("yesterday", None),
        ] {
            assert_eq!(millis(text).ok(), expected, "{text}");
        }
    }
}
