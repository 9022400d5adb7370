//! Erasures: what goes without leaving a name. Plain data.

use std::collections::HashSet;

use model::{SopClassUid, SopInstanceUid};

use crate::{RemovedInstance, RowId};

/// What an erasure takes out of the index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erasure {
    /// Its place in the order of stores and deletions; unique.
    pub sequence: u64,
    /// Its versions, each by its own sequence: rows, or deleted before.
    pub versions: Vec<u64>,
    /// The instances that nothing may name any more; empty once nothing does.
    pub instances: HashSet<SopInstanceUid>,
}

/// A version of an instance in a study, hidden or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The index's own number.
    pub row: RowId,
    /// What goes when it goes.
    pub instance: RemovedInstance,
    /// (0008,0016).
    pub sop_class: SopClassUid,
}
