//! Instances whose bytes failed a check: their rows stay, their bytes are not served until the same ones come again.

use rusqlite::{Connection, params};

use super::insert::sequence;
use crate::{IndexError, Location, NewInstance, RowId};

/// Marks a row, once. Whether it was not marked before.
pub(super) fn mark(conn: &Connection, row: RowId, at: i64, why: &str) -> Result<bool, IndexError> {
    let marked = conn
        .prepare_cached("INSERT OR IGNORE INTO damaged SELECT id, ?2, ?3 FROM instance WHERE id = ?1")?
        .execute(params![row.0, at, why])?;
    Ok(marked > 0)
}

/// Takes the mark off.
pub(super) fn unmark(conn: &Connection, row: RowId) -> Result<(), IndexError> {
    conn.prepare_cached("DELETE FROM damaged WHERE instance = ?1")?.execute([row.0])?;
    Ok(())
}

/// Gives a marked row the new file that holds the same bytes; `false` when it is not marked.
pub(super) fn heal(conn: &Connection, row: RowId, new: &NewInstance) -> Result<bool, IndexError> {
    if conn.prepare_cached("DELETE FROM damaged WHERE instance = ?1")?.execute([row.0])? == 0 {
        return Ok(false);
    }
    for table in ["spooled", "placed"] {
        conn.prepare_cached(&format!("DELETE FROM {table} WHERE instance = ?1"))?.execute([row.0])?;
    }
    let (statement, name) = match &new.location {
        Location::Spool(name) => ("INSERT INTO spooled VALUES (?1, ?2)", name),
        Location::Placed(key) => ("INSERT INTO placed VALUES (?1, ?2)", key),
    };
    conn.prepare_cached(statement)?.execute(params![row.0, name])?;
    // What is kept beside the bytes was made from the same bytes, and may be what was damaged.
    conn.prepare_cached("UPDATE detail SET sums = ?2, pixels = ?3, bulk = ?4 WHERE instance = ?1")?
        .execute(params![row.0, new.crcs, new.pixels, new.bulk])?;
    conn.prepare_cached("UPDATE instance SET sequence = ?2 WHERE id = ?1")?
        .execute(params![row.0, sequence(new.sequence)?])?;
    conn.prepare_cached(
        "INSERT OR IGNORE INTO stale SELECT study, 0 FROM instance WHERE id = ?1 AND current = 1
         UNION ALL SELECT study, series FROM instance WHERE id = ?1 AND current = 1",
    )?
    .execute([row.0])?;
    Ok(true)
}
