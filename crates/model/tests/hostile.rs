//! Data sets that are broken or hostile: each gets its exact answer, without a panic, a recursion or an allocation by
//! a length that it declares. The checklist's TS-002, TS-003 and TS-025.
#![allow(clippy::expect_used, clippy::indexing_slicing)]

mod common;

use std::io::Write;

use common::{Digest, Trace};
use model::scan::{InflateLimit, Limits, ScanError, ScanSummary, Scanner, Sink};
use model::transfer_syntax::{DEFLATED, EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, Syntax};

const UNDEFINED: u32 = u32::MAX;
const ITEM: u32 = 0xFFFE_E000;
const ITEM_END: u32 = 0xFFFE_E00D;
const SEQUENCE_END: u32 = 0xFFFE_E0DD;

fn scan<S: Sink>(
    syntax: Syntax,
    limits: Limits,
    data: &[u8],
    step: usize,
    sink: &mut S,
) -> Result<ScanSummary, ScanError> {
    let mut scanner = Scanner::new(syntax, limits);
    for piece in data.chunks(step) {
        if let Err(error) = scanner.push(piece, sink) {
            // It stays refused.
            assert_eq!(scanner.push(b"more", sink), Err(error.clone()));
            assert_eq!(scanner.finish(sink), Err(error.clone()));
            return Err(error);
        }
    }
    scanner.finish(sink)
}

/// The answer to a data set, the same however it is cut: the count of elements, or the text of the error.
fn answer(syntax: Syntax, limits: Limits, data: &[u8]) -> Result<u64, String> {
    let mut whole = Digest::default();
    let expected = scan(syntax, limits, data, data.len().max(1), &mut whole);
    for step in [1, 7, 64 << 10] {
        let mut cut = Digest::default();
        assert_eq!(scan(syntax, limits, data, step, &mut cut), expected, "steps of {step}");
        assert_eq!((cut.hash, cut.events), (whole.hash, whole.events), "steps of {step}");
    }
    expected.map(|summary| summary.elements).map_err(|error| error.to_string())
}

/// A name, what to scan, and how many elements it has or why it is refused.
type Row<'a> = (&'a str, Syntax, Vec<u8>, Result<u64, &'a str>);

fn check(rows: Vec<Row<'_>>) {
    for (name, syntax, data, expected) in rows {
        let found = answer(syntax, Limits::default(), &data);
        assert_eq!(found.as_ref().map(|n| *n).map_err(String::as_str), expected, "{name}");
    }
}

/// Tag and length, as in Implicit VR, or for items and delimiters.
fn bare(tag: u32, length: u32) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(&((tag >> 16) as u16).to_le_bytes());
    out.extend_from_slice(&(tag as u16).to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out
}

fn short(tag: u32, vr: &str, value: &[u8]) -> Vec<u8> {
    let mut out = bare(tag, 0);
    out[4..6].copy_from_slice(vr.as_bytes());
    out[6..8].copy_from_slice(&(value.len() as u16).to_le_bytes());
    out.extend_from_slice(value);
    out
}

