//! Links that are given away: made, opened and withdrawn.
//!
//! A link is 256 random bits, shown once and kept as SHA-256. A share shows holdings that its maker may share, an upload
//! link lets images be sent to one custodian; either counts only as long as its maker may do the same. What makes a link
//! not work (unknown, withdrawn, expired, used up, its maker gone) is told to nobody who holds it.

mod pace;
mod told;
mod wanted;

use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use access::{Action, Door, Principal};
use register::{Kind, Link, LinkKind, Maker, Register, RegisterError, Tries, Try};

use self::pace::Pace;
use crate::password;
use crate::{Recogniser, digest, random};

pub use self::told::{Done, told};
pub use self::wanted::{Code, LinkError, Purpose, Wanted};

/// Access codes that may be tried: 5 in 15 minutes, then none for 15 minutes.
const TRIES: Tries = Tries { most: 5, period: 15 * 60 };

/// The links of the register. Its calls wait for the disk, and some for an argon2id hash.
#[derive(Debug)]
pub struct Links {
    register: Mutex<Register>,
    doors: Arc<Recogniser>,
    pace: Mutex<Pace>,
}

/// A link that was just made. This is the only moment at which its secrets can be read.
#[derive(Clone, Debug)]
pub struct Fresh {
    /// The link.
    pub link: Link,
    /// Its secret, which goes behind the `#` of the address.
    pub token: String,
    /// Its access code, to be told apart from it.
    pub code: Option<String>,
}

/// A link that was opened.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The link.
    pub link: Link,
    /// SHA-256 of its secret, which a session stands for.
    pub digest: crate::Digest,
    /// What it may do.
    pub principal: Principal,
}

/// Why a link was not opened.
#[derive(Debug, thiserror::Error)]
pub enum Shut {
    /// It does not work, or no longer. Which of these is for the audit only.
    #[error("the link does not work")]
    Dead {
        /// Its number, if it was ever one's.
        id: Option<i64>,
        /// Why, in a word or two.
        why: &'static str,
    },
    /// Whoever asks has guessed too often of late.
    #[error("too many guesses; try again in {wait} s")]
    TooMany {
        /// Seconds until the next guess is looked at.
        wait: i64,
    },
    /// It has an access code, and none was given.
    #[error("the link has an access code")]
    NeedsCode,
    /// The access code is not this one.
    #[error("the access code does not match")]
    WrongCode {
        /// The link's number.
        id: i64,
        /// Tries left; at 0 the link was locked now.
        left: u32,
    },
    /// No access code is looked at for some time.
    #[error("the link is locked for {wait} s")]
    Locked {
        /// The link's number.
        id: i64,
        /// Seconds.
        wait: i64,
    },
    /// The register cannot be used.
    #[error(transparent)]
    Register(#[from] RegisterError),
}

impl Links {
    /// Opens the register at this path beside the recogniser of the same.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path, doors: Arc<Recogniser>) -> Result<Self, RegisterError> {
        Ok(Self { register: Mutex::new(Register::open(path)?), doors, pace: Mutex::default() })
    }

    /// Whether somebody may make links for this purpose.
    pub fn may_make(who: &Principal, purpose: LinkKind) -> bool {
        let allowed = who.allowed();
        match purpose {
            LinkKind::Share => allowed.reach(Action::Share).is_some(),
            LinkKind::Upload => asks_for(who, allowed.reach(Action::Store)),
        }
    }

