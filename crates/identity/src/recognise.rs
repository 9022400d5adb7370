//! What the doors ask: whose token is this, who calls by this AE title. Answers come from memory, and are never older
//! than the last change of the register.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use access::{Action, Allowed, Door, Principal, Reach};
use register::{Everybody, Kind, Known, Link, LinkKind, Maker, Register, RegisterError, Subject};
use subtle::ConstantTimeEq;

use crate::{Digest, Standing, scopes};

/// Recognises principals. Cheap to ask: some 2 µs for the look whether anything changed.
#[derive(Debug)]
pub struct Recogniser {
    /// Held for the look alone, never while rows are read.
    watch: Mutex<Watch>,
    /// Who reads rows; others that need them wait for it.
    reader: Mutex<Register>,
}

#[derive(Debug)]
struct Watch {
    register: Register,
    /// What it said before the snapshot was read.
    seen: i64,
    snapshot: Arc<Snapshot>,
}

/// The register in memory, in the order in which the doors ask.
#[derive(Debug, Default)]
struct Snapshot {
    everybody: Everybody,
    /// Place in `everybody.known`, and the last moment.
    by_token: HashMap<Digest, (usize, i64)>,
    by_aet: HashMap<String, usize>,
    /// Place in `everybody.links`.
    by_link: HashMap<Digest, usize>,
    /// Place in `everybody.known`, by number.
    by_number: HashMap<i64, usize>,
    by_account: HashMap<String, usize>,
    by_subject: HashMap<Subject, usize>,
    /// What somebody's grants came to, by number, from one moment to another: thousands of grants take milliseconds.
    resolved: Mutex<HashMap<i64, (i64, i64, Allowed)>>,
}

/// Somebody who calls by an AE title that the register knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Recognised.
    Is(Principal),
    /// The title is somebody's, but not whoever calls: disabled, or bound to another certificate.
    IsNot,
    /// The register does not know the title.
    Unknown,
}

impl Recogniser {
    /// Opens the register at this path, making it when it is not there.
    ///
    /// # Errors
    /// When it cannot be opened or read.
    pub fn open(path: &Path) -> Result<Self, RegisterError> {
        let (register, mut reader) = (Register::open(path)?, Register::open(path)?);
        let seen = register.change()?;
        let snapshot = Arc::new(Snapshot::of(reader.everybody()?));
        Ok(Self { watch: Mutex::new(Watch { register, seen, snapshot }), reader: Mutex::new(reader) })
    }

    /// Whose token has this digest.
    ///
    /// # Errors
    /// When the register cannot be read: then nobody is let in.
    pub fn holder(&self, digest: &Digest, now: i64) -> Result<Option<Principal>, RegisterError> {
        let snapshot = self.snapshot()?;
        let Some((place, expires_at)) = snapshot.by_token.get(digest).copied() else { return Ok(None) };
        Ok(snapshot.at(place).filter(|known| now <= expires_at && !known.disabled).map(|known| {
            Principal::with(Door::Token, &known.name, known.custodian.clone(), snapshot.allowed(known, now))
        }))
    }

    /// Whom a session stands for now; none when it is worth nothing any more.
    ///
    /// # Errors
    /// When the register cannot be read: then nobody is let in.
    pub fn stands(&self, standing: &Standing, now: i64) -> Result<Option<Principal>, RegisterError> {
        match standing {
            Standing::Token(digest) => self.holder(digest, now),
            Standing::Account { name, version } => {
                let snapshot = self.snapshot()?;
                let known = snapshot.by_account.get(name).and_then(|place| snapshot.at(*place));
                let good = known.filter(|known| !known.disabled && known.version == *version);
                Ok(good.map(|known| {
                    let allowed = snapshot.allowed(known, now);
                    Principal::with(Door::Account, &known.name, known.custodian.clone(), allowed)
                }))
            }
            Standing::Link(digest) => Ok(self.link(digest, now)?.map(|(_, principal)| principal)),
        }
    }

