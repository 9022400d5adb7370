//! The blocking part of receiving: recognise the head, scan, hash, write, and in the end judge.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use access::Principal;
use blob::{HEAD_LEN, Sealed, Summed};
use bytes::Bytes;
use index::{Location, NewInstance};
use model::part10::{HeadError, NewMeta, read_head, write_head};
use model::transfer_syntax::{self, Syntax};
use model::{SopClassUid, SopInstanceUid};

use crate::columns::Columns;
use crate::head::Origin;
use crate::parse::{Parsed, Parser};
use crate::{Announced, Framing, Identity, ReadError, Shared, StoreError};

/// A flushable file and the row that goes with it.
pub(crate) struct Ready {
    pub sealed: Sealed,
    pub row: NewInstance,
}

/// An instance that is being received; moves between the async task and the blocking steps.
pub(crate) struct Work {
    shared: Arc<Shared>,
    announced: Announced,
    origin: From,
    identity: Identity,
    stage: Stage,
}

/// For whom and from where.
struct From {
    custodian: access::CustodianId,
    principal: String,
    source: String,
}

enum Stage {
    /// The head of a Part 10 file is not whole yet.
    Head(Vec<u8>),
    /// The data set is coming.
    Body(Box<Body>),
    /// An error came; nothing more is taken.
    Failed,
}

struct Body {
    syntax: Syntax,
    /// What the File Meta Information says, for comparison with the data set.
    meta: Named,
    parser: Parser,
    file: blob::Incoming,
}

/// SOP Class and SOP Instance as text, where they were given.
#[derive(Default)]
struct Named {
    sop_class: Option<String>,
    sop_instance: Option<String>,
}

impl Work {
    pub(crate) fn new(
        shared: &Arc<Shared>,
        who: &Principal,
        announced: Announced,
        identity: Identity,
    ) -> Self {
        let origin = From {
            custodian: who.custodian().clone(),
            principal: who.to_string(),
            source: announced.source.clone(),
        };
        Self { shared: Arc::clone(shared), announced, origin, identity, stage: Stage::Head(Vec::new()) }
    }

    /// Bytes of metadata made so far.
    pub(crate) fn metadata_bytes(&self) -> usize {
        match &self.stage {
            Stage::Body(body) => body.parser.metadata_bytes(),
            Stage::Head(_) | Stage::Failed => 0,
        }
    }

    /// Takes the next bytes.
    pub(crate) fn step(&mut self, parts: &[Bytes]) -> Result<(), StoreError> {
        match std::mem::replace(&mut self.stage, Stage::Failed) {
            Stage::Body(mut body) => {
                self.take(&mut body, parts)?;
                self.stage = Stage::Body(body);
            }
            Stage::Head(held) => self.begin(held, parts)?,
            Stage::Failed => return Err(failed_before()),
        }
        Ok(())
    }

    /// Ends the data set, judges it and seals the file. The row is complete; the file is not flushed yet.
    pub(crate) fn finish(mut self, sequence: u64) -> Result<Ready, StoreError> {
        let body = match self.stage {
            Stage::Body(body) => body,
            Stage::Head(ref mut held) => {
                let held = Bytes::from(std::mem::take(held));
                self.end_of_head(&held)?
            }
            Stage::Failed => return Err(failed_before()),
        };
        let Body { syntax, meta, parser, file } = *body;
        let parsed = parser.finish()?;
        let columns = Columns::of(&parsed.json)?.with_notes(&self.shared.config.rejection_notes);
        self.identity.set(columns.sop_class, columns.sop_instance);
        compare(&columns, &meta, &self.announced)?;
        if !self.shared.config.classes.accepts(columns.sop_class.as_str()) {
            return Err(StoreError::Class(columns.sop_class.to_string()));
        }
        let received_at = now();
        let From { custodian, principal, source } = self.origin;
        let sealed = file.seal(|length, digest| {
            let origin = Origin {
                sequence,
                received_at,
                length,
                digest,
                custodian: custodian.clone(),
                source: source.clone(),
                principal: principal.clone(),
            };
            file_head(&columns, syntax, &origin)
        })?;
        let location = Location::Spool(sealed.name());
        let kept = Kept { sequence, received_at, custodian, source, principal, location };
        let summed =
            Summed { length: sealed.length(), digest: sealed.digest(), crcs: sealed.crcs().to_vec() };
        let row = row(parsed, columns, syntax, summed, kept);
        Ok(Ready { sealed, row })
    }

    /// Without a file head to wait for the body begins at once; else when the head is whole.
    fn begin(&mut self, mut held: Vec<u8>, parts: &[Bytes]) -> Result<(), StoreError> {
        if let Framing::DataSet(syntax) = self.announced.framing {
            let mut body = self.body(syntax, Named::default())?;
            self.take(&mut body, parts)?;
            self.stage = Stage::Body(body);
            return Ok(());
        }
        for (at, part) in parts.iter().enumerate() {
            // Nearly always the first part holds the whole head, and nothing is copied.
            let whole = match held.is_empty() {
                true => part.clone(),
                false => {
                    held.extend_from_slice(part);
                    Bytes::from(std::mem::take(&mut held))
                }
            };
            match self.recognise(&whole, false)? {
                None => held = Vec::from(whole),
                Some(mut body) => {
                    self.take(&mut body, &parts[at + 1..])?;
                    self.stage = Stage::Body(body);
                    return Ok(());
                }
            }
        }
        self.stage = Stage::Head(held);
        Ok(())
    }

