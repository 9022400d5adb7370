//! Sends the pages of long streams to the disk while the streams go on, on a few threads of its own.
//!
//! Measured with one stream of 2 GiB beside small files that are flushed one by one: without it 2 GiB were dirty, the
//! last flush took a second and small ones up to 200 ms; asking the kernel to begin (`posix_fadvise`) let small ones wait
//! 50 to 150 ms; flushing 16 MiB in the stream's own thread held the stream up; flushing them here kept 16 MiB dirty, the
//! last flush at 10 ms and small ones at 3 ms.

use std::fs::File;
use std::io;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Threads, made when the first long stream comes. More would only let the disk's queue grow.
const THREADS: usize = 4;

/// The threads and the queue to them; they end with it.
#[derive(Default)]
pub(crate) struct Behind {
    queue: Mutex<Option<Queue>>,
}

type Queue = mpsc::Sender<Job>;

struct Job {
    file: Arc<File>,
    done: SyncSender<io::Result<()>>,
}

/// A flush on its way. Its outcome must be asked for: the kernel reports a failed write only once per open file.
pub(crate) struct Flushing {
    done: Receiver<io::Result<()>>,
}

impl Behind {
    /// Flushes what the file has so far.
    pub(crate) fn flush(&self, file: &Arc<File>) -> io::Result<Flushing> {
        let (done, outcome) = mpsc::sync_channel(1);
        let job = Job { file: file.clone(), done };
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = match &*queue {
            Some(queue) => queue,
            None => queue.insert(start()?),
        };
        queue.send(job).map_err(|_| io::Error::other("the flushing threads are gone"))?;
        Ok(Flushing { done: outcome })
    }
}

impl Flushing {
    /// Waits for it.
    pub(crate) fn wait(self) -> io::Result<()> {
        self.done.recv().unwrap_or_else(|_| Err(io::Error::other("a flushing thread is gone")))
    }
}

fn start() -> io::Result<Queue> {
    let (queue, jobs) = mpsc::channel::<Job>();
    let jobs = Arc::new(Mutex::new(jobs));
    for _ in 0..THREADS {
        let jobs = jobs.clone();
        thread::Builder::new().name("spool-flush".into()).stack_size(128 << 10).spawn(move || work(&jobs))?;
    }
    Ok(queue)
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { file, done }) = job else { return };
        // Nobody waits any more when the stream was given up; then its file is gone too.
        let _ = done.send(rustix::fs::fdatasync(&file).map_err(io::Error::from));
    }
}
