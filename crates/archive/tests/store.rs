//! What the archive promises about storing: success is proof, the same again is fine, other bytes are a version, and a
//! crash between any two steps loses nothing that was answered.

#![allow(clippy::unwrap_used)] // a test may

mod support;

use archive::{Announced, Form, Framing, Outcome, ReadErrorKind, StoreErrorKind, Target};
use model::transfer_syntax;
use support::{Bench, announced, data_set, study, target};
use testkit::{DataSet, Instance};

#[tokio::test]
async fn comes_back_as_it_was() {
    let bench = Bench::new().await;
    let slice = Instance::new(1, 1, 1);
    for piece in [1, 7, 1_000, usize::MAX] {
        let slice =
            Instance { sop_instance: format!("{}.{}", slice.sop_instance, piece % 97), ..slice.clone() };
        let stored = bench.store_as(announced(Framing::Part10), &slice.part10(), piece).await.unwrap();
        assert_eq!(stored.outcome(), Outcome::New);
        let back = bench.fetch(target(&slice), Form::AsStored).await.unwrap();
        assert_eq!(data_set(&back), slice.data_set(), "in pieces of {piece}");
    }
}

#[tokio::test]
async fn the_same_by_c_store_and_by_stow_is_the_same() {
    let bench = Bench::new().await;
    let slice = Instance::new(1, 1, 1);
    let first = bench.store(&slice.part10()).await.unwrap();
    let command = Announced {
        sop_class: Some(slice.sop_class().parse().unwrap()),
        sop_instance: Some(slice.sop_instance.parse().unwrap()),
        ..announced(Framing::DataSet(transfer_syntax::EXPLICIT_LE))
    };
    let second = bench.store_as(command, &slice.data_set(), 333).await.unwrap();
    assert_eq!((first.outcome(), second.outcome()), (Outcome::New, Outcome::Same));
    assert_eq!(bench.archive.totals().await.unwrap().instances, 1);
    let bench = bench.reopen().await;
    assert_eq!(bench.files("studies").len(), 1, "STOW-040: no duplicate");
    assert_eq!(bench.archive.spooled(), (0, 0));
}

#[tokio::test]
async fn other_bytes_are_a_version_and_the_first_is_served() {
    let bench = Bench::new().await;
    let first = Instance::new(1, 1, 1);
    let other = Instance { shade: 9_000, ..first.clone() };
    bench.store(&first.part10()).await.unwrap();
    let stored = bench.store(&other.part10()).await.unwrap();
    assert_eq!(stored.outcome(), Outcome::NewVersion(2));
    let bench = bench.reopen().await;
    for (version, expected) in [(None, &first), (Some(1), &first), (Some(2), &other)] {
        let back = bench.fetch(Target { version, ..target(&first) }, Form::AsStored).await.unwrap();
        assert_eq!(data_set(&back), expected.data_set(), "version {version:?}");
    }
    assert_eq!(bench.archive.totals().await.unwrap().instances, 1);
}

