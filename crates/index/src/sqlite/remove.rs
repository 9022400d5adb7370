//! Deletions: rows leave every table that is searched or read from, and what remains is the record that they did.

use std::collections::BTreeSet;

use access::Scope;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::insert::{Known, note_sequence, sequence};
use super::place::{Removed, remove_row, sweep};
use super::scope::{Columns, Scoped};
use super::search::parsed;
use super::sql::Sql;
use crate::{Hidden, IndexError, Removable, Removal, RemovalHead, RemovedInstance, Target, Unpurged};

/// What a deletion of the target would take out: every version of each instance whose first version lies in it.
pub(super) fn removable(
    conn: &Connection,
    scope: &Scope,
    target: &Target,
    limit: u32,
) -> Result<Option<Removable>, IndexError> {
    let scoped = Scoped::of_study(conn, scope, &target.study)?.narrowed(conn, target.custodian.as_ref())?;
    let mut sql = Sql::new("SELECT c.name, s.id, s.custodian");
    sql.push(if target.series.is_some() { ", e.id" } else { ", NULL" });
    sql.push(" FROM study s INDEXED BY study_uid CROSS JOIN custodian c ON c.id = s.custodian");
    if let Some(series) = &target.series {
        sql.push(" CROSS JOIN series e ON e.study = s.id AND e.uid = ").text(series.as_str());
    }
    if let Some(instance) = &target.instance {
        sql.push(" CROSS JOIN instance n ON n.custodian = s.custodian AND n.uid = ").text(instance.as_str());
        sql.push(" AND +n.study = s.id");
        if target.series.is_some() {
            sql.push(" AND +n.series = e.id");
        }
    }
    sql.push(" WHERE s.uid = ").text(target.study.as_str()).push(" AND ");
    scoped.condition(&mut sql, Columns { custodian: "s.custodian", study: "s.id" });
    // A holding that shows something goes before one that hides everything.
    sql.push(" ORDER BY s.visible DESC, s.id LIMIT 1");
    let found = sql.first(conn, |row| {
        Ok((parsed(row, 0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?, row.get::<_, Option<i64>>(3)?))
    })?;
    let Some((custodian, study, holder, series)) = found else { return Ok(None) };
    let mut sql = Sql::new(INSTANCES);
    match &target.instance {
        Some(instance) => {
            sql.push(" FROM instance i ").push(INSTANCES_FROM);
            sql.push(" WHERE i.custodian = ").bind(holder).push(" AND i.uid = ").text(instance.as_str());
        }
        None => {
            sql.push(" FROM (");
            for (position, current) in ["1", "0"].iter().enumerate() {
                if position > 0 {
                    sql.push(" UNION ALL ");
                }
                sql.push("SELECT uid, custodian, version FROM instance WHERE study = ").bind(study);
                if let Some(series) = series {
                    sql.push(" AND series = ").bind(series);
                }
                sql.push(" AND current = ").push(current);
            }
            sql.push(") n CROSS JOIN instance i ON i.uid = n.uid AND i.custodian = n.custodian ");
            sql.push(INSTANCES_FROM);
            sql.push(
                " WHERE n.version = (SELECT min(m.version) FROM instance m WHERE m.uid = n.uid AND
                 m.custodian = n.custodian)",
            );
        }
    }
    sql.push(" LIMIT ").bind(i64::from(limit) + 1);
    let instances = sql.rows(conn, |row| Ok(instance(row)?))?;
    Ok((!instances.is_empty()).then_some(Removable { custodian, instances }))
}

const INSTANCES: &str = "SELECT i.sequence, s.uid, e.uid, i.uid, i.version, d.digest, d.length, sp.name";
const INSTANCES_FROM: &str = " CROSS JOIN study s ON s.id = i.study CROSS JOIN series e ON e.id = i.series
    CROSS JOIN detail d ON d.instance = i.id LEFT JOIN spooled sp ON sp.instance = i.id ";

pub(super) fn instance(row: &Row<'_>) -> rusqlite::Result<RemovedInstance> {
    Ok(RemovedInstance {
        sequence: row.get::<_, i64>(0)?.unsigned_abs(),
        study: parsed(row, 1)?,
        series: parsed(row, 2)?,
        sop_instance: parsed(row, 3)?,
        version: row.get(4)?,
        digest: row.get(5)?,
        length: row.get::<_, i64>(6)?.unsigned_abs(),
        spool: row.get(7)?,
    })
}

