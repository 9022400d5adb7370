//! What became of each part of a store.

use model::{SeriesUid, SopClassUid, SopInstanceUid, StudyUid};

/// What became of one part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartOutcome {
    /// It is stored: whoever builds this has the archive's proof.
    Stored {
        /// (0008,0016).
        sop_class: SopClassUid,
        /// (0008,0018).
        sop_instance: SopInstanceUid,
        /// (0020,000D).
        study: StudyUid,
        /// (0020,000E).
        series: SeriesUid,
        /// What the sender should know.
        warning: Option<WarningReason>,
    },
    /// It is not stored.
    Failed {
        /// SOP Class and Instance, where the part got far enough to say them: then it stands in the Failed SOP
        /// Sequence, else in the Other Failures Sequence.
        instance: Option<(SopClassUid, SopInstanceUid)>,
        /// Why.
        failure: Failure,
    },
}

/// Warning Reason (0008,1196) of a stored instance (PS3.18 Table I.2-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WarningReason {
    /// B000H. Ours: other bytes were here under the same UID; these are kept as a new version.
    Coercion,
    /// B006H.
    ElementsDiscarded,
    /// B007H.
    DoesNotMatchClass,
}

impl WarningReason {
    /// The reason's number.
    pub fn code(self) -> u16 {
        match self {
            WarningReason::Coercion => 0xB000,
            WarningReason::ElementsDiscarded => 0xB006,
            WarningReason::DoesNotMatchClass => 0xB007,
        }
    }
}

/// Why a part was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// Refused: no room. A700H; 507 when nothing else was stored.
    NoSpace,
    /// Refused: the storage failed, or is being checked. A700H; 503.
    Unavailable,
    /// Refused: over a size limit. A700H; 413.
    TooLarge,
    /// The data set is not what was announced, or contradicts its file meta information. A900H.
    Mismatch,
    /// The instance is of another study than the request. A901H.
    OtherStudy,
    /// No DICOM, or broken. C000H.
    CannotUnderstand,
    /// Transfer syntax not stored here. C122H.
    Syntax,
    /// SOP Class not stored here. 0122H.
    Class,
    /// Not authorised. 0124H; 403.
    Denied,
}

impl Failure {
    /// Failure Reason (0008,1197) (PS3.18 Table I.2-2).
    pub fn code(self) -> u16 {
        match self {
            Failure::NoSpace | Failure::Unavailable | Failure::TooLarge => 0xA700,
            Failure::Mismatch => 0xA900,
            Failure::OtherStudy => 0xA901,
            Failure::CannotUnderstand => 0xC000,
            Failure::Syntax => 0xC122,
            Failure::Class => 0x0122,
            Failure::Denied => 0x0124,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stow_019_to_023_codes() {
        for (failure, code) in [
            (Failure::NoSpace, 42752),
            (Failure::Unavailable, 42752),
            (Failure::TooLarge, 42752),
            (Failure::Mismatch, 43264),
            (Failure::OtherStudy, 43265),
            (Failure::CannotUnderstand, 49152),
            (Failure::Syntax, 49442),
            (Failure::Class, 290),
            (Failure::Denied, 292),
        ] {
            assert_eq!(failure.code(), code, "{failure:?}");
        }
        for (warning, code) in [
            (WarningReason::Coercion, 45056),
            (WarningReason::ElementsDiscarded, 45062),
            (WarningReason::DoesNotMatchClass, 45063),
        ] {
            assert_eq!(warning.code(), code, "{warning:?}");
        }
    }
}
