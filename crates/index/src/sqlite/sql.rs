//! Building one statement: its text, and the values bound to it. No value ever becomes text.

use std::ops::ControlFlow;

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

use crate::IndexError;

/// A statement with its bound values.
#[derive(Clone, Debug, Default)]
pub(super) struct Sql {
    text: String,
    values: Vec<Value>,
}

impl Sql {
    /// Starts with this text.
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), values: Vec::new() }
    }

    /// Adds text written in this program.
    pub(super) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Adds another statement's text and values.
    pub(super) fn append(&mut self, other: &Sql) -> &mut Self {
        self.text.push_str(&other.text);
        self.values.extend_from_slice(&other.values);
        self
    }

    /// Adds a place holder for this value. A condition that nothing meets is a bound 0: of a literal one the engine
    /// would drop its neighbours, and with them the index that the statement names.
    pub(super) fn bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.values.push(value.into());
        self.text.push('?');
        self
    }

    /// Adds a place holder for this text.
    pub(super) fn text(&mut self, value: &str) -> &mut Self {
        self.bind(value.to_owned())
    }

    /// Adds a list to stand behind `IN`, one text for all lengths. No item may need escaping in JSON, as UIDs,
    /// custodians' names and numbers do not.
    pub(super) fn list<T: std::fmt::Display>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        quote: &str,
    ) -> &mut Self {
        let mut json = String::from("[");
        for (position, item) in items.into_iter().enumerate() {
            if position > 0 {
                json.push(',');
            }
            json.push_str(quote);
            json.push_str(&item.to_string());
            json.push_str(quote);
        }
        json.push(']');
        self.push("(SELECT value FROM json_each(").bind(json).push("))")
    }

    /// Adds a list of any texts to stand behind `IN`.
    pub(super) fn texts(&mut self, items: &[String]) -> &mut Self {
        let escaped = items.iter().map(|item| {
            let mut json = String::with_capacity(item.len());
            for letter in item.chars() {
                match letter {
                    '"' | '\\' => json.extend(['\\', letter]),
                    '\0'..='\u{1F}' => json.push_str(&format!("\\u{:04x}", u32::from(letter))),
                    _ => json.push(letter),
                }
            }
            json
        });
        self.list(escaped, "\"")
    }

    /// Whether nothing was added yet.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Every row, as `read` reads it.
    pub(super) fn rows<T>(
        &self,
        conn: &Connection,
        read: impl FnMut(&Row<'_>) -> Result<T, IndexError>,
    ) -> Result<Vec<T>, IndexError> {
        self.rows_until(conn, read, |_| false)
    }

    /// The rows up to and with the first that `full` says is enough.
    pub(super) fn rows_until<T>(
        &self,
        conn: &Connection,
        mut read: impl FnMut(&Row<'_>) -> Result<T, IndexError>,
        mut full: impl FnMut(&T) -> bool,
    ) -> Result<Vec<T>, IndexError> {
        let mut statement = conn.prepare_cached(&self.text)?;
        let mut rows = statement.query(params_from_iter(self.values.iter()))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let one = read(row)?;
            let enough = full(&one);
            found.push(one);
            if enough {
                break;
            }
        }
        Ok(found)
    }

    /// Gives every row to `take` until that says to stop.
    pub(super) fn each(
        &self,
        conn: &Connection,
        mut take: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>, IndexError>,
    ) -> Result<(), IndexError> {
        let mut statement = conn.prepare_cached(&self.text)?;
        let mut rows = statement.query(params_from_iter(self.values.iter()))?;
        while let Some(row) = rows.next()? {
            if take(row)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The first row, if any.
    pub(super) fn first<T>(
        &self,
        conn: &Connection,
        read: impl FnOnce(&Row<'_>) -> Result<T, IndexError>,
    ) -> Result<Option<T>, IndexError> {
        let mut statement = conn.prepare_cached(&self.text)?;
        let mut rows = statement.query(params_from_iter(self.values.iter()))?;
        rows.next()?.map(read).transpose()
    }

    /// What `EXPLAIN QUERY PLAN` says, a line for each step.
    #[cfg(test)]
    pub(super) fn explain(&self, conn: &Connection) -> Result<Vec<String>, IndexError> {
        let explain = Sql { text: format!("EXPLAIN QUERY PLAN {}", self.text), values: self.values.clone() };
        explain.rows(conn, |row| Ok(row.get(3)?))
    }
}
