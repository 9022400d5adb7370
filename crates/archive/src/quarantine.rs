//! Bit rot: bytes that are not what was stored are never sent, and the instance they belong to is taken out of service.
//!
//! Whoever meets a bad chunk answers an error at once. Behind that answer the whole file is read again: only when it has not
//! the digest that its own head and its row name is it moved to `quarantine/`, and the row says why, so that later readers
//! are told without reading. When the file is sound the index's sums are not, and the file stays where it is. The same
//! bytes sent again take the place of the damaged ones.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use blob::{Blobs, Place, Sums};
use index::{InstanceRecord, Location, RowId};
use tokio::task::JoinSet;

use crate::{ReadError, Shared, recover, remove};

/// Bytes read at a time.
const PIECE: usize = 256 << 10;

/// Rows that are being looked at: one look each.
#[derive(Default)]
pub(crate) struct Suspects {
    rows: Mutex<HashSet<RowId>>,
    looks: Mutex<JoinSet<()>>,
}

impl Suspects {
    fn enter(&self, row: RowId) -> bool {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).insert(row)
    }

    fn leave(&self, row: RowId) {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).remove(&row);
    }

    /// Waits for every look to end.
    pub(crate) async fn finish(&self) {
        let looks = std::mem::take(&mut *self.looks.lock().unwrap_or_else(PoisonError::into_inner));
        looks.join_all().await;
    }
}

/// What a second look found.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// The bytes are those that were stored.
    Sound,
    /// They are not, or not there.
    Damaged(String),
    /// The disk did not answer: nothing is known.
    Unknown(String),
}

/// Looks at an instance behind the answer of whoever met a bad chunk.
pub(crate) fn suspect(shared: &Arc<Shared>, record: &Arc<InstanceRecord>) {
    if !shared.suspects.enter(record.row) {
        return;
    }
    let mut looks = shared.suspects.looks.lock().unwrap_or_else(PoisonError::into_inner);
    while looks.try_join_next().is_some() {}
    let (shared, record) = (Arc::clone(shared), Arc::clone(record));
    looks.spawn(async move {
        judge(&shared, &record).await;
        shared.suspects.leave(record.row);
    });
}

/// Reads an instance whole and takes it out of service when it is damaged. Whether it was sound.
pub(crate) async fn judge(shared: &Arc<Shared>, record: &Arc<InstanceRecord>) -> bool {
    // Held so that the file is not placed or purged between the look and the move.
    let _names = shared.names.lock().await;
    // It may have been deleted, placed or healed since it was read.
    let current = match shared.index.by_sequence(record.sequence).await {
        Ok(Some(current)) if current.damaged.is_none() => current,
        Ok(_) => return true,
        Err(error) => {
            tracing::error!(%error, "a suspect could not be looked at");
            return false;
        }
    };
    let place = place_of(&current);
    let (blobs, looked, at) = (shared.blobs.clone(), current.clone(), place.clone());
    let verdict = tokio::task::spawn_blocking(move || look(&blobs, &looked, &at))
        .await
        .unwrap_or_else(|error| Verdict::Unknown(error.to_string()));
    let why = match verdict {
        Verdict::Sound => {
            tracing::error!(
                instance.uid = %current.sop_instance,
                "the file is as it was stored, but the index's sums of it are not: `overread rebuild` makes them again"
            );
            return true;
        }
        Verdict::Unknown(error) => {
            tracing::error!(instance.uid = %current.sop_instance, error, "a suspect could not be read");
            return false;
        }
        Verdict::Damaged(why) => why,
    };
    match shared.index.mark_damaged(current.row, remove::now(), &why).await {
        Ok(true) => {}
        Ok(false) => return false,
        Err(error) => {
            tracing::error!(%error, "a damaged instance could not be marked");
            return false;
        }
    }
    metrics::counter!("overread_damaged_instances_total").increment(1);
    let (blobs, note) = (shared.blobs.clone(), why.clone());
    let kept = tokio::task::spawn_blocking(move || blobs.quarantine(&place, &note)).await;
    let kept = match kept {
        Ok(Ok(path)) => path.display().to_string(),
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    tracing::error!(
        study.uid = %current.study,
        instance.uid = %current.sop_instance,
        version = current.version,
        file = kept,
        "an instance is damaged and not served any more: {why}. Send it again, or restore it from a backup"
    );
    false
}

/// Whether a damaged instance's file was put back as it was stored: then its mark goes.
pub(crate) async fn is_restored(shared: &Arc<Shared>, record: &InstanceRecord) -> Result<bool, ReadError> {
    let _names = shared.names.lock().await;
    let (blobs, looked, place) = (shared.blobs.clone(), record.clone(), place_of(record));
    let looking = tokio::task::spawn_blocking(move || look(&blobs, &looked, &place));
    let sound = looking.await.map_err(|error| ReadError::Storage(error.to_string()))? == Verdict::Sound;
    if sound {
        shared.index.mark_sound(record.row).await?;
        tracing::warn!(instance.uid = %record.sop_instance, "a damaged instance is whole again, and served");
    }
    Ok(sound)
}

fn place_of(record: &InstanceRecord) -> Place {
    match &record.location {
        Location::Spool(name) => Place::Spool(name.clone()),
        Location::Placed(key) => Place::Final(key.clone()),
    }
}

fn look(blobs: &Blobs, record: &InstanceRecord, place: &Place) -> Verdict {
    let reader = match blobs.open_blob(place) {
        Ok(reader) => reader,
        Err(error) => return of(&error, "its file is not there"),
    };
    if reader.length() != record.length {
        return Verdict::Damaged(format!(
            "it has {} bytes of data set, {} were stored",
            reader.length(),
            record.length
        ));
    }
    let mut sums = Sums::new(record.transfer_syntax.as_bytes());
    let mut at = 0;
    while at < record.length {
        let length = PIECE.min(usize::try_from(record.length - at).unwrap_or(PIECE));
        match reader.read(at, length) {
            Ok(piece) => sums.update(&piece),
            Err(error) => return of(&error, "it ends early"),
        }
        at += length as u64;
    }
    let digest = sums.finish().digest;
    let named = recover::origin_of(&reader).map(|origin| origin.digest);
    match (digest == record.digest, named) {
        (true, _) => Verdict::Sound,
        // The head has a sum of its own: what it names was stored.
        (false, Some(named)) if named == digest => Verdict::Sound,
        (false, _) => Verdict::Damaged("its bytes do not have the digest that they were stored with".into()),
    }
}

fn of(error: &blob::BlobError, why: &str) -> Verdict {
    match error.kind() {
        blob::ErrorKind::NotFound | blob::ErrorKind::Corrupt => Verdict::Damaged(why.to_owned()),
        _ => Verdict::Unknown(error.to_string()),
    }
}
