//! What we encode, decoded again: JPEG-LS by our own decoder, JPEG 2000 and JPEG XL by others' decoders.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use codec::{Colour, Format, Limits, Raster, jpeg2000, jpegls, jpegxl};
use proptest::prelude::*;

/// Rasters of every shape and precision: noise, waves, flat areas, hard edges, and few specks.
fn rasters(components: impl Strategy<Value = u8>, least: u32) -> impl Strategy<Value = Raster> {
    let shape = prop_oneof![4 => (least..40_u32, least..40_u32), 1 => (least..300, least..150)];
    (shape, components, 1..=16_u8, any::<bool>(), 0..5_u8, any::<u32>(), any::<bool>()).prop_map(
        |((width, height), components, bits, signed, kind, seed, rgb)| {
            let format = Format { width, height, components, bits, signed };
            let colour = match (components, rgb) {
                (1, _) => Colour::Grey,
                (3, true) => Colour::Rgb,
                _ => Colour::Unknown,
            };
            Raster { format, colour, samples: samples(&format, kind, seed) }
        },
    )
}

fn samples(format: &Format, kind: u8, seed: u32) -> Vec<u8> {
    let top = (1_u32 << format.bits) - 1;
    let mut state = seed;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 15
    };
    let mut samples = Vec::new();
    for y in 0..format.height {
        for x in 0..format.width {
            for c in 0..u32::from(format.components) {
                let value = match kind {
                    0 => noise() & top,
                    1 => (x * (seed % 97) + y * 3 + c * 20 + noise() % 4) % (top + 1),
                    2 => (x / 9 + y / 5 + c) % 2 * top,
                    3 => top / 2 + u32::from(noise() % 50 == 0),
                    _ => ((x * x + y * y + c).isqrt() * (seed % 50)) & top,
                };
                let value = if format.signed && value > top / 2 { value | !top } else { value };
                samples.extend_from_slice(&value.to_le_bytes()[..usize::from(format.sample_bytes())]);
            }
        }
    }
    samples
}

/// What a codec without signs gives back: the low bits.
fn unsigned(raster: &Raster) -> Vec<u16> {
    let mask = u16::MAX >> (16 - raster.format.bits);
    match raster.format.sample_bytes() {
        1 => raster.samples.iter().map(|byte| u16::from(*byte) & mask).collect(),
        _ => raster.samples.as_chunks::<2>().0.iter().map(|word| u16::from_le_bytes(*word) & mask).collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// TS-011.
    #[test]
    fn ts_011_jpeg_ls_is_within_near(raster in rasters(1..=4_u8, 1), near in prop_oneof![Just(0), 0..=255_u8]) {
        let precision = raster.format.bits.max(2);
        let near = near.min((((1_u32 << precision) - 1) / 2).min(255) as u8);
        let bytes = jpegls::encode(&raster, near).unwrap();
        let head = jpegls::head(&bytes).unwrap();
        prop_assert_eq!((head.near, head.format.bits), (near, precision));
        let decoded = jpegls::decode(&bytes, &Limits::default()).unwrap();
        prop_assert_eq!(decoded.format, head.format);
        let (expected, found) = (unsigned(&raster), unsigned(&decoded));
        prop_assert_eq!(expected.len(), found.len());
        let worst = expected.iter().zip(&found).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        prop_assert!(worst <= u16::from(near), "off by {}", worst);
    }

    #[test]
    fn jpeg_2000_is_lossless(raster in rasters(1..=4_u8, 1)) {
        let bytes = jpeg2000::encode_lossless(&raster).unwrap();
        let head = jpeg2000::head(&bytes).unwrap();
        prop_assert!(head.reversible && !head.high_throughput);
        prop_assert_eq!(jpeg2000::decode(&bytes, &Limits::default()).unwrap(), raster);
    }

    #[test]
    fn jpeg_xl_is_lossless(raster in rasters(prop_oneof![Just(1), Just(3)], 2)) {
        // Its encoder has no room for incompressible samples of many bits.
        let Ok(bytes) = jpegxl::encode_lossless(&raster) else {
            prop_assume!(false);
            return Ok(());
        };
        let decoded = jpegxl::decode(&bytes, &Limits::default()).unwrap();
        prop_assert_eq!(decoded.format, Format { signed: false, ..raster.format });
        prop_assert_eq!(unsigned(&decoded), unsigned(&raster));
    }
}

/// TS-012: the marker segments of what we write (T.800 A.5.1, A.6.1, A.6.4).
#[test]
fn ts_012_only_the_reversible_path_is_written() {
    for (components, colour, transformed) in
        [(1, Colour::Grey, 0), (3, Colour::Rgb, 1), (3, Colour::Unknown, 0), (3, Colour::Ycc, 0)]
    {
        for signed in [false, true] {
            let format = Format { width: 70, height: 50, components, bits: 12, signed };
            let raster = Raster { format, colour, samples: samples(&format, 1, 5) };
            let bytes = jpeg2000::encode_lossless(&raster).unwrap();
            let segment = |marker: u8| {
                let at = bytes.windows(2).position(|pair| pair == [0xFF, marker]).unwrap();
                &bytes[at + 4..at + 2 + usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]))]
            };
            let [style, order, _, layers, transformation, .., mode, wavelet] = segment(0x52) else {
                panic!("COD")
            };
            assert_eq!((*style, *order, *layers, *mode), (0, 0, 1, 0));
            assert_eq!(
                (*transformation, *wavelet),
                (transformed, 1),
                "{colour:?}: reversible 5/3, and RCT for RGB"
            );
            assert_eq!(segment(0x5C)[0] & 0x1F, 0, "no quantisation");
            assert_eq!(segment(0x51)[36], 11 | u8::from(signed) << 7);
            assert!(bytes.ends_with(&[0xFF, 0xD9]));
        }
    }
}

#[test]
fn what_cannot_be_encoded_is_refused() {
    let raster = |width, height, components, bits, length| Raster {
        format: Format { width, height, components, bits, signed: false },
        colour: Colour::Unknown,
        samples: vec![0; length],
    };
    for refused in
        [raster(8, 8, 1, 17, 256), raster(8, 8, 5, 8, 320), raster(0, 8, 1, 8, 0), raster(8, 8, 1, 8, 63)]
    {
        assert!(jpegls::encode(&refused, 0).is_err(), "{:?}", refused.format);
        assert!(jpeg2000::encode_lossless(&refused).is_err(), "{:?}", refused.format);
        assert!(jpegxl::encode_lossless(&refused).is_err(), "{:?}", refused.format);
    }
    assert!(jpegls::encode(&raster(8, 8, 1, 8, 64), 128).is_err(), "NEAR beyond half of the range");
    assert!(jpegls::encode(&raster(70_000, 1, 1, 8, 70_000), 0).is_err());
    assert!(jpeg2000::encode_lossless(&raster(40_000, 1, 1, 8, 40_000)).is_err());
}
