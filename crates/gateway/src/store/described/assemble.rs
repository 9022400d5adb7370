//! An instance whose parts are there, as a data set on its way to the archive.

use archive::{Announced, Framing, Incoming, StoreError};
use bytes::Bytes;
use dicomweb::stow::Failure;
use dicomweb::stow::draft::{Fill, Offsets, Segment};
use model::transfer_syntax::{EXPLICIT_LE, Syntax};
use model::{SopClassUid, SopInstanceUid, Tag, VR};

use super::held::{Held, Store};
use super::part::{DOCUMENT, Role, is_video};
use super::waiting::{Filling, Pending};
use crate::app::Call;

const DOCUMENT_TYPE: Tag = Tag(0x0042, 0x0012);
const DOCUMENT_LENGTH: Tag = Tag(0x0042, 0x0015);

/// A data set that can be written.
pub(super) struct Ready {
    /// Its number among all of the request.
    pub(super) number: usize,
    /// SOP Class and SOP Instance, where its metadata has them.
    pub(super) identity: Option<(SopClassUid, SopInstanceUid)>,
    syntax: Syntax,
    segments: std::vec::IntoIter<Segment>,
    pieces: Vec<Vec<Held>>,
}

/// The next bytes of a data set.
enum Next {
    Bytes(Bytes),
    Piece { hole: usize, piece: usize },
}

/// A value whose bytes go to the archive as they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Streamed {
    pub(super) hole: usize,
    /// Its bytes.
    pub(super) length: u64,
}

impl Ready {
    /// Lays the instance out. `streamed` is the value that has not come yet.
    ///
    /// # Errors
    /// What is wrong with the instance, in words.
    pub(super) fn new(
        pending: Pending,
        streamed: Option<Streamed>,
        streamed_role: Option<(Role, Option<String>)>,
    ) -> Result<Self, (Failure, String)> {
        let Pending { number, mut instance, holes } = pending;
        let identity = instance.identity();
        let mut syntax = None;
        let (mut fills, mut pieces) = (Vec::new(), Vec::new());
        for (at, filling) in holes.into_iter().enumerate() {
            let Filling { mut role, mut media, pieces: come, .. } = filling;
            let come: Vec<Held> = come.into_iter().flatten().collect();
            let mut lengths: Vec<u64> = come.iter().map(Held::length).collect();
            if let Some(streamed) = streamed.filter(|streamed| streamed.hole == at) {
                lengths = vec![streamed.length];
                (role, media) =
                    streamed_role.clone().map_or((role, None), |(role, media)| (Some(role), media));
            }
            let nested = instance.bulk().get(at).is_some_and(|hole| hole.nested);
            if instance.bulk().get(at).is_some_and(|hole| hole.tag == DOCUMENT && !hole.nested) {
                describe_document(&mut instance, media.as_deref(), lengths.iter().sum())?;
            }
            fills.push(match role {
                Some(Role::Frame(coded)) => {
                    if syntax.is_some_and(|other| other != coded.syntax) {
                        return Err((Failure::Mismatch, "its parts are of several transfer syntaxes".into()));
                    }
                    syntax = Some(coded.syntax);
                    let plain = nested || is_video(coded.syntax);
                    Fill::Fragments { lengths, offsets: if plain { Offsets::Empty } else { Offsets::Frames } }
                }
                _ => Fill::Native(lengths),
            });
            pieces.push(come);
        }
        let segments = instance.lay_out(&fills).map_err(|error| (Failure::TooLarge, error.to_string()))?;
        let syntax = syntax.unwrap_or(EXPLICIT_LE);
        Ok(Self { number, identity, syntax, segments: segments.into_iter(), pieces })
    }

    /// Begins to store it.
    ///
    /// # Errors
    /// The archive's.
    pub(super) async fn open<'a>(
        &self,
        call: &'a Call<'a>,
        study: Option<model::StudyUid>,
        source: &str,
    ) -> Result<Box<Incoming<'a>>, StoreError> {
        let announced = Announced {
            framing: Framing::DataSet(self.syntax),
            sop_class: self.identity.map(|(class, _)| class),
            sop_instance: self.identity.map(|(_, instance)| instance),
            study,
            source: source.to_owned(),
        };
        Ok(Box::new(call.app.archive().receive(&call.who, announced).await?))
    }

    /// Writes up to the value that is still to come, or to the end.
    ///
    /// # Errors
    /// The archive's, or that of the scratch file.
    pub(super) async fn write(
        &mut self,
        incoming: &mut Incoming<'_>,
        store: &Store,
    ) -> Result<(), StoreError> {
        while let Some(next) = self.next() {
            let (hole, piece) = match next {
                Next::Bytes(bytes) => {
                    incoming.write(bytes).await?;
                    continue;
                }
                Next::Piece { hole, piece } => (hole, piece),
            };
            let Some(held) = self.pieces.get(hole).and_then(|pieces| pieces.get(piece)) else {
                return Ok(());
            };
            let mut at = 0;
            while at < held.length() {
                let bytes = held.step(store, at).await?;
                at += bytes.len() as u64;
                incoming.write(bytes).await?;
            }
        }
        Ok(())
    }

    fn next(&mut self) -> Option<Next> {
        Some(match self.segments.next()? {
            Segment::Bytes(bytes) => Next::Bytes(bytes.into()),
            Segment::Piece { hole, piece } => Next::Piece { hole, piece },
        })
    }
}

/// The type and length of an encapsulated document, where the metadata leaves them out (PS3.3 C.24.2).
fn describe_document(
    instance: &mut dicomweb::stow::draft::Instance,
    media: Option<&str>,
    length: u64,
) -> Result<(), (Failure, String)> {
    if let Some(media) = media {
        let described =
            instance.get(DOCUMENT_TYPE).map(String::from_utf8_lossy).filter(|text| !text.is_empty());
        if described.as_deref().is_some_and(|text| !text.eq_ignore_ascii_case(media)) {
            let why = "the type of its document is not what MIME Type of Encapsulated Document says";
            return Err((Failure::Mismatch, why.to_owned()));
        }
        instance.supply(DOCUMENT_TYPE, VR::LO, media.as_bytes());
        if let Ok(length) = u32::try_from(length) {
            instance.supply(DOCUMENT_LENGTH, VR::UL, &length.to_le_bytes());
        }
    }
    Ok(())
}
