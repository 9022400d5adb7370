//! The files of a form, one after the other into the archive.

use std::collections::BTreeMap;

use access::Principal;
use archive::unpack::{self, Offer, SourceError, Verdict};
use archive::{Announced, Scratch, Stored};
use audit::{Change, Event, Outcome, What, Who};
use axum::body::Body;
use bytes::{Bytes, BytesMut};
use dicomweb::media::MediaType;
use dicomweb::multipart::{self, Boundary, Parser, PartHead};
use futures::StreamExt;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use tokio::sync::mpsc;

use super::{Cut, Incoming};
use crate::desk::Caller;
use crate::site::Site;

/// Bytes of a file that tell what it is: the preamble, `DICM` and the file meta information (PS3.10 7.1).
const START: usize = 4_096;
/// Bytes of a ZIP that are written at once.
const STEP: usize = 1 << 20;
/// Instances of a ZIP that are stored at the same moment.
const PIPELINE: usize = 8;
/// Characters of a file's name that are shown.
const NAME: usize = 128;
/// Verdicts of one form: its parts are limited, and so are the entries of each ZIP, but not both together.
const LINES: usize = 20_000;

/// What became of a form.
#[derive(Debug, Default)]
pub struct Report {
    /// Of each file, in the order in which they were done.
    pub lines: Vec<Line>,
    /// Why not everything was looked at.
    pub cut: Option<&'static str>,
}

/// What became of a file.
#[derive(Debug)]
pub struct Line {
    pub name: String,
    pub verdict: Verdict,
}

/// A form that is being taken.
pub struct Taking<'a> {
    site: &'a Site,
    who: &'a Principal,
    /// Where instances say that they come from.
    source: String,
    kept: Kept<'a>,
    report: Report,
}

/// The part that is open.
enum Open<'a> {
    /// None, or a field that is no file.
    None,
    /// A file of which too little came to say what it is.
    Start { name: String, bytes: BytesMut },
    /// A file on its way into the archive.
    File { name: String, incoming: Box<archive::Incoming<'a>>, expected: bool },
    /// A ZIP on its way into a scratch file.
    Zip { name: String, scratch: Scratch, step: Vec<Bytes>, held: usize },
    /// A file whose verdict is known; the rest of it is read and dropped.
    Done { name: String, verdict: Verdict },
}

const STOPPED: &str =
    "We have no room at the moment. What is marked as here is safe; send the rest later, by the same link.";

impl<'a> Taking<'a> {
    pub fn new(site: &'a Site, who: &'a Principal, from: &Caller) -> Self {
        let kept = Kept::new(site, from.principal(who), who.custodian().to_string());
        Self { site, who, source: format!("{who}@{}", from.0), kept, report: Report::default() }
    }

