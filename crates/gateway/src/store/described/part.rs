//! What a part of bulk data is, by its media type (PS3.18 Tables 8.7.3-2 to -5 and 10.5.2-1).

use dicomweb::media::MediaType;
use dicomweb::stow::Failure;
use dicomweb::stow::draft::Hole;
use model::transfer_syntax::{self, EXPLICIT_LE, IMPLICIT_LE, Pixels, Syntax};
use model::{Tag, VR};

/// What a part's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The value, or a frame of it: little endian.
    Value,
    /// A frame or a video, compressed.
    Frame(Coded),
    /// Encapsulated Document (0042,0011).
    Document,
    /// A picture that becomes pixels.
    Picture(Picture),
}

/// How a frame is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Coded {
    /// The transfer syntax that the part names, or else the default of its media type.
    pub(super) syntax: Syntax,
    /// The part names it.
    pub(super) named: bool,
}

/// A form of picture that is no DICOM compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Picture {
    Png,
    Gif,
}

/// Encapsulated Document.
pub(super) const DOCUMENT: Tag = Tag(0x0042, 0x0011);

/// What a part of this type is to this hole. Without a type it is the plain value.
pub(super) fn role(media: Option<&MediaType>, hole: &Hole) -> Result<Role, (Failure, String)> {
    let Some(media) = media else { return Ok(Role::Value) };
    if !hole.is_pixel_data() {
        let document = hole.tag == DOCUMENT && !media.is_named("application/octet-stream");
        return Ok(if document { Role::Document } else { Role::Value });
    }
    let named = match media.parameter("transfer-syntax") {
        None => None,
        Some(uid) => Some(transfer_syntax::by_uid(uid).ok_or_else(|| {
            (Failure::Syntax, format!("its part names the transfer syntax {}, which is none", shown(uid)))
        })?),
    };
    if media.is_named("application/octet-stream") {
        return match named {
            Some(syntax) if syntax.pixels == Pixels::Encapsulated => {
                Ok(Role::Frame(Coded { syntax, named: true }))
            }
            Some(syntax) if ![EXPLICIT_LE, IMPLICIT_LE].contains(&syntax) => Err((
                Failure::Syntax,
                format!("a value in {} is not taken: send it little endian", syntax.name),
            )),
            Some(_) | None => Ok(Role::Value),
        };
    }
    match (media.main(), media.sub()) {
        ("image", "png") => return Ok(Role::Picture(Picture::Png)),
        ("image", "gif") => return Ok(Role::Picture(Picture::Gif)),
        _ => {}
    }
    let name = format!("{}/{}", media.main(), current(media.sub()));
    let mut of_type = transfer_syntax::ALL.iter().filter(|row| row.media_type.eq_ignore_ascii_case(&name));
    let syntax = match named {
        Some(named) => of_type.find(|row| *row == named),
        None => of_type.find(|row| row.default_for_media),
    };
    let syntax = syntax.filter(|syntax| syntax.pixels == Pixels::Encapsulated);
    let coded = syntax.map(|syntax| Role::Frame(Coded { syntax, named: named.is_some() }));
    coded.ok_or_else(|| (Failure::Syntax, format!("pixel data of type {} is not stored here", shown(&name))))
}

/// Names of before, and of the file form where ours is the codestream.
fn current(sub: &str) -> &str {
    match sub {
        "x-dicom-rle" => "dicom-rle",
        "x-jls" => "jls",
        "jph" => "jphc",
        other => other,
    }
}

/// Whether all frames of a syntax are one stream: a video.
pub(super) fn is_video(syntax: Syntax) -> bool {
    syntax.media_type.starts_with("video/")
}

/// What a client wrote, cut to what a sentence can bear.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

/// Whether a value of this VR is one that no part can be (PS3.18 F.2.6 names those that can).
pub(super) fn takes_bulk(vr: VR) -> bool {
    !matches!(vr, VR::SQ | VR::PN | VR::UI)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(tag: Tag, media: &str, expected: Result<&str, Failure>) {
        let hole = Hole { uri: String::new(), tag, vr: VR::OB, nested: false };
        let media = MediaType::parse(media).expect("a media type");
        let found = role(Some(&media), &hole).map_err(|(failure, _)| failure);
        let found = found.map(|role| match role {
            Role::Value => "value".to_owned(),
            Role::Frame(coded) => coded.syntax.uid.trim_start_matches("1.2.840.10008.1.2").to_owned(),
            Role::Document => "document".to_owned(),
            Role::Picture(picture) => format!("{picture:?}"),
        });
        assert_eq!(found.as_deref().map_err(|failure| *failure), expected, "{media}");
    }

    /// STOW-004, STOW-031 to STOW-034: the defaults of Table 8.7.3-5.
    #[test]
    fn media_types() {
        let pixels = Tag(0x7FE0, 0x0010);
        for (media, expected) in [
            ("application/octet-stream", Ok("value")),
            ("application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1", Ok("value")),
            ("application/octet-stream; transfer-syntax=1.2.840.10008.1.2.2", Err(Failure::Syntax)),
            ("application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1.98", Ok(".1.98")),
            ("application/octet-stream; transfer-syntax=1.2.840.10008.1.2.4.50", Ok(".4.50")),
            ("image/jpeg", Ok(".4.70")),
            ("image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50", Ok(".4.50")),
            ("image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.80", Err(Failure::Syntax)),
            ("image/jpeg; transfer-syntax=1.2.3", Err(Failure::Syntax)),
            ("image/dicom-rle", Ok(".5")),
            ("image/x-dicom-rle", Ok(".5")),
            ("image/jls", Ok(".4.80")),
            ("image/x-jls; transfer-syntax=1.2.840.10008.1.2.4.81", Ok(".4.81")),
            ("image/jp2", Ok(".4.90")),
            ("image/jpx", Ok(".4.92")),
            ("image/jphc", Ok(".4.201")),
            ("image/jph", Ok(".4.201")),
            ("image/jxl", Ok(".4.110")),
            ("video/mpeg", Ok(".4.100")),
            ("video/mp4", Ok(".4.102")),
            ("video/H265", Ok(".4.107")),
            ("video/h265; transfer-syntax=1.2.840.10008.1.2.4.108", Ok(".4.108")),
            ("image/png", Ok("Png")),
            ("IMAGE/GIF", Ok("Gif")),
            ("image/webp", Err(Failure::Syntax)),
            ("text/plain", Err(Failure::Syntax)),
        ] {
            check(pixels, media, expected);
        }
        check(DOCUMENT, "application/pdf", Ok("document"));
        check(DOCUMENT, "application/octet-stream", Ok("value"));
        check(Tag(0x5400, 0x1010), "image/jpeg", Ok("value"));
    }
}
