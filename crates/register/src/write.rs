//! Writing: each call is one durable transaction.

use access::{CustodianId, Grant, Holding, On, Role};
use rusqlite::{OptionalExtension, Transaction, TransactionBehavior, params};

use crate::{Certificate, Kind, PasswordHash, Register, RegisterError, Subject};

/// Most grants of one principal, so that resolving them costs milliseconds.
const GRANTS: i64 = 10_000;

impl Register {
    /// Makes somebody known, without any right.
    ///
    /// # Errors
    /// [`RegisterError::Taken`].
    pub fn add(
        &mut self,
        kind: Kind,
        name: &str,
        custodian: &CustodianId,
        now: i64,
    ) -> Result<(), RegisterError> {
        self.write(|tx| add(tx, kind, name, custodian, now))
    }

    /// Lets somebody in no more, or again.
    ///
    /// # Errors
    /// [`RegisterError::Unknown`].
    pub fn set_disabled(&mut self, kind: Kind, name: &str, disabled: bool) -> Result<(), RegisterError> {
        self.on(kind, name, |tx, id| {
            // Sessions from before do not come back with it.
            let set = "UPDATE principal SET disabled = ?2, version = version + ?2 WHERE id = ?1";
            Ok(tx.execute(set, params![id, disabled])?)
        })?;
        Ok(())
    }

    /// Forgets somebody, with all grants, tokens and secrets.
    ///
    /// # Errors
    /// [`RegisterError::Unknown`].
    pub fn remove(&mut self, kind: Kind, name: &str) -> Result<(), RegisterError> {
        self.on(kind, name, |tx, id| Ok(tx.execute("DELETE FROM principal WHERE id = ?1", [id])?))?;
        Ok(())
    }

    /// Gives a role; the same again changes until when.
    ///
    /// # Errors
    /// [`RegisterError::Unknown`], [`RegisterError::TooMany`].
    pub fn grant(&mut self, kind: Kind, name: &str, grant: &Grant, now: i64) -> Result<(), RegisterError> {
        self.on(kind, name, |tx, id| {
            // A grant that is there may change, above all end sooner, however many there are.
            let held: i64 = tx.query_row(
                "SELECT count(*) FROM given WHERE principal = ?1 AND NOT (role = ?2 AND target = ?3)",
                params![id, grant.role.name(), grant.on.to_string()],
                |row| row.get(0),
            )?;
            if held >= GRANTS {
                return Err(RegisterError::TooMany(GRANTS));
            }
            tx.execute(
                "INSERT INTO given (principal, role, target, until, made_at) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (principal, role, target) DO UPDATE SET until = excluded.until",
                params![id, grant.role.name(), grant.on.to_string(), grant.until, now],
            )?;
            Ok(())
        })
    }

    /// Takes a role back; `false` when it was not given.
    ///
    /// # Errors
    /// [`RegisterError::Unknown`].
    pub fn revoke(&mut self, kind: Kind, name: &str, role: Role, on: &On) -> Result<bool, RegisterError> {
        self.on(kind, name, |tx, id| {
            let gone = tx.execute(
                "DELETE FROM given WHERE principal = ?1 AND role = ?2 AND target = ?3",
                params![id, role.name(), on.to_string()],
            )?;
            Ok(gone > 0)
        })
    }

    /// Gives a service a token, by its digest. Those that it has end at `others_until` at the latest; what ended before
    /// `now` is forgotten.
    ///
    /// # Errors
    /// [`RegisterError::Unknown`].
    pub fn add_token(
        &mut self,
        name: &str,
        digest: &[u8; 32],
        now: i64,
        expires_at: i64,
        others_until: i64,
    ) -> Result<(), RegisterError> {
        self.on(Kind::Token, name, |tx, id| {
            tx.execute(
                "UPDATE token SET expires_at = min(expires_at, ?2) WHERE principal = ?1",
                params![id, others_until],
            )?;
            tx.execute("DELETE FROM token WHERE principal = ?1 AND expires_at < ?2", params![id, now])?;
            tx.execute(
                "INSERT INTO token (principal, digest, made_at, expires_at) VALUES (?1, ?2, ?3, ?4)",
                params![id, digest, now, expires_at],
            )?;
            Ok(())
        })
    }

