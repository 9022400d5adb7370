//! What accounts come in by: password, second factor, recovery codes, set-up links. Each call that writes is one
//! durable transaction, so that what may be used once is used once.

use access::{CustodianId, On, Role};
use rusqlite::{OptionalExtension, Transaction, params};

use crate::write::{id_of, next_version};
use crate::{Kind, PasswordHash, Register, RegisterError};

/// What one account comes in by.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Its name.
    pub name: String,
    /// Lets nobody in.
    pub disabled: bool,
    /// Goes up with each change of these.
    pub version: i64,
    /// Its password's hash.
    pub password: Option<PasswordHash>,
    /// Its second factor.
    pub totp: Option<Totp>,
    /// How many recovery codes are left.
    pub recovery: u32,
}

/// A second factor that makes codes from the time.
#[derive(Clone)]
pub struct Totp {
    /// The shared secret.
    pub secret: Vec<u8>,
    /// The step of the last code that counted.
    pub last_step: i64,
}

impl std::fmt::Debug for Totp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Totp").field("last_step", &self.last_step).finish_non_exhaustive()
    }
}

/// A second factor that was just proven.
pub struct NewFactor<'a> {
    /// The shared secret.
    pub secret: &'a [u8],
    /// The step of the code that proved it.
    pub step: i64,
    /// SHA-256 of its recovery codes.
    pub recovery: &'a [[u8; 32]],
}

/// What a set-up link is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetUp {
    /// To make the first administrator's account.
    First,
    /// To set this account's password.
    Account(String),
}

impl Register {
    /// What the account of this name comes in by.
    ///
    /// # Errors
    /// [`RegisterError`].
    pub fn credentials(&self, name: &str) -> Result<Option<Credentials>, RegisterError> {
        let mut read = self.conn.prepare_cached(
            "SELECT p.name, p.disabled, p.version, w.memory, w.passes, w.lanes, w.salt, w.hash, t.secret, t.last_step,
                    (SELECT count(*) FROM recovery r WHERE r.principal = p.id)
             FROM principal p LEFT JOIN password w ON w.principal = p.id LEFT JOIN totp t ON t.principal = p.id
             WHERE p.kind = 'account' AND p.name = ?1",
        )?;
        let found = read.query_row([name], |row| {
            let password = match row.get::<_, Option<u32>>(3)? {
                None => None,
                Some(memory) => Some(PasswordHash {
                    memory,
                    passes: row.get(4)?,
                    lanes: row.get(5)?,
                    salt: row.get(6)?,
                    hash: row.get(7)?,
                }),
            };
            let totp = match row.get::<_, Option<Vec<u8>>>(8)? {
                None => None,
                Some(secret) => Some(Totp { secret, last_step: row.get(9)? }),
            };
            Ok(Credentials {
                name: row.get(0)?,
                disabled: row.get(1)?,
                version: row.get(2)?,
                password,
                totp,
                recovery: row.get(10)?,
            })
        });
        Ok(found.optional()?)
    }

    /// Lets the code of this step count, once: `false` when it, or a later one, counted before.
    ///
    /// # Errors
    /// [`RegisterError::Unknown`].
    pub fn use_step(&mut self, name: &str, step: i64) -> Result<bool, RegisterError> {
        self.on(Kind::Account, name, |tx, id| {
            let next = "UPDATE totp SET last_step = ?2 WHERE principal = ?1 AND last_step < ?2";
            Ok(tx.execute(next, params![id, step])? > 0)
        })
    }

    /// Uses up a recovery code: `false` when there is none such.
    ///
    /// # Errors
    /// [`RegisterError::Unknown`].
    pub fn use_recovery(&mut self, name: &str, digest: &[u8; 32]) -> Result<bool, RegisterError> {
        self.on(Kind::Account, name, |tx, id| {
            let used = "DELETE FROM recovery WHERE principal = ?1 AND digest = ?2";
            Ok(tx.execute(used, params![id, digest])? > 0)
        })
    }

    /// Gives an account its second factor and recovery codes, and ends its sessions; the value is its credential
    /// version from now on, none when it has a factor already.
    ///
    /// # Errors
    /// [`RegisterError::Unknown`].
    pub fn set_factor(
        &mut self,
        name: &str,
        new: &NewFactor<'_>,
        now: i64,
    ) -> Result<Option<i64>, RegisterError> {
        self.on(Kind::Account, name, |tx, id| {
            let made = tx.execute(
                "INSERT INTO totp (principal, secret, last_step, set_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
                params![id, new.secret, new.step, now],
            )?;
            if made == 0 {
                return Ok(None);
            }
            replace_recovery(tx, id, new.recovery, now)?;
            next_version(tx, id).map(Some)
        })
    }

    /// Gives an account other recovery codes; those before them are good no more.
    ///
    /// # Errors
    /// [`RegisterError::Unknown`].
    pub fn set_recovery(&mut self, name: &str, digests: &[[u8; 32]], now: i64) -> Result<(), RegisterError> {
        self.on(Kind::Account, name, |tx, id| replace_recovery(tx, id, digests, now))
    }