    /// Reads the head of a Part 10 file, if it is whole, and begins the body with what follows it.
    fn recognise(&self, held: &Bytes, at_end: bool) -> Result<Option<Box<Body>>, StoreError> {
        let Some(head) = read_head(held, at_end)? else { return Ok(None) };
        let meta = head
            .meta
            .map(|m| Named { sop_class: m.sop_class, sop_instance: m.sop_instance })
            .unwrap_or_default();
        if let (Some(Ok(class)), Some(Ok(instance))) = (
            meta.sop_class.as_deref().map(str::parse::<SopClassUid>),
            meta.sop_instance.as_deref().map(str::parse::<SopInstanceUid>),
        ) {
            self.identity.set(class, instance);
        }
        let syntax = transfer_syntax::by_uid(&head.syntax_uid)
            .ok_or_else(|| StoreError::Syntax(shown(&head.syntax_uid)))?;
        if let Some(class) = meta.sop_class.as_ref().filter(|c| !self.shared.config.classes.accepts(c)) {
            return Err(StoreError::Class(shown(class)));
        }
        let mut body = self.body(syntax, meta)?;
        self.take(&mut body, &[held.slice(head.data_offset..)])?;
        Ok(Some(body))
    }

    /// The stream ended before a body began: an empty data set, or a file with nothing behind its head.
    fn end_of_head(&self, held: &Bytes) -> Result<Box<Body>, StoreError> {
        match self.announced.framing {
            Framing::DataSet(syntax) => self.body(syntax, Named::default()),
            Framing::Part10 => self.recognise(held, true)?.ok_or(StoreError::Head(HeadError::NotDicom)),
        }
    }

    fn body(&self, syntax: Syntax, meta: Named) -> Result<Box<Body>, StoreError> {
        let file = self.shared.blobs.create(syntax.uid.as_bytes())?;
        Ok(Box::new(Body { syntax, meta, parser: Parser::new(syntax, &self.shared.config), file }))
    }

    /// Scans first: what cannot be understood is not written.
    fn take(&self, body: &mut Body, parts: &[Bytes]) -> Result<(), StoreError> {
        let limit = self.shared.config.instance_max;
        let more: u64 = parts.iter().map(|p| p.len() as u64).sum();
        if body.file.length().saturating_add(more) > limit {
            return Err(StoreError::TooLarge { limit });
        }
        for part in parts {
            body.parser.push(part)?;
        }
        body.file.write(parts)?;
        Ok(())
    }
}

/// What is kept beside the data set's own attributes.
pub(crate) struct Kept {
    pub sequence: u64,
    pub received_at: i64,
    pub custodian: access::CustodianId,
    pub source: String,
    pub principal: String,
    pub location: Location,
}

/// The index row of a parsed instance.
pub(crate) fn row(
    parsed: Parsed,
    columns: Columns,
    syntax: Syntax,
    summed: Summed,
    kept: Kept,
) -> NewInstance {
    NewInstance {
        custodian: kept.custodian,
        study: columns.study,
        series: columns.series,
        sop_instance: columns.sop_instance,
        sop_class: columns.sop_class,
        transfer_syntax: syntax.uid,
        number: columns.number,
        attributes: columns.attributes,
        digest: summed.digest,
        length: summed.length,
        crcs: summed.crcs,
        metadata: lz4_flex::compress_prepend_size(&parsed.json),
        bulk: parsed.bulk,
        pixels: parsed.pixels,
        sequence: kept.sequence,
        received_at: kept.received_at,
        source: kept.source,
        principal: kept.principal,
        location: kept.location,
        rejects: columns.rejects,
    }
}

/// Unpacks metadata that [`row`] packed.
pub(crate) fn unpack(packed: &[u8]) -> Result<Vec<u8>, ReadError> {
    lz4_flex::decompress_size_prepended(packed)
        .map_err(|e| ReadError::Damaged(format!("metadata in the index cannot be unpacked: {e}")))
}

/// The head of a file of ours: exactly [`HEAD_LEN`] bytes.
fn file_head(columns: &Columns, syntax: Syntax, origin: &Origin) -> Vec<u8> {
    let private = origin.encode();
    write_head(
        &NewMeta {
            sop_class: columns.sop_class.as_str(),
            sop_instance: columns.sop_instance.as_str(),
            transfer_syntax: syntax.uid,
            source_ae: None,
            private: Some(&private),
        },
        Some(HEAD_LEN as usize),
    )
}

/// What was announced, by command, file meta information or path, must be what came (PS3.4 B.2.3).
fn compare(columns: &Columns, meta: &Named, announced: &Announced) -> Result<(), StoreError> {
    let command_class = announced.sop_class.as_ref().map(|c| c.as_str());
    let command_instance = announced.sop_instance.as_ref().map(|i| i.as_str());
    let rows = [
        ("SOPClassUID", columns.sop_class.as_str(), command_class),
        ("SOPClassUID", columns.sop_class.as_str(), meta.sop_class.as_deref()),
        ("SOPInstanceUID", columns.sop_instance.as_str(), command_instance),
        ("SOPInstanceUID", columns.sop_instance.as_str(), meta.sop_instance.as_deref()),
    ];
    for (name, found, announced) in rows {
        if let Some(announced) = announced.filter(|a| *a != found) {
            return Err(StoreError::Mismatch { name, found: shown(found), announced: shown(announced) });
        }
    }
    match announced.study {
        Some(wanted) if wanted != columns.study.uid => {
            Err(StoreError::OtherStudy { found: columns.study.uid.to_string(), wanted: wanted.to_string() })
        }
        _ => Ok(()),
    }
}

/// A UID as an answer and the log may show it. What is written in its place may be anything, a name or a line of its own.
fn shown(uid: &str) -> String {
    let looks_like_one =
        !uid.is_empty() && uid.len() <= 64 && uid.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if looks_like_one { uid.to_owned() } else { "(no UID)".to_owned() }
}

fn failed_before() -> StoreError {
    StoreError::Storage("this instance has failed before".into())
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
