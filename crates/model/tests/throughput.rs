//! What a scan costs in time. The bounds leave room for a busy machine: what is measured is printed.
#![allow(clippy::expect_used, clippy::indexing_slicing)]

mod common;

use std::time::{Duration, Instant};

use common::Identity;
use model::scan::{Limits, Scanner};
use model::transfer_syntax::{EXPLICIT_LE, IMPLICIT_LE};

/// The least of several runs, so that what else the machine does shows little.
fn least(runs: usize, mut work: impl FnMut()) -> Duration {
    let timed = (0..runs).map(|_| {
        let start = Instant::now();
        work();
        start.elapsed()
    });
    timed.min().unwrap_or_default()
}

/// Long values pass by their length: 1 GiB of pixel data in pieces of 64 KiB.
#[test]
fn pixel_data_is_nearly_free() {
    let piece = vec![0; 64 << 10];
    let pieces = 16 << 10;
    let took = least(3, || {
        let mut scanner = Scanner::new(EXPLICIT_LE, Limits::default());
        let header = b"\xe0\x7f\x10\0OW\0\0\0\0\0\x40";
        scanner.push(header, &mut ()).expect("a header");
        for _ in 0..pieces {
            scanner.push(&piece, &mut ()).expect("pixels");
        }
        let summary = scanner.finish(&mut ()).expect("all of it");
        assert_eq!(summary.length, 12 + (1 << 30));
    });
    println!("1 GiB of pixel data: {took:?}");
    assert!(took < Duration::from_millis(50), "{took:?}");
}

/// A CT slice about as a modality writes it: 175 elements, a third of them private, 512 KiB of pixels.
#[test]
fn a_slice_takes_microseconds() {
    for (name, syntax) in [("explicit", EXPLICIT_LE), ("implicit", IMPLICIT_LE)] {
        let data = slice(syntax == EXPLICIT_LE);
        let took = least(2_000, || {
            let mut identity = Identity::default();
            let mut scanner = Scanner::new(syntax, Limits::default());
            for piece in data.chunks(64 << 10) {
                scanner.push(piece, &mut identity).expect("well formed");
            }
            assert_eq!(scanner.finish(&mut identity).map(|s| s.elements), Ok(175));
        });
        println!("a slice in {name} VR: {took:?}");
        let bound = if cfg!(debug_assertions) { 1_000 } else { 50 };
        assert!(took < Duration::from_micros(bound), "{name}: {took:?}");
    }
}

fn slice(explicit: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let mut element = |group: u16, number: u16, vr: &[u8; 2], value: &[u8]| {
        out.extend_from_slice(&group.to_le_bytes());
        out.extend_from_slice(&number.to_le_bytes());
        let length = value.len() as u32;
        match (explicit, vr) {
            (false, _) => out.extend_from_slice(&length.to_le_bytes()),
            (true, b"SQ" | b"OW" | b"UN") => {
                out.extend_from_slice(vr);
                out.extend_from_slice(&[0, 0]);
                out.extend_from_slice(&length.to_le_bytes());
            }
            (true, _) => {
                out.extend_from_slice(vr);
                out.extend_from_slice(&(length as u16).to_le_bytes());
            }
        }
        out.extend_from_slice(value);
    };
    for number in [0x16, 0x18] {
        element(8, number, b"UI", b"1.2.840.10008.5.1.4.1.1.2.12345678901234567890");
    }
    for _ in 0..40 {
        element(8, 0x103E, b"LO", b"some text of usual length ");
    }
    for _ in 0..8 {
        element(0x40, 0xA730, b"SQ", b"");
    }
    for number in 0..60 {
        element(0x18, 0x50 + number * 8, b"DS", b"0.488281\\0.488281 ");
    }
    for number in 0..60 {
        element(0x29, 0x1010 + number, b"UN", &[7; 100]);
    }
    element(0x20, 0x0D, b"UI", b"1.2.840.113619.2.5.1762583153.215519.978957063.78\0");
    element(0x20, 0x0E, b"UI", b"1.2.840.113619.2.5.1762583153.215519.978957063.79\0");
    element(0x28, 0x10, b"US", &[0, 2]);
    element(0x28, 0x11, b"US", &[0, 2]);
    element(0x7FE0, 0x10, b"OW", &vec![1; 512 << 10]);
    out
}
