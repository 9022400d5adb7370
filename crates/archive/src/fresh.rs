//! Attributes of studies and series whose first instance was deleted, hidden or shown again: taken anew from the one that
//! is first now.

use std::sync::Arc;

use index::{Fresh, FreshAttributes, HeldPatient, Index, NewStudy, Stale, StaleId};
use model::person_name;

use crate::columns::Columns;
use crate::{ReadError, Shared, work};

/// Studies and series looked at in one transaction.
const PAGE: u32 = 64;
/// Metadata rows read at a time: some 3 KiB each.
const ROWS: u32 = 256;
/// Rounds at most: what goes on changing is left for the next time.
const ROUNDS: usize = 10_000;

/// Refreshes whatever is stale. A failure leaves it stale: answers are right but for attributes of an instance that is
/// not there any more, and the next deletion or start tries again.
pub(crate) async fn refresh(shared: &Arc<Shared>) {
    if let Err(error) = refresh_all(shared.index.as_ref()).await {
        tracing::error!(%error, "attributes of studies could not be taken anew");
    }
}

/// Refreshes whatever is stale.
pub(crate) async fn refresh_all(index: &dyn Index) -> Result<(), ReadError> {
    for _ in 0..ROUNDS {
        let stale = index.stale(PAGE).await?;
        if stale.is_empty() {
            return Ok(());
        }
        let mut fresh = Vec::with_capacity(stale.len());
        for one in stale {
            fresh.push(renewed(index, one).await?);
        }
        index.refresh(fresh).await?;
    }
    Ok(())
}

async fn renewed(index: &dyn Index, stale: Stale) -> Result<Fresh, ReadError> {
    let first = stale.first.as_ref().map(|(row, _)| *row);
    let Some((_, metadata)) = &stale.first else {
        return Ok(Fresh { id: stale.id, first, attributes: None });
    };
    // Metadata that cannot be read was damaged in the index; the attributes stay as they are.
    let Some(columns) = columns(metadata) else {
        return Ok(Fresh { id: stale.id, first, attributes: None });
    };
    let attributes = match &stale.held {
        None => FreshAttributes::Series(Box::new(columns.series)),
        Some(held) => {
            let two = two_patients(index, stale.id, held, &columns.study).await?;
            FreshAttributes::Study(Box::new(columns.study), two)
        }
    };
    Ok(Fresh { id: stale.id, first, attributes: Some(attributes) })
}

fn columns(metadata: &[u8]) -> Option<Columns> {
    Columns::of(&work::unpack(metadata).ok()?).ok()
}

/// Whether the study's instances are of two patients, seen from the one that is first now. Known without looking when they
/// were of one before and nothing can be told apart now that could not be then.
async fn two_patients(
    index: &dyn Index,
    study: StaleId,
    held: &HeldPatient,
    base: &NewStudy,
) -> Result<bool, ReadError> {
    let name = first_group(&base.patient_name_folded);
    let newly_known =
        [(&held.patient_id, &base.patient_id), (&held.issuer, &base.issuer), (&held.name, &name)]
            .iter()
            .any(|(before, now)| before.is_empty() && !now.is_empty());
    if !held.two_patients && !newly_known {
        return Ok(false);
    }
    let mut after = None;
    loop {
        let page = index.stale_metadata(study, after, ROWS).await?;
        let Some((last, _)) = page.last() else { return Ok(false) };
        after = Some(*last);
        let others = page.iter().filter_map(|(_, metadata)| columns(metadata));
        if others.map(|columns| columns.study).any(|other| is_other(base, &name, &other)) {
            return Ok(true);
        }
    }
}

fn is_other(base: &NewStudy, name: &str, other: &NewStudy) -> bool {
    let differ = |one: &str, other: &str| !one.is_empty() && !other.is_empty() && one != other;
    differ(&base.patient_id, &other.patient_id)
        || differ(&base.issuer, &other.issuer)
        || differ(name, &first_group(&other.patient_name_folded))
}

fn first_group(folded: &str) -> String {
    person_name::key(folded).split('=').next().unwrap_or_default().to_owned()
}