    /// Who an identity provider's access token stands for: what is linked to its subject, with the rights that the token's
    /// scope leaves. The token was verified before.
    ///
    /// # Errors
    /// When the register cannot be read: then nobody is let in.
    pub fn bearer(
        &self,
        subject: &Subject,
        scope: &str,
        now: i64,
    ) -> Result<Option<Principal>, RegisterError> {
        let snapshot = self.snapshot()?;
        Ok(snapshot.linked(subject).map(|known| {
            let allowed = snapshot.allowed(known, now).narrowed(|action| scopes::covers(scope, action));
            Principal::with(Door::Oidc, &known.name, known.custodian.clone(), allowed)
        }))
    }

    /// The account of whom an identity provider signed in. Services have no pages.
    ///
    /// # Errors
    /// When the register cannot be read: then nobody is let in.
    pub fn signed_in(&self, subject: &Subject) -> Result<Option<Standing>, RegisterError> {
        let snapshot = self.snapshot()?;
        let account = snapshot.linked(subject).filter(|known| known.kind == Kind::Account);
        Ok(account.map(|known| Standing::Account { name: known.name.clone(), version: known.version }))
    }

    /// Who calls by this AE title, with a client certificate of this SHA-256 if with any.
    ///
    /// Without a certificate of its own a title proves nothing: it stores as far as it may, and does nothing else.
    ///
    /// # Errors
    /// When the register cannot be read: then nobody is let in.
    pub fn caller(
        &self,
        title: &str,
        certificate: Option<&Digest>,
        now: i64,
    ) -> Result<Caller, RegisterError> {
        let snapshot = self.snapshot()?;
        let Some(known) = snapshot.by_aet.get(title).and_then(|place| snapshot.at(*place)) else {
            return Ok(Caller::Unknown);
        };
        let allowed = snapshot.allowed(known, now);
        let allowed = match (&known.certificate, certificate) {
            _ if known.disabled => return Ok(Caller::IsNot),
            (None, _) => allowed.only_store(),
            (Some(bound), Some(shown)) if bool::from(bound.0.ct_eq(shown)) => allowed,
            (Some(_), _) => return Ok(Caller::IsNot),
        };
        Ok(Caller::Is(Principal::with(Door::AeTitle, title, known.custodian.clone(), allowed)))
    }

    /// The link of this digest and what it may do, if it counts at this moment: what its maker may not share or store any
    /// more, the link may not either.
    ///
    /// # Errors
    /// When the register cannot be read: then nobody is let in.
    pub fn link(&self, digest: &Digest, now: i64) -> Result<Option<(Link, Principal)>, RegisterError> {
        let snapshot = self.snapshot()?;
        let link = snapshot.by_link.get(digest).and_then(|place| snapshot.everybody.links.get(*place));
        Ok(link.filter(|link| now <= link.expires_at).and_then(|link| {
            let allowed = snapshot.allowed_by(link, now)?;
            let name = format!("{} of {}", link.id, link.maker_name);
            Some((link.clone(), Principal::with(Door::Link, &name, link.custodian.clone(), allowed)))
        }))
    }

    /// How many openings of its links somebody does not know of.
    pub(crate) fn news(&self, who: &Principal) -> Result<u32, RegisterError> {
        let snapshot = self.snapshot()?;
        let kind = match who.door() {
            Door::Token => Kind::Token,
            Door::Account => Kind::Account,
            _ => return Ok(0),
        };
        let mut known = snapshot.everybody.known.iter();
        let maker = match known.find(|known| known.kind == kind && known.name == who.name()) {
            Some(known) => Maker::Principal(Some(known.id)),
            None if kind == Kind::Token => Maker::Administrator,
            None => return Ok(0),
        };
        let of_maker = snapshot.everybody.links.iter().filter(|link| link.maker == maker);
        Ok(of_maker.map(|link| link.uses.saturating_sub(link.noticed)).sum())
    }

    fn snapshot(&self) -> Result<Arc<Snapshot>, RegisterError> {
        match self.look()? {
            (_, Some(snapshot)) => Ok(snapshot),
            (_, None) => aside(|| self.read()),
        }
    }

    /// What the register says now, and the snapshot if nobody wrote since.
    fn look(&self) -> Result<(i64, Option<Arc<Snapshot>>), RegisterError> {
        let watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        let now = watch.register.change()?;
        Ok((now, (now == watch.seen).then(|| Arc::clone(&watch.snapshot))))
    }

