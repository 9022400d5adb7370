//! `overread account`, `token`, `aet` and `link`: who is known here, changed beside a running server.

pub mod cli;
pub mod links;

use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

use access::{Grant, On, Role};
use anyhow::{Context as _, bail};
use audit::{Outcome, What};
use identity::{Certificate, FILE, Fresh, Kind, Known, People, Subject};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use self::cli::{Account, AccountCommand, Aet, AetCommand, Token, TokenCommand};
use crate::announce::{Listening, origin};
use crate::cli::Place;
use crate::commands::{configured, must_exist};
use crate::control::Request;
use crate::doors::now;
use crate::exit::Exit;
use crate::{recording, start, trail_command};

/// Bytes of a password's line that are read.
const LINE: u64 = 4_096;
/// Seconds of an hour.
const HOUR: u32 = 3_600;

/// `overread account`
pub async fn account(account: Account, json: bool) -> anyhow::Result<Exit> {
    let (mut people, folder) = open(&account.place)?;
    let done = match account.command {
        AccountCommand::Add { name, custodian } => {
            people.add(Kind::Account, &name, &custodian, now())?;
            format!("account {name} made, for {custodian}")
        }
        AccountCommand::List => return list(&mut people, Kind::Account, json),
        AccountCommand::Disable { name } => {
            people.set_disabled(Kind::Account, &name, true)?;
            format!("account {name} disabled")
        }
        AccountCommand::Enable { name } => {
            people.set_disabled(Kind::Account, &name, false)?;
            format!("account {name} enabled")
        }
        AccountCommand::Password { name, file } => {
            people.set_password(&name, &secret(file.as_deref())?, now())?;
            format!("password of account {name} set")
        }
        AccountCommand::SetupLink { name } => {
            let fresh = people.set_up_link(&name, now())?;
            show_link(
                &name,
                &start::set_up_link(&reached(&account.place)?, &fresh.token),
                fresh.expires_at,
                json,
            );
            format!("set-up link for account {name} made, good until {}", moment(fresh.expires_at))
        }
        AccountCommand::ResetFactor { name } => {
            people.reset_factor(&name)?;
            format!("second factor of account {name} reset")
        }
        AccountCommand::Grant { what, until } => {
            let grant = Grant { role: what.role, on: what.on, until };
            let kind = Kind::from(what.kind);
            people.grant(kind, &what.name, &grant, now())?;
            let until = until.map_or(String::new(), |until| format!(" until {}", moment(until)));
            format!("{} {} is {} on {}{until}", kind.name(), what.name, grant.role, grant.on)
        }
        AccountCommand::Revoke(what) => {
            if !people.revoke(what.kind.into(), &what.name, what.role, &what.on)? {
                bail!("{} is no {} on {}", what.name, what.role, what.on);
            }
            let kind = Kind::from(what.kind);
            format!("{} {} is no longer {} on {}", kind.name(), what.name, what.role, what.on)
        }
        AccountCommand::Link(what) => {
            let kind = Kind::from(what.kind);
            people.link_subject(kind, &what.name, &what.subject(), now())?;
            format!("{} {} is {} of {}", kind.name(), what.name, what.subject, what.issuer)
        }
        AccountCommand::Unlink(what) => {
            let kind = Kind::from(what.kind);
            if !people.unlink_subject(kind, &what.name, &what.subject())? {
                bail!("{} is not {} of {}", what.name, what.subject, what.issuer);
            }
            format!("{} {} is no longer {} of {}", kind.name(), what.name, what.subject, what.issuer)
        }
    };
    told(&folder, done).await
}

/// `overread token`
pub async fn token(token: Token, json: bool) -> anyhow::Result<Exit> {
    let (mut people, folder) = open(&token.place)?;
    let done = match token.command {
        TokenCommand::Add { name, custodian, role, on, days } => {
            people.add(Kind::Token, &name, &custodian, now())?;
            let mut first = String::new();
            if let (Some(role), Some(on)) = (role, on) {
                first = format!(", {role} on {on}");
                people.grant(Kind::Token, &name, &Grant { role, on, until: None }, now())?;
            }
            match people.make_token(&name, days, 0, now()) {
                Ok(fresh) => show(&name, &fresh, json),
                Err(error) => {
                    people.remove(Kind::Token, &name)?;
                    return Err(error.into());
                }
            }
            format!("token of {name} made, for {custodian}{first}")
        }
        TokenCommand::List => return list(&mut people, Kind::Token, json),
        TokenCommand::Rotate { name, days, overlap_hours } => {
            let overlap = u32::from(overlap_hours) * HOUR;
            show(&name, &people.make_token(&name, days, overlap, now())?, json);
            format!("token of {name} rotated")
        }
        TokenCommand::Revoke { name } => {
            people.remove(Kind::Token, &name)?;
            format!("token of {name} revoked")
        }
    };
    told(&folder, done).await
}

/// `overread aet`
pub async fn aet(aet: Aet, json: bool) -> anyhow::Result<Exit> {
    let (mut people, folder) = open(&aet.place)?;
    let done = match aet.command {
        AetCommand::Add { title, custodian, certificate } => {
            let certificate = certificate.as_deref().map(fingerprint).transpose()?;
            let title = title.to_string();
            let bound =
                if certificate.is_some() { "bound to a certificate" } else { "without a certificate" };
            let made = format!("AE title {title} made, for {custodian}, {bound}");
            people.add(Kind::AeTitle, &title, &custodian, now())?;
            people.bind(&title, certificate)?;
            let grant = Grant { role: Role::Centre, on: On::Custodian(custodian), until: None };
            people.grant(Kind::AeTitle, &title, &grant, now())?;
            made
        }
        AetCommand::List => return list(&mut people, Kind::AeTitle, json),
        AetCommand::Bind { title, certificate } => {
            people.bind(&title.to_string(), Some(fingerprint(&certificate)?))?;
            format!("AE title {title} bound to another certificate")
        }
        AetCommand::Remove { title } => {
            people.remove(Kind::AeTitle, &title.to_string())?;
            format!("AE title {title} removed")
        }
    };
    told(&folder, done).await
}

