//! Roles, what they are granted on, and what follows from all grants of somebody together.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use model::StudyUid;

use crate::{Action, CustodianId, Holding, Reach};

/// What somebody is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Runs the server, deletes.
    Administrator,
    /// Opens cases, corrects routing: stores and reads.
    Coordinator,
    /// An organisation that sends, and sees its own.
    Centre,
    /// A portal that uploads for patients, and sees its own.
    Portal,
    /// Reads what is assigned.
    Reader,
    /// Reads what was shared.
    Physician,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 6] =
        [Role::Administrator, Role::Coordinator, Role::Centre, Role::Portal, Role::Reader, Role::Physician];

    /// One word.
    pub fn name(self) -> &'static str {
        match self {
            Role::Administrator => "administrator",
            Role::Coordinator => "coordinator",
            Role::Centre => "centre",
            Role::Portal => "portal",
            Role::Reader => "reader",
            Role::Physician => "physician",
        }
    }

    /// Whether the role has this action at all; on what is the grant's matter.
    pub fn allows(self, action: Action) -> bool {
        match (self, action) {
            (Role::Administrator, _) => true,
            (_, Action::Search | Action::Retrieve) => true,
            (Role::Coordinator | Role::Centre | Role::Portal, Action::Store | Action::Share) => true,
            (Role::Reader | Role::Physician, Action::Store | Action::Share) => false,
            (_, Action::Remove | Action::Administer) => false,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a role is administrator, coordinator, centre, portal, reader or physician")]
pub struct RoleError;

impl FromStr for Role {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Role::ALL.into_iter().find(|role| role.name() == text).ok_or(RoleError)
    }
}

/// What a role is granted on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum On {
    /// All that is here.
    Everything,
    /// All that a custodian holds.
    Custodian(CustodianId),
    /// One study as held by one custodian.
    Holding(Holding),
    /// The holdings of a case; which these are is kept beside the grants.
    Case(String),
}

/// A role, on what, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// What somebody is.
    pub role: Role,
    /// On what.
    pub on: On,
    /// The last moment, in seconds of Unix time; `None` for one that only revocation ends.
    pub until: Option<i64>,
}

impl Grant {
    /// Whether it counts at this moment.
    pub fn is_good(&self, now: i64) -> bool {
        self.until.is_none_or(|until| now <= until)
    }
}

/// What grants allow together, action by action: a role on one thing never widens a role on another. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed(Arc<[Option<Reach>; Action::ALL.len()]>, Withheld);

/// Actions that were allowed before [`Allowed::narrowed`].
type Withheld = [bool; Action::ALL.len()];

impl Allowed {
    /// One reach for every action that `allows` lets through.
    pub fn by(allows: impl Fn(Action) -> bool, reach: &Reach) -> Self {
        Self(Arc::new(Action::ALL.map(|action| allows(action).then(|| reach.clone()))), Withheld::default())
    }

    /// What these grants allow at this moment to somebody whose stores become `custodian`'s holdings. `cases` tells what a
    /// case holds.
    ///
    /// Storing takes a grant on that custodian or on everything; running the server one on everything.
    pub fn of(
        grants: &[Grant],
        now: i64,
        custodian: &CustodianId,
        cases: impl Fn(&str) -> Vec<Holding>,
    ) -> Self {
        let reaches = Action::ALL.map(|action| {
            let (mut custodians, mut holdings) = (Vec::new(), Vec::new());
            let (mut any, mut everything) = (false, false);
            for grant in grants.iter().filter(|grant| grant.is_good(now) && grant.role.allows(action)) {
                any = true;
                match &grant.on {
                    On::Everything => everything = true,
                    On::Custodian(name) => custodians.push(name.clone()),
                    On::Holding(holding) => holdings.push(holding.clone()),
                    On::Case(case) => holdings.extend(cases(case)),
                }
            }
            match action {
                _ if everything => Some(Reach::Everything),
                Action::Administer => None,
                Action::Store => {
                    custodians.contains(custodian).then(|| Reach::custodians(vec![custodian.clone()]))
                }
                _ => any.then(|| Reach::only(custodians, holdings)),
            }
        });
        Self(Arc::new(reaches), Withheld::default())
    }

