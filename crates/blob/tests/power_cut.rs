//! R3, R4: the file system stops at once, and what it had not written is gone. Nothing that was called durable is.
//!
//! The cut is ext4's own (`EXT4_IOC_SHUTDOWN`): every operation fails from then on, and neither pages nor journal are
//! written any more. This process lives on, so it knows what it was promised. A flush that is under way at the moment of
//! the cut may still be answered with success by the kernel (its journal gives up under it), which no power cut would do:
//! what was answered after the cut began does not count as promised.
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod rig;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use blob::{Blobs, ErrorKind, Limits, Place, Reader, Sums};
use rig::{Mounted, SEED, bytes, head, not_run, quick, receive};

/// Cuts per run of the test.
const CUTS: u64 = 8;

/// What this process was promised: by name, the kind of its bytes, and its key once it was placed.
#[derive(Default)]
struct Promised {
    /// The cut has begun.
    over: AtomicBool,
    files: Mutex<BTreeMap<String, (u64, Option<String>)>>,
}

impl Promised {
    fn with<T>(&self, change: impl FnOnce(&mut BTreeMap<String, (u64, Option<String>)>) -> T) -> T {
        change(&mut self.files.lock().unwrap())
    }
}

#[test]
fn nothing_called_durable_is_lost() {
    let Some(disk) = Mounted::ext4(256, &[]) else { return not_run("a power cut") };
    let promised = Promised::default();
    let kind = AtomicU64::new(1);
    for cut in 0..CUTS {
        let limits = Limits { slots: 16, writeback: 1 << 20, ..quick() };
        let (blobs, left) = Blobs::open(&disk.path().join("data"), limits).unwrap();
        let found = left.iter().map(|entry| entry.name.clone()).collect::<Vec<_>>();
        check(&blobs, &found, &promised);
        clear(&blobs, found, &promised);

        std::thread::scope(|scope| {
            let senders: Vec<_> = (0..4).map(|_| scope.spawn(|| send(&blobs, &kind, &promised))).collect();
            let placer = scope.spawn(|| place(&blobs, &promised));
            std::thread::sleep(Duration::from_millis(40 + 53 * cut));
            promised.over.store(true, Ordering::SeqCst);
            if disk.cut_power().is_none() {
                println!("not run on this machine: the power of an ext4 cannot be cut");
                std::process::exit(0);
            }
            for sender in senders {
                assert_eq!(sender.join().unwrap(), ErrorKind::Io);
            }
            placer.join().unwrap();
        });
        assert!(blobs.is_poisoned());
        assert_eq!(blobs.create(SEED).err().unwrap().kind(), ErrorKind::Io);
        assert!(blobs.probe().is_err() && blobs.is_poisoned());
        drop(blobs);
        disk.restore_power();
        promised.over.store(false, Ordering::SeqCst);
    }
    let (blobs, left) = Blobs::open(&disk.path().join("data"), quick()).unwrap();
    let found = left.iter().map(|entry| entry.name.clone()).collect::<Vec<_>>();
    check(&blobs, &found, &promised);
    println!("{CUTS} cuts, {} instances promised", kind.load(Ordering::Relaxed));
}

/// Receives and flushes until the disk fails.
fn send(blobs: &Blobs, kind: &AtomicU64, promised: &Promised) -> ErrorKind {
    loop {
        let kind = kind.fetch_add(1, Ordering::Relaxed);
        let sealed = match receive(blobs, &content(kind)) {
            Ok(sealed) => sealed,
            Err(error) => return error.kind(),
        };
        if let Err(error) = sealed.flush() {
            assert_eq!(sealed.flush().unwrap_err().kind(), error.kind(), "never tried twice");
            return error.kind();
        }
        if !promised.over.load(Ordering::SeqCst) {
            promised.with(|files| files.insert(sealed.name(), (kind, None)));
            sealed.keep();
        }
    }
}

/// Most are small, every 20th is long enough to be flushed behind itself.
fn content(kind: u64) -> Vec<u8> {
    let length = if kind.is_multiple_of(20) { 3 << 20 } else { 2_000 + 97 * (kind as usize % 300) };
    bytes(length, kind)
}

