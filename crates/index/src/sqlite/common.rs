//! The studies that several lists of keys have in common, read from the table of keys alone: no study's row is looked at
//! for a name of which only one word fits.

use std::collections::HashSet;

use rusqlite::Connection;

use super::key::Kind;
use super::sql::Sql;
use crate::IndexError;

/// Entries of all lists together that are read: some 0.2 ms for each 1,000, and 2 MiB.
const ENTRIES: i64 = 60_000;

/// The query that gives the numbers of the studies that have a key of each list. `None` for fewer than two lists, or when
/// they are too long.
pub(super) fn studies(
    conn: &Connection,
    kind: Kind,
    lists: &[Vec<String>],
) -> Result<Option<Sql>, IndexError> {
    if lists.len() < 2 {
        return Ok(None);
    }
    let mut left = ENTRIES;
    let mut counted = Vec::with_capacity(lists.len());
    for list in lists {
        let mut sql = Sql::new("SELECT count(*) FROM (");
        entries(&mut sql, "1", kind, list).push(" LIMIT ").bind(left + 1).push(")");
        let count: i64 = sql.first(conn, |row| Ok(row.get(0)?))?.unwrap_or(0);
        left -= count;
        if left < 0 {
            return Ok(None);
        }
        counted.push((count, list));
    }
    counted.sort_by_key(|(count, _)| *count);
    let mut common: Option<HashSet<i64>> = None;
    for (_, list) in counted {
        let mut sql = Sql::new("");
        entries(&mut sql, "study", kind, list);
        let mut found = HashSet::new();
        sql.each(conn, |row| {
            let study = row.get(0)?;
            if common.as_ref().is_none_or(|common| common.contains(&study)) {
                found.insert(study);
            }
            Ok(std::ops::ControlFlow::Continue(()))
        })?;
        common = Some(found);
    }
    let numbers: Vec<String> = common.into_iter().flatten().map(|study| study.to_string()).collect();
    let mut sql = Sql::new("SELECT value FROM json_each(");
    sql.text(&format!("[{}]", numbers.join(","))).push(")");
    Ok(Some(sql))
}

fn entries<'a>(sql: &'a mut Sql, what: &str, kind: Kind, values: &[String]) -> &'a mut Sql {
    sql.push("SELECT ").push(what).push(" FROM study_key WHERE kind = ").bind(kind as i64);
    sql.push(" AND value IN ").texts(values)
}
