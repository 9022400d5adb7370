//! Studies as their custodians hold them, for whoever decides what goes and what stays: plain data.

use access::CustodianId;
use model::StudyUid;

use crate::StaleId;

/// A study as held by one custodian, hidden instances and all versions included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldingRow {
    /// The index's own number of it.
    pub id: StaleId,
    /// Held by whom.
    pub custodian: CustodianId,
    /// (0020,000D).
    pub study: StudyUid,
    /// (0010,0020) of its first instance; empty where it has none.
    pub patient_id: String,
    /// (0010,0021) of its first instance; empty where it has none.
    pub issuer: String,
    /// Instances of two patients arrived in it.
    pub two_patients: bool,
    /// When its last version was received: Unix time in milliseconds.
    pub newest: i64,
    /// Versions of all its instances.
    pub versions: u64,
    /// Bytes of their data sets.
    pub bytes: u64,
}

/// Which holdings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WhichHoldings {
    /// Of this custodian.
    pub custodian: Option<CustodianId>,
    /// Of this study.
    pub study: Option<StudyUid>,
    /// Those that may have instances of this Patient ID: of its own, of none, or of two patients.
    pub patient_id: Option<String>,
}
