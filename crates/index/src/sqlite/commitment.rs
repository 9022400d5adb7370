//! Storage commitment requests, and what became of them.

use rusqlite::{Connection, OptionalExtension, params};

use crate::{Commitment, CommitmentState, IndexError, NewCommitment, OpenedCommitment, PendingCommitment};

/// Notes a request, unless its transaction UID was used by this principal or `most` of them are pending or kept.
pub(super) fn open(
    conn: &Connection,
    new: &NewCommitment,
    most: u32,
) -> Result<OpenedCommitment, IndexError> {
    let used = conn
        .prepare_cached("SELECT 1 FROM commitment WHERE principal = ?1 AND transaction_uid = ?2")?
        .query_row(params![new.principal, new.transaction], |_| Ok(()))
        .optional()?;
    if used.is_some() {
        return Ok(OpenedCommitment::Used);
    }
    let kept: u32 = conn
        .prepare_cached("SELECT count(*) FROM commitment WHERE principal = ?1 AND length(request) > 0")?
        .query_row([&new.principal], |row| row.get(0))?;
    if kept >= most {
        return Ok(OpenedCommitment::TooMany);
    }
    let id = conn
        .prepare_cached(
            "INSERT INTO commitment (principal, transaction_uid, at, request) VALUES (?1, ?2, ?3, ?4)",
        )?
        .insert(params![new.principal, new.transaction, new.at, new.request])?;
    Ok(OpenedCommitment::New(id))
}

/// Keeps a result.
pub(super) fn done(conn: &Connection, id: i64, at: i64, result: &[u8]) -> Result<(), IndexError> {
    conn.prepare_cached(
        "UPDATE commitment SET done_at = ?2, result = ?3 WHERE id = ?1 AND length(request) > 0",
    )?
    .execute(params![id, at, result])?;
    Ok(())
}

/// What became of a request.
pub(super) fn get(
    conn: &Connection,
    principal: &str,
    transaction: &str,
) -> Result<Option<Commitment>, IndexError> {
    let found = conn
        .prepare_cached(
            "SELECT at, length(request), result FROM commitment WHERE principal = ?1 AND transaction_uid = ?2",
        )?
        .query_row([principal, transaction], |row| {
            let (request, result): (i64, Option<Vec<u8>>) = (row.get(1)?, row.get(2)?);
            let state = match (request, result) {
                (0, _) => CommitmentState::Expired,
                (_, Some(result)) => CommitmentState::Done(result),
                (_, None) => CommitmentState::Pending,
            };
            Ok(Commitment { at: row.get(0)?, state })
        })
        .optional()?;
    Ok(found)
}

/// Requests without a result, oldest first, after this one.
pub(super) fn pending(
    conn: &Connection,
    after: i64,
    limit: u32,
) -> Result<Vec<PendingCommitment>, IndexError> {
    let found = conn
        .prepare_cached(
            "SELECT id, request FROM commitment WHERE result IS NULL AND length(request) > 0 AND id > ?1
             ORDER BY id LIMIT ?2",
        )?
        .query_map(params![after, limit], |row| {
            Ok(PendingCommitment { id: row.get(0)?, request: row.get(1)? })
        })?
        .collect::<Result<Vec<_>, _>>()?;
    Ok(found)
}

/// Lets results older than `results` go, though it stays known that they were; and forgets those older than `all`.
pub(super) fn expire(conn: &Connection, results: i64, all: i64) -> Result<(), IndexError> {
    conn.prepare_cached(
        "UPDATE commitment SET request = x'', result = NULL WHERE at < ?1 AND done_at IS NOT NULL
         AND length(request) > 0",
    )?
    .execute([results])?;
    conn.prepare_cached("DELETE FROM commitment WHERE at < ?1 AND length(request) = 0")?.execute([all])?;
    Ok(())
}
