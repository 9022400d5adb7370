//! The arguments of `overread hold`.

use access::CustodianId;
use clap::{Args, Subcommand};
use model::StudyUid;

use crate::cli::Place;

/// `hold`.
#[derive(Debug, Args)]
pub struct Hold {
    /// What to do.
    #[command(subcommand)]
    pub command: HoldCommand,
    /// Which archive.
    #[command(flatten)]
    pub place: Place,
}

/// What to do with legal holds.
#[derive(Debug, Subcommand)]
pub enum HoldCommand {
    /// Makes a hold, and writes its number.
    Add {
        /// On what.
        #[command(flatten)]
        on: HeldOn,
        /// Why; part of the audit trail.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Shows the holds that stand.
    List {
        /// Those that were released, too.
        #[arg(long)]
        all: bool,
    },
    /// Ends a hold: what it kept may be deleted from then on.
    Release {
        /// Its number.
        hold: i64,
        /// Why; part of the audit trail.
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
    },
}

/// What a hold is on.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("held").required(true).args(["study", "patient", "case"])))]
pub struct HeldOn {
    /// A study (0020,000D).
    #[arg(long, value_name = "UID")]
    pub study: Option<StudyUid>,
    /// The studies of this Patient ID (0010,0020).
    #[arg(long, value_name = "ID")]
    pub patient: Option<String>,
    /// Of this issuer (0010,0021) alone; without, whichever.
    #[arg(long, value_name = "ISSUER", requires = "patient", conflicts_with_all = ["study", "case"])]
    pub issuer: Option<String>,
    /// As held by this custodian.
    #[arg(long, value_name = "NAME", default_value = "local", conflicts_with = "case")]
    pub custodian: CustodianId,
    /// Whatever this case holds, now and later.
    #[arg(long, value_name = "ID")]
    pub case: Option<String>,
}
