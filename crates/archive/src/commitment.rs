//! Storage commitment: before it says yes for an instance, the archive reads it again from disk, whole, against its chunk
//! sums and its digest (PS3.4 J, PS3.18 13).
//!
//! A request is durable before it is answered and its result before it is given, so a restart goes on where it was. One
//! task works on the oldest first. Whoever asks is bound to its own requests, and an instance out of its reach is one that
//! does not exist.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use access::{Action, CustodianId, Denied, Door, Holding, Principal, Reach, Rights, Scope};
use index::{CommitmentState, NewCommitment, OpenedCommitment, PendingCommitment};
use model::{SeriesUid, SopClassUid, SopInstanceUid, StudyUid, Uid};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex as Turn, Notify};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::{Archive, ReadError, Shared, quarantine, remove};

/// How long it rests after a failure of the index.
const REST: Duration = Duration::from_secs(5);

/// An instance that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// (0008,1150).
    pub sop_class: SopClassUid,
    /// (0008,1155).
    pub sop_instance: SopInstanceUid,
    /// The study and series that it is said to be in.
    pub place: Option<(StudyUid, SeriesUid)>,
}

/// Why an instance is not committed; the numbers are those of (0008,1197), PS3.3 C.14.1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Failure {
    /// Its bytes failed a check, or could not be read.
    Processing = 0x0110,
    /// There is no such instance, or none in reach, or not where it was said to be.
    NoSuchInstance = 0x0112,
    /// It is of another SOP Class.
    ClassConflict = 0x0119,
}

/// What became of one reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// As it was asked for.
    pub reference: Reference,
    /// Why it is not committed; `None` when it is.
    pub failure: Option<Failure>,
}

/// How far a request is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Commitment {
    /// Not all is looked at yet.
    Pending,
    /// All is; in the order in which it was asked for.
    Done(Vec<Verdict>),
}

/// Why a request was not taken, or has no result.
#[derive(Debug, thiserror::Error)]
pub enum CommitmentError {
    /// The principal may neither store nor read.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The principal used this transaction UID before.
    #[error("this transaction UID is in use already")]
    Used,
    /// The principal has as many requests as are kept.
    #[error("{0} requests are kept for you; the next can be taken when the oldest expire")]
    TooMany(u32),
    /// More instances than one request may name.
    #[error("a request names at most {0} instances")]
    TooLarge(usize),
    /// There is no such request of this principal.
    #[error("there is no such request here")]
    NotFound,
    /// There was, and its result is not kept any more.
    #[error("the result of this request is not kept any more")]
    Expired,
    /// Index or disk failed.
    #[error("storage failed: {0}")]
    Storage(String),
}

impl From<index::IndexError> for CommitmentError {
    fn from(error: index::IndexError) -> Self {
        CommitmentError::Storage(error.to_string())
    }
}

/// A reference as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    class: String,
    instance: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    place: Option<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<u16>,
}

/// A request as it is kept: what is asked, and what whoever asks may reach.
#[derive(Serialize, Deserialize)]
struct Request {
    /// Custodians; `None` is all of them.
    reach: Option<Vec<String>>,
    /// Single holdings beside them: study and custodian.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    holdings: Vec<(String, String)>,
    wanted: Vec<Kept>,
}

impl Request {
    /// What whoever asked may reach; `None` when it cannot be read.
    fn reach(&self) -> Option<Reach> {
        let Some(custodians) = &self.reach else { return Some(Reach::Everything) };
        let custodians =
            custodians.iter().map(|name| name.parse().ok()).collect::<Option<Vec<CustodianId>>>()?;
        let holding = |(study, custodian): &(String, String)| {
            Some(Holding { study: study.parse().ok()?, custodian: custodian.parse().ok()? })
        };
        Some(Reach::only(custodians, self.holdings.iter().map(holding).collect::<Option<_>>()?))
    }
}

