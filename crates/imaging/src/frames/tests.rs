//! Frames of data sets made here, scanned from bytes.

use model::scan::{Limits, Scanner};
use model::transfer_syntax::{EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, Syntax, by_uid};

use super::*;

const JPEG: &str = "1.2.840.10008.1.2.4.50";
const J2K: &str = "1.2.840.10008.1.2.4.90";
const RLE: &str = "1.2.840.10008.1.2.5";
const H264: &str = "1.2.840.10008.1.2.4.102";

fn syntax(uid: &str) -> Syntax {
    by_uid(uid).expect("a known transfer syntax")
}

/// Explicit VR Little Endian bytes of one element.
fn element(group: u16, element: u16, vr: &str, value: &[u8]) -> Vec<u8> {
    let mut out = [group.to_le_bytes(), element.to_le_bytes()].concat();
    out.extend_from_slice(vr.as_bytes());
    match vr {
        "OB" | "OW" | "OF" | "OD" | "OV" => {
            out.extend_from_slice(&[0, 0]);
            out.extend_from_slice(&(value.len() as u32).to_le_bytes());
        }
        _ => out.extend_from_slice(&(value.len() as u16).to_le_bytes()),
    }
    [out, value.to_vec()].concat()
}

struct Image<'a> {
    rows: u16,
    columns: u16,
    samples: u16,
    bits: u16,
    frames: &'a str,
    photometric: &'a str,
}

const GREY: Image =
    Image { rows: 2, columns: 3, samples: 1, bits: 8, frames: "2 ", photometric: "MONOCHROME2" };

fn describe(image: &Image) -> Vec<u8> {
    [
        element(0x28, 2, "US", &image.samples.to_le_bytes()),
        element(0x28, 4, "CS", format!("{:<16}", image.photometric).as_bytes()),
        element(0x28, 8, "IS", image.frames.as_bytes()),
        element(0x28, 0x10, "US", &image.rows.to_le_bytes()),
        element(0x28, 0x11, "US", &image.columns.to_le_bytes()),
        element(0x28, 0x100, "US", &image.bits.to_le_bytes()),
    ]
    .concat()
}

fn fragments(table: &[u32], fragments: &[&[u8]]) -> Vec<u8> {
    let table: Vec<u8> = table.iter().flat_map(|offset| offset.to_le_bytes()).collect();
    let item = |bytes: &[u8]| {
        [&[0xFE, 0xFF, 0, 0xE0], (bytes.len() as u32).to_le_bytes().as_slice(), bytes].concat()
    };
    let mut out = b"\xE0\x7F\x10\0OB\0\0\xFF\xFF\xFF\xFF".to_vec();
    out.extend(item(&table));
    fragments.iter().for_each(|bytes| out.extend(item(bytes)));
    out.extend_from_slice(b"\xFE\xFF\xDD\xE0\0\0\0\0");
    out
}

/// The layout, after it went through its encoded form, with the scan cut into pieces of `chunk` bytes.
fn layout(syntax: Syntax, bytes: &[u8], chunk: usize) -> Option<PixelLayout> {
    let mut recorder = LayoutRecorder::new(syntax);
    let mut scanner = Scanner::new(syntax, Limits::default());
    bytes.chunks(chunk).for_each(|piece| scanner.push(piece, &mut recorder).expect("well formed"));
    scanner.finish(&mut recorder).expect("well formed");
    let layout = recorder.finish()?;
    assert_eq!(PixelLayout::decode(&layout.encode()).as_ref(), Ok(&layout));
    Some(layout)
}

/// The bytes of a frame, as an archive would read them.
fn read(bytes: &[u8], frame: &Frame) -> Vec<u8> {
    let mut stored = Vec::new();
    for part in &frame.parts {
        stored.extend_from_slice(&bytes[part.start as usize..part.end as usize]);
    }
    let Some(mut convert) = frame.convert() else { return stored };
    let mut out = Vec::new();
    stored.chunks(3).for_each(|piece| convert.push(piece, &mut out));
    convert.finish(&mut out);
    out
}

