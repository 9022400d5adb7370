//! JPEG-LS, JPEG 2000 with HTJ2K, and JPEG XL.

use std::path::Path;

use codec::{CodecError, Format, Limits, Raster, jpeg2000, jpegls, jpegxl};
use fuzz::{Target, behaviour, files, magnitude};

/// Small, so that inputs reach it.
const LIMITS: Limits = Limits { decoded: 1 << 20 };

/// The codestreams of the codec's tests that start in one of these ways.
fn seeds(starts: &[&[u8]]) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../codec/tests/data/codestreams");
    let seeds: Vec<_> =
        files(&folder).filter(|bytes| starts.iter().any(|start| bytes.starts_with(start))).collect();
    assert!(!seeds.is_empty());
    seeds
}

/// A raster within the limits, as its head says, or an error; and a number for which.
fn judge(head: Result<Format, CodecError>, decoded: Result<Raster, CodecError>) -> u64 {
    match decoded {
        Ok(raster) => {
            assert_eq!(head, Ok(raster.format), "the head says what is decoded");
            assert_eq!(raster.format.len(), Some(raster.samples.len() as u64));
            assert!(raster.samples.len() as u64 <= LIMITS.decoded);
            let Format { width, height, components, bits, signed } = raster.format;
            let [width, height] = [width, height].map(|length| magnitude(length as usize));
            behaviour(("decoded", width, height, components, bits, signed, raster.colour as u8))
        }
        Err(error) => behaviour(error.to_string()),
    }
}

#[test]
fn codec_jpegls() {
    #[rustfmt::skip]
    let words: &[&[u8]] = &[
        b"\xFF\xD8", b"\xFF\xD9", b"\xFF\xF7\0\x0B\x08", b"\xFF\xF7\0\x11\x10", b"\xFF\xDA\0\x08\x01\x01\0\0\0\0",
        b"\xFF\xDA\0\x0C\x03\x01\0\x02\0\x03\0\0\x01\0", b"\xFF\xDA\0\x0C\x03\x01\0\x02\0\x03\0\x02\x02\0",
        b"\xFF\xF8\0\x0D\x01\0\xFF\0\x03\0\x07\0\x15\0\x40", b"\xFF\xF8\0\x0D\x01\xFF\xFF\0\x01\0\x01\xFF\xFF\xFF\xFF",
        b"\xFF\xF8\0\x07\x04\x02\0\x10\0\x10", b"\xFF\xDD\0\x04\0\x01", b"\xFF\xD0", b"\xFF\xD7", b"\xFF\x7F", b"\xFF\xFF",
        b"\xFF\xFE\0\x04ab", b"\xFF\xE8\0\x07mrfx\x01",
    ];
    let seeds = seeds(&[b"\xFF\xD8"]);
    Target { name: "codec_jpegls", seeds, words, longest: 8_192 }.fuzz(|input, _| {
        let head = jpegls::head(input).map(|head| head.format);
        let decoded = jpegls::decode(input, &LIMITS);
        if let Ok(raster) = &decoded {
            // Only so many rows and columns can be written.
            if let Ok(bytes) = jpegls::encode(raster, 0) {
                let again = jpegls::decode(&bytes, &LIMITS);
                assert_eq!(again.as_ref().map(|raster| &raster.samples), Ok(&raster.samples));
            }
        }
        judge(head, decoded)
    });
}

#[test]
fn codec_jpeg2000() {
    #[rustfmt::skip]
    let words: &[&[u8]] = &[
        b"\xFF\x4F\xFF\x51", b"\xFF\x52\0\x0C\0\0\0\x01\0\x05\x04\x04\0\x01", b"\xFF\x52\0\x0C\0\x02\0\x01\x01\x02\x02\x02\x40\x01",
        b"\xFF\x53\0\x09\0\0\x05\x04\x04\0\x01", b"\xFF\x5C\0\x05\x41\x77\x1E", b"\xFF\x5C\0\x04\x40\x40",
        b"\xFF\x5D\0\x06\0\x41\x77\x1E", b"\xFF\x5E\0\x05\0\0\x07", b"\xFF\x5F\0\x09\0\0\0\x01\x06\x03\x04",
        b"\xFF\x60\0\x04\0\0", b"\xFF\x61\0\x04\0\0", b"\xFF\x55\0\x04\0\0", b"\xFF\x50\0\x08\0\x02\0\0\0\x08",
        b"\xFF\x90\0\x0A\0\0\0\0\0\0\0\x01", b"\xFF\x90\0\x0A\0\x01\0\0\0\x0E\0\x01", b"\xFF\x93", b"\xFF\xD9",
        b"\xFF\x91\0\x04\0\0", b"\xFF\x92", b"\0\0\0\x0CjP  \r\n\x87\n", b"\0\0\0\0jp2c", b"\0\0\0\x01jp2c\0\0\0\0\0\0\0\x20",
        b"\0\0\0\x2Djp2h",
    ];
    let seeds = seeds(&[b"\xFF\x4F", b"\0\0\0\x0CjP  "]);
    Target { name: "codec_jpeg2000", seeds, words, longest: 8_192 }.fuzz(|input, _| {
        let head = jpeg2000::head(input).map(|head| head.format);
        let decoded = jpeg2000::decode(input, &LIMITS);
        if let Ok(raster) = &decoded {
            // Only so many rows and columns can be written.
            if let Ok(bytes) = jpeg2000::encode_lossless(raster) {
                let again = jpeg2000::decode(&bytes, &LIMITS);
                assert_eq!(again.as_ref().map(|raster| &raster.samples), Ok(&raster.samples));
            }
        }
        judge(head, decoded)
    });
}

#[test]
fn codec_jpegxl() {
    #[rustfmt::skip]
    let words: &[&[u8]] = &[
        b"\xFF\x0A", b"\0\0\0\x0CJXL \r\n\x87\n", b"\0\0\0\x14ftypjxl \0\0\0\0jxl ", b"\0\0\0\0jxlc", b"\0\0\0\x0Cjxlp\0\0\0\0",
        b"\0\0\0\x09jxll\x0A", b"\xFF\xFF\xFF\xFF",
    ];
    let seeds = seeds(&[b"\xFF\x0A", b"\0\0\0\x0CJXL "]);
    Target { name: "codec_jpegxl", seeds, words, longest: 8_192 }
        .fuzz(|input, _| judge(jpegxl::head(input).map(|head| head.format), jpegxl::decode(input, &LIMITS)));
}
