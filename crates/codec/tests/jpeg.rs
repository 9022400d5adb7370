//! JPEG against libjpeg-turbo's samples (`data/README.md`), and round trips.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::path::{Path, PathBuf};

use codec::jpeg::{self, Process, Subsampling};
use codec::{CodecError, Colour, Format, Limits, Raster};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/jpeg")
}

fn file(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(format!("{name}.jpg"))).unwrap()
}

fn decode(bytes: &[u8]) -> Result<Raster, CodecError> {
    jpeg::decode(bytes, &Limits::default())
}

/// TS-009 (predictors 1 to 7, 2 to 16 bits) and TS-010 (12 bits), with everything else that T.81 has.
#[test]
fn ts_009_ts_010_samples_are_those_of_libjpeg() {
    let expected = std::fs::read_to_string(folder().join("expected.tsv")).unwrap();
    let mut wrong = Vec::new();
    for line in expected.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [name, width, height, components, bits, sum] = fields[..] else { panic!("{line}") };
        let format = Format {
            width: width.parse().unwrap(),
            height: height.parse().unwrap(),
            components: components.parse().unwrap(),
            bits: bits.parse().unwrap(),
            signed: false,
        };
        let bytes = file(name);
        assert_eq!(jpeg::head(&bytes).unwrap().format, format, "{name}");
        match decode(&bytes) {
            Ok(raster) => {
                let found: String =
                    Sha256::digest(&raster.samples).iter().map(|byte| format!("{byte:02x}")).collect();
                if raster.format != format || found != sum {
                    wrong.push(format!("{name}: other samples"));
                }
            }
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    assert!(expected.lines().count() > 90);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn heads_tell_process_and_colour() {
    let lossless = |predictor, point_transform| Process::Lossless { predictor, point_transform };
    let rows = [
        ("grey", Process::Baseline, Colour::Grey),
        ("colour_420", Process::Baseline, Colour::Ycc),
        ("rgb", Process::Baseline, Colour::Rgb),
        ("cmyk", Process::Baseline, Colour::Unknown),
        ("progressive_444", Process::Progressive, Colour::Ycc),
        ("twelve_grey_30", Process::Extended, Colour::Grey),
        ("lossless_16_6", lossless(6, 0), Colour::Grey),
        ("lossless_point_4", lossless(4, 3), Colour::Grey),
        ("lossless_colour_1", lossless(1, 0), Colour::Unknown),
    ];
    for (name, process, colour) in rows {
        let head = jpeg::head(&file(name)).unwrap();
        assert_eq!((head.process, head.colour), (process, colour), "{name}");
    }
    assert_eq!(jpeg::head(&file("rgb")).unwrap().marks.adobe, Some(0));
    assert!(jpeg::head(&file("grey")).unwrap().marks.jfif);
}

#[test]
fn pictures_that_end_early_are_refused() {
    for name in ["grey", "colour_420", "progressive_444", "lossless_16_1", "restart_five", "scans_apart"] {
        let bytes = file(name);
        for part in [bytes.len() / 2, bytes.len() - 12] {
            assert!(
                matches!(decode(&bytes[..part]), Err(CodecError::Malformed(_))),
                "{name} of {part} bytes"
            );
        }
        // With an EOI behind, too.
        let mut cut = bytes[..bytes.len() / 2].to_vec();
        cut.extend([0xFF, 0xD9]);
        assert!(matches!(decode(&cut), Err(CodecError::Malformed(_))), "{name} with EOI");
    }
}

#[test]
fn what_is_not_read_is_unsupported() {
    for (from, to, what) in [
        (0xC0, 0xC9, "JPEG in arithmetic coding"),
        (0xC0, 0xCB, "JPEG in arithmetic coding"),
        (0xC0, 0xC5, "hierarchical JPEG"),
    ] {
        let mut bytes = file("grey");
        let at = bytes.windows(2).position(|pair| pair == [0xFF, from]).unwrap();
        bytes[at + 1] = to;
        assert_eq!(decode(&bytes), Err(CodecError::Unsupported(what.to_owned())));
        assert_eq!(jpeg::head(&bytes), Err(CodecError::Unsupported(what.to_owned())));
    }
}

#[test]
fn claims_are_checked_before_memory() {
    let mut bytes = file("colour_444");
    let at = bytes.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    bytes[at + 5..at + 9].fill(0xFF);
    assert_eq!(decode(&bytes), Err(CodecError::TooLarge { limit: 256 << 20 }));
    let small = Limits { decoded: 61 * 43 - 1 };
    assert_eq!(jpeg::decode(&file("grey"), &small), Err(CodecError::TooLarge { limit: small.decoded }));
}

/// A scan of one coefficient in a few bytes for 4 million blocks, again and again.
#[test]
fn too_many_scans_for_the_size_are_refused() {
    let mut bytes = vec![0xFF, 0xD8];
    let mut segment = |code: u8, payload: &[u8], behind: &[u8]| {
        bytes.extend([0xFF, code]);
        bytes.extend((payload.len() as u16 + 2).to_be_bytes());
        bytes.extend(payload);
        bytes.extend(behind);
    };
    let table = |slot, symbol| [&[slot, 1][..], &[0; 15], &[symbol]].concat();
    segment(0xDB, &[&[0][..], &[1; 64]].concat(), &[]);
    segment(0xC2, &[8, 0x40, 0, 0x40, 0, 1, 1, 0x11, 0], &[]);
    segment(0xC4, &table(0x00, 0), &[]);
    segment(0xC4, &table(0x10, 0xE0), &[]);
    segment(0xDA, &[1, 1, 0, 0, 0, 0], &[0; 2048 * 2048 / 8]);
    // 15 bits end the band of 32767 blocks; 8 times 15 bits are 15 bytes.
    let ends: Vec<u8> =
        std::iter::repeat_n(0x3FFF_u128, 8).fold(0, |all, code| all << 15 | code).to_be_bytes()[1..]
            .repeat(17);
    let stuffed: Vec<u8> =
        ends.iter().flat_map(|&byte| [byte, 0].into_iter().take(1 + usize::from(byte == 0xFF))).collect();
    for coefficient in 1..33 {
        segment(0xDA, &[1, 1, 0, coefficient, coefficient, 0], &stuffed);
    }
    let expected = CodecError::Unsupported("JPEG of too many progressive scans for its size".to_owned());
    assert_eq!(decode(&bytes), Err(expected));
}

/// Every byte of a small file, one after the other, and every length.
#[test]
fn no_change_of_a_byte_and_no_cut_panics() {
    for name in
        ["edge_5", "progressive_script", "lossless_restart_6", "twelve_progressive", "factors_mixed", "dnl"]
    {
        let bytes = file(name);
        let tables = bytes.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap();
        for at in 0..bytes.len() {
            let _ = decode(&bytes[..at]);
            let values: &[u8] = if at < tables + 20 { &[0, 1, 0x7F, 0x80, 0xFF] } else { &[0xFF] };
            for &value in values {
                let mut changed = bytes.clone();
                changed[at] = value;
                let _ = jpeg::decode(&changed, &Limits { decoded: 1 << 20 });
            }
        }
    }
}

fn rasters() -> impl Strategy<Value = Raster> {
    let shapes = (1..40_u32, 1..40_u32, 1..=4_u8, 2..=16_u8, any::<bool>());
    shapes.prop_flat_map(|(width, height, components, bits, rough)| {
        let count = (width * height) as usize * usize::from(components);
        let largest = (1_u32 << bits) - 1;
        let values = prop::collection::vec(if rough { 0..=largest } else { 0..=largest.min(3) }, count);
        values.prop_map(move |values| {
            let bytes = if bits > 8 { 2 } else { 1 };
            let samples =
                values.iter().flat_map(|value| value.to_le_bytes().into_iter().take(bytes)).collect();
            let format = Format { width, height, components, bits, signed: false };
            Raster { format, colour: if components == 1 { Colour::Grey } else { Colour::Unknown }, samples }
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn lossless_comes_back(raster in rasters()) {
        let bytes = jpeg::encode_lossless(&raster).unwrap();
        prop_assert_eq!(decode(&bytes).unwrap(), raster);
    }

    #[test]
    fn baseline_comes_back_about(width in 1..50_u32, height in 1..50_u32, grey: bool, coarse in 0..3_usize) {
        let components = if grey { 1 } else { 3 };
        let format = Format { width, height, components, bits: 8, signed: false };
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| [100 + x as u8, 150 - y as u8, 90 + x as u8]));
        let samples = pixels.flat_map(|pixel| pixel.into_iter().take(usize::from(components))).collect();
        let raster = Raster { format, colour: if grey { Colour::Grey } else { Colour::Rgb }, samples };
        let subsampling = [Subsampling::Full, Subsampling::Columns, Subsampling::Both][coarse];
        let mut back = decode(&jpeg::encode_baseline(&raster, 95, subsampling, None).unwrap()).unwrap();
        if !grey {
            jpeg::to_rgb(&mut back).unwrap();
        }
        prop_assert_eq!((back.format, back.colour), (raster.format, raster.colour));
        for (one, two) in back.samples.iter().zip(&raster.samples) {
            prop_assert!(one.abs_diff(*two) < 10);
        }
    }
}

#[test]
fn baseline_writes_the_bytes_of_libjpeg() {
    // data/README.md: the same picture through Pillow.
    let pixel = |x: u32, y: u32| [(x * 5 + y * 3) as u8, (x * y) as u8, (x ^ y) as u8 * 4];
    let samples: Vec<u8> = (0..27).flat_map(|y| (0..35).flat_map(move |x| pixel(x, y))).collect();
    let format = Format { width: 35, height: 27, components: 3, bits: 8, signed: false };
    let colour = Raster { format, colour: Colour::Rgb, samples };
    let samples = colour.samples.iter().step_by(3).copied().collect();
    let grey = Raster { format: Format { components: 1, ..format }, colour: Colour::Grey, samples };
    let rows = [
        ("grey", &grey, 75, Subsampling::Full),
        ("444", &colour, 92, Subsampling::Full),
        ("422", &colour, 75, Subsampling::Columns),
        ("420", &colour, 30, Subsampling::Both),
    ];
    for (name, raster, quality, subsampling) in rows {
        let expected = std::fs::read(folder().join(format!("written_{name}.bin"))).unwrap();
        assert!(jpeg::encode_baseline(raster, quality, subsampling, None).unwrap() == expected, "{name}");
    }
}

#[test]
fn profiles_go_in_numbered_segments() {
    let format = Format { width: 1, height: 1, components: 1, bits: 8, signed: false };
    let raster = Raster { format, colour: Colour::Grey, samples: vec![9] };
    let profile: Vec<u8> = (0..70_000_u32).map(|n| n as u8).collect();
    let bytes = jpeg::encode_baseline(&raster, 90, Subsampling::Full, Some(&profile)).unwrap();
    let (mut found, mut numbers) = (Vec::new(), Vec::new());
    let mut at = 2;
    while bytes[at + 1] != 0xDB {
        let length = usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
        if let Some(part) = bytes[at + 4..at + 2 + length].strip_prefix(b"ICC_PROFILE\0") {
            numbers.push([part[0], part[1]]);
            found.extend_from_slice(&part[2..]);
        }
        at += 2 + length;
    }
    assert_eq!((found, numbers), (profile, vec![[1, 2], [2, 2]]));
    assert!(decode(&bytes).is_ok());
}

#[test]
fn baseline_never_drops_bits() {
    let format = Format { width: 1, height: 1, components: 1, bits: 16, signed: false };
    let deep = Raster { format, colour: Colour::Grey, samples: vec![9, 9] };
    let signed =
        Raster { format: Format { bits: 8, signed: true, ..format }, colour: Colour::Grey, samples: vec![9] };
    for raster in [deep, signed] {
        let result = jpeg::encode_baseline(&raster, 90, Subsampling::Full, None);
        assert!(matches!(result, Err(CodecError::Unsupported(_))));
    }
}
