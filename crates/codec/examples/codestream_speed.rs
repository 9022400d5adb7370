//! How fast a codestream is decoded and encoded again:
//!
//! ```text
//! cargo run --release -p codec --example codestream_speed -- FILE.j2k ... [--raw]
//! ```
//!
//! Tells the codec by the first bytes. With `--raw` the samples are written beside each file, as `FILE.samples`.

use std::time::{Duration, Instant};

use codec::{CodecError, Limits, Raster, jpeg2000, jpegls, jpegxl};

fn main() -> std::io::Result<()> {
    let (options, files): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    for file in files {
        let bytes = std::fs::read(&file)?;
        let codec = Codec::of(&bytes);
        let (decoding, raster) = best(|| codec.decode(&bytes));
        match raster {
            Err(error) => println!("{file}\t{error}"),
            Ok(raster) => {
                let (encoding, encoded) = best(|| codec.encode(&raster));
                let size = encoded.map_or_else(|error| error.to_string(), |bytes| bytes.len().to_string());
                println!(
                    "{file}\t{:?}\t{decoding:?}\t{encoding:?}\t{} -> {size}",
                    raster.format,
                    bytes.len()
                );
                if options.iter().any(|option| option == "--raw") {
                    std::fs::write(format!("{file}.samples"), raster.samples)?;
                }
            }
        }
    }
    Ok(())
}

enum Codec {
    JpegLs,
    Jpeg2000,
    JpegXl,
}

impl Codec {
    fn of(bytes: &[u8]) -> Self {
        match bytes {
            [0xFF, 0xD8, ..] => Self::JpegLs,
            [0xFF, 0x0A, ..] | [0, 0, 0, 12, b'J', b'X', ..] => Self::JpegXl,
            _ => Self::Jpeg2000,
        }
    }

    fn decode(&self, bytes: &[u8]) -> Result<Raster, CodecError> {
        let limits = Limits::default();
        match self {
            Self::JpegLs => jpegls::decode(bytes, &limits),
            Self::Jpeg2000 => jpeg2000::decode(bytes, &limits),
            Self::JpegXl => jpegxl::decode(bytes, &limits),
        }
    }

    fn encode(&self, raster: &Raster) -> Result<Vec<u8>, CodecError> {
        match self {
            Self::JpegLs => jpegls::encode(raster, 0),
            Self::Jpeg2000 => jpeg2000::encode_lossless(raster),
            Self::JpegXl => jpegxl::encode_lossless(raster),
        }
    }
}

/// The best of several runs, and what the last one gave.
fn best<T>(mut run: impl FnMut() -> T) -> (Duration, T) {
    let mut timed = || {
        let start = Instant::now();
        let result = run();
        (start.elapsed(), result)
    };
    let (mut shortest, mut result) = timed();
    for _ in 0..4 {
        let (time, again) = timed();
        (shortest, result) = (shortest.min(time), again);
    }
    (shortest, result)
}
