//! An instance on its way in: bytes arrive, steps of them are hashed, scanned and written off the async threads, one
//! flush makes them durable, one row makes them visible, and only then there is a [`Stored`].

use std::sync::{Arc, OnceLock};

use access::{Action, Principal};
use bytes::Bytes;
use index::{IndexError, Inserted};
use model::transfer_syntax::Syntax;
use model::{SopClassUid, SopInstanceUid, StudyUid};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;

use crate::places::Place;
use crate::turn::Turn;
use crate::work::{Ready, Work};
use crate::{Archive, Outcome, Shared, StoreError, Stored};

/// How the bytes that will come are framed.
#[derive(Clone, Copy, Debug)]
pub enum Framing {
    /// The data set alone, in this transfer syntax: C-STORE.
    DataSet(Syntax),
    /// A Part 10 file (PS3.10 7), or what real senders take for one.
    Part10,
}

/// What is known of an instance before its bytes come.
#[derive(Clone, Debug)]
pub struct Announced {
    /// How the bytes are framed.
    pub framing: Framing,
    /// (0000,0002) of the command; the data set's must be the same.
    pub sop_class: Option<SopClassUid>,
    /// (0000,1000) of the command; the data set's must be the same.
    pub sop_instance: Option<SopInstanceUid>,
    /// The study of the request's path; the data set's must be the same.
    pub study: Option<StudyUid>,
    /// Where it comes from, for people: `CT1@192.0.2.7`. At most 96 bytes are kept.
    pub source: String,
}

impl Announced {
    /// Of a file of which nothing is known; `source` says where it comes from.
    pub fn file(source: &str) -> Self {
        Self {
            framing: Framing::Part10,
            sop_class: None,
            sop_instance: None,
            study: None,
            source: source.to_owned(),
        }
    }
}

/// An instance that is being received. Dropping it forgets what came.
///
/// At most [`crate::Config::receiving`] exist at once. Each holds two steps of bytes and its metadata.
pub struct Incoming<'a> {
    shared: &'a Arc<Shared>,
    _receiving: Place,
    large: Option<OwnedSemaphorePermit>,
    stage: Stage,
    pending: Vec<Bytes>,
    pending_bytes: usize,
    identity: Identity,
}

/// Which instance is being received, as soon as its file meta information or its data set says so. For the response
/// about one that was refused; it can be asked after the [`Incoming`] has gone.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    found: Arc<OnceLock<(SopClassUid, SopInstanceUid)>>,
}

impl Identity {
    /// SOP Class and SOP Instance, where they are known.
    pub fn get(&self) -> Option<(SopClassUid, SopInstanceUid)> {
        self.found.get().copied()
    }

    /// An identity that is known already.
    pub fn of(known: Option<(SopClassUid, SopInstanceUid)>) -> Self {
        let identity = Self::default();
        if let Some((class, instance)) = known {
            identity.set(class, instance);
        }
        identity
    }

    pub(crate) fn set(&self, sop_class: SopClassUid, sop_instance: SopInstanceUid) {
        let _ = self.found.set((sop_class, sop_instance));
    }
}

/// Who has the work: nobody, or the step that runs.
enum Stage {
    Idle(Box<Work>),
    Running(JoinHandle<Result<Box<Work>, StoreError>>),
    Failed,
}

impl Archive {
    /// Begins to receive an instance on behalf of `who`.
    ///
    /// Waits while [`crate::Config::receiving`] others are being received, or three quarters of these by the same principal.
    ///
    /// # Errors
    /// [`StoreError::Denied`], [`StoreError::NoSpace`] below the disk's reserve, [`StoreError::Class`] for an announced
    /// class that is not stored here.
    pub async fn receive(&self, who: &Principal, announced: Announced) -> Result<Incoming<'_>, StoreError> {
        who.scope_for(Action::Store)?;
        if let Some(class) =
            announced.sop_class.as_ref().filter(|c| !self.shared.config.classes.accepts(c.as_str()))
        {
            return Err(StoreError::Class(class.to_string()));
        }
        let receiving = self.shared.receiving.take(who).await.map_err(|_| closing())?;
        let identity = Identity::default();
        if let (Some(class), Some(instance)) = (announced.sop_class, announced.sop_instance) {
            identity.set(class, instance);
        }
        let work = Work::new(&self.shared, who, announced, identity.clone());
        Ok(Incoming {
            shared: &self.shared,
            _receiving: receiving,
            large: None,
            stage: Stage::Idle(Box::new(work)),
            pending: Vec::new(),
            pending_bytes: 0,
            identity,
        })
    }

    /// Whether instances of this SOP Class are taken in.
    pub fn accepts_class(&self, uid: &str) -> bool {
        self.shared.config.classes.accepts(uid)
    }
}

