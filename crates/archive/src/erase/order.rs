//! What an erasure leaves on disk: first the order, then the proof that it was carried out.
//!
//! The order (`removed/<sequence>.erasing.json`) names everything that goes. From the moment it is durable the erasure has
//! happened: a start hides what it names before anybody is answered, and goes on with it. When nothing else names any of
//! it, the proof (`removed/<sequence>.erased.json`) takes its place. It has numbers and digests: no UID, no patient. By the
//! numbers a rebuild leaves files out that somebody put back; by digests of their names a backup finds its copies.

use std::collections::{BTreeMap, HashSet};

use access::CustodianId;
use blob::Blobs;
use index::RemovedInstance;
use model::StudyUid;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{ReadError, place, tombstone};

/// The format that is written; another is not read.
const FORMAT: u32 = 1;
const ORDER: &str = ".erasing.json";
const PROOF: &str = ".erased.json";

/// An erasure that was ordered, with all that goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// Its place in the order of stores and deletions; its number.
    pub sequence: u64,
    /// Unix time in milliseconds; information only.
    pub at: i64,
    /// Who asked, with the door.
    pub principal: String,
    /// Why, in the words of whoever asked.
    pub reason: String,
    /// The Patient ID and issuer that were asked for, where a patient was.
    pub patient: Option<(String, Option<String>)>,
    /// Of which studies of whom.
    pub holdings: Vec<ErasedHolding>,
    /// What goes.
    pub(crate) versions: Vec<ErasedVersion>,
    /// Earlier deletions that name some of it.
    pub(crate) records: Vec<u64>,
}

/// What goes of a study as held by one custodian.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasedHolding {
    /// Held by whom.
    pub custodian: String,
    /// (0020,000D).
    pub study: String,
    /// Patient ID and issuer of what goes, as far as they are known.
    pub patients: Vec<(String, String)>,
    /// Versions by SOP Class UID; of what was deleted before it is not known.
    pub classes: BTreeMap<String, u64>,
    /// Versions that go, those that were deleted before included.
    pub versions: u64,
    /// Bytes of their data sets.
    pub bytes: u64,
    /// Only a patient's instances go; others' are in the study, too.
    pub part: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ErasedVersion {
    pub custodian: CustodianId,
    pub instance: RemovedInstance,
}

impl ErasedVersion {
    /// Its final name, or the one that it would have had.
    pub(crate) fn key(&self) -> String {
        let RemovedInstance { study, series, sop_instance, version, .. } = &self.instance;
        place::key(study, series, sop_instance, &self.custodian, *version)
    }
}

impl Erasure {
    /// Versions that go.
    pub fn count(&self) -> u64 {
        self.versions.len() as u64
    }

    /// Bytes of their data sets.
    pub fn bytes(&self) -> u64 {
        self.versions.iter().map(|one| one.instance.length).sum()
    }

    /// SHA-256 over the digests of all versions, 32 bytes each, in ascending order.
    pub fn digest(&self) -> [u8; 32] {
        let mut digests: Vec<&[u8; 32]> = self.versions.iter().map(|one| &one.instance.digest).collect();
        digests.sort_unstable();
        digests.into_iter().fold(Sha256::new(), |hash, digest| hash.chain_update(digest)).finalize().into()
    }

    /// What the index is told.
    pub(crate) fn rows(&self) -> index::Erasure {
        index::Erasure {
            sequence: self.sequence,
            versions: self.versions.iter().map(|one| one.instance.sequence).collect(),
            instances: self.versions.iter().map(|one| one.instance.sop_instance).collect(),
        }
    }

    /// The sequences of what goes.
    pub(crate) fn sequences(&self) -> HashSet<u64> {
        self.versions.iter().map(|one| one.instance.sequence).collect()
    }

    /// The studies that go whole.
    pub(crate) fn whole_studies(&self) -> Vec<StudyUid> {
        let whole = self.holdings.iter().filter(|holding| !holding.part);
        whole.filter_map(|holding| holding.study.parse().ok()).collect()
    }
}

/// What is left of an erasure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    pub sequence: u64,
    /// Each version's sequence, and the digest of its final name.
    pub versions: Vec<(u64, [u8; 32])>,
    /// Records of deletions that are gone.
    pub records: Vec<u64>,
}

impl Proof {
    /// What the index is told.
    pub(crate) fn rows(&self) -> index::Erasure {
        let versions = self.versions.iter().map(|(sequence, _)| *sequence).collect();
        index::Erasure { sequence: self.sequence, versions, ..index::Erasure::default() }
    }
}

