//! What the layers below say, as HTTP says it. Every kind is named: a new one does not compile until it is here.

use archive::{ReadError, ReadErrorKind, StoreErrorKind};
use dicomweb::media::AcceptError;
use dicomweb::query::{PairsError, QueryError};
use dicomweb::stow::Failure;
use dicomweb::url::PathError;
use http::StatusCode;

use crate::refusal::{Refusal, sentence};

impl From<ReadError> for Refusal {
    fn from(error: ReadError) -> Self {
        let text = sentence(&error.to_string());
        match error.kind() {
            ReadErrorKind::Denied => match &error {
                ReadError::Denied(denied) => Refusal::denied(denied),
                _ => Refusal::new(StatusCode::FORBIDDEN, text),
            },
            ReadErrorKind::NotFound => Refusal::not_found(text),
            ReadErrorKind::Gone => Refusal::new(StatusCode::GONE, text),
            ReadErrorKind::Held => Refusal::new(StatusCode::CONFLICT, text),
            ReadErrorKind::Unprocessable => Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, text),
            ReadErrorKind::Unsupported => Refusal::new(StatusCode::NOT_ACCEPTABLE, text),
            ReadErrorKind::TooLarge => Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, text),
            ReadErrorKind::Busy => Refusal::unavailable(text),
            ReadErrorKind::BadRequest => Refusal::bad_request(text),
            ReadErrorKind::Damaged => {
                tracing::error!(error = %error, "stored bytes are damaged");
                Refusal::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "The stored bytes are damaged, so nothing of them is sent. Tell the operator; `overread verify` names them.",
                )
            }
            ReadErrorKind::Unavailable => {
                tracing::error!(error = %error, "storage failed");
                Refusal::unavailable("The storage does not answer. Try again in some seconds.")
            }
        }
    }
}

impl From<PathError> for Refusal {
    fn from(error: PathError) -> Self {
        let text = sentence(&error.to_string());
        match error {
            PathError::Unknown => Refusal::not_found(text),
            PathError::Uid(..) | PathError::Frames | PathError::Bulk | PathError::Encoding => {
                Refusal::bad_request(text)
            }
        }
    }
}

impl From<QueryError> for Refusal {
    fn from(error: QueryError) -> Self {
        let text = sentence(&error.to_string());
        match error {
            QueryError::Pairs(PairsError::TooLong(_)) => Refusal::new(StatusCode::URI_TOO_LONG, text),
            QueryError::Pairs(PairsError::Encoding)
            | QueryError::Name { .. }
            | QueryError::Repeated(_)
            | QueryError::Value { .. }
            | QueryError::PrivateCreator { .. }
            | QueryError::Token => Refusal::bad_request(text),
        }
    }
}

impl From<AcceptError> for Refusal {
    fn from(error: AcceptError) -> Self {
        let text = sentence(&error.to_string());
        match error {
            AcceptError::Missing => Refusal::new(StatusCode::NOT_ACCEPTABLE, text),
            AcceptError::Mixed | AcceptError::Parameter | AcceptError::Incompatible => {
                Refusal::bad_request(text)
            }
        }
    }
}

/// The failure that a store response reports.
pub(crate) fn failure(kind: StoreErrorKind) -> Failure {
    match kind {
        StoreErrorKind::Denied => Failure::Denied,
        StoreErrorKind::NoSpace => Failure::NoSpace,
        StoreErrorKind::Unavailable => Failure::Unavailable,
        StoreErrorKind::CannotUnderstand => Failure::CannotUnderstand,
        StoreErrorKind::Mismatch => Failure::Mismatch,
        StoreErrorKind::OtherStudy => Failure::OtherStudy,
        StoreErrorKind::Class => Failure::Class,
        StoreErrorKind::Syntax => Failure::Syntax,
        StoreErrorKind::TooLarge => Failure::TooLarge,
    }
}

/// The failure's name in metrics.
pub(crate) fn failure_label(failure: Failure) -> &'static str {
    match failure {
        Failure::NoSpace => "no_space",
        Failure::Unavailable => "unavailable",
        Failure::TooLarge => "too_large",
        Failure::Mismatch => "mismatch",
        Failure::OtherStudy => "other_study",
        Failure::CannotUnderstand => "cannot_understand",
        Failure::Syntax => "syntax",
        Failure::Class => "class",
        Failure::Denied => "denied",
    }
}

#[cfg(test)]
mod tests {
    use model::UidError;

    use super::*;

    #[test]
    fn wado_038_041_and_qido_020_statuses() {
        for (refusal, status) in [
            (Refusal::from(ReadError::NotFound("study")), 404),
            (Refusal::from(ReadError::Gone("study")), 410),
            (Refusal::from(ReadError::Held(7)), 409),
            (Refusal::from(ReadError::Unprocessable("x".into())), 422),
            (Refusal::from(ReadError::Unsupported("x".into())), 406),
            (Refusal::from(ReadError::TooLarge("x".into())), 413),
            (Refusal::from(ReadError::Busy("x".into())), 503),
            (Refusal::from(ReadError::BadRequest("x".into())), 400),
            (Refusal::from(ReadError::Damaged("x".into())), 500),
            (Refusal::from(ReadError::Storage("x".into())), 503),
            (Refusal::from(PathError::Unknown), 404),
            (Refusal::from(PathError::Uid("the study's UID", UidError::Empty)), 400),
            (Refusal::from(PathError::Frames), 400),
            (Refusal::from(QueryError::Repeated("x".into())), 400),
            (Refusal::from(QueryError::Token), 400),
            (Refusal::from(QueryError::Pairs(PairsError::TooLong(20_000))), 414),
            (Refusal::from(AcceptError::Missing), 406),
            (Refusal::from(AcceptError::Mixed), 400),
        ] {
            assert_eq!(refusal.status().as_u16(), status, "{refusal:?}");
        }
    }
}
