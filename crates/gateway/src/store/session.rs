//! One request of whole instances: its parts go into the archive as they arrive.

use std::time::{Duration, Instant};

use archive::{Announced, Framing, Identity, Incoming, StoreError};
use bytes::Bytes;
use dicomweb::multipart::{Event, MultipartError, PartHead};
use dicomweb::stow::{Failure, PartOutcome};
use model::StudyUid;

use super::ledger::{Fault, Ledger};
use super::parts::Parts;
use super::upload::{Upload, UploadError};
use crate::app::Call;

/// What became of a request.
pub(super) struct Done {
    /// Of each part or instance that began, in their order.
    pub(super) outcomes: Vec<PartOutcome>,
    /// What is wrong with those that were not stored, in words: `part 2: …`.
    pub(super) complaints: Vec<String>,
    /// Why the body was not read to its end.
    pub(super) cut: Option<Cut>,
    /// A part was not in the form that its media type says.
    pub(super) malformed: bool,
}

/// Why a body was not read to its end.
#[derive(Debug)]
pub(super) enum Cut {
    /// It is no multipart body.
    Framing(MultipartError),
    /// The metadata is not what it should be.
    Metadata(String),
    /// It describes more instances than this.
    TooMany(usize),
    /// It stopped, or was too large or too slow.
    Upload(UploadError),
    /// Nothing more can be stored, and enough of it was read in vain.
    Storage,
}

/// A part that cannot be stored for want of room is read on for this long, so that a sender of small instances gets
/// its whole report and a sender of a large one an early answer.
pub(super) const PATIENCE: Duration = Duration::from_millis(800);

/// Stores the parts of a body.
pub(super) async fn run(
    call: &Call<'_>,
    study: Option<StudyUid>,
    mut source: Parts,
    body: &mut Upload,
) -> Done {
    let mut session = Session { ledger: Ledger::new(call, "part"), study, open: Open::None };
    let cut = session.take(&mut source, body).await.err();
    if matches!(cut, Some(Cut::Framing(_))) {
        body.drain().await;
    }
    session.close(cut).await
}

struct Session<'a> {
    ledger: Ledger<'a>,
    study: Option<StudyUid>,
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

impl Session<'_> {
    async fn take(&mut self, source: &mut Parts, body: &mut Upload) -> Result<(), Cut> {
        loop {
            while let Some(event) = source.next_event().map_err(Cut::Framing)? {
                self.handle(event).await;
            }
            if matches!(self.open, Open::Refused(since) if since.elapsed() > PATIENCE) {
                return Err(Cut::Storage);
            }
            match self.ledger.beside(body.next()).await.map_err(Cut::Upload)? {
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
        let number = self.ledger.begin();
        // Without a type of its own a part is what the request says: DICOM.
        let foreign = head.get("content-type").is_some()
            && !head.content_type().is_some_and(|media| media.is_named("application/dicom"));
        if foreign {
            let why = "its Content-Type is not application/dicom";
            self.ledger.fail(number, None, Failure::CannotUnderstand, why);
            self.open = Open::Failed;
            return;
        }
        let announced = Announced {
            framing: Framing::Part10,
            sop_class: None,
            sop_instance: None,
            study: self.study,
            source: self.ledger.from.clone(),
        };
        let call = self.ledger.call();
        match self.ledger.beside(call.app.archive().receive(&call.who, announced)).await {
            Ok(incoming) => self.open = Open::Receiving(Box::new(incoming)),
            Err(error) => self.refuse_open(&Identity::default(), &error),
        }
    }

    async fn write(&mut self, bytes: Bytes) {
        match std::mem::replace(&mut self.open, Open::None) {
            Open::Receiving(mut incoming) => match self.ledger.beside(incoming.write(bytes)).await {
                Ok(()) => self.open = Open::Receiving(incoming),
                Err(error) => self.refuse_open(&incoming.identity(), &error),
            },
            failed => self.open = failed,
        }
    }

    /// The open part cannot be stored.
    fn refuse_open(&mut self, identity: &Identity, error: &StoreError) {
        self.open = match self.ledger.refuse(self.ledger.last(), identity, error) {
            Fault::Storage => Open::Refused(Instant::now()),
            Fault::Instance => Open::Failed,
        };
    }

    async fn end(&mut self) {
        let Open::Receiving(incoming) = std::mem::replace(&mut self.open, Open::None) else { return };
        self.ledger.finish(self.ledger.last(), incoming).await;
    }

    /// Forgets the part that is not whole, and waits for those that are.
    async fn close(mut self, cut: Option<Cut>) -> Done {
        if let Open::Receiving(incoming) = self.open {
            let why = "the body ends before it does";
            let identity = incoming.identity().get();
            self.ledger.fail(self.ledger.last(), identity, Failure::CannotUnderstand, why);
        }
        self.ledger.close(cut).await
    }
}
