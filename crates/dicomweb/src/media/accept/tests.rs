use model::transfer_syntax::{Syntax, by_uid};

use super::*;
use crate::media::{bulk_offers, frame_offers, instance_offers, model_offers, response_offers};

const IMPLICIT: &str = "1.2.840.10008.1.2";
const EXPLICIT: &str = "1.2.840.10008.1.2.1";
const ENCAPSULATED: &str = "1.2.840.10008.1.2.1.98";
const DEFLATED: &str = "1.2.840.10008.1.2.1.99";
const BIG: &str = "1.2.840.10008.1.2.2";
const BASELINE: &str = "1.2.840.10008.1.2.4.50";
const LOSSLESS: &str = "1.2.840.10008.1.2.4.70";
const JPEG_LS: &str = "1.2.840.10008.1.2.4.80";
const J2K: &str = "1.2.840.10008.1.2.4.90";
const HTJ2K: &str = "1.2.840.10008.1.2.4.201";
const RLE: &str = "1.2.840.10008.1.2.5";
const VIDEO: &str = "1.2.840.10008.1.2.4.102";

fn syntax(uid: &str) -> Syntax {
    by_uid(uid).expect("a transfer syntax")
}

fn read(header: &str, parameter: Option<&str>, resource: Resource) -> Result<Accept, AcceptError> {
    Accept::read([header], parameter, resource, MissingAccept::Anything)
}

/// The chosen representation as `multipart|single content-type`, or `406`.
fn choice(accept: &Accept, offers: &[Offer]) -> String {
    match accept.choose(offers) {
        None => "406".to_owned(),
        Some(offer) => format!("{:?} {}", offer.framing, offer.content_type()).to_lowercase(),
    }
}

fn instance(stored: &str, header: &str, expected: &str) {
    let accept = read(header, None, Resource::Instances).expect("an Accept");
    let expected = expected.replace("dicom ts=", "application/dicom; transfer-syntax=");
    assert_eq!(
        choice(&accept, &instance_offers(syntax(stored), &[], true)),
        expected,
        "{stored} as {header:?}"
    );
}

#[test]
fn wado_007_and_019_to_022_instances() {
    let explicit = format!("multipart dicom ts={EXPLICIT}");
    // Anything is the default: parts, Explicit VR Little Endian.
    for header in [
        "*/*",
        "multipart/related; type=\"application/dicom\"",
        "multipart/related;type=application/dicom",
        "multipart/related",
        "multipart/*",
    ] {
        for stored in [IMPLICIT, EXPLICIT, DEFLATED, BIG] {
            instance(stored, header, &explicit);
        }
        // Lossy as it was received, lossless not without decoding.
        instance(BASELINE, header, &format!("multipart dicom ts={BASELINE}"));
        instance(VIDEO, header, &format!("multipart dicom ts={VIDEO}"));
        instance(J2K, header, "406");
        instance(RLE, header, "406");
        instance(ENCAPSULATED, header, "406");
    }
    // As stored.
    for stored in
        [IMPLICIT, EXPLICIT, DEFLATED, BIG, BASELINE, LOSSLESS, J2K, HTJ2K, RLE, VIDEO, ENCAPSULATED]
    {
        instance(
            stored,
            "multipart/related; type=\"application/dicom\"; transfer-syntax=*",
            &format!("multipart dicom ts={stored}"),
        );
        instance(
            stored,
            "multipart/related; type=\"application/dicom; transfer-syntax=*\"",
            &format!("multipart dicom ts={stored}"),
        );
        instance(stored, "application/dicom; transfer-syntax=*", &format!("single dicom ts={stored}"));
    }
    // By name: what is stored, or Explicit VR Little Endian without pixel decoding; never Implicit or Big Endian.
    for (stored, named, expected) in [
        (EXPLICIT, EXPLICIT, EXPLICIT),
        (IMPLICIT, EXPLICIT, EXPLICIT),
        (BIG, EXPLICIT, EXPLICIT),
        (DEFLATED, EXPLICIT, EXPLICIT),
        (DEFLATED, DEFLATED, DEFLATED),
        (J2K, J2K, J2K),
        (BASELINE, BASELINE, BASELINE),
        (IMPLICIT, IMPLICIT, ""),
        (BIG, BIG, ""),
        (EXPLICIT, IMPLICIT, ""),
        (EXPLICIT, J2K, ""),
        (J2K, EXPLICIT, ""),
        (BASELINE, EXPLICIT, ""),
    ] {
        let expected =
            if expected.is_empty() { "406".to_owned() } else { format!("single dicom ts={expected}") };
        instance(stored, &format!("application/dicom; transfer-syntax={named}"), &expected);
    }
}

