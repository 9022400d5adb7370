//! Erasing: a study, a patient's studies or a case's go for good, with everything that names them, and with proof.
//!
//! 1. The erasure takes its place in the order of stores, like a deletion, and its [`order`] becomes durable. That is the
//!    erasure: a crash before leaves everything, a crash after nothing.
//! 2. One durable transaction takes the rows out of the index: gone from every door at once.
//! 3. Files go: in the spool, at their final names, in quarantine; so do records of earlier deletions that name any of it.
//! 4. The index is written anew, so that no free page and no log has a name left.
//! 5. Whoever ordered it sees to what the archive does not know, and the proof takes the order's place.
//!
//! Each step may be done again. A start does 2 before anybody is answered; the rest is gone on with behind the answers.

mod carry;
mod order;
mod resolve;
mod rubble;

use std::sync::Arc;

use access::{Action, Holding, Principal};
use model::StudyUid;

use crate::{Archive, ReadError, Shared, remove};

pub use order::{ErasedHolding, Erasure};
pub(crate) use order::{Named, Proof, name_digest, read, read_proof};

/// What is to be erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A patient's studies, or their instances in studies where others' are, too.
    Patient {
        /// (0010,0020).
        id: String,
        /// (0010,0021). Without, it must not matter.
        issuer: Option<String>,
        /// Held by whom. Without, it must not matter.
        custodian: Option<access::CustodianId>,
    },
    /// A study.
    Study {
        /// (0020,000D).
        study: StudyUid,
        /// Held by whom. Without, it must not matter.
        custodian: Option<access::CustodianId>,
    },
    /// These, as what a case holds.
    Holdings(Vec<Holding>),
}

impl Archive {
    /// What an erasure would take, without taking it.
    ///
    /// # Errors
    /// As [`Archive::order_erasure`].
    pub async fn erasable(
        &self,
        who: &Principal,
        subject: &Subject,
    ) -> Result<Vec<ErasedHolding>, ReadError> {
        who.scope_for(Action::Administer)?;
        Ok(resolve::resolve(&self.shared, subject).await?.holdings)
    }

    /// Orders an erasure: when it answers, what it names is out of every answer, and stays so. At most 512 bytes are kept
    /// of the reason. [`Archive::carry_out`] does the rest.
    ///
    /// # Errors
    /// [`ReadError::Denied`]; [`ReadError::NotFound`] when there is nothing; [`ReadError::Held`]; [`ReadError::BadRequest`]
    /// when it matters which issuer or custodian is meant; [`ReadError::Unprocessable`] for more than
    /// [`crate::Config::erase_max`] versions; [`ReadError::Storage`] when it is not known whether it happened.
    pub async fn order_erasure(
        &self,
        who: &Principal,
        subject: &Subject,
        reason: &str,
    ) -> Result<Erasure, ReadError> {
        who.scope_for(Action::Administer)?;
        let (shared, subject) = (Arc::clone(&self.shared), subject.clone());
        let (principal, reason) = (who.to_string(), remove::cut(reason));
        // A task of its own: whoever waits may be gone before it ends.
        let ordering = tokio::spawn(async move { order_it(&shared, &subject, principal, reason).await });
        ordering.await.map_err(|error| ReadError::Storage(format!("an erasure ended early: {error}")))?
    }

    /// Erasures that were ordered and are not carried out yet, oldest first.
    ///
    /// # Errors
    /// [`ReadError::Storage`] when one cannot be read.
    pub async fn pending_erasures(&self) -> Result<Vec<Erasure>, ReadError> {
        let blobs = self.shared.blobs.clone();
        let reading = tokio::task::spawn_blocking(move || {
            // Deletions have records too, which are many.
            let names = blobs.records_where(|name| matches!(Named::of(name), Some(Named::Order(_))))?;
            let orders = names.iter().filter_map(|name| match Named::of(name) {
                Some(Named::Order(sequence)) => Some(order::read(&blobs, sequence)),
                _ => None,
            });
            orders.collect()
        });
        reading.await.map_err(|error| ReadError::Storage(error.to_string()))?
    }
}

async fn order_it(
    shared: &Arc<Shared>,
    subject: &Subject,
    principal: String,
    reason: String,
) -> Result<Erasure, ReadError> {
    let turn = shared.turns.next();
    // Held until the rows are gone: what was answered before goes, what comes later is new.
    turn.comes_alone(shared.index.as_ref()).await?;
    let found = resolve::resolve(shared, subject).await?;
    let patient = match subject {
        Subject::Patient { id, issuer, .. } => Some((id.clone(), issuer.clone())),
        Subject::Study { .. } | Subject::Holdings(_) => None,
    };
    let erasure = Erasure {
        sequence: turn.sequence(),
        at: remove::now(),
        principal,
        reason,
        patient,
        holdings: found.holdings,
        versions: found.versions,
        records: found.records,
    };
    let (blobs, text) = (shared.blobs.clone(), order::encode(&erasure));
    let name = Named::Order(erasure.sequence).name();
    tokio::task::spawn_blocking(move || blobs.write_record(&name, &text))
        .await
        .map_err(|error| ReadError::Storage(error.to_string()))??;
    fail::fail_point!("archive::erase-ordered");
    if let Err(error) = carry::hide(shared, &erasure).await {
        let (index, rows) = (Arc::clone(&shared.index), erasure.rows());
        turn.hold_until(move || {
            let (index, rows) = (Arc::clone(&index), rows.clone());
            async move { index.erase(rows).await }
        });
        return Err(error);
    }
    fail::fail_point!("archive::erase-hidden");
    drop(turn);
    tracing::info!(
        erasure = erasure.sequence,
        principal = erasure.principal,
        instances = erasure.count(),
        "erasing"
    );
    Ok(erasure)
}
