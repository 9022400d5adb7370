//! Deleting: gone from every door at once, never half, and on record.
//!
//! 1. The deletion takes its place in the order of stores: what was answered before it is here, what comes later is new.
//! 2. Its [`tombstone`] becomes durable. That is the deletion: a crash before leaves everything, a crash after nothing.
//! 3. One durable transaction takes the rows out of the index. When that fails, the purge tries again, and so does the
//!    next start.
//! 4. Only then it is answered. The bytes go behind the answer: `purge`.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use access::{Action, Principal, Scope};
use index::{Index, Removal, RemovalHead, Target, WhichHoldings};

use crate::erase::{self, Named};
use crate::{Archive, ReadError, Shared, hold, tombstone};

/// Bytes kept of a reason or a source.
const TEXT: usize = 512;

/// Proof that something was deleted: durable, and gone from every door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deleted {
    head: RemovalHead,
}

impl Deleted {
    /// The record of it.
    pub fn record(&self) -> &RemovalHead {
        &self.head
    }
}

impl Archive {
    /// Deletes a study, series or instance with all its versions, hidden ones too, on behalf of `who`. The source and the
    /// reason are for people; at most 512 bytes of each are kept.
    ///
    /// # Errors
    /// [`ReadError::Denied`]; [`ReadError::NotFound`] when the scope holds nothing of that name, [`ReadError::Gone`] when
    /// it was deleted before; [`ReadError::Held`]; [`ReadError::BadRequest`] for a version alone; [`ReadError::Unprocessable`] for more than
    /// [`crate::Config::remove_max`] versions; [`ReadError::Storage`] when it is not known whether it happened.
    pub async fn remove(
        &self,
        who: &Principal,
        target: &Target,
        source: &str,
        reason: &str,
    ) -> Result<Deleted, ReadError> {
        self.remove_until(who, target, source, reason, None).await
    }

    /// The same, unless a version of the study was received after `until`.
    pub(crate) async fn remove_until(
        &self,
        who: &Principal,
        target: &Target,
        source: &str,
        reason: &str,
        until: Option<i64>,
    ) -> Result<Deleted, ReadError> {
        let scope = who.scope_for(Action::Remove)?;
        if target.version.is_some() {
            return Err(ReadError::BadRequest("an instance is deleted with all its versions".into()));
        }
        let wanted = Wanted {
            scope,
            target: target.clone(),
            until,
            principal: who.to_string(),
            source: cut(source),
            reason: cut(reason),
        };
        let shared = Arc::clone(&self.shared);
        // A task of its own: whoever waits may be gone before it ends.
        let ending = tokio::spawn(async move { wanted.remove(&shared).await });
        ending.await.map_err(|error| ReadError::Storage(format!("a deletion ended early: {error}")))?
    }
}

struct Wanted {
    scope: Scope,
    target: Target,
    /// Nothing of the study may have been received after this moment.
    until: Option<i64>,
    principal: String,
    source: String,
    reason: String,
}

impl Wanted {
    async fn remove(self, shared: &Arc<Shared>) -> Result<Deleted, ReadError> {
        let turn = shared.turns.next();
        // Held to the end: until the rows are gone nothing is committed that would have to be looked at again.
        turn.comes_alone(shared.index.as_ref()).await?;
        let limit = shared.config.remove_max;
        let Some(found) = shared.index.removable(&self.scope, &self.target, limit).await? else {
            return Err(missing(shared.index.as_ref(), &self.scope, &self.target).await);
        };
        hold::refuse(shared, &found.custodian, &self.target.study).await?;
        if let Some(until) = self.until {
            let (custodian, study) = (Some(found.custodian.clone()), Some(self.target.study));
            let which = WhichHoldings { custodian, study, patient_id: None };
            if shared.index.holdings(&which, None, 1).await?.iter().any(|row| row.newest > until) {
                return Err(ReadError::NotFound("study of that age"));
            }
        }
        if found.instances.len() > limit as usize {
            return Err(ReadError::Unprocessable(format!(
                "more than {limit} instances are not deleted at once; delete the series one by one"
            )));
        }
        let removal = Removal {
            head: RemovalHead {
                sequence: turn.sequence(),
                at: now(),
                custodian: found.custodian,
                principal: self.principal,
                source: self.source,
                reason: self.reason,
                study: self.target.study,
                series: self.target.series,
                instance: self.target.instance,
                count: found.instances.len() as u64,
                bytes: found.instances.iter().map(|one| one.length).sum(),
            },
            instances: found.instances,
        };
        let (blobs, removal) = (shared.blobs.clone(), Arc::new(removal));
        let written = Arc::clone(&removal);
        tokio::task::spawn_blocking(move || tombstone::write(&blobs, &written))
            .await
            .map_err(|error| ReadError::Storage(error.to_string()))??;
        fail::fail_point!("archive::delete-recorded");
        let head = removal.head.clone();
        removal.instances.iter().for_each(|one| shared.inflated.forget(&one.digest));
        shared.rendered.clear();
        let removal = Arc::unwrap_or_clone(removal);
        if let Err(error) = shared.index.remove(removal.clone()).await {
            tracing::error!(%error, removal = head.sequence, "a deletion is on record but not in the index yet");
            let index = Arc::clone(&shared.index);
            turn.hold_until(move || {
                let (index, removal) = (Arc::clone(&index), removal.clone());
                async move { index.remove(removal).await.map(drop) }
            });
            shared.purger.apply(head.sequence);
            return Err(error.into());
        }
        fail::fail_point!("archive::delete-applied");
        drop(turn);
        tracing::info!(
            removal = head.sequence,
            principal = head.principal,
            study.uid = %head.study,
            instances = head.count,
            size_bytes = head.bytes,
            "deleted"
        );
        metrics::counter!("overread_deleted_instances_total").increment(head.count);
        crate::fresh::refresh(shared).await;
        shared.purger.wake();
        Ok(Deleted { head })
    }
}

