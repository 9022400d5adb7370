//! What a crash left in the spool: whole files without a row get one, torn files go to quarantine.

use blob::{Blobs, HEAD_LEN, Place, Reader, SpoolEntry};
use index::{Index, Inserted, InstanceRecord, Location, NewInstance};
use model::part10::read_head;
use model::transfer_syntax;

use crate::columns::Columns;
use crate::head::Origin;
use crate::parse::Parser;
use crate::work::{Kept, row};
use crate::{Config, ReadError, remove};

/// Bytes read at a time.
const PIECE: usize = 256 << 10;
/// Rows restored in one transaction.
const GROUP: usize = 64;

/// What recovery found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Instances whose row a crash had taken from the index, and that are searchable again.
    pub restored: u64,
    /// Files that were never whole, so never acknowledged; they lie in `quarantine/`.
    pub quarantined: u64,
    /// Deletions that a crash had kept from the index, and that are complete now.
    pub deletions: u64,
    /// The largest sequence in index and spool, and of any deletion.
    pub last_sequence: u64,
}

/// Takes back what is whole, before the archive answers anyone.
pub(crate) async fn recover(
    config: &Config,
    blobs: &Blobs,
    left: Vec<SpoolEntry>,
    index: &dyn Index,
) -> Result<Recovered, ReadError> {
    let (deletions, last_deletion) = remove::apply_all(blobs, index).await?;
    let last_sequence = index.last_sequence().await?.max(last_deletion);
    let mut recovered = Recovered { deletions, last_sequence, ..Recovered::default() };
    let mut unknown = Vec::new();
    for entry in left {
        let reader = match blobs.open_blob(&Place::Spool(entry.name.clone())) {
            Ok(reader) => reader,
            Err(error) if error.kind() == blob::ErrorKind::Corrupt => {
                quarantine(blobs, &entry.name, &error.to_string(), &mut recovered)?;
                continue;
            }
            Err(error) => {
                tracing::error!(%error, "a spool file cannot be opened; it stays where it is");
                continue;
            }
        };
        let Some(origin) = origin_of(&reader) else {
            quarantine(blobs, &entry.name, "its head is not ours or not whole", &mut recovered)?;
            continue;
        };
        recovered.last_sequence = recovered.last_sequence.max(origin.sequence);
        match index.by_sequence(origin.sequence).await? {
            Some(row) if row.digest == origin.digest => finish_placing(blobs, &entry.name, &row)?,
            None if index.is_removed(origin.sequence).await? => blobs.unspool(&[entry.name]),
            row => unknown.push(Unknown { origin, name: entry.name, row }),
        }
    }
    unknown.sort_by_key(|found| found.origin.sequence);
    for group in unknown.chunks(GROUP) {
        restore(config, blobs, index, group, &mut recovered).await?;
    }
    Ok(recovered)
}

/// The row says where it is. When that is its final place, the crash came between the durable row and the unlink: placing
/// is repeated, which does nothing when the file is there, and then the spool's name may go.
fn finish_placing(blobs: &Blobs, name: &str, row: &InstanceRecord) -> Result<(), ReadError> {
    let Location::Placed(key) = &row.location else { return Ok(()) };
    let unplaced = blobs.place(&[(name.to_owned(), key.clone())])?;
    match unplaced.first() {
        None => blobs.unspool(&[name.to_owned()]),
        Some(refused) => tracing::error!("a spool file stays: {}", refused.why),
    }
    Ok(())
}

/// A spool file that the index does not know as its own.
struct Unknown {
    origin: Origin,
    name: String,
    /// A row of the same sequence with another digest.
    row: Option<InstanceRecord>,
}

