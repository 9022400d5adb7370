//! The inverted table of studies: every value by which a visible study is looked up.
//!
//! One row for each value, so that an attribute with several (modalities, the groups of a name) is found by any. Rows of
//! one value lie in the order of searches, so that a page of the newest needs no sort.

use model::person_name;
use rusqlite::Connection;

use crate::{Attribute, IndexError, NewStudy};

/// Adds a row: kind, value, moment, study, custodian.
pub(super) const ADD: &str = "INSERT OR IGNORE INTO study_key VALUES (?1, ?2, ?3, ?4, ?5)";
/// Takes a row out: kind, value, moment, study.
pub(super) const REMOVE: &str =
    "DELETE FROM study_key WHERE kind = ?1 AND value = ?2 AND moment = ?3 AND study = ?4";

/// What a value is of; the number is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i64)]
pub(super) enum Kind {
    Modality = 1,
    Accession = 2,
    PatientId = 3,
    PatientName = 4,
    Referring = 5,
    StudyId = 6,
    BirthDate = 7,
    Description = 8,
    Institution = 9,
}

impl Kind {
    /// Whether one study may have several values.
    pub(super) fn has_several(self) -> bool {
        matches!(self, Kind::Modality | Kind::PatientName | Kind::Referring)
    }

    /// The kind under which the attribute's values stand, if they do.
    pub(super) fn of(attribute: Attribute) -> Option<Kind> {
        Some(match attribute {
            Attribute::ModalitiesInStudy | Attribute::Modality => Kind::Modality,
            Attribute::AccessionNumber => Kind::Accession,
            Attribute::PatientId => Kind::PatientId,
            Attribute::PatientName => Kind::PatientName,
            Attribute::ReferringPhysicianName => Kind::Referring,
            Attribute::StudyId => Kind::StudyId,
            Attribute::PatientBirthDate => Kind::BirthDate,
            Attribute::StudyDescription => Kind::Description,
            Attribute::InstitutionName => Kind::Institution,
            _ => return None,
        })
    }
}

/// A name's normalised text and its three groups.
pub(super) struct Name {
    pub groups: [String; 3],
}

impl Name {
    /// Normalises folded text: padding and empty trailing components go.
    pub(super) fn of(folded: &str) -> Self {
        let key = person_name::key(folded);
        let mut groups = key.split('=').map(str::to_owned);
        Self { groups: std::array::from_fn(|_| groups.next().unwrap_or_default()) }
    }
}

/// The study's values but its modalities; none is empty.
pub(super) fn values<'a>(
    study: &'a NewStudy,
    patient: &'a Name,
    referring: &'a Name,
) -> impl Iterator<Item = (Kind, &'a str)> {
    let plain = [
        (Kind::Accession, study.accession.as_str()),
        (Kind::PatientId, &study.patient_id),
        (Kind::StudyId, &study.study_id),
        (Kind::BirthDate, &study.birth_date),
        (Kind::Description, &study.description),
        (Kind::Institution, &study.institution),
    ];
    let patient = patient.groups.iter().map(|group| (Kind::PatientName, group.as_str()));
    let referring = referring.groups.iter().map(|group| (Kind::Referring, group.as_str()));
    plain.into_iter().chain(patient).chain(referring).filter(|(_, value)| !value.is_empty())
}

/// The columns of a study's row that are looked up, each with its kind.
const COLUMNS: [(Kind, &str); 12] = [
    (Kind::Accession, "accession"),
    (Kind::PatientId, "patient_id"),
    (Kind::StudyId, "study_id"),
    (Kind::BirthDate, "birth_date"),
    (Kind::Description, "description"),
    (Kind::Institution, "institution"),
    (Kind::PatientName, "patient_name"),
    (Kind::PatientName, "patient_name_second"),
    (Kind::PatientName, "patient_name_third"),
    (Kind::Referring, "referring"),
    (Kind::Referring, "referring_second"),
    (Kind::Referring, "referring_third"),
];

/// Adds a study's rows anew from its columns, but for its modalities.
pub(super) fn add(conn: &Connection, study: i64) -> Result<(), IndexError> {
    for (kind, column) in COLUMNS {
        conn.execute(
            &format!(
                "INSERT OR IGNORE INTO study_key SELECT ?1, {column}, moment, id, custodian FROM study
                 WHERE id = ?2 AND {column} <> ''"
            ),
            [kind as i64, study],
        )?;
    }
    Ok(())
}

/// Takes a study's rows out, but for its modalities.
pub(super) fn remove(conn: &Connection, study: i64) -> Result<(), IndexError> {
    for (kind, column) in COLUMNS {
        conn.execute(
            &format!(
                "DELETE FROM study_key WHERE (kind, value, moment, study) =
                 (SELECT ?1, {column}, moment, id FROM study WHERE id = ?2)"
            ),
            [kind as i64, study],
        )?;
    }
    Ok(())
}