/// Takes the rows out and keeps the record. Doing it again changes nothing. How many rows went.
pub(super) fn remove(conn: &Connection, known: &mut Known, removal: &Removal) -> Result<u64, IndexError> {
    let head = &removal.head;
    let number = sequence(head.sequence)?;
    let held = conn
        .prepare_cached("SELECT 1 FROM removal WHERE sequence = ?1")?
        .query_row([number], |_| Ok(()))
        .optional()?;
    if held.is_some() {
        return Ok(0);
    }
    let custodian = known.custodian(conn, &head.custodian)?;
    conn.prepare_cached("INSERT INTO removal VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)")?
        .execute(params![
            number,
            head.at,
            custodian,
            head.principal,
            head.source,
            head.reason,
            head.study.as_str(),
            head.series.as_ref().map(|series| series.as_str()),
            head.instance.as_ref().map(|instance| instance.as_str()),
            i64::try_from(head.count).unwrap_or(i64::MAX),
            i64::try_from(head.bytes).unwrap_or(i64::MAX),
        ])?;
    note_sequence(conn, head.sequence)?;
    let (mut gone, mut left) = (0, BTreeSet::new());
    for one in &removal.instances {
        let of = sequence(one.sequence)?;
        conn.prepare_cached("INSERT OR IGNORE INTO removed VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0)")?
            .execute(params![
                of,
                number,
                custodian,
                one.study.as_str(),
                one.series.as_str(),
                one.sop_instance.as_str(),
                one.version,
                one.digest,
                one.spool,
            ])?;
        let row = conn
            .prepare_cached("SELECT id FROM instance WHERE sequence = ?1")?
            .query_row([of], |row| row.get::<_, i64>(0))
            .optional()?;
        match row {
            Some(row) => {
                if let Some(removed) = remove_row(conn, row)? {
                    left.insert((removed.study, removed.series));
                    gone += 1;
                }
            }
            None => note_sequence(conn, one.sequence)?,
        }
    }
    for (study, series) in left {
        sweep(conn, &Removed { study, series, ..Removed::default() })?;
    }
    Ok(gone)
}

/// Whether the instance of this sequence was deleted.
pub(super) fn is_removed(conn: &Connection, of: u64) -> Result<bool, IndexError> {
    let found = conn
        .prepare_cached("SELECT 1 FROM removed WHERE sequence = ?1")?
        .query_row([sequence(of)?], |_| Ok(()))
        .optional()?;
    Ok(found.is_some())
}

/// Whether there was something of this name within the scope that was deleted or is hidden by a rejection note.
pub(super) fn was_here(conn: &Connection, scope: &Scope, target: &Target) -> Result<bool, IndexError> {
    let scoped = Scoped::of_study(conn, scope, &target.study)?.narrowed(conn, target.custodian.as_ref())?;
    let mut sql = Sql::new("SELECT 1 FROM removed r WHERE r.study = ");
    sql.text(target.study.as_str());
    if let Some(series) = &target.series {
        sql.push(" AND r.series = ").text(series.as_str());
    }
    if let Some(instance) = &target.instance {
        sql.push(" AND r.uid = ").text(instance.as_str());
    }
    sql.push(" AND ");
    // A study's scope asks for custodians alone: of what was deleted there is no row of `study`.
    scoped.condition(&mut sql, Columns { custodian: "r.custodian", study: "r.study" });
    if sql.push(" LIMIT 1").first(conn, |_| Ok(()))?.is_some() {
        return Ok(true);
    }
    let mut sql = Sql::new("SELECT 1 FROM study s INDEXED BY study_uid");
    if let Some(series) = &target.series {
        sql.push(" CROSS JOIN series e ON e.study = s.id AND e.uid = ").text(series.as_str());
    }
    sql.push(" CROSS JOIN instance i ON ");
    match &target.instance {
        Some(instance) => {
            sql.push("i.custodian = s.custodian AND i.uid = ").text(instance.as_str());
            sql.push(" AND +i.study = s.id")
        }
        None => sql.push("i.current = 0 AND i.study = s.id"),
    };
    if target.series.is_some() {
        sql.push(" AND +i.series = e.id");
    }
    sql.push(" CROSS JOIN rejected r ON r.uid = i.uid AND r.custodian = i.custodian WHERE s.uid = ");
    sql.text(target.study.as_str()).push(" AND ");
    scoped.condition(&mut sql, Columns { custodian: "s.custodian", study: "s.id" });
    Ok(sql.push(" LIMIT 1").first(conn, |_| Ok(()))?.is_some())
}

