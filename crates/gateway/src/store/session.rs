//! One store request: its parts go into the archive as they arrive, and several wait for the disk together.

use std::time::{Duration, Instant};

use archive::{Announced, Framing, Identity, Incoming, Outcome, StoreError, Stored};
use bytes::Bytes;
use dicomweb::multipart::{Event, MultipartError, PartHead};
use dicomweb::stow::{Failure, PartOutcome, WarningReason};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use model::StudyUid;

use super::parts::Parts;
use super::upload::{Upload, UploadError};
use crate::app::Call;
use crate::status::{failure, failure_label};

/// What became of a request.
pub(super) struct Done {
    /// Of each part that began, in their order.
    pub(super) outcomes: Vec<PartOutcome>,
    /// What is wrong with parts that were not stored, in words: `part 2: …`.
    pub(super) complaints: Vec<String>,
    /// Why the body was not read to its end.
    pub(super) cut: Option<Cut>,
}

/// Why a body was not read to its end.
#[derive(Debug)]
pub(super) enum Cut {
    /// It is no multipart body.
    Framing(MultipartError),
    /// It stopped, or was too large or too slow.
    Upload(UploadError),
    /// Nothing more can be stored, and enough of it was read in vain.
    Storage,
}

/// A part that cannot be stored for want of room is read on for this long, so that a sender of small instances gets
/// its whole report and a sender of a large one an early answer.
const PATIENCE: Duration = Duration::from_millis(800);

/// Stores the parts of a body.
pub(super) async fn run(
    call: &Call<'_>,
    study: Option<StudyUid>,
    mut source: Parts,
    body: &mut Upload,
) -> Done {
    let mut session = Session {
        call,
        study,
        limit: call.app.config().limits.pipeline,
        from: format!("{}@{}", call.who, call.caller.peer.address.ip()),
        outcomes: Vec::new(),
        complaints: Vec::new(),
        finishing: FuturesUnordered::new(),
        open: Open::None,
    };
    let cut = session.take(&mut source, body).await.err();
    if matches!(cut, Some(Cut::Framing(_))) {
        body.drain().await;
    }
    session.close().await;
    let outcomes = session.outcomes.into_iter().map(|outcome| outcome.unwrap_or(UNKNOWN)).collect();
    Done { outcomes, complaints: session.complaints, cut }
}

/// A part that ended without an outcome; there is no such part.
const UNKNOWN: PartOutcome = PartOutcome::Failed { instance: None, failure: Failure::CannotUnderstand };

/// A part's number from 0 on, which instance it is, and what became of it.
type Finished = (usize, Identity, Result<Stored, StoreError>);

struct Session<'a> {
    call: &'a Call<'a>,
    study: Option<StudyUid>,
    limit: usize,
    from: String,
    outcomes: Vec<Option<PartOutcome>>,
    complaints: Vec<String>,
    /// Parts that are whole and wait for the disk.
    finishing: FuturesUnordered<BoxFuture<'a, Finished>>,
    open: Open<'a>,
}

/// The part whose bytes are coming.
enum Open<'a> {
    None,
    Receiving(Box<Incoming<'a>>),
    /// It failed; the rest of its bytes is read and thrown away.
    Failed,
    /// The same, but because of our storage, at this moment.
    Refused(Instant),
}

impl<'a> Session<'a> {
    async fn take(&mut self, source: &mut Parts, body: &mut Upload) -> Result<(), Cut> {
        loop {
            while let Some(event) = source.next_event().map_err(Cut::Framing)? {
                self.handle(event).await;
            }
            if matches!(self.open, Open::Refused(since) if since.elapsed() > PATIENCE) {
                return Err(Cut::Storage);
            }
            match self.beside(body.next()).await.map_err(Cut::Upload)? {
                Some(bytes) => source.push(bytes),
                None => {
                    source.finish();
                    while let Some(event) = source.next_event().map_err(Cut::Framing)? {
                        self.handle(event).await;
                    }
                    return Ok(());
                }
            }
        }
    }

    async fn handle(&mut self, event: Event) {
        match event {
            Event::Part(head) => self.begin(&head).await,
            Event::Data(bytes) => self.write(bytes).await,
            Event::PartEnd => self.end().await,
            Event::End => {}
        }
    }

