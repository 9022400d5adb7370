//! The studies that several lists of keys have in common, read from the table of keys alone: no study's row is looked at
//! for a name of which only one word fits. From the newest on, a part at a time, so that of two frequent words as much is
//! read as a page takes.

use std::ops::ControlFlow;

use rusqlite::Connection;

use super::driver::Driver;
use super::key::Kind;
use super::search::Asked;
use super::sql::Sql;
use crate::IndexError;

/// Studies of the first list that the first part is of.
pub(super) const FIRST: usize = 2_000;
/// How much larger each part is than the one before.
const GROWTH: usize = 4;
/// So few are rather looked at than compared with what follows.
const FEW: usize = 256;
/// Of so many studies the first list is read at once: of a word that half of them have some 8 MiB and 50 ms.
const STRETCH: i64 = 1_000_000;

/// Studies that were found together.
pub(super) struct Part {
    /// Newest first, each as its moment and number.
    pub studies: Vec<(i64, i64)>,
    /// Whether each has a key of each list; where there are few there may be others.
    pub is_exact: bool,
}

/// The parts, newest first.
pub(super) struct Parts<'a> {
    asked: &'a Asked<'a>,
    kind: Kind,
    /// The list with the fewest studies, which is read in whole stretches.
    first: &'a [String],
    /// The others, which are read where the first has entries.
    others: &'a [Vec<String>],
    size: usize,
    /// What is left of the first list's stretch, each as its moment and number, oldest first.
    left: Vec<(i64, i64)>,
    /// How many studies the stretches so far were of.
    looked: i64,
    /// The moment before which the next stretch begins.
    before: Option<i64>,
    is_over: bool,
}

impl<'a> Parts<'a> {
    /// Parts of the studies that have a key of each list, the rarest first; the first part is of so many.
    pub(super) fn new(asked: &'a Asked<'a>, kind: Kind, lists: &'a [Vec<String>], size: usize) -> Self {
        let (first, others) = match lists {
            [first, others @ ..] => (first.as_slice(), others),
            [] => (&[][..], &[][..]),
        };
        Self { asked, kind, first, others, size, left: Vec::new(), looked: 0, before: None, is_over: false }
    }

    /// The next part; `None` when all were read.
    pub(super) fn next(&mut self, conn: &Connection) -> Result<Option<Part>, IndexError> {
        while self.left.is_empty() {
            if self.is_over {
                return Ok(None);
            }
            let from = self.end(conn)?;
            self.left = self.entries(conn, self.first, (from, self.before), |_| true)?;
            self.looked += STRETCH;
            self.before = from;
            self.is_over = from.is_none();
        }
        let mut start = self.left.len().saturating_sub(self.size);
        // Studies of one moment stay together.
        while start > 0 && self.left[start - 1].0 == self.left[start].0 {
            start -= 1;
        }
        let mut studies = self.left.split_off(start);
        let span = (studies.first().map(|one| one.0), studies.last().map(|one| one.0.saturating_add(1)));
        let mut is_exact = true;
        for values in self.others {
            if studies.len() <= FEW {
                is_exact = studies.is_empty();
                break;
            }
            studies = self.entries(conn, values, span, |entry| studies.binary_search(entry).is_ok())?;
        }
        self.size = self.size.saturating_mul(GROWTH);
        studies.reverse();
        Ok(Some(Part { studies, is_exact }))
    }

    /// The moment at which the next stretch ends, included; `None` for the last one.
    fn end(&self, conn: &Connection) -> Result<Option<i64>, IndexError> {
        // There are at most as many studies as the last one's number: only where there are more they are counted.
        let most =
            Sql::new("SELECT max(id) FROM study").first(conn, |row| Ok(row.get::<_, Option<i64>>(0)?))?;
        if self.looked + STRETCH >= most.flatten().unwrap_or(0) {
            return Ok(None);
        }
        let mut sql = Sql::new("SELECT s.moment FROM ");
        Driver::Newest.source(&mut sql);
        sql.push(" WHERE s.visible = 1");
        if let Some(before) = self.before {
            sql.push(" AND s.moment < ").bind(before);
        }
        sql.push(" ORDER BY s.moment DESC LIMIT 1 OFFSET ").bind(STRETCH);
        sql.first(conn, |row| Ok(row.get(0)?))
    }

    /// The entries of one list in a span of moments that are wanted, each once, oldest first.
    fn entries(
        &self,
        conn: &Connection,
        values: &[String],
        span: (Option<i64>, Option<i64>),
        wanted: impl Fn(&(i64, i64)) -> bool,
    ) -> Result<Vec<(i64, i64)>, IndexError> {
        let mut found = Vec::new();
        entries(self.asked, self.kind, values, span).each(conn, |row| {
            let entry = (row.get(0)?, row.get(1)?);
            if wanted(&entry) {
                found.push(entry);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        // Each value came in order: runs that are merged.
        found.sort();
        found.dedup();
        Ok(found)
    }
}

/// The statement that gives the studies in scope that have one of these keys, from one moment on and before another.
pub(super) fn entries(
    asked: &Asked<'_>,
    kind: Kind,
    values: &[String],
    (from, before): (Option<i64>, Option<i64>),
) -> Sql {
    let driver = Driver::Any(kind, values.to_vec());
    let mut sql = Sql::new("SELECT k.moment, k.study FROM ");
    driver.source(&mut sql);
    sql.push(" WHERE ");
    driver.bounds(&mut sql, asked.moments);
    // Before what the search bounds: the engine walks by the first of two bounds.
    if let Some(from) = from {
        sql.push(" AND k.moment >= ").bind(from);
    }
    if let Some(before) = before {
        sql.push(" AND k.moment < ").bind(before);
    }
    asked.moments.bounds(&mut sql, "k.moment");
    // By zones the study's row says.
    if !asked.moments.by_zone() {
        asked.moments.rest(&mut sql, "k.moment", "");
    }
    sql.push(" AND ");
    driver.within(&mut sql, asked.scoped);
    sql
}