#[test]
fn wado_015_weights_and_closeness() {
    let parts = format!("multipart dicom ts={EXPLICIT}");
    let bare = format!("single dicom ts={EXPLICIT}");
    for (header, expected) in [
        ("application/dicom, multipart/related; type=\"application/dicom\"; q=0.5", bare.as_str()),
        ("application/dicom; q=0.5, multipart/related; type=\"application/dicom\"", &parts),
        ("application/dicom; q=0.1, */*; q=0.9", &parts),
        ("application/dicom, */*; q=0", &bare),
        ("*/*, multipart/related; type=\"application/dicom\"; q=0", "406"),
        ("application/dicom; q=0", "406"),
        ("application/*", &bare),
        // Ties: ours comes first.
        ("application/dicom, multipart/related; type=\"application/dicom\"", &parts),
        // WADO-016: what makes no sense or is not there is left out.
        ("application/x-foo, application/dicom", &bare),
        ("nonsense, application/dicom", &bare),
        ("application/dicom; q=2, multipart/related", &parts),
        ("application/dicom; transfer-syntax=abc, multipart/related", &parts),
        ("application/dicom; transfer-syntax=1.2; transfer-syntax=1.3, multipart/related", &parts),
        ("application/x-foo", "406"),
        ("", "406"),
        (",,;,", "406"),
    ] {
        instance(EXPLICIT, header, expected);
    }
    instance(
        J2K,
        &format!(
            "multipart/related; type=\"application/dicom\"; transfer-syntax={JPEG_LS}, multipart/related; type=\"application/dicom\"; transfer-syntax={J2K}; q=0.5"
        ),
        &format!("multipart dicom ts={J2K}"),
    );
    instance(IMPLICIT, "application/dicom; transfer-syntax=*; q=0.4, application/dicom; q=0.6", &bare);
    instance(
        IMPLICIT,
        "application/dicom; transfer-syntax=*, application/dicom; q=0.6",
        &format!("single dicom ts={IMPLICIT}"),
    );
}

#[test]
fn wado_009_no_single_part_for_what_may_be_several() {
    for (header, expected) in [
        ("application/dicom", "406".to_owned()),
        (
            "application/dicom, multipart/related; type=application/dicom",
            format!("multipart application/dicom; transfer-syntax={EXPLICIT}"),
        ),
    ] {
        let accept = read(header, None, Resource::Instances).expect("an Accept");
        assert_eq!(choice(&accept, &instance_offers(syntax(EXPLICIT), &[], false)), expected);
    }
}

/// What decoded frames can be made into; the lossy one last.
const MADE: [&str; 6] = [EXPLICIT, ENCAPSULATED, LOSSLESS, JPEG_LS, RLE, BASELINE];

fn made(stored: &str) -> Vec<Syntax> {
    MADE.iter().map(|uid| syntax(uid)).filter(|other| other.uid != stored).collect()
}

