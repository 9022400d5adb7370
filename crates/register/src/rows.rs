//! Reading: everything at once. Some 300 bytes for each principal and 100 for each grant.

use std::collections::HashMap;

use access::{CustodianId, Grant, Holding};
use rusqlite::{Connection, Row};

use crate::RegisterError;
use crate::links::{self, Link};

/// What a principal is recognised as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A person.
    Account,
    /// A service with a bearer token.
    Token,
    /// An application entity that calls over DIMSE.
    AeTitle,
}

impl Kind {
    /// Its word in the file.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Account => "account",
            Kind::Token => "token",
            Kind::AeTitle => "aet",
        }
    }

    fn read(text: &str) -> Result<Self, RegisterError> {
        [Kind::Account, Kind::Token, Kind::AeTitle]
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or(RegisterError::Corrupt("a principal's kind"))
    }
}

/// SHA-256 of a client certificate's DER.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Certificate(pub [u8; 32]);

/// An argon2id hash, with all that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordHash {
    /// KiB.
    pub memory: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
    /// Random.
    pub salt: Vec<u8>,
    /// What came out.
    pub hash: Vec<u8>,
}

/// Somebody who is known.
#[derive(Clone, Debug)]
pub struct Known {
    /// Its number, which is never given again.
    pub id: i64,
    /// Recognised as what.
    pub kind: Kind,
    /// Unique within its kind.
    pub name: String,
    /// Whose holdings its stores become.
    pub custodian: CustodianId,
    /// Lets nobody in.
    pub disabled: bool,
    /// For an account: goes up with each change of what it comes in by, so that sessions from before end.
    pub version: i64,
    /// What it may do.
    pub grants: Vec<Grant>,
    /// For an AE title.
    pub certificate: Option<Certificate>,
    /// For an account.
    pub password: Option<PasswordHash>,
    /// For an account: whether it has a second factor.
    pub factor: bool,
    /// For a service: each digest and its last moment.
    pub tokens: Vec<TokenRow>,
    /// As whom identity providers know it.
    pub subjects: Vec<Subject>,
}

/// Somebody that an identity provider names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    /// The provider, letter by letter as its tokens have it.
    pub issuer: String,
    /// Its name for somebody, letter by letter.
    pub subject: String,
}

/// One of a service's tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenRow {
    /// SHA-256 of it.
    pub digest: [u8; 32],
    /// When it was made.
    pub made_at: i64,
    /// The last moment at which it counts.
    pub expires_at: i64,
}

/// All that the register knows at one moment.
#[derive(Clone, Debug, Default)]
pub struct Everybody {
    /// Everybody, by kind and name.
    pub known: Vec<Known>,
    /// What each case holds.
    pub cases: HashMap<String, Vec<Holding>>,
    /// Links that were not withdrawn.
    pub links: Vec<Link>,
}

pub(crate) fn everybody(conn: &Connection) -> Result<Everybody, RegisterError> {
    let mut known = principals(conn)?;
    let place: HashMap<i64, usize> = known.iter().enumerate().map(|(at, one)| (one.id, at)).collect();
    let of = |row: &Row<'_>| -> Result<usize, RegisterError> {
        place.get(&row.get::<_, i64>(0)?).copied().ok_or(RegisterError::Corrupt("a row of nobody"))
    };
    each(conn, "SELECT principal, role, target, until FROM given ORDER BY id", |row| {
        let grant = grant(row.get_ref(1)?.as_str().ok(), row.get_ref(2)?.as_str().ok(), row.get(3)?)?;
        known[of(row)?].grants.push(grant);
        Ok(())
    })?;
    each(conn, "SELECT principal, digest, made_at, expires_at FROM token ORDER BY id", |row| {
        let token = TokenRow { digest: row.get(1)?, made_at: row.get(2)?, expires_at: row.get(3)? };
        known[of(row)?].tokens.push(token);
        Ok(())
    })?;
    each(conn, "SELECT principal, fingerprint FROM certificate", |row| {
        known[of(row)?].certificate = Some(Certificate(row.get(1)?));
        Ok(())
    })?;
    each(conn, "SELECT principal, memory, passes, lanes, salt, hash FROM password", |row| {
        known[of(row)?].password = Some(PasswordHash {
            memory: row.get(1)?,
            passes: row.get(2)?,
            lanes: row.get(3)?,
            salt: row.get(4)?,
            hash: row.get(5)?,
        });
        Ok(())
    })?;
    each(conn, "SELECT principal FROM totp", |row| {
        known[of(row)?].factor = true;
        Ok(())
    })?;
    each(conn, "SELECT principal, issuer, subject FROM subject ORDER BY issuer, subject", |row| {
        known[of(row)?].subjects.push(Subject { issuer: row.get(1)?, subject: row.get(2)? });
        Ok(())
    })?;
    let mut cases: HashMap<String, Vec<Holding>> = HashMap::new();
    each(conn, "SELECT case_id, custodian, study FROM case_holding", |row| {
        let (custodian, study): (String, String) = (row.get(1)?, row.get(2)?);
        let corrupt = RegisterError::Corrupt("a case's holding");
        let (Ok(study), Ok(custodian)) = (study.parse(), custodian.parse()) else { return Err(corrupt) };
        cases.entry(row.get(0)?).or_default().push(Holding { study, custodian });
        Ok(())
    })?;
    let links = links::links(conn, "revoked_at IS NULL")?;
    Ok(Everybody { known, cases, links })
}

fn principals(conn: &Connection) -> Result<Vec<Known>, RegisterError> {
    let mut known = Vec::new();
    each(
        conn,
        "SELECT id, kind, name, custodian, disabled, version FROM principal ORDER BY kind, name",
        |row| {
            let (kind, custodian): (String, String) = (row.get(1)?, row.get(3)?);
            known.push(Known {
                id: row.get(0)?,
                kind: Kind::read(&kind)?,
                name: row.get(2)?,
                custodian: custodian.parse().map_err(|_| RegisterError::Corrupt("a custodian"))?,
                disabled: row.get(4)?,
                version: row.get(5)?,
                grants: Vec::new(),
                certificate: None,
                password: None,
                factor: false,
                tokens: Vec::new(),
                subjects: Vec::new(),
            });
            Ok(())
        },
    )?;
    Ok(known)
}

fn grant(role: Option<&str>, on: Option<&str>, until: Option<i64>) -> Result<Grant, RegisterError> {
    let corrupt = || RegisterError::Corrupt("a grant");
    let role = role.and_then(|role| role.parse().ok()).ok_or_else(corrupt)?;
    let on = on.and_then(|on| on.parse().ok()).ok_or_else(corrupt)?;
    Ok(Grant { role, on, until })
}

pub(crate) fn each(
    conn: &Connection,
    query: &str,
    mut take: impl FnMut(&Row<'_>) -> Result<(), RegisterError>,
) -> Result<(), RegisterError> {
    let mut statement = conn.prepare_cached(query)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        take(row)?;
    }
    Ok(())
}
