//! What a principal may reach, in the form that the index compiles into its queries.

use std::sync::Arc;

use model::StudyUid;

use crate::CustodianId;

/// What is asked of the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Bring instances in (C-STORE, STOW-RS, import).
    Store,
    /// Find studies, series and instances (QIDO-RS, C-FIND).
    Search,
    /// Read instances, their metadata, frames and bulk data (WADO-RS, C-MOVE, C-GET).
    Retrieve,
    /// Take studies, series or instances out for good (DELETE).
    Remove,
    /// Give somebody without an account a link to what is held.
    Share,
    /// Run the server: metrics, verify, backup.
    Administer,
}

impl Action {
    /// Every action, in the order of its variants.
    pub const ALL: [Action; 6] =
        [Action::Store, Action::Search, Action::Retrieve, Action::Remove, Action::Share, Action::Administer];
}

/// The holdings that a [`Scope`] covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Every custodian's holdings.
    Everything,
    /// These holdings and no others.
    Only(Only),
}

impl Reach {
    /// All holdings of these custodians.
    pub fn custodians(custodians: Vec<CustodianId>) -> Self {
        Self::only(custodians, Vec::new())
    }

    /// All holdings of these custodians, and these holdings of others.
    pub fn only(custodians: Vec<CustodianId>, holdings: Vec<Holding>) -> Self {
        Reach::Only(Only::new(custodians, holdings))
    }

    /// Whether it covers this holding.
    pub fn covers(&self, holding: &Holding) -> bool {
        match self {
            Reach::Everything => true,
            Reach::Only(only) => only.covers(holding),
        }
    }

    /// Whether it covers all that this custodian holds.
    pub fn covers_all_of(&self, custodian: &CustodianId) -> bool {
        match self {
            Reach::Everything => true,
            Reach::Only(only) => only.custodians.binary_search(custodian).is_ok(),
        }
    }
}

/// A study as held by one custodian: the unit of visibility.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Holding {
    /// Which study.
    pub study: StudyUid,
    /// Held by whom.
    pub custodian: CustodianId,
}

/// Named custodians with all that they hold, and single holdings. Cheap to clone, however many they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Only {
    custodians: Arc<[CustodianId]>,
    holdings: Arc<[Holding]>,
}

impl Only {
    fn new(mut custodians: Vec<CustodianId>, mut holdings: Vec<Holding>) -> Self {
        custodians.sort_unstable();
        custodians.dedup();
        holdings.retain(|holding| custodians.binary_search(&holding.custodian).is_err());
        holdings.sort_unstable();
        holdings.dedup();
        Self { custodians: custodians.into(), holdings: holdings.into() }
    }

    fn covers(&self, holding: &Holding) -> bool {
        self.custodians.binary_search(&holding.custodian).is_ok()
            || self.holdings.binary_search(holding).is_ok()
    }

    /// Those of whom everything is covered, in order.
    pub fn custodians(&self) -> &[CustodianId] {
        &self.custodians
    }

    /// Single holdings of others, ordered by study.
    pub fn holdings(&self) -> &[Holding] {
        &self.holdings
    }

    /// Whose holding of this study is covered, if they hold it at all.
    pub fn holders_of(&self, study: &StudyUid) -> Vec<CustodianId> {
        let first = self.holdings.partition_point(|holding| holding.study < *study);
        let named = self.holdings[first..].iter().take_while(|holding| holding.study == *study);
        self.custodians.iter().chain(named.map(|holding| &holding.custodian)).cloned().collect()
    }
}

/// The proof that a principal may do an action, and on what. Only [`crate::Principal::scope_for`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    reach: Reach,
}

impl Scope {
    pub(crate) fn new(reach: Reach) -> Self {
        Self { reach }
    }

    /// The holdings covered.
    pub fn reach(&self) -> &Reach {
        &self.reach
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holders_of_a_study() {
        let id = |name: &str| name.parse::<CustodianId>().unwrap();
        let holding = |study: &str, custodian: &str| Holding {
            study: study.parse().unwrap(),
            custodian: id(custodian),
        };
        let Reach::Only(only) = Reach::only(
            vec![id("b"), id("a"), id("b")],
            vec![
                holding("1.3", "d"),
                holding("1.2", "c"),
                holding("1.2", "d"),
                holding("1.2", "a"),
                holding("1.2", "c"),
            ],
        ) else {
            panic!("it is not everything");
        };
        assert_eq!(only.custodians(), [id("a"), id("b")]);
        assert_eq!(only.holdings().len(), 3, "of a custodian that is covered whole, none is named");
        for (study, expected) in [
            ("1.1", &["a", "b"][..]),
            ("1.2", &["a", "b", "c", "d"]),
            ("1.3", &["a", "b", "d"]),
            ("1.4", &["a", "b"]),
        ] {
            let held = only.holders_of(&study.parse().unwrap());
            assert_eq!(held.iter().map(CustodianId::as_str).collect::<Vec<_>>(), expected, "{study}");
        }
        let reach = Reach::Only(only);
        for (study, custodian, covered) in
            [("1.2", "c", true), ("1.3", "c", false), ("1.3", "a", true), ("1.9", "b", true)]
        {
            assert_eq!(reach.covers(&holding(study, custodian)), covered, "{study} {custodian}");
            assert!(Reach::Everything.covers(&holding(study, custodian)));
        }
        assert!(reach.covers_all_of(&id("a")) && !reach.covers_all_of(&id("c")));
    }
}