    /// Of this, what may be done without proof of who asks: bringing in, and nothing else.
    pub fn only_store(mut self) -> Self {
        for (action, reach) in Action::ALL.iter().zip(Arc::make_mut(&mut self.0)) {
            if *action != Action::Store {
                *reach = None;
            }
        }
        self
    }

    /// Of this, the actions that `lets` lets through: what a token's scope leaves of its holder's rights. It never adds any.
    pub fn narrowed(mut self, lets: impl Fn(Action) -> bool) -> Self {
        let all = Action::ALL.iter().zip(Arc::make_mut(&mut self.0)).zip(&mut self.1);
        for ((action, reach), withheld) in all {
            if !lets(*action) && reach.take().is_some() {
                *withheld = true;
            }
        }
        self
    }

    /// Whether this action is not allowed only because of [`Allowed::narrowed`].
    pub fn withholds(&self, action: Action) -> bool {
        self.1.get(action as usize).copied().unwrap_or_default()
    }

    /// What may be reached by this action, if it is allowed.
    pub fn reach(&self, action: Action) -> Option<&Reach> {
        self.0.get(action as usize).and_then(Option::as_ref)
    }

    /// Whether nothing is allowed.
    pub fn is_nothing(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }
}

/// Reads what a grant is on: `everything`, `custodian:NAME`, `holding:CUSTODIAN/STUDY`, `case:ID`.
impl FromStr for On {
    type Err = OnError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "everything" => Ok(On::Everything),
            Some(("custodian", name)) => Ok(On::Custodian(name.parse().map_err(|_| OnError)?)),
            Some(("holding", holding)) => {
                let (custodian, study) = holding.split_once('/').ok_or(OnError)?;
                let study: StudyUid = study.parse().map_err(|_| OnError)?;
                Ok(On::Holding(Holding { study, custodian: custodian.parse().map_err(|_| OnError)? }))
            }
            Some(("case", id)) if is_case(id) => Ok(On::Case(id.to_owned())),
            _ => Err(OnError),
        }
    }
}

impl fmt::Display for On {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            On::Everything => f.write_str("everything"),
            On::Custodian(name) => write!(f, "custodian:{name}"),
            On::Holding(holding) => write!(f, "holding:{}/{}", holding.custodian, holding.study),
            On::Case(id) => write!(f, "case:{id}"),
        }
    }
}

/// The text names nothing that a role can be granted on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write everything, custodian:NAME, holding:CUSTODIAN/STUDY_UID or case:ID")]
pub struct OnError;

