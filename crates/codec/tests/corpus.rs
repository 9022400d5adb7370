//! The JPEG-LS, JPEG 2000, HTJ2K and JPEG XL frames of the corpus beside the project (`OVERREAD_SHARED`, or `../shared`).
//! Without it, nothing is tested.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use codec::{CodecError, Limits, Raster, jpeg2000, jpegls, jpegxl};

fn corpus() -> PathBuf {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::env::var_os("OVERREAD_SHARED")
        .map_or_else(|| project.join("../shared"), PathBuf::from)
        .join("corpus")
}

/// Files of the manifest and their transfer syntaxes, as far as this test knows them.
fn files() -> Vec<(String, String)> {
    let manifest = std::fs::read_to_string(corpus().join("MANIFEST.tsv")).unwrap_or_default();
    let rows = manifest.lines().filter_map(|line| {
        let mut fields = line.split('\t');
        let (file, syntax) = (fields.next()?, fields.nth(3)?);
        let last = syntax.strip_prefix("1.2.840.10008.1.2.4.")?;
        let known = ["80", "81", "90", "91", "110", "111", "112", "201", "202", "203"].contains(&last);
        known.then(|| (file.to_owned(), last.to_owned()))
    });
    rows.collect()
}

/// The frames of encapsulated Pixel Data: a fragment each when each starts one, all fragments together otherwise.
fn frames(file: &str) -> Vec<Vec<u8>> {
    let bytes = std::fs::read(corpus().join(file)).unwrap_or_default();
    let start = b"\xE0\x7F\x10\0OB\0\0\xFF\xFF\xFF\xFF";
    let Some(at) = bytes.windows(start.len()).position(|window| window == start) else { return Vec::new() };
    let mut rest = &bytes[at + start.len()..];
    let mut fragments = Vec::new();
    while let Some((b"\xFE\xFF\0\xE0", after)) = rest.split_first_chunk() {
        let Some((length, after)) = after.split_first_chunk() else { break };
        let length = (u32::from_le_bytes(*length) as usize).min(after.len());
        fragments.push(after[..length].to_vec());
        rest = &after[length..];
    }
    let fragments = fragments.split_off(1.min(fragments.len()));
    let starts = |fragment: &Vec<u8>| {
        let marks: [&[u8]; 5] =
            [b"\xFF\xD8", b"\xFF\x4F\xFF\x51", b"\xFF\x0A", b"\0\0\0\x0CjP", b"\0\0\0\x0CJXL"];
        marks.iter().any(|mark| fragment.starts_with(mark))
    };
    if fragments.iter().all(starts) { fragments } else { vec![fragments.concat()] }
}

fn decode(syntax: &str, frame: &[u8]) -> Result<Raster, CodecError> {
    let limits = Limits::default();
    match syntax {
        "80" | "81" => jpegls::decode(frame, &limits),
        "110" | "111" | "112" => jpegxl::decode(frame, &limits),
        _ => jpeg2000::decode(frame, &limits),
    }
}

/// Frames whose codestream is damaged on purpose.
const DAMAGED: [&str; 3] = [
    "odd_encaps_garbage_codestream.dcm",
    "odd_encaps_truncated_codestream.dcm",
    "JPEG2000-embedded-sequence-delimiter.dcm",
];

/// TS-011, TS-013: all of them decode.
#[test]
fn ts_011_ts_013_every_frame_is_decoded() {
    let (mut seen, mut wrong) = (0, Vec::new());
    let files = files();
    for (file, syntax) in &files {
        let damaged = DAMAGED.iter().any(|name| file.ends_with(name));
        for frame in frames(file) {
            seen += 1;
            let decoded = decode(syntax, &frame);
            if decoded.is_err() != damaged {
                wrong.push(format!("{file}: {:?}", decoded.map(|raster| raster.format)));
            }
        }
    }
    println!("{seen} frames of {} files", files.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The same image without loss in several syntaxes: the same samples.
#[test]
fn lossless_codecs_agree() {
    let mut images: BTreeMap<String, Vec<(String, Vec<u16>)>> = BTreeMap::new();
    for (file, syntax) in files() {
        let lossless = ["_J2KR", "_JLSL", "_j2kr.", "_jls.", "_htj2k_ll.", "_htj2k_rpcl.", "_jxl_ll."];
        let Some(at) = lossless.iter().find_map(|kind| file.find(kind)) else { continue };
        let Some(frame) = frames(&file).into_iter().next() else { continue };
        let raster = decode(&syntax, &frame).unwrap();
        let mask = u16::MAX >> (16 - raster.format.bits);
        let samples = match raster.format.sample_bytes() {
            1 => raster.samples.iter().map(|byte| u16::from(*byte) & mask).collect(),
            _ => raster
                .samples
                .as_chunks::<2>()
                .0
                .iter()
                .map(|word| u16::from_le_bytes(*word) & mask)
                .collect(),
        };
        images.entry(file[..at].to_owned()).or_default().push((file, samples));
    }
    let mut compared = 0;
    for (image, coded) in images {
        let mut coded = coded.into_iter();
        let Some((first, samples)) = coded.next() else { continue };
        for (file, others) in coded {
            compared += 1;
            assert!(samples == others, "{image}: {first} and {file} differ");
        }
    }
    println!("{compared} pairs");
}