#[tokio::test]
async fn what_is_refused_and_why() {
    use StoreErrorKind::*;
    let bench = Bench::new().await;
    let slice = Instance::new(1, 1, 1);
    let good = slice.data_set();
    let no_study =
        DataSet::explicit().text(0x0008_0016, b"UI", slice.sop_class()).text(0x0008_0018, b"UI", "1.2");
    let path = DataSet::explicit()
        .text(0x0008_0016, b"UI", slice.sop_class())
        .text(0x0008_0018, b"UI", "../../etc/passwd")
        .text(0x0020_000D, b"UI", "1.2")
        .text(0x0020_000E, b"UI", "1.2.3");
    let two =
        DataSet::explicit().text(0x0008_0016, b"UI", slice.sop_class()).text(0x0008_0018, b"UI", "1.2\\1.3");
    let foreign = DataSet::explicit()
        .text(0x0008_0016, b"UI", "1.2.3.4.5")
        .text(0x0008_0018, b"UI", "1.2")
        .text(0x0020_000D, b"UI", "1.2")
        .text(0x0020_000E, b"UI", "1.2.3");
    let plain = || announced(Framing::DataSet(transfer_syntax::EXPLICIT_LE));
    for (name, command, bytes, expected) in [
        ("cut", plain(), good[..good.len() - 1].to_vec(), CannotUnderstand),
        ("garbage", plain(), vec![0x5A; 3_000], CannotUnderstand),
        ("empty", plain(), vec![], CannotUnderstand),
        ("no study", plain(), no_study.into_bytes(), CannotUnderstand),
        ("a path for a UID", plain(), path.into_bytes(), CannotUnderstand),
        ("two UIDs", plain(), two.into_bytes(), CannotUnderstand),
        ("a class that is not stored", plain(), foreign.into_bytes(), Class),
        (
            "another instance than announced: DIMSE-027",
            Announced { sop_instance: Some("1.9".parse().unwrap()), ..plain() },
            good.clone(),
            Mismatch,
        ),
        (
            "another class than announced",
            Announced { sop_class: Some("1.2.840.10008.5.1.4.1.1.4".parse().unwrap()), ..plain() },
            good.clone(),
            Mismatch,
        ),
        (
            "another study: STOW-005",
            Announced { study: Some("1.9".parse().unwrap()), ..plain() },
            good.clone(),
            OtherStudy,
        ),
        ("no Part 10", announced(Framing::Part10), b"<html>hello</html>".to_vec(), CannotUnderstand),
        ("unknown syntax: STOW-020", announced(Framing::Part10), slice.file("1.2.3.4", &good), Syntax),
        (
            "meta names another instance: TS-024",
            announced(Framing::Part10),
            Instance::new(1, 1, 2).file("1.2.840.10008.1.2.1", &good),
            Mismatch,
        ),
    ] {
        let refused = bench.store_as(command, &bytes, 500).await;
        assert_eq!(refused.map(|_| ()).map_err(|e| e.kind()), Err(expected), "{name}");
    }
    assert_eq!(bench.archive.totals().await.unwrap().instances, 0);
    let bench = bench.reopen().await;
    assert_eq!(bench.files("studies").len(), 0);
}

#[tokio::test]
async fn what_a_crash_takes_from_the_index_comes_back() {
    let bench = Bench::new().await;
    let slices: Vec<_> = (1..=20).map(|n| Instance::new(1, 1, n)).collect();
    for slice in &slices {
        bench.store(&slice.part10()).await.unwrap();
    }
    // As after a power cut that took every row: the files are in the spool, the index is empty.
    let Bench { folder, archive, .. } = bench;
    let spool: Vec<_> = {
        let bench = Bench { folder, archive, recovered: Default::default() };
        let files = bench.files("spool");
        assert!(files.len() >= slices.len());
        let saved = tempfile::TempDir::new().unwrap();
        copy_tree(bench.path().join("spool").as_path(), saved.path().join("spool").as_path());
        drop(bench);
        vec![saved]
    };
    let saved = spool.into_iter().next().unwrap();
    let bench = Bench::open(saved).await;
    assert_eq!((bench.recovered.restored, bench.recovered.quarantined), (20, 0));
    for slice in &slices {
        let back = bench.fetch(target(slice), Form::AsStored).await.unwrap();
        assert_eq!(data_set(&back), slice.data_set());
    }
    let bench = bench.reopen().await;
    assert_eq!((bench.recovered.restored, bench.files("studies").len()), (0, 20));
}

