//! What retention asks: how old studies are, and to remove one that is old enough.

use access::{Action, CustodianId, Principal};
use index::{HoldingRow, StaleId, WhichHoldings};
use model::StudyUid;

use crate::remove::Deleted;
use crate::{Archive, ReadError, Target, hold};

/// A study as held by one custodian, and when its last version was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Age {
    /// Where to go on.
    pub cursor: StaleId,
    /// Held by whom.
    pub custodian: CustodianId,
    /// (0020,000D).
    pub study: StudyUid,
    /// (0010,0020) of its first instance; may be empty.
    pub patient_id: String,
    /// (0010,0021) of its first instance; may be empty.
    pub issuer: String,
    /// Milliseconds of Unix time.
    pub newest: i64,
}

impl From<HoldingRow> for Age {
    fn from(row: HoldingRow) -> Self {
        let HoldingRow { id, custodian, study, patient_id, issuer, newest, .. } = row;
        Self { cursor: id, custodian, study, patient_id, issuer, newest }
    }
}

impl Archive {
    /// At most `limit` studies of all custodians behind this one.
    ///
    /// # Errors
    /// [`ReadError::Denied`], [`ReadError::Storage`].
    pub async fn ages(
        &self,
        who: &Principal,
        after: Option<StaleId>,
        limit: u32,
    ) -> Result<Vec<Age>, ReadError> {
        who.scope_for(Action::Administer)?;
        let rows = self.shared.index.holdings(&WhichHoldings::default(), after, limit).await?;
        Ok(rows.into_iter().map(Age::from).collect())
    }

    /// When the last instance of any was received, in milliseconds of Unix time.
    ///
    /// # Errors
    /// [`ReadError::Denied`], [`ReadError::Storage`].
    pub async fn last_received(&self, who: &Principal) -> Result<Option<i64>, ReadError> {
        let (mut after, mut last) = (None, None);
        loop {
            let page = self.ages(who, after.take(), 1_000).await?;
            let Some(behind) = page.last() else { return Ok(last) };
            after = Some(behind.cursor);
            last = page.iter().map(|age| age.newest).chain(last).max();
        }
    }

    /// The legal hold that keeps a study, if one does.
    ///
    /// # Errors
    /// [`ReadError::Denied`]; [`ReadError::Storage`] when it is not known.
    pub async fn hold_on(
        &self,
        who: &Principal,
        custodian: &CustodianId,
        study: &StudyUid,
    ) -> Result<Option<i64>, ReadError> {
        who.scope_for(Action::Administer)?;
        match hold::refuse(&self.shared, custodian, study).await {
            Ok(()) => Ok(None),
            Err(ReadError::Held(number)) => Ok(Some(number)),
            Err(error) => Err(error),
        }
    }

    /// Deletes a study as [`Archive::remove`] does, unless a version of it was received after `until` (milliseconds of Unix
    /// time).
    ///
    /// # Errors
    /// As [`Archive::remove`]; [`ReadError::NotFound`] for one that is not old enough.
    pub async fn expire(
        &self,
        who: &Principal,
        custodian: &CustodianId,
        study: &StudyUid,
        until: i64,
        source: &str,
        reason: &str,
    ) -> Result<Deleted, ReadError> {
        let target = Target {
            study: *study,
            series: None,
            instance: None,
            custodian: Some(custodian.clone()),
            version: None,
        };
        self.remove_until(who, &target, source, reason, Some(until)).await
    }
}
