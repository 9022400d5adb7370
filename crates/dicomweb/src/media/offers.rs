//! What can be given of a resource, by the transfer syntax that it is stored in.

use std::fmt;

use model::transfer_syntax::{EXPLICIT_LE, Encoding, Lossy, Pixels, Syntax};

use super::{DICOM, DICOM_JSON, DICOM_XML, OCTET_STREAM};

/// How items stand in the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Framing {
    /// `multipart/related`, one part per item.
    Multipart,
    /// The one item, bare.
    Single,
}

/// One representation that can be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Parts or bare.
    pub framing: Framing,
    /// The media type of an item.
    pub media: &'static str,
    /// Its transfer syntax, where the media type has one.
    pub syntax: Option<Syntax>,
    /// Whether `*/*` means this one.
    pub(super) is_default: bool,
    pub(super) answers: Answers,
}

/// Which values of `transfer-syntax` the offer answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answers {
    /// None given: the media type's default (PS3.18 8.7.3.5.1).
    pub unnamed: bool,
    /// `*`: as stored (PS3.18 8.7.3.5.2).
    pub as_stored: bool,
    /// Its own UID.
    pub named: bool,
}

const ANY: Answers = Answers { unnamed: true, as_stored: true, named: true };
const CONVERTED: Answers = Answers { unnamed: true, as_stored: false, named: true };
/// Made when it is asked for.
const NAMED_ONLY: Answers = Answers { unnamed: false, as_stored: false, named: true };
/// Stored, and not to be given unless asked for: Explicit VR Little Endian would be owed instead.
const ASKED_FOR: Answers = Answers { unnamed: false, as_stored: true, named: true };
/// Implicit and big endian: "shall not be used with Web Services" (PS3.18 8.7.3) but as they are.
const AS_STORED_ONLY: Answers = Answers { unnamed: false, as_stored: true, named: false };

impl Offer {
    /// The `Content-Type` of an item: of a part, or of the whole answer when it is a bare item.
    pub fn content_type(&self) -> String {
        match self.syntax {
            Some(syntax) => format!("{}; transfer-syntax={}", self.media, syntax.uid),
            None => self.media.to_owned(),
        }
    }

    /// Whether the pixel data of the item is compressed.
    pub(super) fn is_compressed(&self) -> bool {
        !self.media.starts_with("application/")
    }
}

/// As a client would write it in an `Accept`.
impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.framing {
            Framing::Multipart => write!(f, "multipart/related; type=\"{}\"", self.media)?,
            Framing::Single => f.write_str(self.media)?,
        }
        match self.syntax {
            Some(_) if !self.answers.unnamed && self.answers.as_stored => f.write_str("; transfer-syntax=*"),
            Some(syntax) if !self.answers.unnamed => write!(f, "; transfer-syntax={}", syntax.uid),
            _ => Ok(()),
        }
    }
}

/// What can be given of an instance stored in this syntax (PS3.18 Table 10.4.4-1, 8.7.3.4), which can also be had in
/// these `others`. A bare instance is offered only where the resource is one instance.
///
/// Explicit VR Little Endian is what is given when nothing else is named; lossy compressed instances as they are, since
/// nothing else was received, and losslessly compressed ones of which nothing can be made only when they are asked for.
pub fn instance_offers(stored: Syntax, others: &[Syntax], single: bool) -> Vec<Offer> {
    let lossy = stored.lossy != Lossy::No;
    let own = match (stored.pixels, stored.encoding) {
        (Pixels::Encapsulated, _) if lossy => (stored, ANY, true),
        (Pixels::Encapsulated, _) | (Pixels::Native, Encoding::Deflated) => (stored, ASKED_FOR, false),
        (Pixels::Native, Encoding::ExplicitLe) => (stored, ANY, true),
        (Pixels::Native, Encoding::ImplicitLe | Encoding::ExplicitBe) => (stored, AS_STORED_ONLY, false),
    };
    let mut forms = vec![own];
    // Without pixels to decode the encoding alone is changed, which is always possible.
    if stored != EXPLICIT_LE && (stored.pixels == Pixels::Native || others.contains(&EXPLICIT_LE)) {
        let answers = if lossy { NAMED_ONLY } else { CONVERTED };
        forms.push((EXPLICIT_LE, answers, !lossy));
    }
    let further = others.iter().filter(|&&other| other != EXPLICIT_LE && other != stored);
    forms.extend(further.map(|&other| (other, NAMED_ONLY, false)));
    let framings: &[Framing] =
        if single { &[Framing::Multipart, Framing::Single] } else { &[Framing::Multipart] };
    let mut offers = Vec::with_capacity(2 * forms.len());
    for &framing in framings {
        for &(syntax, answers, is_default) in &forms {
            let is_default = is_default && framing == Framing::Multipart;
            offers.push(Offer { framing, media: DICOM, syntax: Some(syntax), is_default, answers });
        }
    }
    offers
}

