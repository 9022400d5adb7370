//! The store as a whole: in, durable, home, out, and what is left after it was dropped at any point.
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod rig;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use blob::{Blobs, CHUNK, ErrorKind, HEAD_LEN, Limits, Place, Sums, aligned, verify};
use bytes::Bytes;
use rig::{SEED, bytes, head, quick, receive};
use tempfile::TempDir;

fn store(limits: Limits) -> (TempDir, Blobs) {
    let folder = tempfile::tempdir().unwrap();
    let (blobs, left) = Blobs::open(&folder.path().join("data"), limits).unwrap();
    assert!(left.is_empty());
    (folder, blobs)
}

fn spool_files(root: &Path) -> Vec<fs::DirEntry> {
    let folders = fs::read_dir(root.join("spool")).unwrap().map(Result::unwrap);
    folders
        .filter(|e| e.path().is_dir())
        .flat_map(|e| fs::read_dir(e.path()).unwrap())
        .map(Result::unwrap)
        .collect()
}

#[test]
fn sums_do_not_depend_on_how_the_bytes_came() {
    let chunk = CHUNK as usize;
    for length in [0, 1, chunk - 1, chunk, chunk + 1, 3 * chunk, 5 * chunk + 12_345] {
        let data = bytes(length, length as u64);
        let whole = {
            let mut sums = Sums::new(SEED);
            sums.update(&data);
            sums.finish()
        };
        assert_eq!(whole.length, length as u64);
        assert_eq!(whole.crcs.len(), 4 * length.div_ceil(chunk));
        let (_folder, blobs) = store(quick());
        for piece in [1_000, 7_777, chunk, chunk + 1, usize::MAX] {
            let parts: Vec<Bytes> = data.chunks(piece).map(Bytes::copy_from_slice).collect();
            for at_once in [1, 3, 1_000] {
                let mut incoming = blobs.create(SEED).unwrap();
                parts.chunks(at_once).for_each(|parts| incoming.write(parts).unwrap());
                assert_eq!(incoming.length(), length as u64);
                let sealed = incoming.seal(head).unwrap();
                assert_eq!(
                    (sealed.length(), sealed.digest(), sealed.crcs()),
                    (whole.length, whole.digest, &*whole.crcs)
                );
                let reader = blobs.open_blob(&Place::Spool(sealed.name())).unwrap();
                assert_eq!(reader.length(), whole.length);
                assert_eq!(reader.read(0, length).unwrap(), data);
                assert_eq!(reader.head().unwrap(), head(whole.length, whole.digest));
            }
        }
    }
}

#[test]
fn empty_parts_and_no_parts_are_fine() {
    let (_folder, blobs) = store(quick());
    let mut incoming = blobs.create(SEED).unwrap();
    let (empty, x) = (Bytes::new(), Bytes::from_static(b"x"));
    for parts in [
        vec![],
        vec![empty.clone()],
        vec![empty.clone(), x.clone(), empty.clone(), x.clone()],
        vec![empty.clone(); 200],
    ] {
        incoming.write(&parts).unwrap();
    }
    assert_eq!(incoming.length(), 2);
    let sealed = incoming.seal(head).unwrap();
    assert_eq!(blobs.open_blob(&Place::Spool(sealed.name())).unwrap().read(0, 2).unwrap(), "xx");
}

#[test]
fn known_sums() {
    let mut sums = Sums::new(b"a");
    sums.update(b"b");
    sums.update(b"c");
    let hex: String = sums.finish().digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"); // FIPS 180-2, "abc"
    let mut sums = Sums::new(b"");
    sums.update(b"123456789");
    assert_eq!(sums.finish().crcs, 0xe306_9283_u32.to_le_bytes()); // RFC 3720, CRC32C
}

/// R6: no flipped bit and no truncation passes.
#[test]
fn every_damaged_chunk_is_found() {
    let data = bytes(3 * CHUNK as usize + 1_000, 6);
    let mut sums = Sums::new(SEED);
    sums.update(&data);
    let sums = sums.finish().crcs;
    let check = |data: &[u8], first| verify(data, first, &sums).map_err(|bad| bad.chunk);
    let at = |chunk: usize| chunk * CHUNK as usize;
    assert_eq!(check(&data, 0), Ok(()));
    assert_eq!(check(&data[at(2)..], 2), Ok(()));
    assert_eq!(check(&data[at(1)..at(2)], 1), Ok(()));
    assert_eq!(check(&[], 0), Ok(()));
    assert_eq!(check(&data[at(1)..at(2)], 2), Err(2));
    assert_eq!(check(&data[..at(1) - 1], 0), Err(0), "ends inside a chunk");
    assert_eq!(check(&data[at(3)..], 4), Err(4), "no sum for it");
    assert_eq!(check(&data[at(3)..], u64::MAX), Err(u64::MAX));
    for flip in (0..1_000).map(|i| i * 7_919 % (data.len() * 8)) {
        let mut bad = data.clone();
        bad[flip / 8] ^= 1 << (flip % 8);
        assert_eq!(check(&bad, 0), Err((flip / 8 / CHUNK as usize) as u64), "bit {flip}");
    }
}

