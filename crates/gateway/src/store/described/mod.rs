//! One request whose instances are described by metadata, with their bulk data in parts of its own (PS3.18 10.5.1).
//!
//! The metadata is held; an instance is written when its last part comes. When that part says how long it is, or the
//! attributes do, its bytes go straight into the archive. Everything else waits until the place where it goes is
//! known: in memory while it is short, else in a file below the data folder.

mod assemble;
mod codestream;
mod held;
mod metadata;
mod native;
mod part;
mod pictures;
mod places;
mod prepare;
mod streaming;
mod waiting;

use std::time::Instant;

use archive::{Identity, StoreError};
use bytes::Bytes;
use dicomweb::json::Reader;
use dicomweb::multipart::{Event, PartHead};
use dicomweb::stow::Failure;
use dicomweb::stow::draft::Limits;
use model::{SopClassUid, SopInstanceUid, StudyUid, Tag};

use self::assemble::Ready;
use self::held::{Coming, Store};
use self::part::Role;
use self::pictures::Trouble;
use self::places::Place;
use self::streaming::Streaming;
use self::waiting::{Addressed, Pending, Target, Waiting};
use super::ledger::{Fault, Ledger};
use super::parts::Parts;
use super::request::Form;
use super::session::{Cut, Done, PATIENCE};
use super::upload::Upload;
use crate::app::Call;

pub(crate) use places::Places;

/// Bytes of one XML document.
const XML: usize = 8 << 20;

/// Instances of one request, as many as it may have parts.
const INSTANCES: usize = 10_000;

const STUDY: Tag = Tag(0x0020, 0x000D);

/// Stores what a body describes.
pub(super) async fn run(
    call: &Call<'_>,
    study: Option<StudyUid>,
    form: Form,
    mut source: Parts,
    body: &mut Upload,
) -> Done {
    let limits = &call.app.config().limits;
    let mut session = Session {
        ledger: Ledger::new(call, "instance"),
        study,
        form,
        place: call.app.store_places().take().await,
        waiting: Waiting::default(),
        store: Store::new(call.app.archive().scratch(limits.scratch_bytes)),
        open: Open::Nothing,
        described: false,
    };
    let cut = session.take(&mut source, body).await.err();
    if matches!(cut, Some(Cut::Framing(_) | Cut::Metadata(_) | Cut::TooMany(_))) {
        body.drain().await;
    }
    session.close(cut).await
}

struct Session<'a> {
    ledger: Ledger<'a>,
    study: Option<StudyUid>,
    form: Form,
    place: Place,
    waiting: Waiting,
    store: Store,
    open: Open<'a>,
    /// Metadata has come.
    described: bool,
}

/// The part whose bytes are coming.
enum Open<'a> {
    Nothing,
    Json(Box<Reader>),
    Xml(Vec<u8>),
    /// Bulk data that waits, and whom it is for.
    Holding(Coming, Vec<(Target, Role)>, Option<usize>, Option<String>),
    /// Bulk data on its way into the archive.
    Streaming(Box<Streaming<'a>>),
    /// The rest of its bytes is read and thrown away.
    Ignored,
    /// The same, but because of our storage, at this moment.
    Refused(Instant),
}

impl<'a> Session<'a> {
    async fn take(&mut self, source: &mut Parts, body: &mut Upload) -> Result<(), Cut> {
        loop {
            while let Some(event) = source.next_event().map_err(Cut::Framing)? {
                self.handle(event).await?;
            }
            if matches!(self.open, Open::Refused(since) if since.elapsed() > PATIENCE) {
                return Err(Cut::Storage);
            }
            match self.ledger.beside(body.next()).await.map_err(Cut::Upload)? {
                Some(bytes) => source.push(bytes),
                None => {
                    source.finish();
                    while let Some(event) = source.next_event().map_err(Cut::Framing)? {
                        self.handle(event).await?;
                    }
                    return Ok(());
                }
            }
        }
    }

    async fn handle(&mut self, event: Event) -> Result<(), Cut> {
        match event {
            Event::Part(head) if self.is_metadata(&head) => {
                self.described = true;
                self.open = match self.form {
                    Form::Xml => Open::Xml(Vec::new()),
                    Form::Json | Form::Files => Open::Json(Box::new(Reader::new(Limits::default()))),
                };
            }
            Event::Part(head) => self.begin(&head).await,
            Event::Data(bytes) => self.write(bytes).await?,
            Event::PartEnd => self.end().await?,
            Event::End => {}
        }
        Ok(())
    }

