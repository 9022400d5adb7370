//! Checking the database, and copying it while it runs.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use rusqlite::Connection;

use crate::IndexError;

/// Faults listed at most.
const FAULTS: usize = 100;

/// Counts that are kept must be what counting gives. Each query names the rows where they are not.
const COUNTS: [(&str, &str); 4] = [
    (
        "series whose count of instances is wrong",
        "SELECT e.id FROM series e WHERE e.instance_count <>
         (SELECT count(*) FROM instance i WHERE i.study = e.study AND i.series = e.id AND i.current = 1)
         OR e.visible <> (e.instance_count > 0)",
    ),
    (
        "study whose counts are wrong",
        "SELECT s.id FROM study s WHERE s.visible <> (s.instance_count > 0) OR (s.series_count, s.instance_count) <>
         (SELECT count(*), ifnull(sum(e.instance_count), 0) FROM series e WHERE e.study = s.id AND e.visible = 1)",
    ),
    (
        "custodian whose counts are wrong",
        "SELECT c.id FROM custodian c WHERE (c.studies, c.series, c.instances) <>
         (SELECT count(*), ifnull(sum(s.series_count), 0), ifnull(sum(s.instance_count), 0)
          FROM study s WHERE s.custodian = c.id AND s.visible = 1)",
    ),
    (
        "instance whose bytes have no place",
        "SELECT i.id FROM instance i WHERE NOT EXISTS (SELECT 1 FROM spooled WHERE instance = i.id)
         AND NOT EXISTS (SELECT 1 FROM placed WHERE instance = i.id)",
    ),
];

/// What is wrong with the file, at most [`FAULTS`] texts.
pub(super) fn check(conn: &Connection) -> Result<Vec<String>, IndexError> {
    let mut faults = Vec::new();
    // Table by table: one long reading would keep the log from starting anew.
    let tables = texts(conn, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")?;
    for table in &tables {
        faults.extend(
            texts(conn, &format!("PRAGMA integrity_check(\"{table}\")"))?.into_iter().filter(|t| t != "ok"),
        );
        let mut foreign = conn.prepare(&format!("PRAGMA foreign_key_check(\"{table}\")"))?;
        let mut rows = foreign.query([])?;
        while let Some(row) = rows.next()?
            && faults.len() < FAULTS
        {
            let (row, parent): (Option<i64>, String) = (row.get(1)?, row.get(2)?);
            faults.push(format!("{table} row {} names a {parent} that is not there", row.unwrap_or(0)));
        }
    }
    for (what, query) in COUNTS {
        for row in texts(conn, &format!("SELECT CAST(id AS TEXT) FROM ({query}) LIMIT {FAULTS}"))? {
            faults.push(format!("{what}: {row}"));
        }
    }
    faults.truncate(FAULTS);
    Ok(faults)
}

fn texts(conn: &Connection, query: &str) -> Result<Vec<String>, IndexError> {
    Ok(conn.prepare(query)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// Writes a compact, consistent and flushed copy into a file that does not exist yet.
pub(super) fn backup(conn: &Connection, to: &Path) -> Result<(), IndexError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => IndexError::NoSpace(error.to_string()),
        _ => IndexError::Engine(format!("backup to {}: {error}", to.display())),
    };
    let Some(name) = to.to_str() else {
        return Err(IndexError::Engine(format!("{} is no text", to.display())));
    };
    // Made here, so that an existing file is refused and the copy is readable by its owner alone where the
    // program's umask says so.
    File::create_new(to).map_err(failed)?;
    // The copy counts as a write of this connection; the database itself is open for reading only.
    conn.pragma_update(None, "query_only", false)?;
    let copied = conn.execute("VACUUM INTO ?1", [name]).map_err(IndexError::from).and_then(|_| {
        File::open(to).and_then(|copy| copy.sync_all()).map_err(failed)?;
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
    });
    if copied.is_err() {
        let _ = fs::remove_file(to);
    }
    copied
}
