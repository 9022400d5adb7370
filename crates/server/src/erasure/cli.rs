//! The arguments of `overread erase`.

use access::CustodianId;
use clap::Args;
use model::StudyUid;

use crate::cli::Place;

/// `erase`.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("subject").required(true).args(["patient", "study", "case"])))]
pub struct Erase {
    /// The studies of this Patient ID (0010,0020); in a study of several patients, their instances.
    #[arg(long, value_name = "ID")]
    pub patient: Option<String>,
    /// Of this issuer (0010,0021); needed when studies of the ID name several. "" is those that name none.
    #[arg(long, value_name = "ISSUER", requires = "patient", conflicts_with_all = ["study", "case"])]
    pub issuer: Option<String>,
    /// A study (0020,000D).
    #[arg(long, value_name = "UID")]
    pub study: Option<StudyUid>,
    /// As held by this custodian; needed when several hold it.
    #[arg(long, value_name = "NAME", conflicts_with = "case")]
    pub custodian: Option<CustodianId>,
    /// Whatever this case holds.
    #[arg(long, value_name = "ID")]
    pub case: Option<String>,
    /// Why; part of the audit trail.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Does not ask.
    #[arg(long)]
    pub yes: bool,
    /// Which archive.
    #[command(flatten)]
    pub place: Place,
}
