//! The trail of a data folder, open for writing.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use audit::chain::Head;
use audit::{Event, Outcome, Patient, Recorder, What, Who};
use rusqlite::OptionalExtension;
use tokio::sync::watch;

use crate::head::{self, HeadFile, Marked};
use crate::queue::Queue;
use crate::schema::{self, hash_of};
use crate::writer::Writer;
use crate::{Config, Patients, Reader, TrailError};

/// How often a held trail is tried, and how many times: a command holds it for a moment.
const RETRY: (Duration, u32) = (Duration::from_millis(50), 100);

/// The one writer. Cheap to clone.
#[derive(Clone)]
pub struct Trail {
    queue: Arc<Queue>,
    folder: Arc<PathBuf>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Trail {
    /// Opens the trail of this folder, makes it where there is none, and records that recording began. What does not
    /// fit the head that was written down becomes an alarm in the trail itself. It blocks.
    ///
    /// # Errors
    /// [`TrailError`]; [`TrailError::Held`] when another process goes on writing it.
    pub fn open(folder: &Path, config: Config) -> Result<Self, TrailError> {
        let file = hold(folder)?;
        let marked = head::read(folder);
        let conn = schema::open(folder)?;
        let last = schema::last(&conn)?;
        let alarm = compare(&conn, marked, last)?;
        let queue = Arc::new(Queue::new(config, last));
        let writer = Writer::new(conn, file, last, Arc::clone(&queue));
        let thread = std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || writer.run())
            .map_err(TrailError::file("the thread that writes audit.db"))?;
        let trail =
            Self { queue, folder: Arc::new(folder.to_owned()), thread: Arc::new(Mutex::new(Some(thread))) };
        let mut began = Event::new(What::RecordingStarted, Who::server(), "audit");
        if marked.is_some_and(|marked| !marked.closed) {
            began.detail = "recording had not stopped in order before".to_owned();
        }
        trail.record(began);
        if let Some(detail) = alarm {
            tracing::error!(detail, "the audit trail is not as it was left");
            let alarm = Event {
                outcome: Outcome::Serious,
                detail,
                ..Event::new(What::Alarm, Who::server(), "audit")
            };
            trail.record(alarm);
        }
        Ok(trail)
    }

    /// From now on entries say whose studies they are about.
    pub fn ask_patients(&self, patients: Arc<dyn Patients>) {
        // The first one stays: there is one archive.
        let _ = self.queue.known.ask.set(patients);
    }

    /// The last row that is committed, now and whenever it changes.
    pub fn committed(&self) -> watch::Receiver<Head> {
        self.queue.committed.subscribe()
    }

    /// Waits until a flush fails, and says why. From then on nothing is written, [`Recorder::has_room`] is false, and who
    /// waits for rows hears that they are not on disk.
    pub async fn failed(&self) -> String {
        let mut failed = self.queue.failed.subscribe();
        let why = failed.wait_for(Option::is_some).await.ok().and_then(|why| why.clone());
        // The sender lives in the queue, which this trail holds.
        why.unwrap_or_default()
    }

    /// Bytes of events that wait for the disk.
    pub fn waiting(&self) -> usize {
        self.queue.weight()
    }

    /// A reader beside this writer.
    ///
    /// # Errors
    /// [`TrailError`].
    pub fn reader(&self) -> Result<Reader, TrailError> {
        Reader::open(&self.folder)
    }

    /// Keeps a value of ours beside the rows, not chained.
    pub fn set_state(&self, key: &str, value: String) {
        self.queue.set(key, value);
    }

    /// Ends what is gathered, and waits until everything that was recorded before is on disk.
    ///
    /// # Errors
    /// [`TrailError::Closed`].
    pub async fn settle(&self) -> Result<(), TrailError> {
        self.queue.settle().await.map_err(|_| TrailError::Closed)
    }

    /// Records that recording stops, writes everything and ends the writer. It blocks; nothing may be recorded after.
    pub fn close(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else { return };
        // What was gathered belongs before the last row.
        drop(self.queue.settle().blocking_recv());
        self.record(Event::new(What::RecordingStopped, Who::server(), "audit"));
        self.queue.end();
        if thread.join().is_err() {
            tracing::error!("the thread that writes audit.db failed");
        }
    }
}

impl Recorder for Trail {
    fn has_room(&self) -> bool {
        self.queue.has_room()
    }

    fn record(&self, event: Event) {
        self.queue.push(event);
    }

    fn flushed(&self) -> Pin<Box<dyn Future<Output = bool> + Send>> {
        let written = self.queue.flush();
        Box::pin(async move { written.await.is_ok() })
    }

    fn remember(&self, study: &str, custodian: &str, patient: &Patient) {
        self.queue.known.remember(study, custodian, patient);
    }
}

fn hold(folder: &Path) -> Result<HeadFile, TrailError> {
    let (pause, tries) = RETRY;
    for _ in 0..tries {
        match HeadFile::hold(folder) {
            Err(TrailError::Held) => std::thread::sleep(pause),
            held => return held,
        }
    }
    HeadFile::hold(folder)
}

/// What does not fit: the head that was written down, and the last row that there is.
fn compare(
    conn: &rusqlite::Connection,
    marked: Option<Marked>,
    last: Head,
) -> Result<Option<String>, TrailError> {
    let Some(Marked { head, closed }) = marked else {
        let missing =
            || format!("audit.head is missing or cannot be read; the trail ends at row {}", last.sequence);
        return Ok((last.sequence > 0).then(missing));
    };
    if head.sequence > last.sequence {
        let (ends, said) = (last.sequence, head.sequence);
        return Ok(Some(format!(
            "the trail ends at row {ends}, audit.head says {said}: the rows between are lost or were removed"
        )));
    }
    if closed && head.sequence < last.sequence {
        let (ends, said) = (last.sequence, head.sequence);
        return Ok(Some(format!("the trail ends at row {ends}, but recording had stopped at row {said}")));
    }
    if head.sequence == 0 {
        return Ok(None);
    }
    let there = conn
        .query_row("SELECT hash FROM trail WHERE sequence = ?1", [head.sequence.cast_signed()], |row| {
            row.get::<_, Vec<u8>>(0)
        })
        .optional()?;
    let same = there.is_some_and(|hash| hash_of(&hash) == head.hash);
    Ok((!same).then(|| format!("row {} is not the one that audit.head names", head.sequence)))
}
