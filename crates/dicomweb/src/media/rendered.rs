//! What can be given of a rendered resource (PS3.18 Table 8.7.4-1).

use super::offers::Answers;
use super::{Framing, Offer};

/// Rendered types know no transfer syntax; a range that names one asks for something else (PS3.18 8.7.4).
const RENDERED: Answers = Answers { unnamed: true, as_stored: false, named: false };

/// How many pictures a resource is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pictures {
    /// A single frame.
    One,
    /// All frames of one instance.
    Moving,
    /// Several frames that were named, or several instances: parts only (PS3.18 Table 10.4.4-1, note 3).
    Several,
}

const JPEG: &str = "image/jpeg";
const PNG: &str = "image/png";
const GIF: &str = "image/gif";

/// Pictures. Of a multi-frame instance a bare GIF is a moving picture, a bare JPEG or PNG its representative frame, and
/// `*/*` each frame as a part.
pub fn picture_offers(pictures: Pictures) -> Vec<Offer> {
    use Framing::{Multipart, Single};
    let forms: &[(Framing, &'static str, bool)] = match pictures {
        Pictures::One => &[
            (Single, JPEG, true),
            (Single, PNG, false),
            (Single, GIF, false),
            (Multipart, JPEG, false),
            (Multipart, PNG, false),
            (Multipart, GIF, false),
        ],
        Pictures::Moving => &[
            (Multipart, JPEG, true),
            (Multipart, PNG, false),
            (Multipart, GIF, false),
            (Single, JPEG, false),
            (Single, GIF, false),
            (Single, PNG, false),
        ],
        Pictures::Several => &[(Multipart, JPEG, true), (Multipart, PNG, false), (Multipart, GIF, false)],
    };
    offers(forms)
}

/// A thumbnail: one picture (PS3.18 10.4.1.1.4).
pub fn thumbnail_offers() -> Vec<Offer> {
    offers(&[(Framing::Single, JPEG, true), (Framing::Single, PNG, false), (Framing::Single, GIF, false)])
}

/// A video in the form in which it is stored.
pub fn video_offers(media: &'static str, single: bool) -> Vec<Offer> {
    framed(&[media], single)
}

/// A document whose content is text; `own` is the type of the file inside of it, where it has one that browsers know.
pub fn text_offers(own: Option<&'static str>, single: bool) -> Vec<Offer> {
    let mut media = vec!["text/html", "text/plain", "text/xml"];
    media.extend(own.filter(|own| *own != "text/xml"));
    framed(&media, single)
}

/// The first is what `*/*` means: bare, where there is one document only.
fn framed(media: &[&'static str], single: bool) -> Vec<Offer> {
    let framings: &[Framing] =
        if single { &[Framing::Single, Framing::Multipart] } else { &[Framing::Multipart] };
    let forms: Vec<_> = framings
        .iter()
        .enumerate()
        .flat_map(|(outer, framing)| {
            media.iter().enumerate().map(move |(at, media)| (*framing, *media, outer == 0 && at == 0))
        })
        .collect();
    offers(&forms)
}

fn offers(forms: &[(Framing, &'static str, bool)]) -> Vec<Offer> {
    forms
        .iter()
        .map(|&(framing, media, is_default)| Offer {
            framing,
            media,
            syntax: None,
            is_default,
            answers: RENDERED,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Accept, AcceptError, MissingAccept, Resource};
    use super::*;

    fn check(header: &str, offers: &[Offer], expected: Result<Option<&str>, AcceptError>) {
        let accept = Accept::read([header], None, Resource::Rendered, MissingAccept::Refuse);
        let found = accept.map(|accept| accept.choose(offers).map(ToString::to_string));
        assert_eq!(found, expected.map(|offer| offer.map(str::to_owned)), "{header}");
    }

    const PARTS_OF_JPEG: &str = "multipart/related; type=\"image/jpeg\"";

    #[test]
    fn rend_001_002_004_pictures() {
        let one = picture_offers(Pictures::One);
        for (header, expected) in [
            ("*/*", Some(JPEG)),
            ("image/*", Some(JPEG)),
            ("image/jpeg", Some(JPEG)),
            ("image/png", Some(PNG)),
            ("image/gif, image/png;q=0.5", Some(GIF)),
            ("multipart/related; type=\"image/jpeg\"", Some(PARTS_OF_JPEG)),
            ("multipart/related; type=image/png", Some("multipart/related; type=\"image/png\"")),
            ("image/tiff", None),
            ("image/jpeg;q=0, image/*", Some(PNG)),
            ("text/html", None),
            // REND-004
            ("image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50", None),
            ("image/jpeg; transfer-syntax=*", None),
            ("image/jpeg; transfer-syntax=*, image/png", Some(PNG)),
        ] {
            check(header, &one, Ok(expected));
        }
        for (header, expected) in [
            ("*/*", Some(PARTS_OF_JPEG)),
            ("image/jpeg", Some(JPEG)),
            ("image/gif", Some(GIF)),
            ("multipart/related", Some(PARTS_OF_JPEG)),
        ] {
            check(header, &picture_offers(Pictures::Moving), Ok(expected));
        }
        for (header, expected) in [
            ("*/*", Some(PARTS_OF_JPEG)),
            ("image/jpeg", None),
            ("image/*", None),
            ("multipart/related; type=\"image/*\"", Some(PARTS_OF_JPEG)),
        ] {
            check(header, &picture_offers(Pictures::Several), Ok(expected));
        }
    }

    #[test]
    fn rend_003_documents() {
        let pdf = text_offers(Some("application/pdf"), true);
        for (header, expected) in [
            ("*/*", Some("text/html")),
            ("text/*", Some("text/html")),
            ("text/plain", Some("text/plain")),
            ("text/xml", Some("text/xml")),
            ("application/pdf", Some("application/pdf")),
            ("image/jpeg", None),
        ] {
            check(header, &pdf, Ok(expected));
        }
        check("*/*", &text_offers(None, false), Ok(Some("multipart/related; type=\"text/html\"")));
        check("video/*", &video_offers("video/mp4", true), Ok(Some("video/mp4")));
        check("*/*", &video_offers("video/mp4", true), Ok(Some("video/mp4")));
    }

    #[test]
    fn wado_013_mixed_kinds() {
        let one = picture_offers(Pictures::One);
        for header in [
            "application/dicom, image/jpeg",
            "multipart/related; type=\"application/dicom\", image/png",
            "application/dicom+json, multipart/related; type=\"image/jpeg\"",
            "application/octet-stream, text/html",
        ] {
            check(header, &one, Err(AcceptError::Mixed));
        }
        check("application/dicom, */*", &one, Ok(Some(JPEG)));
        check("application/dicom", &one, Ok(None));
    }
}