    /// Says that a provider's subject is this principal. The same again changes nothing.
    ///
    /// # Errors
    /// [`RegisterError::Unknown`]; [`RegisterError::Linked`] when it is somebody else already.
    pub fn link_subject(
        &mut self,
        kind: Kind,
        name: &str,
        subject: &Subject,
        now: i64,
    ) -> Result<(), RegisterError> {
        self.on(kind, name, |tx, id| {
            let holder = "SELECT p.id, p.name FROM subject s JOIN principal p ON p.id = s.principal
                          WHERE s.issuer = ?1 AND s.subject = ?2";
            let held: Option<(i64, String)> = tx
                .query_row(holder, params![subject.issuer, subject.subject], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })
                .optional()?;
            match held {
                Some((holder, _)) if holder == id => return Ok(()),
                Some((_, holder)) => return Err(RegisterError::Linked(holder)),
                None => {}
            }
            tx.execute(
                "INSERT INTO subject (issuer, subject, principal, made_at) VALUES (?1, ?2, ?3, ?4)",
                params![subject.issuer, subject.subject, id, now],
            )?;
            Ok(())
        })
    }

    /// Says that it is so no more, and ends the sessions that began with it; `false` when it was not so.
    ///
    /// # Errors
    /// [`RegisterError::Unknown`].
    pub fn unlink_subject(
        &mut self,
        kind: Kind,
        name: &str,
        subject: &Subject,
    ) -> Result<bool, RegisterError> {
        self.on(kind, name, |tx, id| {
            let gone = tx.execute(
                "DELETE FROM subject WHERE principal = ?1 AND issuer = ?2 AND subject = ?3",
                params![id, subject.issuer, subject.subject],
            )?;
            if gone > 0 {
                tx.execute("UPDATE principal SET version = version + 1 WHERE id = ?1", [id])?;
            }
            Ok(gone > 0)
        })
    }

    /// Binds an AE title to a certificate, or to none.
    ///
    /// # Errors
    /// [`RegisterError::Unknown`].
    pub fn bind(&mut self, name: &str, certificate: Option<Certificate>) -> Result<(), RegisterError> {
        self.on(Kind::AeTitle, name, |tx, id| {
            tx.execute("DELETE FROM certificate WHERE principal = ?1", [id])?;
            if let Some(Certificate(fingerprint)) = certificate {
                let insert = "INSERT INTO certificate (principal, fingerprint) VALUES (?1, ?2)";
                tx.execute(insert, params![id, fingerprint])?;
            }
            Ok(())
        })
    }

    /// Sets an account's password, by its hash, and ends its sessions; the value is the credential version from now on.
    ///
    /// # Errors
    /// [`RegisterError::Unknown`].
    pub fn set_password(&mut self, name: &str, new: &PasswordHash, now: i64) -> Result<i64, RegisterError> {
        self.on(Kind::Account, name, |tx, id| set_password(tx, id, new, now))
    }

    /// Ends an account's sessions; the value is the credential version from now on.
    ///
    /// # Errors
    /// [`RegisterError::Unknown`].
    pub fn end_sessions(&mut self, name: &str) -> Result<i64, RegisterError> {
        self.on(Kind::Account, name, next_version)
    }

    /// Says that a holding belongs to a case.
    ///
    /// # Errors
    /// [`RegisterError`].
    pub fn add_to_case(&mut self, case: &str, holding: &Holding) -> Result<(), RegisterError> {
        self.write(|tx| {
            tx.execute(
                "INSERT INTO case_holding (case_id, custodian, study) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                params![case, holding.custodian.as_str(), holding.study.as_str()],
            )?;
            Ok(())
        })
    }

    pub(crate) fn on<T>(
        &mut self,
        kind: Kind,
        name: &str,
        work: impl FnOnce(&Transaction<'_>, i64) -> Result<T, RegisterError>,
    ) -> Result<T, RegisterError> {
        self.write(|tx| work(tx, id_of(tx, kind, name)?))
    }

    pub(crate) fn write<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, RegisterError>,
    ) -> Result<T, RegisterError> {
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&tx)?;
        tx.commit()?;
        Ok(done)
    }
}

pub(crate) fn id_of(tx: &Transaction<'_>, kind: Kind, name: &str) -> Result<i64, RegisterError> {
    let find = "SELECT id FROM principal WHERE kind = ?1 AND name = ?2";
    let id = tx.query_row(find, params![kind.name(), name], |row| row.get(0)).optional()?;
    id.ok_or_else(|| RegisterError::Unknown(name.to_owned()))
}

pub(crate) fn add(
    tx: &Transaction<'_>,
    kind: Kind,
    name: &str,
    custodian: &CustodianId,
    now: i64,
) -> Result<(), RegisterError> {
    let made = tx.execute(
        "INSERT INTO principal (kind, name, custodian, made_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        params![kind.name(), name, custodian.as_str(), now],
    )?;
    if made == 0 { Err(RegisterError::Taken(name.to_owned())) } else { Ok(()) }
}

/// Sets a password; the value is the credential version from now on.
pub(crate) fn set_password(
    tx: &Transaction<'_>,
    id: i64,
    new: &PasswordHash,
    now: i64,
) -> Result<i64, RegisterError> {
    tx.execute(
        "INSERT OR REPLACE INTO password (principal, memory, passes, lanes, salt, hash, set_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![id, new.memory, new.passes, new.lanes, new.salt, new.hash, now],
    )?;
    next_version(tx, id)
}

/// The credential version after this change.
pub(crate) fn next_version(tx: &Transaction<'_>, id: i64) -> Result<i64, RegisterError> {
    let next = "UPDATE principal SET version = version + 1 WHERE id = ?1 RETURNING version";
    Ok(tx.query_row(next, [id], |row| row.get(0))?)
}
