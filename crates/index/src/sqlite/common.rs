//! The studies that several lists of keys have in common, read from the table of keys alone: no study's row is looked at
//! for a name of which only one word fits.

use std::ops::ControlFlow;

use rusqlite::Connection;

use super::key::Kind;
use super::sql::Sql;
use crate::IndexError;

/// Entries of all lists together that are read: some 0.1 ms for each 1,000, and 1 MiB.
const ENTRIES: usize = 60_000;

/// The studies that have a key of each list, newest first, each as its moment and number. `None` for fewer than two lists,
/// or when they are too long.
pub(super) fn studies(
    conn: &Connection,
    kind: Kind,
    lists: &[Vec<String>],
) -> Result<Option<Vec<(i64, i64)>>, IndexError> {
    if lists.len() < 2 {
        return Ok(None);
    }
    // Few words have few studies, mostly: what is read after them is only compared with them.
    let mut lists: Vec<&Vec<String>> = lists.iter().collect();
    lists.sort_by_key(|values| values.len());
    let mut left = ENTRIES;
    let mut common: Option<Vec<(i64, i64)>> = None;
    for values in lists {
        let mut sql = Sql::new("SELECT study, moment FROM study_key WHERE kind = ");
        sql.bind(kind as i64).push(" AND value IN ").texts(values);
        let mut found: Vec<(i64, i64)> = Vec::new();
        let mut is_long = false;
        sql.each(conn, |row| {
            let Some(rest) = left.checked_sub(1) else {
                is_long = true;
                return Ok(ControlFlow::Break(()));
            };
            left = rest;
            let study = row.get(0)?;
            let fits =
                |common: &Vec<(i64, i64)>| common.binary_search_by_key(&study, |(study, _)| *study).is_ok();
            if common.as_ref().is_none_or(fits) {
                found.push((study, row.get(1)?));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if is_long {
            return Ok(None);
        }
        found.sort_unstable();
        found.dedup();
        common = Some(found);
    }
    let mut newest: Vec<(i64, i64)> =
        common.unwrap_or_default().into_iter().map(|(study, moment)| (moment, study)).collect();
    newest.sort_unstable_by(|one, other| other.cmp(one));
    Ok(Some(newest))
}
