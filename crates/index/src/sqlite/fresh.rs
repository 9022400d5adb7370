//! The attributes of studies and series are those of their first received current instance. When that one is deleted or
//! hidden they are taken anew from the next, so that an index made again from the files alone says the same.

use rusqlite::{Connection, OptionalExtension, params};

use super::insert::{Insertion, Known, modalities};
use super::key;
use crate::{Fresh, FreshAttributes, HeldPatient, IndexError, RowId, Stale, StaleId};

/// What is stale, each with its first instance.
pub(super) fn stale(conn: &Connection, limit: u32) -> Result<Vec<Stale>, IndexError> {
    let ids = conn
        .prepare_cached("SELECT study, series FROM stale ORDER BY study, series LIMIT ?1")?
        .query_map([limit], |row| {
            let series: i64 = row.get(1)?;
            Ok(StaleId { study: row.get(0)?, series: (series != 0).then_some(series) })
        })?
        .collect::<Result<Vec<_>, _>>()?;
    ids.into_iter()
        .map(|id| {
            let first = first(conn, id)?;
            let metadata = first
                .map(|row| {
                    conn.prepare_cached("SELECT metadata FROM document WHERE instance = ?1")?
                        .query_row([row.0], |found| Ok((row, found.get(0)?)))
                })
                .transpose()?;
            Ok(Stale { id, first: metadata, held: held(conn, id)? })
        })
        .collect()
}

fn first(conn: &Connection, id: StaleId) -> Result<Option<RowId>, IndexError> {
    let found = match id.series {
        None => conn
            .prepare_cached(
                "SELECT id FROM instance WHERE study = ?1 AND current = 1 ORDER BY sequence LIMIT 1",
            )?
            .query_row([id.study], |row| row.get(0)),
        Some(series) => conn
            .prepare_cached(
                "SELECT id FROM instance WHERE study = ?1 AND series = ?2 AND current = 1
                 ORDER BY sequence LIMIT 1",
            )?
            .query_row([id.study, series], |row| row.get(0)),
    };
    Ok(found.optional()?.map(RowId))
}

fn held(conn: &Connection, id: StaleId) -> Result<Option<HeldPatient>, IndexError> {
    if id.series.is_some() {
        return Ok(None);
    }
    let held = conn
        .prepare_cached("SELECT patient_id, issuer, patient_name, two_patients FROM study WHERE id = ?1")?
        .query_row([id.study], |row| {
            Ok(HeldPatient {
                patient_id: row.get(0)?,
                issuer: row.get(1)?,
                name: row.get(2)?,
                two_patients: row.get(3)?,
            })
        })
        .optional()?;
    Ok(held)
}

/// The metadata of every version of everything in the stale study, after this row.
pub(super) fn metadata(
    conn: &Connection,
    id: StaleId,
    after: Option<RowId>,
    limit: u32,
) -> Result<Vec<(RowId, Vec<u8>)>, IndexError> {
    let found = conn
        .prepare_cached(
            "SELECT i.id, d.metadata FROM (
                 SELECT id FROM instance WHERE study = ?1 AND current = 1 AND id > ?2
                 UNION ALL SELECT id FROM instance WHERE study = ?1 AND current = 0 AND id > ?2
                 ORDER BY id LIMIT ?3
             ) i CROSS JOIN document d ON d.instance = i.id",
        )?
        .query_map(params![id.study, after.map_or(0, |row| row.0), limit], |row| {
            Ok((RowId(row.get(0)?), row.get(1)?))
        })?
        .collect::<Result<Vec<_>, _>>()?;
    Ok(found)
}

/// Writes what was taken anew.
pub(super) fn refresh(conn: &Connection, known: &mut Known, all: &[Fresh]) -> Result<(), IndexError> {
    for fresh in all {
        if first(conn, fresh.id)? != fresh.first {
            continue;
        }
        match &fresh.attributes {
            Some(FreshAttributes::Study(new, two_patients)) => {
                let Some(old) = Counted::of(conn, fresh.id.study)? else { continue };
                key::remove(conn, fresh.id.study)?;
                Insertion::new(conn, known).rewrite_study(
                    fresh.id.study,
                    old.custodian,
                    new,
                    *two_patients,
                )?;
                conn.prepare_cached("UPDATE study SET series_count = ?2, instance_count = ?3 WHERE id = ?1")?
                    .execute([fresh.id.study, old.series_count, old.instance_count])?;
                modalities(conn, fresh.id.study)?;
            }
            Some(FreshAttributes::Series(new)) => {
                let Some(series) = fresh.id.series else { continue };
                let instances: Option<i64> = conn
                    .prepare_cached("SELECT instance_count FROM series WHERE id = ?1")?
                    .query_row([series], |row| row.get(0))
                    .optional()?;
                let Some(instances) = instances else { continue };
                Insertion::new(conn, known).write_series(series, fresh.id.study, new, true)?;
                conn.prepare_cached("UPDATE series SET instance_count = ?2 WHERE id = ?1")?
                    .execute([series, instances])?;
                modalities(conn, fresh.id.study)?;
            }
            None => {}
        }
        conn.prepare_cached("DELETE FROM stale WHERE study = ?1 AND series = ?2")?
            .execute([fresh.id.study, fresh.id.series.unwrap_or(0)])?;
    }
    Ok(())
}

/// What writing a study's row anew must not lose.
struct Counted {
    custodian: i64,
    series_count: i64,
    instance_count: i64,
}

impl Counted {
    fn of(conn: &Connection, id: i64) -> Result<Option<Self>, IndexError> {
        let counted = conn
            .prepare_cached("SELECT custodian, series_count, instance_count FROM study WHERE id = ?1")?
            .query_row([id], |row| {
                Ok(Self { custodian: row.get(0)?, series_count: row.get(1)?, instance_count: row.get(2)? })
            })
            .optional()?;
        Ok(counted)
    }
}