#[test]
fn ranges_grow_to_what_can_be_checked() {
    let rows = [
        (0..0, 100, 0..0),
        (0..1, 100, 0..100),
        (50..60, 100, 0..100),
        (0..CHUNK, 3 * CHUNK, 0..CHUNK),
        (CHUNK - 1..CHUNK + 1, 3 * CHUNK, 0..2 * CHUNK),
        (CHUNK..CHUNK + 1, 2 * CHUNK - 1, CHUNK..2 * CHUNK - 1),
        (5..u64::MAX, 2 * CHUNK + 9, 0..2 * CHUNK + 9),
    ];
    for (range, length, expected) in rows {
        assert_eq!(aligned(range.clone(), length), expected, "{range:?} of {length}");
    }
}

#[test]
fn reads_are_exact_or_refused() {
    let (_folder, blobs) = store(quick());
    let data = bytes(300_000, 3);
    let sealed = receive(&blobs, &data).unwrap();
    let reader = blobs.open_blob(&Place::Spool(sealed.name())).unwrap();
    let rows = [(0, 0), (0, 1), (0, 300_000), (299_999, 1), (300_000, 0), (65_536, 131_072)];
    for (offset, length) in rows {
        let expected = &data[offset as usize..offset as usize + length];
        assert_eq!(reader.read(offset, length).unwrap(), expected);
        if let Some(read) = reader.read_nowait(offset, length).unwrap() {
            assert_eq!(read, expected);
        }
    }
    for (offset, length) in
        [(300_000, 1), (0, 300_001), (300_001, 0), (u64::MAX, 1), (u64::MAX, usize::MAX), (0, usize::MAX)]
    {
        assert_eq!(reader.read(offset, length).unwrap_err().kind(), ErrorKind::Corrupt, "{offset} {length}");
        assert_eq!(reader.read_nowait(offset, length).unwrap_err().kind(), ErrorKind::Corrupt);
    }
}

#[test]
fn a_file_cut_short_is_an_error_and_never_padded() {
    let (_folder, blobs) = store(quick());
    let sealed = receive(&blobs, &bytes(200_000, 4)).unwrap();
    let place = Place::Spool(sealed.name());
    let reader = blobs.open_blob(&place).unwrap();
    let path =
        spool_files(blobs.root()).into_iter().find(|e| e.metadata().unwrap().len() > 0).unwrap().path();
    fs::File::options().write(true).open(&path).unwrap().set_len(100_000).unwrap();
    assert_eq!(reader.read(0, 200_000).unwrap_err().kind(), ErrorKind::Corrupt);
    assert!(matches!(reader.read_nowait(0, 200_000), Ok(None)));
    fs::File::options().write(true).open(&path).unwrap().set_len(HEAD_LEN - 1).unwrap();
    assert_eq!(blobs.open_blob(&place).err().unwrap().kind(), ErrorKind::Corrupt);
}

#[test]
fn heads_of_another_length_or_without_content_are_refused() {
    let (_folder, blobs) = store(quick());
    for given in [0, 1_023, 1_025, 1_024] {
        let incoming = blobs.create(SEED).unwrap();
        assert_eq!(incoming.seal(|_, _| vec![0; given]).err().unwrap().kind(), ErrorKind::Caller, "{given}");
    }
    assert_eq!(blobs.spooled(), (0, 0));
}

