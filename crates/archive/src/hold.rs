//! Legal holds: what nobody deletes, whoever asks. Which there are is kept by others.

use std::fmt;
use std::sync::Arc;

use access::{CustodianId, Holding};
use index::{HoldingRow, Index, WhichHoldings};

use crate::columns::Columns;
use crate::{ReadError, Shared, work};

/// Metadata rows read at a time: some 3 KiB each.
const ROWS: u32 = 256;

/// Who knows the legal holds. What it cannot tell is not deleted. It may block.
pub trait Holds: fmt::Debug + Send + Sync {
    /// The number of the hold on a study as held by a custodian, if there is one.
    ///
    /// # Errors
    /// Why it cannot be told.
    fn on_study(&self, holding: &Holding) -> Result<Option<i64>, String>;

    /// The number of the hold on a patient's studies of a custodian. Without an issuer in the data set that is empty.
    ///
    /// # Errors
    /// Why it cannot be told.
    fn on_patient(&self, custodian: &CustodianId, id: &str, issuer: &str) -> Result<Option<i64>, String>;

    /// Whether any patient of this custodian is held.
    ///
    /// # Errors
    /// Why it cannot be told.
    fn are_patients_held(&self, custodian: &CustodianId) -> Result<bool, String>;
}

/// Refuses when a hold is on the holding, or on a patient of whom it has instances. A study of two patients is held
/// whole when either is.
///
/// # Errors
/// [`ReadError::Held`]; [`ReadError::Storage`] when it is not known.
pub(crate) async fn refuse(
    shared: &Arc<Shared>,
    custodian: &CustodianId,
    study: &model::StudyUid,
) -> Result<(), ReadError> {
    let Some(holds) = &shared.config.holds else { return Ok(()) };
    let holding = Holding { study: *study, custodian: custodian.clone() };
    if let Some(number) = ask(holds, move |holds| holds.on_study(&holding)).await? {
        return Err(ReadError::Held(number));
    }
    let of = custodian.clone();
    if !ask(holds, move |holds| holds.are_patients_held(&of)).await? {
        return Ok(());
    }
    let which =
        WhichHoldings { custodian: Some(custodian.clone()), study: Some(*study), ..WhichHoldings::default() };
    for row in shared.index.holdings(&which, None, 1).await? {
        for (id, issuer) in patients(shared.index.as_ref(), &row).await? {
            let of = custodian.clone();
            if let Some(number) = ask(holds, move |holds| holds.on_patient(&of, &id, &issuer)).await? {
                return Err(ReadError::Held(number));
            }
        }
    }
    Ok(())
}

async fn ask<T: Send + 'static>(
    holds: &Arc<dyn Holds>,
    question: impl FnOnce(&dyn Holds) -> Result<T, String> + Send + 'static,
) -> Result<T, ReadError> {
    let holds = Arc::clone(holds);
    tokio::task::spawn_blocking(move || question(holds.as_ref()))
        .await
        .map_err(|error| ReadError::Storage(error.to_string()))?
        .map_err(|why| ReadError::Storage(format!("it is not known what is held: {why}")))
}

/// Whose instances a study has: Patient ID and issuer. Only where its row does not tell for all of them, each is looked at.
pub(crate) async fn patients(
    index: &dyn Index,
    row: &HoldingRow,
) -> Result<Vec<(String, String)>, ReadError> {
    let mut found = vec![(row.patient_id.clone(), row.issuer.clone())];
    if row.two_patients || row.patient_id.is_empty() || row.issuer.is_empty() {
        look_at_each(index, row, &mut found).await?;
    }
    found.retain(|(id, _)| !id.is_empty());
    Ok(found)
}

async fn look_at_each(
    index: &dyn Index,
    row: &HoldingRow,
    found: &mut Vec<(String, String)>,
) -> Result<(), ReadError> {
    let mut after = None;
    loop {
        let page = index.stale_metadata(row.id, after, ROWS).await?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = Some(*last);
        let read = tokio::task::spawn_blocking(move || {
            page.iter().filter_map(|(_, metadata)| patient(metadata)).collect::<Vec<_>>()
        });
        for one in read.await.map_err(|error| ReadError::Storage(error.to_string()))? {
            if !found.contains(&one) {
                found.push(one);
            }
        }
    }
}

/// Patient ID and issuer in an instance's metadata; `None` where that cannot be read.
pub(crate) fn patient(metadata: &[u8]) -> Option<(String, String)> {
    let columns = Columns::of(&work::unpack(metadata).ok()?).ok()?;
    Some((columns.study.patient_id, columns.study.issuer))
}
