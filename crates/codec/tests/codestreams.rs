//! JPEG-LS, JPEG 2000, HTJ2K and JPEG XL against what other implementations wrote (`data/README.md`), and what is refused.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::path::{Path, PathBuf};

use codec::{CodecError, Colour, Format, Limits, Raster, jpeg2000, jpegls, jpegxl};

type Decode = fn(&[u8], &Limits) -> Result<Raster, CodecError>;

/// A kept codestream, and what its name says of it.
struct Kept {
    name: String,
    bytes: Vec<u8>,
    format: Format,
    tolerance: u16,
    /// The sampling of all components but the first.
    sampling: u32,
}

impl Kept {
    /// `kind_{columns}x{rows}x{components}_{bits}{u or s}_t{tolerance}_s{sampling}.extension`
    fn read(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_owned();
        let (_, described) = name.split_once('_')?;
        let fields: Vec<&str> = described.split(['x', '_', '.']).collect();
        let [width, height, components, depth, tolerance, sampling, ..] = fields[..] else { return None };
        let format = Format {
            width: width.parse().ok()?,
            height: height.parse().ok()?,
            components: components.parse().ok()?,
            bits: depth[..depth.len() - 1].parse().ok()?,
            signed: depth.ends_with('s'),
        };
        let (tolerance, sampling) = (tolerance[1..].parse().ok()?, sampling[1..].parse().ok()?);
        Some(Self { bytes: std::fs::read(path).ok()?, name, format, tolerance, sampling })
    }

    fn decode(&self) -> Decode {
        match self.name.rsplit_once('.').unwrap().1 {
            "jls" => jpegls::decode,
            "jxl" => jpegxl::decode,
            _ => jpeg2000::decode,
        }
    }

    fn head(&self) -> (Format, Option<Colour>) {
        match self.name.rsplit_once('.').unwrap().1 {
            "jls" => (jpegls::head(&self.bytes).unwrap().format, None),
            "jxl" => {
                let head = jpegxl::head(&self.bytes).unwrap();
                (head.format, Some(head.colour))
            }
            _ => {
                let head = jpeg2000::head(&self.bytes).unwrap();
                assert_eq!(head.high_throughput, self.name.contains("jph"), "{}", self.name);
                (head.format, Some(head.colour))
            }
        }
    }
}

fn kept() -> Vec<Kept> {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/codestreams");
    let mut kept: Vec<Kept> =
        std::fs::read_dir(folder).unwrap().filter_map(|entry| Kept::read(&entry.unwrap().path())).collect();
    kept.sort_by(|a, b| a.name.cmp(&b.name));
    kept
}

/// The picture of `data/codestreams/make.py`.
fn picture(x: u32, y: u32, component: u32, bits: u8) -> u16 {
    let top = (1_u64 << bits) - 1;
    let (x, y, c) = (u64::from(x), u64::from(y), u64::from(component));
    let waves = (x * x / 3 + y * 11 + c * 17 + (((x * 7) ^ (y * 13)) & 3)) * (top >> 6).max(1);
    let flat = (x / 24 + c) * (top / 5).max(1);
    let value = if y % 16 < 5 { flat } else { waves } % (2 * top);
    value.min(2 * top - value) as u16
}

/// A raster's samples as numbers from the lowest of their range on.
fn numbers(raster: &Raster) -> Vec<u16> {
    let Format { bits, signed, .. } = raster.format;
    let half = if signed { 1 << (bits - 1) } else { 0 };
    match raster.format.sample_bytes() {
        1 if signed => raster.samples.iter().map(|byte| (i16::from(*byte as i8) + half) as u16).collect(),
        1 => raster.samples.iter().map(|byte| u16::from(*byte)).collect(),
        _ => {
            let words = raster.samples.as_chunks::<2>().0.iter();
            words.map(|word| u16::from_le_bytes(*word).wrapping_add(half as u16)).collect()
        }
    }
}

/// TS-011 (JPEG-LS lossless and near-lossless), TS-013 (HTJ2K), and JPEG 2000 and JPEG XL beside them.
#[test]
fn ts_011_ts_013_samples_are_those_that_others_encoded() {
    let kept = kept();
    assert!(kept.len() >= 40, "{} codestreams", kept.len());
    for codestream in &kept {
        let name = &codestream.name;
        // JPEG-LS and JPEG XL know no sign; those here that do are JPEG 2000's.
        let (format, colour) = codestream.head();
        assert_eq!(format, codestream.format, "{name}");
        let raster = codestream.decode()(&codestream.bytes, &Limits::default()).unwrap();
        assert_eq!(raster.format, codestream.format, "{name}");
        assert!(colour.is_none_or(|colour| colour == raster.colour), "{name}");
        let found = numbers(&raster);
        let mut expected = Vec::with_capacity(found.len());
        for y in 0..format.height {
            for x in 0..format.width {
                for c in 0..u32::from(format.components) {
                    let step = if c == 0 { 1 } else { codestream.sampling };
                    expected.push(picture(x / step, y / step, c, format.bits));
                }
            }
        }
        assert_eq!(found.len(), expected.len(), "{name}");
        let worst = found.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(worst.unwrap() <= codestream.tolerance, "{name}: off by {worst:?}");
    }
}

