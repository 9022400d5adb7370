//! What an HTTP client sends: multipart bodies, paths, queries, Accept and Range headers; and text of any character set.

use bytes::Bytes;
use dicomweb::media::{
    Accept, MediaType, MissingAccept, Resource, bulk_offers, frame_offers, instance_offers, model_offers,
};
use dicomweb::multipart::{Boundary, Event, Limits, Parser};
use dicomweb::query::{Level, RenderedRequest, RetrieveRequest, SearchRequest};
use dicomweb::range::{Wanted, wanted};
use dicomweb::url::Path;
use fuzz::{Target, behaviour, magnitude};
use model::text::CharacterSets;
use model::transfer_syntax::{ALL, EXPLICIT_LE};
use model::{VR, matching, person_name};

const LIMITS: Limits = Limits { preamble: 200, head: 300, parts: 20 };

#[test]
fn multipart() {
    let seeds = [
        "--b\r\nContent-Type: application/dicom\r\n\r\nhello\r\n--b--\r\n",
        "preamble\r\n--b\r\n\r\none\r\n--b  \t\r\nContent-Location: x\r\nContent-Length: 3\r\n\r\ntwo\r\n--b--epilogue",
        "--b\r\n\r\n\r\n--b\r\n\r\n\r\n--bb\r\n--b--",
        "--b\nX: y\n\nbare line ends\n--b--",
    ];
    #[rustfmt::skip]
    let words: &[&[u8]] = &[
        b"\r\n--b", b"\r\n--b--", b"--b\r\n", b"--", b"\r\n\r\n", b"\r\n", b"\r", b"\n", b"Content-Type: ",
        b": ", b"\t ", b"\0",
    ];
    let target = Target {
        name: "multipart",
        seeds: seeds.iter().map(|s| s.as_bytes().to_vec()).collect(),
        words,
        longest: 4_096,
    };
    target.fuzz(|input, random| {
        let (whole, result) = parse(&[input]);
        assert_eq!(
            (whole.clone(), result.clone()),
            parse(&random.pieces(input)),
            "the same however it is cut"
        );
        behaviour((
            magnitude(whole.len()),
            result.map_err(|e| e.chars().filter(|c| c.is_alphabetic()).collect::<String>()),
        ))
    });
}

#[derive(Clone, Debug, PartialEq)]
struct Part {
    head: String,
    body: Vec<u8>,
    whole: bool,
}

/// The parts, and how it ended: whether the closing delimiter was there, or the error.
fn parse(pieces: &[&[u8]]) -> (Vec<Part>, Result<bool, String>) {
    let boundary = Boundary::new("b").unwrap_or_else(|e| panic!("{e}"));
    let mut parser = Parser::new(&boundary, LIMITS);
    let (mut parts, mut ended, mut total) = (Vec::<Part>::new(), false, 0);
    for piece in pieces.iter().map(Some).chain([None]) {
        match piece {
            Some(piece) => parser.push(Bytes::copy_from_slice(piece)),
            None => parser.finish(),
        }
        loop {
            match parser.next_event() {
                Ok(None) => break,
                Ok(Some(Event::Part(head))) => {
                    assert!(!ended);
                    let head = format!("{:?} {:?}", head.content_type(), head.content_location());
                    parts.push(Part { head, body: Vec::new(), whole: false });
                }
                Ok(Some(Event::Data(bytes))) => {
                    total += bytes.len();
                    assert!(!bytes.is_empty());
                    if let Some(part) = parts.last_mut() {
                        assert!(!part.whole, "data belongs to an open part");
                        part.body.extend_from_slice(&bytes);
                    }
                }
                Ok(Some(Event::PartEnd)) => {
                    if let Some(part) = parts.last_mut() {
                        part.whole = true;
                    }
                }
                Ok(Some(Event::End)) => ended = true,
                Err(error) => {
                    // What came of an open part before its error depends on how it was cut.
                    if parts.last().is_some_and(|part| !part.whole) {
                        parts.pop();
                    }
                    return (parts, Err(error.to_string()));
                }
            }
        }
    }
    assert!(total <= pieces.iter().map(|p| p.len()).sum());
    assert!(parts.len() <= LIMITS.parts as usize && parser.parts() as usize == parts.len());
    (parts, Ok(ended))
}