/// Every frame from 1 to the number of rows expected.
fn check(syntax: Syntax, bytes: &[u8], expected: &[Result<&[u8], FrameError>]) {
    for chunk in [1, 5, bytes.len()] {
        let layout = layout(syntax, bytes, chunk).expect("pixel data");
        for (number, expected) in (1..).zip(expected) {
            let frame = layout.frame(number);
            let found = frame.as_ref().map(|frame| read(bytes, frame)).map_err(|error| *error);
            assert_eq!(found.as_deref().map_err(|error| *error), *expected, "frame {number}");
            if let Ok(frame) = &frame {
                assert_eq!(Ok(frame.length), expected.map(|bytes| bytes.len() as u64));
            }
        }
    }
}

fn no_frame<T>(frame: u32, frames: u32) -> Result<T, FrameError> {
    Err(FrameError::NoSuchFrame { frame, frames })
}

fn beyond<T>(frame: u32) -> Result<T, FrameError> {
    Err(FrameError::BeyondTheBytes { frame })
}

#[test]
fn wado029_native_frames_are_rows_by_columns_by_samples() {
    let native =
        |image: &Image, vr: &str, value: &[u8]| [describe(image), element(0x7FE0, 0x10, vr, value)].concat();
    let bytes = native(&GREY, "OB", b"abcdefghijkl");
    check(EXPLICIT_LE, &bytes, &[Ok(b"abcdef"), Ok(b"ghijkl"), no_frame(3, 2)]);
    let bytes = native(&Image { bits: 16, frames: "1 ", ..GREY }, "OW", b"abcdefghijkl");
    check(EXPLICIT_LE, &bytes, &[Ok(b"abcdefghijkl"), no_frame(2, 1)]);
    // Frames of odd length follow each other without padding.
    let odd = Image { rows: 1, columns: 3, ..GREY };
    check(EXPLICIT_LE, &native(&odd, "OB", b"abcdef"), &[Ok(b"abc"), Ok(b"def")]);
    let odd = Image { rows: 1, columns: 3, frames: "1 ", ..GREY };
    check(EXPLICIT_LE, &native(&odd, "OB", b"abc\0"), &[Ok(b"abc")]);
    let colour = Image { samples: 3, rows: 1, columns: 2, photometric: "RGB", ..GREY };
    check(EXPLICIT_LE, &native(&colour, "OB", b"abcdefghijkl"), &[Ok(b"abcdef"), Ok(b"ghijkl")]);
    // Subsampled chrominance, stored so or only said to be.
    let ybr = Image { photometric: "YBR_FULL_422", ..colour };
    check(EXPLICIT_LE, &native(&ybr, "OB", b"abcdefgh"), &[Ok(b"abcd"), Ok(b"efgh")]);
    check(EXPLICIT_LE, &native(&ybr, "OB", b"abcdefghijkl"), &[Ok(b"abcdef"), Ok(b"ghijkl")]);
    let ybr = Image { photometric: "YBR_PARTIAL_420", rows: 2, ..ybr };
    check(EXPLICIT_LE, &native(&ybr, "OB", b"abcdefghijkl"), &[Ok(b"abcdef"), Ok(b"ghijkl")]);
}