#[test]
fn a_transformed_codestream_is_red_green_and_blue() {
    for codestream in kept() {
        let raster = codestream.decode()(&codestream.bytes, &Limits::default()).unwrap();
        let transformed =
            ["precincts", "layers", "progression", "lossy_61x47x3", "file", "openjph_61x47x3", "libjxl"]
                .iter()
                .any(|kind| codestream.name.contains(kind));
        let expected = match (codestream.format.components, transformed) {
            (1, _) => Colour::Grey,
            (_, true) => Colour::Rgb,
            _ => Colour::Unknown,
        };
        assert_eq!(raster.colour, expected, "{}", codestream.name);
    }
}

#[test]
fn a_codestream_cut_short_is_malformed_and_a_padded_one_is_not() {
    for codestream in kept() {
        let decode = codestream.decode();
        for cut in [0, 1, 3, 20, codestream.bytes.len() / 2, codestream.bytes.len() * 3 / 4] {
            let found = decode(&codestream.bytes[..cut.min(codestream.bytes.len() - 4)], &Limits::default());
            assert!(
                matches!(found, Err(CodecError::Malformed(_))),
                "{} to {cut}: {found:?}",
                codestream.name
            );
        }
        let mut padded = codestream.bytes.clone();
        padded.push(0);
        assert!(decode(&padded, &Limits::default()).is_ok(), "{}", codestream.name);
    }
}

#[test]
fn more_samples_than_the_limit_are_refused_before_they_are_decoded() {
    for codestream in kept() {
        let limit = codestream.format.len().unwrap();
        let decode = codestream.decode();
        let refused = decode(&codestream.bytes, &Limits { decoded: limit - 1 });
        assert_eq!(refused, Err(CodecError::TooLarge { limit: limit - 1 }), "{}", codestream.name);
        assert!(decode(&codestream.bytes, &Limits { decoded: limit }).is_ok(), "{}", codestream.name);
    }
}

/// SIZ, COD and QCD of a JPEG 2000 codestream that declares much and has one empty tile-part.
struct Declared {
    size: [u32; 2],
    tile: [u32; 2],
    components: u16,
    depth: u8,
    sampling: [u8; 2],
    levels: u8,
    block: [u8; 2],
    precincts: Vec<u8>,
}

impl Default for Declared {
    fn default() -> Self {
        Self {
            size: [64, 64],
            tile: [64, 64],
            components: 1,
            depth: 7,
            sampling: [1, 1],
            levels: 5,
            block: [4, 4],
            precincts: Vec::new(),
        }
    }
}

impl Declared {
    fn bytes(&self) -> Vec<u8> {
        let segment = |marker: u8, content: Vec<u8>| {
            let mut bytes = vec![0xFF, marker];
            bytes.extend_from_slice(&(content.len() as u16 + 2).to_be_bytes());
            bytes.extend(content);
            bytes
        };
        let mut siz = vec![0, 0];
        for number in [self.size, [0, 0], self.tile, [0, 0]].concat() {
            siz.extend_from_slice(&number.to_be_bytes());
        }
        siz.extend_from_slice(&self.components.to_be_bytes());
        siz.extend((0..self.components).flat_map(|_| [self.depth, self.sampling[0], self.sampling[1]]));
        let has_precincts = u8::from(!self.precincts.is_empty());
        let mut cod = vec![has_precincts, 0, 0, 1, 0, self.levels, self.block[0], self.block[1], 0, 1];
        cod.extend_from_slice(&self.precincts);
        let mut qcd = vec![0x40];
        qcd.extend((0..=3 * self.levels).map(|_| 0x50));
        let mut bytes = vec![0xFF, 0x4F];
        for (marker, content) in
            [(0x51, siz), (0x52, cod), (0x5C, qcd), (0x90, vec![0, 0, 0, 0, 0, 14, 0, 1])]
        {
            bytes.extend(segment(marker, content));
        }
        bytes.extend_from_slice(&[0xFF, 0x93, 0xFF, 0xD9]);
        bytes
    }
}

