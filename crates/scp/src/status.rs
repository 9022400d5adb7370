//! What a sender is told: the status of each outcome of a store, and the words beside it.

use archive::{Outcome, StoreError, StoreErrorKind, Stored};
use dimse::Status;
use dimse::command::{Response, Store, UidFault};

/// Why an instance was not taken.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// A UID of the command is none.
    Uid(&'static str, UidFault),
    /// The command says that there is no data set.
    NoDataSet,
    /// The class of the command is not stored here.
    Class,
    /// The class of the command is not that of its presentation context.
    OtherClass,
    /// The requestor did not get the role of SCU on this context.
    Role,
    /// The audit trail has no room: nothing is done that cannot be recorded.
    Unrecorded,
    /// The archive did not take it.
    Archive(StoreError),
}

/// Success, which needs its proof: only the archive, after its flush, makes a [`Stored`] (DIMSE-025).
pub(crate) fn success(request: &Store, proof: &Stored) -> Response {
    request.respond(match proof.outcome() {
        Outcome::New | Outcome::Same => Status::SUCCESS,
        // Kept as another version; the one that was here first goes on being served.
        Outcome::NewVersion(_) => Status::COERCION_OF_DATA_ELEMENTS,
    })
}

/// The response to an instance that was not taken.
pub(crate) fn refusal(request: &Store, refusal: &Refusal) -> Response {
    request.respond(refusal.status()).with_comment(refusal.comment())
}

impl Refusal {
    /// Its status (PS3.4 B.2.3).
    pub(crate) fn status(&self) -> Status {
        match self {
            Refusal::Uid(_, UidFault::Missing | UidFault::Empty) | Refusal::NoDataSet => {
                Status::CANNOT_UNDERSTAND
            }
            Refusal::Uid(_, UidFault::Invalid) | Refusal::OtherClass => Status::DATA_SET_MISMATCH,
            Refusal::Class | Refusal::Role => Status::SOP_CLASS_NOT_SUPPORTED,
            Refusal::Unrecorded => Status::OUT_OF_RESOURCES,
            Refusal::Archive(error) => of(error.kind()),
        }
    }

    /// Whether the fault is on this side: somebody has to look.
    pub(crate) fn is_ours(&self) -> bool {
        matches!(self, Refusal::Unrecorded)
            || matches!(
                self,
                Refusal::Archive(error) if matches!(error.kind(), StoreErrorKind::NoSpace | StoreErrorKind::Unavailable)
            )
    }

    /// Error Comment: what the sender may know, nothing of the data set's values.
    fn comment(&self) -> String {
        match self {
            Refusal::Archive(error) => match error {
                StoreError::Denied(_) => "not authorized to store".to_owned(),
                StoreError::NoSpace(_) => "no space".to_owned(),
                StoreError::Storage(_) => "storage is not available".to_owned(),
                StoreError::Mismatch { name, .. } => format!("{name} differs from the command's"),
                StoreError::OtherStudy { .. } => "another study".to_owned(),
                StoreError::Head(_)
                | StoreError::DataSet(_)
                | StoreError::Identity { .. }
                | StoreError::Class(_)
                | StoreError::Syntax(_)
                | StoreError::TooLarge { .. }
                | StoreError::TooManyAttributes { .. } => error.to_string(),
            },
            Refusal::Uid(..)
            | Refusal::NoDataSet
            | Refusal::Class
            | Refusal::OtherClass
            | Refusal::Role
            | Refusal::Unrecorded => self.to_string(),
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refusal::Uid(name, fault) => write!(f, "{name} of the command {fault}"),
            Refusal::NoDataSet => f.write_str("a C-STORE without a data set"),
            Refusal::Class => f.write_str("the SOP class is not stored here"),
            Refusal::OtherClass => f.write_str("the SOP class is not that of the presentation context"),
            Refusal::Role => f.write_str("the role of SCU was not negotiated"),
            Refusal::Unrecorded => f.write_str("the audit trail cannot be written"),
            Refusal::Archive(error) => error.fmt(f),
        }
    }
}

/// The status of each kind of refusal (DIMSE-026).
fn of(kind: StoreErrorKind) -> Status {
    match kind {
        StoreErrorKind::Denied => Status::NOT_AUTHORIZED,
        StoreErrorKind::NoSpace | StoreErrorKind::Unavailable | StoreErrorKind::TooLarge => {
            Status::OUT_OF_RESOURCES
        }
        StoreErrorKind::CannotUnderstand => Status::CANNOT_UNDERSTAND,
        StoreErrorKind::Mismatch | StoreErrorKind::OtherStudy => Status::DATA_SET_MISMATCH,
        StoreErrorKind::Class => Status::SOP_CLASS_NOT_SUPPORTED,
        StoreErrorKind::Syntax => Status(0xC122),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DIMSE-026, DIMSE-027 and the table of bad input.
    #[test]
    fn every_refusal_has_its_status() {
        let mismatch = StoreError::Mismatch {
            name: "SOPInstanceUID",
            found: "1.2".to_owned(),
            announced: "1.3".to_owned(),
        };
        for (refusal, status, ours) in [
            (Refusal::Uid("AffectedSOPInstanceUID", UidFault::Missing), 0xC000, false),
            (Refusal::Uid("AffectedSOPInstanceUID", UidFault::Empty), 0xC000, false),
            (Refusal::Uid("AffectedSOPInstanceUID", UidFault::Invalid), 0xA900, false),
            (Refusal::NoDataSet, 0xC000, false),
            (Refusal::Class, 0x0122, false),
            (Refusal::OtherClass, 0xA900, false),
            (Refusal::Role, 0x0122, false),
            (Refusal::Archive(mismatch), 0xA900, false),
            (Refusal::Archive(StoreError::NoSpace("disk full on /srv".into())), 0xA700, true),
            (Refusal::Archive(StoreError::Storage("EIO on /srv".into())), 0xA700, true),
            (Refusal::Archive(StoreError::TooLarge { limit: 8 }), 0xA700, false),
            (Refusal::Archive(StoreError::Class("1.2".into())), 0x0122, false),
            (Refusal::Archive(StoreError::Syntax("1.2".into())), 0xC122, false),
        ] {
            assert_eq!((refusal.status().0, refusal.is_ours()), (status, ours), "{refusal}");
            assert!(!refusal.comment().contains("/srv"), "paths stay here");
        }
    }
}
