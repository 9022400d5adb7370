//! Opening the database file: pragmas, and the migrations that bring its schema up to this program's.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::{Config, function, upgrade};
use crate::IndexError;

/// What brings the schema from its position to the next: statements, then what they cannot say. What is released never
/// changes.
const MIGRATIONS: &[(&str, Fill)] = &[
    (include_str!("../../migrations/0001_first.sql"), |_| Ok(())),
    (include_str!("../../migrations/0002_removals.sql"), |_| Ok(())),
    (include_str!("../../migrations/0003_search.sql"), upgrade::to_schema_3),
    (include_str!("../../migrations/0004_erased.sql"), |_| Ok(())),
];

/// Fills new columns and tables from the rows that are there.
type Fill = fn(&Connection) -> Result<(), IndexError>;

/// "OVRD": tells our files from other SQLite databases (`PRAGMA application_id`).
const APPLICATION: i64 = 0x4F56_5244;

/// How long a connection waits for another's lock. Ours never wait for one another longer than a moment: there is one
/// writer, and readers do not lock it out. This is for a person with a shell on the file.
const BUSY: Duration = Duration::from_secs(5);

/// Opens the write connection and migrates.
pub(super) fn writer(path: &Path, config: &Config) -> Result<Connection, IndexError> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(BUSY)?;
    // Before the mode is changed: a newer program's file, or another program's, stays untouched.
    let found = version(&conn)?;
    conn.pragma_update(None, "journal_mode", "WAL")?;
    conn.pragma_update(None, "synchronous", "NORMAL")?;
    conn.pragma_update(None, "wal_autocheckpoint", 0)?;
    // A log that was much longer gives its room back when it begins anew; cutting costs the writer some 0.1 s.
    conn.pragma_update(None, "journal_size_limit", i64::from(config.wal_pages) * 4_096 * 4)?;
    common(&conn, config.writer_cache_kib, config.statements)?;
    migrate(&mut conn, found)?;
    Ok(conn)
}

/// Opens a connection that cannot write.
pub(super) fn reader(path: &Path, config: &Config) -> Result<Connection, IndexError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(BUSY)?;
    conn.pragma_update(None, "query_only", true)?;
    common(&conn, config.reader_cache_kib, config.statements)?;
    Ok(conn)
}

/// Opens the connection that moves pages from the log to the file.
pub(super) fn checkpointer(path: &Path) -> Result<Connection, IndexError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(BUSY)?;
    conn.pragma_update(None, "synchronous", "NORMAL")?;
    conn.pragma_update(None, "wal_autocheckpoint", 0)?;
    common(&conn, 256, 4)?;
    Ok(conn)
}

fn common(conn: &Connection, cache_kib: u32, statements: usize) -> Result<(), IndexError> {
    conn.pragma_update(None, "cache_size", -i64::from(cache_kib))?;
    conn.pragma_update(None, "mmap_size", 0)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    conn.pragma_update(None, "foreign_keys", false)?;
    conn.pragma_update(None, "trusted_schema", false)?;
    // Else every new value of a parameter makes the engine plan the statement anew: ten times the cost of a look-up.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.set_prepared_statement_cache_capacity(statements);
    function::register(conn)
}

/// The file's schema version, when this program may open it.
fn version(conn: &Connection) -> Result<usize, IndexError> {
    let known = MIGRATIONS.len() as i64;
    let found: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i64 = conn.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let objects: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if objects > 0 && application != APPLICATION {
        return Err(IndexError::Engine("the file is another program's database".into()));
    }
    if found > known {
        return Err(IndexError::Newer { found, known });
    }
    Ok(usize::try_from(found).unwrap_or(0))
}

fn migrate(conn: &mut Connection, from: usize) -> Result<(), IndexError> {
    for (position, (script, fill)) in MIGRATIONS.iter().enumerate().skip(from) {
        let migration = conn.transaction_with_behavior(TransactionBehavior::Exclusive)?;
        migration.execute_batch(script)?;
        fill(&migration)?;
        migration.pragma_update(None, "application_id", APPLICATION)?;
        migration.pragma_update(None, "user_version", position as i64 + 1)?;
        migration.commit()?;
        tracing::info!(schema = position + 1, "index schema brought up");
    }
    Ok(())
}