impl Incoming<'_> {
    /// Takes the next bytes, without copying them. Returns at once, or when the step before has made room.
    ///
    /// # Errors
    /// What is wrong with the instance so far; the bytes that follow need not be given any more.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.pending_bytes += bytes.len();
        self.pending.push(bytes);
        if self.pending_bytes < self.shared.config.step {
            return Ok(());
        }
        let mut work = self.settle().await?;
        let parts = std::mem::take(&mut self.pending);
        self.pending_bytes = 0;
        self.stage = Stage::Running(tokio::task::spawn_blocking(move || {
            work.step(&parts)?;
            Ok(work)
        }));
        Ok(())
    }

    /// Which instance it is, as far as that becomes known.
    pub fn identity(&self) -> Identity {
        self.identity.clone()
    }

    /// Ends the instance: what is left is written, the file flushed, the row committed.
    ///
    /// # Errors
    /// What is wrong with the instance, or with the disk; then nothing of it is kept.
    pub async fn finish(mut self) -> Result<Stored, StoreError> {
        let mut work = self.settle().await?;
        let parts = std::mem::take(&mut self.pending);
        let shared = Arc::clone(self.shared);
        // A task of its own: whoever waits may be gone before it ends (a cut connection drops this future), and a row
        // that is committed while its file is taken back would point nowhere.
        let ending = tokio::spawn(async move {
            let flushing = Arc::clone(&shared);
            let flushed = tokio::task::spawn_blocking(move || {
                work.step(&parts)?;
                let turn = flushing.turns.next();
                let ready = work.finish(turn.sequence())?;
                ready.sealed.flush()?;
                Ok::<(Ready, Turn), StoreError>((ready, turn))
            });
            let (ready, turn) = flushed.await.map_err(lost)??;
            turn.comes().await.map_err(|stuck| StoreError::Storage(stuck.to_string()))?;
            commit(&shared, ready, turn).await
        });
        ending.await.map_err(lost)?
    }

    /// Waits for the step that runs and takes the work back, within the metadata limits.
    async fn settle(&mut self) -> Result<Box<Work>, StoreError> {
        let work = match std::mem::replace(&mut self.stage, Stage::Failed) {
            Stage::Idle(work) => work,
            Stage::Running(step) => step.await.map_err(lost)??,
            Stage::Failed => return Err(StoreError::Storage("this instance has failed before".into())),
        };
        let config = &self.shared.config;
        let metadata = work.metadata_bytes();
        if metadata > config.metadata_max {
            return Err(StoreError::TooManyAttributes { limit: config.metadata_max as u64 });
        }
        if metadata > config.small_metadata && self.large.is_none() {
            let lane = Arc::clone(&self.shared.large).acquire_owned().await.map_err(|_| closing())?;
            self.large = Some(lane);
        }
        Ok(work)
    }
}

/// Commits the row of a flushed instance and builds the proof.
///
/// From here on the file stays: a commit whose answer is lost may have happened, and a row must not point nowhere. What
/// is certain not to be wanted is taken out of the spool by name; what the index cannot say is for the next start to judge.
async fn commit(shared: &Arc<Shared>, ready: Ready, turn: Turn) -> Result<Stored, StoreError> {
    let Ready { sealed, row } = ready;
    let (class, instance) = (row.sop_class, row.sop_instance);
    let (study, series, length) = (row.study.uid, row.series.uid, row.length);
    let (custodian, sequence) = (row.custodian.clone(), row.sequence);
    let spool = sealed.keep();
    let rejects = row.rejects.as_ref().map(|rejection| (rejection.reason.clone(), rejection.instances.len()));
    let principal = rejects.is_some().then(|| row.principal.clone());
    let inserted = match shared.index.insert_in_order(vec![row], Box::new(turn)).await {
        Ok(mut inserted) => inserted.pop(),
        Err(error) => {
            match error {
                IndexError::NoSpace(_) => shared.blobs.unspool(&[spool]),
                IndexError::Engine(_) => judge(shared, sequence, spool).await,
                // Nobody can say before the next start what is on the disk.
                _ => {}
            }
            return Err(error.into());
        }
    };
    fail::fail_point!("archive::store-indexed");
    let key = |version| crate::place::key(&study, &series, &instance, &custodian, version);
    let outcome = match inserted {
        Some(Inserted::New(id)) => {
            if let Some((reason, instances)) = rejects {
                tracing::info!(principal, study.uid = %study, note.uid = %instance, reason, instances, "rejected");
                metrics::counter!("overread_rejected_instances_total").increment(instances as u64);
                crate::fresh::refresh(shared).await;
            }
            shared.placer.queue_new(id, spool, key(1));
            Outcome::New
        }
        Some(Inserted::NewVersion(id, version)) => {
            shared.placer.queue_new(id, spool, key(version));
            Outcome::NewVersion(version)
        }
        Some(Inserted::Healed(id, version)) => {
            tracing::warn!(instance.uid = %instance, "an instance in quarantine came again whole");
            crate::fresh::refresh(shared).await;
            shared.placer.queue_new(id, spool, key(version));
            Outcome::Same
        }
        Some(Inserted::Same(_)) => {
            shared.blobs.unspool(&[spool]);
            Outcome::Same
        }
        None => return Err(StoreError::Storage("the index gave no answer".into())),
    };
    Ok(Stored::new(class, instance, study, series, length, outcome))
}

/// What becomes of a file whose row was not answered for. It must not wait for the next start without a row: what is deleted
/// before would come back with it.
async fn judge(shared: &Arc<Shared>, sequence: u64, spool: String) {
    match shared.index.by_sequence(sequence).await {
        Ok(Some(record)) => shared.placer.queue(&record),
        Ok(None) => shared.blobs.unspool(&[spool]),
        Err(error) => tracing::warn!(%error, "the next start judges a spool file without an answer"),
    }
}

fn closing() -> StoreError {
    StoreError::Storage("the server is stopping".into())
}

fn lost(error: tokio::task::JoinError) -> StoreError {
    StoreError::Storage(format!("a store step ended early: {error}"))
}
