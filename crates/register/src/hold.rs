//! Legal holds: what must not be deleted until the hold is released.

use std::fmt;

use access::{CustodianId, Holding};
use rusqlite::{OptionalExtension, Row, params};

use crate::{Register, RegisterError};

/// Most holds that stand at a time: each deletion looks at all of them in memory, some 300 bytes each.
const STANDING: i64 = 100_000;

/// What a hold is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// A study as held by one custodian.
    Study(Holding),
    /// A custodian's studies with instances of this patient.
    Patient {
        /// Held by whom.
        custodian: CustodianId,
        /// (0010,0020).
        id: String,
        /// (0010,0021); `None` is whichever.
        issuer: Option<String>,
    },
    /// What a case holds at the moment of asking.
    Case(String),
}

/// Without the patient's ID, which logs and answers must not have.
impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Held::Study(holding) => write!(f, "study {} of {}", holding.study, holding.custodian),
            Held::Patient { custodian, .. } => write!(f, "a patient of {custodian}"),
            Held::Case(case) => write!(f, "case {case}"),
        }
    }
}

/// A hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Its number, which is never given again.
    pub id: i64,
    /// On what.
    pub on: Held,
    /// Why, in the words of whoever made it.
    pub reason: String,
    /// Who made it: `console:console`.
    pub by: String,
    /// Since when, in seconds of Unix time.
    pub since: i64,
    /// Who released it and when; `None` while it stands.
    pub released: Option<(String, i64)>,
}

impl Register {
    /// Makes a hold; its number.
    ///
    /// # Errors
    /// [`RegisterError::TooManyHolds`].
    pub fn add_hold(&mut self, on: &Held, reason: &str, by: &str, now: i64) -> Result<i64, RegisterError> {
        let (mut custodian, mut study, mut patient, mut issuer_of, mut case_id) =
            (None, None, None, None, None);
        match on {
            Held::Study(holding) => {
                (custodian, study) = (Some(holding.custodian.as_str()), Some(holding.study.as_str()));
            }
            Held::Patient { custodian: held_by, id, issuer } => {
                (custodian, patient, issuer_of) = (Some(held_by.as_str()), Some(id), issuer.as_ref());
            }
            Held::Case(case) => case_id = Some(case),
        }
        self.write(|tx| {
            let standing: i64 =
                tx.query_row("SELECT count(*) FROM hold WHERE released_at IS NULL", [], |row| row.get(0))?;
            if standing >= STANDING {
                return Err(RegisterError::TooManyHolds(STANDING));
            }
            tx.execute(
                "INSERT INTO hold (custodian, study, patient_id, issuer, case_id, reason, by, since)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![custodian, study, patient, issuer_of, case_id, reason, by, now],
            )?;
            Ok(tx.last_insert_rowid())
        })
    }

    /// Releases a hold, which it returns as it stood; `None` when it was released before.
    ///
    /// # Errors
    /// [`RegisterError::NoHold`].
    pub fn release_hold(&mut self, id: i64, by: &str, now: i64) -> Result<Option<Hold>, RegisterError> {
        self.write(|tx| {
            let found = tx
                .query_row(&format!("{HOLDS} WHERE id = ?1"), [id], |row| Ok(hold(row)))
                .optional()?
                .ok_or(RegisterError::NoHold(id))??;
            if found.released.is_some() {
                return Ok(None);
            }
            tx.execute(
                "UPDATE hold SET released_by = ?2, released_at = ?3 WHERE id = ?1",
                params![id, by, now],
            )?;
            Ok(Some(found))
        })
    }

    /// Every hold, released ones too, in the order of their numbers.
    ///
    /// # Errors
    /// [`RegisterError`].
    pub fn holds(&self) -> Result<Vec<Hold>, RegisterError> {
        self.listed(&format!("{HOLDS} ORDER BY id"))
    }

    /// The holds that stand.
    ///
    /// # Errors
    /// [`RegisterError`].
    pub fn standing_holds(&self) -> Result<Vec<Hold>, RegisterError> {
        self.listed(&format!("{HOLDS} WHERE released_at IS NULL ORDER BY id"))
    }

    fn listed(&self, query: &str) -> Result<Vec<Hold>, RegisterError> {
        let mut statement = self.conn.prepare_cached(query)?;
        let mut rows = statement.query([])?;
        let mut holds = Vec::new();
        while let Some(row) = rows.next()? {
            holds.push(hold(row)?);
        }
        Ok(holds)
    }
}

const HOLDS: &str =
    "SELECT id, custodian, study, patient_id, issuer, case_id, reason, by, since, released_by,
    released_at FROM hold";

fn hold(row: &Row<'_>) -> Result<Hold, RegisterError> {
    let corrupt = || RegisterError::Corrupt("a legal hold");
    let text = |column| row.get::<_, Option<String>>(column);
    let custodian: Option<CustodianId> =
        text(1)?.map(|name| name.parse()).transpose().map_err(|_| corrupt())?;
    let on = match (custodian, text(2)?, text(3)?, text(5)?) {
        (Some(custodian), Some(study), None, None) => {
            Held::Study(Holding { study: study.parse().map_err(|_| corrupt())?, custodian })
        }
        (Some(custodian), None, Some(id), None) => Held::Patient { custodian, id, issuer: text(4)? },
        (None, None, None, Some(case)) => Held::Case(case),
        _ => return Err(corrupt()),
    };
    Ok(Hold {
        id: row.get(0)?,
        on,
        reason: row.get(6)?,
        by: row.get(7)?,
        since: row.get(8)?,
        released: text(9)?.zip(row.get(10)?),
    })
}