    /// Takes the whole form.
    ///
    /// # Errors
    /// In words, when it is no form with files, and nothing was taken.
    pub async fn run(mut self, headers: &HeaderMap, body: Body) -> Result<Report, &'static str> {
        let mut parser =
            parser(headers).ok_or("This page's form did not arrive as one. Send the files again.")?;
        let mut body = Incoming::new(body, self.site.uploads.limits);
        if let Err(why) = self.take(&mut parser, &mut body).await {
            self.report.cut = Some(why);
            body.drain().await;
        }
        match (self.report.lines.is_empty(), self.report.cut) {
            (true, Some(why)) => Err(why),
            (true, None) => Err("No file was chosen. Choose a folder, a ZIP or files, then send."),
            (false, _) => Ok(std::mem::take(&mut self.report)),
        }
    }

    async fn take(&mut self, parser: &mut Parser, body: &mut Incoming) -> Result<(), &'static str> {
        let mut open = Open::None;
        loop {
            while let Some(event) =
                parser.next_event().map_err(|_| "The form broke off. Send the rest again.")?
            {
                match event {
                    multipart::Event::Part(head) => open = begin(&head),
                    multipart::Event::Data(bytes) => open = self.data(open, bytes).await,
                    multipart::Event::PartEnd => {
                        self.end(std::mem::replace(&mut open, Open::None)).await?;
                    }
                    multipart::Event::End => return Ok(()),
                }
            }
            match body.next().await {
                Ok(Some(bytes)) => parser.push(bytes),
                Ok(None) => parser.finish(),
                Err(Cut::TooLarge) => {
                    return Err(
                        "That is more than we take at once. Send it in several parts, by the same link.",
                    );
                }
                Err(Cut::TooSlow | Cut::Broken) => {
                    return Err(
                        "The connection was lost. What is marked as here is safe; send the rest again, by the same link.",
                    );
                }
            }
        }
    }

    async fn data(&mut self, open: Open<'a>, more: Bytes) -> Open<'a> {
        match open {
            Open::Start { name, mut bytes } => {
                bytes.extend_from_slice(&more);
                if bytes.len() < START {
                    Open::Start { name, bytes }
                } else {
                    self.start(name, bytes.freeze()).await
                }
            }
            Open::File { name, incoming, expected } => write(name, incoming, expected, more).await,
            Open::Zip { name, scratch, mut step, held } => {
                step.push(more);
                let held = held + step.last().map_or(0, Bytes::len);
                if held < STEP {
                    Open::Zip { name, scratch, step, held }
                } else {
                    spool(name, scratch, step).await
                }
            }
            other @ (Open::None | Open::Done { .. }) => other,
        }
    }

    /// It is known what the file is.
    async fn start(&mut self, name: String, bytes: Bytes) -> Open<'a> {
        if bytes.len() >= 4 && unpack::is_zip(&bytes) {
            let scratch = self.site.archive.scratch(self.site.uploads.limits.bytes);
            return Open::Zip { name, scratch, held: bytes.len(), step: vec![bytes] };
        }
        if unpack::is_directory(&bytes) {
            return Open::Done { name, verdict: Verdict::NotDicom { why: "a DICOMDIR".to_owned() } };
        }
        let expected = bytes.get(128..132) == Some(b"DICM") || name.to_lowercase().ends_with(".dcm");
        match self.site.archive.receive(self.who, Announced::file(&self.source)).await {
            Ok(incoming) => write(name, Box::new(incoming), expected, bytes).await,
            Err(error) => refused(name, error.into(), expected),
        }
    }

    /// The part is whole.
    async fn end(&mut self, open: Open<'a>) -> Result<(), &'static str> {
        match open {
            Open::None => Ok(()),
            // A field for files that was left empty is a part without a name and bytes.
            Open::Start { name, bytes } if name.is_empty() && bytes.is_empty() => Ok(()),
            Open::Start { name, bytes } => {
                let next = self.start(name, bytes.freeze()).await;
                Box::pin(self.end(next)).await
            }
            Open::File { name, incoming, expected } => {
                let stored = incoming.finish().await.map_err(SourceError::from);
                self.add(name, &stored, expected)
            }
            Open::Zip { name, scratch, step, .. } => match spool(name, scratch, step).await {
                Open::Zip { name, scratch, .. } => self.unpack(&name, &scratch).await,
                other => Box::pin(self.end(other)).await,
            },
            Open::Done { name, verdict } => self.say(name, verdict),
        }
    }

    async fn unpack(&mut self, name: &str, zip: &Scratch) -> Result<(), &'static str> {
        let (send, mut offers) = mpsc::channel(1);
        let (first, second, what) = (zip.reader(), zip.reader(), name.to_owned());
        let reading = tokio::task::spawn_blocking(move || {
            let readers = std::cell::RefCell::new(vec![second, first]);
            let next = || readers.borrow_mut().pop().ok_or_else(|| std::io::Error::other("no third reader"));
            // Whoever takes the offers may have seen enough.
            let _ = unpack::offer_zip(&what, next, &send);
        });
        let mut outcome = Ok(());
        {
            let (archive, who, source) = (&self.site.archive, self.who, self.source.clone());
            let offers = futures::stream::poll_fn(|context| offers.poll_recv(context));
            let mut done = offers.map(|offer| one(archive, who, &source, offer)).buffered(PIPELINE);
            while let (Ok(()), Some(entry)) = (outcome, done.next().await) {
                outcome = match entry {
                    Entry::Stored(name, stored, expected) => self.add(name, &stored, expected),
                    Entry::Said(name, verdict) => self.say(name, verdict),
                };
            }
        }
        drop(offers);
        if let Err(error) = reading.await {
            tracing::error!(%error, "the thread that unpacks a ZIP ended early");
            return Err(STOPPED);
        }
        outcome
    }

    fn add(
        &mut self,
        name: String,
        stored: &Result<Stored, SourceError>,
        expected: bool,
    ) -> Result<(), &'static str> {
        let verdict = Verdict::of(stored).expected(expected);
        match stored {
            Ok(stored) => self.kept.keeps(stored),
            Err(_) if matches!(verdict, Verdict::NotDicom { .. }) => {}
            Err(_) => self.kept.not_kept += 1,
        }
        self.say(name, verdict)
    }

    fn say(&mut self, name: String, verdict: Verdict) -> Result<(), &'static str> {
        let stopped = matches!(verdict, Verdict::Stopped { .. });
        if let Verdict::Stopped { why } = &verdict {
            // What is wrong with our disk is for our log only.
            tracing::error!(error = %why, "a file that was sent by a link cannot be stored");
        }
        self.report.lines.push(Line { name, verdict });
        match self.report.lines.len() {
            _ if stopped => Err(STOPPED),
            LINES.. => Err("These are more files than we look at in one go. Send the rest by themselves."),
            _ => Ok(()),
        }
    }
}