/// Why there is nothing to be found under this name within the scope: it was, or it never was.
pub(crate) async fn missing(index: &dyn Index, scope: &Scope, target: &Target) -> ReadError {
    let name = crate::retrieve::level_name(target);
    match index.was_here(scope, target).await {
        Ok(true) => ReadError::Gone(name),
        Ok(false) => ReadError::NotFound(name),
        Err(error) => error.into(),
    }
}

/// Applies the deletions and erasures on record that the index does not know: those between whose two steps a crash came,
/// or all of them for an index that is made anew. How many there were, and the largest sequence of any.
///
/// # Errors
/// [`ReadError::Storage`] for a record that cannot be read and is not known: what it deleted would come back.
pub(crate) async fn apply_all(blobs: &blob::Blobs, index: &dyn Index) -> Result<(u64, u64), ReadError> {
    let listing = blobs.clone();
    let names = tokio::task::spawn_blocking(move || listing.records())
        .await
        .map_err(|error| ReadError::Storage(error.to_string()))??;
    let mut known = HashSet::new();
    let mut after = None;
    loop {
        let page = index.removals(after, 1_000).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.sequence);
        known.extend(page.iter().map(|head| head.sequence));
    }
    let (mut applied, mut largest) = (0, 0);
    for name in &names {
        let Some(sequence) = tombstone::sequence(name) else { continue };
        largest = largest.max(sequence);
        if !known.contains(&sequence) {
            apply(blobs, index, sequence).await?;
            applied += 1;
        }
    }
    // After the deletions: what is erased takes their records with it.
    let known: HashSet<u64> = index.erasures().await?.into_iter().collect();
    for named in names.iter().filter_map(|name| Named::of(name)) {
        largest = largest.max(named.sequence());
        let reading = blobs.clone();
        if matches!(named, Named::Proof(sequence) if known.contains(&sequence)) {
            continue;
        }
        let read = tokio::task::spawn_blocking(move || match named {
            Named::Order(sequence) => erase::read(&reading, sequence).map(|order| order.rows()),
            Named::Proof(sequence) => erase::read_proof(&reading, sequence).map(|proof| proof.rows()),
        });
        index.erase(read.await.map_err(|error| ReadError::Storage(error.to_string()))??).await?;
    }
    Ok((applied, largest))
}

/// Applies one deletion on record.
pub(crate) async fn apply(blobs: &blob::Blobs, index: &dyn Index, sequence: u64) -> Result<(), ReadError> {
    let (reading, name) = (blobs.clone(), tombstone::name(sequence));
    let path = format!("removed/{name}");
    let removal = tokio::task::spawn_blocking(move || tombstone::read(&reading, &name))
        .await
        .map_err(|error| ReadError::Storage(error.to_string()))?
        .map_err(|why| ReadError::Storage(format!("the deletion {path} cannot be read: {why}")))?;
    let gone = index.remove(removal).await?;
    tracing::warn!(removal = sequence, instances = gone, "a deletion was on record but not in the index");
    Ok(())
}

pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

pub(crate) fn cut(text: &str) -> String {
    let mut end = text.len().min(TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}
