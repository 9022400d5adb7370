//! What a codestream says of itself, where the metadata or the media type does not (PS3.18 10.5.2, STOW-035).

use codec::{CodecError, Colour, Format, jpeg, jpeg2000, jpegls, jpegxl};
use dicomweb::stow::Failure;
use dicomweb::stow::draft::Instance;
use model::transfer_syntax::{self, Syntax};
use model::{Tag, VR};

use super::part::Coded;

/// Bytes of a frame that are looked at: its head is among them.
pub(super) const HEAD: u64 = 256 << 10;

/// Attributes of the Image Pixel module that a codestream tells (PS3.3 C.7.6.3).
const DESCRIBED: [u16; 8] = [0x0002, 0x0004, 0x0010, 0x0011, 0x0100, 0x0101, 0x0102, 0x0103];

/// What is read from a head.
struct Head {
    syntax: Option<Syntax>,
    format: Format,
    photometric: &'static str,
}

/// Whether the first frame has to be looked at.
pub(super) fn is_wanted(instance: &Instance, coded: Coded) -> bool {
    let media = coded.syntax.media_type;
    media.starts_with("image/") && media != "image/dicom-rle" && (!coded.named || !is_described(instance))
}

/// Completes the instance by the start of its first frame; gives the transfer syntax of its frames.
///
/// A transfer syntax that the sender names stays; else the codestream decides which of its media type's it is, since
/// the default of PS3.18 Table 8.7.3-5 would call a JPEG of a camera lossless.
///
/// # Errors
/// When something must be known that the codestream does not tell.
pub(super) fn complete(
    instance: &mut Instance,
    coded: Coded,
    frame: &[u8],
) -> Result<Syntax, (Failure, String)> {
    let head = match read(coded.syntax, frame) {
        Ok(head) => head,
        Err(_) if is_described(instance) => return Ok(coded.syntax),
        Err(error) => {
            let why = format!("its pixels are not described, and their codestream cannot be read: {error}");
            return Err((Failure::CannotUnderstand, why));
        }
    };
    supply(instance, &head.format, head.photometric);
    Ok(head.syntax.filter(|_| !coded.named).unwrap_or(coded.syntax))
}

/// The transfer syntax of a frame whose attributes are taken as they are: an icon's.
pub(super) fn syntax(coded: Coded, frame: &[u8]) -> Syntax {
    let head = if coded.named { None } else { read(coded.syntax, frame).ok() };
    head.and_then(|head| head.syntax).unwrap_or(coded.syntax)
}

fn is_described(instance: &Instance) -> bool {
    DESCRIBED.iter().all(|element| instance.get(Tag(0x0028, *element)).is_some_and(|value| !value.is_empty()))
}

/// Puts in what is not there.
pub(super) fn supply(instance: &mut Instance, format: &Format, photometric: &str) {
    let word = |number: u32| (number as u16).to_le_bytes();
    let samples = u32::from(format.components);
    let bits = u32::from(format.bits);
    let allocated = u32::from(format.sample_bytes()) * 8;
    for (element, number) in [
        (0x0002, samples),
        (0x0010, format.height),
        (0x0011, format.width),
        (0x0100, allocated),
        (0x0101, bits),
        (0x0102, bits.saturating_sub(1)),
        (0x0103, u32::from(format.signed)),
    ] {
        instance.supply(Tag(0x0028, element), VR::US, &word(number));
    }
    if samples > 1 {
        instance.supply(Tag(0x0028, 0x0006), VR::US, &word(0));
    }
    instance.supply(Tag(0x0028, 0x0004), VR::CS, photometric.as_bytes());
}

fn read(syntax: Syntax, frame: &[u8]) -> Result<Head, CodecError> {
    let uid = |last: &str| transfer_syntax::by_uid(&format!("1.2.840.10008.1.2.4.{last}"));
    Ok(match syntax.media_type {
        "image/jpeg" => {
            let head = jpeg::head(frame)?;
            let (syntax, lossless) = match head.process {
                jpeg::Process::Baseline => (uid("50"), false),
                jpeg::Process::Extended => (uid("51"), false),
                jpeg::Process::Progressive => (uid("55"), false),
                jpeg::Process::Lossless { predictor: 1, .. } => (uid("70"), true),
                jpeg::Process::Lossless { .. } => (uid("57"), true),
            };
            let photometric = match (head.format.components, head.colour) {
                (1, _) => "MONOCHROME2",
                (_, Colour::Ycc) if lossless => "YBR_FULL",
                (_, Colour::Ycc) => "YBR_FULL_422",
                _ => "RGB",
            };
            Head { syntax, format: head.format, photometric }
        }
        "image/jls" => {
            let head = jpegls::head(frame)?;
            let syntax = uid(if head.near == 0 { "80" } else { "81" });
            Head { syntax, format: head.format, photometric: plain(&head.format) }
        }
        "image/jp2" | "image/jpx" | "image/jphc" => {
            let head = jpeg2000::head(frame)?;
            let syntax = match (syntax.media_type, head.high_throughput, head.reversible) {
                ("image/jpx", ..) => None,
                (_, true, true) => uid("201"),
                (_, true, false) => uid("203"),
                (_, false, true) => uid("90"),
                (_, false, false) => uid("91"),
            };
            let photometric = match (head.format.components, transforms_components(frame), head.reversible) {
                (1, ..) => "MONOCHROME2",
                (_, false, _) => "RGB",
                (_, true, true) => "YBR_RCT",
                (_, true, false) => "YBR_ICT",
            };
            Head { syntax, format: head.format, photometric }
        }
        "image/jxl" => {
            let head = jpegxl::head(frame)?;
            let photometric = match head.format.components {
                1 => "MONOCHROME2",
                _ if head.original => "RGB",
                _ => "XYB",
            };
            Head { syntax: None, format: head.format, photometric }
        }
        other => return Err(CodecError::Unsupported(format!("{other} says nothing of itself"))),
    })
}

fn plain(format: &Format) -> &'static str {
    if format.components == 1 { "MONOCHROME2" } else { "RGB" }
}

/// Whether a JPEG 2000 codestream uses its multiple component transformation: the fifth byte of COD (T.800 A.6.1).
fn transforms_components(frame: &[u8]) -> bool {
    // Boxes may stand before the codestream; its head begins with SOC and SIZ.
    let Some(start) = frame.windows(4).position(|bytes| bytes == [0xFF, 0x4F, 0xFF, 0x51]) else {
        return false;
    };
    let mut rest = frame.get(start + 2..).unwrap_or_default();
    while let [0xFF, marker, high, low, body @ ..] = rest {
        if *marker == 0x52 {
            return body.get(4).is_some_and(|transform| *transform == 1);
        }
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        rest = match body.get(length.saturating_sub(2)..) {
            Some(next) if length >= 2 => next,
            _ => return false,
        };
    }
    false
}