impl Archive {
    /// Takes a request and waits for its result, at most [`crate::Config::commitment_wait`].
    ///
    /// # Errors
    /// [`CommitmentError`]; what is answered otherwise is durable.
    pub async fn request_commitment(
        &self,
        who: &Principal,
        transaction: &Uid,
        wanted: Vec<Reference>,
    ) -> Result<Commitment, CommitmentError> {
        let scope = reach_of(who)?;
        let config = &self.shared.config;
        if wanted.len() > config.commitment_instances {
            return Err(CommitmentError::TooLarge(config.commitment_instances));
        }
        let (reach, holdings) = match scope.reach() {
            Reach::Everything => (None, Vec::new()),
            Reach::Only(only) => {
                let named = only.holdings().iter();
                let named = named.map(|held| (held.study.to_string(), held.custodian.to_string()));
                (Some(only.custodians().iter().map(ToString::to_string).collect()), named.collect())
            }
        };
        let wanted = wanted.iter().map(|one| Kept::of(one, None)).collect();
        let request = Request { reach, holdings, wanted };
        self.expire_commitments().await?;
        let new = NewCommitment {
            principal: who.to_string(),
            transaction: transaction.to_string(),
            at: remove::now(),
            request: serde_json::to_vec(&request).map_err(|e| CommitmentError::Storage(e.to_string()))?,
        };
        match self.shared.index.open_commitment(new, config.commitment_requests).await? {
            OpenedCommitment::New(_) => {}
            OpenedCommitment::Used => return Err(CommitmentError::Used),
            OpenedCommitment::TooMany => return Err(CommitmentError::TooMany(config.commitment_requests)),
        }
        self.shared.committer.wake();
        let until = Instant::now() + config.commitment_wait;
        loop {
            let done = self.shared.committer.done();
            tokio::pin!(done);
            // Registered before the look, so that no end is missed.
            done.as_mut().enable();
            let found = self.commitment(who, transaction).await?;
            if found != Commitment::Pending || tokio::time::timeout_at(until, done).await.is_err() {
                return Ok(found);
            }
        }
    }

    /// Most instances that one request may name.
    pub fn commitment_limit(&self) -> usize {
        self.shared.config.commitment_instances
    }

    /// How far a request of this principal is.
    ///
    /// # Errors
    /// [`CommitmentError::NotFound`], [`CommitmentError::Expired`].
    pub async fn commitment(
        &self,
        who: &Principal,
        transaction: &Uid,
    ) -> Result<Commitment, CommitmentError> {
        reach_of(who)?;
        let found = self.shared.index.commitment(&who.to_string(), transaction.as_str()).await?;
        let found = found.ok_or(CommitmentError::NotFound)?;
        let keep = millis(self.shared.config.commitment_keep);
        match found.state {
            CommitmentState::Expired => Err(CommitmentError::Expired),
            CommitmentState::Done(_) if found.at.saturating_add(keep) < remove::now() => {
                Err(CommitmentError::Expired)
            }
            CommitmentState::Pending => Ok(Commitment::Pending),
            CommitmentState::Done(result) => {
                let unreadable = || CommitmentError::Storage("a result in the index cannot be read".into());
                let kept: Vec<Kept> = serde_json::from_slice(&result).map_err(|_| unreadable())?;
                let verdicts = kept.iter().map(Kept::verdict).collect::<Option<Vec<_>>>();
                Ok(Commitment::Done(verdicts.ok_or_else(unreadable)?))
            }
        }
    }

