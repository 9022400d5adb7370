//! Adding instances: find or make their study and series, decide the version, keep the counts.

use std::collections::HashMap;

use access::CustodianId;
use rusqlite::{Connection, OptionalExtension, params};

use super::key::{self, Kind, Name, Texts};
use super::moment::moment;
use super::{damage, reject};
use crate::{IndexError, Inserted, Location, NewInstance, NewSeries, NewStudy, RowId};

/// What the writer remembers between transactions; a rollback forgets it.
#[derive(Default)]
pub(super) struct Known {
    custodians: HashMap<CustodianId, i64>,
    terms: HashMap<String, i64>,
    next_row: i64,
}

/// Custodians, and SOP classes and syntaxes, kept in memory: a peer could name many.
const REMEMBERED: usize = 1_024;

/// Adds the instances, in the transaction that is open.
pub(super) fn insert(
    conn: &Connection,
    known: &mut Known,
    instances: &[NewInstance],
) -> Result<Vec<Inserted>, IndexError> {
    let mut insertion = Insertion::new(conn, known);
    let inserted = instances.iter().map(|new| insertion.add(new)).collect::<Result<_, _>>()?;
    insertion.counts.write(conn)?;
    Ok(inserted)
}

pub(super) struct Insertion<'a> {
    conn: &'a Connection,
    known: &'a mut Known,
    counts: Counts,
}

impl<'a> Insertion<'a> {
    pub(super) fn new(conn: &'a Connection, known: &'a mut Known) -> Self {
        Self { conn, known, counts: Counts::default() }
    }

    /// Writes a shown study's attributes anew. Its counts and modalities are the caller's to set again.
    pub(super) fn rewrite_study(
        &mut self,
        study: i64,
        custodian: i64,
        new: &NewStudy,
        two_patients: bool,
    ) -> Result<(), IndexError> {
        let patient = Name::of(&new.patient_name_folded);
        self.write_study(study, custodian, new, &patient, true, two_patients)
    }

    fn add(&mut self, new: &NewInstance) -> Result<Inserted, IndexError> {
        let custodian = self.known.custodian(self.conn, &new.custodian)?;
        let version = match self.held(custodian, new)? {
            Held::Same(row, version) => {
                self.note_resent(row, new)?;
                return Ok(match damage::heal(self.conn, row, new)? {
                    true => Inserted::Healed(row, version),
                    false => Inserted::Same(row),
                });
            }
            Held::Versions(highest) => highest + 1,
        };
        let current = version == 1 && !reject::is_rejected(self.conn, custodian, new.sop_instance.as_str())?;
        let study = self.study(custodian, &new.study, current)?;
        let series = self.series(custodian, study, &new.series, current)?;
        let row = self.known.row(self.conn)?;
        let place = Place { custodian, study, series, version, current };
        self.instance(row, &place, new)?;
        if current {
            self.counts.instance(&place);
        }
        if version == 1
            && let Some(rejection) = &new.rejects
        {
            // What the note hides may have come in this very call.
            std::mem::take(&mut self.counts).write(self.conn)?;
            let uids = rejection.instances.iter().map(|uid| uid.as_str());
            reject::reject(self.conn, row, custodian, &rejection.reason, uids)?;
        }
        Ok(match version {
            1 => Inserted::New(RowId(row)),
            n => Inserted::NewVersion(RowId(row), n),
        })
    }

    /// What this custodian has under the instance's UID.
    fn held(&self, custodian: i64, new: &NewInstance) -> Result<Held, IndexError> {
        let mut statement = self.conn.prepare_cached(
            "SELECT i.id, i.version, d.digest FROM instance i CROSS JOIN detail d ON d.instance = i.id
             WHERE i.uid = ?1 AND i.custodian = ?2 ORDER BY i.version",
        )?;
        let mut rows = statement.query(params![new.sop_instance.as_str(), custodian])?;
        let mut highest = 0;
        while let Some(row) = rows.next()? {
            if row.get_ref(2)?.as_blob().is_ok_and(|digest| digest == new.digest) {
                return Ok(Held::Same(RowId(row.get(0)?), row.get(1)?));
            }
            highest = row.get(1)?;
        }
        Ok(Held::Versions(highest))
    }

    fn note_resent(&self, row: RowId, new: &NewInstance) -> Result<(), IndexError> {
        self.conn
            .prepare_cached(
                "INSERT INTO resent VALUES (?1, ?2, ?3, 1, ?4) ON CONFLICT
                 DO UPDATE SET times = times + 1, last_at = excluded.last_at",
            )?
            .execute(params![row.0, new.source, new.principal, new.received_at])?;
        note_sequence(self.conn, new.sequence)
    }

