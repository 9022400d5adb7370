//! JPEG and RLE codestreams. What decodes has the samples it says, and survives being coded again.

use std::path::Path;

use codec::{CodecError, Format, Limits, Raster, jpeg, rle};
use fuzz::{Target, behaviour, files, magnitude};

const LIMITS: Limits = Limits { decoded: 1 << 20 };

#[test]
fn codec_jpeg() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../codec/tests/data/jpeg");
    let seeds: Vec<Vec<u8>> = files(&folder).filter(|file| file.starts_with(b"\xff\xd8")).collect();
    assert!(seeds.len() > 90);
    #[rustfmt::skip]
    let words: &[&[u8]] = &[
        b"\xff\xd8", b"\xff\xd9", b"\xff\xc0\0\x0b", b"\xff\xc1", b"\xff\xc2", b"\xff\xc3", b"\xff\xc4", b"\xff\xda\0\x08\x01",
        b"\xff\xdb\0\x43\0", b"\xff\xdb\0\x83\x10", b"\xff\xdc\0\x04\0\x08", b"\xff\xdd\0\x04\0\x01", b"\xff\xd0", b"\xff\xd1",
        b"\xff\0", b"\xff\xff", b"\x11\0", b"\x22\0", b"\x41\0", b"\0\x3f\0", b"\x01\x3f\x01", b"\0\0\x10", b"\x0c", b"\x10",
        b"JFIF\0", b"Adobe",
    ];
    let target = Target { name: "codec_jpeg", seeds, words, longest: 8_192 };
    target.fuzz(|input, _| {
        let result = jpeg::decode(input, &LIMITS);
        let Ok(raster) = &result else { return behaviour(kind(&result)) };
        let head = jpeg::head(input).expect("what decodes has a head");
        assert!(raster.format == Format { bits: raster.format.bits, ..head.format });
        sound(raster);
        let again = jpeg::encode_lossless(raster).and_then(|bytes| jpeg::decode(&bytes, &LIMITS));
        assert_eq!(again.map(|again| again.samples), Ok(raster.samples.clone()));
        let kind = format!("{:?} {:?}", head.process, head.colour);
        behaviour((raster.format.components, raster.format.bits, magnitude(raster.samples.len()), kind))
    });
}

#[test]
fn codec_rle() {
    let format = Format { width: 5, height: 4, components: 3, bits: 16, signed: false };
    let seeds = [8, 16, 32].into_iter().flat_map(|bits| {
        [1, 3].into_iter().filter_map(move |components| {
            let format = Format { components, bits, ..format };
            let samples = (0..format.len()?).map(|n| (n / 3) as u8).collect();
            let frame = rle::encode(&Raster { format, colour: codec::Colour::Unknown, samples }).ok()?;
            Some([&[4, 3, components, bits][..], &frame].concat())
        })
    });
    let words: &[&[u8]] =
        &[b"\x80", b"\x81", b"\x7f", b"\xff", b"\x40\0\0\0", b"\x01\0\0\0", b"\x0f\0\0\0", b"\0"];
    let target = Target { name: "codec_rle", seeds: seeds.collect(), words, longest: 2_048 };
    target.fuzz(|input, _| {
        let Some((&[width, height, components, bits], frame)) = input.split_first_chunk() else { return 0 };
        let (width, height) = (u32::from(width) + 1, u32::from(height) + 1);
        let format = Format { width, height, components, bits, signed: false };
        let result = rle::decode(frame, &format, &LIMITS);
        let Ok(raster) = &result else { return behaviour(kind(&result)) };
        sound(raster);
        let again = rle::encode(raster).and_then(|bytes| rle::decode(&bytes, &format, &LIMITS));
        assert_eq!(again.as_ref(), Ok(raster));
        behaviour((components, bits, magnitude(frame.len())))
    });
}

/// As many samples as the format says, none beyond its bits.
fn sound(raster: &Raster) {
    let Format { bits, .. } = raster.format;
    assert_eq!(Some(raster.samples.len() as u64), raster.format.len());
    if (9..16).contains(&bits) {
        let words = raster.samples.as_chunks::<2>().0.iter().map(|word| u16::from_le_bytes(*word));
        assert_eq!(words.fold(0, |all, word| all | word) >> bits, 0);
    }
}

/// An error without its numbers.
fn kind(result: &Result<Raster, CodecError>) -> String {
    format!("{:?}", result.as_ref().err()).chars().filter(|c| !c.is_ascii_digit()).collect()
}
