//! What an erasure takes: resolved against the index, refused where it is not clear what is meant or where a hold is.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use access::CustodianId;
use index::{HoldingRow, Index, RowId, WhichHoldings};
use model::StudyUid;

use super::Subject;
use super::order::{ErasedHolding, ErasedVersion};
use crate::{ReadError, Shared, hold};

/// Rows read at a time.
const PAGE: u32 = 500;

/// All that goes.
#[derive(Default)]
pub(super) struct Found {
    pub holdings: Vec<ErasedHolding>,
    pub versions: Vec<ErasedVersion>,
    pub records: Vec<u64>,
}

/// A study, or some of it, that is meant.
struct Meant {
    custodian: CustodianId,
    study: StudyUid,
    row: Option<HoldingRow>,
    /// The rows of a patient in a study of several; `None` is all of it.
    rows: Option<HashSet<RowId>>,
    patients: BTreeSet<(String, String)>,
}

pub(super) async fn resolve(shared: &Arc<Shared>, subject: &Subject) -> Result<Found, ReadError> {
    let index = shared.index.as_ref();
    let meant = match subject {
        Subject::Study { study, custodian } => one(of_study(index, study, custodian.as_ref()).await?)?,
        Subject::Holdings(holdings) => {
            let mut meant = Vec::new();
            for holding in holdings {
                meant.extend(of_study(index, &holding.study, Some(&holding.custodian)).await?);
            }
            meant
        }
        Subject::Patient { id, issuer, custodian } => {
            of_patient(index, id, issuer.as_deref(), custodian.as_ref()).await?
        }
    };
    if meant.is_empty() {
        return Err(ReadError::NotFound(match subject {
            Subject::Patient { .. } => "patient",
            Subject::Study { .. } | Subject::Holdings(_) => "study",
        }));
    }
    let mut found = Found::default();
    for one in meant {
        hold::refuse(shared, &one.custodian, &one.study).await?;
        take(shared, one, &mut found).await?;
    }
    found.records.sort_unstable();
    found.records.dedup();
    Ok(found)
}

/// A study that several hold is several.
fn one(meant: Vec<Meant>) -> Result<Vec<Meant>, ReadError> {
    let custodians: BTreeSet<&str> = meant.iter().map(|one| one.custodian.as_str()).collect();
    match custodians.len() {
        0 | 1 => Ok(meant),
        _ => Err(unclear("custodian", custodians)),
    }
}

fn unclear<'a>(what: &str, which: impl IntoIterator<Item = &'a str>) -> ReadError {
    let which: Vec<String> = which.into_iter().map(|one| format!("{one:?}")).collect();
    ReadError::BadRequest(format!("it is of more than one {what}: name one of {}", which.join(", ")))
}

async fn of_study(
    index: &dyn Index,
    study: &StudyUid,
    custodian: Option<&CustodianId>,
) -> Result<Vec<Meant>, ReadError> {
    let which = WhichHoldings { study: Some(*study), custodian: custodian.cloned(), patient_id: None };
    let mut meant = Vec::new();
    for row in index.holdings(&which, None, PAGE).await? {
        let patients = hold::patients(index, &row).await?.into_iter().collect();
        meant.push(Meant {
            custodian: row.custodian.clone(),
            study: *study,
            row: Some(row),
            rows: None,
            patients,
        });
    }
    // Of what was deleted before there is a record, and perhaps not purged bytes.
    for (_, deleted) in index.deleted_before(custodian, study).await? {
        if !meant.iter().any(|one| one.custodian == deleted.custodian) {
            let custodian = deleted.custodian;
            meant.push(Meant { custodian, study: *study, row: None, rows: None, patients: BTreeSet::new() });
        }
    }
    Ok(meant)
}