    /// The study's row, made or shown when this is its first current instance.
    fn study(&mut self, custodian: i64, new: &NewStudy, current: bool) -> Result<i64, IndexError> {
        let patient = Name::of(&new.patient_name_folded);
        let found = self
            .conn
            .prepare_cached(
                "SELECT id, visible, two_patients, patient_id, issuer, patient_name FROM study
                 WHERE uid = ?1 AND custodian = ?2",
            )?
            .query_row(params![new.uid.as_str(), custodian], |row| {
                let other = |column: usize, text: &str| -> rusqlite::Result<bool> {
                    let held = row.get_ref(column)?.as_str()?;
                    Ok(!held.is_empty() && !text.is_empty() && held != text)
                };
                let other_patient =
                    other(3, &new.patient_id)? || other(4, &new.issuer)? || other(5, &patient.groups[0])?;
                let two_patients: bool = row.get(2)?;
                Ok((row.get::<_, i64>(0)?, row.get::<_, bool>(1)?, two_patients, other_patient))
            })
            .optional()?;
        let Some((study, visible, two_patients, other_patient)) = found else {
            let study = next(self.conn, "SELECT ifnull(max(id), 0) + 1 FROM study")?;
            self.write_study(study, custodian, new, &patient, current, false)?;
            return Ok(study);
        };
        if current && !visible {
            self.write_study(study, custodian, new, &patient, true, two_patients || other_patient)?;
        } else if other_patient && !two_patients {
            self.conn.prepare_cached("UPDATE study SET two_patients = 1 WHERE id = ?1")?.execute([study])?;
        }
        Ok(study)
    }

    /// Writes a study that has no instances yet, or none that is current.
    fn write_study(
        &mut self,
        study: i64,
        custodian: i64,
        new: &NewStudy,
        patient: &Name,
        visible: bool,
        two_patients: bool,
    ) -> Result<(), IndexError> {
        let moment = moment(&new.date, &new.time);
        let referring = Name::of(&new.referring_folded);
        self.conn
            .prepare_cached(
                "INSERT OR REPLACE INTO study
                 (id, custodian, uid, moment, visible, two_patients, accession, patient_id, issuer, patient_name,
                  patient_name_second, patient_name_third, birth_date, sex, referring, referring_second,
                  referring_third, study_id, description, institution, zone)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
                  ?21)",
            )?
            .execute(params![
                study,
                custodian,
                new.uid.as_str(),
                moment,
                visible,
                two_patients,
                new.accession,
                new.patient_id,
                new.issuer,
                patient.groups[0],
                patient.groups[1],
                patient.groups[2],
                new.birth_date,
                new.sex,
                referring.groups[0],
                referring.groups[1],
                referring.groups[2],
                new.study_id,
                new.description,
                new.institution,
                new.zone,
            ])?;
        if let Some(minutes) = new.zone {
            note_zone(self.conn, minutes)?;
        }
        self.conn.prepare_cached("DELETE FROM study_other_id WHERE study = ?1")?.execute([study])?;
        for (item, id) in (0_i64..).zip(&new.other_ids) {
            self.conn
                .prepare_cached("INSERT INTO study_other_id VALUES (?1, ?2, ?3)")?
                .execute(params![study, item, id])?;
        }
        self.conn
            .prepare_cached("INSERT OR REPLACE INTO study_answer VALUES (?1, ?2)")?
            .execute(params![study, new.attributes])?;
        if visible {
            key::add_all(self.conn, &Texts::of(new, patient, &referring), moment, study, custodian)?;
            self.counts.custodians.entry(custodian).or_default().studies += 1;
        }
        Ok(())
    }

    /// The series' row, made or shown when this is its first current instance.
    fn series(
        &mut self,
        custodian: i64,
        study: i64,
        new: &NewSeries,
        current: bool,
    ) -> Result<i64, IndexError> {
        let found = self
            .conn
            .prepare_cached("SELECT id, visible FROM series WHERE uid = ?1 AND study = ?2")?
            .query_row(params![new.uid.as_str(), study], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, bool>(1)?))
            })
            .optional()?;
        let series = match found {
            Some((series, visible)) if visible || !current => return Ok(series),
            Some((series, _)) => series,
            None => next(self.conn, "SELECT ifnull(max(id), 0) + 1 FROM series")?,
        };
        self.write_series(series, study, new, current)?;
        if current {
            self.counts.custodians.entry(custodian).or_default().series += 1;
            self.counts.studies.entry(study).or_default().series += 1;
            modalities(self.conn, study)?;
        }
        Ok(series)
    }

    /// Writes a series that has no instances yet, or none that is current.
    pub(super) fn write_series(
        &self,
        series: i64,
        study: i64,
        new: &NewSeries,
        visible: bool,
    ) -> Result<(), IndexError> {
        self.conn
            .prepare_cached(
                "INSERT OR REPLACE INTO series
                 (id, study, uid, visible, rank, number, modality, description, body_part, performed_date,
                  performed_time)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute(params![
                series,
                study,
                new.uid.as_str(),
                visible,
                new.number.unwrap_or(0),
                new.number,
                new.modality,
                new.description,
                new.body_part,
                new.performed_date,
                new.performed_time,
            ])?;
        self.conn
            .prepare_cached("INSERT OR REPLACE INTO series_answer VALUES (?1, ?2)")?
            .execute(params![series, new.attributes])?;
        self.conn.prepare_cached("DELETE FROM series_request WHERE series = ?1")?.execute([series])?;
        let mut add = self.conn.prepare_cached("INSERT INTO series_request VALUES (?1, ?2, ?3, ?4)")?;
        for (item, (step, requested)) in (0_i64..).zip(&new.requests) {
            add.execute(params![series, item, step, requested])?;
        }
        Ok(())
    }

    fn instance(&mut self, row: i64, place: &Place, new: &NewInstance) -> Result<(), IndexError> {
        let conn = self.conn;
        let sop_class = self.known.term(conn, new.sop_class.as_str())?;
        let transfer_syntax = self.known.term(conn, new.transfer_syntax)?;
        let sequence = sequence(new.sequence)?;
        conn.prepare_cached(
            "INSERT INTO instance VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            row,
            place.custodian,
            place.study,
            place.series,
            new.sop_instance.as_str(),
            place.version,
            place.current,
            new.number.unwrap_or(0),
            new.number,
            sop_class,
            transfer_syntax,
            sequence,
        ])?;
        conn.prepare_cached("INSERT INTO detail VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?.execute(
            params![
                row,
                new.digest,
                i64::try_from(new.length).unwrap_or(i64::MAX),
                new.received_at,
                new.source,
                new.principal,
                new.crcs,
                new.pixels,
                new.bulk,
            ],
        )?;
        conn.prepare_cached("INSERT INTO document VALUES (?1, ?2, ?3)")?.execute(params![
            row,
            new.attributes,
            new.metadata
        ])?;
        let (statement, name) = match &new.location {
            Location::Spool(name) => ("INSERT INTO spooled VALUES (?1, ?2)", name),
            Location::Placed(key) => ("INSERT INTO placed VALUES (?1, ?2)", key),
        };
        conn.prepare_cached(statement)?.execute(params![row, name])?;
        conn.prepare_cached("INSERT OR IGNORE INTO series_class VALUES (?1, ?2)")?
            .execute(params![sop_class, place.series])?;
        Ok(())
    }
}

