//! What a scan costs in memory: nothing by a length that is declared. A file of its own, so that nothing else runs in
//! the process while it is measured.
#![allow(clippy::expect_used, clippy::indexing_slicing)]

use model::part10::read_head;
use model::scan::{Limits, Scanner};
use model::transfer_syntax::{DEFLATED, EXPLICIT_LE, IMPLICIT_LE};
use std::io::Write;

/// The most memory that the process has had so far, in KiB; `None` where the system does not say.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[test]
fn claims_and_bombs_take_no_memory() {
    // The dictionary is loaded once.
    let _ = Scanner::new(IMPLICIT_LE, Limits::default()).push(&[8, 0, 0x18, 0, 2, 0, 0, 0], &mut ());
    let bomb = bomb();
    let Some(before) = peak() else {
        println!("this system does not tell how much memory is used");
        return;
    };

    for vr in ["OB", "OD", "OF", "OL", "OV", "OW", "SV", "UC", "UN", "UR", "UT", "UV", "ZZ"] {
        let mut data = vec![0x42, 0, 0x11, 0];
        data.extend_from_slice(vr.as_bytes());
        data.extend_from_slice(&[0, 0, 0xFE, 0xFF, 0xFF, 0xFF]);
        refuse(EXPLICIT_LE, &data, 364);
    }
    for element in [[0x18, 0], [0x05, 0], [0x40, 0x11]] {
        let data = [8, 0, element[0], element[1], 0xFE, 0xFF, 0xFF, 0xFF];
        refuse(IMPLICIT_LE, &data, 364);
    }
    let level = b"\x40\0\x30\xa7SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff";
    refuse(EXPLICIT_LE, &level.repeat(100_000), 0);
    refuse(DEFLATED, &bomb, 0);
    let mut head = vec![0; 128];
    head.extend_from_slice(b"DICM\x02\0\x02\x01OB\0\0\xfe\xff\xff\xff");
    assert!(read_head(&head, false).is_err());

    let grown = peak().unwrap_or(before) - before;
    println!("{grown} KiB more at most");
    assert!(grown < 8 << 10, "{grown} KiB");
}

fn refuse(syntax: model::transfer_syntax::Syntax, data: &[u8], more: usize) {
    let mut scanner = Scanner::new(syntax, Limits::default());
    let pushed = data.chunks(64 << 10).try_for_each(|piece| scanner.push(piece, &mut ()));
    let pushed = pushed.and_then(|()| scanner.push(&vec![0; more], &mut ()));
    assert!(pushed.and_then(|()| scanner.finish(&mut ())).is_err());
}

/// 120 MiB of zeros in 120 KB.
fn bomb() -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(b"\xe0\x7f\x10\0OB\0\0\xfe\xff\xff\xff").expect("in memory");
    for _ in 0..120 {
        encoder.write_all(&[0; 1 << 20]).expect("in memory");
    }
    encoder.finish().expect("in memory")
}
