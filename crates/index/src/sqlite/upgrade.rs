//! What a migration must compute and SQL cannot.

use rusqlite::{Connection, params};

use super::{insert, key};
use crate::IndexError;

/// Fills what schema 3 added from the rows that were there.
pub(super) fn to_schema_3(conn: &Connection) -> Result<(), IndexError> {
    zones(conn)?;
    other_ids(conn)?;
    let mut studies = conn.prepare("SELECT id FROM study WHERE visible = 1")?;
    let mut rows = studies.query([])?;
    while let Some(row) = rows.next()? {
        let study = row.get(0)?;
        key::add(conn, study)?;
        insert::modalities(conn, study)?;
    }
    Ok(())
}

fn zones(conn: &Connection) -> Result<(), IndexError> {
    let mut known = conn.prepare(
        "SELECT study, json_extract(CAST(attributes AS TEXT), '$.00080201.Value[0]') FROM study_answer
         WHERE json_valid(CAST(attributes AS TEXT)) AND instr(CAST(attributes AS TEXT), '\"00080201\"') > 0",
    )?;
    let mut rows = known.query([])?;
    while let Some(row) = rows.next()? {
        let (study, text): (i64, Option<String>) = (row.get(0)?, row.get(1)?);
        let Some(minutes) = text.as_deref().and_then(model::value::offset) else {
            continue;
        };
        conn.prepare_cached("UPDATE study SET zone = ?2 WHERE id = ?1")?.execute(params![study, minutes])?;
        insert::note_zone(conn, minutes)?;
    }
    Ok(())
}

fn other_ids(conn: &Connection) -> Result<(), IndexError> {
    conn.execute(
        "INSERT INTO study_other_id
         SELECT a.study, item.key, json_extract(item.value, '$.00100020.Value[0]')
         FROM study_answer a, json_each(CAST(a.attributes AS TEXT), '$.00101002.Value') item
         WHERE json_valid(CAST(a.attributes AS TEXT)) AND instr(CAST(a.attributes AS TEXT), '\"00101002\"') > 0
             AND json_type(item.value, '$.00100020.Value[0]') = 'text'",
        [],
    )?;
    Ok(())
}
