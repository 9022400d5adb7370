//! Making rows, scopes and searches in few words.

use access::{Action, CustodianId, Door, Holding, Principal, Reach, Rights, Scope};
use index::{
    Attribute, Hits, Index, Inserted, Level, Location, NewInstance, NewSeries, NewStudy, RowId, Search,
    Target,
};
use model::matching::{Rule, parse};
use model::{VR, person_name};

/// An instance of the custodian `local` whose numbers and texts follow from its UIDs.
pub fn new(study: &str, series: &str, instance: &str) -> NewInstance {
    let sequence = next();
    NewInstance {
        custodian: CustodianId::local(),
        study: NewStudy {
            uid: study.parse().unwrap(),
            date: "20240101".into(),
            time: "120000.000000".into(),
            accession: String::new(),
            referring_folded: String::new(),
            patient_name_folded: String::new(),
            patient_id: String::new(),
            issuer: String::new(),
            birth_date: String::new(),
            sex: String::new(),
            study_id: String::new(),
            description: String::new(),
            institution: String::new(),
            zone: None,
            other_ids: Vec::new(),
            attributes: format!("study of {instance}").into_bytes(),
        },
        series: NewSeries {
            uid: series.parse().unwrap(),
            modality: "CT".into(),
            number: None,
            description: String::new(),
            body_part: String::new(),
            performed_date: String::new(),
            performed_time: String::new(),
            requests: Vec::new(),
            attributes: format!("series of {instance}").into_bytes(),
        },
        sop_instance: instance.parse().unwrap(),
        sop_class: "1.2.840.10008.5.1.4.1.1.2".parse().unwrap(),
        transfer_syntax: "1.2.840.10008.1.2.1",
        number: None,
        attributes: format!("instance {instance}").into_bytes(),
        digest: digest(instance, 0),
        length: 1_000 + sequence,
        crcs: vec![1, 2, 3, 4],
        metadata: format!("metadata of {instance}").into_bytes(),
        bulk: format!("bulk of {instance}").into_bytes(),
        pixels: format!("pixels of {instance}").into_bytes(),
        sequence,
        received_at: 1_700_000_000_000,
        source: "CT1".into(),
        principal: "aet:CT1".into(),
        location: Location::Spool(format!("spool-{sequence}")),
        rejects: None,
    }
}

/// A sequence that no other row of this run has.
fn next() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A digest of an instance's `n`th bytes.
pub fn digest(instance: &str, n: u8) -> [u8; 32] {
    let mut digest = [n; 32];
    for (at, byte) in instance.bytes().enumerate() {
        digest[at % 31] = digest[at % 31].wrapping_mul(31).wrapping_add(byte);
    }
    digest
}

pub trait With: Sized {
    /// Changes one thing on the way.
    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Of this custodian.
    fn of(self, custodian: &str) -> Self;

    /// The `n`th bytes under the same UID.
    fn bytes(self, n: u8) -> Self;
}

impl With for NewInstance {
    fn of(self, custodian: &str) -> Self {
        self.with(|new| new.custodian = id(custodian))
    }

    fn bytes(self, n: u8) -> Self {
        self.with(|new| new.digest = digest(new.sop_instance.as_str(), n))
    }
}

pub fn fold(name: &str) -> String {
    person_name::fold(name)
}

pub fn id(custodian: &str) -> CustodianId {
    custodian.parse().unwrap()
}

/// What a principal with this reach may search and retrieve.
fn scope(reach: Reach) -> Scope {
    Principal::new(Door::Token, "reader", CustodianId::local(), Rights::ALL, reach)
        .scope_for(Action::Search)
        .unwrap()
}

pub fn everything() -> Scope {
    scope(Reach::Everything)
}

pub fn of(custodians: &[&str]) -> Scope {
    scope(Reach::custodians(custodians.iter().map(|c| id(c)).collect()))
}

/// All of these custodians', and these holdings: study and custodian.
pub fn only(custodians: &[&str], holdings: &[(&str, &str)]) -> Scope {
    let holding = |(study, custodian): &(&str, &str)| Holding {
        study: study.parse().unwrap(),
        custodian: id(custodian),
    };
    let custodians = custodians.iter().map(|c| id(c)).collect();
    scope(Reach::only(custodians, holdings.iter().map(holding).collect()))
}

pub fn target(path: &str) -> Target {
    let mut parts = path.split('/');
    Target {
        study: parts.next().unwrap().parse().unwrap(),
        series: parts.next().map(|uid| uid.parse().unwrap()),
        instance: parts.next().map(|uid| uid.parse().unwrap()),
        custodian: None,
        version: None,
    }
}

/// A search of everything at this level.
pub fn search(level: Level) -> Search {
    Search::of(level)
}

/// A filter as it is written in a query.
pub fn filter(attribute: Attribute, text: &str) -> (Attribute, Rule) {
    (attribute, parse(vr(attribute), text).unwrap())
}

pub fn vr(attribute: Attribute) -> VR {
    use Attribute::*;
    match attribute {
        StudyDate | PatientBirthDate | PerformedProcedureStepStartDate => VR::DA,
        StudyTime | PerformedProcedureStepStartTime => VR::TM,
        AccessionNumber | StudyId | ScheduledProcedureStepId | RequestedProcedureId => VR::SH,
        ModalitiesInStudy | PatientSex | Modality | BodyPartExamined => VR::CS,
        ReferringPhysicianName | PatientName => VR::PN,
        PatientId | IssuerOfPatientId | OtherPatientId | StudyDescription | InstitutionName
        | SeriesDescription => VR::LO,
        StudyInstanceUid | SeriesInstanceUid | SopClassUid | SopInstanceUid => VR::UI,
        SeriesNumber | InstanceNumber => VR::IS,
    }
}

/// The UIDs of the hits at the search's level, in order, with a custodian that is not `local` before them.
pub fn uids(level: Level, hits: &Hits) -> Vec<String> {
    let uid = |hit: &index::Hit| match level {
        Level::Study => hit.study.uid.to_string(),
        Level::Series => hit.series.as_ref().unwrap().uid.to_string(),
        Level::Instance => hit.instance.as_ref().unwrap().uid.to_string(),
    };
    let custodian = |hit: &index::Hit| match hit.custodian.as_str() {
        "local" => String::new(),
        other => format!("{other}:"),
    };
    hits.hits.iter().map(|hit| custodian(hit) + &uid(hit)).collect()
}

/// Inserts, and gives the rows' numbers.
pub async fn insert(index: &dyn Index, new: Vec<NewInstance>) -> Vec<RowId> {
    let inserted = index.insert(new).await.unwrap();
    let row = |one: Inserted| match one {
        Inserted::New(row)
        | Inserted::Same(row)
        | Inserted::NewVersion(row, _)
        | Inserted::Healed(row, _) => row,
    };
    inserted.into_iter().map(row).collect()
}
