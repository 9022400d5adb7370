//! Coming in with a password and a second factor, and what an account changes about itself.
//!
//! [`Accounts::password`] or [`Accounts::set_up`] begins a way in; [`Accounts::next`] says what is asked; the last step
//! gives a [`Standing`], for which a session may be begun. These calls read and write the disk, and a password takes 19
//! MiB and some 30 ms: they are for threads that may block, few at a time.

use std::net::IpAddr;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use register::{Credentials, Kind, Known, NewFactor, Register, RegisterError, SetUp};

use crate::people::is_name;
use crate::totp::{Secret, is_code};
use crate::way::{Stage, Way, Ways};
use crate::{Guesses, IdentityError, PolicyError, Standing, digest, password, recovery};

/// The accounts of a server. Shared by its threads.
#[derive(Debug)]
pub struct Accounts {
    register: Mutex<Register>,
    tries: Mutex<Tries>,
    ways: Ways,
}

/// What failed of late. Whoever is right about the password is not thereby forgiven wrong codes.
#[derive(Debug, Default)]
struct Tries {
    passwords: Guesses,
    codes: Guesses,
}

/// What is asked next of somebody on the way in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// A password for this account; for the first administrator's, a name as well.
    Password(Option<String>),
    /// A code of the second factor, or a recovery code.
    Code,
    /// The first code of this account's new factor.
    Factor {
        /// What the app is given.
        secret: Secret,
        /// The account's name.
        account: String,
    },
    /// Whether the recovery codes, which were shown once, are kept.
    Kept,
}

/// Somebody is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// What the session stands for.
    pub standing: Standing,
    /// The account's name.
    pub account: String,
    /// What proved it, beside the password.
    pub by: Proof,
}

/// A second factor that was proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A code of the app.
    Code,
    /// A recovery code.
    Recovery {
        /// How many are left.
        left: u32,
    },
}

/// Why somebody does not get on. What a page says of it is the same whoever the name is.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Too many tries from this address under this name.
    #[error("too many tries: the next is looked at in {seconds} s")]
    Wait {
        /// Until the next try is looked at.
        seconds: i64,
        /// Whose it is, for the audit; none for a name that nobody has.
        account: Option<String>,
    },
    /// The name, the password or the code is not right.
    #[error("not right")]
    Wrong {
        /// Whose it is, for the audit.
        account: Option<String>,
    },
    /// The way in, the link or the session is good no more.
    #[error("good no more")]
    Over,
    /// The new password is too easy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The new account's name cannot be one, or is somebody's.
    #[error("no name for an account")]
    Name,
    /// Something is wrong here.
    #[error(transparent)]
    Failed(#[from] IdentityError),
}

impl From<RegisterError> for Refused {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::Taken(_) => Refused::Name,
            // Removed meanwhile.
            RegisterError::Unknown(_) => Refused::Over,
            error => Refused::Failed(error.into()),
        }
    }
}

