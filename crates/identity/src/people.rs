//! What commands change.

use std::path::Path;

use access::{CustodianId, Grant, Holding, On, Role};
use register::{Certificate, Held, Hold, Kind, Known, Register, RegisterError, Subject};

use crate::{IdentityError, digest, password, random};

/// Longest life of a token, in days; forgotten tokens end.
const LIFE_DAYS: u32 = 366;
const DAY: i64 = 86_400;
/// Bytes kept of why there is a hold.
const REASON: usize = 512;

/// The register, open for changes. Not for several threads at once.
#[derive(Debug)]
pub struct People {
    pub(crate) register: Register,
}

/// A token that was just made. This is the only moment at which it can be read.
#[derive(Debug, PartialEq, Eq)]
pub struct Fresh {
    /// The secret.
    pub token: String,
    /// The last moment at which it counts.
    pub expires_at: i64,
}

impl People {
    /// Opens the register at this path, making it when it is not there.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, IdentityError> {
        Ok(Self { register: Register::open(path)? })
    }

    /// Everybody of a kind.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn list(&mut self, kind: Kind) -> Result<Vec<Known>, IdentityError> {
        let everybody = self.register.everybody()?;
        Ok(everybody.known.into_iter().filter(|known| known.kind == kind).collect())
    }

    /// Makes somebody known, without any right.
    ///
    /// # Errors
    /// [`IdentityError::Name`]; [`RegisterError::Taken`].
    pub fn add(
        &mut self,
        kind: Kind,
        name: &str,
        custodian: &CustodianId,
        now: i64,
    ) -> Result<(), IdentityError> {
        if !is_name(name) {
            return Err(IdentityError::Name);
        }
        Ok(self.register.add(kind, name, custodian, now)?)
    }

    /// Lets somebody in no more, or again.
    ///
    /// # Errors
    /// [`RegisterError::Unknown`].
    pub fn set_disabled(&mut self, kind: Kind, name: &str, disabled: bool) -> Result<(), IdentityError> {
        Ok(self.register.set_disabled(kind, name, disabled)?)
    }

    /// Forgets somebody, with all grants and secrets.
    ///
    /// # Errors
    /// [`RegisterError::Unknown`].
    pub fn remove(&mut self, kind: Kind, name: &str) -> Result<(), IdentityError> {
        Ok(self.register.remove(kind, name)?)
    }

    /// Gives a role; the same again changes until when.
    ///
    /// # Errors
    /// [`RegisterError::Unknown`], [`RegisterError::TooMany`].
    pub fn grant(&mut self, kind: Kind, name: &str, grant: &Grant, now: i64) -> Result<(), IdentityError> {
        Ok(self.register.grant(kind, name, grant, now)?)
    }

    /// Takes a role back; `false` when it was not given.
    ///
    /// # Errors
    /// [`RegisterError::Unknown`].
    pub fn revoke(&mut self, kind: Kind, name: &str, role: Role, on: &On) -> Result<bool, IdentityError> {
        Ok(self.register.revoke(kind, name, role, on)?)
    }

    /// Makes a token for a service that lives so many days. What it had ends `overlap` seconds from now, or when it would
    /// have ended anyway.
    ///
    /// # Errors
    /// [`IdentityError::Life`], [`RegisterError::Unknown`].
    pub fn make_token(
        &mut self,
        name: &str,
        days: u32,
        overlap: u32,
        now: i64,
    ) -> Result<Fresh, IdentityError> {
        if !(1..=LIFE_DAYS).contains(&days) {
            return Err(IdentityError::Life(LIFE_DAYS));
        }
        let fresh = Fresh { token: random()?, expires_at: now + i64::from(days) * DAY };
        let others_until = if overlap == 0 { now - 1 } else { now + i64::from(overlap) };
        self.register.add_token(name, &digest(&fresh.token), now, fresh.expires_at, others_until)?;
        Ok(fresh)
    }

    /// Says that an identity provider's subject is this account or service.
    ///
    /// # Errors
    /// [`IdentityError::Subject`], [`IdentityError::Unlinkable`]; [`RegisterError::Unknown`], [`RegisterError::Linked`].
    pub fn link_subject(
        &mut self,
        kind: Kind,
        name: &str,
        subject: &Subject,
        now: i64,
    ) -> Result<(), IdentityError> {
        let clean = |text: &str, most| (1..=most).contains(&text.len()) && !text.contains(char::is_control);
        let Subject { issuer, subject: named } = subject;
        let address = issuer.starts_with("https://") || issuer.starts_with("http://");
        if !address || !clean(issuer, 512) || !clean(named, 255) {
            return Err(IdentityError::Subject);
        }
        match kind {
            Kind::Account | Kind::Token => Ok(self.register.link_subject(kind, name, subject, now)?),
            Kind::AeTitle => Err(IdentityError::Unlinkable),
        }
    }

    /// Says that it is so no more; `false` when it was not so. Sessions that began with it end.
    ///
    /// # Errors
    /// [`RegisterError::Unknown`].
    pub fn unlink_subject(
        &mut self,
        kind: Kind,
        name: &str,
        subject: &Subject,
    ) -> Result<bool, IdentityError> {
        Ok(self.register.unlink_subject(kind, name, subject)?)
    }

    /// Binds an AE title to a certificate, or to none.
    ///
    /// # Errors
    /// [`RegisterError::Unknown`].
    pub fn bind(&mut self, title: &str, certificate: Option<Certificate>) -> Result<(), IdentityError> {
        Ok(self.register.bind(title, certificate)?)
    }

    /// Sets an account's password and ends its sessions; the value is its credential version from now on.
    ///
    /// # Errors
    /// [`crate::PolicyError`]; [`RegisterError::Unknown`].
    pub fn set_password(&mut self, name: &str, new: &str, now: i64) -> Result<i64, IdentityError> {
        password::check(new, name)?;
        Ok(self.register.set_password(name, &password::hash(new)?, now)?)
    }

    /// Ends an account's sessions; the value is its credential version from now on.
    ///
    /// # Errors
    /// [`RegisterError::Unknown`].
    pub fn end_sessions(&mut self, name: &str) -> Result<i64, IdentityError> {
        Ok(self.register.end_sessions(name)?)
    }

    /// Makes a legal hold; its number. At most 512 bytes are kept of the reason.
    ///
    /// # Errors
    /// [`RegisterError::TooManyHolds`].
    pub fn hold(&mut self, on: &Held, reason: &str, by: &str, now: i64) -> Result<i64, IdentityError> {
        let end = reason.floor_char_boundary(REASON);
        Ok(self.register.add_hold(on, &reason[..end], by, now)?)
    }

    /// Releases a hold, which it returns as it stood; `None` when it was released before.
    ///
    /// # Errors
    /// [`RegisterError::NoHold`].
    pub fn release(&mut self, hold: i64, by: &str, now: i64) -> Result<Option<Hold>, IdentityError> {
        Ok(self.register.release_hold(hold, by, now)?)
    }

    /// Every hold, released ones too, in the order of their numbers.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn holds(&self) -> Result<Vec<Hold>, IdentityError> {
        Ok(self.register.holds()?)
    }

    /// What a case holds.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn case(&mut self, case: &str) -> Result<Vec<Holding>, IdentityError> {
        Ok(self.register.everybody()?.cases.remove(case).unwrap_or_default())
    }

    /// Forgets whatever names these holdings, and released holds on this patient of a custodian, so that no byte of the
    /// file names them any more.
    ///
    /// # Errors
    /// When it cannot be written, or somebody reads it for seconds.
    pub fn forget(
        &mut self,
        holdings: &[Holding],
        patient: Option<(CustodianId, &str)>,
    ) -> Result<(), IdentityError> {
        Ok(self.register.forget(holdings, patient.as_ref().map(|(custodian, id)| (custodian, *id)))?)
    }

    /// Copies the register as it is into a new file.
    ///
    /// # Errors
    /// When the file is there already, or cannot be written.
    pub fn backup(&self, to: &Path) -> Result<(), RegisterError> {
        self.register.backup(to)
    }
}