/// What can be given of frames of an instance stored in this syntax (PS3.18 Tables 8.7.3-2 to -5), which can also be had
/// in these `others`. Bare frames are offered only when one is asked for.
///
/// Pixels without compression are the default, where they can be had; then the frames as they are stored.
pub fn frame_offers(stored: Syntax, others: &[Syntax], frames: usize) -> Vec<Offer> {
    // The bytes of a frame are the same in every syntax without compression: little endian words.
    let native = stored.pixels == Pixels::Native;
    let bare = native || others.contains(&EXPLICIT_LE);
    let received_only = !bare && stored.lossy != Lossy::No;
    let mut forms: Vec<(&'static str, Syntax, Answers, bool)> = Vec::with_capacity(others.len() + 2);
    if bare {
        forms.push((OCTET_STREAM, EXPLICIT_LE, if native { ANY } else { CONVERTED }, true));
    }
    if !native {
        if is_compressed(stored) {
            let of_its_type = Answers { unnamed: stored.default_for_media, as_stored: true, named: true };
            forms.push((stored.media_type, stored, of_its_type, received_only));
        }
        forms.push((OCTET_STREAM, stored, if received_only { ANY } else { ASKED_FOR }, false));
    }
    for &other in others.iter().filter(|&&other| other != EXPLICIT_LE && other != stored) {
        let unnamed = other.default_for_media;
        forms.push((other.media_type, other, Answers { unnamed, ..NAMED_ONLY }, false));
    }
    let framings: &[Framing] =
        if frames == 1 { &[Framing::Multipart, Framing::Single] } else { &[Framing::Multipart] };
    let mut offers = Vec::with_capacity(2 * forms.len());
    for &framing in framings {
        for &(media, syntax, answers, is_default) in &forms {
            let is_default = is_default && framing == Framing::Multipart;
            offers.push(Offer { framing, media, syntax: Some(syntax), is_default, answers });
        }
    }
    offers
}

/// Whether frames of this syntax have a media type of their own.
fn is_compressed(syntax: Syntax) -> bool {
    !syntax.media_type.starts_with("application/")
}

/// The bulk data of all of a resource, without compression (PS3.18 Table 10.4.4-1).
pub fn all_bulk_offer() -> Offer {
    Offer {
        framing: Framing::Multipart,
        media: OCTET_STREAM,
        syntax: Some(EXPLICIT_LE),
        is_default: false,
        answers: ANY,
    }
}

/// What can be given of one bulk data value: its bytes, little endian.
pub fn bulk_offers() -> [Offer; 2] {
    [Framing::Multipart, Framing::Single].map(|framing| Offer {
        framing,
        media: OCTET_STREAM,
        syntax: Some(EXPLICIT_LE),
        is_default: framing == Framing::Multipart,
        answers: ANY,
    })
}

/// What can be given of metadata and of search results: DICOM JSON as one array, and XML with a part for each data set
/// (PS3.18 Tables 10.4.4-1 and 10.6.4-1).
pub fn model_offers() -> [Offer; 2] {
    [json_offer(), xml_offer(Framing::Multipart)]
}

/// What can be given of a store response: DICOM JSON, and XML (PS3.18 Table 10.5.4-1).
pub fn response_offers() -> [Offer; 2] {
    [json_offer(), xml_offer(Framing::Single)]
}

fn json_offer() -> Offer {
    Offer { framing: Framing::Single, media: DICOM_JSON, syntax: None, is_default: true, answers: ANY }
}

fn xml_offer(framing: Framing) -> Offer {
    Offer { framing, media: DICOM_XML, syntax: None, is_default: false, answers: ANY }
}