fn open(place: &Place) -> anyhow::Result<(People, PathBuf)> {
    let folder = configured(place)?.data.folder;
    must_exist(&folder)?;
    Ok((People::open(&folder.join(FILE))?, folder))
}

/// Has it recorded what was changed.
async fn told(folder: &Path, detail: String) -> anyhow::Result<Exit> {
    let request = Request::AccessChanged { detail: detail.clone() };
    trail_command::record(folder, &request, changed(detail))
        .await
        .context("it is done, but the audit trail does not say so")?;
    Ok(Exit::Done)
}

/// Who is known, or what somebody may do, was changed.
pub fn changed(detail: String) -> audit::Event {
    audit::Event { detail, ..recording::command(What::Configuration, "overread account", Outcome::Success) }
}

/// Where browsers reach the server of this configuration, without a slash at its end.
fn reached(place: &Place) -> anyhow::Result<String> {
    let config = configured(place)?;
    let listener = if config.http.tls { "https" } else { "http" };
    let listening = config.http.listen.address().map(|address| Listening { listener, address });
    let reached = config.http.base_url.or_else(|| origin(listening.as_slice()));
    reached.context("http.listen is off: there is no page that could take a link")
}

/// The link, alone on its line.
fn show_link(name: &str, link: &str, expires_at: i64, json: bool) {
    let until = moment(expires_at);
    if json {
        println!("{}", json!({ "name": name, "link": link, "expires": until }));
        return;
    }
    println!("{link}");
    eprintln!("overread: the link for {name} is good once, until {until}");
}

/// The token, alone on its line, so that it can go straight into a file.
fn show(name: &str, fresh: &Fresh, json: bool) {
    let until = moment(fresh.expires_at);
    if json {
        println!("{}", json!({ "name": name, "token": fresh.token, "expires": until }));
        return;
    }
    println!("{}", fresh.token);
    eprintln!("overread: the token of {name} lives until {until}; it cannot be shown again");
}

fn list(people: &mut People, kind: Kind, json: bool) -> anyhow::Result<Exit> {
    for known in people.list(kind)? {
        let line = described(&known);
        if json {
            println!("{line}");
            continue;
        }
        let disabled = if known.disabled { "  disabled" } else { "" };
        println!("{}  stores for {}{disabled}", known.name, known.custodian);
        for grant in &known.grants {
            let until = grant.until.map_or(String::new(), |until| format!(" until {}", moment(until)));
            println!("    {} on {}{until}", grant.role, grant.on);
        }
        for token in &known.tokens {
            println!("    token until {}", moment(token.expires_at));
        }
        for Subject { issuer, subject } in &known.subjects {
            println!("    {subject} of {issuer}");
        }
        if let Some(fingerprint) = line["certificate"].as_str() {
            println!("    certificate {fingerprint}");
        }
    }
    Ok(Exit::Done)
}

/// One line of `--json`. No secret and no digest of one.
fn described(known: &Known) -> Value {
    let grants: Vec<Value> = known
        .grants
        .iter()
        .map(|grant| {
            json!({ "role": grant.role.name(), "on": grant.on.to_string(), "until": grant.until.map(moment) })
        })
        .collect();
    let tokens: Vec<String> = known.tokens.iter().map(|token| moment(token.expires_at)).collect();
    let certificate =
        known.certificate.map(|Certificate(digest)| digest.map(|b| format!("{b:02x}")).concat());
    let subjects: Vec<Value> = known
        .subjects
        .iter()
        .map(|subject| json!({ "issuer": subject.issuer, "subject": subject.subject }))
        .collect();
    json!({
        "name": known.name,
        "kind": known.kind.name(),
        "custodian": known.custodian.as_str(),
        "disabled": known.disabled,
        "password": known.password.is_some(),
        "second_factor": known.factor,
        "grants": grants,
        "tokens": tokens,
        "certificate": certificate,
        "subjects": subjects,
    })
}

/// The first line of the file, or of standard input.
fn secret(file: Option<&Path>) -> anyhow::Result<String> {
    let mut line = String::new();
    match file {
        Some(file) => {
            let opened =
                std::fs::File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
            std::io::BufReader::new(opened.take(LINE)).read_line(&mut line)?;
        }
        None => {
            std::io::stdin().lock().take(LINE).read_line(&mut line)?;
        }
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// SHA-256 of the first certificate in a PEM file.
fn fingerprint(file: &Path) -> anyhow::Result<Certificate> {
    let der = CertificateDer::from_pem_file(file)
        .with_context(|| format!("cannot read a certificate from {}", file.display()))?;
    Ok(Certificate(Sha256::digest(&der).into()))
}

pub fn moment(seconds: i64) -> String {
    let moment = OffsetDateTime::from_unix_timestamp(seconds).ok();
    moment.and_then(|moment| moment.format(&Rfc3339).ok()).unwrap_or_else(|| seconds.to_string())
}
