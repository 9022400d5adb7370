//! What goes into the index and what comes out of it: plain data, no engine.

use std::fmt;
use std::sync::Arc;

use access::CustodianId;
use model::matching::Rule;
use model::{SeriesUid, SopClassUid, SopInstanceUid, StudyUid};

/// One received instance, as the archive harvested it from the stream.
#[derive(Clone, Debug)]
pub struct NewInstance {
    /// Whose holding it becomes part of.
    pub custodian: CustodianId,
    /// The study row to make or to add to.
    pub study: NewStudy,
    /// The series row to make or to add to.
    pub series: NewSeries,
    /// (0008,0018).
    pub sop_instance: SopInstanceUid,
    /// (0008,0016).
    pub sop_class: SopClassUid,
    /// Transfer syntax as stored.
    pub transfer_syntax: &'static str,
    /// (0020,0013), when it is a number.
    pub number: Option<i64>,
    /// Instance-level attributes for search answers: one DICOM JSON object (UTF-8, ordered).
    pub attributes: Vec<u8>,
    /// SHA-256 over transfer syntax and encoded data set.
    pub digest: [u8; 32],
    /// Bytes of the encoded data set as stored.
    pub length: u64,
    /// CRC32C of each 64 KiB of the stored data set, 4 bytes little endian each.
    pub crcs: Vec<u8>,
    /// The whole DICOM JSON, compressed by the archive; opaque here.
    pub metadata: Vec<u8>,
    /// Where long values lie; opaque here, may be empty.
    pub bulk: Vec<u8>,
    /// Where pixel data and frames lie; opaque here, may be empty.
    pub pixels: Vec<u8>,
    /// Order of receipt in this archive; unique, grows.
    pub sequence: u64,
    /// Unix time in milliseconds; information only.
    pub received_at: i64,
    /// Who sent it (AE title or address) and on whose behalf, for people.
    pub source: String,
    /// The principal, for people.
    pub principal: String,
    /// Where the bytes are.
    pub location: Location,
    /// What it hides, when it is a rejection note (IHE RAD IOCM).
    pub rejects: Option<Rejection>,
}

/// What a rejection note says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Code value of its document title: `113001`.
    pub reason: String,
    /// The instances that it names, and the note itself when it is not to be seen.
    pub instances: Vec<SopInstanceUid>,
}

/// Where an instance's file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// In the spool under this name, durable, not yet placed.
    Spool(String),
    /// In its final place under this key (`study/series/instance.dcm`).
    Placed(String),
}

/// The searchable study attributes (PS3.18 Table 10.6.1-5) of an instance. Texts are UTF-8, trimmed, empty when absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewStudy {
    /// (0020,000D).
    pub uid: StudyUid,
    /// (0008,0020) as YYYYMMDD, else empty.
    pub date: String,
    /// (0008,0030) as HHMMSS.FFFFFF padded, else empty.
    pub time: String,
    /// (0008,0050).
    pub accession: String,
    /// (0008,0090), folded for matching by `model::person_name::fold`.
    pub referring_folded: String,
    /// (0010,0010), folded.
    pub patient_name_folded: String,
    /// (0010,0020).
    pub patient_id: String,
    /// (0010,0021).
    pub issuer: String,
    /// (0010,0030) as YYYYMMDD.
    pub birth_date: String,
    /// (0010,0040).
    pub sex: String,
    /// (0020,0010).
    pub study_id: String,
    /// (0008,1030).
    pub description: String,
    /// (0008,0080).
    pub institution: String,
    /// (0008,0201): minutes east of UTC.
    pub zone: Option<i64>,
    /// (0010,1002) > (0010,0020) of each item that has one.
    pub other_ids: Vec<String>,
    /// Patient and study attributes for search answers: one DICOM JSON object.
    pub attributes: Vec<u8>,
}

