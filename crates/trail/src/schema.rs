//! The tables. A row's columns beside `event` and `hash` are read out of `event` and only serve to find it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use audit::chain::{BEFORE_ALL, Hash, Head};
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use crate::TrailError;

/// The database's name in the data folder.
pub const DATABASE: &str = "audit.db";

const VERSION: i64 = 1;

const TABLES: &str = "
    CREATE TABLE trail (
        sequence INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        what TEXT NOT NULL,
        principal TEXT NOT NULL,
        study TEXT,
        patient TEXT,
        event BLOB NOT NULL,
        hash BLOB NOT NULL
    ) STRICT;
    CREATE INDEX trail_at ON trail(at);
    CREATE INDEX trail_principal ON trail(principal, sequence);
    CREATE INDEX trail_study ON trail(study, sequence) WHERE study IS NOT NULL;
    CREATE INDEX trail_patient ON trail(patient, sequence) WHERE patient IS NOT NULL;
    CREATE TABLE state (
        key TEXT PRIMARY KEY,
        value TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    PRAGMA user_version = 1;
";

/// How long a reader waits for a lock that a checkpoint holds for a moment.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) fn path(folder: &Path) -> PathBuf {
    folder.join(DATABASE)
}

/// The connection of the one writer; the tables are made where there are none.
pub(crate) fn open(folder: &Path) -> Result<Connection, TrailError> {
    let conn = Connection::open(path(folder))?;
    conn.busy_timeout(PATIENCE)?;
    conn.pragma_update(None, "journal_mode", "WAL")?;
    conn.pragma_update(None, "synchronous", "NORMAL")?;
    conn.pragma_update(None, "cache_size", -2_048)?;
    match version(&conn)? {
        0 => conn.execute_batch(&format!("BEGIN IMMEDIATE;{TABLES}COMMIT;"))?,
        VERSION => {}
        other => return Err(TrailError::Version(other)),
    }
    Ok(conn)
}

/// A connection that reads beside the writer.
pub(crate) fn open_to_read(folder: &Path) -> Result<Connection, TrailError> {
    let conn = Connection::open_with_flags(
        path(folder),
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    conn.busy_timeout(PATIENCE)?;
    match version(&conn)? {
        VERSION => Ok(conn),
        other => Err(TrailError::Version(other)),
    }
}

fn version(conn: &Connection) -> Result<i64, TrailError> {
    Ok(conn.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

/// The last row.
pub(crate) fn last(conn: &Connection) -> Result<Head, TrailError> {
    let last = conn
        .prepare_cached("SELECT sequence, hash FROM trail ORDER BY sequence DESC LIMIT 1")?
        .query_row([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)))
        .optional()?;
    Ok(last.map_or(Head::EMPTY, |(sequence, hash)| Head {
        sequence: sequence.unsigned_abs(),
        hash: hash_of(&hash),
    }))
}

/// A column's bytes as hash; of another length they are no hash of ours, and match none.
pub(crate) fn hash_of(bytes: &[u8]) -> Hash {
    bytes.try_into().unwrap_or(BEFORE_ALL)
}
