//! Studies and series whose first instance changed, and what they take from the new one: plain data.

use crate::{NewSeries, NewStudy, RowId};

/// The index's own numbers of a study, or of a series of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaleId {
    pub(crate) study: i64,
    pub(crate) series: Option<i64>,
}

/// A study or series whose attributes are to be taken anew from its first instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stale {
    /// Which.
    pub id: StaleId,
    /// Its first received current instance, with its metadata as given in [`crate::NewInstance::metadata`]; `None` when
    /// all are hidden.
    pub first: Option<(RowId, Vec<u8>)>,
    /// Of a study, what it has now.
    pub held: Option<HeldPatient>,
}

/// What a study's row says of its patient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldPatient {
    /// (0010,0020).
    pub patient_id: String,
    /// (0010,0021).
    pub issuer: String,
    /// First group of (0010,0010), folded and normalised.
    pub name: String,
    /// Instances of two patients arrived in it.
    pub two_patients: bool,
}

/// What a stale study or series becomes.
#[derive(Clone, Debug)]
pub struct Fresh {
    /// Which.
    pub id: StaleId,
    /// The instance that it was taken from; when that is the first no more, it stays stale.
    pub first: Option<RowId>,
    /// The attributes; `None` leaves them as they are.
    pub attributes: Option<FreshAttributes>,
}

/// Attributes of a study or series.
#[derive(Clone, Debug)]
pub enum FreshAttributes {
    /// Of a study, and whether its instances are of two patients.
    Study(Box<NewStudy>, bool),
    /// Of a series.
    Series(Box<NewSeries>),
}