fn is_case(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(text: &str) -> Grant {
        let (role, on) = text.split_once(' ').unwrap();
        let (on, until) = on.split_once(" until ").map_or((on, None), |(on, until)| (on, until.parse().ok()));
        Grant { role: role.parse().unwrap(), on: on.parse().unwrap(), until }
    }

    fn shown(allowed: &Allowed, action: Action) -> String {
        match allowed.reach(action) {
            None => "-".into(),
            Some(Reach::Everything) => "*".into(),
            Some(Reach::Only(only)) => {
                let named = only.holdings().iter().map(|h| format!("{}/{}", h.custodian, h.study));
                only.custodians().iter().map(ToString::to_string).chain(named).collect::<Vec<_>>().join(" ")
            }
        }
    }

    #[test]
    fn grants_together() {
        // Store, read, share, remove, administer of somebody who stores for `a`, at second 100.
        for (grants, expected) in [
            (&[][..], ["-", "-", "-", "-", "-"]),
            (&["administrator everything"], ["*", "*", "*", "*", "*"]),
            (&["administrator custodian:a"], ["a", "a", "a", "a", "-"]),
            (&["coordinator everything"], ["*", "*", "*", "-", "-"]),
            (&["centre custodian:a"], ["a", "a", "a", "-", "-"]),
            (&["portal custodian:a"], ["a", "a", "a", "-", "-"]),
            (&["centre custodian:b"], ["-", "b", "b", "-", "-"]),
            (&["centre holding:a/1.2"], ["-", "a/1.2", "a/1.2", "-", "-"]),
            (&["reader holding:a/1.2"], ["-", "a/1.2", "-", "-", "-"]),
            (&["reader custodian:a"], ["-", "a", "-", "-", "-"]),
            (&["physician holding:b/1.2"], ["-", "b/1.2", "-", "-", "-"]),
            (&["reader case:C7"], ["-", "a/1.7 b/1.7", "-", "-", "-"]),
            (&["reader case:C8"], ["-", "", "-", "-", "-"]),
            // A role on one thing does not widen another's.
            (&["administrator custodian:b", "reader holding:a/1.2"], ["-", "b a/1.2", "b", "b", "-"]),
            (&["centre custodian:a", "reader holding:b/1.2"], ["a", "a b/1.2", "a", "-", "-"]),
            // Expiry: the last second still counts.
            (&["reader custodian:a until 100"], ["-", "a", "-", "-", "-"]),
            (&["reader custodian:a until 99"], ["-", "-", "-", "-", "-"]),
            (&["administrator everything until 99", "reader custodian:a"], ["-", "a", "-", "-", "-"]),
        ] {
            let held: Vec<Grant> = grants.iter().map(|text| grant(text)).collect();
            let cases = |case: &str| match case {
                "C7" => ["a", "b"]
                    .map(|name| Holding { study: "1.7".parse().unwrap(), custodian: name.parse().unwrap() })
                    .to_vec(),
                _ => Vec::new(),
            };
            let allowed = Allowed::of(&held, 100, &"a".parse().unwrap(), cases);
            let found = [Action::Store, Action::Retrieve, Action::Share, Action::Remove, Action::Administer]
                .map(|action| shown(&allowed, action));
            let expected = expected.map(str::to_owned);
            assert_eq!(found, expected, "{grants:?}");
            assert_eq!(shown(&allowed, Action::Search), found[1], "{grants:?}");
            for lets in Action::ALL {
                let narrowed = allowed.clone().narrowed(|action| action == lets);
                for action in Action::ALL {
                    let left = if action == lets { allowed.reach(action) } else { None };
                    assert_eq!(narrowed.reach(action), left, "{grants:?} {action:?}");
                    let withheld = allowed.reach(action).is_some() && action != lets;
                    assert_eq!(narrowed.withholds(action), withheld, "{grants:?} {action:?}");
                }
            }
            let store = allowed.only_store();
            assert_eq!(shown(&store, Action::Store), found[0], "{grants:?}");
            assert_eq!(shown(&store, Action::Retrieve), "-", "{grants:?}");
        }
    }

    #[test]
    fn texts() {
        for (text, good) in [
            ("everything", true),
            ("custodian:clinic-7", true),
            ("holding:clinic-7/1.2.3", true),
            ("case:C-7", true),
            ("", false),
            ("everything:", false),
            ("custodian:", false),
            ("custodian:A", false),
            ("holding:clinic-7", false),
            ("holding:clinic-7/1..2", false),
            ("case:", false),
            ("case:a b", false),
        ] {
            let on = text.parse::<On>();
            assert_eq!(on.is_ok(), good, "{text}");
            if let Ok(on) = on {
                assert_eq!(on.to_string(), text);
            }
        }
        for role in Role::ALL {
            assert_eq!(role.name().parse(), Ok(role));
        }
        assert_eq!("root".parse::<Role>(), Err(RoleError));
    }
}
