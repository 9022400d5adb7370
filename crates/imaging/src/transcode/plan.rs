//! Whether and how frames of one transfer syntax become frames of another.

use model::transfer_syntax::{self, Pixels, Syntax};

use super::Step;
use super::encode::Target;
use crate::pixel::codestream::Family;
use crate::pixel::{Photometric, PixelError, PixelFormat};

/// The way of an instance's frames from one transfer syntax to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    from: Syntax,
    to: Syntax,
    source: PixelFormat,
    /// What the samples are between the two.
    decoded: Photometric,
    target: PixelFormat,
    copied: bool,
}

/// The transfer syntaxes that instances stored in this one may be had in, as far as the syntax alone tells; the best
/// of each media type first. Its own is not among them.
pub fn possible(from: Syntax) -> Vec<Syntax> {
    let readable = Family::of(from).is_read();
    let targets = Target::ALL.iter().filter_map(|(uid, _)| transfer_syntax::by_uid(uid));
    targets.filter(|&to| readable && to != from).collect()
}

/// Those that frames of this format can really be had in.
pub fn producible(from: Syntax, source: &PixelFormat) -> Vec<Syntax> {
    possible(from).into_iter().filter(|&to| Plan::new(from, to, source).is_ok()).collect()
}

impl Plan {
    /// The way from `from` to `to` for frames that the data set describes so.
    ///
    /// # Errors
    /// [`PixelError::Unsupported`] when there is none: no decoder, no encoder, or samples that `to` cannot hold.
    pub fn new(from: Syntax, to: Syntax, source: &PixelFormat) -> Result<Self, PixelError> {
        let no = || {
            let text = format!("frames of this kind in {} cannot be given in {}", from.name, to.name);
            PixelError::Unsupported(text)
        };
        let target = Target::of(to).ok_or_else(no)?;
        let family = Family::of(from);
        let is_read = family.is_read() && family.holds(source);
        let copied = family == Family::Native && target.is_bare() && !is_coarse(source);
        let photometric = if copied { source.photometric } else { decoded_photometric(family, source) };
        let decoded = PixelFormat { photometric, ..source.clone() };
        if !is_read || !target.holds(&decoded) {
            return Err(no());
        }
        let target = target.format(decoded);
        Ok(Self { from, to, source: source.clone(), decoded: photometric, target, copied })
    }

    /// As stored.
    pub fn from(&self) -> Syntax {
        self.from
    }

    /// As wanted.
    pub fn to(&self) -> Syntax {
        self.to
    }

    /// What the data set says of the frames as they are stored.
    pub fn source(&self) -> &PixelFormat {
        &self.source
    }

    /// What the data set says of them afterwards.
    pub fn target(&self) -> &PixelFormat {
        &self.target
    }

    /// What the samples are once they are decoded.
    pub(super) fn decoded(&self) -> Photometric {
        self.decoded
    }

    /// Whether the bytes of a frame are the same in both, but for padding behind them: nothing is to be decoded.
    pub fn copies(&self) -> bool {
        self.copied
    }

    /// Whether what comes out is a native value: all frames in one, without boundaries.
    pub fn is_native(&self) -> bool {
        self.to.pixels == Pixels::Native
    }

    /// Whether something is lost on the way.
    pub fn loses(&self) -> bool {
        Target::of(self.to).is_some_and(Target::loses)
    }

    /// Bits of a frame where it comes out bare; `None` where it is compressed, or beyond 2^64.
    pub fn frame_bits(&self) -> Option<u64> {
        match Family::of(self.to) {
            Family::Native => self.target.frame_bits(),
            _ => None,
        }
    }

    /// What is done to each frame. `decoded` limits the bytes of its samples.
    pub fn step(&self, decoded: u64) -> Step {
        let (from, to) = (self.from.uid.to_owned(), self.to.uid.to_owned());
        Step { from, to, format: self.source.clone(), decoded }
    }
}

/// What the samples are once they are decoded, as far as transfer syntax and data set tell beforehand.
///
/// What was coded as luminance and chrominance by the codestream's own transform comes out as red, green and blue; what
/// was stored so by the data set stays so, with chrominance for every pixel (PS3.5 8.2.1 to 8.2.4).
fn decoded_photometric(family: Family, source: &PixelFormat) -> Photometric {
    use Photometric::{Rgb, YbrFull, YbrFull422, YbrIct, YbrPartial420, YbrPartial422, YbrRct};
    match (family, source.photometric) {
        (_, as_labelled) if source.samples != 3 => as_labelled,
        (Family::JpegDct | Family::JpegXl, Rgb | YbrFull | YbrFull422) => Rgb,
        (_, YbrIct | YbrRct | YbrPartial422 | YbrPartial420) => Rgb,
        (_, YbrFull422) => YbrFull,
        (_, as_labelled) => as_labelled,
    }
}

/// Whether chrominance may lie once for several pixels.
fn is_coarse(format: &PixelFormat) -> bool {
    use Photometric::{YbrFull422, YbrPartial420, YbrPartial422};
    format.samples == 3 && matches!(format.photometric, YbrFull422 | YbrPartial422 | YbrPartial420)
}

impl Target {
    /// What the data set says of frames that this makes of decoded ones.
    fn format(self, decoded: PixelFormat) -> PixelFormat {
        let photometric = self.photometric(decoded.photometric);
        // By plane or not is what the stored data set says, which is also what metadata say to whoever asks for frames.
        let planar = decoded.planar && self.may_be_planar();
        PixelFormat { photometric, planar, ..decoded }
    }
}
