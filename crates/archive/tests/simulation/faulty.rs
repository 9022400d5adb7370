//! An index that fails when a seed says so: before its work, after it, or with the death of the whole process.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use access::{CustodianId, Scope};
use index::*;
use model::{SopInstanceUid, StudyUid};
use tokio::sync::Notify;

use crate::chance::Chance;

/// Longer than a look at all that there is.
const LATE: Duration = Duration::from_millis(15);

/// What becomes of a call that writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Done,
    /// It is done, after others that came later.
    Late,
    /// It does nothing and says so.
    Refused,
    /// It is done, and its answer is an error: nobody knows.
    Unanswered,
    /// The process dies before it.
    DiesBefore,
    /// The process dies when it is done.
    DiesAfter,
}

/// Who decides, over all lives of an archive.
pub struct Fates {
    seed: u64,
    calls: Mutex<HashMap<(&'static str, u64), u64>>,
    dead: AtomicBool,
    died: Notify,
    kind: AtomicBool,
    /// Says that rows are committed that are not: what a simulation has to find.
    pub lies: bool,
}

impl Fates {
    pub fn new(seed: u64, lies: bool) -> Arc<Self> {
        let off = AtomicBool::default;
        let (calls, died) = (Mutex::default(), Notify::new());
        Arc::new(Self { seed, calls, dead: off(), died, kind: off(), lies })
    }

    /// A process begins, and whether the one before has died.
    pub fn begin(&self) {
        self.dead.store(false, Ordering::SeqCst);
    }

    /// From now on all goes well.
    pub fn be_kind(&self) {
        self.kind.store(true, Ordering::SeqCst);
    }

    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    /// What comes of this, unless the process dies before: the dead answer nobody.
    pub async fn living<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let death = async {
            let died = self.died.notified();
            tokio::pin!(died);
            died.as_mut().enable();
            if !self.is_dead() {
                died.await;
            }
        };
        tokio::select! {
            biased;
            done = work => Some(done),
            () = death => None,
        }
    }