/// The searchable series attributes of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSeries {
    /// (0020,000E).
    pub uid: SeriesUid,
    /// (0008,0060).
    pub modality: String,
    /// (0020,0011), when it is a number.
    pub number: Option<i64>,
    /// (0008,103E).
    pub description: String,
    /// (0018,0015).
    pub body_part: String,
    /// (0040,0244) as YYYYMMDD.
    pub performed_date: String,
    /// (0040,0245) padded.
    pub performed_time: String,
    /// (0040,0275): (Scheduled Procedure Step ID, Requested Procedure ID) of each item.
    pub requests: Vec<(String, String)>,
    /// Series attributes for search answers: one DICOM JSON object.
    pub attributes: Vec<u8>,
}

/// What became of a [`NewInstance`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// A new instance: version 1.
    New(RowId),
    /// The same bytes were here already: nothing was added (the sender is noted as one more source); the new file may go.
    Same(RowId),
    /// Other bytes under the same UID: kept as this version; version 1 goes on being served.
    NewVersion(RowId, u32),
    /// The same bytes had been here and failed a check since: the new file takes their place in this row and version.
    Healed(RowId, u32),
}

/// The index's own number of an instance version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowId(pub i64);

/// Study, series or instance: what a resource path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The study.
    pub study: StudyUid,
    /// The series, when below the study.
    pub series: Option<SeriesUid>,
    /// The instance, when below a series.
    pub instance: Option<SopInstanceUid>,
    /// This custodian's holding; else the first received of those in scope that have the target.
    pub custodian: Option<CustodianId>,
    /// This version, wherever its own data set says it belongs, under the path of any version; else the current one.
    /// Only meaningful with an instance.
    pub version: Option<u32>,
}

/// Where to go on in the stable order of a target's instances (series, number, row).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The index's number of the series.
    pub series: i64,
    /// Instance Number (0 where it has none).
    pub number: i64,
    /// The instance.
    pub row: RowId,
}

/// An instance as readers need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceRecord {
    /// The index's own number.
    pub row: RowId,
    /// Its place in the target's order.
    pub cursor: Cursor,
    /// Whose holding.
    pub custodian: CustodianId,
    /// (0020,000D).
    pub study: StudyUid,
    /// (0020,000E).
    pub series: SeriesUid,
    /// (0008,0018).
    pub sop_instance: SopInstanceUid,
    /// (0008,0016).
    pub sop_class: SopClassUid,
    /// Transfer syntax as stored.
    pub transfer_syntax: String,
    /// 1, or higher for other bytes that came later.
    pub version: u32,
    /// SHA-256 over transfer syntax and encoded data set.
    pub digest: [u8; 32],
    /// Bytes of the encoded data set as stored.
    pub length: u64,
    /// Its chunk sums (4 bytes little endian each) when there are at most 1,024 of them, else empty: see [`crate::Index::chunk_sums`].
    pub crcs: Vec<u8>,
    /// Order of receipt.
    pub sequence: u64,
    /// Where the bytes are, or were.
    pub location: Location,
    /// Why its bytes are not served: they failed a check and lie in quarantine.
    pub damaged: Option<String>,
}

/// Instances of a target that are alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Whose holding: that of the whole target.
    pub custodian: CustodianId,
    /// (0008,0016).
    pub sop_class: SopClassUid,
    /// Transfer syntax as stored.
    pub transfer_syntax: String,
    /// How many: 1 or more.
    pub instances: u64,
    /// The largest sequence of theirs: what is newer was not counted.
    pub newest: u64,
}

/// An instance's record with what its metadata, frames and bulk data need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceDetail {
    /// The record.
    pub record: InstanceRecord,
    /// As given in [`NewInstance::bulk`].
    pub bulk: Vec<u8>,
    /// As given in [`NewInstance::pixels`].
    pub pixels: Vec<u8>,
}

