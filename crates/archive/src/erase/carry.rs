//! Carrying an erasure out, step by step; each may be done again.

use std::collections::HashSet;
use std::sync::Arc;

use access::{Action, Principal};
use blob::Blobs;
use index::Unpurged;

use super::order::{self, ErasedVersion, Erasure, Named};
use super::rubble;
use crate::{Archive, ReadError, Shared, fresh, purge, tombstone};

/// Versions whose files go at a time.
const BATCH: usize = 256;

impl Archive {
    /// Takes away everything here that names what an erasure took, so that no byte of it is left in the data folder but
    /// in the order itself. `progress` is told how many versions' files are gone.
    ///
    /// # Errors
    /// [`ReadError::Denied`]; [`ReadError::Storage`] when a step failed: it is to be done again.
    pub async fn carry_out(
        &self,
        who: &Principal,
        erasure: &Erasure,
        mut progress: impl FnMut(u64),
    ) -> Result<(), ReadError> {
        who.scope_for(Action::Administer)?;
        let shared = &self.shared;
        hide(shared, erasure).await?;
        let mut done = 0;
        for batch in erasure.versions.chunks(BATCH) {
            unlink(shared, batch.to_vec()).await?;
            done += batch.len() as u64;
            progress(done);
        }
        // Whose the rest is that was deleted and not purged yet nobody knows any more.
        shared.purger.purge_all().await?;
        fail::fail_point!("archive::erase-unlinked");
        let (blobs, cleared) = (shared.blobs.clone(), erasure.clone());
        let clearing = tokio::task::spawn_blocking(move || {
            rubble::clear(&blobs, &cleared)?;
            forget_records(&blobs, &cleared)
        });
        clearing.await.map_err(|error| ReadError::Storage(error.to_string()))??;
        fail::fail_point!("archive::erase-cleared");
        shared.index.scrub().await?;
        fail::fail_point!("archive::erase-scrubbed");
        Ok(())
    }

    /// Puts the proof in the order's place: nothing here names what was erased any more.
    ///
    /// # Errors
    /// [`ReadError::Denied`]; [`ReadError::Storage`]: it is to be done again.
    pub async fn end_erasure(&self, who: &Principal, erasure: &Erasure) -> Result<(), ReadError> {
        who.scope_for(Action::Administer)?;
        let (blobs, sequence, proof) = (self.shared.blobs.clone(), erasure.sequence, order::prove(erasure));
        let ending = tokio::task::spawn_blocking(move || {
            match blobs.write_record(&Named::Proof(sequence).name(), &proof) {
                // A crash came before the order went.
                Err(error) if error.kind() == blob::ErrorKind::Collision => {}
                written => written?,
            }
            fail::fail_point!("archive::erase-proved");
            blobs.remove_record(&Named::Order(sequence).name())
        });
        ending.await.map_err(|error| ReadError::Storage(error.to_string()))??;
        metrics::counter!("overread_erased_instances_total").increment(erasure.count());
        tracing::info!(
            erasure = sequence,
            instances = erasure.count(),
            size_bytes = erasure.bytes(),
            "erased"
        );
        Ok(())
    }
}

/// Takes it out of every answer.
pub(super) async fn hide(shared: &Arc<Shared>, erasure: &Erasure) -> Result<(), ReadError> {
    erasure.versions.iter().for_each(|one| shared.inflated.forget(&one.instance.digest));
    shared.rendered.clear();
    shared.index.erase(erasure.rows()).await?;
    fresh::refresh(shared).await;
    Ok(())
}

/// Removes the files of versions, wherever they are.
async fn unlink(shared: &Arc<Shared>, batch: Vec<ErasedVersion>) -> Result<(), ReadError> {
    let _names = shared.names.lock().await;
    let blobs = shared.blobs.clone();
    let unlinking = tokio::task::spawn_blocking(move || {
        batch.into_iter().try_for_each(|ErasedVersion { custodian, instance }| {
            purge::erase(&blobs, &Unpurged { custodian, instance, removed_at: 0 })
        })
    });
    unlinking.await.map_err(|error| ReadError::Storage(error.to_string()))?
}

/// Takes what is erased out of the records of earlier deletions; one that names nothing else goes.
fn forget_records(blobs: &Blobs, erasure: &Erasure) -> Result<(), ReadError> {
    let erased: HashSet<u64> = erasure.sequences();
    for sequence in &erasure.records {
        let name = tombstone::name(*sequence);
        if !blobs.has_record(&name)? {
            continue;
        }
        let mut removal = tombstone::read(blobs, &name).map_err(ReadError::Storage)?;
        removal.instances.retain(|one| !erased.contains(&one.sequence));
        if removal.instances.is_empty() {
            blobs.remove_record(&name)?;
            continue;
        }
        // Whoever wrote the reason may have named somebody.
        removal.head.reason.clear();
        removal.head.count = removal.instances.len() as u64;
        blobs.replace_record(&name, &tombstone::encode(&removal))?;
    }
    Ok(())
}