/// R1: nothing is left of what was given up, whatever point it had reached.
#[test]
fn what_is_dropped_leaves_nothing_and_what_is_kept_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (blobs, _) = Blobs::open(folder.path(), quick()).unwrap();
    drop(blobs.create(SEED).unwrap());
    let mut incoming = blobs.create(SEED).unwrap();
    incoming.write(&[Bytes::from_static(b"half")]).unwrap();
    drop(incoming);
    drop(receive(&blobs, b"sealed").unwrap());
    let flushed = receive(&blobs, b"flushed").unwrap();
    flushed.flush().unwrap();
    flushed.flush().unwrap();
    drop(flushed);
    assert_eq!(blobs.spooled(), (0, 0));
    let kept = receive(&blobs, b"kept").unwrap();
    kept.flush().unwrap();
    let digest = kept.digest();
    let name = kept.keep();
    assert_eq!(blobs.spooled(), (1, 4));
    drop(blobs);
    assert_eq!(spool_files(folder.path()).len(), 1, "unused slots go with the store");

    let (blobs, left) = Blobs::open(folder.path(), quick()).unwrap();
    let found: Vec<_> = left.iter().map(|entry| (&entry.name, entry.length, entry.head.clone())).collect();
    assert_eq!(found, [(&name, 4, head(4, digest))]);
    assert_eq!(blobs.spooled(), (1, 4));
    blobs.unspool(&[name.clone(), name, "no name".into()]);
    assert_eq!(blobs.spooled(), (0, 0));
}

/// As after a kill: slots, half-written files, sealed ones, and things that are not ours.
#[test]
fn a_start_sorts_what_it_finds() {
    let folder = tempfile::tempdir().unwrap();
    drop(Blobs::open(folder.path(), quick()).unwrap());
    let spool = folder.path().join("spool");
    let zeros = vec![0; HEAD_LEN as usize];
    let rows: [(&str, Vec<u8>); 7] = [
        ("00/01ARZ3NDEKTSV4RRFFQ69G5FA0.dcm", vec![]), // a slot
        ("01/01ARZ3NDEKTSV4RRFFQ69G5FA1.dcm", zeros.clone()),
        ("02/01ARZ3NDEKTSV4RRFFQ69G5FA2.dcm", [zeros, vec![5; 9_000]].concat()), // half received
        ("0f/01ARZ3NDEKTSV4RRFFQ69G5FAF.dcm", [head(3, [1; 32]), b"abc".to_vec()].concat()),
        ("03/01ARZ3NDEKTSV4RRFFQ69G5FA3.dcm", vec![1; 500]), // no whole head
        ("04/01ARZ3NDEKTSV4RRFFQ69G5FA5.dcm", vec![1; 5_000]), // in the wrong folder
        ("05/notes.txt", b"hello".to_vec()),
    ];
    for (name, content) in &rows {
        fs::write(spool.join(name), content).unwrap();
    }
    fs::write(spool.join(".probe"), "left by a crash").unwrap();
    let (blobs, left) = Blobs::open(folder.path(), Limits { slots: 0, ..quick() }).unwrap();
    assert_eq!(
        left.iter().map(|entry| (&*entry.name, entry.length)).collect::<Vec<_>>(),
        [("01ARZ3NDEKTSV4RRFFQ69G5FAF", 3)]
    );
    let mut names: Vec<_> =
        spool_files(folder.path()).iter().map(|e| e.file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["01ARZ3NDEKTSV4RRFFQ69G5FA5.dcm", "01ARZ3NDEKTSV4RRFFQ69G5FAF.dcm", "notes.txt"]);
    assert!(!spool.join(".probe").exists());
    assert_eq!(fs::read_dir(folder.path().join("quarantine")).unwrap().count(), 2);
    assert_eq!(blobs.walk().count(), 0);
}

#[test]
fn one_process_owns_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (blobs, _) = Blobs::open(folder.path(), quick()).unwrap();
    let incoming = blobs.create(SEED).unwrap();
    let locked =
        || Blobs::open(folder.path(), quick()).map(drop).map_err(|error| (error.kind(), error.to_string()));
    let (kind, text) = locked().unwrap_err();
    assert_eq!(kind, ErrorKind::Unsuitable);
    assert!(
        text.contains(folder.path().to_str().unwrap()) && text.contains(&std::process::id().to_string()),
        "{text}"
    );
    drop(blobs);
    assert!(locked().is_err(), "an instance is still coming in");
    drop(incoming);
    locked().unwrap();
}

#[test]
fn slots_are_made_ahead_and_their_names_never_change() {
    let (_folder, blobs) = store(quick());
    let begun = Instant::now();
    let incoming = loop {
        match blobs.create_nowait(SEED).unwrap() {
            Some(incoming) => break incoming,
            None => assert!(begun.elapsed() < Duration::from_secs(10)),
        }
    };
    let before: Vec<_> = spool_files(blobs.root()).iter().map(fs::DirEntry::path).collect();
    let sealed = incoming.seal(head).unwrap();
    assert!(before.iter().any(|path| path.file_stem().unwrap().to_str() == Some(&sealed.name())));
    // More than were made ahead are made when they are asked for, and are as durable.
    let many: Vec<_> = (0..50).map(|i| receive(&blobs, &bytes(10, i)).unwrap()).collect();
    many.iter().for_each(|sealed| sealed.flush().unwrap());
    assert_eq!(blobs.spooled(), (51, 500));
}