    /// Without a type and an address of its own the first part is the metadata.
    fn is_metadata(&self, head: &PartHead) -> bool {
        match head.get("content-type") {
            None => !self.described && head.content_location().is_none(),
            Some(_) => head.content_type().is_some_and(|media| media.is_named(self.form.media())),
        }
    }

    /// A part of bulk data begins.
    async fn begin(&mut self, head: &PartHead) {
        self.open = Open::Ignored;
        let Some(location) = location(head) else {
            return self.stray("a part has neither the metadata's type nor a Content-Location");
        };
        let Some(Addressed { targets, frame }) = self.waiting.addressed(&location) else {
            let shown = part::shown(&location);
            return self
                .stray(&format!("no BulkDataURI of the metadata is {shown}, which is a part's address"));
        };
        let media = head.content_type();
        let mut wanted = Vec::new();
        for target in &targets {
            let Some(hole) = self.waiting.get(*target).and_then(|p| p.instance.bulk().get(target.hole))
            else {
                continue;
            };
            match part::role(media.as_ref(), hole) {
                Ok(role) => wanted.push((*target, role)),
                Err((failure, why)) => self.give_up(*target, failure, &why),
            }
        }
        if wanted.is_empty() {
            if targets.iter().any(|target| self.waiting.was_whole(*target)) {
                self.stray("more parts came for a value than it has frames");
            }
            return;
        }
        let name = media.map(|media| format!("{}/{}", media.main(), media.sub()));
        let announced = head.get("content-length").and_then(|text| text.parse().ok());
        self.open = match self.streamed(&wanted, frame, announced) {
            Some((target, role, streamed)) => self.stream(target, role, name, streamed).await,
            None => Open::Holding(Coming::new(), wanted, frame, name),
        };
    }

    async fn write(&mut self, bytes: Bytes) -> Result<(), Cut> {
        match std::mem::replace(&mut self.open, Open::Ignored) {
            Open::Json(mut reader) => {
                let read = reader.push(&bytes);
                self.take_described(&mut reader).await?;
                read.map_err(|error| Cut::Metadata(error.to_string()))?;
                self.open = Open::Json(reader);
            }
            Open::Xml(mut text) if text.len() + bytes.len() <= XML => {
                text.extend_from_slice(&bytes);
                let held = self.waiting.held() + text.len() * 2;
                self.ledger.beside(self.place.hold(held)).await;
                self.open = Open::Xml(text);
            }
            Open::Xml(_) => {
                let number = self.ledger.begin();
                let why = format!("its XML is longer than {XML} bytes; send long values as bulk data");
                self.ledger.fail(number, None, Failure::TooLarge, &why);
            }
            Open::Holding(mut coming, wanted, frame, media) => {
                let written = coming.write(bytes, &mut self.store);
                match self.ledger.beside(written).await {
                    Ok(()) => self.open = Open::Holding(coming, wanted, frame, media),
                    Err(error) => self.refuse_all(&wanted, &error),
                }
            }
            Open::Streaming(streaming) => self.open = self.write_on(streaming, bytes).await,
            other => self.open = other,
        }
        Ok(())
    }

