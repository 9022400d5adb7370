//! Walks that are not in order, along many keys: the table of keys alone tells which studies are the newest, so only
//! those are looked at further, by the page and not by the thousand.

use std::ops::ControlFlow;

use rusqlite::Connection;

use super::driver::Driver;
use super::filter;
use super::plan::Plan;
use super::search::{Asked, Ids, along_keys};
use super::sql::Sql;
use crate::{IndexError, Level};

/// Entries that are gathered at most: some 0.3 µs and 16 bytes each.
const GATHERED: usize = 100_000;
/// Studies looked at in one statement beyond those that are wanted: some may not match.
const SPARE: usize = 64;

/// The newest studies of a walk along keys, each once; `None` when the walk is no such, or too long.
pub(super) fn newest(asked: &Asked<'_>, conn: &Connection) -> Result<Option<Vec<(i64, i64)>>, IndexError> {
    match &asked.plan.driver {
        Driver::Any(..) | Driver::Keys { .. } if !asked.moments.by_zone() => {}
        _ => return Ok(None),
    }
    let mut sql = Sql::new("SELECT k.moment, k.study FROM ");
    asked.plan.driver.source(&mut sql);
    sql.push(" WHERE ");
    along_keys(&mut sql, &asked.plan.driver, asked);
    let mut found: Vec<(i64, i64)> = Vec::new();
    sql.each(conn, |row| {
        found.push((row.get(0)?, row.get(1)?));
        Ok(if found.len() > GATHERED { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    if found.len() > GATHERED {
        return Ok(None);
    }
    // Each value came in order: runs that are merged.
    found.sort_by(|one, other| other.cmp(one));
    found.dedup();
    Ok(Some(found))
}

/// Whether the keys alone say that a study matches.
fn is_all(asked: &Asked<'_>) -> bool {
    let search = asked.search;
    let answered = |(position, (attribute, rule)): (usize, &(crate::Attribute, model::matching::Rule))| {
        if filter::is_universal(rule) || asked.plan.answers == Some(position) {
            return true;
        }
        let mut condition = Sql::new("");
        filter::study(&mut condition, *attribute, rule);
        attribute.level() == Level::Study && condition.is_empty()
    };
    (asked.plan.driver.by_key() || matches!(asked.plan.driver, Driver::Common { .. }))
        && !asked.moments.by_zone()
        && search.level == Level::Study
        && search.judge.is_none()
        && search.study.is_none()
        && search.series.is_none()
        && search.filters.iter().enumerate().all(answered)
}

/// Gives the matches among these studies, in their order, to `take` until that says to stop.
pub(super) fn each(
    asked: &Asked<'_>,
    conn: &Connection,
    studies: &[(i64, i64)],
    wanted: usize,
    mut take: impl FnMut(Ids) -> Result<ControlFlow<()>, IndexError>,
) -> Result<(), IndexError> {
    if is_all(asked) {
        for (moment, study) in studies {
            if take(Ids::of_study(*moment, *study))?.is_break() {
                return Ok(());
            }
        }
        return Ok(());
    }
    let mut left = studies;
    let mut size = wanted.saturating_add(SPARE);
    let mut full = false;
    while !left.is_empty() && !full {
        let (batch, rest) = left.split_at(size.min(left.len()));
        let driver = Driver::Granted(batch.iter().map(|(_, study)| *study).collect());
        let plan = Plan { driver, answers: asked.plan.answers, also: Vec::new() };
        let part = Asked { plan: &plan, ..*asked };
        part.all_ids().each(conn, |row| {
            let flow = take(Ids::read(row, asked.search.level)?)?;
            full = flow.is_break();
            Ok(flow)
        })?;
        left = rest;
        size = size.saturating_mul(2);
    }
    Ok(())
}
