//! Reading by key: the instances of a target, their records, metadata and chunk sums.

use access::Scope;
use model::SopInstanceUid;
use rusqlite::{Connection, OptionalExtension, Row};

use super::insert::sequence;
use super::scope::{Columns, Scoped};
use super::search::parsed;
use super::sql::Sql;
use crate::{
    Cursor, Group, ImageRow, IndexError, InstanceDetail, InstanceRecord, Location, MetadataRow, RowId,
    Target, Totals,
};

/// The columns of a record, read by [`record`]; then what else is wanted of `i` and `d`. More sums than those of 1,024
/// chunks are no part of a record.
const RECORD: &str =
    "SELECT i.id, i.series, i.rank, c.name, s.uid, e.uid, i.uid, k.text, t.text, i.version, i.sequence,
    sp.name, pl.key, d.digest, d.length, CASE WHEN length(d.sums) <= 4096 THEN d.sums ELSE x'' END, dm.why";
const RECORD_FROM: &str = " CROSS JOIN study s ON s.id = i.study CROSS JOIN series e ON e.id = i.series
    CROSS JOIN custodian c ON c.id = i.custodian CROSS JOIN term k ON k.id = i.sop_class
    CROSS JOIN term t ON t.id = i.transfer_syntax CROSS JOIN detail d ON d.instance = i.id
    LEFT JOIN spooled sp ON sp.instance = i.id LEFT JOIN placed pl ON pl.instance = i.id
    LEFT JOIN damaged dm ON dm.instance = i.id ";

/// The target's instances after the cursor.
pub(super) fn instances(
    conn: &Connection,
    scope: &Scope,
    target: &Target,
    after: Option<Cursor>,
    limit: u32,
) -> Result<Vec<InstanceRecord>, IndexError> {
    let mut sql = Sql::new(RECORD);
    sql.push(" FROM instance i ").push(RECORD_FROM);
    if !page(conn, &mut sql, scope, target, after, limit)? {
        return Ok(Vec::new());
    }
    sql.rows(conn, record)
}

/// Bytes of packed metadata after which a page ends early: a page of structure sets stays small.
const METADATA_PAGE: usize = 1 << 20;

/// The metadata of the target's instances after the cursor.
pub(super) fn metadata(
    conn: &Connection,
    scope: &Scope,
    target: &Target,
    after: Option<Cursor>,
    limit: u32,
) -> Result<Vec<MetadataRow>, IndexError> {
    let mut sql = Sql::new(
        "SELECT i.id, i.series, i.rank, s.uid, e.uid, i.uid, d.metadata FROM instance i
         CROSS JOIN study s ON s.id = i.study CROSS JOIN series e ON e.id = i.series
         CROSS JOIN document d ON d.instance = i.id ",
    );
    if !page(conn, &mut sql, scope, target, after, limit)? {
        return Ok(Vec::new());
    }
    let mut bytes = 0;
    let read = |row: &Row<'_>| {
        Ok(MetadataRow {
            cursor: cursor(row)?,
            study: parsed(row, 3)?,
            series: parsed(row, 4)?,
            sop_instance: parsed(row, 5)?,
            metadata: row.get(6)?,
        })
    };
    sql.rows_until(conn, read, |row| {
        bytes += row.metadata.len();
        bytes >= METADATA_PAGE
    })
}

/// One instance with all that is stored beside its record.
pub(super) fn instance(
    conn: &Connection,
    scope: &Scope,
    target: &Target,
) -> Result<Option<InstanceDetail>, IndexError> {
    let Some(Place::Instance(row)) = place(conn, scope, target, None)? else {
        return Ok(None);
    };
    let mut sql = Sql::new(RECORD);
    sql.push(", d.bulk, d.pixels FROM instance i ").push(RECORD_FROM).push(" WHERE i.id = ").bind(row);
    sql.first(conn, |row| {
        Ok(InstanceDetail { record: record(row)?, bulk: row.get(17)?, pixels: row.get(18)? })
    })
}

/// Where a target is: the holding that it was found in.
enum Place {
    Study(i64),
    Series(i64, i64),
    Instance(i64),
}