/// Gives whole files their rows back; the others go to quarantine.
async fn restore(
    config: &Config,
    blobs: &Blobs,
    index: &dyn Index,
    group: &[Unknown],
    recovered: &mut Recovered,
) -> Result<(), ReadError> {
    let mut rows: Vec<NewInstance> = Vec::with_capacity(group.len());
    let mut names = Vec::with_capacity(group.len());
    for found in group {
        let reader = blobs.open_blob(&Place::Spool(found.name.clone()))?;
        let (config, location) = (config.clone(), Location::Spool(found.name.clone()));
        let read = tokio::task::spawn_blocking(move || reread(&config, &reader, location))
            .await
            .map_err(|e| ReadError::Storage(e.to_string()))?;
        match (read, &found.row) {
            (Ok(row), _) => {
                names.push(found.name.clone());
                rows.push(row);
            }
            (Err(why), row) => {
                quarantine(blobs, &found.name, &why, recovered)?;
                // An unplaced row that points at this file goes too: its flush never ended, so nobody was told of it.
                if let Some(row) = row.as_ref().filter(|r| r.location == Location::Spool(found.name.clone()))
                {
                    index.remove_unplaced(row.row).await?;
                }
            }
        }
    }
    let outcomes = index.insert(rows).await?;
    for (outcome, name) in outcomes.iter().zip(names) {
        match outcome {
            Inserted::Same(_) => blobs.unspool(&[name]),
            Inserted::New(_) | Inserted::NewVersion(..) | Inserted::Healed(..) => recovered.restored += 1,
        }
    }
    Ok(())
}

fn quarantine(blobs: &Blobs, name: &str, why: &str, recovered: &mut Recovered) -> Result<(), ReadError> {
    let note = format!("found in the spool at start, not whole: {why}");
    let kept = blobs.quarantine(&Place::Spool(name.to_owned()), &note)?;
    tracing::warn!(file = %kept.display(), "a spool file was not whole and was never acknowledged: {why}");
    recovered.quarantined += 1;
    Ok(())
}

/// What our head says of a file.
pub(crate) fn origin_of(reader: &Reader) -> Option<Origin> {
    origin_in(&reader.head().ok()?)
}

/// What our head says, in these bytes of one.
pub(crate) fn origin_in(head: &[u8]) -> Option<Origin> {
    let head = read_head(head, true).ok()??;
    Origin::decode(&head.meta?.private?)
}

/// Reads a whole file of ours again and makes its row. The text says why it is not whole.
pub(crate) fn reread(config: &Config, reader: &Reader, location: Location) -> Result<NewInstance, String> {
    let origin = origin_of(reader).ok_or("its head is not ours or not whole")?;
    let bytes = reader.head().map_err(|e| e.to_string())?;
    let head = read_head(&bytes, true).map_err(|e| e.to_string())?.ok_or("its head is not whole")?;
    let syntax = transfer_syntax::by_uid(&head.syntax_uid).ok_or("its transfer syntax is unknown")?;
    if head.data_offset as u64 != HEAD_LEN || reader.length() != origin.length {
        return Err(format!("it has {} bytes of data set, its head says {}", reader.length(), origin.length));
    }
    let mut parser = Parser::new(syntax, config);
    let mut sums = blob::Sums::new(syntax.uid.as_bytes());
    let mut at = 0;
    while at < origin.length {
        let length = PIECE.min(usize::try_from(origin.length - at).unwrap_or(PIECE));
        let piece = reader.read(at, length).map_err(|e| e.to_string())?;
        sums.update(&piece);
        parser.push(&piece).map_err(|e| e.to_string())?;
        at += length as u64;
    }
    let summed = sums.finish();
    if summed.digest != origin.digest {
        return Err("its bytes do not have the digest that its head names".into());
    }
    let parsed = parser.finish().map_err(|e| e.to_string())?;
    let columns = Columns::of(&parsed.json).map_err(|e| e.to_string())?.with_notes(&config.rejection_notes);
    let kept = Kept {
        sequence: origin.sequence,
        received_at: origin.received_at,
        custodian: origin.custodian,
        source: origin.source,
        principal: origin.principal,
        location,
    };
    Ok(row(parsed, columns, syntax, summed, kept))
}
