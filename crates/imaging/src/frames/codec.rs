//! A layout as bytes: a version, the shape, then where the data lies. A frame of an encapsulated image takes about
//! three bytes, a native image about twenty whatever its frames.

use model::varint;

use super::fragments::{Fragments, Starts};
use super::layout::{Data, PixelLayout, Shape};

const VERSION: u8 = 1;

const NATIVE: u8 = 0;
const ENCAPSULATED: u8 = 1;
const VIDEO: u8 = 2;
const MISLABELLED: u8 = 4;

/// These bytes are no layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// Written by a newer version.
    #[error("pixel layout of version {0}, which is newer than this program")]
    Version(u8),
    /// Damaged.
    #[error("damaged pixel layout")]
    Damaged,
}

impl PixelLayout {
    /// The layout as bytes, to be kept beside the instance.
    pub fn encode(&self) -> Vec<u8> {
        let encapsulated = if self.is_encapsulated() { ENCAPSULATED } else { NATIVE };
        let video = if self.video { VIDEO } else { 0 };
        let mislabelled = if self.labelled { 0 } else { MISLABELLED };
        let mut out = vec![VERSION, encapsulated | video | mislabelled];
        let shape = &self.shape;
        for number in
            [shape.rows, shape.columns, shape.samples, shape.bits_allocated, shape.frames, shape.planar]
        {
            varint::push(&mut out, u64::from(number));
        }
        varint::push(&mut out, shape.photometric.len() as u64);
        out.extend_from_slice(shape.photometric.as_bytes());
        match &self.data {
            Data::Native { offset, length, word } => {
                for number in [*offset, *length, u64::from(*word)] {
                    varint::push(&mut out, number);
                }
            }
            Data::Encapsulated { fragments, starts } => {
                encode_fragments(&mut out, fragments);
                encode_starts(&mut out, starts);
            }
        }
        out
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// Memory is at most 20 times `bytes`, whatever they claim.
    ///
    /// # Errors
    /// [`LayoutError`] for other bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, LayoutError> {
        match bytes {
            [VERSION, flags, rest @ ..] => decode(*flags, rest).ok_or(LayoutError::Damaged),
            [version, ..] if *version > VERSION => Err(LayoutError::Version(*version)),
            _ => Err(LayoutError::Damaged),
        }
    }
}

fn decode(flags: u8, mut rest: &[u8]) -> Option<PixelLayout> {
    let shape = decode_shape(&mut rest)?;
    let data = match flags & ENCAPSULATED {
        NATIVE => Data::Native {
            offset: varint::take(&mut rest)?,
            length: varint::take(&mut rest)?,
            word: u8::try_from(varint::take(&mut rest)?).ok().filter(|word| matches!(word, 1 | 2 | 4 | 8))?,
        },
        _ => {
            let fragments = decode_fragments(&mut rest)?;
            let starts = decode_starts(&mut rest, fragments.len())?;
            Data::Encapsulated { fragments, starts }
        }
    };
    let layout = PixelLayout { shape, data, video: flags & VIDEO != 0, labelled: flags & MISLABELLED == 0 };
    rest.is_empty().then_some(layout)
}

fn decode_shape(rest: &mut &[u8]) -> Option<Shape> {
    let mut number = || varint::take(rest).and_then(|number| u32::try_from(number).ok());
    let (rows, columns, samples) = (number()?, number()?, number()?);
    let (bits_allocated, frames, planar) = (number()?, number()?, number()?);
    let length = usize::try_from(number()?).ok()?;
    let (text, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    let photometric = std::str::from_utf8(text).ok()?.to_owned();
    Some(Shape { rows, columns, samples, bits_allocated, frames, planar, photometric })
}

fn encode_fragments(out: &mut Vec<u8>, fragments: &Fragments) {
    varint::push(out, fragments.len() as u64);
    varint::push(out, fragments.first());
    for length in fragments.lengths() {
        varint::push(out, length);
    }
}

fn decode_fragments(rest: &mut &[u8]) -> Option<Fragments> {
    let (count, first) = (varint::take(rest)?, varint::take(rest)?);
    let mut fragments = Fragments::default();
    for _ in 0..count {
        fragments.push(first, u32::try_from(varint::take(rest)?).ok()?)?;
    }
    Some(fragments)
}

fn encode_starts(out: &mut Vec<u8>, starts: &Starts) {
    match starts {
        Starts::One => out.push(0),
        Starts::Each => out.push(1),
        Starts::Unknown => out.push(2),
        Starts::At(starts) => {
            out.push(3);
            varint::push(out, starts.len() as u64);
            let mut last = 0;
            for &start in starts {
                varint::push(out, u64::from(start - last));
                last = start;
            }
        }
    }
}

fn decode_starts(rest: &mut &[u8], fragments: usize) -> Option<Starts> {
    let (&kind, behind) = rest.split_first()?;
    *rest = behind;
    Some(match kind {
        0 => Starts::One,
        1 => Starts::Each,
        2 => Starts::Unknown,
        3 => {
            let count = varint::take(rest)?;
            let mut starts: Vec<u32> = Vec::new();
            for _ in 0..count {
                let step = u32::try_from(varint::take(rest)?).ok()?;
                let start = starts.last().map_or(Some(step), |last| last.checked_add(step.max(1)))?;
                starts.push(start);
            }
            let last = usize::try_from(*starts.last()?).ok()?;
            (last < fragments).then_some(Starts::At(starts))?
        }
        _ => return None,
    })
}
