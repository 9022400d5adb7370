//! Links: kept, read and changed. Each change is one durable transaction.

use access::{CustodianId, Holding};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::rows::each;
use crate::{Kind, PasswordHash, Register, RegisterError};

/// Most links of one maker that have not ended.
const OPEN: i64 = 1_000;
/// Openings of one link that are kept: the last.
const OPENINGS: i64 = 50;
/// A link that ended so long ago is forgotten, in seconds; the audit trail has its story.
const REMEMBERED: i64 = 400 * 86_400;

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkKind {
    /// To see what it names.
    Share,
    /// To send images to a custodian, and nothing else.
    Upload,
}

impl LinkKind {
    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            LinkKind::Share => "share",
            LinkKind::Upload => "upload",
        }
    }

    fn read(text: &str) -> Result<Self, RegisterError> {
        match text {
            "share" => Ok(LinkKind::Share),
            "upload" => Ok(LinkKind::Upload),
            _ => Err(RegisterError::Corrupt("a link's kind")),
        }
    }
}

/// Who made a link. What its maker may no longer do, the link may not do either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Maker {
    /// Somebody of the register, by number; `None` when it is known no more.
    Principal(Option<i64>),
    /// The holder of the administrator's token from the file.
    Administrator,
    /// The command line on the machine itself.
    Console,
}

impl Maker {
    fn kind(&self) -> &'static str {
        match self {
            Maker::Principal(_) => "principal",
            Maker::Administrator => "administrator",
            Maker::Console => "console",
        }
    }
}

/// A link as it is kept.
#[derive(Clone, Debug)]
pub struct Link {
    /// Its number, which is never given again.
    pub id: i64,
    /// SHA-256 of its secret.
    pub digest: [u8; 32],
    /// What it is for.
    pub kind: LinkKind,
    /// For whom, in its maker's words.
    pub label: String,
    /// Whose holdings become what is sent by it.
    pub custodian: CustodianId,
    /// For which case, if for one.
    pub case: Option<String>,
    /// Who made it.
    pub maker: Maker,
    /// Its maker's name when it was made.
    pub maker_name: String,
    /// When.
    pub made_at: i64,
    /// The last moment at which it counts.
    pub expires_at: i64,
    /// How often it was opened.
    pub uses: u32,
    /// Of how many of these its maker knows.
    pub noticed: u32,
    /// How often it may be.
    pub use_limit: Option<u32>,
    /// When it was withdrawn.
    pub revoked_at: Option<i64>,
    /// The last moment at which no access code is looked at.
    pub locked_until: i64,
    /// Its access code's hash.
    pub code: Option<PasswordHash>,
    /// What a share shows.
    pub holdings: Vec<Holding>,
    /// The last openings, the newest first; empty in [`crate::Everybody`].
    pub openings: Vec<Opening>,
}

/// A link was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// When.
    pub at: i64,
    /// From which network address.
    pub address: String,
}

/// How many access codes may be tried in how many seconds.
#[derive(Clone, Copy, Debug)]
pub struct Tries {
    /// So many.
    pub most: u32,
    /// In so many seconds; then for as long no code is looked at.
    pub period: i64,
}

/// Whether an access code may be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Try {
    /// It may; so many are left after it.
    Taken {
        /// Left before the link is locked.
        left: u32,
    },
    /// Not before this moment.
    Locked {
        /// The last moment at which none may.
        until: i64,
    },
}

