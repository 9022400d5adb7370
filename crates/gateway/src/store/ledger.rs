//! What becomes of each instance of a request, and those that are whole and wait for the disk together.

use archive::{Identity, Incoming, Outcome, StoreError, Stored};
use dicomweb::stow::{Failure, PartOutcome, WarningReason};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use model::{SopClassUid, SopInstanceUid};

use super::session::{Cut, Done};
use crate::app::Call;
use crate::status::{failure, failure_label};

/// An instance that never got an outcome; there is no such one.
const UNKNOWN: PartOutcome = PartOutcome::Failed { instance: None, failure: Failure::CannotUnderstand };

/// An instance's number from 0 on, which it is, and what became of it.
type Finished = (usize, Identity, Result<Stored, StoreError>);

/// The outcomes of one request.
pub(super) struct Ledger<'a> {
    call: &'a Call<'a>,
    /// What is counted: `part`, `instance`.
    noun: &'static str,
    limit: usize,
    /// Who sends it, for people.
    pub(super) from: String,
    outcomes: Vec<Option<PartOutcome>>,
    complaints: Vec<String>,
    finishing: FuturesUnordered<BoxFuture<'a, Finished>>,
    malformed: bool,
}

impl<'a> Ledger<'a> {
    pub(super) fn new(call: &'a Call<'a>, noun: &'static str) -> Self {
        Self {
            call,
            noun,
            limit: call.app.config().limits.pipeline,
            from: format!("{}@{}", call.who, call.caller.peer.address.ip()),
            outcomes: Vec::new(),
            complaints: Vec::new(),
            finishing: FuturesUnordered::new(),
            malformed: false,
        }
    }

    /// One more that will get an outcome; its number.
    pub(super) fn begin(&mut self) -> usize {
        self.outcomes.push(None);
        self.outcomes.len() - 1
    }

    /// The number of the last that began.
    pub(super) fn last(&self) -> usize {
        self.outcomes.len().saturating_sub(1)
    }

    /// Something of the body is not in the form that it should be.
    pub(super) fn malformed(&mut self) {
        self.malformed = true;
    }

    /// One is whole: it goes to the disk while the next comes.
    pub(super) async fn finish(&mut self, number: usize, incoming: Box<Incoming<'a>>) {
        let identity = incoming.identity();
        self.finishing.push(Box::pin(async move { (number, identity, incoming.finish().await) }));
        while self.finishing.len() >= self.limit {
            if let Some(finished) = self.finishing.next().await {
                self.record(finished);
            }
        }
    }

    /// Does something while those that are whole go on to the disk.
    pub(super) async fn beside<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                Some(finished) = self.finishing.next(), if !self.finishing.is_empty() => self.record(finished),
            }
        }
    }

    /// Waits for all that are whole.
    pub(super) async fn close(mut self, cut: Option<Cut>) -> Done {
        while let Some(finished) = self.finishing.next().await {
            self.record(finished);
        }
        let outcomes = self.outcomes.into_iter().map(|outcome| outcome.unwrap_or(UNKNOWN)).collect();
        Done { outcomes, complaints: self.complaints, cut, malformed: self.malformed }
    }

    fn record(&mut self, (number, identity, result): Finished) {
        let stored = match result {
            Ok(stored) => stored,
            Err(error) => {
                self.refuse(number, &identity, &error);
                return;
            }
        };
        self.call.trace.keeps(&stored, &self.call.who);
        let (warning, label) = match stored.outcome() {
            Outcome::New => (None, "new"),
            Outcome::Same => (None, "same"),
            Outcome::NewVersion(_) => (Some(WarningReason::Coercion), "new_version"),
        };
        metrics::counter!("overread_stored_instances_total", "door" => "stow", "outcome" => label)
            .increment(1);
        metrics::counter!("overread_stored_bytes_total", "door" => "stow").increment(stored.length());
        if warning.is_some() {
            self.complaints.push(format!(
                "B000 {} {}: other bytes are held under {}; these are kept as another version",
                self.noun,
                number + 1,
                stored.sop_instance()
            ));
        }
        self.set(
            number,
            PartOutcome::Stored {
                sop_class: *stored.sop_class(),
                sop_instance: *stored.sop_instance(),
                study: *stored.study(),
                series: *stored.series(),
                warning,
            },
        );
    }

    /// The archive did not take it. Whether it was our storage, at this moment.
    pub(super) fn refuse(&mut self, number: usize, identity: &Identity, error: &StoreError) -> Fault {
        let failure = failure(error.kind());
        // What is wrong with our disk is for our log only.
        let (why, fault) = match failure {
            Failure::NoSpace | Failure::Unavailable => {
                tracing::error!(%error, source = %self.from, "an instance cannot be stored");
                ("it cannot be stored now; send it again later".to_owned(), Fault::Storage)
            }
            Failure::TooLarge
            | Failure::Mismatch
            | Failure::OtherStudy
            | Failure::CannotUnderstand
            | Failure::Syntax
            | Failure::Class
            | Failure::Denied => {
                tracing::info!(%error, source = %self.from, "an instance is not stored");
                (error.to_string(), Fault::Instance)
            }
        };
        self.fail(number, identity.get(), failure, &why);
        fault
    }

    /// It is not stored.
    pub(super) fn fail(
        &mut self,
        number: usize,
        instance: Option<(SopClassUid, SopInstanceUid)>,
        failure: Failure,
        why: &str,
    ) {
        self.call.trace.refuses(matches!(failure, Failure::NoSpace | Failure::Unavailable));
        metrics::counter!("overread_store_errors_total", "door" => "stow", "kind" => failure_label(failure))
            .increment(1);
        self.complaints.push(format!("{:04X} {} {}: {why}", failure.code(), self.noun, number + 1));
        self.set(number, PartOutcome::Failed { instance, failure });
    }

    fn set(&mut self, number: usize, outcome: PartOutcome) {
        if let Some(slot) = self.outcomes.get_mut(number) {
            *slot = Some(outcome);
        }
    }

    pub(super) fn call(&self) -> &'a Call<'a> {
        self.call
    }
}

/// At whom a refusal lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The instance.
    Instance,
    /// Our storage, at this moment.
    Storage,
}
