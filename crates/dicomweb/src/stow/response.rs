//! Status and response data set.

use http::StatusCode;
use model::StudyUid;

use super::{Failure, PartOutcome};
use crate::url::Base;

/// How the request's body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// With its closing delimiter.
    Whole,
    /// It broke off, or what followed the outcomes was no multipart body.
    Broken,
}

/// The answer to a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// 200, 202; 400, 403, 409, 413, 503, 507 when nothing was stored.
    pub status: StatusCode,
    /// The Store Instances Response Module as one DICOM JSON object.
    pub body: Vec<u8>,
    /// URL of what was created, for `Location` and `Content-Location`; `None` when nothing was stored.
    pub location: Option<String>,
}

/// Builds the answer (PS3.18 10.5.3, Table I.1-1).
///
/// Nothing in it claims more than the outcomes say: an instance is listed as stored only by
/// [`PartOutcome::Stored`].
pub fn respond(base: &Base, outcomes: &[PartOutcome], request: Request) -> Response {
    Response {
        status: status(outcomes, request),
        body: body(base, outcomes),
        location: location(base, outcomes),
    }
}

fn status(outcomes: &[PartOutcome], request: Request) -> StatusCode {
    let mut clean = request == Request::Whole;
    let mut stored = false;
    let mut failures = Vec::new();
    for outcome in outcomes {
        match outcome {
            PartOutcome::Stored { warning, .. } => {
                stored = true;
                clean &= warning.is_none();
            }
            PartOutcome::Failed { failure, .. } => {
                clean = false;
                failures.push(*failure);
            }
        }
    }
    match (stored, clean) {
        (true, true) => StatusCode::OK,
        (true, false) => StatusCode::ACCEPTED,
        (false, _) => refusal(&failures, request),
    }
}

/// The status when nothing was stored: one that says what to do, when all failed for one kind of reason.
fn refusal(failures: &[Failure], request: Request) -> StatusCode {
    let all = |kinds: &[Failure]| failures.iter().all(|failure| kinds.contains(failure));
    match failures {
        [] => StatusCode::BAD_REQUEST,
        _ if all(&[Failure::NoSpace]) => StatusCode::INSUFFICIENT_STORAGE,
        _ if all(&[Failure::NoSpace, Failure::Unavailable]) => StatusCode::SERVICE_UNAVAILABLE,
        _ if request == Request::Broken => StatusCode::BAD_REQUEST,
        _ if all(&[Failure::TooLarge]) => StatusCode::PAYLOAD_TOO_LARGE,
        _ if all(&[Failure::Denied]) => StatusCode::FORBIDDEN,
        _ => StatusCode::CONFLICT,
    }
}

/// The study that all stored instances belong to.
fn only_study(outcomes: &[PartOutcome]) -> Option<&StudyUid> {
    let mut studies = outcomes.iter().filter_map(|outcome| match outcome {
        PartOutcome::Stored { study, .. } => Some(study),
        PartOutcome::Failed { .. } => None,
    });
    let first = studies.next()?;
    studies.all(|study| study == first).then_some(first)
}

fn location(base: &Base, outcomes: &[PartOutcome]) -> Option<String> {
    let mut stored = outcomes.iter().filter_map(|outcome| match outcome {
        PartOutcome::Stored { study, series, sop_instance, .. } => Some((study, series, sop_instance)),
        PartOutcome::Failed { .. } => None,
    });
    let (study, series, instance) = stored.next()?;
    Some(match (stored.next(), only_study(outcomes)) {
        (None, _) => base.instance(study, series, instance),
        (Some(_), Some(study)) => base.study(study),
        (Some(_), None) => base.studies(),
    })
}