async fn of_patient(
    index: &dyn Index,
    id: &str,
    issuer: Option<&str>,
    custodian: Option<&CustodianId>,
) -> Result<Vec<Meant>, ReadError> {
    let which = WhichHoldings { study: None, custodian: custodian.cloned(), patient_id: Some(id.to_owned()) };
    let (mut after, mut meant) = (None, Vec::new());
    loop {
        let page = index.holdings(&which, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for row in page {
            meant.extend(of_patient_in(index, row, id, issuer).await?);
        }
    }
    let meant = one(meant)?;
    let issuers: BTreeSet<&str> =
        meant.iter().flat_map(|one| &one.patients).map(|(_, issuer)| issuer.as_str()).collect();
    match issuer.is_none() && issuers.len() > 1 {
        true => Err(unclear("issuer", issuers)),
        false => Ok(meant),
    }
}

/// The patient's part of a study: all of it, unless instances of others are in it, too.
async fn of_patient_in(
    index: &dyn Index,
    row: HoldingRow,
    id: &str,
    issuer: Option<&str>,
) -> Result<Option<Meant>, ReadError> {
    let is_meant =
        |patient: &(String, String)| patient.0 == id && issuer.is_none_or(|issuer| issuer == patient.1);
    let meant = |row: HoldingRow, rows, patients| Meant {
        custodian: row.custodian.clone(),
        study: row.study,
        row: Some(row),
        rows,
        patients,
    };
    let told =
        !row.two_patients && !row.patient_id.is_empty() && (issuer.is_none() || !row.issuer.is_empty());
    if told {
        let patient = (row.patient_id.clone(), row.issuer.clone());
        return Ok(is_meant(&patient).then(|| meant(row, None, BTreeSet::from([patient]))));
    }
    let (mut after, mut all, mut theirs) = (None, 0, HashMap::new());
    loop {
        let page = index.stale_metadata(row.id, after, PAGE).await?;
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        let read = tokio::task::spawn_blocking(move || {
            page.into_iter().map(|(row, metadata)| (row, hold::patient(&metadata))).collect::<Vec<_>>()
        });
        for (row, patient) in read.await.map_err(|error| ReadError::Storage(error.to_string()))? {
            all += 1;
            if let Some(patient) = patient.filter(&is_meant) {
                theirs.insert(row, patient);
            }
        }
    }
    if theirs.is_empty() {
        return Ok(None);
    }
    let patients = theirs.values().cloned().collect();
    let part = row.two_patients && theirs.len() < all;
    let rows = part.then(|| theirs.into_keys().collect());
    Ok(Some(meant(row, rows, patients)))
}

/// Adds all versions of what is meant.
async fn take(shared: &Arc<Shared>, meant: Meant, found: &mut Found) -> Result<(), ReadError> {
    let index = shared.index.as_ref();
    let (mut classes, mut versions) = (BTreeMap::new(), Vec::new());
    if let Some(row) = &meant.row {
        let mut after = None;
        loop {
            let page = index.versions(row.id, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.row);
            for version in page {
                if meant.rows.as_ref().is_some_and(|rows| !rows.contains(&version.row)) {
                    continue;
                }
                *classes.entry(version.sop_class.to_string()).or_insert(0) += 1;
                versions.push(version.instance);
            }
            limit(shared, found.versions.len() + versions.len())?;
        }
    }
    if meant.rows.is_none() {
        for (record, deleted) in index.deleted_before(Some(&meant.custodian), &meant.study).await? {
            found.records.push(record);
            versions.push(deleted.instance);
        }
        limit(shared, found.versions.len() + versions.len())?;
    }
    found.holdings.push(ErasedHolding {
        custodian: meant.custodian.to_string(),
        study: meant.study.to_string(),
        patients: meant.patients.into_iter().collect(),
        classes,
        versions: versions.len() as u64,
        bytes: versions.iter().map(|one| one.length).sum(),
        part: meant.rows.is_some(),
    });
    let of = |instance| ErasedVersion { custodian: meant.custodian.clone(), instance };
    found.versions.extend(versions.into_iter().map(of));
    Ok(())
}

fn limit(shared: &Arc<Shared>, versions: usize) -> Result<(), ReadError> {
    let most = shared.config.erase_max;
    match versions > most as usize {
        true => Err(ReadError::Unprocessable(format!(
            "more than {most} versions are not erased at once; erase study by study"
        ))),
        false => Ok(()),
    }
}