/// WADO-019 to WADO-022 where pixel data is decoded and encoded.
#[test]
fn instances_in_another_syntax() {
    let of = |ts: &str| format!("multipart/related; type=\"application/dicom\"; transfer-syntax={ts}");
    let plain = "multipart/related; type=\"application/dicom\"".to_owned();
    for (stored, header, expected) in [
        (JPEG_LS, "*/*".to_owned(), EXPLICIT),
        (JPEG_LS, plain.clone(), EXPLICIT),
        (RLE, plain.clone(), EXPLICIT),
        (ENCAPSULATED, plain.clone(), EXPLICIT),
        (BASELINE, plain.clone(), BASELINE),
        (EXPLICIT, plain.clone(), EXPLICIT),
        (IMPLICIT, plain, EXPLICIT),
        (JPEG_LS, of("*"), JPEG_LS),
        (JPEG_LS, of(JPEG_LS), JPEG_LS),
        (JPEG_LS, of(EXPLICIT), EXPLICIT),
        (BASELINE, of(EXPLICIT), EXPLICIT),
        (EXPLICIT, of(JPEG_LS), JPEG_LS),
        (IMPLICIT, of(LOSSLESS), LOSSLESS),
        (RLE, of(LOSSLESS), LOSSLESS),
        (EXPLICIT, of(BASELINE), BASELINE),
        (EXPLICIT, of(HTJ2K), ""),
        (EXPLICIT, of(IMPLICIT), ""),
        (JPEG_LS, of(BIG), ""),
        (JPEG_LS, format!("{}, {}; q=0.5", of(HTJ2K), of(RLE)), RLE),
    ] {
        let accept = read(&header, None, Resource::Instances).expect("an Accept");
        let chosen = choice(&accept, &instance_offers(syntax(stored), &made(stored), true));
        let expected = match expected {
            "" => "406".to_owned(),
            uid => format!("multipart application/dicom; transfer-syntax={uid}"),
        };
        assert_eq!(chosen, expected, "{stored} as {header:?}");
    }
}

/// WADO-019, WADO-021, WADO-024, WADO-025 where frames are decoded and encoded.
#[test]
fn frames_in_another_syntax() {
    let octets = "multipart/related; type=\"application/octet-stream\"";
    let jpeg = "multipart/related; type=\"image/jpeg\"";
    for (stored, header, expected) in [
        (JPEG_LS, "*/*", format!("application/octet-stream; transfer-syntax={EXPLICIT}")),
        (BASELINE, "*/*", format!("application/octet-stream; transfer-syntax={EXPLICIT}")),
        (BASELINE, octets, format!("application/octet-stream; transfer-syntax={EXPLICIT}")),
        (EXPLICIT, octets, format!("application/octet-stream; transfer-syntax={EXPLICIT}")),
        (EXPLICIT, jpeg, format!("image/jpeg; transfer-syntax={LOSSLESS}")),
        (BASELINE, jpeg, format!("image/jpeg; transfer-syntax={LOSSLESS}")),
        (LOSSLESS, jpeg, format!("image/jpeg; transfer-syntax={LOSSLESS}")),
        (
            EXPLICIT,
            "multipart/related; type=\"image/x-jls\"",
            format!("image/jls; transfer-syntax={JPEG_LS}"),
        ),
        (EXPLICIT, "multipart/related; type=\"image/*\"", format!("image/jpeg; transfer-syntax={LOSSLESS}")),
        (BASELINE, "multipart/related; type=\"image/*\"", format!("image/jpeg; transfer-syntax={BASELINE}")),
        (RLE, "multipart/related; type=\"image/*\"", format!("image/dicom-rle; transfer-syntax={RLE}")),
        (EXPLICIT, "multipart/related; type=\"image/jphc\"", "406".to_owned()),
    ] {
        let accept = read(header, None, Resource::Frames).expect("an Accept");
        let chosen = choice(&accept, &frame_offers(syntax(stored), &made(stored), 2));
        assert_eq!(chosen.trim_start_matches("multipart "), expected, "{stored} as {header:?}");
    }
    let named = format!("{jpeg}; transfer-syntax={BASELINE}");
    let accept = read(&named, None, Resource::Frames).expect("an Accept");
    let chosen = choice(&accept, &frame_offers(syntax(EXPLICIT), &made(EXPLICIT), 2));
    assert_eq!(chosen, format!("multipart image/jpeg; transfer-syntax={BASELINE}"), "lossy only by its name");
}