impl Accounts {
    /// Opens the register at this path beside whoever else has it open.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, RegisterError> {
        Ok(Self {
            register: Mutex::new(Register::open(path)?),
            tries: Mutex::default(),
            ways: Ways::default(),
        })
    }

    /// Takes name and password; the value begins the way in, of the account with this name. It takes as long whoever
    /// the name is.
    ///
    /// # Errors
    /// [`Refused::Wait`], [`Refused::Wrong`].
    pub fn password(&self, from: IpAddr, name: &str, given: &str, now: i64) -> Result<String, Refused> {
        let found = self.register().credentials(name)?;
        let account = found.as_ref().map(|found| found.name.clone());
        self.count(|tries| &mut tries.passwords, from, name, now, account.as_deref())?;
        let found = found.filter(|found| !found.disabled);
        let right = match found.as_ref().and_then(|found| found.password.as_ref()) {
            Some(kept) => password::is_right(given, kept),
            None => {
                password::hash(given)?;
                false
            }
        };
        let Some(found) = found.filter(|_| right) else { return Err(Refused::Wrong { account }) };
        self.tries().passwords.succeeded(from, name);
        let stage = self.after_password(&found)?;
        Ok(self.ways.begin(Way { stage, name: found.name, version: found.version, began: now })?)
    }

    /// Takes a set-up link; the value begins the way in.
    ///
    /// # Errors
    /// [`Refused::Over`] for one that is good no more, or never was.
    pub fn set_up(&self, link: &str, now: i64) -> Result<String, Refused> {
        let link = digest(link);
        let what = self.register().set_up(&link, now)?.ok_or(Refused::Over)?;
        let name = match &what {
            SetUp::First => String::new(),
            SetUp::Account(name) => name.clone(),
        };
        let stage = Stage::Password { link, what };
        Ok(self.ways.begin(Way { stage, name, version: 0, began: now })?)
    }

    /// What is asked next on this way in; none when it is good no more.
    pub fn next(&self, way: &str, now: i64) -> Option<Next> {
        let Way { stage, name, .. } = self.ways.find(way, now)?;
        Some(match stage {
            Stage::Password { what: SetUp::First, .. } => Next::Password(None),
            Stage::Password { what: SetUp::Account(name), .. } => Next::Password(Some(name)),
            Stage::Code => Next::Code,
            Stage::Factor(secret) => Next::Factor { secret, account: name },
            Stage::Kept => Next::Kept,
        })
    }

    /// Sets the password of whoever showed a set-up link, and makes the first administrator's account with this name.
    /// The link is used up. The value is the account's name.
    ///
    /// # Errors
    /// [`Refused::Over`], [`Refused::Policy`], [`Refused::Name`].
    pub fn choose_password(&self, way: &str, name: &str, new: &str, now: i64) -> Result<String, Refused> {
        let found = self.ways.find(way, now).ok_or(Refused::Over)?;
        let Stage::Password { link, what } = found.stage else { return Err(Refused::Over) };
        let name = match what {
            SetUp::Account(name) => name,
            SetUp::First if is_name(name) => name.to_owned(),
            SetUp::First => return Err(Refused::Name),
        };
        password::check(new, &name)?;
        let hash = password::hash(new)?;
        let version = self.register().use_set_up(&link, &name, &hash, now)?.ok_or(Refused::Over)?;
        let credentials = self.register().credentials(&name)?.ok_or(Refused::Over)?;
        let stage = self.after_password(&credentials)?;
        self.ways.go_on(way, Way { stage, name: name.clone(), version, began: now });
        Ok(name)
    }

    /// Takes a code of the second factor, or a recovery code.
    ///
    /// # Errors
    /// [`Refused::Wait`], [`Refused::Wrong`], [`Refused::Over`].
    pub fn code(&self, from: IpAddr, way: &str, given: &str, now: i64) -> Result<Admitted, Refused> {
        let found = self.ways.find(way, now).ok_or(Refused::Over)?;
        let Stage::Code = found.stage else { return Err(Refused::Over) };
        let by = self.prove(from, &found.name, found.version, given, now)?;
        self.admit(way, found, by)
    }

    /// Takes the first code of a new factor. The value is the account's name and its recovery codes, which cannot be
    /// shown again.
    ///
    /// # Errors
    /// [`Refused::Wrong`], [`Refused::Over`].
    pub fn new_factor(&self, way: &str, given: &str, now: i64) -> Result<(String, Vec<String>), Refused> {
        let found = self.ways.find(way, now).ok_or(Refused::Over)?;
        let Stage::Factor(secret) = &found.stage else { return Err(Refused::Over) };
        let name = found.name.clone();
        let typed = bare(given);
        let step = secret.step_of(&typed, now).ok_or(Refused::Wrong { account: Some(name.clone()) })?;
        let (codes, digests) = new_codes()?;
        let mut register = self.register();
        good(&register, &name, found.version)?;
        let factor = NewFactor { secret: secret.bytes(), step, recovery: &digests };
        let version = register.set_factor(&name, &factor, now)?.ok_or(Refused::Over)?;
        drop(register);
        self.ways.go_on(way, Way { stage: Stage::Kept, name: name.clone(), version, began: now });
        Ok((name, codes))
    }

    /// Whoever set up a factor has kept the recovery codes, and is in.
    ///
    /// # Errors
    /// [`Refused::Over`].
    pub fn kept(&self, way: &str, now: i64) -> Result<Admitted, Refused> {
        let found = self.ways.find(way, now).ok_or(Refused::Over)?;
        let Stage::Kept = found.stage else { return Err(Refused::Over) };
        good(&self.register(), &found.name, found.version)?;
        self.admit(way, found, Proof::Code)
    }

    /// The account of this name: what it may do, and how many recovery codes are left.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub fn about(&self, name: &str) -> Result<Option<(Known, u32)>, IdentityError> {
        let mut register = self.register();
        let left = register.credentials(name)?.map_or(0, |found| found.recovery);
        let mut known = register.everybody()?.known.into_iter();
        let known = known.find(|known| known.kind == Kind::Account && known.name == name);
        Ok(known.map(|known| (known, left)))
    }

    /// Changes the password of whoever has a session of this standing, and ends all sessions of the account. The value
    /// is what a new session stands for.
    ///
    /// # Errors
    /// [`Refused::Wait`], [`Refused::Wrong`], [`Refused::Policy`], [`Refused::Over`].
    pub fn change_password(
        &self,
        from: IpAddr,
        (name, version): (&str, i64),
        (old, code): (&str, &str),
        new: &str,
        now: i64,
    ) -> Result<Standing, Refused> {
        let kept = good(&self.register(), name, version)?.password.ok_or(Refused::Over)?;
        password::check(new, name)?;
        self.count(|tries| &mut tries.passwords, from, name, now, Some(name))?;
        if !password::is_right(old, &kept) {
            return Err(Refused::Wrong { account: Some(name.to_owned()) });
        }
        self.tries().passwords.succeeded(from, name);
        self.prove(from, name, version, code, now)?;
        let hash = password::hash(new)?;
        let version = self.register().set_password(name, &hash, now)?;
        Ok(Standing::Account { name: name.to_owned(), version })
    }

    /// Makes other recovery codes for whoever has a session of this standing; those before them are good no more.
    ///
    /// # Errors
    /// [`Refused::Wait`], [`Refused::Wrong`], [`Refused::Over`].
    pub fn new_recovery(
        &self,
        from: IpAddr,
        (name, version): (&str, i64),
        code: &str,
        now: i64,
    ) -> Result<Vec<String>, Refused> {
        self.prove(from, name, version, code, now)?;
        let (codes, digests) = new_codes()?;
        self.register().set_recovery(name, &digests, now)?;
        Ok(codes)
    }

    /// Ends all sessions of an account.
    ///
    /// # Errors
    /// [`Refused::Over`].
    pub fn sign_out_everywhere(&self, name: &str) -> Result<(), Refused> {
        self.register().end_sessions(name)?;
        Ok(())
    }

    fn after_password(&self, found: &Credentials) -> Result<Stage, Refused> {
        match &found.totp {
            Some(_) => Ok(Stage::Code),
            None => Ok(Stage::Factor(Secret::random()?)),
        }
    }

    /// Lets a code count, once.
    fn prove(&self, from: IpAddr, name: &str, version: i64, given: &str, now: i64) -> Result<Proof, Refused> {
        let mut register = self.register();
        let found = good(&register, name, version)?;
        let totp = found.totp.ok_or(Refused::Over)?;
        self.count(|tries| &mut tries.codes, from, name, now, Some(name))?;
        let typed = bare(given);
        let proof = if is_code(&typed) {
            let step = Secret::kept(totp.secret).step_of(&typed, now);
            let counts = step.map(|step| register.use_step(name, step)).transpose()?.unwrap_or(false);
            counts.then_some(Proof::Code)
        } else {
            let digest = recovery::kept(&typed);
            let counts = digest.map(|code| register.use_recovery(name, &code)).transpose()?.unwrap_or(false);
            counts.then_some(Proof::Recovery { left: found.recovery.saturating_sub(1) })
        };
        let proof = proof.ok_or_else(|| Refused::Wrong { account: Some(name.to_owned()) })?;
        self.tries().codes.succeeded(from, name);
        Ok(proof)
    }

    /// Ends the way, once, and gives what it led to.
    fn admit(&self, way: &str, found: Way, by: Proof) -> Result<Admitted, Refused> {
        if !self.ways.end(way) {
            return Err(Refused::Over);
        }
        let standing = Standing::Account { name: found.name.clone(), version: found.version };
        Ok(Admitted { standing, account: found.name, by })
    }

    /// Counts a try as failed before it is looked at, so that many at once are not all looked at; who is right takes it
    /// back.
    fn count(
        &self,
        of: impl Fn(&mut Tries) -> &mut Guesses,
        from: IpAddr,
        name: &str,
        now: i64,
        account: Option<&str>,
    ) -> Result<(), Refused> {
        let mut tries = self.tries();
        let guesses = of(&mut tries);
        match guesses.wait(from, name, now) {
            0 => {
                guesses.failed(from, name, now);
                Ok(())
            }
            seconds => Err(Refused::Wait { seconds, account: account.map(str::to_owned) }),
        }
    }

    fn register(&self) -> MutexGuard<'_, Register> {
        // A call that panicked left the register as it was.
        self.register.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tries(&self) -> MutexGuard<'_, Tries> {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an account that is still as it was comes in by.
fn good(register: &Register, name: &str, version: i64) -> Result<Credentials, Refused> {
    let found = register.credentials(name)?;
    found.filter(|found| !found.disabled && found.version == version).ok_or(Refused::Over)
}

/// New recovery codes, and what is kept of them.
fn new_codes() -> Result<(Vec<String>, Vec<[u8; 32]>), IdentityError> {
    let codes = recovery::make()?;
    let digests = codes.iter().filter_map(|code| recovery::kept(code)).collect();
    Ok((codes, digests))
}

/// Without the blanks that apps show between digits.
fn bare(typed: &str) -> String {
    typed.chars().filter(|c| !c.is_whitespace()).collect()
}

#[cfg(test)]
mod tests;