    /// By the call's name, what it is about and how often that came, so that a seed gives the same whatever runs beside.
    fn decide(&self, call: &'static str, about: u64) -> Fate {
        if self.kind.load(Ordering::SeqCst) {
            return Fate::Done;
        }
        let mut calls = self.calls.lock().unwrap();
        let count = calls.entry((call, about)).or_default();
        *count += 1;
        let name = call.bytes().fold(self.seed, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
        match Chance::new(name ^ about ^ (*count << 40)).below(40) {
            0 => Fate::Refused,
            1 => Fate::Unanswered,
            2 => Fate::DiesBefore,
            3 => Fate::DiesAfter,
            // What is found of a lie is the same each time, so nothing of it is left to the clock.
            4 if !self.lies => Fate::Late,
            _ => Fate::Done,
        }
    }

    fn alive(&self) -> Result<(), IndexError> {
        if self.is_dead() { Err(IndexError::Engine("the process is dead".into())) } else { Ok(()) }
    }

    fn die(&self) -> IndexError {
        self.dead.store(true, Ordering::SeqCst);
        self.died.notify_waiters();
        IndexError::Engine("the process dies".into())
    }
}

/// The index of one life.
pub struct Faulty {
    pub index: SqliteIndex,
    pub fates: Arc<Fates>,
}

impl Faulty {
    async fn write<T>(
        &self,
        call: &'static str,
        about: u64,
        work: impl Future<Output = Result<T, IndexError>>,
    ) -> Result<T, IndexError> {
        self.fates.alive()?;
        match self.fates.decide(call, about) {
            Fate::Done => work.await,
            Fate::Late => {
                tokio::time::sleep(LATE).await;
                self.fates.alive()?;
                work.await
            }
            Fate::Refused => Err(IndexError::Engine("injected".into())),
            Fate::DiesBefore => Err(self.fates.die()),
            Fate::Unanswered => {
                work.await?;
                Err(IndexError::Engine("injected".into()))
            }
            Fate::DiesAfter => {
                work.await?;
                Err(self.fates.die())
            }
        }
    }
}

/// A number of a digest.
fn digest(bytes: &[u8; 32]) -> u64 {
    bytes.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

macro_rules! faulty {
    (reads { $($read:ident ($($ra:ident: [$($rt:tt)*]),*) -> [$($ro:tt)*];)* }
     writes { $($write:ident ($($wa:ident: [$($wt:tt)*]),*) -> [$($wo:tt)*];)* }) => {
        #[async_trait::async_trait]
        impl Index for Faulty {
            async fn failed(&self) -> IndexError {
                self.index.failed().await
            }

            async fn insert_in_order(&self, new: Vec<NewInstance>, order: Order) -> Result<Vec<Inserted>, IndexError> {
                if self.fates.lies && new.iter().any(|one| one.number.is_some_and(|number| number == 3)) {
                    return Ok(new.iter().map(|_| Inserted::New(RowId(i64::MAX))).collect());
                }
                let about = new.iter().fold(0, |hash, one| hash ^ digest(&one.digest));
                self.write("insert", about, self.index.insert_in_order(new, order)).await
            }

            $(async fn $read(&self, $($ra: $($rt)*),*) -> Result<$($ro)*, IndexError> {
                self.fates.alive()?;
                self.index.$read($($ra),*).await
            })*

            $(async fn $write(&self, $($wa: $($wt)*),*) -> Result<$($wo)*, IndexError> {
                self.write(stringify!($write), 0, self.index.$write($($wa),*)).await
            })*
        }
    };
}

faulty! {
    reads {
        unplaced(after: [Option<RowId>], limit: [u32]) -> [Vec<InstanceRecord>];
        by_sequence(sequence: [u64]) -> [Option<InstanceRecord>];
        removable(scope: [&Scope], target: [&Target], limit: [u32]) -> [Option<Removable>];
        holdings(which: [&WhichHoldings], after: [Option<StaleId>], limit: [u32]) -> [Vec<HoldingRow>];
        versions(study: [StaleId], after: [Option<RowId>], limit: [u32]) -> [Vec<Version>];
        deleted_before(custodian: [Option<&CustodianId>], study: [&StudyUid]) -> [Vec<(u64, Unpurged)>];
        erasures() -> [Vec<u64>];
        is_removed(sequence: [u64]) -> [bool];
        was_here(scope: [&Scope], target: [&Target]) -> [bool];
        removals(after: [Option<u64>], limit: [u32]) -> [Vec<RemovalHead>];
        removed(after: [Option<u64>], limit: [u32]) -> [Vec<Unpurged>];
        unpurged(after: [Option<u64>], limit: [u32]) -> [Vec<Unpurged>];
        stale(limit: [u32]) -> [Vec<Stale>];
        stale_metadata(study: [StaleId], after: [Option<RowId>], limit: [u32]) -> [Vec<(RowId, Vec<u8>)>];
        commitment(principal: [&str], transaction: [&str]) -> [Option<Commitment>];
        pending_commitments(after: [i64], limit: [u32]) -> [Vec<PendingCommitment>];
        hidden() -> [Hidden];
        search(scope: [&Scope], search: [&Search]) -> [Hits];
        instances(scope: [&Scope], target: [&Target], after: [Option<Cursor>], limit: [u32]) -> [Vec<InstanceRecord>];
        groups(scope: [&Scope], target: [&Target]) -> [Vec<Group>];
        instance(scope: [&Scope], target: [&Target]) -> [Option<InstanceDetail>];
        by_uid(scope: [&Scope], instance: [&SopInstanceUid]) -> [Option<InstanceRecord>];
        metadata(scope: [&Scope], target: [&Target], after: [Option<Cursor>], limit: [u32]) -> [Vec<MetadataRow>];
        image(row: [RowId]) -> [Option<ImageRow>];
        chunk_sums(row: [RowId], first: [u64], count: [u64]) -> [Vec<u8>];
        all(after: [Option<RowId>], limit: [u32]) -> [Vec<InstanceRecord>];
        last_sequence() -> [u64];
        totals() -> [Totals];
        check() -> [Vec<String>];
        backup(to: [&Path]) -> [()];
    }
    writes {
        set_placed(placed: [Vec<(RowId, String)>]) -> [()];
        remove_unplaced(row: [RowId]) -> [()];
        remove(removal: [Removal]) -> [u64];
        erase(erasure: [Erasure]) -> [()];
        scrub() -> [()];
        set_purged(sequences: [Vec<u64>]) -> [()];
        mark_damaged(row: [RowId], at: [i64], why: [&str]) -> [bool];
        mark_sound(row: [RowId]) -> [()];
        refresh(fresh: [Vec<Fresh>]) -> [()];
        open_commitment(new: [NewCommitment], most: [u32]) -> [OpenedCommitment];
        end_commitment(id: [i64], at: [i64], result: [Vec<u8>]) -> [()];
        expire_commitments(results: [i64], all: [i64]) -> [()];
    }
}