/// A file of an erasure, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    Order(u64),
    Proof(u64),
}

impl Named {
    pub(crate) fn of(name: &str) -> Option<Self> {
        let number = |stem: &str| (stem.len() == 20).then(|| stem.parse().ok()).flatten();
        match name.strip_suffix(ORDER) {
            Some(stem) => number(stem).map(Named::Order),
            None => number(name.strip_suffix(PROOF)?).map(Named::Proof),
        }
    }

    pub(crate) fn name(self) -> String {
        match self {
            Named::Order(sequence) => format!("{sequence:020}{ORDER}"),
            Named::Proof(sequence) => format!("{sequence:020}{PROOF}"),
        }
    }

    pub(crate) fn sequence(self) -> u64 {
        let (Named::Order(sequence) | Named::Proof(sequence)) = self;
        sequence
    }
}

#[derive(Serialize, Deserialize)]
struct OrderHead {
    format: u32,
    sequence: u64,
    at: i64,
    principal: String,
    reason: String,
    patient: Option<(String, Option<String>)>,
    holdings: Vec<ErasedHolding>,
    records: Vec<u64>,
}

#[derive(Serialize, Deserialize)]
struct OrderLine {
    custodian: String,
    sequence: u64,
    study: String,
    series: String,
    instance: String,
    version: u32,
    digest: String,
    length: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    spool: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct ProofHead {
    format: u32,
    sequence: u64,
    at: i64,
    principal: String,
    versions: u64,
    bytes: u64,
    digest: String,
    records: Vec<u64>,
}

#[derive(Serialize, Deserialize)]
struct ProofLine {
    sequence: u64,
    name: String,
}

/// The order's text.
pub(crate) fn encode(erasure: &Erasure) -> Vec<u8> {
    let head = OrderHead {
        format: FORMAT,
        sequence: erasure.sequence,
        at: erasure.at,
        principal: erasure.principal.clone(),
        reason: erasure.reason.clone(),
        patient: erasure.patient.clone(),
        holdings: erasure.holdings.clone(),
        records: erasure.records.clone(),
    };
    let lines = erasure.versions.iter().map(|ErasedVersion { custodian, instance }| OrderLine {
        custodian: custodian.to_string(),
        sequence: instance.sequence,
        study: instance.study.to_string(),
        series: instance.series.to_string(),
        instance: instance.sop_instance.to_string(),
        version: instance.version,
        digest: tombstone::hex(&instance.digest),
        length: instance.length,
        spool: instance.spool.clone(),
    });
    tombstone::text(&head, lines)
}

/// Reads an order back; `None` for what was not written so.
fn decode(bytes: &[u8]) -> Option<Erasure> {
    let (head, lines): (OrderHead, Vec<OrderLine>) = tombstone::untext(bytes).ok()?;
    if head.format != FORMAT {
        return None;
    }
    let version = |line: OrderLine| {
        Some(ErasedVersion {
            custodian: line.custodian.parse().ok()?,
            instance: RemovedInstance {
                sequence: line.sequence,
                study: line.study.parse().ok()?,
                series: line.series.parse().ok()?,
                sop_instance: line.instance.parse().ok()?,
                version: line.version,
                digest: tombstone::unhex(&line.digest)?,
                length: line.length,
                spool: line.spool,
            },
        })
    };
    Some(Erasure {
        sequence: head.sequence,
        at: head.at,
        principal: head.principal,
        reason: head.reason,
        patient: head.patient,
        holdings: head.holdings,
        versions: lines.into_iter().map(version).collect::<Option<_>>()?,
        records: head.records,
    })
}

/// The text of the proof.
pub(crate) fn prove(erasure: &Erasure) -> Vec<u8> {
    let head = ProofHead {
        format: FORMAT,
        sequence: erasure.sequence,
        at: erasure.at,
        principal: erasure.principal.clone(),
        versions: erasure.count(),
        bytes: erasure.bytes(),
        digest: tombstone::hex(&erasure.digest()),
        records: erasure.records.clone(),
    };
    let lines = erasure.versions.iter().map(|one| ProofLine {
        sequence: one.instance.sequence,
        name: tombstone::hex(&name_digest(&one.key())),
    });
    tombstone::text(&head, lines)
}

/// The digest of a final name.
pub(crate) fn name_digest(key: &str) -> [u8; 32] {
    Sha256::digest(key).into()
}

/// Reads a proof back.
fn decode_proof(bytes: &[u8]) -> Option<Proof> {
    let (head, lines): (ProofHead, Vec<ProofLine>) = tombstone::untext(bytes).ok()?;
    let version = |line: ProofLine| Some((line.sequence, tombstone::unhex(&line.name)?));
    (head.format == FORMAT).then_some(())?;
    Some(Proof {
        sequence: head.sequence,
        versions: lines.into_iter().map(version).collect::<Option<_>>()?,
        records: head.records,
    })
}

/// An order of the data folder.
///
/// # Errors
/// [`ReadError::Storage`] when it cannot be read: what it names would come back.
pub(crate) fn read(blobs: &Blobs, sequence: u64) -> Result<Erasure, ReadError> {
    let name = Named::Order(sequence).name();
    let erasure = decode(&blobs.read_record(&name)?).filter(|erasure| erasure.sequence == sequence);
    erasure.ok_or_else(|| ReadError::Storage(format!("the erasure removed/{name} cannot be read")))
}

/// A proof of the data folder.
///
/// # Errors
/// [`ReadError::Storage`] when it cannot be read.
pub(crate) fn read_proof(blobs: &Blobs, sequence: u64) -> Result<Proof, ReadError> {
    let name = Named::Proof(sequence).name();
    let proof = decode_proof(&blobs.read_record(&name)?).filter(|proof| proof.sequence == sequence);
    proof.ok_or_else(|| ReadError::Storage(format!("the erasure removed/{name} cannot be read")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn erasure() -> Erasure {
        let version = |sequence: u64, custodian: &str| ErasedVersion {
            custodian: custodian.parse().unwrap(),
            instance: RemovedInstance {
                sequence,
                study: "1.2.77".parse().unwrap(),
                series: "1.2.77.3".parse().unwrap(),
                sop_instance: "1.2.77.3.4".parse().unwrap(),
                version: 1,
                digest: [sequence as u8; 32],
                length: 100,
                spool: (sequence == 2).then(|| "01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned()),
            },
        };
        Erasure {
            sequence: 9,
            at: 1_790_000_000_000,
            principal: "console:console".into(),
            reason: "asked for by \"the patient\"".into(),
            patient: Some(("P1".into(), None)),
            holdings: vec![ErasedHolding {
                custodian: "local".into(),
                study: "1.2.77".into(),
                patients: vec![("P1".into(), "X".into())],
                classes: BTreeMap::from([("1.2.840".into(), 2)]),
                versions: 2,
                bytes: 200,
                part: false,
            }],
            versions: vec![version(2, "local"), version(1, "clinic")],
            records: vec![5],
        }
    }

    #[test]
    fn orders_and_proofs_come_back() {
        let erasure = erasure();
        assert_eq!(decode(&encode(&erasure)), Some(erasure.clone()));
        let text = prove(&erasure);
        let proof = decode_proof(&text).unwrap();
        assert_eq!((proof.sequence, proof.records.as_slice()), (9, &[5][..]));
        assert_eq!(proof.versions[0], (2, name_digest("1.2.77/1.2.77.3/1.2.77.3.4.dcm")));
        let text = String::from_utf8(text).unwrap();
        for word in ["1.2.77", "P1", "asked"] {
            assert!(!text.contains(word), "a proof names nobody: {text}");
        }
        let mut changed = encode(&erasure);
        changed[40] ^= 1;
        assert_eq!(decode(&changed), None);
        assert_eq!(decode_proof(&encode(&erasure)), None);
    }

    #[test]
    fn the_digest_is_of_the_set() {
        let (one, mut other) = (erasure(), erasure());
        other.versions.reverse();
        assert_eq!(one.digest(), other.digest());
        let concatenated = [[1; 32], [2; 32]].concat();
        assert_eq!(one.digest(), <[u8; 32]>::from(Sha256::digest(concatenated)));
        other.versions.pop();
        assert_ne!(one.digest(), other.digest());
    }

    #[test]
    fn names() {
        for named in [Named::Order(7), Named::Proof(u64::MAX)] {
            assert_eq!(Named::of(&named.name()), Some(named));
            assert_eq!(tombstone::sequence(&named.name()), None, "no deletion");
        }
        for other in ["7.erased.json", "00000000000000000007.json", "00000000000000000007.erased", ""] {
            assert_eq!(Named::of(other), None, "{other}");
        }
    }
}
