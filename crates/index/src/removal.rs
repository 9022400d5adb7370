//! Deletions as the index keeps them: plain data.

use access::CustodianId;
use model::{SeriesUid, SopInstanceUid, StudyUid};

/// One deletion: who, when, why, and every version that it takes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// What is known of it besides its instances.
    pub head: RemovalHead,
    /// Every version, all of [`RemovalHead::custodian`].
    pub instances: Vec<RemovedInstance>,
}

/// What is kept of a deletion for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemovalHead {
    /// Its place in the order of stores and deletions; unique.
    pub sequence: u64,
    /// Unix time in milliseconds; information only.
    pub at: i64,
    /// Whose holding.
    pub custodian: CustodianId,
    /// Who asked, with the door: `token:administrator`.
    pub principal: String,
    /// From where, for people; may be empty.
    pub source: String,
    /// Why, in the words of whoever asked; may be empty.
    pub reason: String,
    /// What was asked for: this study,
    pub study: StudyUid,
    /// or this series of it,
    pub series: Option<SeriesUid>,
    /// or this instance of that.
    pub instance: Option<SopInstanceUid>,
    /// Versions taken out.
    pub count: u64,
    /// Bytes of their data sets.
    pub bytes: u64,
}

/// One version that a deletion takes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemovedInstance {
    /// Its own place in the order of receipt: what its file's head says.
    pub sequence: u64,
    /// (0020,000D).
    pub study: StudyUid,
    /// (0020,000E).
    pub series: SeriesUid,
    /// (0008,0018).
    pub sop_instance: SopInstanceUid,
    /// 1, or higher for other bytes that came later.
    pub version: u32,
    /// SHA-256 over transfer syntax and encoded data set.
    pub digest: [u8; 32],
    /// Bytes of the encoded data set; 0 where it is not known any more.
    pub length: u64,
    /// The spool name, while it is not placed.
    pub spool: Option<String>,
}

/// What a target holds that a deletion of it would take out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removable {
    /// Whose holding it was found in.
    pub custodian: CustodianId,
    /// Every version, hidden ones too; at most one more than was asked for.
    pub instances: Vec<RemovedInstance>,
}

/// A deleted version whose bytes are still to be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpurged {
    /// Whose holding it was in.
    pub custodian: CustodianId,
    /// The version.
    pub instance: RemovedInstance,
    /// When it was deleted: Unix time in milliseconds.
    pub removed_at: i64,
}

/// Counts of what is out of sight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hidden {
    /// Deletions on record.
    pub removals: u64,
    /// Versions that they took out.
    pub removed: u64,
    /// Of those, versions whose bytes are not removed yet.
    pub unpurged: u64,
    /// Instances that rejection notes hide.
    pub rejected: u64,
    /// Versions that are not served because their bytes failed a check.
    pub damaged: u64,
}
