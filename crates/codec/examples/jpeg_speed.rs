//! How fast JPEG and RLE are: `jpeg_speed`. Smooth pictures with a little noise; best of 20.

use std::time::{Duration, Instant};

use codec::jpeg::{self, Subsampling};
use codec::{CodecError, Colour, Format, Limits, Raster, rle};

fn main() -> Result<(), CodecError> {
    for (name, size, components, bits) in
        [("grey 16", 512, 1, 16), ("grey 12", 512, 1, 12), ("grey 8", 512, 1, 8), ("colour 8", 512, 3, 8)]
    {
        let raster = picture(size, components, bits);
        let lossless = jpeg::encode_lossless(&raster)?;
        report(name, "lossless encode", &lossless, || jpeg::encode_lossless(&raster).map(drop))?;
        report(name, "lossless decode", &lossless, || jpeg::decode(&lossless, &Limits::default()).map(drop))?;
        if bits == 12 {
            continue;
        }
        let packed = rle::encode(&raster)?;
        report(name, "rle encode", &packed, || rle::encode(&raster).map(drop))?;
        report(name, "rle decode", &packed, || {
            rle::decode(&packed, &raster.format, &Limits::default()).map(drop)
        })?;
        if bits > 8 {
            continue;
        }
        for subsampling in [Subsampling::Full, Subsampling::Both] {
            let encode = || jpeg::encode_baseline(&raster, 90, subsampling, None);
            let baseline = encode()?;
            report(name, &format!("{subsampling:?} baseline encode"), &baseline, || encode().map(drop))?;
            report(name, &format!("{subsampling:?} baseline decode"), &baseline, || {
                jpeg::decode(&baseline, &Limits::default()).map(drop)
            })?;
        }
        if components == 3 {
            let mut ycc = raster.clone();
            report(name, "YCbCr to RGB", &[], || jpeg::to_rgb(&mut ycc))?;
        }
    }
    Ok(())
}

fn report(
    name: &str,
    what: &str,
    bytes: &[u8],
    mut run: impl FnMut() -> Result<(), CodecError>,
) -> Result<(), CodecError> {
    let mut best = Duration::MAX;
    for _ in 0..20 {
        let start = Instant::now();
        run()?;
        best = best.min(start.elapsed());
    }
    println!("{name:9} {what:22} {:6.2} ms {:8} bytes", best.as_secs_f64() * 1e3, bytes.len());
    Ok(())
}

/// A square of waves, with noise in the lowest sixteenth of its range.
fn picture(size: u32, components: u8, bits: u8) -> Raster {
    let format = Format { width: size, height: size, components, bits, signed: false };
    let largest = f64::from((1_u32 << bits) - 1);
    let mut seed = 1_u32;
    let mut samples = Vec::new();
    for y in 0..size {
        for x in 0..size {
            for n in 0..components {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = f64::from(seed >> 16) / 65_536.0;
                let wave = (f64::from(x) / 40.0 + f64::from(n)).sin() + (f64::from(y) / 60.0).cos();
                let value = ((wave + 2.0) / 4.0 * 0.9 + noise * 0.06) * largest;
                samples.extend((value as u32).to_le_bytes().iter().take(usize::from(format.sample_bytes())));
            }
        }
    }
    Raster { format, colour: if components == 3 { Colour::Rgb } else { Colour::Grey }, samples }
}
