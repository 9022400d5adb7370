//! R5: a full disk is said to be full at once, loses nothing that was kept, and takes instances again when there is room.
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod rig;

use std::fs;
use std::time::{Duration, Instant};

use blob::{Blobs, ErrorKind, Limits, Place};
use rig::{Mounted, SEED, bytes, not_run, quick, receive};

#[test]
fn the_reserve_is_never_filled() {
    let Some(disk) = Mounted::tmpfs("size=64m") else { return not_run("a full disk") };
    let (blobs, _) = Blobs::open(&disk.path().join("data"), Limits { slots: 4, ..quick() }).unwrap();
    let room = blobs.room();
    assert_eq!(room.reserve_bytes, (64 << 20) / 10);
    assert!(!room.reserve && room.free_bytes > 60 << 20);

    let data = bytes(700_000, 1);
    let mut kept = Vec::new();
    let (error, took) = loop {
        let begun = Instant::now();
        match receive(&blobs, &data) {
            Ok(sealed) => {
                sealed.flush().unwrap();
                kept.push(sealed.keep());
            }
            Err(error) => break (error, begun.elapsed()),
        }
        assert!(kept.len() < 100);
    };
    assert_eq!(error.kind(), ErrorKind::NoSpace);
    assert!(took < Duration::from_secs(1) && !blobs.is_poisoned());
    let text = error.to_string();
    assert!(text.contains("data") && text.contains("reserve"), "{text}");
    assert!(kept.len() > 70, "{} were taken", kept.len());
    assert!(blobs.room().free_bytes > room.reserve_bytes - 100_000);
    // Reading goes on.
    for name in &kept {
        assert_eq!(blobs.open_blob(&Place::Spool(name.clone())).unwrap().read(0, data.len()).unwrap(), data);
    }
    // Somebody else fills the rest: refused without looking at the disk's end.
    fs::write(disk.path().join("other"), vec![1; 64 << 20]).unwrap_err();
    let begun = Instant::now();
    assert_eq!(refusal(&blobs), ErrorKind::NoSpace);
    assert!(begun.elapsed() < Duration::from_secs(1));

    fs::remove_file(disk.path().join("other")).unwrap();
    blobs.unspool(&kept[..40]);
    assert_takes_again(&blobs);
}

/// The reserve is looked at now and then; what comes in between meets the disk's own end (ENOSPC).
#[test]
fn a_disk_that_fills_up_under_way_is_no_broken_disk() {
    let Some(disk) = Mounted::tmpfs("size=32m") else { return not_run("a full disk") };
    let blind = Limits { room_age: Duration::from_secs(3_600), slots: 4, ..quick() };
    let (blobs, _) = Blobs::open(&disk.path().join("data"), blind).unwrap();
    let _ = fs::write(disk.path().join("other"), vec![1; 30 << 20]);
    let _ = fs::write(disk.path().join("rest"), vec![1; 30 << 20]);
    let error = receive(&blobs, &bytes(9 << 20, 2)).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::NoSpace, "{error}");
    assert!(!blobs.is_poisoned());
    fs::remove_file(disk.path().join("other")).unwrap();
    assert_takes_again(&blobs);
}

#[test]
fn files_can_run_out_before_bytes_do() {
    let Some(disk) = Mounted::ext4(64, &["-N", "200"]) else { return not_run("a disk without inodes") };
    let (blobs, _) = Blobs::open(&disk.path().join("data"), Limits { slots: 16, ..quick() }).unwrap();
    let mut kept = Vec::new();
    let kind = loop {
        match receive(&blobs, b"small") {
            Ok(sealed) => kept.push(sealed.keep()),
            Err(error) => break error.kind(),
        }
        std::thread::sleep(Duration::from_millis(5));
        assert!(kept.len() < 200);
    };
    assert_eq!(kind, ErrorKind::NoSpace);
    assert!(kept.len() > 80, "{} were taken", kept.len());
    assert!(!blobs.is_poisoned());
    // There are still some for placing what was taken.
    let batch: Vec<_> = kept.iter().map(|name| (name.clone(), format!("1/2/{name}.dcm"))).collect();
    assert!(blobs.place(&batch).unwrap().is_empty());
    blobs.unspool(&kept);
    kept.iter().take(40).for_each(|name| blobs.remove(&format!("1/2/{name}.dcm")).unwrap());
    assert_takes_again(&blobs);
}

#[test]
fn placing_without_space_can_be_repeated() {
    let Some(disk) = Mounted::tmpfs("size=16m,nr_inodes=100") else { return not_run("a full disk") };
    let (blobs, _) = Blobs::open(&disk.path().join("data"), Limits { slots: 0, ..quick() }).unwrap();
    let name = receive(&blobs, b"one").unwrap().keep();
    let others =
        (0..200).take_while(|i| fs::write(disk.path().join(format!("other{i}")), "").is_ok()).count();
    let batch = [(name, "1/2/3.dcm".to_owned())];
    assert_eq!(blobs.place(&batch).unwrap_err().kind(), ErrorKind::NoSpace);
    assert!(!blobs.is_poisoned());
    (0..others).for_each(|i| fs::remove_file(disk.path().join(format!("other{i}"))).unwrap());
    assert!(blobs.place(&batch).unwrap().is_empty());
}

fn refusal(blobs: &Blobs) -> ErrorKind {
    blobs.create(SEED).err().map(|error| error.kind()).unwrap()
}

/// Without a restart, within 5 s.
fn assert_takes_again(blobs: &Blobs) {
    let begun = Instant::now();
    while let Err(error) = receive(blobs, b"again") {
        assert_eq!(error.kind(), ErrorKind::NoSpace);
        assert!(begun.elapsed() < Duration::from_secs(5));
        std::thread::sleep(Duration::from_millis(20));
    }
}