#[test]
fn path_and_query() {
    let seeds = [
        "/studies?PatientName=Doe*&StudyDate=20200101-20201231&limit=5&offset=3",
        "/studies/1.2/series/1.3/instances?includefield=all",
        "/studies/1.2/series/1.3/instances/1.4/frames/1,2,3",
        "/studies/1.2/series/1.3/instances/1.4/bulkdata/54000100/0/54001010?accept=*",
        "/instances?00100020=%C3%84&00400275.00400009=x&fuzzymatching=true",
        "/studies?StudyInstanceUID=1.2,1.3%5C1.4&StudyTime=10-1130.5",
        "/studies/1.2/series/1.3/instances/1.4/frames/2/rendered?viewport=64,64,,,-8,8&window=40,400,linear&quality=80",
        "/studies/1.2/thumbnail?viewport=64,64",
        "/studies/1.2/metadata?includefield=00081030,PatientID&00091010=CREATOR&00091001=x",
    ];
    #[rustfmt::skip]
    let words: &[&[u8]] = &[
        b"studies", b"series", b"instances", b"frames", b"bulkdata", b"metadata", b"/", b"?", b"&", b"=", b",",
        b"%", b"%2F", b"%00", b"%c3", b"..", b"-", b"*", b"includefield", b"limit", b"offset",
        b"fuzzymatching=true", b"PatientName", b"StudyDate", b"StudyTime", b"ModalitiesInStudy",
        b"RequestAttributesSequence.", b"00100020", b"1.2.840", b"20200229", b"235959.999999", b"+0100",
        b"18446744073709551616",
    ];
    let target = Target {
        name: "path_and_query",
        seeds: seeds.iter().map(|s| s.as_bytes().to_vec()).collect(),
        words,
        longest: 4_096,
    };
    target.fuzz(|input, _| {
        let text = String::from_utf8_lossy(input);
        let (path, query) = text.split_once('?').unwrap_or((&text, ""));
        let parsed = Path::parse(path);
        if let Ok(parsed) = &parsed {
            assert!(!parsed.allow().is_empty());
        }
        let retrieve = RetrieveRequest::parse(query).is_ok();
        let rendered = RenderedRequest::parse(query).is_ok();
        let small = RenderedRequest::parse_thumbnail(query).is_ok();
        let search = SearchRequest::parse(Level::Series, None, None, query);
        let shape = search.as_ref().map(|request| (magnitude(request.matches.len()), request.warnings.len()));
        let parsed = parsed.as_ref().map(std::mem::discriminant).map_err(std::mem::discriminant);
        behaviour((parsed, retrieve, rendered, small, shape.map_err(std::mem::discriminant)))
    });
}