    /// Takes an account's second factor and recovery codes, and ends its sessions.
    ///
    /// # Errors
    /// [`RegisterError::Unknown`].
    pub fn reset_factor(&mut self, name: &str) -> Result<(), RegisterError> {
        self.on(Kind::Account, name, |tx, id| {
            tx.execute("DELETE FROM totp WHERE principal = ?1", [id])?;
            tx.execute("DELETE FROM recovery WHERE principal = ?1", [id])?;
            next_version(tx, id).map(drop)
        })
    }

    /// Keeps a set-up link by its digest. Earlier ones of the same purpose are good no more.
    ///
    /// # Errors
    /// [`RegisterError::Unknown`].
    pub fn add_set_up(
        &mut self,
        what: &SetUp,
        digest: &[u8; 32],
        now: i64,
        expires_at: i64,
    ) -> Result<(), RegisterError> {
        self.write(|tx| {
            let principal = match what {
                SetUp::First => None,
                SetUp::Account(name) => Some(id_of(tx, Kind::Account, name)?),
            };
            tx.execute(
                "DELETE FROM set_up WHERE principal IS ?1 OR expires_at < ?2",
                params![principal, now],
            )?;
            let insert =
                "INSERT INTO set_up (digest, principal, made_at, expires_at) VALUES (?1, ?2, ?3, ?4)";
            tx.execute(insert, params![digest, principal, now, expires_at])?;
            Ok(())
        })
    }

    /// What a set-up link of this digest is for; none when there is no such, or no longer.
    ///
    /// # Errors
    /// [`RegisterError`].
    pub fn set_up(&self, digest: &[u8; 32], now: i64) -> Result<Option<SetUp>, RegisterError> {
        set_up(&self.conn, digest, now)
    }

    /// Forgets the links that make a first administrator.
    ///
    /// # Errors
    /// [`RegisterError`].
    pub fn remove_first_set_up(&mut self) -> Result<(), RegisterError> {
        self.write(|tx| Ok(tx.execute("DELETE FROM set_up WHERE principal IS NULL", []).map(drop)?))
    }

    /// Whether there is an account that may run the server.
    ///
    /// # Errors
    /// [`RegisterError`].
    pub fn has_administrator(&self, now: i64) -> Result<bool, RegisterError> {
        has_administrator(&self.conn, now)
    }

    /// Uses a set-up link up: makes the first administrator's account with this name, or takes the account that the link
    /// is for, and sets its password. The value is the credential version from now on; none when the link is good no
    /// more, or there is an administrator by now.
    ///
    /// # Errors
    /// [`RegisterError::Taken`].
    pub fn use_set_up(
        &mut self,
        digest: &[u8; 32],
        name: &str,
        password: &PasswordHash,
        now: i64,
    ) -> Result<Option<i64>, RegisterError> {
        self.write(|tx| {
            let id = match set_up(tx, digest, now)? {
                None => return Ok(None),
                Some(SetUp::First) if has_administrator(tx, now)? => return Ok(None),
                Some(SetUp::First) => first_administrator(tx, name, now)?,
                Some(SetUp::Account(of)) if of == name => id_of(tx, Kind::Account, name)?,
                Some(SetUp::Account(_)) => return Ok(None),
            };
            tx.execute("DELETE FROM set_up WHERE digest = ?1", [digest])?;
            crate::write::set_password(tx, id, password, now).map(Some)
        })
    }
}

fn set_up(conn: &rusqlite::Connection, digest: &[u8; 32], now: i64) -> Result<Option<SetUp>, RegisterError> {
    let name: Option<Option<String>> = conn
        .query_row(
            "SELECT p.name FROM set_up s LEFT JOIN principal p ON p.id = s.principal
             WHERE s.digest = ?1 AND s.expires_at >= ?2 AND coalesce(p.disabled, 0) = 0",
            params![digest, now],
            |row| row.get(0),
        )
        .optional()?;
    Ok(name.map(|name| name.map_or(SetUp::First, SetUp::Account)))
}

fn has_administrator(conn: &rusqlite::Connection, now: i64) -> Result<bool, RegisterError> {
    Ok(conn.query_row(
        "SELECT EXISTS (SELECT 1 FROM principal p JOIN given g ON g.principal = p.id
         WHERE p.kind = 'account' AND p.disabled = 0 AND g.role = ?1 AND g.target = ?2 AND coalesce(g.until, ?3) >= ?3)",
        params![Role::Administrator.name(), On::Everything.to_string(), now],
        |row| row.get(0),
    )?)
}

fn first_administrator(tx: &Transaction<'_>, name: &str, now: i64) -> Result<i64, RegisterError> {
    crate::write::add(tx, Kind::Account, name, &CustodianId::local(), now)?;
    let id = id_of(tx, Kind::Account, name)?;
    tx.execute(
        "INSERT INTO given (principal, role, target, until, made_at) VALUES (?1, ?2, ?3, NULL, ?4)",
        params![id, Role::Administrator.name(), On::Everything.to_string(), now],
    )?;
    Ok(id)
}

fn replace_recovery(
    tx: &Transaction<'_>,
    id: i64,
    digests: &[[u8; 32]],
    now: i64,
) -> Result<(), RegisterError> {
    tx.execute("DELETE FROM recovery WHERE principal = ?1", [id])?;
    let mut insert =
        tx.prepare_cached("INSERT INTO recovery (principal, digest, made_at) VALUES (?1, ?2, ?3)")?;
    for digest in digests {
        insert.execute(params![id, digest, now])?;
    }
    Ok(())
}