#[tokio::test]
async fn a_torn_spool_file_is_never_shown() {
    let bench = Bench::new().await;
    let slice = Instance::new(1, 1, 1);
    bench.store(&slice.part10()).await.unwrap();
    let saved = tempfile::TempDir::new().unwrap();
    copy_tree(&bench.path().join("spool"), &saved.path().join("spool"));
    let torn = walk(saved.path()).into_iter().find(|p| std::fs::metadata(p).unwrap().len() > 1_024).unwrap();
    let mut bytes = std::fs::read(&torn).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&torn, bytes).unwrap();
    let bench = Bench::open(saved).await;
    assert_eq!((bench.recovered.restored, bench.recovered.quarantined), (0, 1));
    let gone = bench.fetch(target(&slice), Form::AsStored).await;
    assert_eq!(gone.map(|_| ()).map_err(|e| e.kind()), Err(ReadErrorKind::NotFound));
    assert_eq!(bench.files("quarantine").len(), 2, "the file and its note");
}

#[tokio::test]
async fn a_flipped_bit_is_found_before_it_leaves() {
    let bench = Bench::new().await;
    let slice = Instance { size: 300, ..Instance::new(1, 1, 1) };
    bench.store(&slice.part10()).await.unwrap();
    let bench = bench.reopen().await;
    let file = bench.files("studies").remove(0);
    let good = std::fs::read(&file).unwrap();
    let console = access::Principal::console();
    assert!(bench.archive.verify(&console, |_, _| {}).await.unwrap().is_sound());
    for at in [1_024, 70_000, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 0x40;
        // What failed before lies in quarantine, and its folders may have gone with it.
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, bad).unwrap();
        let read = bench.fetch(target(&slice), Form::AsStored).await;
        assert_eq!(read.map(|_| ()).map_err(|e| e.kind()), Err(ReadErrorKind::Damaged), "byte {at}");
        assert_eq!(bench.archive.verify(&console, |_, _| {}).await.unwrap().problems.len(), 1, "byte {at}");
    }
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, &good[..good.len() - 2]).unwrap();
    let read = bench.fetch(target(&slice), Form::AsStored).await;
    assert_eq!(read.map(|_| ()).map_err(|e| e.kind()), Err(ReadErrorKind::Damaged), "cut");
    // Put back as it was, it is served again once verify has seen it.
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, good).unwrap();
    assert!(bench.archive.verify(&console, |_, _| {}).await.unwrap().is_sound());
    let back = bench.fetch(target(&slice), Form::AsStored).await.unwrap();
    assert_eq!(data_set(&back), slice.data_set());
}

#[tokio::test]
async fn rebuilt_from_files_it_answers_the_same() {
    let bench = Bench::new().await;
    for (study_number, number) in [(1, 1), (1, 2), (2, 1), (3, 1)] {
        bench.store(&Instance::new(study_number, 1, number).part10()).await.unwrap();
    }
    bench.store(&Instance { shade: 77, ..Instance::new(1, 1, 1) }.part10()).await.unwrap();
    let Bench { folder, archive, .. } = bench.reopen().await;
    let before = support_answers(&archive).await;
    archive.close().await;
    drop(archive);
    let (blobs, left) = blob::Blobs::open(folder.path(), blob::Limits::default()).unwrap();
    assert!(left.is_empty());
    std::fs::remove_file(folder.path().join("overread.db")).unwrap();
    let index = support::open_index(&folder.path().join("overread.db"));
    let report =
        archive::rebuild(&archive::Config::default(), &blobs, index.as_ref(), |_, _| {}).await.unwrap();
    assert_eq!((report.instances, report.problems.len()), (5, 0));
    drop((blobs, index));
    let bench = Bench::open(folder).await;
    assert_eq!(support_answers(&bench.archive).await, before);
    let v2 = bench
        .fetch(Target { version: Some(2), ..target(&Instance::new(1, 1, 1)) }, Form::AsStored)
        .await
        .unwrap();
    assert_eq!(data_set(&v2), Instance { shade: 77, ..Instance::new(1, 1, 1) }.data_set());
}

