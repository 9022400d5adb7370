//! What a principal may reach, in the form that the index compiles into its queries.

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
    /// Run the server: metrics, verify, backup.
    Administer,
}

/// The holdings that a [`Scope`] covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Every custodian's holdings.
    Everything,
    /// The holdings of these custodians and no others.
    Custodians(Vec<CustodianId>),
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