/// Deletions on record, oldest first, after this one.
pub(super) fn removals(
    conn: &Connection,
    after: Option<u64>,
    limit: u32,
) -> Result<Vec<RemovalHead>, IndexError> {
    let mut sql = Sql::new(
        "SELECT r.sequence, r.at, c.name, r.principal, r.source, r.reason, r.study, r.series, r.instance,
         r.instances, r.bytes FROM removal r CROSS JOIN custodian c ON c.id = r.custodian WHERE r.sequence > ",
    );
    sql.bind(sequence(after.unwrap_or(0))?).push(" ORDER BY r.sequence LIMIT ").bind(i64::from(limit));
    sql.rows(conn, |row| {
        let some =
            |column| -> rusqlite::Result<bool> { Ok(row.get_ref(column)?.as_str_or_null()?.is_some()) };
        Ok(RemovalHead {
            sequence: row.get::<_, i64>(0)?.unsigned_abs(),
            at: row.get(1)?,
            custodian: parsed(row, 2)?,
            principal: row.get(3)?,
            source: row.get(4)?,
            reason: row.get(5)?,
            study: parsed(row, 6)?,
            series: if some(7)? { Some(parsed(row, 7)?) } else { None },
            instance: if some(8)? { Some(parsed(row, 8)?) } else { None },
            count: row.get::<_, i64>(9)?.unsigned_abs(),
            bytes: row.get::<_, i64>(10)?.unsigned_abs(),
        })
    })
}

const REMOVED: &str = "SELECT r.sequence, r.study, r.series, r.uid, r.version, r.digest, 0, r.spool, c.name, d.at
    FROM removed r CROSS JOIN removal d ON d.sequence = r.removal CROSS JOIN custodian c ON c.id = r.custodian";

pub(super) fn unpurged_row(row: &Row<'_>) -> Result<Unpurged, IndexError> {
    Ok(Unpurged { instance: instance(row)?, custodian: parsed(row, 8)?, removed_at: row.get(9)? })
}

/// Deleted versions whose bytes are not removed yet, in the order of their sequences.
pub(super) fn unpurged(
    conn: &Connection,
    after: Option<u64>,
    limit: u32,
) -> Result<Vec<Unpurged>, IndexError> {
    let mut sql = Sql::new(REMOVED);
    sql.push(" WHERE r.purged = 0 AND r.sequence > ").bind(sequence(after.unwrap_or(0))?);
    sql.push(" ORDER BY r.sequence LIMIT ").bind(i64::from(limit)).rows(conn, unpurged_row)
}

/// Every deleted version, in the order of their sequences.
pub(super) fn removed(
    conn: &Connection,
    after: Option<u64>,
    limit: u32,
) -> Result<Vec<Unpurged>, IndexError> {
    let mut sql = Sql::new(REMOVED);
    sql.push(" WHERE r.sequence > ").bind(sequence(after.unwrap_or(0))?);
    sql.push(" ORDER BY r.sequence LIMIT ").bind(i64::from(limit)).rows(conn, unpurged_row)
}

/// Their bytes are gone.
pub(super) fn set_purged(conn: &Connection, sequences: &[u64]) -> Result<(), IndexError> {
    let mut purged =
        conn.prepare_cached("UPDATE removed SET purged = 1, spool = NULL WHERE sequence = ?1")?;
    for one in sequences {
        purged.execute([sequence(*one)?])?;
    }
    Ok(())
}

/// Counts of what is out of sight.
pub(super) fn hidden(conn: &Connection) -> Result<Hidden, IndexError> {
    let hidden = conn
        .prepare_cached(
            "SELECT (SELECT count(*) FROM removal), (SELECT count(*) FROM removed),
             (SELECT count(*) FROM removed WHERE purged = 0),
             (SELECT count(DISTINCT i.uid || ' ' || i.custodian) FROM rejected r
              CROSS JOIN instance i ON i.uid = r.uid AND i.custodian = r.custodian),
             (SELECT count(*) FROM damaged)",
        )?
        .query_row([], |row| {
            let count = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
            Ok(Hidden {
                removals: count(0)?,
                removed: count(1)?,
                unpurged: count(2)?,
                rejected: count(3)?,
                damaged: count(4)?,
            })
        })?;
    Ok(hidden)
}
