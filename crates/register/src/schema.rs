//! Opening the file: pragmas and migrations.

use std::fs::{OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::RegisterError;

/// Its name in the data folder.
pub const FILE: &str = "access.db";

/// What is released never changes.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_first.sql"),
    include_str!("../migrations/0002_links.sql"),
    include_str!("../migrations/0003_credential_version.sql"),
    include_str!("../migrations/0004_factors.sql"),
    include_str!("../migrations/0005_subjects.sql"),
    include_str!("../migrations/0006_holds.sql"),
    include_str!("../migrations/0007_noticed.sql"),
];

/// "OVRA": tells it from other SQLite databases (`PRAGMA application_id`).
const APPLICATION: i64 = 0x4F56_5241;

/// How long a connection waits for another's write, which takes some milliseconds.
const BUSY: Duration = Duration::from_secs(5);

pub(crate) fn open(path: &Path) -> Result<Connection, RegisterError> {
    make_private(path).map_err(RegisterError::File)?;
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(BUSY)?;
    // Before the mode is changed: a newer program's file, or another program's, stays untouched.
    version(&conn)?;
    conn.pragma_update(None, "journal_mode", "WAL")?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.pragma_update(None, "trusted_schema", false)?;
    migrate(&mut conn)?;
    Ok(conn)
}

/// For its owner alone, and so is what SQLite makes beside it: it holds the secrets of second factors.
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    let file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(())
}

fn version(conn: &Connection) -> Result<usize, RegisterError> {
    let known = MIGRATIONS.len() as i64;
    let found: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i64 = conn.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let objects: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if objects > 0 && application != APPLICATION {
        return Err(RegisterError::Foreign);
    }
    if found > known {
        return Err(RegisterError::Newer { found, known });
    }
    Ok(usize::try_from(found).unwrap_or(0))
}

/// The lock first, then the look: the server and a command may open a new file at the same moment.
fn migrate(conn: &mut Connection) -> Result<(), RegisterError> {
    if version(conn)? == MIGRATIONS.len() {
        return Ok(());
    }
    let migration = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for script in MIGRATIONS.iter().skip(version(&migration)?) {
        migration.execute_batch(script)?;
    }
    migration.pragma_update(None, "application_id", APPLICATION)?;
    migration.pragma_update(None, "user_version", MIGRATIONS.len() as i64)?;
    migration.commit()?;
    Ok(())
}
