//! The data sets of a storage commitment request and of its result (PS3.18 13, Annex J), in the DICOM JSON Model.

use model::{SeriesUid, SopClassUid, SopInstanceUid, StudyUid, Uid};
use serde_json::{Map, Value, json};

const REFERENCED_SOP: &str = "00081199";
const FAILED_SOP: &str = "00081198";
const REFERENCED_STUDY: &str = "00081110";
const FAILED_STUDY: &str = "0008119B";
const REFERENCED_SERIES: &str = "00081115";
const BY_CLASS: &str = "00081112";
const REFERENCED_INSTANCE: &str = "0008114A";
const TRANSACTION: &str = "00081195";
const CLASS: &str = "00081150";
const INSTANCE: &str = "00081155";
const STUDY: &str = "0020000D";
const SERIES: &str = "0020000E";
const REASON: &str = "00081197";

/// An instance that is asked for, in the order of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// (0008,1150).
    pub sop_class: SopClassUid,
    /// (0008,1155).
    pub sop_instance: SopInstanceUid,
    /// The study and series it stands under, when the request is by studies.
    pub place: Option<(StudyUid, SeriesUid)>,
}

/// Why a request says nothing: 400.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitmentRequestError {
    /// No JSON.
    #[error("the body is no JSON")]
    Json,
    /// JSON, but not one data set.
    #[error("the body is not one data set of the DICOM JSON Model")]
    DataSet,
    /// Neither sequence is there, or it is empty.
    #[error(
        "there is neither a Referenced SOP Sequence (0008,1199) nor a Referenced Study Sequence (0008,1110) with items"
    )]
    Nothing,
    /// Both sequences.
    #[error(
        "there are both a Referenced SOP Sequence (0008,1199) and a Referenced Study Sequence (0008,1110)"
    )]
    Both,
    /// A UID is missing or is none.
    #[error("({0}) is missing somewhere or is no UID")]
    Uid(&'static str),
    /// (0008,1195) is another than the path's.
    #[error("the Transaction UID (0008,1195) is another than that of the path")]
    Transaction,
    /// An instance twice (PS3.4 J.3.2.1.1).
    #[error("{0} is there more than once")]
    Twice(SopInstanceUid),
    /// More instances than are looked at.
    #[error("a request names at most {0} instances")]
    TooMany(usize),
}

/// Reads a request for this transaction (PS3.18 Table J.1-1), at most `most` instances of it.
///
/// # Errors
/// [`CommitmentRequestError`].
pub fn read_request(
    body: &[u8],
    transaction: &Uid,
    most: usize,
) -> Result<Vec<Reference>, CommitmentRequestError> {
    let parsed: Value = serde_json::from_slice(body).map_err(|_| CommitmentRequestError::Json)?;
    let set = match &parsed {
        Value::Object(set) => set,
        // One data set may stand alone in an array (PS3.18 F.2).
        Value::Array(sets) => match sets.as_slice() {
            [Value::Object(set)] => set,
            _ => return Err(CommitmentRequestError::DataSet),
        },
        _ => return Err(CommitmentRequestError::DataSet),
    };
    if set.contains_key(TRANSACTION) && uid::<Uid>(set, TRANSACTION)? != *transaction {
        return Err(CommitmentRequestError::Transaction);
    }
    let wanted = match (items(set, REFERENCED_SOP), items(set, REFERENCED_STUDY)) {
        ([], []) => return Err(CommitmentRequestError::Nothing),
        ([], studies) => by_study(studies, most)?,
        (references, []) => references
            .iter()
            .take(most + 1)
            .map(|item| {
                let item = object(item)?;
                Ok(Reference {
                    sop_class: uid(item, CLASS)?,
                    sop_instance: uid(item, INSTANCE)?,
                    place: None,
                })
            })
            .collect::<Result<_, _>>()?,
        _ => return Err(CommitmentRequestError::Both),
    };
    if wanted.len() > most {
        return Err(CommitmentRequestError::TooMany(most));
    }
    let mut seen = std::collections::HashSet::new();
    match wanted.iter().find(|one| !seen.insert(one.sop_instance)) {
        Some(twice) => Err(CommitmentRequestError::Twice(twice.sop_instance)),
        None if wanted.is_empty() => Err(CommitmentRequestError::Nothing),
        None => Ok(wanted),
    }
}

fn by_study(studies: &[Value], most: usize) -> Result<Vec<Reference>, CommitmentRequestError> {
    let mut wanted = Vec::new();
    for study in studies {
        let study = object(study)?;
        for series in items(study, REFERENCED_SERIES) {
            let series = object(series)?;
            let place = Some((uid(study, STUDY)?, uid(series, SERIES)?));
            for class in items(series, BY_CLASS) {
                let class = object(class)?;
                for instance in items(class, REFERENCED_INSTANCE) {
                    wanted.push(Reference {
                        sop_class: uid(class, CLASS)?,
                        sop_instance: uid(object(instance)?, INSTANCE)?,
                        place,
                    });
                    if wanted.len() > most {
                        return Err(CommitmentRequestError::TooMany(most));
                    }
                }
            }
        }
    }
    Ok(wanted)
}