#[test]
fn wado030_frames_of_one_bit_start_at_bit_zero() {
    let image = Image { rows: 5, columns: 5, bits: 1, frames: "3 ", ..GREY };
    // 75 bits: frame 1 all ones, frame 2 all zeros but the first bit, frame 3 all ones.
    let mut bits = vec![true; 25];
    bits.extend((0..25).map(|bit| bit == 0));
    bits.extend([true; 25]);
    let packed: Vec<u8> =
        bits.chunks(8).map(|byte| (0..).zip(byte).map(|(at, &bit)| u8::from(bit) << at).sum()).collect();
    let bytes = [describe(&image), element(0x7FE0, 0x10, "OB", &packed)].concat();
    check(EXPLICIT_LE, &bytes, &[Ok(&[255, 255, 255, 1]), Ok(&[1, 0, 0, 0]), Ok(&[255, 255, 255, 1])]);
    let short = [describe(&image), element(0x7FE0, 0x10, "OB", packed.get(..8).expect("8 bytes"))].concat();
    check(EXPLICIT_LE, &short, &[Ok(&[255, 255, 255, 1]), Ok(&[1, 0, 0, 0]), beyond(3)]);
    assert_eq!(realign(&[0b1011_0110, 0b0000_0101], 1, 9), [0b1101_1011, 0]);
    assert_eq!(realign(&[0b1011_0110, 0b0000_0101], 3, 8), [0b1011_0110]);
    assert_eq!(realign(&[1, 2, 3], 8, 16), [2, 3]);
    assert_eq!(realign(&[], 3, 8), [] as [u8; 0]);
}

#[test]
fn big_endian_frames_come_out_little_endian() {
    let swapped = |value: &[u8]| -> Vec<u8> {
        let mut value = value.to_vec();
        value.chunks_exact_mut(2).for_each(<[u8]>::reverse);
        value
    };
    let be = |group: u16, number: u16, vr: &str, value: &[u8]| {
        let little = element(group, number, vr, value);
        let header = little.len() - value.len();
        let (head, vr_and_length) = (&little[..4], &little[4..header]);
        let mut length = vr_and_length[2..].to_vec();
        length.reverse();
        if length.len() == 6 {
            length.rotate_right(2);
        }
        [swapped(head), vr.as_bytes().to_vec(), length, value.to_vec()].concat()
    };
    let image = |bits: u16, frames: &str, rows: u16, columns: u16, pixels: &[u8]| {
        [
            be(0x28, 8, "IS", frames.as_bytes()),
            be(0x28, 0x10, "US", &rows.to_be_bytes()),
            be(0x28, 0x11, "US", &columns.to_be_bytes()),
            be(0x28, 0x100, "US", &bits.to_be_bytes()),
            be(0x7FE0, 0x10, "OW", pixels),
        ]
        .concat()
    };
    check(EXPLICIT_BE, &image(16, "2 ", 1, 2, b"badcfehg"), &[Ok(b"abcd"), Ok(b"efgh")]);
    check(EXPLICIT_BE, &image(32, "1 ", 1, 2, b"dcbahgfe"), &[Ok(b"abcdefgh")]);
    // Bytes in words: the second frame starts within one.
    check(EXPLICIT_BE, &image(8, "2 ", 1, 3, b"badcfe"), &[Ok(b"abc"), Ok(b"def")]);
}

#[test]
fn claims_beyond_the_bytes_cost_nothing() {
    let native = |image: &Image, value: &[u8]| [describe(image), element(0x7FE0, 0x10, "OW", value)].concat();
    let lie = Image { frames: "1000000 ", ..GREY };
    check(EXPLICIT_LE, &native(&lie, b"abcdef"), &[Ok(b"abcdef"), beyond(2)]);
    let bytes = native(&lie, b"abcdef");
    let layout = layout(EXPLICIT_LE, &bytes, 64).expect("pixel data");
    assert_eq!(layout.frame(1_000_000), beyond(1_000_000));
    assert_eq!(layout.frame(1_000_001), no_frame(1_000_001, 1_000_000));
    assert_eq!(layout.frame(0), no_frame(0, 1_000_000));
    let bomb =
        Image { rows: 65_535, columns: 65_535, samples: 65_535, bits: 65_535, frames: "9999999999", ..GREY };
    check(EXPLICIT_LE, &native(&bomb, b"abcdef"), &[beyond(1), beyond(2)]);
    check(EXPLICIT_LE, &native(&Image { rows: 4, ..GREY }, b"abcdef"), &[beyond(1)]);
    for nothing in [Image { rows: 0, ..GREY }, Image { bits: 0, ..GREY }, Image { samples: 0, ..GREY }] {
        check(EXPLICIT_LE, &native(&nothing, b"abcdef"), &[Err(FrameError::NoSize)]);
    }
    for frames in ["", "0 ", "-1", "x ", "1.5 "] {
        check(EXPLICIT_LE, &native(&Image { frames, ..GREY }, b"abcdef"), &[Ok(b"abcdef"), no_frame(2, 1)]);
    }
    check(EXPLICIT_LE, &native(&GREY, b""), &[Err(FrameError::NoPixelData)]);
    check(syntax(JPEG), &native(&GREY, b"abcdef"), &[Err(FrameError::Mislabelled)]);
    check(
        EXPLICIT_LE,
        &[describe(&GREY), fragments(&[], &[b"ab"])].concat(),
        &[Err(FrameError::Mislabelled)],
    );
}

