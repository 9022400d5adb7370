//! The one writer: a thread that commits whatever waits in one transaction.

use std::sync::Arc;
use std::time::{Duration, Instant};

use audit::Entry;
use audit::chain::Head;
use rusqlite::{Connection, params};

use crate::TrailError;
use crate::head::{HeadFile, Marked};
use crate::queue::{Batch, Queue};

/// Between two tries to write what could not be written.
const AGAIN: Duration = Duration::from_secs(1);
/// Tries of the last batch: a stop does not wait for a disk for ever.
const LAST_TRIES: u32 = 3;

pub(crate) struct Writer {
    pub(crate) conn: Connection,
    pub(crate) file: HeadFile,
    pub(crate) head: Head,
    pub(crate) queue: Arc<Queue>,
    flushed: Instant,
    dirty: bool,
}

impl Writer {
    pub(crate) fn new(conn: Connection, file: HeadFile, head: Head, queue: Arc<Queue>) -> Self {
        Self { conn, file, head, queue, flushed: Instant::now(), dirty: false }
    }

    pub(crate) fn run(mut self) {
        // Before the first row: who finds the head closed and rows behind it is told that they were added by hand.
        self.mark(true, false);
        loop {
            let idle = self.dirty.then_some(self.queue.config.flush);
            let mut batch = self.queue.take(idle);
            for entry in &mut batch.entries {
                self.queue.known.complete(entry);
            }
            let last = batch.last;
            let written = self.write(&batch);
            if written {
                let head = self.head;
                self.queue.written(batch, head);
            }
            if last || !written {
                self.close(written);
                return;
            }
        }
    }

    /// Tries until it is written; what comes meanwhile waits, and edges refuse work when too much does. After a flush
    /// that failed nothing is tried again: the system may have thrown away what it could not write, and say yes to the
    /// next one.
    fn write(&mut self, batch: &Batch) -> bool {
        let mut tries = 0;
        loop {
            let error = match self.commit(batch) {
                Ok(()) => return true,
                Err(error) => error,
            };
            if error.is_flush() {
                tracing::error!(%error, rows = batch.entries.len(), "the disk failed under the audit trail");
                self.queue.fail(error.to_string());
                return false;
            }
            tries += 1;
            if tries == 1 {
                tracing::error!(%error, rows = batch.entries.len(), "the audit trail cannot be written; trying again");
            }
            if batch.last && tries >= LAST_TRIES {
                tracing::error!(rows = batch.entries.len(), "the end of the audit trail is lost");
                return false;
            }
            std::thread::sleep(AGAIN);
        }
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), TrailError> {
        let flush = batch.is_empty()
            || batch.last
            || !batch.waiters.is_empty()
            || self.flushed.elapsed() >= self.queue.config.flush;
        if batch.entries.is_empty() && batch.states.is_empty() && !(flush && self.dirty) {
            return Ok(());
        }
        self.conn.pragma_update(None, "synchronous", if flush { "FULL" } else { "NORMAL" })?;
        let mut head = self.head;
        let transaction = self.conn.transaction()?;
        {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO trail(sequence, at, what, principal, study, patient, event, hash)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?;
            for entry in &batch.entries {
                let bytes = entry.canonical();
                head = head.with(&bytes);
                let columns = Columns::of(entry);
                insert.execute(params![
                    head.sequence.cast_signed(),
                    columns.at,
                    columns.what,
                    columns.principal,
                    columns.study,
                    columns.patient,
                    bytes,
                    head.hash.as_slice()
                ])?;
            }
            let mut state = transaction.prepare_cached(
                "INSERT INTO state(key, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2",
            )?;
            for (key, value) in &batch.states {
                state.execute([key, value])?;
            }
            if flush {
                // A transaction that changes nothing flushes nothing.
                state.execute(["flushed", &head.sequence.to_string()])?;
            }
        }
        transaction.commit()?;
        self.head = head;
        self.dirty = !flush;
        self.mark(flush, false);
        if flush {
            self.flushed = Instant::now();
        }
        Ok(())
    }

    /// Says in the second place what the last row is. The rows are written: that this fails is said, no more.
    fn mark(&self, flush: bool, closed: bool) {
        let done = self.file.write(Marked { head: self.head, closed });
        let done = done.and_then(|()| if flush { self.file.flush() } else { Ok(()) });
        if let Err(error) = done {
            tracing::error!(%error, "audit.head cannot be written");
        }
    }

    fn close(self, written: bool) {
        if written {
            self.mark(true, true);
        }
        self.queue.over();
        if let Err((_, error)) = self.conn.close() {
            tracing::error!(%error, "audit.db was not closed in order");
        }
    }
}

/// What of an entry a row is found by.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Columns {
    pub(crate) at: i64,
    pub(crate) what: String,
    pub(crate) principal: String,
    pub(crate) study: Option<String>,
    pub(crate) patient: Option<String>,
}

impl Columns {
    pub(crate) fn of(entry: &Entry) -> Self {
        let event = &entry.event;
        Self {
            at: entry.at,
            what: event.what.name().to_owned(),
            principal: event.who.principal(),
            study: (!event.study.is_empty()).then(|| event.study.clone()),
            patient: event.patient.as_ref().map(|patient| patient.id.clone()),
        }
    }
}