fn frames(stored: &str, count: usize, header: &str, expected: &str) {
    let accept = read(header, None, Resource::Frames).expect("an Accept");
    let expected = expected.replace("ts=", "transfer-syntax=").replace("octets", "application/octet-stream");
    // What has no decoder, but for bare pixels.
    let others = if stored == ENCAPSULATED { vec![syntax(EXPLICIT)] } else { Vec::new() };
    assert_eq!(
        choice(&accept, &frame_offers(syntax(stored), &others, count)),
        expected,
        "{stored} as {header:?}"
    );
}

#[test]
fn wado_018_and_024_to_026_frames() {
    const OCTETS: &str = "multipart/related; type=\"application/octet-stream\"";
    const ANY_OCTETS: &str = "multipart/related; type=application/octet-stream; transfer-syntax=*";
    for stored in [IMPLICIT, EXPLICIT, DEFLATED, BIG] {
        for header in ["*/*", OCTETS, ANY_OCTETS] {
            frames(stored, 2, header, &format!("multipart octets; ts={EXPLICIT}"));
        }
        frames(stored, 1, "application/octet-stream", &format!("single octets; ts={EXPLICIT}"));
        frames(stored, 2, "application/octet-stream", "406");
        frames(stored, 1, "multipart/related; type=\"image/jpeg\"", "406");
        frames(stored, 1, "image/*", "406");
    }
    // Encapsulated but not compressed: the same bytes under both names.
    frames(ENCAPSULATED, 2, "*/*", &format!("multipart octets; ts={EXPLICIT}"));
    frames(ENCAPSULATED, 2, ANY_OCTETS, &format!("multipart octets; ts={ENCAPSULATED}"));
    // WADO-025: image/jpeg alone is lossless JPEG.
    let jpeg = "multipart/related; type=\"image/jpeg\"";
    frames(LOSSLESS, 2, jpeg, &format!("multipart image/jpeg; ts={LOSSLESS}"));
    frames(BASELINE, 2, jpeg, "406");
    frames(
        BASELINE,
        2,
        &format!("{jpeg}; transfer-syntax={BASELINE}"),
        &format!("multipart image/jpeg; ts={BASELINE}"),
    );
    frames(
        BASELINE,
        2,
        &format!("{jpeg}; transfer-syntax=*"),
        &format!("multipart image/jpeg; ts={BASELINE}"),
    );
    frames(
        BASELINE,
        1,
        &format!("image/jpeg; transfer-syntax={BASELINE}"),
        &format!("single image/jpeg; ts={BASELINE}"),
    );
    frames(BASELINE, 2, "*/*", &format!("multipart image/jpeg; ts={BASELINE}"));
    frames(BASELINE, 2, OCTETS, &format!("multipart octets; ts={BASELINE}"));
    // Losslessly compressed: not without being asked for.
    frames(JPEG_LS, 2, "*/*", "406");
    frames(JPEG_LS, 2, OCTETS, "406");
    frames(JPEG_LS, 2, ANY_OCTETS, &format!("multipart octets; ts={JPEG_LS}"));
    frames(
        JPEG_LS,
        2,
        &format!("{ANY_OCTETS}, multipart/related; type=image/jls"),
        &format!("multipart image/jls; ts={JPEG_LS}"),
    );
    // WADO-024: the old names.
    frames(
        JPEG_LS,
        2,
        "multipart/related; type=\"image/x-jls\"",
        &format!("multipart image/jls; ts={JPEG_LS}"),
    );
    frames(RLE, 1, "image/x-dicom-rle", &format!("single image/dicom-rle; ts={RLE}"));
    // WADO-026.
    frames(HTJ2K, 2, "multipart/related; type=\"image/jphc\"", &format!("multipart image/jphc; ts={HTJ2K}"));
    frames(HTJ2K, 2, "multipart/related; type=\"image/jph\"", "406");
    // WADO-018: any image.
    frames(J2K, 2, "multipart/related; type=\"image/*\"", &format!("multipart image/jp2; ts={J2K}"));
    frames(
        BASELINE,
        2,
        "multipart/related; type=\"image/*\"",
        &format!("multipart image/jpeg; ts={BASELINE}"),
    );
    frames(VIDEO, 1, "multipart/related; type=\"video/*\"", &format!("multipart video/mp4; ts={VIDEO}"));
    frames(VIDEO, 1, "video/mp4", &format!("single video/mp4; ts={VIDEO}"));
}

