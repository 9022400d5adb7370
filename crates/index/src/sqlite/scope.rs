//! What a principal may see, as SQL. Every query that answers a person or a machine takes a [`Scoped`], and this is the
//! only place that turns it into a condition.

use access::{CustodianId, Reach, Scope};
use rusqlite::Connection;

use super::sql::Sql;
use crate::IndexError;

/// A scope as the index's own numbers of custodians.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scoped {
    /// Every custodian.
    Everything,
    /// These, in ascending order; none when the scope names nobody that holds anything here.
    Custodians(Vec<i64>),
}

impl Scoped {
    /// Looks the scope's custodians up.
    pub(super) fn of(conn: &Connection, scope: &Scope) -> Result<Self, IndexError> {
        match scope.reach() {
            Reach::Everything => Ok(Scoped::Everything),
            Reach::Custodians(names) => Ok(Scoped::Custodians(numbers(conn, names)?)),
        }
    }

    /// The part of it that is this custodian's.
    pub(super) fn narrowed(self, conn: &Connection, to: Option<&CustodianId>) -> Result<Self, IndexError> {
        let Some(custodian) = to else {
            return Ok(self);
        };
        let wanted = numbers(conn, std::slice::from_ref(custodian))?;
        Ok(match self {
            Scoped::Everything => Scoped::Custodians(wanted),
            Scoped::Custodians(held) => {
                Scoped::Custodians(wanted.into_iter().filter(|id| held.contains(id)).collect())
            }
        })
    }

    /// Adds the condition that `column`, a custodian's number, is within the scope.
    pub(super) fn condition(&self, sql: &mut Sql, column: &str) {
        match self {
            Scoped::Everything => sql.push("1"),
            Scoped::Custodians(ids) => match ids.as_slice() {
                [] => sql.bind(0),
                [id] => sql.push(column).push(" = ").bind(*id),
                ids => sql.push(column).push(" IN ").list(ids, ""),
            },
        };
    }

    /// Whether nothing can be within it.
    pub(super) fn is_nothing(&self) -> bool {
        matches!(self, Scoped::Custodians(ids) if ids.is_empty())
    }

    /// How many studies are within it, when it is not all: from counters.
    pub(super) fn studies(&self, conn: &Connection) -> Result<Option<i64>, IndexError> {
        if *self == Scoped::Everything {
            return Ok(None);
        }
        let mut sql = Sql::new("SELECT ifnull(sum(studies), 0) FROM custodian WHERE ");
        self.condition(&mut sql, "id");
        sql.first(conn, |row| Ok(row.get(0)?))
    }
}

fn numbers(conn: &Connection, names: &[CustodianId]) -> Result<Vec<i64>, IndexError> {
    let mut sql = Sql::new("SELECT id FROM custodian WHERE name ");
    match names {
        [name] => sql.push("= ").text(name.as_str()),
        names => sql.push("IN ").list(names, "\""),
    };
    sql.push(" ORDER BY id").rows(conn, |row| Ok(row.get(0)?))
}