/// Writes a result (PS3.18 Table J.2-1): each reference with its (0008,1197), `None` for one that is committed. What was
/// asked for by studies is answered by studies.
pub fn write_result(transaction: &Uid, results: &[(Reference, Option<u16>)]) -> Vec<u8> {
    let mut set = Map::new();
    set.insert(TRANSACTION.to_owned(), one("UI", json!(transaction.as_str())));
    for (failed, flat, by_study) in
        [(false, REFERENCED_SOP, REFERENCED_STUDY), (true, FAILED_SOP, FAILED_STUDY)]
    {
        let these: Vec<_> = results.iter().filter(|(_, failure)| failure.is_some() == failed).collect();
        let alone = these.iter().filter(|(one, _)| one.place.is_none());
        let alone: Vec<Value> = alone.map(|(one, failure)| item(one, *failure, true)).collect();
        let placed: Vec<_> = these.iter().filter(|(one, _)| one.place.is_some()).copied().collect();
        if !alone.is_empty() {
            set.insert(flat.to_owned(), sequence(alone));
        }
        if !placed.is_empty() {
            set.insert(by_study.to_owned(), studies(&placed));
        }
    }
    Value::Object(set).to_string().into_bytes()
}

/// References nested as studies, series and classes, in the order in which each first occurs.
fn studies(placed: &[&(Reference, Option<u16>)]) -> Value {
    let study_of = |one: &Reference| one.place.map(|(study, _)| study.to_string()).unwrap_or_default();
    let series_of = |one: &Reference| one.place.map(|(_, series)| series.to_string()).unwrap_or_default();
    let studies = groups(placed, |(one, _)| study_of(one)).into_iter().map(|(study, of_study)| {
        let series = groups(&of_study, |(one, _)| series_of(one)).into_iter().map(|(series, of_series)| {
            let classes = groups(&of_series, |(one, _)| one.sop_class.to_string());
            let classes = classes.into_iter().map(|(class, of_class)| {
                let instances = of_class.iter().map(|(one, failure)| item(one, *failure, false));
                json!({CLASS: one_text(&class), REFERENCED_INSTANCE: sequence(instances.collect())})
            });
            json!({SERIES: one_text(&series), BY_CLASS: sequence(classes.collect())})
        });
        json!({STUDY: one_text(&study), REFERENCED_SERIES: sequence(series.collect())})
    });
    sequence(studies.collect())
}

fn groups<'a, T>(all: &[&'a T], key: impl Fn(&T) -> String) -> Vec<(String, Vec<&'a T>)> {
    let mut found: Vec<(String, Vec<&'a T>)> = Vec::new();
    let mut at = std::collections::HashMap::new();
    for one in all {
        let key = key(one);
        let position = *at.entry(key.clone()).or_insert(found.len());
        if position == found.len() {
            found.push((key, Vec::new()));
        }
        if let Some((_, group)) = found.get_mut(position) {
            group.push(one);
        }
    }
    found
}

fn item(of: &Reference, failure: Option<u16>, with_class: bool) -> Value {
    let mut item = Map::new();
    if with_class {
        item.insert(CLASS.to_owned(), one_text(of.sop_class.as_str()));
    }
    item.insert(INSTANCE.to_owned(), one_text(of.sop_instance.as_str()));
    if let Some(reason) = failure {
        item.insert(REASON.to_owned(), one("US", json!(reason)));
    }
    Value::Object(item)
}

fn one(vr: &str, value: Value) -> Value {
    json!({"vr": vr, "Value": [value]})
}

fn one_text(uid: &str) -> Value {
    one("UI", json!(uid))
}

fn sequence(items: Vec<Value>) -> Value {
    json!({"vr": "SQ", "Value": items})
}

fn items<'a>(set: &'a Map<String, Value>, tag: &str) -> &'a [Value] {
    set.get(tag).and_then(|a| a.get("Value")).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn object(item: &Value) -> Result<&Map<String, Value>, CommitmentRequestError> {
    item.as_object().ok_or(CommitmentRequestError::DataSet)
}