impl Place {
    /// Adds the condition that an instance lies here.
    fn condition(&self, sql: &mut Sql) {
        match *self {
            Self::Instance(row) => sql.push(" WHERE i.id = ").bind(row),
            Self::Series(study, series) => {
                sql.push(" WHERE i.current = 1 AND i.study = ").bind(study);
                sql.push(" AND i.series = ").bind(series)
            }
            Self::Study(study) => sql.push(" WHERE i.current = 1 AND i.study = ").bind(study),
        };
    }
}

/// How many of the target's instances are alike. The rows of `instance` alone are counted, then named.
pub(super) fn groups(conn: &Connection, scope: &Scope, target: &Target) -> Result<Vec<Group>, IndexError> {
    let Some(place) = place(conn, scope, target, None)? else {
        return Ok(Vec::new());
    };
    counted(&place).rows(conn, |row| {
        let (count, newest): (i64, i64) = (row.get(3)?, row.get(4)?);
        Ok(Group {
            custodian: parsed(row, 0)?,
            sop_class: parsed(row, 1)?,
            transfer_syntax: row.get(2)?,
            instances: count.unsigned_abs(),
            newest: newest.unsigned_abs(),
        })
    })
}

fn counted(place: &Place) -> Sql {
    let mut sql = Sql::new(
        "SELECT c.name, k.text, t.text, alike, newest FROM (SELECT i.custodian AS whose, i.sop_class AS of_class,
         i.transfer_syntax AS in_syntax, COUNT(*) AS alike, MAX(i.sequence) AS newest FROM instance i",
    );
    place.condition(&mut sql);
    sql.push(" GROUP BY i.custodian, i.sop_class, i.transfer_syntax) CROSS JOIN custodian c ON c.id = whose");
    sql.push(" CROSS JOIN term k ON k.id = of_class CROSS JOIN term t ON t.id = in_syntax");
    sql
}

/// Adds the condition, order and bound of a page; `false` when there is nothing.
///
/// # Errors
/// [`IndexError::Gone`] when a page is to go on in what is not there any more.
fn page(
    conn: &Connection,
    sql: &mut Sql,
    scope: &Scope,
    target: &Target,
    after: Option<Cursor>,
    limit: u32,
) -> Result<bool, IndexError> {
    let Some(place) = place(conn, scope, target, after)? else {
        // All of an instance was in the first page.
        let went_on = after.is_some() && target.instance.is_none();
        return if went_on { Err(IndexError::Gone) } else { Ok(false) };
    };
    place.condition(sql);
    if let Some(after) = after {
        match place {
            Place::Instance(row) if after.row.0 == row => return Ok(false),
            Place::Instance(_) => {}
            Place::Series(..) => {
                sql.push(" AND (i.rank, i.id) > (").bind(after.number).push(", ").bind(after.row.0).push(")");
            }
            Place::Study(_) => {
                sql.push(" AND (i.series, i.rank, i.id) > (").bind(after.series).push(", ");
                sql.bind(after.number).push(", ").bind(after.row.0).push(")");
            }
        }
    }
    sql.push(" ORDER BY i.series, i.rank, i.id LIMIT ").bind(i64::from(limit));
    Ok(true)
}

/// Finds a target in the first received holding of those in scope that has it. A page that goes on stays in its holding.
fn place(
    conn: &Connection,
    scope: &Scope,
    target: &Target,
    after: Option<Cursor>,
) -> Result<Option<Place>, IndexError> {
    let scoped = Scoped::of_study(conn, scope, &target.study)?.narrowed(conn, target.custodian.as_ref())?;
    lookup(&scoped, target, after).first(conn, |row| {
        Ok(match (row.get(1)?, row.get(2)?) {
            (_, Some(instance)) => Place::Instance(instance),
            (Some(series), None) => Place::Series(row.get(0)?, series),
            (None, None) => Place::Study(row.get(0)?),
        })
    })
}

