//! How fast the multipart parser passes large parts on: `multipart_speed`. 4 GiB of noise in pieces of 256 KiB.

use std::time::Instant;

use bytes::Bytes;
use dicomweb::multipart::{Boundary, Event, Limits, MultipartError, Parser};

/// Pieces pushed.
const PIECES: u32 = 16_384;

fn main() -> Result<(), MultipartError> {
    let boundary = Boundary::from_random(1);
    let piece = noise(256 << 10);
    let mut parser = Parser::new(&boundary, Limits::default());
    parser.push(format!("--{boundary}\r\n\r\n").into());
    let (start, mut given) = (Instant::now(), 0u64);
    for _ in 0..PIECES {
        parser.push(piece.clone());
        while let Some(event) = parser.next_event()? {
            if let Event::Data(bytes) = event {
                given += bytes.len() as u64;
            }
        }
    }
    println!("{:.2} GB/s over {given} bytes", given as f64 / start.elapsed().as_secs_f64() / 1e9);
    Ok(())
}

fn noise(length: usize) -> Bytes {
    let mut seed = 1u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 56) as u8
    };
    (0..length).map(|_| next()).collect::<Vec<u8>>().into()
}