/// What tells how an instance's image and long values are to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRow {
    /// As given in [`NewInstance::bulk`].
    pub bulk: Vec<u8>,
    /// As given in [`NewInstance::pixels`].
    pub pixels: Vec<u8>,
    /// As given in [`NewInstance::metadata`].
    pub metadata: Vec<u8>,
}

/// One instance's metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataRow {
    /// Its place in the target's order.
    pub cursor: Cursor,
    /// (0020,000D).
    pub study: StudyUid,
    /// (0020,000E).
    pub series: SeriesUid,
    /// (0008,0018).
    pub sop_instance: SopInstanceUid,
    /// As given in [`NewInstance::metadata`].
    pub metadata: Vec<u8>,
}

/// What a search returns rows of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// Studies.
    Study,
    /// Series.
    Series,
    /// Instances.
    Instance,
}

/// An attribute that the index can match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the names are the Standard's
pub enum Attribute {
    StudyDate,
    StudyTime,
    AccessionNumber,
    ModalitiesInStudy,
    ReferringPhysicianName,
    PatientName,
    PatientId,
    IssuerOfPatientId,
    PatientBirthDate,
    PatientSex,
    StudyInstanceUid,
    StudyId,
    StudyDescription,
    InstitutionName,
    /// (0010,1002) > (0010,0020)
    OtherPatientId,
    Modality,
    SeriesInstanceUid,
    SeriesNumber,
    SeriesDescription,
    BodyPartExamined,
    PerformedProcedureStepStartDate,
    PerformedProcedureStepStartTime,
    /// (0040,0275) > (0040,0009)
    ScheduledProcedureStepId,
    /// (0040,0275) > (0040,1001)
    RequestedProcedureId,
    SopClassUid,
    SopInstanceUid,
    InstanceNumber,
}

impl Attribute {
    /// The level that the attribute belongs to.
    pub fn level(self) -> Level {
        use Attribute::*;
        match self {
            StudyDate
            | StudyTime
            | AccessionNumber
            | ModalitiesInStudy
            | ReferringPhysicianName
            | PatientName
            | PatientId
            | IssuerOfPatientId
            | PatientBirthDate
            | PatientSex
            | StudyInstanceUid
            | StudyId
            | StudyDescription
            | InstitutionName
            | OtherPatientId => Level::Study,
            Modality
            | SeriesInstanceUid
            | SeriesNumber
            | SeriesDescription
            | BodyPartExamined
            | PerformedProcedureStepStartDate
            | PerformedProcedureStepStartTime
            | ScheduledProcedureStepId
            | RequestedProcedureId => Level::Series,
            SopClassUid | SopInstanceUid | InstanceNumber => Level::Instance,
        }
    }
}

/// A search (PS3.4 C.2.2.2, PS3.18 10.6). Only current versions are found.
#[derive(Clone, Debug)]
pub struct Search {
    /// What to return.
    pub level: Level,
    /// Below this study.
    pub study: Option<StudyUid>,
    /// Below this series.
    pub series: Option<SeriesUid>,
    /// All must match. A PN rule's text is folded by the index as the columns are.
    pub filters: Vec<(Attribute, Rule)>,
    /// Ranges of a date and of its time are one interval (PS3.4 C.2.2.2.5).
    pub combined_datetime: bool,
    /// Dates and times of the filters are so many minutes east of UTC; else in each study's own zone.
    pub zone: Option<i64>,
    /// The zone of studies that do not say it, in minutes east of UTC.
    pub default_zone: i64,
    /// Of what the filters let pass only what this lets pass too.
    pub judge: Option<Judge>,
    /// At most this many hits.
    pub limit: u32,
    /// Matches skipped.
    pub offset: u64,
    /// Instance hits carry their whole metadata.
    pub with_metadata: bool,
}

