//! `overread link`: links that are given away, made and withdrawn beside a running server.

use std::sync::Arc;

use access::{CustodianId, Holding, Principal};
use anyhow::bail;
use audit::Who;
use clap::{Args, Subcommand};
use identity::{Code, FILE, Link as Kept, LinkDone, LinkKind, Links, Purpose, Recogniser, Wanted, link_told};
use model::StudyUid;
use serde_json::{Value, json};

use super::moment;
use crate::cli::Place;
use crate::commands::{configured, must_exist};
use crate::control::Request;
use crate::doors::now;
use crate::exit::Exit;
use crate::trail_command;

/// By which service the audit says that it was done.
const SERVICE: &str = "overread link";

/// `link`.
#[derive(Debug, Args)]
pub struct Link {
    /// What to do.
    #[command(subcommand)]
    pub command: LinkCommand,
    /// Which archive.
    #[command(flatten)]
    pub place: Place,
}

/// What to do with links.
#[derive(Debug, Subcommand)]
pub enum LinkCommand {
    /// Makes a link to studies, or with --upload one by which images are sent, and writes it to standard output: the
    /// only time that it can be read.
    Add {
        /// For whom: what staff know it by.
        label: String,
        /// A study to show, as STUDY_UID or CUSTODIAN/STUDY_UID; may be given several times.
        #[arg(long = "study", value_name = "STUDY", value_parser = holding, required_unless_present = "upload")]
        studies: Vec<Holding>,
        /// Images are sent by it, to the custodian local.
        #[arg(long, conflicts_with = "studies")]
        upload: bool,
        /// How long it lives, at most 30.
        #[arg(long, default_value_t = 7)]
        days: u32,
        /// How often it may be opened; without, as often as one likes.
        #[arg(long)]
        uses: Option<u32>,
        /// Without an access code: who has the link is let in.
        #[arg(long)]
        no_code: bool,
    },
    /// Shows links, what they are for, and how often they were opened.
    List,
    /// Withdraws a link, from the next request on.
    Revoke {
        /// Its number.
        link: i64,
    },
}

fn holding(text: &str) -> Result<Holding, String> {
    let (custodian, study) = text.split_once('/').unwrap_or(("local", text));
    let custodian: CustodianId = custodian.parse().map_err(|error| format!("{error}"))?;
    let study: StudyUid = study.parse().map_err(|_| format!("{study} is no UID"))?;
    Ok(Holding { study, custodian })
}

/// `overread link`
pub async fn link(link: Link, json: bool) -> anyhow::Result<Exit> {
    let config = configured(&link.place)?;
    let folder = &config.data.folder;
    must_exist(folder)?;
    let file = folder.join(FILE);
    let links = Links::open(&file, Arc::new(Recogniser::open(&file)?))?;
    let console = Principal::console();
    let (changed, done) = match link.command {
        LinkCommand::List => return list(&links.list(&console)?, json),
        LinkCommand::Add { label, studies, upload, days, uses, no_code } => {
            let wanted = Wanted {
                purpose: if upload { Purpose::Upload } else { Purpose::Share(studies) },
                label,
                days,
                use_limit: uses,
                code: if no_code { Code::None } else { Code::Random },
            };
            let fresh = links.make(&console, &wanted, now())?;
            let root = config.http.base_url.as_deref().unwrap_or_default().trim_end_matches('/');
            let address = format!("{root}/s#{}", fresh.token);
            if json {
                let (code, id) = (&fresh.code, fresh.link.id);
                let expires = moment(fresh.link.expires_at);
                println!("{}", json!({ "id": id, "url": address, "code": code, "expires": expires }));
            } else {
                println!("{address}");
                if let Some(code) = &fresh.code {
                    eprintln!("overread: its access code, to be told apart from it: {code}");
                }
                eprintln!(
                    "overread: link {} lives until {}; it cannot be shown again",
                    fresh.link.id,
                    moment(fresh.link.expires_at)
                );
            }
            (fresh.link, LinkDone::Made)
        }
        LinkCommand::Revoke { link } => match links.revoke(&console, link, now())? {
            (changed, true) => (changed, LinkDone::Withdrawn),
            (_, false) => bail!("link {link} was withdrawn before"),
        },
    };
    for event in link_told(&changed, done, &Who::console(), SERVICE) {
        let request = Request::LinkChanged { event: Box::new(event.clone()) };
        trail_command::record(folder, &request, event).await?;
    }
    Ok(Exit::Done)
}

fn list(links: &[Kept], json: bool) -> anyhow::Result<Exit> {
    for link in links {
        let state = match link {
            _ if link.revoked_at.is_some() => "withdrawn",
            _ if link.expires_at < now() => "expired",
            _ if link.use_limit.is_some_and(|limit| link.uses >= limit) => "used up",
            _ => "open",
        };
        if json {
            println!("{}", described(link, state));
            continue;
        }
        let limit = link.use_limit.map_or(String::new(), |limit| format!(" of {limit}"));
        println!(
            "{}  {}  {}  {state} until {}  opened {}{limit}  by {}",
            link.id,
            link.kind.name(),
            link.label,
            moment(link.expires_at),
            link.uses,
            link.maker_name
        );
        for holding in &link.holdings {
            println!("    {}/{}", holding.custodian, holding.study);
        }
        if link.kind == LinkKind::Upload {
            println!("    to {}", link.custodian);
        }
        if let Some(last) = link.openings.first() {
            println!("    last opened {} from {}", moment(last.at), last.address);
        }
    }
    Ok(Exit::Done)
}

/// One line of `--json`. No secret and no digest of one.
fn described(link: &Kept, state: &str) -> Value {
    let studies: Vec<String> =
        link.holdings.iter().map(|holding| format!("{}/{}", holding.custodian, holding.study)).collect();
    json!({
        "id": link.id,
        "kind": link.kind.name(),
        "label": link.label,
        "state": state,
        "studies": studies,
        "custodian": link.custodian.as_str(),
        "by": link.maker_name,
        "expires": moment(link.expires_at),
        "uses": link.uses,
        "use_limit": link.use_limit,
        "with_code": link.code.is_some(),
        "last_opened": link.openings.first().map(|opening| moment(opening.at)),
    })
}