#[test]
fn a_full_spool_makes_senders_wait() {
    let by_files = Limits { spool_files: 3, ..quick() };
    let by_bytes = Limits { spool_bytes: 250, ..quick() };
    for limits in [by_files, by_bytes] {
        let (_folder, blobs) = store(limits);
        let names: Vec<String> = (0..3).map(|i| receive(&blobs, &bytes(100, i)).unwrap().keep()).collect();
        assert_eq!(blobs.create(SEED).err().unwrap().kind(), ErrorKind::Busy);
        assert!(blobs.create_nowait(SEED).unwrap().is_none());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| blobs.wait_for_room(Duration::from_secs(20)));
            std::thread::sleep(Duration::from_millis(50));
            blobs.unspool(&names[..1]);
            waiting.join().unwrap().unwrap();
        });
        blobs.create(SEED).unwrap();
    }
    // One that is larger than the spool may be is still taken, alone.
    let (_folder, blobs) = store(Limits { spool_bytes: 50, ..quick() });
    let large = receive(&blobs, &bytes(100, 0)).unwrap();
    assert_eq!(blobs.create(SEED).err().unwrap().kind(), ErrorKind::Busy);
    drop(large);
    blobs.create(SEED).unwrap();
}

#[test]
fn instances_come_home() {
    let (_folder, blobs) = store(quick());
    let batch: Vec<(String, String)> = (0..40)
        .map(|i| {
            let sealed = receive(&blobs, &bytes(1_000 + i, i as u64)).unwrap();
            sealed.flush().unwrap();
            (sealed.keep(), format!("1.{}/1.{}.1/{i}.dcm", i % 3, i % 3))
        })
        .collect();
    assert!(blobs.place(&batch).unwrap().is_empty());
    assert!(blobs.place(&batch).unwrap().is_empty());
    let strange = [
        ("not a name".to_owned(), "1/2/3.dcm".to_owned()),
        batch[0].clone(),
        (batch[1].0.clone(), "..".into()),
    ];
    let mut refused: Vec<_> =
        blobs.place(&strange).unwrap().iter().map(|one| (one.index, one.why.kind())).collect();
    refused.sort_by_key(|one| one.0);
    assert_eq!(refused, [(0, ErrorKind::Caller), (2, ErrorKind::Caller)]);
    let before = blobs.open_blob(&Place::Spool(batch[5].0.clone())).unwrap();
    blobs.unspool(&batch.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>());
    assert_eq!(blobs.spooled(), (0, 0));
    assert_eq!(before.read(0, 1_005).unwrap(), bytes(1_005, 5));
    let gone = blobs.open_blob(&Place::Spool(batch[5].0.clone())).err().unwrap();
    assert_eq!(gone.kind(), ErrorKind::NotFound);
    for (i, (_, key)) in batch.iter().enumerate() {
        let reader = blobs.open_blob(&Place::Final(key.clone())).unwrap();
        assert_eq!(reader.read(0, 1_000 + i).unwrap(), bytes(1_000 + i, i as u64));
    }
    assert_eq!(blobs.walk().map(Result::unwrap).count(), 40);
    blobs.remove(&batch[0].1).unwrap();
    assert_eq!(blobs.walk().count(), 39);
}

#[test]
fn what_is_foreign_on_the_shelf_is_reported_and_passed() {
    let (_folder, blobs) = store(quick());
    let sealed = receive(&blobs, b"good").unwrap();
    blobs.place(&[(sealed.name(), "1/2/3.dcm".into())]).unwrap();
    let studies = blobs.root().join("studies");
    fs::write(studies.join("1/2/short.dcm"), "too short").unwrap();
    fs::write(studies.join("1/2/a b.dcm"), [0; 2_000]).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", studies.join("1/2/link.dcm")).unwrap();
    let mut found: Vec<_> =
        blobs.walk().map(|one| one.map(|(key, _)| key).map_err(|error| error.kind())).collect();
    found.sort_by_key(|one| format!("{one:?}"));
    assert_eq!(
        found,
        [Err(ErrorKind::Caller), Err(ErrorKind::Caller), Err(ErrorKind::Corrupt), Ok("1/2/3.dcm".into())]
    );
}