/// Places and unspools, as the archive does, until the disk fails. Every fourth is left in the spool.
fn place(blobs: &Blobs, promised: &Promised) {
    loop {
        let batch: Vec<(String, String)> = promised.with(|files| {
            let waiting = files.iter().filter(|(_, (kind, key))| key.is_none() && !kind.is_multiple_of(4));
            waiting
                .map(|(name, (kind, _))| (name.clone(), format!("1.{}/1.{}/{kind}.dcm", kind % 7, kind % 31)))
                .collect()
        });
        match blobs.place(&batch) {
            Ok(unplaced) => assert!(unplaced.is_empty(), "{unplaced:?}"),
            Err(error) => return assert_eq!(error.kind(), ErrorKind::Io),
        }
        if promised.over.load(Ordering::SeqCst) {
            return;
        }
        // The index's durable transaction is this process's memory.
        promised.with(|files| {
            for (name, key) in &batch {
                files.get_mut(name).unwrap().1 = Some(key.clone());
            }
        });
        blobs.unspool(&batch.into_iter().map(|(name, _)| name).collect::<Vec<_>>());
        if blobs.is_poisoned() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn check(blobs: &Blobs, left: &[String], promised: &Promised) {
    promised.with(|files| {
        for (name, (kind, key)) in files {
            let place = match key {
                Some(key) => Place::Final(key.clone()),
                None => Place::Spool(name.clone()),
            };
            let reader = blobs.open_blob(&place).unwrap_or_else(|error| panic!("lost: {error}"));
            assert!(
                reader.read(0, reader.length() as usize).unwrap() == content(*kind),
                "{place:?} has other bytes"
            );
            assert!(key.is_some() || left.contains(name), "{name} was not found by the start");
        }
    });
}

/// As recovery does: what is whole but was never promised may stay, what is torn goes to quarantine. Keeps the disk small.
fn clear(blobs: &Blobs, left: Vec<String>, promised: &Promised) {
    for name in left {
        let place = Place::Spool(name.clone());
        let whole = is_whole(&blobs.open_blob(&place).unwrap());
        let known = promised.with(|files| files.contains_key(&name));
        assert!(whole || !known);
        if !whole {
            std::fs::remove_file(blobs.quarantine(&place, "torn").unwrap()).unwrap();
        } else if !known {
            blobs.unspool(&[name]);
        }
    }
    let old: Vec<_> = promised.with(|files| {
        let count = files.len().saturating_sub(100);
        let old: Vec<String> = files.keys().take(count).cloned().collect();
        old.into_iter().filter_map(|name| Some((name.clone(), files.remove(&name)?.1))).collect()
    });
    for (name, key) in old {
        key.map_or(Ok(()), |key| blobs.remove(&key)).unwrap();
        blobs.unspool(&[name]);
    }
}

fn is_whole(reader: &Reader) -> bool {
    let mut sums = Sums::new(SEED);
    sums.update(&reader.read(0, reader.length() as usize).unwrap());
    let summed = sums.finish();
    reader.head().unwrap() == head(summed.length, summed.digest)
}

/// R4: what follows a failed flush.
#[test]
fn a_failed_flush_stops_ingest_until_the_disk_is_well() {
    let Some(disk) = Mounted::ext4(64, &[]) else { return not_run("a failing disk") };
    let (blobs, _) = Blobs::open(&disk.path().join("data"), quick()).unwrap();
    let sealed = receive(&blobs, b"one").unwrap();
    let first = receive(&blobs, b"before").unwrap();
    first.flush().unwrap();
    let kept = first.keep();
    if disk.cut_power().is_none() {
        return not_run("a failing disk");
    }
    assert_eq!(sealed.flush().unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(sealed.flush().unwrap_err().kind(), ErrorKind::Io);
    let begun = Instant::now();
    assert_eq!(blobs.create(SEED).err().unwrap().kind(), ErrorKind::Io);
    assert_eq!(blobs.create_nowait(SEED).err().unwrap().kind(), ErrorKind::Io);
    assert!(begun.elapsed() < Duration::from_secs(1));
    std::thread::sleep(Duration::from_millis(100));
    assert!(blobs.is_poisoned(), "the checks that run by themselves fail");
    drop((sealed, blobs));
    disk.restore_power();
    let (blobs, left) = Blobs::open(&disk.path().join("data"), quick()).unwrap();
    assert!(left.iter().any(|entry| entry.name == kept));
    receive(&blobs, b"two").unwrap().flush().unwrap();
}