/// What a custodian has under a UID.
enum Held {
    /// The same bytes, in this row and version.
    Same(RowId, u32),
    /// Versions up to this one, 0 for none, all of other bytes.
    Versions(u32),
}

/// Where a new row belongs.
struct Place {
    custodian: i64,
    study: i64,
    series: i64,
    version: u32,
    current: bool,
}

/// What one call changes in the counts, written once at its end.
#[derive(Default)]
struct Counts {
    custodians: HashMap<i64, Tally>,
    studies: HashMap<i64, Tally>,
    series: HashMap<i64, i64>,
}

#[derive(Default)]
struct Tally {
    studies: i64,
    series: i64,
    instances: i64,
}

impl Counts {
    fn instance(&mut self, place: &Place) {
        self.custodians.entry(place.custodian).or_default().instances += 1;
        self.studies.entry(place.study).or_default().instances += 1;
        *self.series.entry(place.series).or_default() += 1;
    }

    fn write(&self, conn: &Connection) -> Result<(), IndexError> {
        for (series, instances) in &self.series {
            conn.prepare_cached("UPDATE series SET instance_count = instance_count + ?2 WHERE id = ?1")?
                .execute(params![series, instances])?;
        }
        for (study, tally) in &self.studies {
            conn.prepare_cached(
                "UPDATE study SET series_count = series_count + ?2, instance_count = instance_count + ?3
                 WHERE id = ?1",
            )?
            .execute(params![study, tally.series, tally.instances])?;
        }
        for (custodian, tally) in &self.custodians {
            conn.prepare_cached(
                "UPDATE custodian SET studies = studies + ?2, series = series + ?3, instances = instances + ?4
                 WHERE id = ?1",
            )?
            .execute(params![custodian, tally.studies, tally.series, tally.instances])?;
        }
        Ok(())
    }
}