/// A header with a length of 32 bits.
fn long(tag: u32, vr: &str, length: u32) -> Vec<u8> {
    let mut out = bare(tag, 0);
    out[4..6].copy_from_slice(vr.as_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out
}

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

fn deflate(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(data).expect("in memory");
    encoder.finish().expect("in memory")
}

#[test]
fn well_formed_data_sets_are_told_event_by_event() {
    let modality = short(0x0008_0060, "CS", b"CT");
    let big_endian =
        b"\x00\x08\x11\x40SQ\0\0\xff\xff\xff\xff\xff\xfe\xe0\x00\0\0\0\x0a\x00\x28\x01\x03US\0\x02\0\x01\
                       \xff\xfe\xe0\xdd\0\0\0\0";
    for (name, syntax, data, expected) in [
        ("empty", EXPLICIT_LE, vec![], ""),
        ("one", EXPLICIT_LE, modality.clone(), "0:(0008,0060) CS 2@8 [2]"),
        ("implicit", IMPLICIT_LE, join(&[&bare(0x0008_0060, 2), b"CT"]), "0:(0008,0060) CS 2@8 [2]"),
        ("empty value", EXPLICIT_LE, short(0x0008_0060, "CS", b""), "0:(0008,0060) CS 0@8 [0]"),
        (
            "TS-002 undefined lengths",
            EXPLICIT_LE,
            join(&[
                &long(0x0008_1140, "SQ", UNDEFINED),
                &bare(ITEM, UNDEFINED),
                &modality,
                &bare(ITEM_END, 0),
                &bare(ITEM, 0),
                &bare(SEQUENCE_END, 0),
            ]),
            "0:(0008,1140) SQ sequence | item None | 1:(0008,0060) CS 2@28 [2] | item end | item Some(0) | item end | \
             sequence end",
        ),
        (
            "defined lengths",
            EXPLICIT_LE,
            join(&[&long(0x0008_1140, "SQ", 18), &bare(ITEM, 10), &modality, &modality]),
            "0:(0008,1140) SQ sequence | item Some(10) | 1:(0008,0060) CS 2@28 [2] | item end | sequence end | \
             0:(0008,0060) CS 2@38 [2]",
        ),
        (
            "empty sequences",
            EXPLICIT_LE,
            join(&[&long(0x0008_1140, "SQ", 0), &long(0x0008_1140, "SQ", UNDEFINED), &bare(SEQUENCE_END, 0)]),
            "0:(0008,1140) SQ sequence | sequence end | 0:(0008,1140) SQ sequence | sequence end",
        ),
        (
            "TS-003 UN of undefined length is an implicit sequence",
            EXPLICIT_LE,
            join(&[
                &long(0x0009_1001, "UN", UNDEFINED),
                &bare(ITEM, UNDEFINED),
                &bare(0x0008_0060, 2),
                b"CT",
                &bare(ITEM_END, 0),
                &bare(SEQUENCE_END, 0),
                &modality,
            ]),
            "0:(0009,1001) UN sequence | item None | 1:(0008,0060) CS 2@28 implicit [2] | item end | sequence end | \
             0:(0008,0060) CS 2@54 [2]",
        ),
        (
            "big endian",
            EXPLICIT_BE,
            big_endian.to_vec(),
            "0:(0008,1140) SQ sequence | item Some(10) | 1:(0028,0103) US 2@28 big [2] | item end | sequence end",
        ),
        (
            "TS-003 in big endian too",
            EXPLICIT_BE,
            join(&[
                b"\x00\x09\x10\x01UN\0\0\xff\xff\xff\xff",
                &bare(ITEM, UNDEFINED),
                &bare(0x0028_0010, 2),
                &[1, 0],
                &bare(ITEM_END, 0),
                &bare(SEQUENCE_END, 0),
                b"\x00\x28\x00\x10US\0\x02\0\x01",
            ]),
            "0:(0009,1001) UN sequence | item None | 1:(0028,0010) US 2@28 [2] | item end | sequence end | \
             0:(0028,0010) US 2@54 big [2]",
        ),
        (
            "fragments",
            EXPLICIT_LE,
            join(&[
                &long(0x7FE0_0010, "OB", UNDEFINED),
                &bare(ITEM, 0),
                &bare(ITEM, 3),
                b"abc",
                &bare(SEQUENCE_END, 0),
            ]),
            "0:(7FE0,0010) OB fragments | fragment 0 20 0 | long end | fragment 1 28 3 | abc | long end | fragments end",
        ),
        (
            "native pixel data is long however short",
            EXPLICIT_LE,
            join(&[&long(0x7FE0_0010, "OW", 2), b"ab", &long(0x7FE0_0010, "OW", 0)]),
            "0:(7FE0,0010) OW long 2@12 | ab | long end | 0:(7FE0,0010) OW 0@26 [0]",
        ),
        (
            "Pixel Representation decides US or SS, an item inherits it",
            IMPLICIT_LE,
            join(&[
                &bare(0x0028_0103, 2),
                &[1, 0],
                &bare(0x0028_0106, 2),
                &[0, 0],
                &bare(0x0028_3000, 18),
                &bare(ITEM, 10),
                &bare(0x0028_0106, 2),
                &[0, 0],
            ]),
            "0:(0028,0103) US 2@8 [2] | 0:(0028,0106) SS 2@18 [2] | 0:(0028,3000) SQ sequence | item Some(10) | \
             1:(0028,0106) SS 2@44 [2] | item end | sequence end",
        ),
        ("unknown VR", EXPLICIT_LE, join(&[&long(0x0010_0020, "ZZ", 2), b"ab"]), "0:(0010,0020) UN 2@12 [2]"),
        (
            "trailing padding, odd length, order and group lengths are tolerated",
            EXPLICIT_LE,
            join(&[
                &short(0x0010_0000, "UL", &[9, 9, 9, 9]),
                &short(0x0008_0060, "CS", b"CTX"),
                &modality,
                &long(0xFFFC_FFFC, "OB", 2),
                &[0, 0],
            ]),
            "0:(0010,0000) UL 4@8 [4] | 0:(0008,0060) CS 3@20 [3] | 0:(0008,0060) CS 2@31 [2] | \
             0:(FFFC,FFFC) OB 2@45 [2]",
        ),
    ] {
        for step in [1, 7, data.len().max(1)] {
            let mut trace = Trace::default();
            let summary = scan(syntax, Limits::default(), &data, step, &mut trace);
            assert_eq!(trace.events(), expected, "{name} in steps of {step}");
            assert_eq!(summary.map(|s| s.length), Ok(data.len() as u64), "{name}");
        }
    }
}

#[test]
fn values_longer_than_the_limit_are_not_held() {
    let limits = Limits { held: 4, ..Limits::default() };
    let data = join(&[&short(0x0008_0060, "CS", b"1234"), &short(0x0008_0070, "LO", b"12345")]);
    for step in [1, 7, data.len()] {
        let mut trace = Trace::default();
        scan(EXPLICIT_LE, limits, &data, step, &mut trace).expect("well formed");
        let expected = "0:(0008,0060) CS 4@8 [4] | 0:(0008,0070) LO long 5@20 | 12345 | long end";
        assert_eq!(trace.events(), expected);
    }
}

/// Lengths past the end, truncated, unclosed, item > sequence, stray delimiters.
#[test]
fn broken_structure_is_named_with_its_place() {
    let modality = short(0x0008_0060, "CS", b"CT");
    let sq = |length| long(0x0008_1140, "SQ", length);
    check(vec![
        (
            "value past the end",
            EXPLICIT_LE,
            join(&[&modality, &long(0x7FE0_0010, "OW", 0xFFFF_FFFE), &[0; 310]]),
            Err("(7FE0,0010) at byte 10 claims 4294967294 bytes, 310 are left"),
        ),
        (
            "short value past the end",
            EXPLICIT_LE,
            join(&[&modality, &modality[..9]]),
            Err("(0008,0060) at byte 10 claims 2 bytes, 1 are left"),
        ),
        (
            "implicit value past the end",
            IMPLICIT_LE,
            bare(0x0010_0010, 12),
            Err("(0010,0010) at byte 0 claims 12 bytes, 0 are left"),
        ),
        (
            "cut header",
            EXPLICIT_LE,
            join(&[&modality, &modality[..5]]),
            Err("the data set ends at byte 15 inside the header of an element at byte 10"),
        ),
        (
            "cut long header",
            EXPLICIT_LE,
            sq(UNDEFINED)[..10].to_vec(),
            Err("the data set ends at byte 10 inside the header of an element at byte 0"),
        ),
        (
            "unclosed sequence",
            EXPLICIT_LE,
            sq(UNDEFINED),
            Err("(0008,1140) at byte 0 is not closed when the data set ends"),
        ),
        (
            "unclosed item",
            EXPLICIT_LE,
            join(&[&sq(UNDEFINED), &bare(ITEM, UNDEFINED), &modality]),
            Err("(FFFE,E000) at byte 12 is not closed when the data set ends"),
        ),
        (
            "unclosed fragments",
            EXPLICIT_LE,
            join(&[&long(0x7FE0_0010, "OB", UNDEFINED), &bare(ITEM, 0)]),
            Err("(7FE0,0010) at byte 0 is not closed when the data set ends"),
        ),
        ("cut sequence", EXPLICIT_LE, sq(8), Err("(0008,1140) at byte 0 claims 8 bytes, 0 are left")),
        (
            "cut item",
            EXPLICIT_LE,
            join(&[&sq(UNDEFINED), &bare(ITEM, 40), &modality]),
            Err("(FFFE,E000) at byte 12 claims 40 bytes, 10 are left"),
        ),
        (
            "cut fragment",
            EXPLICIT_LE,
            join(&[&long(0x7FE0_0010, "OB", UNDEFINED), &bare(ITEM, 0xFFFF_FFFE), b"abc"]),
            Err("(FFFE,E000) at byte 12 claims 4294967294 bytes, 3 are left"),
        ),
        (
            "item longer than its sequence",
            EXPLICIT_LE,
            join(&[&sq(18), &bare(ITEM, 12), &modality, &modality]),
            Err("(FFFE,E000) at byte 12 claims 12 bytes, 10 are left in what encloses it"),
        ),
        (
            "value longer than its item",
            EXPLICIT_LE,
            join(&[&sq(UNDEFINED), &bare(ITEM, 9), &modality, &modality]),
            Err("(0008,0060) at byte 20 claims 2 bytes, 1 are left in what encloses it"),
        ),
        (
            "sequence longer than its item",
            EXPLICIT_LE,
            join(&[&sq(UNDEFINED), &bare(ITEM, 20), &sq(9), &[0; 40]]),
            Err("(0008,1140) at byte 20 claims 9 bytes, 8 are left in what encloses it"),
        ),
        (
            "item ends in a header",
            EXPLICIT_LE,
            join(&[&sq(UNDEFINED), &bare(ITEM, 12), &modality, &modality]),
            Err("an element at byte 30 has its header cut by the end of what encloses it"),
        ),
        (
            "item ends in a long header",
            EXPLICIT_LE,
            join(&[&sq(UNDEFINED), &bare(ITEM, 10), &sq(0)]),
            Err("an element at byte 20 has its header cut by the end of what encloses it"),
        ),
        (
            "undefined length in a defined one that ends first",
            EXPLICIT_LE,
            join(&[&sq(18), &bare(ITEM, UNDEFINED), &modality, &bare(ITEM_END, 0)]),
            Err("an element at byte 30 has its header cut by the end of what encloses it"),
        ),
        ("item at the top", EXPLICIT_LE, bare(ITEM, 0), Err("(FFFE,E000) at byte 0 stands where it may not")),
        (
            "item delimiter at the top",
            EXPLICIT_LE,
            join(&[&modality, &bare(ITEM_END, 0)]),
            Err("(FFFE,E00D) at byte 10 stands where it may not"),
        ),
        (
            "sequence delimiter at the top",
            IMPLICIT_LE,
            bare(SEQUENCE_END, 0),
            Err("(FFFE,E0DD) at byte 0 stands where it may not"),
        ),
        (
            "sequence delimiter in an item",
            EXPLICIT_LE,
            join(&[&sq(UNDEFINED), &bare(ITEM, UNDEFINED), &bare(SEQUENCE_END, 0)]),
            Err("(FFFE,E0DD) at byte 20 stands where it may not"),
        ),
        (
            "item in an item",
            EXPLICIT_LE,
            join(&[&sq(UNDEFINED), &bare(ITEM, UNDEFINED), &bare(ITEM, 0)]),
            Err("(FFFE,E000) at byte 20 stands where it may not"),
        ),
        (
            "item delimiter in a sequence",
            EXPLICIT_LE,
            join(&[&sq(UNDEFINED), &bare(ITEM_END, 0)]),
            Err("(FFFE,E00D) at byte 12 stands where it may not"),
        ),
        (
            "item delimiter in an item of defined length",
            EXPLICIT_LE,
            join(&[&sq(UNDEFINED), &bare(ITEM, 18), &modality, &bare(ITEM_END, 0)]),
            Err("(FFFE,E00D) at byte 30 stands where it may not"),
        ),
        (
            "sequence delimiter in a sequence of defined length",
            EXPLICIT_LE,
            join(&[&sq(8), &bare(SEQUENCE_END, 0)]),
            Err("(FFFE,E0DD) at byte 12 stands where it may not"),
        ),
        (
            "sequence delimiter among elements of the group",
            EXPLICIT_LE,
            bare(0xFFFE_0000, 0),
            Err("(FFFE,0000) at byte 0 stands where it may not"),
        ),
        (
            "element in a sequence",
            EXPLICIT_LE,
            join(&[&sq(UNDEFINED), &modality]),
            Err("(0008,0060) at byte 12 stands where an item of (0008,1140) should"),
        ),
        (
            "native pixels labelled encapsulated",
            EXPLICIT_LE,
            join(&[&long(0x7FE0_0010, "OB", UNDEFINED), &[1; 40]]),
            Err("(0101,0101) at byte 12 stands where an item of (7FE0,0010) should"),
        ),
        (
            "fragment of undefined length",
            EXPLICIT_LE,
            join(&[&long(0x7FE0_0010, "OB", UNDEFINED), &bare(ITEM, UNDEFINED)]),
            Err("(FFFE,E000) at byte 12 has undefined length, which a fragment may not have"),
        ),
        (
            "text of undefined length",
            EXPLICIT_LE,
            long(0x0008_0119, "UT", UNDEFINED),
            Err("(0008,0119) at byte 0 has undefined length, which UT may not have"),
        ),
        (
            "delimiter with a length",
            EXPLICIT_LE,
            join(&[&sq(UNDEFINED), &bare(SEQUENCE_END, 4)]),
            Err("the delimiter (FFFE,E0DD) at byte 12 has length 4"),
        ),
        (
            "no VR",
            EXPLICIT_LE,
            join(&[&bare(0x0010_0010, 2), b"ab"]),
            Err("(0010,0010) at byte 0 has no VR but 0200H"),
        ),
        (
            "garbage",
            EXPLICIT_LE,
            vec![0x5A; 64],
            Err("(5A5A,5A5A) at byte 0 claims 1515870810 bytes, 52 are left"),
        ),
        ("zeros", EXPLICIT_LE, vec![0; 64], Err("(0000,0000) at byte 0 has no VR but 0000H")),
    ]);
}

/// Every VR may claim 4 GiB: nothing is kept for it, see also `memory.rs`.
#[test]
fn claims_of_four_gigabytes_end_where_the_bytes_end() {
    for vr in ["OB", "OD", "OF", "OL", "OV", "OW", "SV", "UC", "UN", "UR", "UT", "UV", "ZZ"] {
        let data = join(&[&long(0x0042_0011, vr, 0xFFFF_FFFE), &[0; 100]]);
        let expected = "(0042,0011) at byte 0 claims 4294967294 bytes, 100 are left";
        assert_eq!(answer(EXPLICIT_LE, Limits::default(), &data), Err(expected.into()), "{vr}");
    }
    for tag in [0x0008_0018, 0x0010_0010, 0x0009_0010, 0x0009_1001, 0x0028_0010, 0x7FE0_0010] {
        let data = join(&[&bare(tag, 0xFFFF_FFFE), &[0; 100]]);
        assert!(answer(IMPLICIT_LE, Limits::default(), &data).is_err());
    }
}

/// Nesting of 100,000 levels is refused at level 257; 256 levels are read.
#[test]
fn nesting_is_limited() {
    let level = join(&[&long(0x0040_A730, "SQ", UNDEFINED), &bare(ITEM, UNDEFINED)]);
    let end = join(&[&bare(ITEM_END, 0), &bare(SEQUENCE_END, 0)]);
    let nested = |depth: usize| join(&[&level.repeat(depth), &end.repeat(depth)]);
    check(vec![
        ("256 levels", EXPLICIT_LE, nested(256), Ok(512)),
        (
            "100,000 levels",
            EXPLICIT_LE,
            nested(100_000),
            Err("(0040,A730) at byte 5120 is nested deeper than 256 levels"),
        ),
        (
            "100,000 levels without end",
            EXPLICIT_LE,
            level.repeat(100_000),
            Err("(0040,A730) at byte 5120 is nested deeper than 256 levels"),
        ),
    ]);
    let implicit = join(&[&bare(0x0040_A730, UNDEFINED), &bare(ITEM, UNDEFINED)]).repeat(100_000);
    let expected = "(0040,A730) at byte 4096 is nested deeper than 256 levels";
    assert_eq!(answer(IMPLICIT_LE, Limits::default(), &implicit), Err(expected.into()));
}

/// 500,000 empty items, 300,000 elements, a million and one of them: an answer well within 2 s.
#[test]
fn many_small_things_are_cheap_and_limited() {
    let item = bare(ITEM, 0);
    let filled = |header: Vec<u8>, count| join(&[&header, &item.repeat(count), &bare(SEQUENCE_END, 0)]);
    let items = |count| filled(long(0x0040_A730, "SQ", UNDEFINED), count);
    let fragments = |count| filled(long(0x7FE0_0010, "OB", UNDEFINED), count);
    let too_many_items = "(FFFE,E000) at byte 8000004 is one more than 1000000 elements and items";
    for (name, syntax, data, expected) in [
        ("500,000 empty items", EXPLICIT_LE, items(500_000), Ok(500_001)),
        ("300,000 elements", EXPLICIT_LE, short(0x0008_0060, "CS", b"CT").repeat(300_000), Ok(300_000)),
        ("300,000 implicit elements", IMPLICIT_LE, bare(0x0008_0060, 0).repeat(300_000), Ok(300_000)),
        ("500,000 empty fragments", EXPLICIT_LE, fragments(500_000), Ok(500_001)),
        ("a million items", EXPLICIT_LE, items(1_000_000), Err(too_many_items)),
        ("a million fragments", EXPLICIT_LE, fragments(1_000_000), Err(too_many_items)),
        (
            "a million elements and one",
            IMPLICIT_LE,
            bare(0x0008_0060, 0).repeat(1_000_001),
            Err("(0008,0060) at byte 8000000 is one more than 1000000 elements and items"),
        ),
    ] {
        let start = std::time::Instant::now();
        let found = scan(syntax, Limits::default(), &data, 64 << 10, &mut ());
        println!("{name}: {:?}", start.elapsed());
        assert!(start.elapsed().as_secs() < 2, "{name}: {:?}", start.elapsed());
        let found = found.map(|summary| summary.elements).map_err(|error| error.to_string());
        assert_eq!(found, expected.map_err(str::to_owned), "{name}");
    }
}

/// TS-014: raw deflate; and what may follow its end.
#[test]
fn deflated_data_sets() {
    let plain = join(&[&short(0x0008_0060, "CS", b"CT"), &long(0x7FE0_0010, "OW", 100_000), &[7; 100_000]]);
    let deflated = deflate(&plain);
    let mut crc = flate2::Crc::new();
    crc.update(&plain);
    let trailer = join(&[&crc.sum().to_le_bytes(), &(plain.len() as u32).to_le_bytes()]);
    let wrong = join(&[&(crc.sum() ^ 1).to_le_bytes(), &(plain.len() as u32).to_le_bytes()]);
    let after = "bytes follow the end of the deflate stream, which holds 100022 bytes";
    check(vec![
        ("whole", DEFLATED, deflated.clone(), Ok(2)),
        ("padded", DEFLATED, join(&[&deflated, &[0]]), Ok(2)),
        ("gzip trailer", DEFLATED, join(&[&deflated, &trailer]), Ok(2)),
        ("gzip trailer, padded", DEFLATED, join(&[&deflated, &trailer, &[0]]), Ok(2)),
        ("wrong trailer", DEFLATED, join(&[&deflated, &wrong]), Err(after)),
        ("two bytes", DEFLATED, join(&[&deflated, &[0, 0]]), Err(after)),
        ("another byte", DEFLATED, join(&[&deflated, b" "]), Err(after)),
        ("garbage behind", DEFLATED, join(&[&deflated, &[1; 100]]), Err(after)),
        ("a second stream", DEFLATED, join(&[&deflated, &deflated]), Err(after)),
        ("no bytes", DEFLATED, vec![], Err("the deflate stream is cut after 0 inflated bytes")),
        (
            "not deflated",
            DEFLATED,
            vec![0xFF; 64],
            Err("the deflate stream is damaged after 0 inflated bytes"),
        ),
        (
            "broken inside",
            DEFLATED,
            deflate(&plain[..60_000]),
            Err("(7FE0,0010) at byte 10 claims 100000 bytes, 59978 are left"),
        ),
        ("empty data set", DEFLATED, deflate(&[]), Ok(0)),
    ]);
    let cut = answer(DEFLATED, Limits::default(), &deflated[..deflated.len() - 1]);
    assert!(cut.is_err_and(|text| text.starts_with("the deflate stream is cut after")));
    // An element in the second push of output is found where it is in the inflated stream.
    let mut trace = Trace::default();
    scan(DEFLATED, Limits::default(), &deflate(&join(&[&plain, &plain])), 7, &mut trace)
        .expect("well formed");
    assert!(trace.events().contains("0:(7FE0,0010) OW long 100000@100044"), "{}", trace.events().len());
}

/// A bomb is stopped at its limit, which grows with the input.
#[test]
fn deflate_bombs_are_stopped() {
    let bomb = deflate(&join(&[&long(0x7FE0_0010, "OB", 0xFFFF_FFFE), &vec![0; 120 << 20]]));
    assert!(bomb.len() < 200_000);
    let start = std::time::Instant::now();
    let mut digest = ();
    let refused = scan(DEFLATED, Limits::default(), &bomb, 4_096, &mut digest);
    assert!(matches!(refused, Err(ScanError::InflateTooMuch { .. })), "{refused:?}");
    assert!(start.elapsed().as_secs() < 2, "{:?}", start.elapsed());

    let inflated = InflateLimit { max: 10_000, ratio: 200, floor: 1 << 20 };
    let refused = scan(DEFLATED, Limits { inflated, ..Limits::default() }, &bomb, 4_096, &mut digest);
    assert_eq!(refused, Err(ScanError::InflateTooMuch { offset: 10_000 }));
}