#[test]
fn wado_010_and_qido_002_json() {
    for (header, expected) in [
        ("*/*", "single application/dicom+json"),
        ("application/dicom+json", "single application/dicom+json"),
        ("application/json", "single application/dicom+json"),
        ("application/json, text/plain, */*", "single application/dicom+json"),
        ("application/*", "single application/dicom+json"),
        ("application/dicom+json; charset=utf-8", "single application/dicom+json"),
        ("text/xml", "406"),
        ("application/dicom", "406"),
        ("text/html", "406"),
    ] {
        for resource in [Resource::Metadata, Resource::Search, Resource::Store] {
            let accept = read(header, None, resource).expect("an Accept");
            assert_eq!(choice(&accept, &model_offers()), expected, "{header:?}");
        }
    }
}

/// WADO-011, QIDO-002, STOW-027.
#[test]
fn xml() {
    for (header, model, response) in [
        ("multipart/related; type=\"application/dicom+xml\"", "multipart application/dicom+xml", "406"),
        (
            "multipart/related; type=application/dicom+xml, */*;q=0.1",
            "multipart application/dicom+xml",
            "single application/dicom+json",
        ),
        ("application/dicom+xml", "406", "single application/dicom+xml"),
        (
            "application/dicom+xml, application/dicom+json;q=0.9",
            "single application/dicom+json",
            "single application/dicom+xml",
        ),
        (
            "application/dicom+xml;q=0.5, application/dicom+json",
            "single application/dicom+json",
            "single application/dicom+json",
        ),
    ] {
        for resource in [Resource::Metadata, Resource::Search] {
            let accept = read(header, None, resource).expect("an Accept");
            assert_eq!(choice(&accept, &model_offers()), model, "{header:?}");
        }
        let accept = read(header, None, Resource::Store).expect("an Accept");
        assert_eq!(choice(&accept, &response_offers()), response, "{header:?}");
    }
}

#[test]
fn wado_017_bulk_data() {
    for (header, expected) in [
        ("*/*", "multipart"),
        ("application/octet-stream", "single"),
        ("multipart/related; type=\"application/octet-stream\"; transfer-syntax=*", "multipart"),
        ("application/pdf, application/octet-stream", "single"),
        ("image/jpeg", "406"),
    ] {
        let accept = read(header, None, Resource::Bulk).expect("an Accept");
        assert_eq!(choice(&accept, &bulk_offers()).split(' ').next(), Some(expected), "{header:?}");
    }
}

#[test]
fn wado_012_no_accept() {
    let none = std::iter::empty::<&str>;
    let lenient = Accept::read(none(), None, Resource::Metadata, MissingAccept::Anything).expect("an Accept");
    assert_eq!(choice(&lenient, &model_offers()), "single application/dicom+json");
    let strict = Accept::read(none(), None, Resource::Metadata, MissingAccept::Refuse);
    assert_eq!(strict, Err(AcceptError::Missing));
    let strict =
        Accept::read(none(), Some("application/dicom+json"), Resource::Metadata, MissingAccept::Refuse);
    assert_eq!(strict, Err(AcceptError::Missing));
}

