//! A copy of the trail as it is at one moment.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use audit::chain::Head;
use rusqlite::Connection;
use rusqlite::backup::Backup;

use crate::head::{HeadFile, Marked};
use crate::schema::{self, DATABASE};
use crate::{Reader, TrailError};

/// Pages that are copied before the writer gets its turn.
const STEP: std::ffi::c_int = 256;

/// Copies the trail of `folder` into the folder `to`, with its head, in place of an earlier copy.
///
/// # Errors
/// [`TrailError`]; an earlier copy is then whole.
pub fn backup(folder: &Path, to: &Path) -> Result<Head, TrailError> {
    let reader = Reader::open(folder)?;
    let part = to.join(format!("{DATABASE}.part"));
    remove(&part)?;
    let head = {
        let mut copy = Connection::open(&part)?;
        Backup::new(reader.connection(), &mut copy)?.run_to_completion(STEP, Duration::ZERO, None)?;
        // The copy is one file, without a log beside it.
        copy.pragma_update(None, "journal_mode", "DELETE")?;
        schema::last(&copy)?
    };
    let done = to.join(DATABASE);
    for log in ["-wal", "-shm"] {
        remove(&to.join(format!("{DATABASE}{log}")))?;
    }
    let flushed = File::open(&part).and_then(|file| file.sync_all());
    flushed.and_then(|()| fs::rename(&part, &done)).map_err(TrailError::file("the copy of audit.db"))?;
    let file = HeadFile::hold(to)?;
    file.write(Marked { head, closed: false })
        .and_then(|()| file.flush())
        .map_err(TrailError::file("audit.head"))?;
    Ok(head)
}

fn remove(file: &Path) -> Result<(), TrailError> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(TrailError::file("an earlier copy of audit.db")(error))
        }
        _ => Ok(()),
    }
}