    async fn begin(&mut self, head: &PartHead) {
        self.outcomes.push(None);
        // Without a type of its own a part is what the request says: DICOM.
        let foreign = head.get("content-type").is_some()
            && !head.content_type().is_some_and(|media| media.is_named("application/dicom"));
        if foreign {
            let why = "its Content-Type is not application/dicom";
            self.fail(self.outcomes.len() - 1, &Identity::default(), Failure::CannotUnderstand, why);
            self.open = Open::Failed;
            return;
        }
        let announced = Announced {
            framing: Framing::Part10,
            sop_class: None,
            sop_instance: None,
            study: self.study,
            source: self.from.clone(),
        };
        let call = self.call;
        match self.beside(call.app.archive().receive(&call.who, announced)).await {
            Ok(incoming) => self.open = Open::Receiving(Box::new(incoming)),
            Err(error) => self.refuse_open(&Identity::default(), &error),
        }
    }

    async fn write(&mut self, bytes: Bytes) {
        match std::mem::replace(&mut self.open, Open::None) {
            Open::Receiving(mut incoming) => match self.beside(incoming.write(bytes)).await {
                Ok(()) => self.open = Open::Receiving(incoming),
                Err(error) => self.refuse_open(&incoming.identity(), &error),
            },
            failed => self.open = failed,
        }
    }

    /// The open part cannot be stored.
    fn refuse_open(&mut self, identity: &Identity, error: &StoreError) {
        self.refuse(self.outcomes.len() - 1, identity, error);
        self.open = match failure(error.kind()) {
            Failure::NoSpace | Failure::Unavailable => Open::Refused(Instant::now()),
            Failure::TooLarge
            | Failure::Mismatch
            | Failure::OtherStudy
            | Failure::CannotUnderstand
            | Failure::Syntax
            | Failure::Class
            | Failure::Denied => Open::Failed,
        };
    }

    async fn end(&mut self) {
        let Open::Receiving(incoming) = std::mem::replace(&mut self.open, Open::None) else { return };
        let number = self.outcomes.len() - 1;
        let identity = incoming.identity();
        self.finishing.push(Box::pin(async move { (number, identity, incoming.finish().await) }));
        while self.finishing.len() >= self.limit {
            if let Some(finished) = self.finishing.next().await {
                self.record(finished);
            }
        }
    }

    /// Forgets the part that is not whole, and waits for those that are.
    async fn close(&mut self) {
        match std::mem::replace(&mut self.open, Open::None) {
            Open::Receiving(incoming) => {
                let why = "the body ends before it does";
                let number = self.outcomes.len() - 1;
                self.fail(number, &incoming.identity(), Failure::CannotUnderstand, why);
            }
            Open::None | Open::Failed | Open::Refused(_) => {}
        }
        while let Some(finished) = self.finishing.next().await {
            self.record(finished);
        }
    }

    /// Does something while the parts that are whole go on to the disk.
    async fn beside<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                Some(finished) = self.finishing.next(), if !self.finishing.is_empty() => self.record(finished),
            }
        }
    }

    fn record(&mut self, (number, identity, result): Finished) {
        let stored = match result {
            Ok(stored) => stored,
            Err(error) => return self.refuse(number, &identity, &error),
        };
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
                "B000 part {}: other bytes are held under {}; these are kept as another version",
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

    fn refuse(&mut self, number: usize, identity: &Identity, error: &StoreError) {
        let failure = failure(error.kind());
        // What is wrong with our disk is for our log only.
        let why = match failure {
            Failure::NoSpace | Failure::Unavailable => {
                tracing::error!(%error, source = %self.from, "an instance cannot be stored");
                "it cannot be stored now; send it again later".to_owned()
            }
            Failure::TooLarge
            | Failure::Mismatch
            | Failure::OtherStudy
            | Failure::CannotUnderstand
            | Failure::Syntax
            | Failure::Class
            | Failure::Denied => {
                tracing::info!(%error, source = %self.from, "an instance is not stored");
                error.to_string()
            }
        };
        self.fail(number, identity, failure, &why);
    }

    fn fail(&mut self, number: usize, identity: &Identity, failure: Failure, why: &str) {
        metrics::counter!("overread_store_errors_total", "door" => "stow", "kind" => failure_label(failure))
            .increment(1);
        self.complaints.push(format!("{:04X} part {}: {why}", failure.code(), number + 1));
        self.set(number, PartOutcome::Failed { instance: identity.get(), failure });
    }

    fn set(&mut self, number: usize, outcome: PartOutcome) {
        if let Some(slot) = self.outcomes.get_mut(number) {
            *slot = Some(outcome);
        }
    }
}