#[tokio::test]
async fn the_backup_is_whole_and_opens() {
    let bench = Bench::new().await;
    let slices: Vec<_> = (1..=5).map(|n| Instance::new(1, 1, n)).collect();
    for slice in &slices {
        bench.store(&slice.part10()).await.unwrap();
    }
    let copy = tempfile::TempDir::new().unwrap();
    let console = access::Principal::console();
    let database = copy.path().join("overread.db");
    bench.archive.backup_index(&console, &database).await.unwrap();
    let index = support::open_index(&database);
    let report = bench.archive.backup_files(&console, index.as_ref(), copy.path(), |_, _| {}).await.unwrap();
    assert_eq!(report.instances, 5);
    drop(index);
    drop(bench);
    let restored = Bench::open(copy).await;
    for slice in &slices {
        let back = restored.fetch(target(slice), Form::AsStored).await.unwrap();
        assert_eq!(data_set(&back), slice.data_set());
    }
    assert!(restored.archive.verify(&console, |_, _| {}).await.unwrap().is_sound());
}

#[tokio::test]
async fn implicit_big_and_deflated_leave_explicit() {
    let bench = Bench::new().await;
    let slice = Instance::new(1, 1, 1);
    let deflated = {
        use std::io::Write;
        let mut out = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        out.write_all(&Instance::new(1, 1, 2).data_set()).unwrap();
        out.finish().unwrap()
    };
    bench.store(&slice.file("1.2.840.10008.1.2", &slice.implicit())).await.unwrap();
    let other = Instance::new(1, 1, 2);
    bench.store(&other.file("1.2.840.10008.1.2.1.99", &deflated)).await.unwrap();
    for slice in [slice, other] {
        let back = bench.fetch(target(&slice), Form::ExplicitLe).await.unwrap();
        assert_eq!(data_set(&back), slice.data_set());
        let frames =
            bench.archive.frames(&access::Principal::console(), &target(&slice), &[1]).await.unwrap();
        let frame = frames.frames.into_iter().next().unwrap();
        let bytes = support::collect(frame.stream).await.unwrap();
        assert!(slice.data_set().ends_with(&bytes) && bytes.len() == 512);
    }
}

#[tokio::test]
async fn sixty_four_senders_of_one_instance_store_it_once() {
    // DIMSE-052, R11
    let bench = std::sync::Arc::new(Bench::new().await);
    let file = Instance::new(1, 1, 1).part10();
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let (bench, file) = (bench.clone(), file.clone());
        senders.spawn(async move { bench.store(&file).await.map(|s| s.outcome()) });
    }
    let outcomes: Vec<_> = senders.join_all().await.into_iter().map(Result::unwrap).collect();
    assert_eq!(outcomes.iter().filter(|o| **o == Outcome::New).count(), 1);
    assert_eq!(outcomes.iter().filter(|o| **o == Outcome::Same).count(), 63);
    let bench = std::sync::Arc::into_inner(bench).unwrap().reopen().await;
    assert_eq!(bench.files("studies").len(), 1);
    assert!(bench.fetch(study(&Instance::new(1, 1, 1)), Form::AsStored).await.is_ok());
}

async fn support_answers(archive: &archive::Archive) -> Vec<String> {
    let console = access::Principal::console();
    let mut answers = Vec::new();
    for number in 1..=3 {
        let slice = Instance::new(number, 1, 1);
        let mut metadata = archive.metadata(&console, study(&slice)).await.unwrap();
        loop {
            let page = metadata.next_page().await.unwrap();
            if page.is_empty() {
                break;
            }
            answers.extend(page.into_iter().map(|m| String::from_utf8(m.json).unwrap()));
        }
    }
    answers
}

fn walk(path: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(path).unwrap().flatten() {
        match entry.path().is_dir() {
            true => out.extend(walk(&entry.path())),
            false => out.push(entry.path()),
        }
    }
    out
}

fn copy_tree(from: &std::path::Path, to: &std::path::Path) {
    for file in walk(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(&file, target).unwrap();
    }
}
