//! The proof that an instance is kept.

use model::{SeriesUid, SopClassUid, SopInstanceUid, StudyUid};

/// What an instance became.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is new here.
    New,
    /// The same bytes were here already.
    Same,
    /// Other bytes were here under its UID: kept as this version, while version 1 goes on being served (B000).
    NewVersion(u32),
}

/// An instance that survives a power cut and is found by searches: flushed, and its row committed.
///
/// Only the archive can make one, so a success status cannot be built without it.
#[derive(Clone, Debug)]
pub struct Stored {
    sop_class: SopClassUid,
    sop_instance: SopInstanceUid,
    study: StudyUid,
    series: SeriesUid,
    length: u64,
    outcome: Outcome,
}

impl Stored {
    pub(crate) fn new(
        sop_class: SopClassUid,
        sop_instance: SopInstanceUid,
        study: StudyUid,
        series: SeriesUid,
        length: u64,
        outcome: Outcome,
    ) -> Self {
        Self { sop_class, sop_instance, study, series, length, outcome }
    }

    /// (0008,0016).
    pub fn sop_class(&self) -> &SopClassUid {
        &self.sop_class
    }

    /// (0008,0018).
    pub fn sop_instance(&self) -> &SopInstanceUid {
        &self.sop_instance
    }

    /// (0020,000D).
    pub fn study(&self) -> &StudyUid {
        &self.study
    }

    /// (0020,000E).
    pub fn series(&self) -> &SeriesUid {
        &self.series
    }

    /// Bytes of the encoded data set.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// New, the same again, or a new version.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }
}