fn lookup(scoped: &Scoped, target: &Target, after: Option<Cursor>) -> Sql {
    let (series, instance) = (&target.series, &target.instance);
    let mut sql = Sql::new("SELECT s.id");
    sql.push(if series.is_some() { ", e.id" } else { ", NULL" });
    sql.push(if instance.is_some() { ", i.id" } else { ", NULL" });
    sql.push(" FROM study s INDEXED BY study_uid");
    if let Some(series) = series {
        sql.push(" CROSS JOIN series e ON e.study = s.id AND e.uid = ").text(series.as_str());
    }
    if let Some(instance) = instance {
        let (version, uid) = (target.version, instance.as_str());
        // Any version that lies here names the instance; the one asked for may lie elsewhere.
        let named = if version.is_some() { "n" } else { "i" };
        sql.push(&format!(" CROSS JOIN instance {named} ON {named}.uid = ")).text(uid);
        sql.push(&format!(" AND {named}.custodian = s.custodian AND +{named}.study = s.id"));
        if series.is_some() {
            sql.push(&format!(" AND +{named}.series = e.id"));
        }
        match version {
            None => sql.push(" AND +i.current = 1"),
            Some(version) => {
                sql.push(" CROSS JOIN instance i ON i.custodian = n.custodian AND i.uid = ").text(uid);
                sql.push(" AND i.version = ").bind(i64::from(version));
                sql.push(
                    " AND NOT EXISTS (SELECT 1 FROM rejected r WHERE r.uid = i.uid AND r.custodian = i.custodian)",
                )
            }
        };
    }
    sql.push(" WHERE s.uid = ").text(target.study.as_str()).push(" AND ");
    scoped.condition(&mut sql, Columns { custodian: "s.custodian", study: "s.id" });
    match (series, instance) {
        (_, Some(_)) => &mut sql,
        (Some(_), None) => sql.push(" AND e.visible = 1"),
        (None, None) => sql.push(" AND s.visible = 1"),
    };
    if let Some(after) = after
        && instance.is_none()
    {
        sql.push(" AND s.id = (SELECT study FROM series WHERE id = ").bind(after.series).push(")");
    }
    sql.push(" ORDER BY s.id LIMIT 1");
    sql
}

/// The statements of a page: the look-up of the target, then its records, then how many are alike.
#[cfg(test)]
pub(super) fn statements(
    conn: &Connection,
    scope: &Scope,
    target: &Target,
    after: Option<Cursor>,
) -> Result<Vec<Sql>, IndexError> {
    let scoped = Scoped::of_study(conn, scope, &target.study)?;
    let mut records = Sql::new(RECORD);
    records.push(" FROM instance i ").push(RECORD_FROM);
    let found = page(conn, &mut records, scope, target, after, 10)?;
    let groups = place(conn, scope, target, None)?.map(|place| counted(&place));
    Ok([Some(lookup(&scoped, target, after)), found.then_some(records), groups]
        .into_iter()
        .flatten()
        .collect())
}

/// Rows in the spool, oldest first. Of all custodians: for placing alone.
pub(super) fn unplaced(
    conn: &Connection,
    after: Option<RowId>,
    limit: u32,
) -> Result<Vec<InstanceRecord>, IndexError> {
    let mut sql = Sql::new(RECORD);
    sql.push(" FROM spooled w CROSS JOIN instance i ON i.id = w.instance ").push(RECORD_FROM);
    sql.push("WHERE w.instance > ").bind(after.map_or(0, |row| row.0));
    sql.push(" ORDER BY w.instance LIMIT ").bind(i64::from(limit)).rows(conn, record)
}

/// The row of a sequence. Of any custodian: for recovery alone.
pub(super) fn by_sequence(conn: &Connection, given: u64) -> Result<Option<InstanceRecord>, IndexError> {
    let mut sql = Sql::new(RECORD);
    sql.push(" FROM instance i ").push(RECORD_FROM).push("WHERE i.sequence = ").bind(sequence(given)?);
    sql.first(conn, record)
}

/// The current version of an instance, wherever it is.
pub(super) fn by_uid(
    conn: &Connection,
    scope: &Scope,
    instance: &SopInstanceUid,
) -> Result<Option<InstanceRecord>, IndexError> {
    let scoped = Scoped::of(conn, scope)?;
    let mut sql = Sql::new(RECORD);
    sql.push(" FROM instance i ").push(RECORD_FROM).push("WHERE i.uid = ").text(instance.as_str());
    sql.push(" AND +i.current = 1 AND ");
    scoped.condition(&mut sql, Columns { custodian: "i.custodian", study: "i.study" });
    sql.push(" ORDER BY i.id LIMIT 1").first(conn, record)
}