/// What logs, audit and shells take as it is.
pub(crate) fn is_name(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b"._-@ ".contains(&b);
    (1..=64).contains(&name.len()) && name.trim() == name && !name.starts_with('-') && name.bytes().all(inner)
}

#[cfg(test)]
mod tests {
    use access::Action;

    use super::*;
    use crate::{Caller, IdentityError, Recogniser, Standing};

    const NOW: i64 = 1_000_000;

    fn open() -> (tempfile::TempDir, People, Recogniser) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(register::FILE);
        (folder, People::open(&file).unwrap(), Recogniser::open(&file).unwrap())
    }

    fn grant(role: Role, on: &str, until: Option<i64>) -> Grant {
        Grant { role, on: on.parse().unwrap(), until }
    }

    /// A change counts from the next request on.
    #[test]
    fn a_tokens_life() {
        let (_folder, mut people, doors) = open();
        let local = CustodianId::local();
        people.add(Kind::Token, "viewer", &local, NOW).unwrap();
        let first = people.make_token("viewer", 1, 0, NOW).unwrap();
        assert_eq!(first.token.len(), 64);
        let is_let_in = |token: &str, now: i64| doors.holder(&digest(token), now).unwrap().is_some();
        let reads = |token: &str, now: i64| {
            let holder = doors.holder(&digest(token), now).unwrap();
            holder.is_some_and(|who| who.scope_for(Action::Retrieve).is_ok())
        };
        assert!(is_let_in(&first.token, NOW) && !reads(&first.token, NOW), "known, without any right");
        assert!(!is_let_in("", NOW) && !is_let_in(&first.token[1..], NOW));

        people
            .grant(Kind::Token, "viewer", &grant(Role::Reader, "custodian:local", Some(NOW + 10)), NOW)
            .unwrap();
        assert!(reads(&first.token, NOW + 10) && !reads(&first.token, NOW + 11), "the grant ends");
        assert!(
            is_let_in(&first.token, NOW + DAY) && !is_let_in(&first.token, NOW + DAY + 1),
            "the token ends"
        );

        // Rotated: both count for an hour, then the new one alone.
        let second = people.make_token("viewer", 30, 3_600, NOW).unwrap();
        for (token, now, good) in [
            (&first.token, NOW + 3_600, true),
            (&first.token, NOW + 3_601, false),
            (&second.token, NOW, true),
            (&second.token, NOW + 30 * DAY, true),
        ] {
            assert_eq!(is_let_in(token, now), good, "{now}");
        }
        // At once.
        let third = people.make_token("viewer", 30, 0, NOW).unwrap();
        assert!(
            !is_let_in(&first.token, NOW) && !is_let_in(&second.token, NOW) && is_let_in(&third.token, NOW)
        );

        assert!(
            people.revoke(Kind::Token, "viewer", Role::Reader, &"custodian:local".parse().unwrap()).unwrap()
        );
        assert!(!reads(&third.token, NOW));
        people.set_disabled(Kind::Token, "viewer", true).unwrap();
        assert!(!is_let_in(&third.token, NOW));
        people.set_disabled(Kind::Token, "viewer", false).unwrap();
        assert!(is_let_in(&third.token, NOW));
        people.remove(Kind::Token, "viewer").unwrap();
        assert!(!is_let_in(&third.token, NOW));
        assert!(matches!(people.make_token("viewer", 367, 0, NOW), Err(IdentityError::Life(_))));
    }

    #[test]
    fn ae_titles_and_their_certificates() {
        let (_folder, mut people, doors) = open();
        let centre: CustodianId = "centre".parse().unwrap();
        let (own, other) = ([1; 32], [2; 32]);
        for name in ["CT1", "MR 1"] {
            people.add(Kind::AeTitle, name, &centre, NOW).unwrap();
            people.grant(Kind::AeTitle, name, &grant(Role::Centre, "custodian:centre", None), NOW).unwrap();
        }
        people.bind("CT1", Some(Certificate(own))).unwrap();
        for (title, shown, expected) in [
            ("CT1", Some(&own), Some((true, true))),
            ("CT1", Some(&other), None),
            ("CT1", None, None),
            ("MR 1", None, Some((true, false))),
            ("MR 1", Some(&own), Some((true, false))),
        ] {
            let rights = match doors.caller(title, shown, NOW).unwrap() {
                Caller::Is(who) => {
                    Some((who.scope_for(Action::Store).is_ok(), who.scope_for(Action::Search).is_ok()))
                }
                Caller::IsNot => None,
                Caller::Unknown => panic!("{title} is known"),
            };
            assert_eq!(rights, expected, "{title} {shown:?}");
        }
        assert_eq!(doors.caller("ct1", Some(&own), NOW).unwrap(), Caller::Unknown);
        people.set_disabled(Kind::AeTitle, "CT1", true).unwrap();
        assert_eq!(doors.caller("CT1", Some(&own), NOW).unwrap(), Caller::IsNot);
    }

    #[test]
    fn passwords() {
        let (_folder, mut people, _) = open();
        people.add(Kind::Account, "dr.miller", &CustodianId::local(), NOW).unwrap();
        let hash = |people: &People| people.register.credentials("dr.miller").unwrap().unwrap().password;
        assert_eq!(hash(&people), None, "no default password");
        let weak = people.set_password("dr.miller", "password1234", NOW);
        assert!(matches!(weak, Err(IdentityError::Policy(_))));
        people.set_password("dr.miller", "four strange little words", NOW).unwrap();
        let kept = hash(&people).unwrap();
        for (given, right) in [("four strange little words", true), ("four strange little word", false)] {
            assert_eq!(password::is_right(given, &kept), right, "{given}");
        }
    }

    /// On the threads of a runtime, too, and from several at once.
    #[test]
    fn a_change_counts_at_once_for_everybody_who_asks() {
        let (_folder, mut people, doors) = open();
        people.add(Kind::Token, "viewer", &CustodianId::local(), NOW).unwrap();
        let doors = std::sync::Arc::new(doors);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        for _ in 0..20 {
            let token = people.make_token("viewer", 1, 0, NOW).unwrap().token;
            let asked: Vec<_> = (0..8)
                .map(|_| {
                    let (doors, digest) = (std::sync::Arc::clone(&doors), digest(&token));
                    runtime.spawn(async move { doors.holder(&digest, NOW).unwrap().is_some() })
                })
                .collect();
            for one in asked {
                assert!(runtime.block_on(one).unwrap());
            }
        }
    }

    /// A session is worth what its account is worth, and ends with any change of what the account comes in by.
    #[test]
    fn standings() {
        let (_folder, mut people, doors) = open();
        let local = CustodianId::local();
        people.add(Kind::Account, "dr.miller", &local, NOW).unwrap();
        people.add(Kind::Token, "service", &local, NOW).unwrap();
        people.grant(Kind::Account, "dr.miller", &grant(Role::Reader, "everything", None), NOW).unwrap();
        let version = people.set_password("dr.miller", "four strange little words", NOW).unwrap();
        let token = people.make_token("service", 1, 0, NOW).unwrap().token;
        let account = |name: &str, version| Standing::Account { name: name.into(), version };
        let shown =
            |standing: &Standing, now| doors.stands(standing, now).unwrap().map(|who| who.to_string());
        for (standing, expected) in [
            (account("dr.miller", version), Some("account:dr.miller")),
            (account("dr.miller", version - 1), None),
            (account("service", 1), None),
            (account("nobody", 1), None),
            (Standing::Token(digest(&token)), Some("token:service")),
            (Standing::Token([0; 32]), None),
            (Standing::Link(digest(&token)), None),
        ] {
            assert_eq!(shown(&standing, NOW).as_deref(), expected, "{standing:?}");
        }
        assert_eq!(shown(&Standing::Token(digest(&token)), NOW + DAY + 1), None, "the token ended");
        let who = doors.stands(&account("dr.miller", version), NOW).unwrap().unwrap();
        assert!(who.scope_for(Action::Search).is_ok() && who.scope_for(Action::Store).is_err());

        let next = people.set_password("dr.miller", "five even stranger little words", NOW).unwrap();
        assert_eq!(shown(&account("dr.miller", version), NOW), None, "the password was changed");
        assert!(shown(&account("dr.miller", next), NOW).is_some());
        let last = people.end_sessions("dr.miller").unwrap();
        assert_eq!(shown(&account("dr.miller", next), NOW), None, "signed out everywhere");
        people.set_disabled(Kind::Account, "dr.miller", true).unwrap();
        assert_eq!(shown(&account("dr.miller", last), NOW), None, "disabled");
    }

    /// AUTH-002: a token's scope narrows what its holder may do, and an unlinked subject is nobody.
    #[test]
    fn subjects_of_identity_providers() {
        let (_folder, mut people, doors) = open();
        let local = CustodianId::local();
        let subject =
            |issuer: &str, subject: &str| Subject { issuer: issuer.into(), subject: subject.into() };
        let miller = subject("https://id.example", "miller");
        people.add(Kind::Account, "dr.miller", &local, NOW).unwrap();
        people.add(Kind::Token, "viewer", &local, NOW).unwrap();
        people.add(Kind::AeTitle, "CT1", &local, NOW).unwrap();
        people.grant(Kind::Account, "dr.miller", &grant(Role::Reader, "custodian:local", None), NOW).unwrap();
        people.link_subject(Kind::Account, "dr.miller", &miller, NOW).unwrap();
        for (kind, name, who, good) in [
            (Kind::Token, "viewer", subject("https://id.example", "viewer"), true),
            (Kind::Token, "viewer", miller.clone(), false),
            (Kind::Token, "viewer", subject("https://other.example", "miller"), true),
            (Kind::AeTitle, "CT1", subject("https://id.example", "ct"), false),
            (Kind::Account, "nobody", subject("https://id.example", "x"), false),
            (Kind::Account, "dr.miller", subject("id.example", "x"), false),
            (Kind::Account, "dr.miller", subject("https://id.example", ""), false),
            (Kind::Account, "dr.miller", subject("https://id.example", "a\nb"), false),
        ] {
            assert_eq!(people.link_subject(kind, name, &who, NOW).is_ok(), good, "{kind:?} {name} {who:?}");
        }

        let may = |who: &Subject, scope: &str| {
            let who = doors.bearer(who, scope, NOW).unwrap()?;
            Some(Action::ALL.map(|action| who.scope_for(action).is_ok()))
        };
        // Store, search, retrieve, remove, share, administer.
        for (scope, expected) in [
            ("openid", [false; 6]),
            ("RAD-129", [false, true, false, false, false, false]),
            ("RAD-107 RAD-129", [false, true, true, false, false, false]),
            ("system/*.cruds", [false, true, true, false, false, false]),
        ] {
            assert_eq!(may(&miller, scope), Some(expected), "{scope}");
        }
        let denied = doors.bearer(&miller, "RAD-129", NOW).unwrap().unwrap();
        assert_eq!(denied.to_string(), "oidc:dr.miller");
        assert_eq!(denied.scope_for(Action::Retrieve).unwrap_err().withheld(), Some(Action::Retrieve));
        assert_eq!(
            denied.scope_for(Action::Remove).unwrap_err().withheld(),
            None,
            "that is no matter of the scope"
        );
        assert_eq!(may(&subject("https://other.example", "Miller"), "RAD-107"), None);

        // Signing in on the pages: a person, and as the person is then.
        let standing = doors.signed_in(&miller).unwrap().unwrap();
        assert_eq!(
            doors.signed_in(&subject("https://id.example", "viewer")).unwrap(),
            None,
            "a service has no pages"
        );
        assert!(doors.stands(&standing, NOW).unwrap().is_some());
        people.set_disabled(Kind::Account, "dr.miller", true).unwrap();
        assert_eq!((doors.signed_in(&miller).unwrap(), may(&miller, "RAD-107")), (None, None));
        people.set_disabled(Kind::Account, "dr.miller", false).unwrap();
        assert!(people.unlink_subject(Kind::Account, "dr.miller", &miller).unwrap());
        assert_eq!((doors.signed_in(&miller).unwrap(), may(&miller, "RAD-107")), (None, None));
        assert_eq!(doors.stands(&standing, NOW).unwrap(), None, "its sessions ended");
    }

    #[test]
    fn names() {
        for (name, good) in [
            ("dr.miller", true),
            ("MR 1", true),
            ("a@example.org", true),
            ("", false),
            (" a", false),
            ("-a", false),
            ("a\nb", false),
            ("é", false),
            (&"a".repeat(65), false),
        ] {
            assert_eq!(is_name(name), good, "{name:?}");
        }
    }
}
