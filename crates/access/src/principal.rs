//! The one on whose behalf a call is made.

use std::fmt;

use crate::{Action, Allowed, CustodianId, Reach, Scope};

/// Through which door a principal was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Door {
    /// A bearer token over HTTP.
    Token,
    /// An account that is signed in on the pages; by its password and second factor or by an identity provider, the row of
    /// its login says.
    Account,
    /// An access token of an identity provider over HTTP.
    Oidc,
    /// A calling AE title over DIMSE (PS3.8 9.3.2).
    AeTitle,
    /// Anyone, on a loopback address, when the server was started with `--insecure-loopback`.
    Loopback,
    /// The command line on the machine itself.
    Console,
    /// A link that somebody gave away, opened in a browser.
    Link,
}

impl Door {
    /// One word, for audit and logs.
    pub fn name(self) -> &'static str {
        match self {
            Door::Token => "token",
            Door::Account => "account",
            Door::Oidc => "oidc",
            Door::AeTitle => "aet",
            Door::Loopback => "loopback",
            Door::Console => "console",
            Door::Link => "link",
        }
    }
}

/// What a principal may do at all; what it may see is its [`Reach`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights {
    /// May bring instances in.
    pub store: bool,
    /// May search and retrieve.
    pub read: bool,
    /// May delete what it reaches: only with [`Rights::ALL`], which administrators have.
    pub remove: bool,
    /// May run the server, and share what it reaches.
    pub administer: bool,
}

impl Rights {
    /// All of them.
    pub const ALL: Rights = Rights { store: true, read: true, remove: true, administer: true };
    /// Bring in, and nothing else: an AE title without a certificate.
    pub const STORE_ONLY: Rights = Rights { store: true, read: false, remove: false, administer: false };
    /// Bring in and read, not run the server.
    pub const STORE_AND_READ: Rights = Rights { store: true, read: true, remove: false, administer: false };

    fn allow(self, action: Action) -> bool {
        match action {
            Action::Store => self.store,
            Action::Search | Action::Retrieve => self.read,
            Action::Remove => self.remove,
            Action::Share | Action::Administer => self.administer,
        }
    }
}

/// Somebody, or some machine, that was recognised at a door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    door: Door,
    name: String,
    custodian: CustodianId,
    allowed: Allowed,
}

/// The action is not among the principal's rights.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{who} may not {action}")]
pub struct Denied {
    who: String,
    action: &'static str,
    withheld: Option<Action>,
}

impl Denied {
    /// The action, when it is among the rights of whom the principal's token stands for, and the token's scope leaves it out.
    pub fn withheld(&self) -> Option<Action> {
        self.withheld
    }
}

impl Principal {
    /// A principal that stores into `custodian`'s holdings and reads within `reach`.
    ///
    /// `name` is for people and logs: an AE title, a token's label, never a secret.
    pub fn new(door: Door, name: &str, custodian: CustodianId, rights: Rights, reach: Reach) -> Self {
        Self::with(door, name, custodian, Allowed::by(|action| rights.allow(action), &reach))
    }

    /// A principal that stores into `custodian`'s holdings and may do what its grants allow.
    pub fn with(door: Door, name: &str, custodian: CustodianId, allowed: Allowed) -> Self {
        Self { door, name: name.to_owned(), custodian, allowed }
    }

    /// The command line: everything, as the embedded custodian.
    pub fn console() -> Self {
        Self::new(Door::Console, "console", CustodianId::local(), Rights::ALL, Reach::Everything)
    }

    /// Whoever comes from a loopback address of a server that was started to be tried out.
    pub fn loopback() -> Self {
        Self::new(Door::Loopback, "anyone", CustodianId::local(), Rights::ALL, Reach::Everything)
    }

    /// The door by which the principal came.
    pub fn door(&self) -> Door {
        self.door
    }

    /// Its name; no secret.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whose holdings its stores become.
    pub fn custodian(&self) -> &CustodianId {
        &self.custodian
    }

    /// What it may do, and on what.
    pub fn allowed(&self) -> &Allowed {
        &self.allowed
    }

    /// What it may see for `action`.
    ///
    /// # Errors
    /// [`Denied`] when the action is not among its rights.
    pub fn scope_for(&self, action: Action) -> Result<Scope, Denied> {
        if let Some(reach) = self.allowed.reach(action) {
            return Ok(Scope::new(reach.clone()));
        }
        let withheld = self.allowed.withholds(action).then_some(action);
        let action = match action {
            Action::Store => "store",
            Action::Search => "search",
            Action::Retrieve => "retrieve",
            Action::Remove => "delete",
            Action::Share => "share",
            Action::Administer => "administer",
        };
        Err(Denied { who: self.to_string(), action, withheld })
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.door.name(), self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_decide_the_action_and_reach_the_scope() {
        let held = Reach::custodians(vec![CustodianId::local()]);
        let modality =
            Principal::new(Door::AeTitle, "CT1", CustodianId::local(), Rights::STORE_ONLY, held.clone());
        for (action, allowed) in [
            (Action::Store, true),
            (Action::Search, false),
            (Action::Retrieve, false),
            (Action::Remove, false),
            (Action::Share, false),
            (Action::Administer, false),
        ] {
            let scope = modality.scope_for(action);
            assert_eq!(scope.is_ok(), allowed, "{action:?}");
            if let Ok(scope) = scope {
                assert_eq!(scope.reach(), &held);
            }
        }
        assert_eq!(modality.scope_for(Action::Search).unwrap_err().to_string(), "aet:CT1 may not search");
    }
}