impl Register {
    /// All links, the newest first, with their last openings.
    ///
    /// # Errors
    /// [`RegisterError`].
    pub fn links(&self) -> Result<Vec<Link>, RegisterError> {
        let read = self.conn.unchecked_transaction()?;
        let mut links = links(&read, "1")?;
        links.reverse();
        each(&read, "SELECT link, at, address FROM link_opening ORDER BY id DESC", |row| {
            let (id, at, address): (i64, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            if let Ok(place) = links.binary_search_by(|link| id.cmp(&link.id)) {
                links[place].openings.push(Opening { at, address });
            }
            Ok(())
        })?;
        read.commit()?;
        Ok(links)
    }

    /// Of a link that may have ended: its number, when it was withdrawn, and its last moment.
    ///
    /// # Errors
    /// [`RegisterError`].
    pub fn fate(&self, digest: &[u8; 32]) -> Result<Option<(i64, Option<i64>, i64)>, RegisterError> {
        let query = "SELECT id, revoked_at, expires_at FROM link WHERE digest = ?1";
        let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        Ok(self.conn.prepare_cached(query)?.query_row([digest], row).optional()?)
    }

    /// The number of somebody of this kind and name.
    ///
    /// # Errors
    /// [`RegisterError`].
    pub fn number(&self, kind: Kind, name: &str) -> Result<Option<i64>, RegisterError> {
        let query = "SELECT id FROM principal WHERE kind = ?1 AND name = ?2";
        Ok(self.conn.query_row(query, params![kind.name(), name], |row| row.get(0)).optional()?)
    }

    /// Keeps a link, but for its number, uses and openings; the number that it gets.
    ///
    /// # Errors
    /// [`RegisterError::TooManyLinks`].
    pub fn add_link(&mut self, new: &Link, now: i64) -> Result<i64, RegisterError> {
        self.write(|tx| {
            tx.execute("DELETE FROM link WHERE expires_at < ?1", [now - REMEMBERED])?;
            let number = match new.maker {
                Maker::Principal(number) => number,
                Maker::Administrator | Maker::Console => None,
            };
            let open: i64 = tx.query_row(
                "SELECT count(*) FROM link WHERE maker IS ?1 AND maker_kind = ?2 AND revoked_at IS NULL AND expires_at >= ?3",
                params![number, new.maker.kind(), now],
                |row| row.get(0),
            )?;
            if open >= OPEN {
                return Err(RegisterError::TooManyLinks(OPEN));
            }
            tx.execute(
                "INSERT INTO link (digest, kind, label, custodian, case_id, maker, maker_kind, maker_name, made_at,
                                   expires_at, use_limit)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                params![
                    new.digest,
                    new.kind.name(),
                    new.label,
                    new.custodian.as_str(),
                    new.case,
                    number,
                    new.maker.kind(),
                    new.maker_name,
                    now,
                    new.expires_at,
                    new.use_limit,
                ],
            )?;
            let id = tx.last_insert_rowid();
            if let Some(code) = &new.code {
                tx.execute(
                    "INSERT INTO link_code (link, memory, passes, lanes, salt, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    params![id, code.memory, code.passes, code.lanes, code.salt, code.hash],
                )?;
            }
            for holding in &new.holdings {
                tx.execute(
                    "INSERT INTO link_holding (link, custodian, study) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                    params![id, holding.custodian.as_str(), holding.study.as_str()],
                )?;
            }
            Ok(id)
        })
    }

    /// Ends a link; `false` when it had been ended already.
    ///
    /// # Errors
    /// [`RegisterError::UnknownLink`].
    pub fn revoke_link(&mut self, id: i64, now: i64) -> Result<bool, RegisterError> {
        self.write(|tx| {
            let known: Option<Option<i64>> = tx
                .query_row("SELECT revoked_at FROM link WHERE id = ?1", [id], |row| row.get(0))
                .optional()?;
            match known {
                None => Err(RegisterError::UnknownLink(id)),
                Some(Some(_)) => Ok(false),
                Some(None) => {
                    tx.execute("UPDATE link SET revoked_at = ?2 WHERE id = ?1", params![id, now])?;
                    Ok(true)
                }
            }
        })
    }

