//! The inverted table of studies: every value by which a visible study is looked up.
//!
//! One row for each value, so that an attribute with several (modalities, the groups of a name, its words) is found by
//! any; an empty value has its row too. Rows of one value lie in the order of searches, so that a page of the newest
//! needs no sort.

use model::person_name;
use rusqlite::{Connection, params};

use super::word;
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
    /// A word of the patient's name.
    PatientWord = 10,
    /// A word of the referring physician's name.
    ReferringWord = 11,
    Issuer = 12,
    Sex = 13,
    OtherId = 14,
}

impl Kind {
    /// Whether one study may have several values.
    pub(super) fn has_several(self) -> bool {
        matches!(
            self,
            Kind::Modality
                | Kind::PatientName
                | Kind::Referring
                | Kind::PatientWord
                | Kind::ReferringWord
                | Kind::OtherId
        )
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
            Attribute::IssuerOfPatientId => Kind::Issuer,
            Attribute::PatientSex => Kind::Sex,
            Attribute::OtherPatientId => Kind::OtherId,
            _ => return None,
        })
    }

    /// Of a name, the kind of its words.
    pub(super) fn words(self) -> Option<Kind> {
        match self {
            Kind::PatientName => Some(Kind::PatientWord),
            Kind::Referring => Some(Kind::ReferringWord),
            _ => None,
        }
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

/// The texts by which a study is looked up, but for its modalities.
pub(super) struct Texts<'a> {
    plain: [(Kind, &'a str); 8],
    patient: [&'a str; 3],
    referring: [&'a str; 3],
    other_ids: Vec<&'a str>,
}

impl<'a> Texts<'a> {
    /// Of a study that comes.
    pub(super) fn of(study: &'a NewStudy, patient: &'a Name, referring: &'a Name) -> Self {
        Self {
            plain: [
                (Kind::Accession, study.accession.as_str()),
                (Kind::PatientId, &study.patient_id),
                (Kind::StudyId, &study.study_id),
                (Kind::BirthDate, &study.birth_date),
                (Kind::Description, &study.description),
                (Kind::Institution, &study.institution),
                (Kind::Issuer, &study.issuer),
                (Kind::Sex, &study.sex),
            ],
            patient: patient.groups.each_ref().map(String::as_str),
            referring: referring.groups.each_ref().map(String::as_str),
            other_ids: study.other_ids.iter().map(String::as_str).collect(),
        }
    }

    /// The values and the words that they are looked up by.
    fn values(&self) -> Vec<(Kind, String)> {
        let mut values: Vec<(Kind, String)> =
            self.plain.iter().map(|(kind, value)| (*kind, (*value).to_owned())).collect();
        for (kind, words, groups) in [
            (Kind::PatientName, Kind::PatientWord, &self.patient),
            (Kind::Referring, Kind::ReferringWord, &self.referring),
        ] {
            let named = groups.iter().any(|group| !group.is_empty());
            // A name of nothing is one empty value.
            let held = groups.iter().filter(|group| !group.is_empty()).chain((!named).then_some(&""));
            values.extend(held.map(|group| (kind, (*group).to_owned())));
            values.extend(person_name::words(&groups.join("=")).into_iter().map(|word| (words, word)));
        }
        let ids = self.other_ids.iter().filter(|id| !id.is_empty());
        values.extend(ids.map(|id| (Kind::OtherId, (*id).to_owned())));
        values
    }
}

/// Adds a visible study's rows, but for its modalities.
pub(super) fn add_all(
    conn: &Connection,
    texts: &Texts<'_>,
    moment: i64,
    study: i64,
    custodian: i64,
) -> Result<(), IndexError> {
    let mut add = conn.prepare_cached(ADD)?;
    for (kind, value) in texts.values() {
        if matches!(kind, Kind::PatientWord | Kind::ReferringWord) {
            word::note(conn, &value)?;
        }
        add.execute(params![kind as i64, value, moment, study, custodian])?;
    }
    Ok(())
}

/// Adds a study's rows anew from its columns, but for its modalities.
pub(super) fn add(conn: &Connection, study: i64) -> Result<(), IndexError> {
    let held = Held::read(conn, study)?;
    add_all(conn, &held.texts(), held.moment, study, held.custodian)
}

/// Takes all of a study's rows out, and the words that no other study has.
pub(super) fn remove(conn: &Connection, study: i64) -> Result<(), IndexError> {
    let held = Held::read(conn, study)?;
    let mut remove = conn.prepare_cached(REMOVE)?;
    let values = held.texts().values();
    for (kind, value) in &values {
        remove.execute(params![*kind as i64, value, held.moment, study])?;
    }
    for modality in held.modalities.split('\\').chain([""]) {
        remove.execute(params![Kind::Modality as i64, modality, held.moment, study])?;
    }
    for (_, word) in values.iter().filter(|(kind, _)| matches!(kind, Kind::PatientWord | Kind::ReferringWord))
    {
        word::forget(conn, word)?;
    }
    Ok(())
}

/// A study's row as far as it is looked up.
struct Held {
    moment: i64,
    custodian: i64,
    modalities: String,
    plain: Vec<String>,
    other_ids: Vec<String>,
}

impl Held {
    fn read(conn: &Connection, study: i64) -> Result<Self, IndexError> {
        let ids = conn
            .prepare_cached("SELECT patient_id FROM study_other_id WHERE study = ?1 ORDER BY item")?
            .query_map([study], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let held = conn
            .prepare_cached(
                "SELECT moment, custodian, modalities, accession, patient_id, study_id, birth_date, description,
                     institution, issuer, sex, patient_name, patient_name_second, patient_name_third, referring,
                     referring_second, referring_third
                 FROM study WHERE id = ?1",
            )?
            .query_row([study], |row| {
                Ok(Self {
                    moment: row.get(0)?,
                    custodian: row.get(1)?,
                    modalities: row.get(2)?,
                    plain: (3..17).map(|column| row.get(column)).collect::<Result<_, _>>()?,
                    other_ids: ids,
                })
            })?;
        Ok(held)
    }

    fn texts(&self) -> Texts<'_> {
        let at = |column: usize| self.plain.get(column).map_or("", String::as_str);
        const KINDS: [Kind; 8] = [
            Kind::Accession,
            Kind::PatientId,
            Kind::StudyId,
            Kind::BirthDate,
            Kind::Description,
            Kind::Institution,
            Kind::Issuer,
            Kind::Sex,
        ];
        Texts {
            plain: std::array::from_fn(|position| (KINDS[position], at(position))),
            patient: std::array::from_fn(|group| at(8 + group)),
            referring: std::array::from_fn(|group| at(11 + group)),
            other_ids: self.other_ids.iter().map(String::as_str).collect(),
        }
    }
}