#[test]
fn float_pixels_have_their_own_size() {
    let image = Image { bits: 16, rows: 1, columns: 1, ..GREY };
    let bytes = [describe(&image), element(0x7FE0, 8, "OF", b"abcdefgh")].concat();
    check(EXPLICIT_LE, &bytes, &[Ok(b"abcd"), Ok(b"efgh")]);
    let bytes = [describe(&image), element(0x7FE0, 9, "OD", b"abcdefghijklmnop")].concat();
    check(EXPLICIT_LE, &bytes, &[Ok(b"abcdefgh"), Ok(b"ijklmnop")]);
}

#[test]
fn data_sets_without_pixels_have_no_layout() {
    assert_eq!(layout(EXPLICIT_LE, &describe(&GREY), 64), None);
    assert_eq!(layout(IMPLICIT_LE, &[], 1), None);
    // An icon is not the image.
    let icon = element(0x7FE0, 0x10, "OB", b"ab");
    let item = [b"\xFE\xFF\0\xE0".as_slice(), &(icon.len() as u32).to_le_bytes(), &icon].concat();
    let sequence = [b"\x88\0\0\x02SQ\0\0".as_slice(), &(item.len() as u32).to_le_bytes(), &item].concat();
    assert_eq!(layout(EXPLICIT_LE, &sequence, 64), None);
}

const A: &[u8] = b"\xFF\xD8\xFF\xE0a1";
const A_MORE: &[u8] = b"aa";
const A_END: &[u8] = b"\xFF\xD9";
const B: &[u8] = b"\xFF\xD8\xFF\xE0b1";
const B_END: &[u8] = b"b2\xFF\xD9\0\0";