    /// Counts one use, unless the link has ended by now.
    ///
    /// # Errors
    /// [`RegisterError`].
    pub fn use_link(&mut self, id: i64, address: &str, now: i64) -> Result<bool, RegisterError> {
        self.write(|tx| {
            let used = tx.execute(
                "UPDATE link SET uses = uses + 1
                 WHERE id = ?1 AND revoked_at IS NULL AND expires_at >= ?2 AND (use_limit IS NULL OR uses < use_limit)",
                params![id, now],
            )?;
            if used == 0 {
                return Ok(false);
            }
            tx.execute(
                "INSERT INTO link_opening (link, at, address) VALUES (?1, ?2, ?3)",
                params![id, now, address],
            )?;
            tx.execute(
                "DELETE FROM link_opening WHERE link = ?1 AND id <= (SELECT id FROM link_opening WHERE link = ?1 ORDER BY id DESC
                     LIMIT 1 OFFSET ?2)",
                params![id, OPENINGS],
            )?;
            Ok(true)
        })
    }

    /// Notes of how many openings of each of these links, by number, its maker knows.
    ///
    /// # Errors
    /// [`RegisterError`].
    pub fn notice_links(&mut self, known: &[(i64, u32)]) -> Result<(), RegisterError> {
        self.write(|tx| {
            for (id, uses) in known {
                tx.execute("UPDATE link SET noticed = max(noticed, ?2) WHERE id = ?1", params![id, uses])?;
            }
            Ok(())
        })
    }

    /// Takes one try of an access code, before it is known whether the code is right: tries at the same moment are
    /// counted, too. The last one locks the link until it is given back.
    ///
    /// # Errors
    /// [`RegisterError`].
    pub fn take_try(&mut self, id: i64, tries: Tries, now: i64) -> Result<Try, RegisterError> {
        self.write(|tx| {
            let (failures, since, locked_until): (u32, i64, i64) = tx.query_row(
                "SELECT failures, failing_since, locked_until FROM link WHERE id = ?1",
                [id],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )?;
            if now <= locked_until {
                return Ok(Try::Locked { until: locked_until });
            }
            let (failures, since) = if now > since + tries.period || locked_until > 0 {
                (1, now)
            } else {
                (failures.saturating_add(1), since)
            };
            let locked_until = if failures >= tries.most { now + tries.period } else { 0 };
            tx.execute(
                "UPDATE link SET failures = ?2, failing_since = ?3, locked_until = ?4 WHERE id = ?1",
                params![id, failures, since, locked_until],
            )?;
            Ok(Try::Taken { left: tries.most.saturating_sub(failures) })
        })
    }

    /// Gives a try back: its code was right.
    ///
    /// # Errors
    /// [`RegisterError`].
    pub fn give_try_back(&mut self, id: i64) -> Result<(), RegisterError> {
        self.write(|tx| {
            tx.execute(
                "UPDATE link SET failures = max(failures - 1, 0), locked_until = 0 WHERE id = ?1",
                [id],
            )?;
            Ok(())
        })
    }
}

/// Links of which this condition holds, by number.
pub(crate) fn links(conn: &Connection, condition: &str) -> Result<Vec<Link>, RegisterError> {
    let mut links: Vec<Link> = Vec::new();
    let query = format!(
        "SELECT l.id, digest, kind, label, custodian, case_id, maker, maker_kind, maker_name, made_at, expires_at, uses,
                use_limit, revoked_at, locked_until, memory, passes, lanes, salt, hash, noticed
         FROM link l LEFT JOIN link_code c ON c.link = l.id WHERE {condition} ORDER BY l.id"
    );
    each(conn, &query, |row| {
        links.push(link(row)?);
        Ok(())
    })?;
    each(conn, "SELECT link, custodian, study FROM link_holding", |row| {
        let (id, custodian, study): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let corrupt = RegisterError::Corrupt("a link's holding");
        let (Ok(study), Ok(custodian)) = (study.parse(), custodian.parse()) else { return Err(corrupt) };
        if let Ok(place) = links.binary_search_by_key(&id, |link| link.id) {
            links[place].holdings.push(Holding { study, custodian });
        }
        Ok(())
    })?;
    Ok(links)
}

fn link(row: &Row<'_>) -> Result<Link, RegisterError> {
    let (kind, custodian, maker_kind): (String, String, String) = (row.get(2)?, row.get(4)?, row.get(7)?);
    let code = match row.get::<_, Option<u32>>(15)? {
        None => None,
        Some(memory) => Some(PasswordHash {
            memory,
            passes: row.get(16)?,
            lanes: row.get(17)?,
            salt: row.get(18)?,
            hash: row.get(19)?,
        }),
    };
    Ok(Link {
        id: row.get(0)?,
        digest: row.get(1)?,
        kind: LinkKind::read(&kind)?,
        label: row.get(3)?,
        custodian: custodian.parse().map_err(|_| RegisterError::Corrupt("a custodian"))?,
        case: row.get(5)?,
        maker: match maker_kind.as_str() {
            "principal" => Maker::Principal(row.get(6)?),
            "administrator" => Maker::Administrator,
            "console" => Maker::Console,
            _ => return Err(RegisterError::Corrupt("a link's maker")),
        },
        maker_name: row.get(8)?,
        made_at: row.get(9)?,
        expires_at: row.get(10)?,
        uses: row.get(11)?,
        noticed: row.get(20)?,
        use_limit: row.get(12)?,
        revoked_at: row.get(13)?,
        locked_until: row.get(14)?,
        code,
        holdings: Vec::new(),
        openings: Vec::new(),
    })
}