impl Known {
    pub(super) fn custodian(&mut self, conn: &Connection, name: &CustodianId) -> Result<i64, IndexError> {
        if let Some(id) = self.custodians.get(name) {
            return Ok(*id);
        }
        let found = conn
            .prepare_cached("SELECT id FROM custodian WHERE name = ?1")?
            .query_row([name.as_str()], |row| row.get(0))
            .optional()?;
        let id = match found {
            Some(id) => id,
            None => {
                conn.prepare_cached("INSERT INTO custodian (name) VALUES (?1)")?.insert([name.as_str()])?
            }
        };
        if self.custodians.len() >= REMEMBERED {
            self.custodians.clear();
        }
        self.custodians.insert(name.clone(), id);
        Ok(id)
    }

    fn term(&mut self, conn: &Connection, text: &str) -> Result<i64, IndexError> {
        if let Some(id) = self.terms.get(text) {
            return Ok(*id);
        }
        let found = conn
            .prepare_cached("SELECT id FROM term WHERE text = ?1")?
            .query_row([text], |row| row.get(0))
            .optional()?;
        let id = match found {
            Some(id) => id,
            None => conn.prepare_cached("INSERT INTO term (text) VALUES (?1)")?.insert([text])?,
        };
        if self.terms.len() >= REMEMBERED {
            self.terms.clear();
        }
        self.terms.insert(text.to_owned(), id);
        Ok(id)
    }

    /// A number that no row has or had since the start: not even after the newest row was taken out again.
    fn row(&mut self, conn: &Connection) -> Result<i64, IndexError> {
        if self.next_row == 0 {
            self.next_row = next(conn, "SELECT ifnull(max(id), 0) + 1 FROM instance")?;
        }
        let row = self.next_row;
        self.next_row += 1;
        Ok(row)
    }

    /// After a rollback: what was made in the transaction is gone. Row numbers go on.
    pub(super) fn forget(&mut self) {
        self.custodians.clear();
        self.terms.clear();
    }
}

/// Writes a study's distinct modalities anew, and the keys for those that are new.
pub(super) fn modalities(conn: &Connection, study: i64) -> Result<(), IndexError> {
    let mut statement = conn.prepare_cached(
        "SELECT DISTINCT modality FROM series WHERE study = ?1 AND visible = 1 AND modality <> '' ORDER BY 1",
    )?;
    let found =
        statement.query_map([study], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    let (moment, custodian, written): (i64, i64, String) = conn
        .prepare_cached("SELECT moment, custodian, modalities FROM study WHERE id = ?1")?
        .query_row([study], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let joined = found.join("\\");
    let kind = Kind::Modality as i64;
    if joined.is_empty() {
        // None at all is a value too.
        conn.prepare_cached(key::ADD)?.execute(params![kind, "", moment, study, custodian])?;
    }
    if joined == written {
        return Ok(());
    }
    if written.is_empty() {
        conn.prepare_cached(key::REMOVE)?.execute(params![kind, "", moment, study])?;
    }
    for gone in written.split('\\').filter(|held| !held.is_empty() && !found.iter().any(|m| m == held)) {
        conn.prepare_cached(key::REMOVE)?.execute(params![kind, gone, moment, study])?;
    }
    for modality in &found {
        conn.prepare_cached(key::ADD)?.execute(params![kind, modality, moment, study, custodian])?;
    }
    conn.prepare_cached("UPDATE study SET modalities = ?2 WHERE id = ?1")?.execute(params![study, joined])?;
    Ok(())
}

/// Remembers that this sequence was given out though no row has it.
pub(super) fn note_sequence(conn: &Connection, given: u64) -> Result<(), IndexError> {
    conn.prepare_cached("UPDATE sequence SET last = max(last, ?1)")?.execute([sequence(given)?])?;
    Ok(())
}

/// Remembers that this zone occurs.
pub(super) fn note_zone(conn: &Connection, minutes: i64) -> Result<(), IndexError> {
    conn.prepare_cached("INSERT OR IGNORE INTO zone VALUES (?1)")?.execute([minutes])?;
    Ok(())
}

/// A sequence as SQLite holds it.
pub(super) fn sequence(given: u64) -> Result<i64, IndexError> {
    i64::try_from(given).map_err(|_| IndexError::Engine(format!("sequence {given} is beyond 2^63")))
}

fn next(conn: &Connection, query: &str) -> Result<i64, IndexError> {
    Ok(conn.prepare_cached(query)?.query_row([], |row| row.get(0))?)
}
