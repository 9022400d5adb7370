//! Erasing: rows leave every table, and what is left of them is a number.

use std::collections::{BTreeSet, HashSet};

use access::CustodianId;
use model::StudyUid;
use rusqlite::{Connection, OptionalExtension, params};

use super::insert::{note_sequence, sequence};
use super::place::{Removed, remove_row, sweep};
use super::remove::{instance, unpurged_row};
use super::search::parsed;
use super::sql::Sql;
use crate::{Erasure, IndexError, RowId, StaleId, Unpurged, Version};

/// Every version of everything in a study, by row, after this one.
pub(super) fn versions(
    conn: &Connection,
    study: StaleId,
    after: Option<RowId>,
    limit: u32,
) -> Result<Vec<Version>, IndexError> {
    let mut sql = Sql::new(
        "SELECT i.sequence, s.uid, e.uid, i.uid, i.version, d.digest, d.length, sp.name, i.id, t.text FROM (",
    );
    for (position, current) in ["1", "0"].iter().enumerate() {
        if position > 0 {
            sql.push(" UNION ALL ");
        }
        sql.push("SELECT id FROM instance WHERE study = ")
            .bind(study.study)
            .push(" AND current = ")
            .push(current);
    }
    sql.push(") n CROSS JOIN instance i ON i.id = n.id CROSS JOIN study s ON s.id = i.study ");
    sql.push("CROSS JOIN series e ON e.id = i.series CROSS JOIN detail d ON d.instance = i.id ");
    sql.push(
        "CROSS JOIN term t ON t.id = i.sop_class LEFT JOIN spooled sp ON sp.instance = i.id WHERE n.id > ",
    );
    sql.bind(after.map_or(0, |row| row.0)).push(" ORDER BY n.id LIMIT ").bind(i64::from(limit));
    sql.rows(conn, |row| {
        Ok(Version { row: RowId(row.get(8)?), instance: instance(row)?, sop_class: parsed(row, 9)? })
    })
}

/// What was deleted of a study before, of this custodian or of all, each with the deletion that took it.
pub(super) fn deleted_before(
    conn: &Connection,
    custodian: Option<&CustodianId>,
    study: &StudyUid,
) -> Result<Vec<(u64, Unpurged)>, IndexError> {
    let mut sql = Sql::new(
        "SELECT r.sequence, r.study, r.series, r.uid, r.version, r.digest, 0, r.spool, c.name, d.at, d.sequence
         FROM removal d CROSS JOIN removed r ON r.removal = d.sequence CROSS JOIN custodian c ON c.id = d.custodian
         WHERE (d.study = ",
    );
    sql.text(study.as_str()).push(" OR r.study = ").text(study.as_str()).push(")");
    if let Some(custodian) = custodian {
        sql.push(" AND c.name = ").text(custodian.as_str());
    }
    sql.push(" ORDER BY r.sequence");
    sql.rows(conn, |row| Ok((row.get::<_, i64>(10)?.unsigned_abs(), unpurged_row(row)?)))
}

/// Takes everything out that names these versions. Doing it again changes nothing.
pub(super) fn erase(conn: &Connection, erasure: &Erasure) -> Result<(), IndexError> {
    let number = sequence(erasure.sequence)?;
    conn.prepare_cached("INSERT OR IGNORE INTO erasure VALUES (?1)")?.execute([number])?;
    note_sequence(conn, erasure.sequence)?;
    let (mut left, mut records) = (BTreeSet::new(), BTreeSet::new());
    for one in &erasure.versions {
        let of = sequence(*one)?;
        conn.prepare_cached("INSERT OR IGNORE INTO erased VALUES (?1, ?2)")?.execute([of, number])?;
        let record = conn
            .prepare_cached("DELETE FROM removed WHERE sequence = ?1 RETURNING removal")?
            .query_row([of], |row| row.get::<_, i64>(0))
            .optional()?;
        records.extend(record);
        let row = conn
            .prepare_cached("SELECT id FROM instance WHERE sequence = ?1")?
            .query_row([of], |row| row.get::<_, i64>(0))
            .optional()?;
        match row {
            Some(row) => left.extend(remove_row(conn, row)?.map(|removed| (removed.study, removed.series))),
            None => note_sequence(conn, *one)?,
        }
    }
    for (study, series) in left {
        sweep(conn, &Removed { study, series, ..Removed::default() })?;
    }
    for record in records {
        conn.execute("UPDATE removal SET reason = '' WHERE sequence = ?1", [record])?;
        conn.execute(
            "DELETE FROM removal WHERE sequence = ?1 AND NOT EXISTS (SELECT 1 FROM removed WHERE removal = ?1)",
            [record],
        )?;
    }
    forget_commitments(conn, erasure)
}

/// Lets go of storage commitment requests and results that name an erased instance; that they were made stays known.
fn forget_commitments(conn: &Connection, erasure: &Erasure) -> Result<(), IndexError> {
    if erasure.instances.is_empty() {
        return Ok(());
    }
    let wanted: HashSet<&str> = erasure.instances.iter().map(|uid| uid.as_str()).collect();
    let names = |text: &[u8]| {
        let mut words = text.split(|byte| !byte.is_ascii_digit() && *byte != b'.');
        words.any(|word| std::str::from_utf8(word).is_ok_and(|word| wanted.contains(word)))
    };
    let mut found = Vec::new();
    let mut statement =
        conn.prepare_cached("SELECT id, request, result FROM commitment WHERE length(request) > 0")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (request, result): (Vec<u8>, Option<Vec<u8>>) = (row.get(1)?, row.get(2)?);
        if names(&request) || result.is_some_and(|result| names(&result)) {
            found.push(row.get::<_, i64>(0)?);
        }
    }
    for id in found {
        conn.execute("UPDATE commitment SET request = x'', result = NULL WHERE id = ?1", params![id])?;
    }
    Ok(())
}

/// Whether the version of this sequence was erased.
pub(super) fn is_erased(conn: &Connection, of: u64) -> Result<bool, IndexError> {
    Ok(conn.prepare_cached("SELECT 1 FROM erased WHERE sequence = ?1")?.exists([sequence(of)?])?)
}

/// Every erasure that is known, oldest first.
pub(super) fn erasures(conn: &Connection) -> Result<Vec<u64>, IndexError> {
    let mut statement = conn.prepare_cached("SELECT sequence FROM erasure ORDER BY sequence")?;
    let found = statement.query_map([], |row| Ok(row.get::<_, i64>(0)?.unsigned_abs()))?;
    Ok(found.collect::<Result<_, _>>()?)
}