    /// Reads everything anew, unless somebody did while this waited.
    fn read(&self) -> Result<Arc<Snapshot>, RegisterError> {
        // A reader that panicked left the register as it was.
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        // Before the rows: a commit in between is seen at the next look.
        let (seen, there) = self.look()?;
        if let Some(snapshot) = there {
            return Ok(snapshot);
        }
        let snapshot = Arc::new(Snapshot::of(reader.everybody()?));
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        (watch.seen, watch.snapshot) = (seen, Arc::clone(&snapshot));
        Ok(snapshot)
    }
}

/// Does what may take milliseconds where it keeps no other task waiting.
fn aside<T>(work: impl FnOnce() -> T) -> T {
    use tokio::runtime::{Handle, RuntimeFlavor};
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

impl Snapshot {
    fn of(everybody: Everybody) -> Self {
        let by_number = everybody.known.iter().enumerate().map(|(place, known)| (known.id, place)).collect();
        let by_link = everybody.links.iter().enumerate().map(|(place, link)| (link.digest, place)).collect();
        let (mut by_token, mut by_aet, mut by_account) = (HashMap::new(), HashMap::new(), HashMap::new());
        let mut by_subject = HashMap::new();
        for (place, known) in everybody.known.iter().enumerate() {
            for token in &known.tokens {
                by_token.insert(token.digest, (place, token.expires_at));
            }
            for subject in &known.subjects {
                by_subject.insert(subject.clone(), place);
            }
            match known.kind {
                Kind::AeTitle => drop(by_aet.insert(known.name.clone(), place)),
                Kind::Account => drop(by_account.insert(known.name.clone(), place)),
                Kind::Token => {}
            }
        }
        let resolved = Mutex::default();
        Self { everybody, by_token, by_aet, by_account, by_subject, by_link, by_number, resolved }
    }

    fn at(&self, place: usize) -> Option<&Known> {
        self.everybody.known.get(place)
    }

    /// Whoever is linked to this subject, and let in.
    fn linked(&self, subject: &Subject) -> Option<&Known> {
        self.by_subject.get(subject).and_then(|place| self.at(*place)).filter(|known| !known.disabled)
    }

    /// What a link allows: what it names, as far as its maker may do that now. `None` when nothing is left.
    fn allowed_by(&self, link: &Link, now: i64) -> Option<Allowed> {
        let by_maker = |action| match link.maker {
            Maker::Administrator | Maker::Console => Some(Reach::Everything),
            Maker::Principal(number) => {
                let maker = self.at(*self.by_number.get(&number?)?).filter(|known| !known.disabled)?;
                self.allowed(maker, now).reach(action).cloned()
            }
        };
        match link.kind {
            LinkKind::Share => {
                let reach = by_maker(Action::Share)?;
                let shown: Vec<_> =
                    link.holdings.iter().filter(|holding| reach.covers(holding)).cloned().collect();
                let reads = |action| matches!(action, Action::Search | Action::Retrieve);
                (!shown.is_empty()).then(|| Allowed::by(reads, &Reach::only(Vec::new(), shown)))
            }
            LinkKind::Upload => by_maker(Action::Store)?.covers_all_of(&link.custodian).then(|| {
                let reach = Reach::custodians(vec![link.custodian.clone()]);
                Allowed::by(|action| action == Action::Store, &reach)
            }),
        }
    }

    fn allowed(&self, known: &Known, now: i64) -> Allowed {
        let mut resolved = self.resolved.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((from, until, allowed)) = resolved.get(&known.id)
            && (*from..=*until).contains(&now)
        {
            return allowed.clone();
        }
        let good = known.grants.iter().filter(|grant| grant.is_good(now));
        let until = good.filter_map(|grant| grant.until).min().unwrap_or(i64::MAX);
        let cases = |case: &str| self.everybody.cases.get(case).cloned().unwrap_or_default();
        let allowed = Allowed::of(&known.grants, now, &known.custodian, cases);
        resolved.insert(known.id, (now, until, allowed.clone()));
        allowed
    }
}
