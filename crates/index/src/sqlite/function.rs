//! Functions of ours that statements call.

use model::matching::Fuzzy;
use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};

use super::moment::moment;
use crate::IndexError;

/// Makes them known to a connection.
///
/// | function | gives |
/// |---|---|
/// | `sounds_like(key, group, group, group)` | whether a name fits a fuzzy key |
/// | `moment_of(date, time)` | both as one number ([`super::moment`]) |
pub(super) fn register(conn: &Connection) -> Result<(), IndexError> {
    let flags =
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_DIRECTONLY;
    conn.create_scalar_function(c"sounds_like", 4, flags, |values| sounds_like(values))?;
    conn.create_scalar_function(c"moment_of", 2, flags, |values| {
        Ok(moment(values.get_raw(0).as_str()?, values.get_raw(1).as_str()?))
    })?;
    Ok(())
}

fn sounds_like(values: &Context<'_>) -> rusqlite::Result<bool> {
    let key = values
        .get_or_create_aux(0, |key| Ok::<_, rusqlite::types::FromSqlError>(Fuzzy::of(key.as_str()?)))?;
    let group = |at: usize| values.get_raw(at).as_str();
    let (first, second, third) = (group(1)?, group(2)?, group(3)?);
    if second.is_empty() && third.is_empty() {
        return Ok(key.matches(first));
    }
    Ok(key.matches(&format!("{first}={second}={third}")))
}
