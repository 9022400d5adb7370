//! What a search walks along: the table, and the conditions that bound the walk in its index.

use model::matching::glob_pattern;

use super::key::Kind;
use super::scope::{Columns, Scoped};
use super::sql::Sql;
use super::when::Moments;

/// Where the studies come from.
#[derive(Clone, Debug)]
pub(super) enum Driver {
    /// All in scope, newest first.
    Newest,
    /// The holdings of these custodians side by side, newest first.
    Holdings(Vec<i64>),
    /// All holdings of these custodians; to be sorted.
    Held(Vec<i64>),
    /// These studies, one by one; to be sorted.
    Granted(Vec<i64>),
    /// Several of the three above, which have no study in common, merged.
    Apart(Vec<Driver>),
    /// Studies under one key, newest first.
    Key(Kind, String),
    /// Studies under any of several keys; to be sorted.
    Any(Kind, Vec<String>),
    /// Studies under any of several keys: the newest under each, merged.
    Merged(Kind, Vec<String>),
    /// Studies under the keys from one on and before another that fit a pattern; to be sorted.
    Keys { kind: Kind, from: String, before: Option<String>, pattern: String },
    /// Studies under a key of each of several lists, in parts of all studies, newest first; the first part is of so many of the first list.
    Common { kind: Kind, lists: Vec<Vec<String>>, first: usize },
    /// Studies whose numbers a query gives; to be sorted.
    Studies(Sql),
}

impl Driver {
    /// The table that is walked.
    pub(super) fn source(&self, sql: &mut Sql) {
        sql.push(match self {
            Driver::Newest => "study s INDEXED BY study_newest",
            Driver::Holdings(_) | Driver::Held(_) => "study s INDEXED BY study_of_custodian",
            Driver::Key(..) | Driver::Any(..) | Driver::Merged(..) | Driver::Keys { .. } => "study_key k",
            Driver::Common { .. } | Driver::Studies(_) | Driver::Granted(_) | Driver::Apart(_) => {
                "study s NOT INDEXED"
            }
        });
    }

    /// The whole condition of the walk: its bounds, the scope, and what of the moments and its own values is left.
    /// Several holdings are one condition here; a search that wants them in order asks for each by [`Driver::apart`].
    pub(super) fn condition(&self, sql: &mut Sql, scoped: &Scoped, moments: &Moments) {
        self.bounds(sql, moments);
        let moment = if self.by_key() { "k.moment" } else { "s.moment" };
        match self {
            Driver::Keys { pattern, .. } => {
                sql.push(" AND k.value GLOB ").text(&glob_pattern(pattern));
                moments.bounds(sql, moment);
            }
            Driver::Studies(_) | Driver::Any(..) | Driver::Merged(..) => moments.bounds(sql, moment),
            Driver::Newest | Driver::Holdings(_) | Driver::Held(_) | Driver::Key(..) => {}
            Driver::Granted(_) | Driver::Common { .. } | Driver::Apart(_) => {}
        }
        moments.rest(sql, moment, "s.zone");
        sql.push(" AND ");
        self.within(sql, scoped);
    }

    /// The part of the condition that keeps the walk within the scope.
    pub(super) fn within(&self, sql: &mut Sql, scoped: &Scoped) {
        let columns = match self.by_key() {
            true => Columns { custodian: "k.custodian", study: "k.study" },
            false => Columns { custodian: "s.custodian", study: "s.id" },
        };
        scoped.condition(sql, columns);
    }

    /// The part of the condition that bounds the walk in its index.
    pub(super) fn bounds(&self, sql: &mut Sql, moments: &Moments) {
        match self {
            Driver::Newest => {
                sql.push("s.visible = 1");
                moments.bounds(sql, "s.moment");
            }
            Driver::Holdings(custodians) | Driver::Held(custodians) => {
                sql.push("s.visible = 1 AND s.custodian ");
                match custodians.as_slice() {
                    [one] => sql.push("= ").bind(*one),
                    all => sql.push("IN ").list(all, ""),
                };
                moments.bounds(sql, "s.moment");
            }
            Driver::Granted(studies) => {
                sql.push("s.id IN ").list(studies, "").push(" AND s.visible = 1");
                moments.bounds(sql, "s.moment");
            }
            // Asked for by their parts alone.
            Driver::Common { .. } | Driver::Apart(_) => {
                sql.bind(0);
            }
            Driver::Key(kind, value) => {
                sql.push("k.kind = ").bind(*kind as i64).push(" AND k.value = ").text(value);
                moments.bounds(sql, "k.moment");
            }
            Driver::Any(kind, values) | Driver::Merged(kind, values) => {
                sql.push("k.kind = ").bind(*kind as i64).push(" AND k.value IN ").texts(values);
            }
            Driver::Keys { kind, from, before, .. } => {
                sql.push("k.kind = ").bind(*kind as i64).push(" AND k.value >= ").text(from);
                if let Some(before) = before {
                    sql.push(" AND k.value < ").text(before);
                }
            }
            Driver::Studies(studies) => {
                sql.push("s.id IN (").append(studies).push(") AND s.visible = 1");
            }
        }
    }

    /// Whether the walk is along keys rather than studies.
    pub(super) fn by_key(&self) -> bool {
        matches!(self, Driver::Key(..) | Driver::Any(..) | Driver::Merged(..) | Driver::Keys { .. })
    }

    /// Whether a study may come up more than once.
    pub(super) fn repeats(&self) -> bool {
        match self {
            Driver::Any(kind, values) | Driver::Merged(kind, values) => {
                kind.has_several() && values.len() > 1
            }
            Driver::Keys { kind, .. } => kind.has_several(),
            _ => false,
        }
    }

    /// Drivers that together are this one and have no study in common.
    pub(super) fn parts(&self) -> &[Driver] {
        match self {
            Driver::Apart(parts) => parts,
            one => std::slice::from_ref(one),
        }
    }

    /// Drivers whose walks are in order, or few enough to sort, and together are this one's.
    pub(super) fn apart(&self) -> Vec<Driver> {
        match self {
            Driver::Apart(parts) => parts.clone(),
            Driver::Holdings(custodians) if custodians.len() > 1 => {
                custodians.iter().map(|custodian| Driver::Holdings(vec![*custodian])).collect()
            }
            other => vec![other.clone()],
        }
    }
}
