//! Rejection notes: the instances that a note names are no current versions of anything while it is here.

use rusqlite::{Connection, OptionalExtension, params};

use super::place::{Removed, promote, shown};
use crate::IndexError;

/// Whether a note in force hides this instance.
pub(super) fn is_rejected(conn: &Connection, custodian: i64, uid: &str) -> Result<bool, IndexError> {
    let found = conn
        .prepare_cached("SELECT 1 FROM rejected WHERE uid = ?1 AND custodian = ?2 LIMIT 1")?
        .query_row(params![uid, custodian], |_| Ok(()))
        .optional()?;
    Ok(found.is_some())
}

/// Puts the note in `row` in force: what it names is hidden now, or when it comes.
pub(super) fn reject<'a>(
    conn: &Connection,
    row: i64,
    custodian: i64,
    reason: &str,
    uids: impl Iterator<Item = &'a str>,
) -> Result<(), IndexError> {
    conn.prepare_cached("INSERT INTO note VALUES (?1, ?2)")?.execute(params![row, reason])?;
    for uid in uids {
        conn.prepare_cached("INSERT OR IGNORE INTO rejected VALUES (?1, ?2, ?3)")?
            .execute(params![uid, custodian, row])?;
        let current = conn
            .prepare_cached(
                "SELECT id, study, series FROM instance WHERE uid = ?1 AND custodian = ?2 AND +current = 1",
            )?
            .query_row(params![uid, custodian], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        if let Some((instance, study, series)) = current {
            conn.prepare_cached("UPDATE instance SET current = 0 WHERE id = ?1")?.execute([instance])?;
            shown(conn, &Removed { custodian, study, series, ..Removed::default() }, -1)?;
        }
    }
    Ok(())
}

/// Takes a note out of force before its row goes: what no other note hides is shown again.
pub(super) fn withdraw(conn: &Connection, note: i64) -> Result<(), IndexError> {
    let named = conn
        .prepare_cached("SELECT uid, custodian FROM rejected WHERE note = ?1")?
        .query_map([note], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?
        .collect::<Result<Vec<_>, _>>()?;
    conn.prepare_cached("DELETE FROM rejected WHERE note = ?1")?.execute([note])?;
    conn.prepare_cached("DELETE FROM note WHERE instance = ?1")?.execute([note])?;
    for (uid, custodian) in named {
        promote(conn, &Removed { custodian, uid, ..Removed::default() })?;
    }
    Ok(())
}