    async fn end(&mut self) -> Result<(), Cut> {
        match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Json(mut reader) => {
                let read = reader.finish();
                self.take_described(&mut reader).await?;
                read.map_err(|error| Cut::Metadata(error.to_string()))?;
            }
            Open::Xml(text) => self.take_xml(text).await,
            Open::Holding(coming, wanted, frame, media) => {
                let finished = coming.finish(&mut self.store);
                match self.ledger.beside(finished).await {
                    Ok(piece) => {
                        for (target, role) in wanted {
                            self.put(target, role, media.clone(), frame, piece.clone()).await;
                        }
                    }
                    Err(error) => {
                        self.refuse_all(&wanted, &error);
                        self.open = Open::Nothing;
                    }
                }
            }
            Open::Streaming(streaming) => self.end_stream(streaming).await,
            Open::Nothing | Open::Ignored | Open::Refused(_) => {}
        }
        if self.waiting.is_empty() {
            self.store.clear();
        }
        Ok(())
    }

    /// A piece of bulk data is whole.
    async fn put(
        &mut self,
        target: Target,
        role: Role,
        media: Option<String>,
        frame: Option<usize>,
        piece: held::Held,
    ) {
        let media = media.filter(|_| role == Role::Document);
        let Some(pending) = self.waiting.get_mut(target) else { return };
        if let Err((failure, why)) = pending.put(target.hole, role, media, frame, piece) {
            return self.give_up(target, failure, &why);
        }
        if pending.is_whole()
            && let Some(pending) = self.waiting.take(target)
        {
            self.store_whole(*pending).await;
        }
    }

    /// Stores an instance that waits for nothing.
    async fn store_whole(&mut self, mut pending: Pending) {
        let (number, identity) = (pending.number, pending.instance.identity());
        let places = self.ledger.call().app.store_places();
        let prepared = prepare::prepare(&mut pending, &mut self.store, places);
        match self.ledger.beside(prepared).await {
            Ok(()) => {}
            Err(Trouble::Picture(failure, why)) => return self.ledger.fail(number, identity, failure, &why),
            Err(Trouble::Storage(error)) => return drop(self.refused(number, identity, &error)),
        }
        let mut ready = match Ready::new(pending, None, None) {
            Ok(ready) => ready,
            Err((failure, why)) => return self.ledger.fail(number, identity, failure, &why),
        };
        let (call, from) = (self.ledger.call(), self.ledger.from.clone());
        let (study, store) = (self.study, &self.store);
        let written = self.ledger.beside(async {
            let mut incoming = ready.open(call, study, &from).await?;
            ready.write(&mut incoming, store).await?;
            Ok(incoming)
        });
        match written.await {
            Ok(incoming) => self.ledger.finish(number, incoming).await,
            Err(error) => drop(self.refused(number, identity, &error)),
        }
    }

    /// A part that belongs to no instance.
    fn stray(&mut self, why: &str) {
        let number = self.ledger.begin();
        self.ledger.fail(number, None, Failure::CannotUnderstand, why);
    }

    fn give_up(&mut self, target: Target, failure: Failure, why: &str) {
        if let Some(pending) = self.waiting.give_up(target) {
            self.ledger.fail(pending.number, pending.instance.identity(), failure, why);
        }
    }

    /// Bulk data cannot be kept.
    fn refuse_all(&mut self, wanted: &[(Target, Role)], error: &StoreError) {
        self.open = Open::Ignored;
        for (target, _) in wanted {
            if let Some(pending) = self.waiting.give_up(*target) {
                self.open = self.refused(pending.number, pending.instance.identity(), error);
            }
        }
    }

    /// The archive did not take an instance: what follows of the open part.
    fn refused(
        &mut self,
        number: usize,
        identity: Option<(SopClassUid, SopInstanceUid)>,
        error: &StoreError,
    ) -> Open<'a> {
        match self.ledger.refuse(number, &Identity::of(identity), error) {
            Fault::Storage => Open::Refused(Instant::now()),
            Fault::Instance => Open::Ignored,
        }
    }

    /// Whatever still waits is not stored.
    async fn close(mut self, cut: Option<Cut>) -> Done {
        if let Open::Streaming(streaming) = std::mem::replace(&mut self.open, Open::Nothing) {
            let Ready { number, identity, .. } = streaming.ready;
            self.ledger.fail(number, identity, Failure::CannotUnderstand, "the body ends before it does");
        }
        for pending in self.waiting.take_all() {
            let why = pending.missing().unwrap_or_default();
            self.ledger.fail(pending.number, pending.instance.identity(), Failure::CannotUnderstand, &why);
        }
        if matches!(cut, Some(Cut::Metadata(_))) {
            self.stray("the metadata cannot be read to its end");
        }
        self.ledger.close(cut).await
    }
}

/// The address of a part; a Content-ID is the same as a `cid:` address (RFC 2392).
fn location(head: &PartHead) -> Option<String> {
    if let Some(location) = head.content_location() {
        return Some(location.to_owned());
    }
    let id = head.get("content-id")?.trim();
    let id = id.strip_prefix('<').and_then(|id| id.strip_suffix('>')).unwrap_or(id);
    Some(format!("cid:{id}"))
}
