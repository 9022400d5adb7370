//! What a principal may see, as SQL. Every query that answers a person or a machine takes a [`Scoped`], and this is the
//! only place that turns it into a condition.

use access::{CustodianId, Only, Reach, Scope};
use model::StudyUid;
use rusqlite::Connection;

use super::sql::Sql;
use crate::IndexError;

/// A scope as the index's own numbers of custodians and studies, good for the snapshot that it was made in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scoped {
    /// Every custodian.
    Everything,
    /// These and no others.
    Only {
        /// Custodians of whom everything is covered, in ascending order.
        custodians: Vec<i64>,
        /// Holdings of others, each a row of `study`. Some 2 µs each to look up: 20 ms for the 10,000 that a principal
        /// may be granted at most.
        studies: Vec<i64>,
    },
}

/// Where a table has what a scope asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns {
    pub custodian: &'static str,
    pub study: &'static str,
}

impl Scoped {
    /// Looks the scope's custodians and holdings up.
    pub(super) fn of(conn: &Connection, scope: &Scope) -> Result<Self, IndexError> {
        match scope.reach() {
            Reach::Everything => Ok(Scoped::Everything),
            Reach::Only(only) => {
                let custodians = numbers(conn, only.custodians())?;
                let studies =
                    granted(only).map_or(Ok(Vec::new()), |sql| sql.rows(conn, |row| Ok(row.get(0)?)))?;
                Ok(Scoped::Only { custodians, studies })
            }
        }
    }

    /// The part of it that is about this study, for queries that ask for its UID besides: of the holdings, however many,
    /// only the study's own are looked at.
    pub(super) fn of_study(conn: &Connection, scope: &Scope, study: &StudyUid) -> Result<Self, IndexError> {
        match scope.reach() {
            Reach::Everything => Ok(Scoped::Everything),
            Reach::Only(only) => Scoped::held_by(conn, &only.holders_of(study)),
        }
    }

    /// The part of a study's scope that is this custodian's.
    pub(super) fn narrowed(self, conn: &Connection, to: Option<&CustodianId>) -> Result<Self, IndexError> {
        let Some(custodian) = to else {
            return Ok(self);
        };
        let wanted = Scoped::held_by(conn, std::slice::from_ref(custodian))?;
        Ok(match (self, wanted) {
            (Scoped::Only { mut custodians, .. }, Scoped::Only { custodians: wanted, .. }) => {
                custodians.retain(|id| wanted.contains(id));
                Scoped::Only { custodians, studies: Vec::new() }
            }
            (_, wanted) => wanted,
        })
    }

    fn held_by(conn: &Connection, custodians: &[CustodianId]) -> Result<Self, IndexError> {
        Ok(Scoped::Only { custodians: numbers(conn, custodians)?, studies: Vec::new() })
    }

    /// Adds the condition that a row with these columns is within the scope.
    pub(super) fn condition(&self, sql: &mut Sql, columns: Columns) {
        match self {
            Scoped::Everything => {
                sql.push("1");
            }
            Scoped::Only { custodians, studies } if studies.is_empty() => {
                among(sql, columns.custodian, custodians);
            }
            // The plus keeps the engine from walking by this condition: the statement names its walk.
            Scoped::Only { custodians, studies } => {
                sql.push("(+").push(columns.study).push(" IN ").list(studies, "");
                if !custodians.is_empty() {
                    sql.push(" OR +");
                    among(sql, columns.custodian, custodians);
                }
                sql.push(")");
            }
        }
    }

    /// Whether nothing can be within it.
    pub(super) fn is_nothing(&self) -> bool {
        matches!(self, Scoped::Only { custodians, studies } if custodians.is_empty() && studies.is_empty())
    }

    /// How many studies are within it, when it is not all: from counters.
    pub(super) fn studies(&self, conn: &Connection) -> Result<Option<i64>, IndexError> {
        let Scoped::Only { custodians, studies } = self else {
            return Ok(None);
        };
        let mut sql = Sql::new("SELECT ifnull(sum(studies), 0) FROM custodian WHERE ");
        among(&mut sql, "id", custodians);
        let held: Option<i64> = sql.first(conn, |row| Ok(row.get(0)?))?;
        Ok(held.map(|held| held.saturating_add(i64::try_from(studies.len()).unwrap_or(i64::MAX))))
    }
}

/// The statement that looks single holdings up, each in the index of UIDs.
pub(super) fn granted(only: &Only) -> Option<Sql> {
    if only.holdings().is_empty() {
        return None;
    }
    let pairs = only.holdings().iter().map(|held| format!("[\"{}\",\"{}\"]", held.study, held.custodian));
    let mut sql = Sql::new("SELECT s.id FROM ");
    sql.push("(SELECT value AS pair FROM json_each(")
        .bind(format!("[{}]", pairs.collect::<Vec<_>>().join(",")));
    sql.push(")) h CROSS JOIN custodian c ON c.name = h.pair ->> 1");
    sql.push(" CROSS JOIN study s INDEXED BY study_uid ON s.uid = h.pair ->> 0 AND s.custodian = c.id");
    Some(sql)
}

fn among(sql: &mut Sql, column: &str, ids: &[i64]) {
    match ids {
        [] => sql.bind(0),
        [id] => sql.push(column).push(" = ").bind(*id),
        ids => sql.push(column).push(" IN ").list(ids, ""),
    };
}

fn numbers(conn: &Connection, names: &[CustodianId]) -> Result<Vec<i64>, IndexError> {
    let mut sql = Sql::new("SELECT id FROM custodian WHERE name ");
    match names {
        [] => return Ok(Vec::new()),
        [name] => sql.push("= ").text(name.as_str()),
        names => sql.push("IN ").list(names, "\""),
    };
    sql.push(" ORDER BY id").rows(conn, |row| Ok(row.get(0)?))
}
