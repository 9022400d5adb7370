//! What became of a ZIP, as JSON of our own: counts, and a line for each entry that is not simply stored.

use std::collections::BTreeSet;

use archive::unpack::Verdict;
use axum::body::Body;
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::Outcome;
use crate::app::App;
use crate::refusal::Refusal;

/// Studies that an answer names.
const STUDIES: usize = 100;

/// What became of the entries of a ZIP. At most one line for each of its 10,000 entries.
#[derive(Default)]
pub(super) struct Report {
    stored: u64,
    same: u64,
    versions: u64,
    left_out: u64,
    refused: u64,
    studies: BTreeSet<String>,
    lines: Vec<(usize, Value)>,
    /// Nothing more was tried, because nothing could be stored.
    stopped: bool,
}

/// 507, for want of room or because the disk fails.
pub(super) fn no_room() -> Refusal {
    Refusal::new(
        StatusCode::INSUFFICIENT_STORAGE,
        "There is no room for it at the moment. Nothing of it is kept; send it again later.",
    )
}

impl Report {
    /// Counts one; whether it makes sense to go on.
    pub(super) fn add(&mut self, number: usize, what: String, outcome: Outcome) -> bool {
        let (verdict, why) = match outcome {
            Outcome::LeftOut(why) | Outcome::Stored(Verdict::NotDicom { why }, _) => {
                self.left_out += 1;
                ("left-out", why)
            }
            Outcome::Unreadable(why) | Outcome::Stored(Verdict::Refused { why }, _) => {
                self.refused += 1;
                ("refused", why)
            }
            Outcome::Stored(Verdict::Stored { .. }, study) => {
                self.stored += 1;
                self.name(study);
                return true;
            }
            Outcome::Stored(Verdict::Same, study) => {
                self.same += 1;
                self.name(study);
                return true;
            }
            Outcome::Stored(Verdict::Version { number }, study) => {
                self.versions += 1;
                self.name(study);
                ("version", format!("other bytes are here under its UID; these are kept as version {number}"))
            }
            Outcome::Stored(Verdict::Stopped { why }, _) => {
                // What is wrong with our disk is for our log only.
                tracing::error!(error = %why, "an entry of a ZIP cannot be stored");
                self.refused += 1;
                self.stopped = true;
                (
                    "refused",
                    "it cannot be stored now, and what follows it was not tried; send it again later"
                        .to_owned(),
                )
            }
        };
        self.lines.push((number, json!({ "file": what, "verdict": verdict, "why": why })));
        !self.stopped
    }

    /// The rest was not looked at.
    pub(super) fn cut_short(&mut self) {
        self.stopped = true;
    }

    fn name(&mut self, study: Option<model::StudyUid>) {
        if self.studies.len() < STUDIES {
            self.studies.extend(study.map(|study| study.to_string()));
        }
    }

    /// 200 when every DICOM file is here, 202 when some are not, 409 when none is, 507 when nothing could be stored.
    pub(super) fn answer(mut self, app: &App) -> Result<Response, Refusal> {
        let here = self.stored + self.same + self.versions;
        let status = match (here, self.refused, self.stopped) {
            (0, _, true) => return Err(no_room()),
            (0, ..) => StatusCode::CONFLICT,
            (_, 0, false) => StatusCode::OK,
            _ => StatusCode::ACCEPTED,
        };
        self.lines.sort_by_key(|(number, _)| *number);
        let files: Vec<Value> = self.lines.into_iter().map(|(_, line)| line).collect();
        let studies: Vec<String> =
            self.studies.iter().map(|study| format!("{}/studies/{study}", app.base())).collect();
        let body = json!({
            "stored": self.stored,
            "same": self.same,
            "versions": self.versions,
            "leftOut": self.left_out,
            "refused": self.refused,
            "whole": !self.stopped,
            "studies": studies,
            "files": files,
        });
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(response)
    }
}