#[test]
fn ts005_ts006_frames_of_fragments() {
    let jpeg = syntax(JPEG);
    let image = |frames: &str, table: &[u32], parts: &[&[u8]]| {
        [describe(&Image { frames, ..GREY }), fragments(table, parts)].concat()
    };
    let (a, b) = ([A, A_MORE, A_END].concat(), [B, B_END].concat());
    // One frame: all fragments. As many fragments as frames: one each.
    check(jpeg, &image("1 ", &[], &[A, A_MORE, A_END]), &[Ok(&a), no_frame(2, 1)]);
    check(jpeg, &image("1 ", &[0], &[A]), &[Ok(A)]);
    check(jpeg, &image("2 ", &[], &[A, B]), &[Ok(A), Ok(B), no_frame(3, 2)]);
    check(jpeg, &image("2 ", &[0, 99], &[A, B]), &[Ok(A), Ok(B)]);
    // The table, when it is right: 14 + 10 + 10 bytes of items before the second frame.
    let parts = [A, A_MORE, A_END, B, B_END];
    check(jpeg, &image("2 ", &[0, 34], &parts), &[Ok(&a), Ok(&b)]);
    // Without a table, or with one that points elsewhere: by the codestreams.
    for table in [&[][..], &[0, 35], &[34, 0], &[0, 0], &[0], &[8, 42], &[0, 34, 48, 9999], &[0, u32::MAX]] {
        check(jpeg, &image("2 ", table, &parts), &[Ok(&a), Ok(&b), no_frame(3, 2)]);
    }
    // Codestreams that begin unlike the others, but end.
    let odd = [b"\xFF\xD8xx".as_slice(), b"a\xFF\xD9\0", b"\xFF\xD8yy", b"b ", b"\xFF\xD9"];
    check(jpeg, &image("2 ", &[], &odd), &[Ok(b"\xFF\xD8xxa\xFF\xD9\0"), Ok(b"\xFF\xD8yyb \xFF\xD9")]);
    // Nothing to go by.
    let ambiguous: Result<&[u8], _> = Err(FrameError::Ambiguous { frames: 2 });
    check(jpeg, &image("2 ", &[], &[b"a", b"b", b"c"]), &[ambiguous]);
    check(jpeg, &image("2 ", &[], &[]), &[Err(FrameError::NoPixelData)]);
    // Number of Frames is wrong: what is there comes out.
    check(jpeg, &image("9 ", &[], &parts), &[Ok(&a), Ok(&b), beyond(3)]);
    check(jpeg, &image("9 ", &[0, 34], &parts), &[Ok(&a), Ok(&b), beyond(3)]);
    check(syntax(RLE), &image("9 ", &[], &[b"a", b"b"]), &[Ok(b"a"), Ok(b"b"), beyond(3)]);
    let (c, d) = (b"\xFF\x4F\xFF\x51c".as_slice(), b"\xFF\x4F\xFF\x51d".as_slice());
    check(syntax(J2K), &image("2 ", &[], &[c, b"x", d]), &[Ok(b"\xFF\x4F\xFF\x51cx"), Ok(d)]);
}

#[test]
fn ts007_extended_offset_table() {
    let table: Vec<u8> = [0u64, 34].iter().flat_map(|offset| offset.to_le_bytes()).collect();
    let parts: [&[u8]; 4] = [b"xxxxxx", b"xx", b"xx", b"y"];
    let bytes = [describe(&GREY), element(0x7FE0, 1, "OV", &table), fragments(&[], &parts)].concat();
    check(syntax(J2K), &bytes, &[Ok(b"xxxxxxxxxx"), Ok(b"y")]);
}

#[test]
fn a_video_is_one_stream() {
    let bytes = [describe(&Image { frames: "25", ..GREY }), fragments(&[], &[b"ab", b"cd"])].concat();
    check(syntax(H264), &bytes, &[Ok(b"abcd"), Err(FrameError::Video)]);
    let layout = layout(syntax(H264), &bytes, 9).expect("pixel data");
    assert!(layout.is_video());
    assert_eq!(layout.frame(26), no_frame(26, 25));
    assert_eq!(layout.whole().map(|frame| read(&bytes, &frame)), Ok(b"abcd".to_vec()));
}

#[test]
fn damaged_layouts_are_refused() {
    let parts = [A, A_MORE, B];
    let bytes = [describe(&GREY), fragments(&[], &parts)].concat();
    let good = layout(syntax(JPEG), &bytes, 64).expect("pixel data").encode();
    for cut in 0..good.len() {
        assert!(PixelLayout::decode(&good[..cut]).is_err(), "cut at {cut}");
    }
    assert_eq!(PixelLayout::decode(&[9, 0]), Err(LayoutError::Version(9)));
    assert_eq!(PixelLayout::decode(&[good.as_slice(), &[0]].concat()), Err(LayoutError::Damaged));
    // Any other bytes: an answer without a panic, and frames without one.
    for (at, flip) in (0..good.len()).flat_map(|at| [(at, 1), (at, 0x80), (at, 0xFF)]) {
        let mut bad = good.clone();
        bad[at] ^= flip;
        if let Ok(layout) = PixelLayout::decode(&bad) {
            let _ = (layout.frame(1), layout.frame(2), layout.frame(u32::MAX), layout.whole());
        }
    }
}
