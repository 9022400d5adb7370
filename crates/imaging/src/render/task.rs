//! Rendering as a job for another process: everything that it needs in one payload.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::document::{self, Form};
use super::request::{Output, Request};
use super::{RenderError, encode, finish};
use crate::image::{Attributes, Bulk, Image, State, tag};
use crate::pixel::{self, PixelFormat};

/// What to make of the parts of a payload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// What to make.
    pub subject: Subject,
    /// What the payload is, in its order.
    pub parts: Vec<Length>,
    /// Bytes of a decoded frame at most.
    pub decoded: u64,
}

/// What is rendered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Subject {
    /// Each frame of the payload as a picture, or all of them as one GIF.
    Frames {
        /// UID of the transfer syntax that they are stored in.
        syntax: String,
        /// How.
        request: Request,
        /// One moving picture; only with [`Output::Gif`].
        moving: bool,
    },
    /// The attributes of a document in words.
    Document(Form),
}

/// A part of the payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Length {
    /// What it is.
    pub part: Part,
    /// Its bytes.
    pub bytes: u64,
}

/// What a part is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// The DICOM JSON of the instance.
    Instance,
    /// The DICOM JSON of a presentation state for it.
    State,
    /// A value that the instance's JSON names by this path.
    Bulk(String),
    /// A value that the state's JSON names by this path.
    StateBulk(String),
    /// A frame as it is stored, by its number from 1.
    Frame(u32),
}

/// What came out: files one after the other in the payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rendered {
    /// The media type of each.
    pub media: String,
    /// The bytes of each.
    pub lengths: Vec<u64>,
}

/// The parts of a payload, taken apart.
#[derive(Default)]
struct Parts<'a> {
    instance: Option<Map<String, Value>>,
    state: Option<Map<String, Value>>,
    bulk: Bulk<'a>,
    state_bulk: Bulk<'a>,
    frames: Vec<(u32, &'a [u8])>,
}

impl Task {
    /// Does it.
    ///
    /// # Errors
    /// [`RenderError`].
    pub fn run(&self, payload: &[u8]) -> Result<(Rendered, Vec<u8>), RenderError> {
        let parts = Parts::take(&self.parts, payload)?;
        let instance = parts.instance.as_ref().ok_or(RenderError::Attributes)?;
        let all = Attributes::new(instance, &parts.bulk);
        match &self.subject {
            Subject::Document(form) => {
                let text = document::render(&all, *form)?.into_bytes();
                let media = form.media().to_owned();
                Ok((Rendered { media, lengths: vec![text.len() as u64] }, text))
            }
            Subject::Frames { syntax, request, moving } => {
                let limits = codec::Limits { decoded: self.decoded };
                let pictures = pictures(&parts, instance, &all, syntax, request, &limits)?;
                write(&pictures, request, *moving)
            }
        }
    }
}

impl<'a> Parts<'a> {
    fn take(lengths: &[Length], payload: &'a [u8]) -> Result<Self, RenderError> {
        let mut parts = Self::default();
        let mut rest = payload;
        let object = |bytes: &[u8]| serde_json::from_slice(bytes).map_err(|_| RenderError::Attributes);
        for Length { part, bytes } in lengths {
            let length = usize::try_from(*bytes).map_err(|_| RenderError::Attributes)?;
            let (bytes, behind) = rest.split_at_checked(length).ok_or(RenderError::Attributes)?;
            rest = behind;
            match part {
                Part::Instance => parts.instance = Some(object(bytes)?),
                Part::State => parts.state = Some(object(bytes)?),
                Part::Bulk(path) => drop(parts.bulk.insert(path.clone(), bytes)),
                Part::StateBulk(path) => drop(parts.state_bulk.insert(path.clone(), bytes)),
                Part::Frame(number) => parts.frames.push((*number, bytes)),
            }
        }
        Ok(parts)
    }
}

fn pictures(
    parts: &Parts<'_>,
    instance: &Map<String, Value>,
    all: &Attributes<'_>,
    syntax: &str,
    request: &Request,
    limits: &codec::Limits,
) -> Result<Vec<encode::Finished>, RenderError> {
    let syntax = model::transfer_syntax::by_uid(syntax)
        .ok_or_else(|| RenderError::Unsupported("its transfer syntax".to_owned()))?;
    let format = PixelFormat::from_json(instance)?;
    let uid = all.text(tag::SOP_INSTANCE_UID).unwrap_or_default();
    let picture = |(number, frame): &(u32, &[u8])| {
        let image = Image::read(all, format.clone(), *number)?;
        let state = parts.state.as_ref().map(|state| {
            State::read(&Attributes::new(state, &parts.state_bulk), &uid, *number, format.signed)
        });
        let pixels = pixel::decode(syntax, &format, frame, limits)?;
        finish(&image, &pixels, state.as_ref(), request)
    };
    parts.frames.iter().map(picture).collect()
}

fn write(
    pictures: &[encode::Finished],
    request: &Request,
    moving: bool,
) -> Result<(Rendered, Vec<u8>), RenderError> {
    let media = request.output.media().to_owned();
    if moving && request.output == Output::Gif {
        let bytes = encode::moving(pictures)?;
        return Ok((Rendered { media, lengths: vec![bytes.len() as u64] }, bytes));
    }
    let (mut lengths, mut out) = (Vec::with_capacity(pictures.len()), Vec::new());
    for picture in pictures {
        let bytes = encode::one(picture, request.output, request.quality)?;
        lengths.push(bytes.len() as u64);
        out.extend_from_slice(&bytes);
    }
    Ok((Rendered { media, lengths }, out))
}
