//! Forgetting: what names a study or a patient that was erased goes, and its bytes with it.

use access::{CustodianId, Holding, On};
use rusqlite::params;

use crate::{Register, RegisterError};

impl Register {
    /// Takes out what names these holdings (a case's part, a link's, grants, released holds) and released holds on this patient of
    /// a custodian, and writes the file anew, so that no free page and no log has any of it. Holds that stand stay.
    ///
    /// # Errors
    /// [`RegisterError::Busy`] when somebody reads an old state for seconds: then it is to be done again.
    pub fn forget(
        &mut self,
        holdings: &[Holding],
        patient: Option<(&CustodianId, &str)>,
    ) -> Result<(), RegisterError> {
        self.write(|tx| {
            for holding in holdings {
                let (custodian, study) = (holding.custodian.as_str(), holding.study.as_str());
                for statement in [
                    "DELETE FROM case_holding WHERE custodian = ?1 AND study = ?2",
                    "DELETE FROM link_holding WHERE custodian = ?1 AND study = ?2",
                    "DELETE FROM hold WHERE custodian = ?1 AND study = ?2 AND released_at IS NOT NULL",
                ] {
                    tx.execute(statement, params![custodian, study])?;
                }
                let target = On::Holding(holding.clone()).to_string();
                tx.execute("DELETE FROM given WHERE target = ?1", [target])?;
            }
            if let Some((custodian, id)) = patient {
                tx.execute(
                    "DELETE FROM hold WHERE custodian = ?1 AND patient_id = ?2 AND released_at IS NOT NULL",
                    params![custodian.as_str(), id],
                )?;
            }
            Ok(())
        })?;
        self.conn.execute_batch("VACUUM")?;
        let busy: bool = self.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if busy { Err(RegisterError::Busy) } else { Ok(()) }
    }
}