/// Every row. Of all custodians and versions: for verification alone.
pub(super) fn all(
    conn: &Connection,
    after: Option<RowId>,
    limit: u32,
) -> Result<Vec<InstanceRecord>, IndexError> {
    let mut sql = Sql::new(RECORD);
    sql.push(" FROM instance i ").push(RECORD_FROM).push("WHERE i.id > ").bind(after.map_or(0, |row| row.0));
    sql.push(" ORDER BY i.id LIMIT ").bind(i64::from(limit)).rows(conn, record)
}

/// What tells how a row's image is to be read.
pub(super) fn image(conn: &Connection, row: RowId) -> Result<Option<ImageRow>, IndexError> {
    let found = conn
        .prepare_cached(
            "SELECT d.bulk, d.pixels, m.metadata FROM detail d CROSS JOIN document m ON m.instance = d.instance
             WHERE d.instance = ?1",
        )?
        .query_row([row.0], |row| {
            Ok(ImageRow { bulk: row.get(0)?, pixels: row.get(1)?, metadata: row.get(2)? })
        })
        .optional()?;
    Ok(found)
}

/// Some of a row's chunk sums.
pub(super) fn chunk_sums(
    conn: &Connection,
    row: RowId,
    first: u64,
    count: u64,
) -> Result<Vec<u8>, IndexError> {
    let bytes = |chunks: u64| i64::try_from(chunks.saturating_mul(4)).unwrap_or(i64::MAX - 1);
    let sums = conn
        .prepare_cached("SELECT substr(sums, ?2 + 1, ?3) FROM detail WHERE instance = ?1")?
        .query_row([row.0, bytes(first), bytes(count)], |row| row.get(0))
        .optional()?;
    Ok(sums.unwrap_or_default())
}

/// The largest sequence that any row has or that was noted.
pub(super) fn last_sequence(conn: &Connection) -> Result<u64, IndexError> {
    let last: i64 = conn
        .prepare_cached(
            "SELECT max((SELECT last FROM sequence), ifnull((SELECT max(sequence) FROM instance), 0))",
        )?
        .query_row([], |row| row.get(0))?;
    Ok(last.unsigned_abs())
}

/// Counts, from counters.
pub(super) fn totals(conn: &Connection) -> Result<Totals, IndexError> {
    let totals = conn
        .prepare_cached(
            "SELECT ifnull(sum(studies), 0), ifnull(sum(series), 0), ifnull(sum(instances), 0),
             (SELECT count(*) FROM spooled) FROM custodian",
        )?
        .query_row([], |row| {
            let count = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
            Ok(Totals { studies: count(0)?, series: count(1)?, instances: count(2)?, unplaced: count(3)? })
        })?;
    Ok(totals)
}

fn record(row: &Row<'_>) -> Result<InstanceRecord, IndexError> {
    let spool: Option<String> = row.get(11)?;
    let key: Option<String> = row.get(12)?;
    let location = match (key, spool) {
        (Some(key), _) => Location::Placed(key),
        (None, Some(name)) => Location::Spool(name),
        (None, None) => return Err(super::error::corrupt("no place of its bytes")),
    };
    Ok(InstanceRecord {
        row: RowId(row.get(0)?),
        cursor: cursor(row)?,
        custodian: parsed(row, 3)?,
        study: parsed(row, 4)?,
        series: parsed(row, 5)?,
        sop_instance: parsed(row, 6)?,
        sop_class: parsed(row, 7)?,
        transfer_syntax: row.get(8)?,
        version: row.get(9)?,
        sequence: row.get::<_, i64>(10)?.unsigned_abs(),
        location,
        digest: row.get(13)?,
        length: row.get::<_, i64>(14)?.unsigned_abs(),
        crcs: row.get(15)?,
        damaged: row.get(16)?,
    })
}

fn cursor(row: &Row<'_>) -> Result<Cursor, IndexError> {
    Ok(Cursor { row: RowId(row.get(0)?), series: row.get(1)?, number: row.get(2)? })
}