#[test]
fn what_fails_a_check_goes_to_quarantine_with_a_note() {
    let (_folder, blobs) = store(quick());
    let sealed = receive(&blobs, b"one").unwrap();
    blobs.place(&[(sealed.name(), "1/2/3.dcm".into())]).unwrap();
    blobs.unspool(&[sealed.keep()]);
    let spooled = receive(&blobs, b"two").unwrap().keep();
    let rows = [
        (Place::Final("1/2/3.dcm".into()), "studies/1/2/3.dcm", "one"),
        (Place::Spool(spooled.clone()), &*spooled, "two"),
    ];
    for (place, was, content) in rows {
        let kept = blobs.quarantine(&place, "chunk 7\nfails").unwrap();
        assert!(fs::read(&kept).unwrap().ends_with(content.as_bytes()));
        let note = fs::read_to_string(kept.with_extension("txt")).unwrap();
        assert!(note.contains(was) && note.contains("why: chunk 7\\nfails\n"), "{note}");
        assert_eq!(blobs.open_blob(&place).err().unwrap().kind(), ErrorKind::NotFound);
        assert_eq!(blobs.quarantine(&place, "again").unwrap_err().kind(), ErrorKind::NotFound);
    }
    assert_eq!(blobs.spooled(), (0, 0));
    assert_eq!(blobs.quarantine(&Place::Final("../x".into()), "").unwrap_err().kind(), ErrorKind::Caller);
    assert_eq!(fs::read_dir(blobs.root().join("quarantine")).unwrap().count(), 4);
}

/// Long streams are flushed behind themselves; what comes out is the same.
#[test]
fn long_streams_come_whole() {
    let (_folder, blobs) = store(Limits { writeback: 1 << 20, ..quick() });
    let data = bytes(10 << 20, 1);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let sealed = receive(&blobs, &data).unwrap();
                sealed.flush().unwrap();
                let reader = blobs.open_blob(&Place::Spool(sealed.name())).unwrap();
                assert_eq!(verify(&reader.read(0, data.len()).unwrap(), 0, sealed.crcs()), Ok(()));
            });
        }
    });
    let mut given_up = blobs.create(SEED).unwrap();
    given_up.write(&[Bytes::from(data)]).unwrap();
    drop(given_up);
    assert_eq!(blobs.spooled(), (0, 0));
}

#[test]
fn a_folder_that_cannot_be_opened_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("below")] {
        let error = Blobs::open(&path, quick()).map(drop).unwrap_err();
        assert!(error.to_string().contains("file"), "{error}");
    }
    // Made with all that is above it.
    drop(Blobs::open(&folder.path().join("a/b/c"), quick()).unwrap());
}

#[test]
fn records_are_there_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let (blobs, _) = Blobs::open(folder.path(), Limits::default()).unwrap();
    assert_eq!(blobs.records().unwrap(), Vec::<String>::new());
    blobs.write_record("2.json", b"two").unwrap();
    blobs.write_record("1.json", b"one").unwrap();
    assert_eq!(blobs.write_record("1.json", b"other").unwrap_err().kind(), ErrorKind::Collision);
    assert_eq!(blobs.read_record("1.json").unwrap(), b"one");
    assert_eq!(blobs.read_record("3.json").unwrap_err().kind(), ErrorKind::NotFound);
    for name in ["", "../1.json", "a/b", ".x", "A", "1.part"] {
        assert_eq!(blobs.write_record(name, b"x").unwrap_err().kind(), ErrorKind::Caller, "{name}");
    }
    assert_eq!((blobs.has_record("1.json").unwrap(), blobs.has_record("3.json").unwrap()), (true, false));
    // What is half written is no record: another thread may be at it, or a crash left it, which the next start removes.
    let part = folder.path().join("removed/4.json.part");
    std::fs::write(&part, b"fo").unwrap();
    assert_eq!(blobs.records().unwrap(), ["1.json", "2.json"]);
    assert!(part.exists());
    drop(blobs);
    let (blobs, _) = Blobs::open(folder.path(), Limits::default()).unwrap();
    assert!(!part.exists());
    blobs.write_record("4.json", b"four").unwrap();
}

#[test]
fn records_are_written_while_they_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let (blobs, _) = Blobs::open(folder.path(), Limits::default()).unwrap();
    let (lister, done) = (blobs.clone(), Arc::new(AtomicBool::new(false)));
    let ended = Arc::clone(&done);
    let listing = std::thread::spawn(move || {
        while !ended.load(Ordering::Relaxed) {
            lister.records().unwrap();
        }
    });
    let wanted: Vec<String> = (0..200).map(|number| format!("{number:03}.json")).collect();
    let written: Vec<_> = wanted.iter().map(|name| blobs.write_record(name, b"a record")).collect();
    done.store(true, Ordering::Relaxed);
    listing.join().unwrap();
    written.into_iter().for_each(Result::unwrap);
    assert_eq!(blobs.records().unwrap(), wanted);
}