fn uid<T: std::str::FromStr>(
    set: &Map<String, Value>,
    tag: &'static str,
) -> Result<T, CommitmentRequestError> {
    let text = match items(set, tag) {
        [Value::String(text)] => text,
        _ => return Err(CommitmentRequestError::Uid(tag)),
    };
    text.parse().map_err(|_| CommitmentRequestError::Uid(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CT: &str = "1.2.840.10008.5.1.4.1.1.2";

    fn transaction() -> Uid {
        "1.1.99999.20220901".parse().unwrap()
    }

    fn flat(uids: &[&str]) -> Value {
        let items = uids.iter().map(|uid| json!({CLASS: one_text(CT), INSTANCE: one_text(uid)}));
        json!({REFERENCED_SOP: sequence(items.collect())})
    }

    fn nested() -> Value {
        let instances =
            |uids: &[&str]| sequence(uids.iter().map(|u| json!({INSTANCE: one_text(u)})).collect());
        let classes = |uids: &[&str]| {
            sequence(vec![json!({CLASS: one_text(CT), REFERENCED_INSTANCE: instances(uids)})])
        };
        let series = |uid: &str, uids: &[&str]| json!({SERIES: one_text(uid), BY_CLASS: classes(uids)});
        let series = sequence(vec![series("1.2.3", &["1.2.3.1", "1.2.3.2"]), series("1.2.4", &["1.2.4.1"])]);
        json!({REFERENCED_STUDY: sequence(vec![json!({STUDY: one_text("1.2"), REFERENCED_SERIES: series})])})
    }

    #[test]
    fn dimse_046_requests() {
        use CommitmentRequestError as E;
        let with_transaction = |uid: &str| {
            let mut set = flat(&["1.2.3"]);
            set[TRANSACTION] = one_text(uid);
            set
        };
        let both = {
            let mut set = flat(&["1.2.3"]);
            set[REFERENCED_STUDY] = nested()[REFERENCED_STUDY].clone();
            set
        };
        for (body, expected) in [
            (flat(&["1.2.3", "1.2.4"]).to_string(), Ok(2)),
            (json!([flat(&["1.2.3"])]).to_string(), Ok(1)),
            (nested().to_string(), Ok(3)),
            (with_transaction(transaction().as_str()).to_string(), Ok(1)),
            (with_transaction("1.9").to_string(), Err(E::Transaction)),
            (both.to_string(), Err(E::Both)),
            ("{}".into(), Err(E::Nothing)),
            (flat(&[]).to_string(), Err(E::Nothing)),
            (
                json!({REFERENCED_STUDY: sequence(vec![json!({STUDY: one_text("1.2")})])}).to_string(),
                Err(E::Nothing),
            ),
            (flat(&["1.2.3", "1.2.3"]).to_string(), Err(E::Twice("1.2.3".parse().unwrap()))),
            (flat(&["1.2.x"]).to_string(), Err(E::Uid(INSTANCE))),
            (
                json!({REFERENCED_SOP: sequence(vec![json!({INSTANCE: one_text("1.2")})])}).to_string(),
                Err(E::Uid(CLASS)),
            ),
            (json!({REFERENCED_SOP: sequence(vec![json!(7)])}).to_string(), Err(E::DataSet)),
            (flat(&["1.1", "1.2", "1.3", "1.4"]).to_string(), Err(E::TooMany(3))),
            ("[]".into(), Err(E::DataSet)),
            ("7".into(), Err(E::DataSet)),
            ("<xml/>".into(), Err(E::Json)),
            ("[".repeat(100_000), Err(E::Json)),
        ] {
            let found = read_request(body.as_bytes(), &transaction(), 3).map(|wanted| wanted.len());
            assert_eq!(found, expected, "{body:.200}");
        }
    }

    #[test]
    fn dimse_044_results_name_what_was_asked_and_no_more() {
        for (request, committed, failed) in [
            (flat(&["1.2.3.1", "1.2.3.2", "1.2.4.1"]), REFERENCED_SOP, FAILED_SOP),
            (nested(), REFERENCED_STUDY, FAILED_STUDY),
        ] {
            let wanted = read_request(request.to_string().as_bytes(), &transaction(), 10).unwrap();
            let result = |failures: [Option<u16>; 3]| -> Value {
                let results: Vec<_> = wanted.iter().cloned().zip(failures).collect();
                serde_json::from_slice(&write_result(&transaction(), &results)).unwrap()
            };
            let all = result([None; 3]);
            assert_eq!(
                all[committed], request[committed],
                "everything is committed, and said as it was asked"
            );
            assert!(all.get(failed).is_none());
            let some = result([None, Some(0x0112), Some(0x0119)]);
            let text = some.to_string();
            for uid in ["1.2.3.1", "1.2.3.2", "1.2.4.1"] {
                assert_eq!(text.matches(&format!("\"{uid}\"")).count(), 1, "{uid}");
            }
            assert!(some[failed].to_string().contains("274") && some[failed].to_string().contains("281"));
            assert!(some[committed].to_string().contains("1.2.3.1"));
            assert!(result([Some(0x0110); 3]).get(committed).is_none());
        }
    }
}
