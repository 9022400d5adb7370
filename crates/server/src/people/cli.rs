//! The command lines of `account`, `token` and `aet`. No secret is ever an argument: others on the machine can read those.

use std::path::PathBuf;

use access::{CustodianId, On, Role};
use clap::{Args, Subcommand, ValueEnum};
use identity::{Kind, Subject};
use model::AeTitle;
use time::macros::format_description;
use time::{Date, Time};

use crate::cli::Place;

/// `account`.
#[derive(Debug, Args)]
pub struct Account {
    /// What to do.
    #[command(subcommand)]
    pub command: AccountCommand,
    /// Which archive.
    #[command(flatten)]
    pub place: Place,
}

/// What to do with accounts.
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Makes an account, without any right.
    Add {
        /// Its name.
        name: String,
        /// Whose holdings its stores become.
        #[arg(long, default_value = "local")]
        custodian: CustodianId,
    },
    /// Shows accounts with what they may do.
    List,
    /// Lets an account in no more, from the next request on.
    Disable {
        /// Whose.
        name: String,
    },
    /// Lets it in again.
    Enable {
        /// Whose.
        name: String,
    },
    /// Sets the password: the first line of standard input, or of a file.
    Password {
        /// Whose.
        name: String,
        /// The file with the password.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Writes a link to standard output by which an account sets its own password: once, within a day.
    SetupLink {
        /// Whose.
        name: String,
    },
    /// Takes the second factor and recovery codes: the account sets up others at its next login.
    ResetFactor {
        /// Whose.
        name: String,
    },
    /// Gives a role; the same again changes until when.
    Grant {
        /// To whom, and what.
        #[command(flatten)]
        what: Granted,
        /// The last day (UTC), YYYY-MM-DD; without, until it is revoked.
        #[arg(long, value_name = "DAY", value_parser = last_second)]
        until: Option<i64>,
    },
    /// Takes a role back, from the next request on.
    Revoke(Granted),
    /// Says who somebody that an identity provider names is here.
    Link(Linked),
    /// Says so no more: from the next request on its tokens and sessions count for nothing.
    Unlink(Linked),
}

/// A role of somebody.
#[derive(Debug, Args)]
pub struct Granted {
    /// Whose name.
    pub name: String,
    /// Whose name it is.
    #[arg(long, value_enum, default_value = "account")]
    pub kind: Whose,
    /// administrator, coordinator, centre, portal, reader or physician.
    #[arg(long)]
    pub role: Role,
    /// everything, custodian:NAME, holding:CUSTODIAN/STUDY_UID or case:ID.
    #[arg(long)]
    pub on: On,
}

/// Whom an identity provider names.
#[derive(Debug, Args)]
pub struct Linked {
    /// The name here.
    pub name: String,
    /// Whose name it is: an account's or a service's.
    #[arg(long, value_enum, default_value = "account")]
    pub kind: Whose,
    /// The provider, letter by letter as in its tokens (`iss`).
    #[arg(long, value_name = "URL")]
    pub issuer: String,
    /// Its name for somebody (`sub`).
    #[arg(long)]
    pub subject: String,
}

impl Linked {
    /// Both names of the provider's.
    pub fn subject(&self) -> Subject {
        Subject { issuer: self.issuer.clone(), subject: self.subject.clone() }
    }
}

/// Of whom there are names.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Whose {
    /// A person.
    Account,
    /// A service.
    Token,
    /// An AE title.
    Aet,
}

impl From<Whose> for Kind {
    fn from(whose: Whose) -> Self {
        match whose {
            Whose::Account => Kind::Account,
            Whose::Token => Kind::Token,
            Whose::Aet => Kind::AeTitle,
        }
    }
}

/// `token`.
#[derive(Debug, Args)]
pub struct Token {
    /// What to do.
    #[command(subcommand)]
    pub command: TokenCommand,
    /// Which archive.
    #[command(flatten)]
    pub place: Place,
}

/// What to do with tokens.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Makes a service known, and writes its token to standard output: the only time that it can be read.
    Add {
        /// The service's name.
        name: String,
        /// Whose holdings its stores become.
        #[arg(long, default_value = "local")]
        custodian: CustodianId,
        /// A role to begin with; `overread account grant --kind token` gives more.
        #[arg(long, requires = "on")]
        role: Option<Role>,
        /// On what.
        #[arg(long, requires = "role")]
        on: Option<On>,
        /// How long the token lives.
        #[arg(long, default_value_t = 90)]
        days: u32,
    },
    /// Shows services, what they may do, and when their tokens end.
    List,
    /// Makes another token; the ones before it end with the overlap.
    Rotate {
        /// The service's name.
        name: String,
        /// How long the new token lives.
        #[arg(long, default_value_t = 90)]
        days: u32,
        /// How long the ones before it go on counting.
        #[arg(long, default_value_t = 24)]
        overlap_hours: u16,
    },
    /// Ends a service's tokens at the next request and forgets what it may do.
    Revoke {
        /// The service's name.
        name: String,
    },
}

/// `aet`.
#[derive(Debug, Args)]
pub struct Aet {
    /// What to do.
    #[command(subcommand)]
    pub command: AetCommand,
    /// Which archive.
    #[command(flatten)]
    pub place: Place,
}

/// What to do with AE titles.
#[derive(Debug, Subcommand)]
pub enum AetCommand {
    /// Makes an AE title known as one of a centre's.
    Add {
        /// The title.
        title: AeTitle,
        /// Whose holdings its stores become.
        #[arg(long)]
        custodian: CustodianId,
        /// Its client certificate (PEM): whoever calls by the title must show it. Without one the title only stores.
        #[arg(long, value_name = "FILE")]
        certificate: Option<PathBuf>,
    },
    /// Shows AE titles, what they may do, and their certificates.
    List,
    /// Binds a title to another certificate.
    Bind {
        /// The title.
        title: AeTitle,
        /// The certificate (PEM).
        #[arg(long, value_name = "FILE")]
        certificate: PathBuf,
    },
    /// Forgets a title.
    Remove {
        /// The title.
        title: AeTitle,
    },
}

/// The last second of a day.
fn last_second(text: &str) -> Result<i64, String> {
    let day = Date::parse(text, format_description!("[year]-[month]-[day]"))
        .map_err(|_| "write a day as YYYY-MM-DD".to_owned())?;
    Ok(day.with_time(Time::MIDNIGHT).assume_utc().unix_timestamp() + 86_399)
}