#[test]
fn jpeg_2000_bombs_are_refused_by_their_head() {
    let plain = Declared::default;
    assert!(jpeg2000::head(&plain().bytes()).is_ok());
    let huge = Declared { size: [20_000, 20_000], tile: [20_000, 20_000], ..plain() };
    assert!(matches!(jpeg2000::decode(&huge.bytes(), &Limits::default()), Err(CodecError::TooLarge { .. })));
    let table = [
        ("pixels", Declared { size: [1 << 20, 1 << 20], tile: [1 << 20, 1 << 20], ..plain() }),
        ("tiles", Declared { size: [60_000, 60_000], tile: [1, 1], ..plain() }),
        ("tiles of few pixels", Declared { size: [250, 250], tile: [1, 1], levels: 32, ..plain() }),
        ("small blocks", Declared { size: [8_192, 8_192], tile: [8_192, 8_192], block: [0, 0], ..plain() }),
        (
            "small precincts",
            Declared { size: [4_000, 4_000], tile: [4_000, 4_000], precincts: vec![0; 6], ..plain() },
        ),
        ("components", Declared { components: 16_384, ..plain() }),
        ("no components", Declared { components: 0, ..plain() }),
        ("bits", Declared { depth: 37, ..plain() }),
        ("no sampling", Declared { sampling: [0, 1], ..plain() }),
        ("levels", Declared { levels: 33, ..plain() }),
        ("blocks", Declared { block: [8, 8], ..plain() }),
        ("missing precincts", Declared { precincts: vec![0xFF; 3], ..plain() }),
        ("no tiles", Declared { tile: [0, 64], ..plain() }),
        ("no pixels", Declared { size: [0, 64], ..plain() }),
    ];
    for (what, declared) in table {
        let found = jpeg2000::head(&declared.bytes());
        assert!(found.is_err(), "{what}: {found:?}");
    }
}

#[test]
fn jpeg_ls_that_we_have_no_code_for_is_named() {
    let frame = |rest: &[u8]| {
        let mut bytes = b"\xFF\xD8\xFF\xF7\0\x0B\x08\0\x04\0\x04\x01\x01\x11\0".to_vec();
        bytes.extend_from_slice(rest);
        bytes
    };
    let scan = b"\xFF\xDA\0\x08\x01\x01\0\0\0\0\0\0\0\0\0\0\0\xFF\xD9";
    let unsupported: [(&str, Vec<u8>); 6] = [
        ("mapping table", frame(&[b"\xFF\xF8\0\x05\x02\x01\x01".as_slice(), scan].concat())),
        ("mapping table selected", frame(b"\xFF\xDA\0\x08\x01\x01\x01\0\0\0")),
        ("point transform", frame(b"\xFF\xDA\0\x08\x01\x01\0\0\0\x01")),
        ("colour transform", [b"\xFF\xD8\xFF\xE8\0\x07mrfx\x01".as_slice(), &frame(scan)[2..]].concat()),
        ("subsampled", b"\xFF\xD8\xFF\xF7\0\x0B\x08\0\x04\0\x04\x01\x01\x21\0".to_vec()),
        ("height later", b"\xFF\xD8\xFF\xF7\0\x0B\x08\0\0\0\x04\x01\x01\x11\0".to_vec()),
    ];
    for (what, bytes) in unsupported {
        let found = jpegls::decode(&bytes, &Limits::default());
        assert!(matches!(found, Err(CodecError::Unsupported(_))), "{what}: {found:?}");
    }
    let malformed: [(&str, Vec<u8>); 5] = [
        ("baseline JPEG", b"\xFF\xD8\xFF\xC0\0\x0B\x08\0\x04\0\x04\x01\x01\x11\0".to_vec()),
        ("no frame", [b"\xFF\xD8".as_slice(), scan].concat()),
        ("two frames", frame(&frame(scan)[2..])),
        ("unknown component", frame(b"\xFF\xDA\0\x08\x01\x02\0\0\0\0")),
        ("NEAR beyond the range", frame(b"\xFF\xDA\0\x08\x01\x01\0\x80\0\0")),
    ];
    for (what, bytes) in malformed {
        let found = jpegls::decode(&bytes, &Limits::default());
        assert!(matches!(found, Err(CodecError::Malformed(_))), "{what}: {found:?}");
    }
}

/// Explicit preset parameters that are the default ones change nothing.
#[test]
fn jpeg_ls_takes_preset_parameters() {
    let kept = kept();
    let plain = kept.iter().find(|kept| kept.name == "charls_61x47x1_8u_t0_s1.jls").unwrap();
    let scan = plain.bytes.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap();
    for preset in
        [b"\xFF\xF8\0\x0D\x01\0\xFF\0\x03\0\x07\0\x15\0\x40", b"\xFF\xF8\0\x0D\x01\0\0\0\0\0\0\0\0\0\0"]
    {
        let bytes = [&plain.bytes[..scan], preset, &plain.bytes[scan..]].concat();
        let found = jpegls::decode(&bytes, &Limits::default());
        assert_eq!(found, jpegls::decode(&plain.bytes, &Limits::default()));
    }
    let other =
        [&plain.bytes[..scan], b"\xFF\xF8\0\x0D\x01\0\xFF\0\x04\0\x09\0\x20\0\x20", &plain.bytes[scan..]]
            .concat();
    assert_ne!(jpegls::decode(&other, &Limits::default()), jpegls::decode(&plain.bytes, &Limits::default()));
}
