//! Studies as their custodians hold them, without a scope: for what the archive decides by itself.

use rusqlite::{Connection, params};

use super::search::parsed;
use super::sql::Sql;
use crate::{HoldingRow, IndexError, StaleId, WhichHoldings};

/// Holdings by their number, after this one.
pub(super) fn holdings(
    conn: &Connection,
    which: &WhichHoldings,
    after: Option<StaleId>,
    limit: u32,
) -> Result<Vec<HoldingRow>, IndexError> {
    let mut sql = Sql::new("SELECT s.id, c.name, s.uid, s.patient_id, s.issuer, s.two_patients FROM study s");
    if which.study.is_some() {
        sql.push(" INDEXED BY study_uid");
    }
    sql.push(" CROSS JOIN custodian c ON c.id = s.custodian WHERE s.id > ");
    sql.bind(after.map_or(0, |id| id.study));
    if let Some(study) = &which.study {
        sql.push(" AND s.uid = ").text(study.as_str());
    }
    if let Some(custodian) = &which.custodian {
        sql.push(" AND c.name = ").text(custodian.as_str());
    }
    if let Some(patient) = &which.patient_id {
        sql.push(" AND (s.two_patients = 1 OR s.patient_id = '' OR s.patient_id = ").text(patient).push(")");
    }
    sql.push(" ORDER BY s.id LIMIT ").bind(i64::from(limit));
    sql.rows(conn, |row| {
        let id: i64 = row.get(0)?;
        let (versions, newest, bytes) = contents(conn, id)?;
        Ok(HoldingRow {
            id: StaleId { study: id, series: None },
            custodian: parsed(row, 1)?,
            study: parsed(row, 2)?,
            patient_id: row.get(3)?,
            issuer: row.get(4)?,
            two_patients: row.get(5)?,
            newest,
            versions,
            bytes,
        })
    })
}

/// Versions, the last moment of receipt, bytes.
fn contents(conn: &Connection, study: i64) -> Result<(u64, i64, u64), IndexError> {
    let mut statement = conn.prepare_cached(
        "SELECT count(*), ifnull(max(d.received_at), 0), ifnull(sum(d.length), 0) FROM
         (SELECT id FROM instance WHERE study = ?1 AND current = 1
          UNION ALL SELECT id FROM instance WHERE study = ?1 AND current = 0) n
         CROSS JOIN detail d ON d.instance = n.id",
    )?;
    Ok(statement.query_row(params![study], |row| {
        Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get(1)?, row.get::<_, i64>(2)?.unsigned_abs()))
    })?)
}