#[test]
fn accept_and_range() {
    let seeds = [
        "multipart/related; type=\"application/dicom\"; transfer-syntax=*",
        "application/dicom+json, */*;q=0.1",
        "image/jls;q=0.5, multipart/related;type=image/*",
        "multipart/related; type=\"application/octet-stream\"; transfer-syntax=1.2.840.10008.1.2.4.50;q=1.0",
        "bytes=0-99",
        "bytes=-5,7-",
        "a/b; c=\"d\\\"e\"",
    ];
    #[rustfmt::skip]
    let words: &[&[u8]] = &[
        b"multipart/related", b"application/dicom", b"application/octet-stream", b"image/jpeg", b"*/*",
        b"image/*", b"; type=", b"; transfer-syntax=", b";q=0", b";q=1.0001", b"\"", b"\\", b",",
        b"1.2.840.10008.1.2.4.80", b"*", b"bytes=", b"-", b"18446744073709551615", b"\xc3\xa4", b" ", b"\t",
    ];
    let target = Target {
        name: "accept_and_range",
        seeds: seeds.iter().map(|s| s.as_bytes().to_vec()).collect(),
        words,
        longest: 2_048,
    };
    target.fuzz(|input, random| {
        let text = String::from_utf8_lossy(input);
        if let Some(media) = MediaType::parse(&text) {
            assert!(!media.main().is_empty() && !media.sub().is_empty());
        }
        for length in [0, 1, 100, u64::MAX] {
            if let Wanted::Part { first, last } = wanted(&text, length) {
                assert!(first <= last && last < length);
            }
        }
        let _ = Boundary::new(&text);
        let (header, parameter) = text.split_at(text.floor_char_boundary(random.below(text.len() + 1)));
        let syntax = &ALL[random.below(ALL.len())];
        let offers = [
            instance_offers(syntax, &[EXPLICIT_LE], true),
            instance_offers(EXPLICIT_LE, &[], false),
            frame_offers(syntax, &[EXPLICIT_LE], 2),
            bulk_offers().to_vec(),
            model_offers().to_vec(),
        ];
        let mut chosen = Vec::new();
        for resource in [Resource::Instances, Resource::Metadata, Resource::Frames, Resource::Bulk] {
            match Accept::read([header], Some(parameter), resource, MissingAccept::Anything)
                .or_else(|_| Accept::read([&*text], None, resource, MissingAccept::Anything))
            {
                Ok(accept) => {
                    chosen.extend(offers.iter().map(|o| accept.choose(o).map(|o| o.content_type().len())))
                }
                Err(error) => chosen.push(Some(error.to_string().len())),
            }
        }
        behaviour(chosen)
    });
}

#[test]
fn text() {
    let mut seeds: Vec<Vec<u8>> = [
        "ISO_IR 100",
        "ISO_IR 192",
        "GB18030",
        "\\ISO 2022 IR 87",
        "ISO 2022 IR 13\\ISO 2022 IR 87",
        "\\ISO 2022 IR 149",
        "\\ISO 2022 IR 58",
        "ISO 2022 IR 100\\ISO 2022 IR 144",
    ]
    .iter()
    .map(|set| [set.as_bytes(), b"|A^B=\x1b$B;3ED\x1b(B^\x1b$)C\xb1\xe8=\x81\\\xe4\\x\r\n"].concat())
    .collect();
    seeds.push(b"|Doe*^J?hn\\20200101-20200131".to_vec());
    #[rustfmt::skip]
    let words: &[&[u8]] = &[
        b"\x1b$B", b"\x1b$@", b"\x1b(J", b"\x1b)I", b"\x1b$)C", b"\x1b$)A", b"\x1b(B", b"\x1b-A", b"\x1b-L",
        b"\x1b", b"ISO 2022 IR 6", b"ISO_IR 13", b"\\", b"^", b"=", b"*", b"?", b"-", b"\x81\\", b"\xff",
    ];
    let target = Target { name: "text", seeds, words, longest: 1_024 };
    target.fuzz(|input, random| {
        let at = input.iter().position(|b| *b == b'|').unwrap_or(0);
        let (sets, value) = input.split_at(at);
        let sets = CharacterSets::parse(sets);
        let mut lengths = Vec::new();
        for vr in [VR::PN, VR::LO, VR::UT, VR::CS] {
            let decoded = sets.decode(vr, value);
            assert!(decoded.len() <= 3 * value.len() + 3, "every byte is at most one character");
            lengths.push(magnitude(decoded.matches('\u{fffd}').count()));
            let _ = sets.decode_values(vr, value).len();
            let _ = (person_name::key(&decoded), person_name::fold(&decoded));
        }
        let pattern = String::from_utf8_lossy(value);
        let vr = [VR::PN, VR::LO, VR::DA, VR::TM, VR::DT, VR::UI, VR::IS][random.below(7)];
        let rule = matching::parse(vr, &pattern);
        let matched = rule.as_ref().ok().map(|rule| matching::matches(rule, vr, &pattern));
        let _ = (matching::like_pattern(&pattern), matching::glob_pattern(&pattern));
        behaviour((sets.has_unknown_term(), lengths, matched))
    });
}
