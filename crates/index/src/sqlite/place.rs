//! Final places, and taking out rows that were never acknowledged.

use rusqlite::{Connection, OptionalExtension, params};

use super::insert::{modalities, note_sequence};
use super::{key, reject};
use crate::{IndexError, RowId};

/// Moves rows from the spool to these keys. Doing it again changes nothing.
pub(super) fn set_placed(conn: &Connection, placed: &[(RowId, String)]) -> Result<(), IndexError> {
    let mut place = conn.prepare_cached(
        "INSERT INTO placed SELECT id, ?2 FROM instance WHERE id = ?1
         ON CONFLICT (instance) DO UPDATE SET key = excluded.key",
    )?;
    let mut unspool = conn.prepare_cached("DELETE FROM spooled WHERE instance = ?1")?;
    for (row, key) in placed {
        if place.execute(params![row.0, key])? == 0 {
            tracing::warn!(row = row.0, "an instance was placed that has no row");
        }
        unspool.execute([row.0])?;
    }
    Ok(())
}

/// Takes a row out whose bytes are still in the spool; any other row stays as it is.
pub(super) fn remove_unplaced(conn: &Connection, row: RowId) -> Result<(), IndexError> {
    let spooled = conn
        .prepare_cached("SELECT 1 FROM spooled WHERE instance = ?1")?
        .query_row([row.0], |_| Ok(()))
        .optional()?;
    if spooled.is_none() {
        return Ok(());
    }
    match remove_row(conn, row.0)? {
        Some(removed) => sweep(conn, &removed),
        None => Ok(()),
    }
}

/// Takes a row out of every table but the series' and the study's: [`sweep`] does that.
pub(super) fn remove_row(conn: &Connection, row: i64) -> Result<Option<Removed>, IndexError> {
    reject::withdraw(conn, row)?;
    let found = conn
        .prepare_cached(
            "SELECT custodian, study, series, uid, current, sequence FROM instance WHERE id = ?1",
        )?
        .query_row([row], |row| {
            Ok(Removed {
                custodian: row.get(0)?,
                study: row.get(1)?,
                series: row.get(2)?,
                uid: row.get(3)?,
                current: row.get(4)?,
                sequence: row.get(5)?,
            })
        })
        .optional()?;
    let Some(removed) = found else {
        return Ok(None);
    };
    for table in ["spooled", "placed", "detail", "document", "resent", "damaged"] {
        conn.prepare_cached(&format!("DELETE FROM {table} WHERE instance = ?1"))?.execute([row])?;
    }
    conn.prepare_cached("DELETE FROM instance WHERE id = ?1")?.execute([row])?;
    note_sequence(conn, removed.sequence.unsigned_abs())?;
    if removed.current {
        shown(conn, &removed, -1)?;
        promote(conn, &removed)?;
    }
    Ok(Some(removed))
}

/// What else must follow the row.
#[derive(Default)]
pub(super) struct Removed {
    pub custodian: i64,
    pub study: i64,
    pub series: i64,
    pub uid: String,
    pub current: bool,
    pub sequence: i64,
}

/// The lowest version left becomes the current one, unless a rejection note hides the instance.
pub(super) fn promote(conn: &Connection, removed: &Removed) -> Result<(), IndexError> {
    let next = conn
        .query_row(
            "SELECT id, study, series FROM instance WHERE uid = ?1 AND custodian = ?2 AND NOT EXISTS
             (SELECT 1 FROM rejected WHERE uid = ?1 AND custodian = ?2) ORDER BY version LIMIT 1",
            params![removed.uid, removed.custodian],
            |row| Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?)),
        )
        .optional()?;
    let Some((row, study, series)) = next else {
        return Ok(());
    };
    conn.execute("UPDATE instance SET current = 1 WHERE id = ?1", [row])?;
    let promoted = Removed { study, series, uid: String::new(), ..*removed };
    shown(conn, &promoted, 1)
}

/// Adds to the counts, and shows or hides series and study as their counts leave or reach 0. Their attributes may have
/// come from the instance that came or went: they are to be looked at anew.
pub(super) fn shown(conn: &Connection, of: &Removed, change: i64) -> Result<(), IndexError> {
    let counts = |table: &str, id: i64| -> Result<(bool, i64), IndexError> {
        conn.prepare_cached(&format!(
            "UPDATE {table} SET instance_count = instance_count + ?2 WHERE id = ?1"
        ))?
        .execute([id, change])?;
        let query = format!("SELECT visible, instance_count FROM {table} WHERE id = ?1");
        Ok(conn.prepare_cached(&query)?.query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?)
    };
    conn.prepare_cached("INSERT OR IGNORE INTO stale VALUES (?1, 0), (?1, ?2)")?
        .execute([of.study, of.series])?;
    conn.prepare_cached("UPDATE custodian SET instances = instances + ?2 WHERE id = ?1")?
        .execute([of.custodian, change])?;
    let (study_was, study_instances) = counts("study", of.study)?;
    let (series_was, series_instances) = counts("series", of.series)?;
    let (study_is, series_is) = (study_instances > 0, series_instances > 0);
    if series_is != series_was {
        conn.execute("UPDATE series SET visible = ?2 WHERE id = ?1", params![of.series, series_is])?;
        conn.execute("UPDATE study SET series_count = series_count + ?2 WHERE id = ?1", [of.study, change])?;
        conn.execute("UPDATE custodian SET series = series + ?2 WHERE id = ?1", [of.custodian, change])?;
        modalities(conn, of.study)?;
    }
    if study_is != study_was {
        conn.execute("UPDATE study SET visible = ?2 WHERE id = ?1", params![of.study, study_is])?;
        conn.execute("UPDATE custodian SET studies = studies + ?2 WHERE id = ?1", [of.custodian, change])?;
        if study_is { key::add(conn, of.study)? } else { key::remove(conn, of.study)? }
    }
    Ok(())
}

/// Takes the series and the study out when no version of anything is in them.
pub(super) fn sweep(conn: &Connection, removed: &Removed) -> Result<(), IndexError> {
    let used = |column: &str, id: i64| -> Result<bool, IndexError> {
        // Both halves have their index; together they are all rows.
        let query = format!(
            "SELECT EXISTS (SELECT 1 FROM instance WHERE study = ?1 AND {column} = ?2 AND current = 1)
                 OR EXISTS (SELECT 1 FROM instance WHERE study = ?1 AND {column} = ?2 AND current = 0)"
        );
        Ok(conn.query_row(&query, [removed.study, id], |row| row.get(0))?)
    };
    if !used("series", removed.series)? {
        for statement in [
            "DELETE FROM series_request WHERE series = ?1",
            "DELETE FROM series_class WHERE series = ?1",
            "DELETE FROM series_answer WHERE series = ?1",
            "DELETE FROM stale WHERE series = ?1",
            "DELETE FROM series WHERE id = ?1",
        ] {
            conn.execute(statement, [removed.series])?;
        }
    }
    if !used("study", removed.study)? {
        conn.execute("DELETE FROM stale WHERE study = ?1", [removed.study])?;
        conn.execute("DELETE FROM study_answer WHERE study = ?1", [removed.study])?;
        conn.execute("DELETE FROM study_other_id WHERE study = ?1", [removed.study])?;
        conn.execute("DELETE FROM study WHERE id = ?1", [removed.study])?;
    }
    Ok(())
}