#[test]
fn wado_013_kinds_are_not_mixed() {
    for (resource, header, mixed) in [
        (Resource::Instances, "application/dicom, image/jpeg", true),
        (Resource::Instances, "multipart/related; type=\"application/dicom\", text/html", true),
        (Resource::Instances, "application/dicom, */*", false),
        (Resource::Instances, "image/jpeg, */*", false),
        (
            Resource::Instances,
            "text/html, application/xhtml+xml, application/xml;q=0.9, image/avif, */*;q=0.8",
            false,
        ),
        (Resource::Metadata, "application/dicom+json, image/png", true),
        (Resource::Frames, "multipart/related; type=\"application/octet-stream\", image/jpeg", false),
        (Resource::Frames, "multipart/related; type=\"application/octet-stream\", text/html", true),
        (Resource::Bulk, "application/octet-stream, application/pdf", false),
        (Resource::Search, "application/dicom+json, text/plain", false),
    ] {
        let expected = if mixed { Some(AcceptError::Mixed) } else { None };
        assert_eq!(read(header, None, resource).err(), expected, "{header:?}");
    }
}

#[test]
fn wado_014_the_parameter_comes_first() {
    let parts = format!("multipart application/dicom; transfer-syntax={EXPLICIT}");
    let bare = format!("single application/dicom; transfer-syntax={EXPLICIT}");
    for (parameter, header, expected) in [
        ("application/dicom", "*/*", Ok(bare.as_str())),
        ("multipart/related; type=\"application/dicom\"", "application/dicom; q=0.1, */*", Ok(&parts)),
        (
            "application/dicom",
            "application/dicom; q=0.1, multipart/related; type=\"application/dicom\"",
            Ok(&bare),
        ),
        ("application/dicom; transfer-syntax=*", "application/dicom", Ok(&bare)),
        // Not to be had: the header decides.
        ("application/dicom+xml", "*/*", Ok(&parts)),
        ("application/dicom+xml", "application/*", Ok(&bare)),
        // Not allowed.
        ("*/*", "*/*", Err(AcceptError::Parameter)),
        ("image/*", "*/*", Err(AcceptError::Parameter)),
        ("multipart/related; type=\"image/*\"", "*/*", Err(AcceptError::Parameter)),
        ("", "*/*", Err(AcceptError::Parameter)),
        ("nonsense", "*/*", Err(AcceptError::Parameter)),
        (
            "application/dicom",
            "multipart/related; type=\"application/dicom\"",
            Err(AcceptError::Incompatible),
        ),
        ("image/jpeg", "application/dicom", Err(AcceptError::Incompatible)),
        ("application/dicom", "application/dicom; q=0", Err(AcceptError::Incompatible)),
    ] {
        let chosen = read(header, Some(parameter), Resource::Instances)
            .map(|accept| choice(&accept, &instance_offers(syntax(EXPLICIT), &[], true)));
        assert_eq!(chosen, expected.map(str::to_owned), "{parameter:?} with {header:?}");
    }
}

#[test]
fn offers_as_a_client_writes_them() {
    let texts: Vec<_> = frame_offers(syntax(JPEG_LS), &[], 1).iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "multipart/related; type=\"image/jls\"",
            "multipart/related; type=\"application/octet-stream\"; transfer-syntax=*",
            "image/jls",
            "application/octet-stream; transfer-syntax=*",
        ]
    );
    // Each of them, sent back, gets what it says.
    for stored in [IMPLICIT, EXPLICIT, DEFLATED, BIG, BASELINE, LOSSLESS, J2K, RLE, VIDEO, ENCAPSULATED] {
        let others: Vec<Syntax> = MADE.iter().map(|uid| syntax(uid)).filter(|s| s.uid != stored).collect();
        for offers in [
            instance_offers(syntax(stored), &[], true),
            frame_offers(syntax(stored), &[], 1),
            instance_offers(syntax(stored), &others, true),
            frame_offers(syntax(stored), &others, 1),
        ] {
            for offer in &offers {
                let accept = read(&offer.to_string(), None, Resource::Frames).expect("an Accept");
                let chosen = accept.choose(&offers).expect("it is offered");
                assert_eq!(
                    (chosen.framing, chosen.media, chosen.syntax),
                    (offer.framing, offer.media, offer.syntax),
                    "{offer} of {stored}"
                );
            }
        }
    }
}