    /// Lets old results go. It stays known for three times as long that they were.
    async fn expire_commitments(&self) -> Result<(), CommitmentError> {
        let (now, keep) = (remove::now(), millis(self.shared.config.commitment_keep));
        let before = |keep: i64| now.saturating_sub(keep);
        Ok(self.shared.index.expire_commitments(before(keep), before(keep.saturating_mul(4))).await?)
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Whoever stores or reads may ask, within its reach.
fn reach_of(who: &Principal) -> Result<Scope, Denied> {
    who.scope_for(Action::Store).or_else(|_| who.scope_for(Action::Retrieve))
}

impl Kept {
    fn of(one: &Reference, failure: Option<Failure>) -> Self {
        Self {
            class: one.sop_class.to_string(),
            instance: one.sop_instance.to_string(),
            place: one.place.map(|(study, series)| (study.to_string(), series.to_string())),
            failure: failure.map(|failure| failure as u16),
        }
    }

    fn reference(&self) -> Option<Reference> {
        let place = match &self.place {
            Some((study, series)) => Some((study.parse().ok()?, series.parse().ok()?)),
            None => None,
        };
        Some(Reference {
            sop_class: self.class.parse().ok()?,
            sop_instance: self.instance.parse().ok()?,
            place,
        })
    }

    fn verdict(&self) -> Option<Verdict> {
        let failure = match self.failure {
            None => None,
            Some(number) => Some(
                [Failure::Processing, Failure::NoSuchInstance, Failure::ClassConflict]
                    .into_iter()
                    .find(|known| *known as u16 == number)?,
            ),
        };
        Some(Verdict { reference: self.reference()?, failure })
    }
}

/// The task that looks at what is pending.
pub(crate) struct Committer {
    signals: Arc<Signals>,
    task: Turn<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Signals {
    wake: Notify,
    done: Notify,
    stopping: AtomicBool,
}

impl Committer {
    /// A committer whose task is not started yet.
    pub(crate) fn new() -> Self {
        Self { signals: Arc::default(), task: Turn::new(None) }
    }

    /// Starts the task on the current runtime. It holds the archive weakly.
    pub(crate) async fn start(&self, shared: &Arc<Shared>) {
        let task = tokio::spawn(run(Arc::downgrade(shared), Arc::clone(&self.signals)));
        *self.task.lock().await = Some(task);
    }

    fn wake(&self) {
        self.signals.wake.notify_one();
    }

    fn done(&self) -> tokio::sync::futures::Notified<'_> {
        self.signals.done.notified()
    }

    /// Ends the task after the instance that it is reading; what is pending waits for the next start.
    pub(crate) async fn finish(&self) {
        self.signals.stop();
        if let Some(task) = self.task.lock().await.take() {
            let _ = task.await;
        }
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.signals.stop();
    }
}

impl Signals {
    fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}

async fn run(shared: std::sync::Weak<Shared>, signals: Arc<Signals>) {
    while !signals.is_stopping() {
        let Some(held) = shared.upgrade() else { return };
        let worked = next(&held, &signals).await;
        drop(held);
        match worked {
            Ok(true) => signals.done.notify_waiters(),
            Ok(false) => signals.wake.notified().await,
            Err(error) => {
                tracing::error!(%error, "a storage commitment request waits");
                let _ = tokio::time::timeout(REST, signals.wake.notified()).await;
            }
        }
    }
}

/// Works on the oldest pending request; `false` when there is none.
async fn next(shared: &Arc<Shared>, signals: &Signals) -> Result<bool, ReadError> {
    let page = shared.index.pending_commitments(0, 1).await?;
    let Some(PendingCommitment { id, request }) = page.into_iter().next() else { return Ok(false) };
    let result = match serde_json::from_slice::<Request>(&request) {
        Ok(request) => {
            let Some(result) = judge_all(shared, signals, request).await? else { return Ok(false) };
            result
        }
        // Written by this program; unreadable only when the index was damaged.
        Err(error) => {
            tracing::error!(%error, "a storage commitment request in the index cannot be read");
            Vec::new()
        }
    };
    let failed = result.iter().filter(|kept| kept.failure.is_some()).count();
    let bytes = serde_json::to_vec(&result).map_err(|e| ReadError::Storage(e.to_string()))?;
    shared.index.end_commitment(id, remove::now(), bytes).await?;
    tracing::info!(instances = result.len(), failed, "a storage commitment request is done");
    metrics::counter!("overread_committed_instances_total").increment((result.len() - failed) as u64);
    Ok(true)
}

/// Looks at every instance; `None` when the archive is closing.
async fn judge_all(
    shared: &Arc<Shared>,
    signals: &Signals,
    request: Request,
) -> Result<Option<Vec<Kept>>, ReadError> {
    let reach =
        request.reach().ok_or_else(|| ReadError::Storage("a reach in the index cannot be read".into()))?;
    let asker =
        Principal::new(Door::Console, "commitment", CustodianId::local(), Rights::STORE_AND_READ, reach);
    let scope = asker.scope_for(Action::Retrieve)?;
    let mut result = Vec::with_capacity(request.wanted.len());
    for mut kept in request.wanted {
        if signals.is_stopping() {
            return Ok(None);
        }
        let failure = match kept.reference() {
            Some(reference) => judge(shared, &scope, &reference).await?,
            None => Some(Failure::NoSuchInstance),
        };
        kept.failure = failure.map(|failure| failure as u16);
        result.push(kept);
    }
    Ok(Some(result))
}

async fn judge(
    shared: &Arc<Shared>,
    scope: &Scope,
    wanted: &Reference,
) -> Result<Option<Failure>, ReadError> {
    let Some(record) = shared.index.by_uid(scope, &wanted.sop_instance).await? else {
        return Ok(Some(Failure::NoSuchInstance));
    };
    if wanted.place.is_some_and(|place| place != (record.study, record.series)) {
        return Ok(Some(Failure::NoSuchInstance));
    }
    if record.sop_class != wanted.sop_class {
        return Ok(Some(Failure::ClassConflict));
    }
    let archive = Archive { shared: Arc::clone(shared) };
    match archive.reread(record.clone()).await {
        Ok(_) => Ok(None),
        Err(_) if shared.index.is_removed(record.sequence).await? => Ok(Some(Failure::NoSuchInstance)),
        Err(why) => {
            tracing::error!(instance.uid = %record.sop_instance, why, "an instance is not committed");
            quarantine::judge(shared, &Arc::new(record)).await;
            Ok(Some(Failure::Processing))
        }
    }
}