fn parser(headers: &HeaderMap) -> Option<Parser> {
    let media = headers.get(CONTENT_TYPE)?.to_str().ok().and_then(MediaType::parse)?;
    let boundary = Boundary::new(media.parameter("boundary")?).ok()?;
    media.is_named("multipart/form-data").then(|| Parser::new(&boundary, multipart::Limits::default()))
}

/// A part of the form (RFC 7578 4.2): a file has a file name.
fn begin(head: &PartHead) -> Open<'static> {
    match head.get("content-disposition").and_then(file_name) {
        Some(name) => Open::Start { name, bytes: BytesMut::new() },
        None => Open::None,
    }
}

/// The file name as browsers write it: in quotes, with `"` and line ends as percent codes (WHATWG HTML 4.10.21.7). It is
/// shown and never used.
fn file_name(disposition: &str) -> Option<String> {
    let (_, rest) = disposition.split_once("filename=\"")?;
    let name = rest.split('"').next()?.replace("%22", "\"");
    Some(name.chars().filter(|c| !c.is_control()).take(NAME).collect())
}

async fn write<'a>(
    name: String,
    mut incoming: Box<archive::Incoming<'a>>,
    expected: bool,
    bytes: Bytes,
) -> Open<'a> {
    match incoming.write(bytes).await {
        Ok(()) => Open::File { name, incoming, expected },
        Err(error) => refused(name, error.into(), expected),
    }
}

async fn spool(name: String, mut scratch: Scratch, step: Vec<Bytes>) -> Open<'static> {
    match scratch.append(step).await {
        Ok(_) => Open::Zip { name, scratch, step: Vec::new(), held: 0 },
        Err(error) => refused(name, error.into(), true),
    }
}

fn refused(name: String, error: SourceError, expected: bool) -> Open<'static> {
    Open::Done { name, verdict: Verdict::of(&Err(error)).expected(expected) }
}

/// An entry of a ZIP.
enum Entry {
    Stored(String, Box<Result<Stored, SourceError>>, bool),
    Said(String, Verdict),
}

async fn one(archive: &archive::Archive, who: &Principal, source: &str, offer: Offer) -> Entry {
    match offer {
        Offer::LeftOut { what, why } => Entry::Said(what, Verdict::NotDicom { why }),
        Offer::Unreadable { what, why } => Entry::Said(what, Verdict::Refused { why }),
        Offer::File(mut file) => {
            let stored = file.store(archive, who, source).await;
            Entry::Stored(file.what, Box::new(stored), file.expected)
        }
    }
}

/// What was kept, told to the audit when the form ends, however it ends.
struct Kept<'a> {
    site: &'a Site,
    who: Who,
    custodian: String,
    /// Of each study: instances by SOP class.
    classes: BTreeMap<(String, Change), BTreeMap<String, u64>>,
    not_kept: u64,
}

impl<'a> Kept<'a> {
    fn new(site: &'a Site, who: Who, custodian: String) -> Self {
        Self { site, who, custodian, classes: BTreeMap::new(), not_kept: 0 }
    }

    fn keeps(&mut self, stored: &Stored) {
        let (change, outcome) = match stored.outcome() {
            archive::Outcome::New => (Change::New, "new"),
            archive::Outcome::Same => (Change::Held, "same"),
            archive::Outcome::NewVersion(_) => (Change::Altered, "new_version"),
        };
        let of_study = self.classes.entry((stored.study().to_string(), change)).or_default();
        *of_study.entry(stored.sop_class().to_string()).or_default() += 1;
        metrics::counter!("overread_stored_instances_total", "door" => "page", "outcome" => outcome)
            .increment(1);
        metrics::counter!("overread_stored_bytes_total", "door" => "page").increment(stored.length());
    }
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        let event = |change| Event {
            custodian: self.custodian.clone(),
            ..Event::new(What::Store(change), self.who.clone(), "upload page")
        };
        for ((study, change), classes) in std::mem::take(&mut self.classes) {
            self.site.recorder.record(Event { study, classes, ..event(change) });
        }
        if self.not_kept > 0 {
            let detail = format!("{} instances were not kept", self.not_kept);
            self.site.recorder.record(Event { outcome: Outcome::Minor, detail, ..event(Change::Held) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn file_names() {
        for (disposition, expected) in [
            (r#"form-data; name="files"; filename="IM0001""#, Some("IM0001")),
            (r#"form-data; name="files"; filename="CD/DICOM/a %22b%22.dcm""#, Some("CD/DICOM/a \"b\".dcm")),
            (r#"form-data; name="files"; filename="""#, Some("")),
            (r#"form-data; name="note""#, None),
        ] {
            assert_eq!(file_name(disposition).as_deref(), expected, "{disposition}");
        }
        let long = format!("form-data; filename=\"{}\"", "ü".repeat(1_000));
        assert_eq!(file_name(&long).unwrap().chars().count(), super::NAME);
    }
}