impl Search {
    /// Everything at this level, 100 hits of it.
    pub fn of(level: Level) -> Self {
        Self {
            level,
            study: None,
            series: None,
            filters: Vec::new(),
            combined_datetime: true,
            zone: None,
            default_zone: 0,
            judge: None,
            limit: 100,
            offset: 0,
            with_metadata: false,
        }
    }
}

/// A condition that the index cannot express. It reads what would be returned, one match after another, so it costs
/// some 10 µs for each that the filters let pass.
#[derive(Clone)]
pub struct Judge {
    /// What it reads.
    pub reads: Reads,
    /// Whether a match passes.
    pub passes: Arc<dyn Fn(&Documents) -> bool + Send + Sync>,
}

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Judge").field("reads", &self.reads).finish_non_exhaustive()
    }
}

/// Which documents of a match are read; those below the search's level are not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// [`NewStudy::attributes`].
    pub study: bool,
    /// [`NewSeries::attributes`].
    pub series: bool,
    /// [`NewInstance::attributes`].
    pub instance: bool,
    /// [`NewInstance::metadata`].
    pub metadata: bool,
}

/// The documents of one match; empty where not read.
#[derive(Clone, Debug, Default)]
pub struct Documents {
    /// [`NewStudy::attributes`].
    pub study: Vec<u8>,
    /// [`NewSeries::attributes`].
    pub series: Vec<u8>,
    /// [`NewInstance::attributes`].
    pub instance: Vec<u8>,
    /// [`NewInstance::metadata`].
    pub metadata: Vec<u8>,
}

/// The hits of a search, in a stable order: newest study date and time first, then the
/// last received; series by number; instances by number.
#[derive(Clone, Debug, Default)]
pub struct Hits {
    /// At most [`Search::limit`].
    pub hits: Vec<Hit>,
    /// Matches beyond this page; exact below 1,000, else 1,000 stands for "at least".
    pub remaining: u32,
}

/// One hit: the study, and the series and instance when the level goes that deep.
#[derive(Clone, Debug)]
pub struct Hit {
    /// Whose holding.
    pub custodian: CustodianId,
    /// The study.
    pub study: StudyHit,
    /// The series, at series and instance level.
    pub series: Option<SeriesHit>,
    /// The instance, at instance level.
    pub instance: Option<InstanceHit>,
}

/// A study's part of a hit.
#[derive(Clone, Debug)]
pub struct StudyHit {
    /// (0020,000D).
    pub uid: StudyUid,
    /// As given in [`NewStudy::attributes`] by the first instance.
    pub attributes: Vec<u8>,
    /// Distinct modalities, sorted.
    pub modalities: Vec<String>,
    /// (0020,1206).
    pub series_count: u64,
    /// (0020,1208).
    pub instance_count: u64,
    /// Instances of two patients arrived in it (another Patient ID, issuer or name than the first one's).
    pub two_patients: bool,
}

/// A series' part of a hit.
#[derive(Clone, Debug)]
pub struct SeriesHit {
    /// (0020,000E).
    pub uid: SeriesUid,
    /// As given in [`NewSeries::attributes`] by the first instance.
    pub attributes: Vec<u8>,
    /// (0020,1209).
    pub instance_count: u64,
}

/// An instance's part of a hit.
#[derive(Clone, Debug)]
pub struct InstanceHit {
    /// (0008,0018).
    pub uid: SopInstanceUid,
    /// As given in [`NewInstance::attributes`].
    pub attributes: Vec<u8>,
    /// As stored: (0008,3002).
    pub transfer_syntax: String,
    /// With [`Search::with_metadata`], as given in [`NewInstance::metadata`].
    pub metadata: Option<Vec<u8>>,
    /// Whether its bytes failed a check and are not served.
    pub damaged: bool,
}

/// Counts for metrics and the status page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Studies of all custodians.
    pub studies: u64,
    /// Series.
    pub series: u64,
    /// Instances (current versions).
    pub instances: u64,
    /// Rows whose bytes are still in the spool.
    pub unplaced: u64,
}
