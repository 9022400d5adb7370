//! Spool files made ahead: created, and their folder flushed, by a thread of their own. A slot's name never changes, so
//! the instance that takes one owes the disk a single flush of the file itself.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::name::{FOLDERS, SpoolName};
use crate::spool::Spool;
use crate::{BlobError, disk};

/// After making slots failed, the next attempt waits this long. Instances meanwhile make their own files and see the error.
const PAUSE: Duration = Duration::from_millis(250);

/// An empty spool file.
pub(crate) struct Slot {
    pub(crate) name: SpoolName,
    pub(crate) file: File,
    /// False when the folder must still be flushed before the file can be called durable.
    pub(crate) named_durably: bool,
}

/// The slots that are ready.
pub(crate) struct Slots {
    target: usize,
    state: Mutex<State>,
    wanted: Condvar,
}

#[derive(Default)]
struct State {
    ready: VecDeque<Slot>,
    next_folder: usize,
    stop: bool,
}

impl Slots {
    pub(crate) fn new(target: usize) -> Slots {
        Slots { target, state: Mutex::default(), wanted: Condvar::new() }
    }

    /// A slot that is ready.
    pub(crate) fn take(&self) -> Option<Slot> {
        let mut state = self.lock();
        let slot = state.ready.pop_front();
        if self.is_low(&state) {
            self.wanted.notify_one();
        }
        slot
    }

    /// Ends the thread; the slots left are removed.
    pub(crate) fn stop(&self) {
        self.lock().stop = true;
        self.wanted.notify_all();
    }

    /// Lets the thread look at the disk's health.
    pub(crate) fn wake(&self) {
        // With the lock held, the thread is either waiting or yet to look.
        let _state = self.lock();
        self.wanted.notify_all();
    }

    fn next_folder(&self) -> usize {
        let mut state = self.lock();
        state.next_folder = (state.next_folder + 1) % FOLDERS;
        state.next_folder
    }

    fn is_low(&self, state: &State) -> bool {
        state.ready.len() * 2 <= self.target && self.target > 0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes one slot now; its folder is not flushed yet.
pub(crate) fn make_one(spool: &Spool) -> Result<Slot, BlobError> {
    make_in(spool, spool.slots.next_folder())
}

fn make_in(spool: &Spool, folder: usize) -> Result<Slot, BlobError> {
    let path = spool.folder(folder);
    let name =
        SpoolName::random(folder).map_err(|error| BlobError::from_os("name a file in", &path, error))?;
    let path = spool.file(name);
    let file = disk::make_file(&path).map_err(|error| spool.failed("make", &path, error))?;
    Ok(Slot { name, file, named_durably: false })
}

/// The thread's work: keeps the slots up, and asks a disk that failed for its health.
pub(crate) fn run(spool: &Spool) {
    while let Some(missing) = wanted(spool) {
        let worked = if spool.health.is_poisoned() {
            drop_ready(spool);
            spool.probe().map_err(|_| spool.limits.probe_every)
        } else {
            fill(spool, missing).map_err(|_| PAUSE)
        };
        if let Err(pause) = worked {
            rest(spool, pause);
        }
    }
    drop_ready(spool);
}

/// Waits until there is something to do. How many slots are missing; `None` when the thread has to end.
fn wanted(spool: &Spool) -> Option<usize> {
    let idle = |state: &mut State| !state.stop && !spool.health.is_poisoned() && !spool.slots.is_low(state);
    let state =
        spool.slots.wanted.wait_while(spool.slots.lock(), idle).unwrap_or_else(PoisonError::into_inner);
    (!state.stop).then(|| spool.slots.target.saturating_sub(state.ready.len()))
}

/// Makes slots in one folder, so that one flush names them all.
fn fill(spool: &Spool, count: usize) -> Result<(), BlobError> {
    spool.admit()?;
    let folder = spool.slots.next_folder();
    let mut made = Vec::with_capacity(count);
    let result = fill_folder(spool, folder, count, &mut made);
    if result.is_err() {
        made.into_iter().for_each(|slot| discard(spool, &slot));
        return result;
    }
    spool.slots.lock().ready.extend(made);
    Ok(())
}

fn fill_folder(spool: &Spool, folder: usize, count: usize, made: &mut Vec<Slot>) -> Result<(), BlobError> {
    for _ in 0..count {
        made.push(make_in(spool, folder)?);
    }
    let path = spool.folder(folder);
    disk::flush_folder(&path).map_err(|error| spool.failed("flush", &path, error))?;
    fail::fail_point!("blob::slot-made", |errno| Err(spool.failed("flush", &path, disk::injected(errno))));
    made.iter_mut().for_each(|slot| slot.named_durably = true);
    Ok(())
}

fn rest(spool: &Spool, pause: Duration) {
    let state = spool.slots.lock();
    drop(spool.slots.wanted.wait_timeout_while(state, pause, |state| !state.stop));
}

fn drop_ready(spool: &Spool) {
    let ready = std::mem::take(&mut spool.slots.lock().ready);
    ready.iter().for_each(|slot| discard(spool, slot));
}

/// Removes a slot; what stays behind is removed at the next start, because its head is empty.
fn discard(spool: &Spool, slot: &Slot) {
    let _ = disk::remove_file(&spool.file(slot.name));
}