    /// Makes a link.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn make(&self, who: &Principal, wanted: &Wanted, now: i64) -> Result<Fresh, LinkError> {
        let wanted = wanted.checked(now)?;
        let (kind, holdings) = match &wanted.purpose {
            Purpose::Share(holdings) => {
                let reach = who.allowed().reach(Action::Share).ok_or(LinkError::NotAllowed)?;
                if !holdings.iter().all(|holding| reach.covers(holding)) {
                    return Err(LinkError::NotAllowed);
                }
                (LinkKind::Share, holdings.clone())
            }
            Purpose::Upload if asks_for(who, who.allowed().reach(Action::Store)) => {
                (LinkKind::Upload, Vec::new())
            }
            Purpose::Upload => return Err(LinkError::NotAllowed),
        };
        let code = wanted.code.text()?;
        let hash = code.as_deref().map(|code| password::hash(&wanted::plain(code))).transpose()?;
        let token = random()?;
        let mut register = self.register();
        let maker = maker(&register, who)?;
        let mut link = Link {
            id: 0,
            digest: digest(&token),
            kind,
            label: wanted.label,
            custodian: who.custodian().clone(),
            case: None,
            maker,
            maker_name: who.name().to_owned(),
            made_at: now,
            expires_at: wanted.expires_at,
            uses: 0,
            noticed: 0,
            use_limit: wanted.use_limit,
            revoked_at: None,
            locked_until: 0,
            code: hash,
            holdings,
            openings: Vec::new(),
        };
        link.id = register.add_link(&link, now)?;
        Ok(Fresh { link, token, code })
    }

    /// The link of this digest and what it may do, if it counts at this moment.
    ///
    /// # Errors
    /// When the register cannot be read: then nobody is let in.
    pub fn by_digest(
        &self,
        digest: &crate::Digest,
        now: i64,
    ) -> Result<Option<(Link, Principal)>, RegisterError> {
        self.doors.link(digest, now)
    }

    /// Opens a link with its secret, and its access code if it has one. Counts one use.
    ///
    /// # Errors
    /// [`Shut`].
    pub fn enter(&self, token: &str, code: &str, from: IpAddr, now: i64) -> Result<Opened, Shut> {
        let digest = digest(token.trim());
        let Some((link, principal)) = self.doors.link(&digest, now)? else {
            return Err(self.guessed(from, now, self.dead(&digest, now)?));
        };
        if link.use_limit.is_some_and(|limit| link.uses >= limit) {
            return Err(self.guessed(from, now, Shut::Dead { id: Some(link.id), why: "used up" }));
        }
        if let Some(kept) = &link.code {
            let code = wanted::plain(code);
            if code.is_empty() {
                return Err(Shut::NeedsCode);
            }
            let left = match self.register().take_try(link.id, TRIES, now)? {
                Try::Taken { left } => left,
                Try::Locked { until } => return Err(Shut::Locked { id: link.id, wait: until - now + 1 }),
            };
            // Without the lock: it takes some 30 ms.
            if !password::is_right(&code, kept) {
                let wrong = Shut::WrongCode { id: link.id, left };
                // That a link is locked is told whatever the address did.
                return Err(if left == 0 { wrong } else { self.guessed(from, now, wrong) });
            }
            self.register().give_try_back(link.id)?;
        }
        let address = from.to_canonical().to_string();
        if !self.register().use_link(link.id, &address, now)? {
            return Err(self.guessed(from, now, Shut::Dead { id: Some(link.id), why: "ended meanwhile" }));
        }
        Ok(Opened { link, digest, principal })
    }

    /// Ends a link, for its maker or whoever runs the server; the link, and whether it was open until now.
    ///
    /// # Errors
    /// [`LinkError::Unknown`] also for a link that is somebody else's.
    pub fn revoke(&self, who: &Principal, id: i64, now: i64) -> Result<(Link, bool), LinkError> {
        let mut register = self.register();
        let maker = maker(&register, who).ok();
        let link = register.links()?.into_iter().find(|link| link.id == id);
        let link = link.filter(|link| sees(who, maker.as_ref(), link)).ok_or(LinkError::Unknown(id))?;
        let ended = register.revoke_link(id, now)?;
        Ok((link, ended))
    }

    /// The links that somebody made, or all for whoever runs the server; the newest first.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn list(&self, who: &Principal) -> Result<Vec<Link>, LinkError> {
        let register = self.register();
        let maker = maker(&register, who).ok();
        let links = register.links()?.into_iter();
        Ok(links.filter(|link| sees(who, maker.as_ref(), link)).collect())
    }

    /// As [`Links::list`], for somebody who looks at them: from then on the maker of a link knows of its openings. What is
    /// given says of how many it knew before.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn look(&self, who: &Principal) -> Result<Vec<Link>, LinkError> {
        let links = self.list(who)?;
        let mut register = self.register();
        if let Ok(maker) = maker(&register, who) {
            let news = links.iter().filter(|link| link.maker == maker && link.uses > link.noticed);
            let news: Vec<_> = news.map(|link| (link.id, link.uses)).collect();
            if !news.is_empty() {
                // Where that cannot be written, the list is shown all the same, and they are news once more.
                drop(register.notice_links(&news));
            }
        }
        Ok(links)
    }

    /// How many openings of its links somebody does not know of; withdrawn ones are not counted. From memory.
    pub fn news(&self, who: &Principal) -> u32 {
        // Whoever cannot be told now is told at the next page.
        self.doors.news(who).unwrap_or(0)
    }

    /// Why no link of this digest works.
    fn dead(&self, digest: &crate::Digest, now: i64) -> Result<Shut, RegisterError> {
        Ok(match self.register().fate(digest)? {
            None => Shut::Dead { id: None, why: "unknown" },
            Some((id, Some(_), _)) => Shut::Dead { id: Some(id), why: "withdrawn" },
            Some((id, None, last)) if last < now => Shut::Dead { id: Some(id), why: "expired" },
            Some((id, ..)) => Shut::Dead { id: Some(id), why: "its maker may not do this any more" },
        })
    }

    /// Counts a guess; what it is answered.
    fn guessed(&self, from: IpAddr, now: i64, otherwise: Shut) -> Shut {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        match pace.take(from, now) {
            Ok(()) => otherwise,
            Err(wait) => Shut::TooMany { wait },
        }
    }

    fn register(&self) -> MutexGuard<'_, Register> {
        // Each change is a transaction: whoever panicked left it as it was.
        self.register.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether who stores within this reach may ask others for images: as far as it stores for its own custodian. Whoever came
/// by a link makes none.
fn asks_for(who: &Principal, reach: Option<&access::Reach>) -> bool {
    who.door() != Door::Link && reach.is_some_and(|reach| reach.covers_all_of(who.custodian()))
}

/// Who this is as the maker of links. Somebody of the register first, by its name: its grants bound what it makes.
fn maker(register: &Register, who: &Principal) -> Result<Maker, LinkError> {
    let kinds: &[Kind] = match who.door() {
        Door::Token => &[Kind::Token],
        Door::Account => &[Kind::Account],
        Door::Console => return Ok(Maker::Console),
        Door::AeTitle | Door::Oidc | Door::Loopback | Door::Link => return Err(LinkError::NotAllowed),
    };
    for kind in kinds {
        if let Some(number) = register.number(*kind, who.name())? {
            return Ok(Maker::Principal(Some(number)));
        }
    }
    match (who.door(), who.allowed().reach(Action::Administer)) {
        (Door::Token, Some(_)) => Ok(Maker::Administrator),
        _ => Err(LinkError::NotAllowed),
    }
}

fn sees(who: &Principal, maker: Option<&Maker>, link: &Link) -> bool {
    who.allowed().reach(Action::Administer).is_some() || maker == Some(&link.maker)
}

#[cfg(test)]
mod tests;
