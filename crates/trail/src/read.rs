//! Reading rows: by time, patient, study and principal.

use std::path::Path;

use audit::Entry;
use audit::chain::{Hash, Head};
use rusqlite::{Connection, OptionalExtension, params_from_iter, types::Value};

use crate::TrailError;
use crate::schema::{self, hash_of};

/// Which rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// From this moment on, in milliseconds of Unix time.
    pub since: Option<i64>,
    /// Up to this moment, without it.
    pub until: Option<i64>,
    /// With this Patient ID.
    pub patient: Option<String>,
    /// About this study.
    pub study: Option<String>,
    /// Of this principal: `token:administrator`.
    pub principal: Option<String>,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its number, from 1 on without a gap.
    pub sequence: u64,
    /// Its hash.
    pub hash: Hash,
    /// What it says.
    pub entry: Entry,
}

/// Reads beside the writer, or without one.
pub struct Reader {
    conn: Connection,
}

impl Reader {
    /// The trail of this folder.
    ///
    /// # Errors
    /// [`TrailError`] when there is none.
    pub fn open(folder: &Path) -> Result<Self, TrailError> {
        Ok(Self { conn: schema::open_to_read(folder)? })
    }

    /// At most `most` rows behind this one, in order.
    ///
    /// # Errors
    /// [`TrailError::Row`] for one that is not as it was written, and errors of the engine.
    pub fn rows(&self, filter: &Filter, after: u64, most: u32) -> Result<Vec<Row>, TrailError> {
        let mut wanted = Conditions::of(filter);
        wanted.and("sequence >", Some(Value::Integer(after.cast_signed())));
        self.find(wanted, "sequence", most)
    }

    /// At most `most` rows, the newest first; behind the one of this moment and number. Rows of one principal are all
    /// read for it, the rest is found by an index.
    ///
    /// # Errors
    /// As [`Reader::rows`].
    pub fn newest(
        &self,
        filter: &Filter,
        behind: Option<(i64, u64)>,
        most: u32,
    ) -> Result<Vec<Row>, TrailError> {
        let mut wanted = Conditions::of(filter);
        if let Some((at, sequence)) = behind {
            wanted.values.push(Value::Integer(at));
            wanted.values.push(Value::Integer(sequence.cast_signed()));
            let last = wanted.values.len();
            wanted.sql.push_str(&format!(" AND (at, sequence) < (?{}, ?{last})", last - 1));
        }
        self.find(wanted, "at DESC, sequence DESC", most)
    }

    fn find(&self, wanted: Conditions, order: &str, most: u32) -> Result<Vec<Row>, TrailError> {
        let sql = format!(
            "SELECT sequence, hash, event FROM trail WHERE TRUE{} ORDER BY {order} LIMIT {most}",
            wanted.sql
        );
        let mut statement = self.conn.prepare_cached(&sql)?;
        let mut found = statement.query(params_from_iter(wanted.values))?;
        let mut rows = Vec::new();
        while let Some(row) = found.next()? {
            let sequence = row.get::<_, i64>(0)?.unsigned_abs();
            let bytes = row.get_ref(2)?.as_bytes().map_err(|_| TrailError::Row(sequence))?;
            let entry = Entry::read(bytes).map_err(|_| TrailError::Row(sequence))?;
            rows.push(Row { sequence, hash: hash_of(&row.get::<_, Vec<u8>>(1)?), entry });
        }
        Ok(rows)
    }

    /// The last row.
    ///
    /// # Errors
    /// [`TrailError`].
    pub fn last(&self) -> Result<Head, TrailError> {
        schema::last(&self.conn)
    }

    /// A value kept by [`crate::Trail::set_state`].
    ///
    /// # Errors
    /// [`TrailError`].
    pub fn state(&self, key: &str) -> Result<Option<String>, TrailError> {
        let mut statement = self.conn.prepare_cached("SELECT value FROM state WHERE key = ?1")?;
        Ok(statement.query_row([key], |row| row.get(0)).optional()?)
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.conn
    }
}

/// What a filter asks, as SQL.
struct Conditions {
    sql: String,
    values: Vec<Value>,
}

impl Conditions {
    fn of(filter: &Filter) -> Self {
        let mut conditions = Self { sql: String::new(), values: Vec::new() };
        conditions.and("at >=", filter.since.map(Value::Integer));
        conditions.and("at <", filter.until.map(Value::Integer));
        conditions.and("patient =", filter.patient.clone().map(Value::Text));
        conditions.and("study =", filter.study.clone().map(Value::Text));
        conditions.and("principal =", filter.principal.clone().map(Value::Text));
        conditions
    }

    fn and(&mut self, condition: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.values.push(value);
            self.sql.push_str(&format!(" AND {condition} ?{}", self.values.len()));
        }
    }
}
