//! Legal holds, as whoever deletes asks: from memory, never older than the register's last change.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use access::{CustodianId, Holding};
use register::{Held, Hold, Register, RegisterError};

/// Tells what is held. Some 2 µs for the look whether anything changed.
#[derive(Debug)]
pub struct Holds {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    register: Register,
    /// What [`Register::change`] said before the holds were read.
    seen: i64,
    standing: Standing,
}

/// The holds that stand; each by its number, the lowest where there are several.
#[derive(Debug, Default)]
struct Standing {
    studies: HashMap<Holding, i64>,
    patients: HashMap<CustodianId, OfPatients>,
}

/// By Patient ID: the issuer, or whichever, and the hold's number.
type OfPatients = HashMap<String, Vec<(Option<String>, i64)>>;

impl Holds {
    /// Opens the register at this path, making it when it is not there.
    ///
    /// # Errors
    /// When it cannot be opened or read.
    pub fn open(path: &Path) -> Result<Self, RegisterError> {
        let mut register = Register::open(path)?;
        let seen = register.change()?;
        let standing = Standing::read(&mut register)?;
        Ok(Self { state: Mutex::new(State { register, seen, standing }) })
    }

    /// The hold on a study, by itself or as part of a case.
    ///
    /// # Errors
    /// When the register cannot be read: then nothing may be deleted.
    pub fn on_study(&self, holding: &Holding) -> Result<Option<i64>, RegisterError> {
        self.ask(|standing| standing.studies.get(holding).copied())
    }

    /// The hold on a patient's studies of a custodian.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub fn on_patient(
        &self,
        custodian: &CustodianId,
        id: &str,
        issuer: &str,
    ) -> Result<Option<i64>, RegisterError> {
        self.ask(|standing| {
            let of_id = standing.patients.get(custodian)?.get(id)?;
            let fits = |held: &Option<String>| held.as_deref().is_none_or(|held| held == issuer);
            of_id.iter().find(|(held, _)| fits(held)).map(|(_, number)| *number)
        })
    }

    /// Whether any patient of this custodian is held, so that it matters whose a study's instances are.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub fn are_patients_held(&self, custodian: &CustodianId) -> Result<bool, RegisterError> {
        self.ask(|standing| standing.patients.contains_key(custodian))
    }

    fn ask<T>(&self, question: impl FnOnce(&Standing) -> T) -> Result<T, RegisterError> {
        // An asker that panicked leaves the register as it was.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = state.register.change()?;
        if now != state.seen {
            // Before the rows: a commit in between is seen at the next look.
            state.standing = Standing::read(&mut state.register)?;
            state.seen = now;
        }
        Ok(question(&state.standing))
    }
}

impl Standing {
    fn read(register: &mut Register) -> Result<Self, RegisterError> {
        // First, so that a hold that is made meanwhile is seen at the next look.
        let cases = register.everybody()?.cases;
        let mut standing = Self::default();
        for Hold { id, on, .. } in register.standing_holds()? {
            match on {
                Held::Study(holding) => drop(standing.studies.entry(holding).or_insert(id)),
                Held::Case(case) => {
                    for holding in cases.get(&case).into_iter().flatten() {
                        standing.studies.entry(holding.clone()).or_insert(id);
                    }
                }
                Held::Patient { custodian, id: patient, issuer } => {
                    let of_id = standing.patients.entry(custodian).or_default().entry(patient).or_default();
                    of_id.push((issuer, id));
                }
            }
        }
        Ok(standing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_known_at_the_next_look() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(register::FILE);
        let (holds, mut command) = (Holds::open(&file).unwrap(), Register::open(&file).unwrap());
        let id = |name: &str| name.parse::<CustodianId>().unwrap();
        let holding = |study: &str, custodian: &str| Holding {
            study: study.parse().unwrap(),
            custodian: id(custodian),
        };
        assert_eq!(holds.on_study(&holding("1.2", "a")).unwrap(), None);
        assert!(!holds.are_patients_held(&id("a")).unwrap());
        let mut hold = |on: Held| command.add_hold(&on, "", "console:console", 1).unwrap();
        let study = hold(Held::Study(holding("1.2", "a")));
        let case = hold(Held::Case("C7".into()));
        let of = |issuer: Option<&str>, patient: &str| Held::Patient {
            custodian: id("a"),
            id: patient.into(),
            issuer: issuer.map(str::to_owned),
        };
        let (any, named) = (hold(of(None, "P1")), hold(of(Some("X"), "P2")));
        for (study_of, expected) in
            [(holding("1.2", "a"), Some(study)), (holding("1.2", "b"), None), (holding("1.3", "a"), None)]
        {
            assert_eq!(holds.on_study(&study_of).unwrap(), expected, "{study_of:?}");
        }
        // What joins a case is held from then on.
        command.add_to_case("C7", &holding("1.3", "a")).unwrap();
        assert_eq!(holds.on_study(&holding("1.3", "a")).unwrap(), Some(case));
        for (custodian, patient, issuer, expected) in [
            ("a", "P1", "", Some(any)),
            ("a", "P1", "Y", Some(any)),
            ("a", "P2", "X", Some(named)),
            ("a", "P2", "", None),
            ("a", "P3", "X", None),
            ("b", "P1", "", None),
        ] {
            assert_eq!(holds.on_patient(&id(custodian), patient, issuer).unwrap(), expected, "{patient}");
        }
        assert!(holds.are_patients_held(&id("a")).unwrap() && !holds.are_patients_held(&id("b")).unwrap());
        command.release_hold(study, "console:console", 2).unwrap();
        assert_eq!(holds.on_study(&holding("1.2", "a")).unwrap(), None);
    }
}