fn body(base: &Base, outcomes: &[PartOutcome]) -> Vec<u8> {
    let (mut failed, mut stored, mut other) = (Vec::new(), Vec::new(), Vec::new());
    for outcome in outcomes {
        match outcome {
            PartOutcome::Stored { sop_class, sop_instance, study, series, warning } => {
                let url = base.instance(study, series, sop_instance);
                let mut members =
                    vec![uid("00081150", sop_class.as_str()), uid("00081155", sop_instance.as_str())];
                members.push(url_member("00081190", Some(&url)));
                members.extend(warning.map(|reason| code("00081196", reason.code())));
                stored.push(object(&members));
            }
            PartOutcome::Failed { instance: Some((class, instance)), failure } => failed.push(object(&[
                uid("00081150", class.as_str()),
                uid("00081155", instance.as_str()),
                code("00081197", failure.code()),
            ])),
            PartOutcome::Failed { instance: None, failure } => {
                other.push(object(&[code("00081197", failure.code())]));
            }
        }
    }
    let study = only_study(outcomes).map(|study| base.study(study));
    let mut members = vec![url_member("00081190", study.as_deref())];
    members.extend(sequence("00081198", &failed));
    members.extend(sequence("00081199", &stored));
    members.extend(sequence("0008119A", &other));
    object(&members).into_bytes()
}

fn object(members: &[String]) -> String {
    format!("{{{}}}", members.join(","))
}

