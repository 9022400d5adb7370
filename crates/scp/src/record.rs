//! Metrics of this edge: names and meanings in one place. Labels have few values, none from outside.

use std::time::Duration;

use dimse::{End, Reject, Status, Timer};

const OPEN: &str = "overread_dimse_associations";
const ACCEPTED: &str = "overread_dimse_accepted_total";
const REJECTED: &str = "overread_dimse_rejected_total";
const ENDED: &str = "overread_dimse_ended_total";
const RESPONSES: &str = "overread_dimse_responses_total";
const INSTANCES: &str = "overread_dimse_instances_total";
const BYTES: &str = "overread_dimse_received_bytes_total";
const STORE: &str = "overread_dimse_store_seconds";

pub(crate) fn describe() {
    metrics::describe_gauge!(OPEN, "DIMSE connections that have a place");
    metrics::describe_counter!(ACCEPTED, "Associations accepted");
    metrics::describe_counter!(REJECTED, "Associations rejected, by reason");
    metrics::describe_counter!(ENDED, "Associations ended, by how");
    metrics::describe_counter!(RESPONSES, "DIMSE responses, by operation and status");
    metrics::describe_counter!(INSTANCES, "Instances kept by C-STORE");
    metrics::describe_counter!(BYTES, "Bytes of data sets received by C-STORE, kept or not");
    metrics::describe_histogram!(STORE, "From a C-STORE request to its response");
}

/// Counts a connection as open until it is dropped.
pub(crate) struct Open;

impl Open {
    pub(crate) fn new() -> Self {
        metrics::gauge!(OPEN).increment(1.0);
        Self
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        metrics::gauge!(OPEN).decrement(1.0);
    }
}

pub(crate) fn accepted() {
    metrics::counter!(ACCEPTED).increment(1);
}

pub(crate) fn rejected(reject: Reject) {
    let reason = match reject {
        Reject::NoReason => "none",
        Reject::ApplicationContextNotSupported => "application_context",
        Reject::CallingAeTitleNotRecognized => "calling_aet",
        Reject::CalledAeTitleNotRecognized => "called_aet",
        Reject::IdentityRefused => "identity",
        Reject::ProtocolVersionNotSupported => "protocol_version",
        Reject::TemporaryCongestion => "stopping",
        Reject::LocalLimitExceeded => "full",
    };
    metrics::counter!(REJECTED, "reason" => reason).increment(1);
}

/// A connection that got no answer at all: `no_place`, `tls`.
pub(crate) fn turned_away(why: &'static str) {
    metrics::counter!(REJECTED, "reason" => why).increment(1);
}

pub(crate) fn released() {
    metrics::counter!(ENDED, "how" => "released").increment(1);
}

pub(crate) fn cut() {
    metrics::counter!(ENDED, "how" => "stopped").increment(1);
}

pub(crate) fn ended(end: &End) {
    let how = match end {
        End::PeerAborted(_) => "peer_aborted",
        End::Protocol(error) => error.kind(),
        End::TimedOut(Timer::Artim) => "artim",
        End::TimedOut(Timer::Answer) => "no_answer",
        End::TimedOut(Timer::Idle) => "idle",
        End::TimedOut(Timer::Rate) => "too_slow",
        End::Lost => "lost",
    };
    metrics::counter!(ENDED, "how" => how).increment(1);
}

pub(crate) fn response(operation: &'static str, status: Status) {
    metrics::counter!(RESPONSES, "operation" => operation, "status" => format!("{:04X}", status.0))
        .increment(1);
}

pub(crate) fn stored(kept: bool, bytes: u64, took: Duration) {
    if kept {
        metrics::counter!(INSTANCES).increment(1);
    }
    metrics::counter!(BYTES).increment(bytes);
    metrics::histogram!(STORE).record(took);
}