fn uid(tag: &str, uid: &str) -> String {
    format!(r#""{tag}":{{"vr":"UI","Value":["{uid}"]}}"#)
}

fn code(tag: &str, code: u16) -> String {
    format!(r#""{tag}":{{"vr":"US","Value":[{code}]}}"#)
}

/// Type 2: there, and empty where it is not known.
fn url_member(tag: &str, url: Option<&str>) -> String {
    match url {
        // A base URL is a URI: nothing in it that JSON would escape.
        Some(url) => format!(r#""{tag}":{{"vr":"UR","Value":["{url}"]}}"#),
        None => format!(r#""{tag}":{{"vr":"UR"}}"#),
    }
}

/// Type 1C: absent when it would be empty.
fn sequence(tag: &str, items: &[String]) -> Option<String> {
    (!items.is_empty()).then(|| format!(r#""{tag}":{{"vr":"SQ","Value":[{}]}}"#, items.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stow::WarningReason;

    const CT: &str = "1.2.840.10008.5.1.4.1.1.2";

    fn stored(study: &str, instance: &str, warning: Option<WarningReason>) -> PartOutcome {
        PartOutcome::Stored {
            sop_class: CT.parse().expect("a UID"),
            sop_instance: instance.parse().expect("a UID"),
            study: study.parse().expect("a UID"),
            series: format!("{study}.1").parse().expect("a UID"),
            warning,
        }
    }

    fn failed(failure: Failure) -> PartOutcome {
        let instance = Some((CT.parse().expect("a UID"), "1.9".parse().expect("a UID")));
        PartOutcome::Failed { instance, failure }
    }

    fn answer(outcomes: &[PartOutcome], request: Request) -> Response {
        respond(&Base::new("https://h/dicom-web").expect("a base"), outcomes, request)
    }

    #[test]
    fn stow_010_to_013_statuses() {
        use Failure::*;
        let good = stored("1.2", "1.3", None);
        let versioned = stored("1.2", "1.4", Some(WarningReason::Coercion));
        let unread = PartOutcome::Failed { instance: None, failure: CannotUnderstand };
        for (outcomes, request, status) in [
            (vec![good.clone()], Request::Whole, 200),
            (vec![good.clone(), good.clone()], Request::Whole, 200),
            (vec![good.clone(), versioned.clone()], Request::Whole, 202),
            (vec![versioned], Request::Whole, 202),
            (vec![good.clone(), failed(Class)], Request::Whole, 202),
            (vec![good.clone(), unread.clone()], Request::Whole, 202),
            (vec![good.clone(), failed(NoSpace)], Request::Whole, 202),
            (vec![good], Request::Broken, 202),
            (vec![failed(Class)], Request::Whole, 409),
            (vec![failed(OtherStudy)], Request::Whole, 409),
            (vec![unread.clone()], Request::Whole, 409),
            (vec![unread.clone()], Request::Broken, 400),
            (vec![], Request::Whole, 400),
            (vec![], Request::Broken, 400),
            (vec![failed(NoSpace), failed(NoSpace)], Request::Whole, 507),
            (vec![failed(NoSpace)], Request::Broken, 507),
            (vec![failed(NoSpace), failed(Unavailable)], Request::Whole, 503),
            (vec![failed(Unavailable)], Request::Whole, 503),
            (vec![failed(TooLarge)], Request::Whole, 413),
            (vec![failed(Denied)], Request::Whole, 403),
            (vec![failed(NoSpace), unread], Request::Whole, 409),
        ] {
            assert_eq!(answer(&outcomes, request).status, status, "{outcomes:?} {request:?}");
        }
    }

    #[test]
    fn stow_014_to_018_and_024_026_bodies() {
        let item = |study: &str, instance: &str| {
            format!(
                "{{\"00081150\":{{\"vr\":\"UI\",\"Value\":[\"{CT}\"]}},\
                 \"00081155\":{{\"vr\":\"UI\",\"Value\":[\"{instance}\"]}},\
                 \"00081190\":{{\"vr\":\"UR\",\"Value\":[\"https://h/dicom-web/studies/{study}/series/{study}.1/instances/{instance}\"]}}"
            )
        };
        let one = answer(&[stored("1.2", "1.3", None)], Request::Whole);
        assert_eq!(
            String::from_utf8_lossy(&one.body),
            format!(
                "{{\"00081190\":{{\"vr\":\"UR\",\"Value\":[\"https://h/dicom-web/studies/1.2\"]}},\
                 \"00081199\":{{\"vr\":\"SQ\",\"Value\":[{}}}]}}}}",
                item("1.2", "1.3")
            )
        );
        let mixed = answer(
            &[
                stored("1.2", "1.3", Some(WarningReason::Coercion)),
                failed(Failure::Class),
                PartOutcome::Failed { instance: None, failure: Failure::CannotUnderstand },
                stored("1.5", "1.6", None),
            ],
            Request::Whole,
        );
        assert_eq!(
            String::from_utf8_lossy(&mixed.body),
            format!(
                "{{\"00081190\":{{\"vr\":\"UR\"}},\
                 \"00081198\":{{\"vr\":\"SQ\",\"Value\":[{{\"00081150\":{{\"vr\":\"UI\",\"Value\":[\"{CT}\"]}},\
                 \"00081155\":{{\"vr\":\"UI\",\"Value\":[\"1.9\"]}},\"00081197\":{{\"vr\":\"US\",\"Value\":[290]}}}}]}},\
                 \"00081199\":{{\"vr\":\"SQ\",\"Value\":[{},\"00081196\":{{\"vr\":\"US\",\"Value\":[45056]}}}},{}}}]}},\
                 \"0008119A\":{{\"vr\":\"SQ\",\"Value\":[{{\"00081197\":{{\"vr\":\"US\",\"Value\":[49152]}}}}]}}}}",
                item("1.2", "1.3"),
                item("1.5", "1.6")
            )
        );
        for outcomes in [vec![], vec![failed(Failure::Class)]] {
            let body = answer(&outcomes, Request::Whole).body;
            assert!(body.starts_with(b"{\"00081190\":{\"vr\":\"UR\"}"), "{}", String::from_utf8_lossy(&body));
            assert!(serde_json::from_slice::<serde_json::Value>(&body).is_ok());
        }
    }

    #[test]
    fn stow_038_locations() {
        let study = "https://h/dicom-web/studies/1.2";
        for (outcomes, expected) in [
            (vec![stored("1.2", "1.3", None)], Some(format!("{study}/series/1.2.1/instances/1.3"))),
            (vec![stored("1.2", "1.3", None), stored("1.2", "1.4", None)], Some(study.to_owned())),
            (
                vec![stored("1.2", "1.3", None), stored("1.5", "1.6", None)],
                Some("https://h/dicom-web/studies".to_owned()),
            ),
            (
                vec![stored("1.2", "1.3", None), failed(Failure::Class)],
                Some(format!("{study}/series/1.2.1/instances/1.3")),
            ),
            (vec![failed(Failure::Class)], None),
        ] {
            assert_eq!(answer(&outcomes, Request::Whole).location, expected);
        }
    }
}
