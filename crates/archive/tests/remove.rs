//! What the archive promises about deleting: gone from every door at once, never half, on record, and complete after a
//! crash between any two steps.

#![allow(clippy::unwrap_used)] // a test may

mod support;

use std::path::Path;
use std::time::Duration;

use access::{CustodianId, Door, Principal, Reach, Rights};
use archive::{Archive, Config, Form, Include, Level, Outcome, Query, ReadErrorKind, Target, rebuild};
use blob::Blobs;
use support::{Bench, data_set, open_index, series, study, target};
use tempfile::TempDir;
use testkit::Instance;

/// Bytes go as soon as they may.
fn at_once() -> Config {
    Config { purge_after: Duration::ZERO, ..Config::default() }
}

/// Bytes stay for the whole test.
fn much_later() -> Config {
    Config { purge_after: Duration::from_secs(86_400), ..Config::default() }
}

async fn open(config: Config) -> Bench {
    Bench::open_with(TempDir::new().unwrap(), config).await
}

async fn remove(archive: &Archive, target: &Target) -> Result<u64, ReadErrorKind> {
    let removed = archive.remove(&Principal::console(), target, "192.0.2.7", "sent by mistake").await;
    removed.map(|done| done.record().count).map_err(|error| error.kind())
}

async fn kind(bench: &Bench, target: Target) -> Option<ReadErrorKind> {
    let metadata = bench.archive.metadata(&Principal::console(), target.clone()).await.map(|_| ());
    let instances = bench.archive.instances(&Principal::console(), target).await.map(|_| ());
    assert_eq!(metadata.as_ref().err().map(|e| e.kind()), instances.as_ref().err().map(|e| e.kind()));
    instances.err().map(|error| error.kind())
}

/// What searches say: every study with its counts and attributes, every series, every instance.
async fn answers(archive: &Archive) -> Vec<String> {
    let mut said = Vec::new();
    for level in [Level::Study, Level::Series, Level::Instance] {
        let query = Query {
            level,
            study: None,
            series: None,
            matches: Vec::new(),
            creators: Default::default(),
            zone: None,
            include: Include::All,
            limit: None,
            offset: 0,
        };
        let page = archive.search(&Principal::console(), query).await.unwrap();
        said.extend(page.results.iter().map(|r| String::from_utf8_lossy(&r.json).into_owned()));
    }
    said
}

/// A new index from the files of a closed archive.
async fn rebuilt(folder: &Path) -> archive::RebuildReport {
    let (blobs, _) = Blobs::open(folder, blob::Limits::default()).unwrap();
    for name in ["overread.db", "overread.db-wal", "overread.db-shm"] {
        let _ = std::fs::remove_file(folder.join(name));
    }
    let index = open_index(&folder.join("overread.db"));
    rebuild(&Config::default(), &blobs, index.as_ref(), |_, _| ()).await.unwrap()
}

#[tokio::test]
async fn gone_at_each_level_and_known_as_deleted() {
    for (what, count, left) in [
        (study(&Instance::new(1, 1, 1)), 4, 2),
        (series(&Instance::new(1, 1, 1)), 3, 3),
        (target(&Instance::new(1, 1, 1)), 2, 4),
    ] {
        let bench = open(at_once()).await;
        for (study, series, number) in [(1, 1, 1), (1, 1, 2), (1, 2, 1), (2, 1, 1), (2, 1, 2)] {
            bench.store(&Instance::new(study, series, number).part10()).await.unwrap();
        }
        let other = Instance { shade: 999, ..Instance::new(1, 1, 1) };
        assert_eq!(bench.store(&other.part10()).await.unwrap().outcome(), Outcome::NewVersion(2));
        assert_eq!(remove(&bench.archive, &what).await, Ok(count), "{what:?}");
        assert_eq!(kind(&bench, what.clone()).await, Some(ReadErrorKind::Gone), "WADO-037");
        let version = Target { version: Some(2), ..target(&other) };
        assert_eq!(kind(&bench, version).await, Some(ReadErrorKind::Gone), "no version is left");
        assert_eq!(remove(&bench.archive, &what).await, Err(ReadErrorKind::Gone));
        assert_eq!(bench.archive.totals().await.unwrap().instances, left);
        assert_eq!(kind(&bench, study(&Instance::new(2, 1, 1))).await, None);
        let said = answers(&bench.archive).await;
        let bench = bench.reopen().await;
        assert_eq!(answers(&bench.archive).await, said);
        assert_eq!(kind(&bench, what).await, Some(ReadErrorKind::Gone));
        let report = bench.archive.verify(&Principal::console(), |_, _| ()).await.unwrap();
        assert!(report.is_sound(), "{:?}", report.problems);
        assert_eq!((report.hidden.removals, report.hidden.removed), (1, count));
        assert_eq!(report.hidden.unpurged, 0, "R14: the bytes are gone");
        assert_eq!(bench.files("studies").len() as u64, 6 - count);
    }
}

#[tokio::test]
async fn who_may_and_what_is_there_to_delete() {
    let bench = open(at_once()).await;
    let slice = Instance::new(1, 1, 1);
    bench.store(&slice.part10()).await.unwrap();
    let principal = |rights, reach| Principal::new(Door::Token, "t", CustodianId::local(), rights, reach);
    let elsewhere = Reach::custodians(vec!["elsewhere".parse().unwrap()]);
    let unknown = study(&Instance::new(7, 1, 1));
    let version = Target { version: Some(1), ..target(&slice) };
    use ReadErrorKind::{BadRequest, Denied, NotFound};
    for (rights, reach, target, expected) in [
        (Rights::STORE_AND_READ, Reach::Everything, study(&slice), Denied),
        (Rights::STORE_ONLY, Reach::Everything, unknown.clone(), Denied),
        (Rights::ALL, elsewhere.clone(), study(&slice), NotFound),
        (Rights::ALL, Reach::Everything, unknown, NotFound),
        (Rights::ALL, Reach::Everything, version, BadRequest),
    ] {
        let refused = bench.archive.remove(&principal(rights, reach), &target, "", "").await;
        assert_eq!(refused.unwrap_err().kind(), expected, "{target:?}");
    }
    assert_eq!(kind(&bench, study(&slice)).await, None);
    assert_eq!(bench.files("removed").len(), 0, "what was refused left no record");
    remove(&bench.archive, &study(&slice)).await.unwrap();
    let foreign = principal(Rights::ALL, elsewhere);
    let seen = bench.archive.metadata(&foreign, study(&slice)).await.map(|_| ());
    assert_eq!(seen.unwrap_err().kind(), NotFound, "outside the scope nothing was ever there");
}

/// A deletion takes everything or is refused: too much at once is not begun.
#[tokio::test]
async fn more_than_the_limit_is_refused_whole() {
    let bench = open(Config { remove_max: 2, ..at_once() }).await;
    let slices: Vec<_> = (1..=3).map(|n| Instance::new(1, 1, n)).collect();
    for slice in &slices {
        bench.store(&slice.part10()).await.unwrap();
    }
    assert_eq!(remove(&bench.archive, &study(&slices[0])).await, Err(ReadErrorKind::Unprocessable));
    assert_eq!(bench.archive.totals().await.unwrap().instances, 3);
    assert_eq!(remove(&bench.archive, &target(&slices[0])).await, Ok(1));
    assert_eq!(remove(&bench.archive, &study(&slices[0])).await, Ok(2));
}

/// An explicit deletion does not forbid: the same may be stored again, is new then, and is not what is purged.
#[tokio::test]
async fn what_comes_again_is_new() {
    for config in [at_once(), much_later()] {
        let slice = Instance::new(1, 1, 1);
        let other = Instance { shade: 7_000, ..slice.clone() };
        let bench = open(config).await;
        bench.store(&slice.part10()).await.unwrap();
        // Placed, so that its final name is taken.
        let bench = Bench::open_with(bench.close().await, much_later()).await;
        remove(&bench.archive, &study(&slice)).await.unwrap();
        assert_eq!(bench.store(&other.part10()).await.unwrap().outcome(), Outcome::New);
        // Its place is made free for it, whatever is purged when.
        let bench = Bench::open_with(bench.close().await, at_once()).await;
        let bench = bench.reopen().await;
        let back = bench.fetch(target(&slice), Form::AsStored).await.unwrap();
        assert_eq!(data_set(&back), other.data_set());
        assert_eq!(bench.archive.spooled(), (0, 0));
        assert_eq!(bench.files("studies").len(), 1);
        let report = bench.archive.verify(&Principal::console(), |_, _| ()).await.unwrap();
        assert!(report.is_sound(), "{:?}", report.problems);
        // And goes as often as it came.
        assert_eq!(remove(&bench.archive, &study(&slice)).await, Ok(1));
        assert_eq!(bench.store(&slice.part10()).await.unwrap().outcome(), Outcome::New);
        let folder = bench.close().await;
        assert_eq!(rebuilt(folder.path()).await.instances, 1);
        let bench = Bench::open(folder).await;
        let back = bench.fetch(target(&slice), Form::AsStored).await.unwrap();
        assert_eq!(data_set(&back), slice.data_set());
    }
}

/// R14: a crash between any two steps leaves all of it or nothing. Each state is made by hand, from the states on both
/// sides of the step.
#[tokio::test]
async fn a_crash_between_any_two_steps_leaves_it_whole_or_gone() {
    let slices: Vec<_> = (1..=5).map(|n| Instance::new(1, 1, n)).collect();
    for placed in [false, true] {
        let before = TempDir::new().unwrap();
        let after = TempDir::new().unwrap();
        let bench = open(much_later()).await;
        for slice in &slices {
            bench.store(&slice.part10()).await.unwrap();
        }
        let bench = if placed { Bench::open_with(bench.close().await, much_later()).await } else { bench };
        copy(bench.path(), before.path());
        assert_eq!(remove(&bench.archive, &study(&slices[0])).await, Ok(5));
        copy(bench.path(), after.path());
        drop(bench);
        let record = only_file(&after.path().join("removed"));
        // (files of, index of, the record), and what must be found.
        for (files, index, record_there, gone) in [
            (before.path(), before.path(), Record::None, false),
            (before.path(), before.path(), Record::HalfWritten, false),
            (before.path(), before.path(), Record::Whole, true),
            (after.path(), after.path(), Record::Whole, true),
        ] {
            let folder = TempDir::new().unwrap();
            copy(files, folder.path());
            copy_index(index, folder.path());
            let at = folder.path().join("removed");
            std::fs::create_dir_all(&at).unwrap();
            let name = record.file_name().unwrap();
            let _ = std::fs::remove_file(at.join(name));
            match record_there {
                Record::None => {}
                Record::HalfWritten => {
                    let half = &std::fs::read(&record).unwrap()[..200];
                    std::fs::write(at.join(format!("{}.part", name.display())), half).unwrap();
                }
                Record::Whole => drop(std::fs::copy(&record, at.join(name)).unwrap()),
            }
            let mut bench = Bench::open_with(folder, at_once()).await;
            let expected = gone.then_some(ReadErrorKind::Gone);
            // Again and again: recovery may be broken off too.
            for _ in 0..2 {
                assert_eq!(
                    kind(&bench, study(&slices[0])).await,
                    expected,
                    "{record_there:?} placed {placed}"
                );
                let held = bench.archive.totals().await.unwrap().instances;
                assert_eq!(held, if gone { 0 } else { 5 }, "never half");
                bench = Bench::open_with(bench.close().await, at_once()).await;
            }
            assert_eq!(bench.files("studies").len(), if gone { 0 } else { 5 });
            assert_eq!(bench.archive.spooled(), (0, 0));
            let report = bench.archive.verify(&Principal::console(), |_, _| ()).await.unwrap();
            assert!(report.is_sound(), "{:?}", report.problems);
            // What is stored now comes behind it.
            assert_eq!(
                bench.store(&slices[0].part10()).await.unwrap().outcome(),
                if gone { Outcome::New } else { Outcome::Same }
            );
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Record {
    None,
    HalfWritten,
    Whole,
}

/// The index lost: made again from the files it says the same as before, purged or not, and still knows what was deleted.
#[tokio::test]
async fn a_rebuild_says_the_same() {
    for config in [at_once(), much_later()] {
        let bench = open(config).await;
        // The first instance of its study and series has other attributes than the second, and goes.
        let first = Instance {
            patient_name: "Wrong^Patient".into(),
            patient_id: "WRONG".into(),
            ..Instance::new(1, 1, 1)
        };
        let second = Instance::new(1, 1, 2);
        let third = Instance::new(1, 2, 1);
        let whole = Instance::new(2, 1, 1);
        for slice in [&first, &second, &third, &whole] {
            bench.store(&slice.part10()).await.unwrap();
        }
        remove(&bench.archive, &target(&first)).await.unwrap();
        remove(&bench.archive, &study(&whole)).await.unwrap();
        let said = answers(&bench.archive).await;
        assert!(!said.iter().any(|json| json.contains("Wrong")), "attributes follow the first that is left");
        let folder = bench.close().await;
        let report = rebuilt(folder.path()).await;
        assert_eq!((report.instances, report.deletions, report.problems.len()), (2, 2, 0));
        let bench = Bench::open_with(folder, at_once()).await;
        assert_eq!(answers(&bench.archive).await, said);
        for what in [target(&first), study(&whole)] {
            assert_eq!(kind(&bench, what).await, Some(ReadErrorKind::Gone));
        }
        let bench = bench.reopen().await;
        let report = bench.archive.verify(&Principal::console(), |_, _| ()).await.unwrap();
        assert!(report.is_sound(), "{:?}", report.problems);
        assert_eq!((report.hidden.removals, report.hidden.unpurged), (2, 0));
        assert_eq!(bench.files("studies").len(), 2);
    }
}

/// A backup is of what is there: it keeps deletions, and what an earlier backup had of them goes.
#[tokio::test]
async fn a_backup_keeps_deletions() {
    let bench = open(much_later()).await;
    let (stays, goes) = (Instance::new(1, 1, 1), Instance::new(2, 1, 1));
    for slice in [&stays, &goes] {
        bench.store(&slice.part10()).await.unwrap();
    }
    let to = TempDir::new().unwrap();
    let who = Principal::console();
    for deleted in [false, true] {
        if deleted {
            remove(&bench.archive, &study(&goes)).await.unwrap();
        }
        let copy = to.path().join("overread.db");
        let _ = std::fs::remove_file(&copy);
        bench.archive.backup_index(&who, &copy).await.unwrap();
        if deleted {
            // Between the copy of the index and that of the files one more goes.
            remove(&bench.archive, &study(&stays)).await.unwrap();
            bench.store(&stays.part10()).await.unwrap();
        }
        let copied = open_index(&copy);
        bench.archive.backup_files(&who, copied.as_ref(), to.path(), |_, _| ()).await.unwrap();
    }
    let restored = Bench::open(to).await;
    assert_eq!(kind(&restored, study(&goes)).await, Some(ReadErrorKind::Gone));
    assert_eq!(
        kind(&restored, study(&stays)).await,
        Some(ReadErrorKind::Gone),
        "what came later is not in it"
    );
    assert_eq!(restored.files("studies").len(), 0);
    let report = restored.archive.verify(&who, |_, _| ()).await.unwrap();
    assert!(report.is_sound(), "{:?}", report.problems);
    assert_eq!(report.hidden.removals, 2);
}

/// Stores and deletions of the same study at once: each is whole, in some order, and the counts agree.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn stores_and_deletions_at_once() {
    let bench = open(at_once()).await;
    let slices: Vec<_> = (1..=20).map(|n| Instance::new(1, 1, n)).collect();
    let storing = async {
        for slice in slices.iter().chain(&slices) {
            bench.store(&slice.part10()).await.unwrap();
        }
    };
    let deleting = async {
        let mut gone = 0;
        for slice in slices.iter().cycle().take(60) {
            gone += remove(&bench.archive, &target(slice)).await.unwrap_or(0);
            tokio::task::yield_now().await;
        }
        gone
    };
    tokio::join!(storing, deleting);
    let said = answers(&bench.archive).await;
    let bench = Bench::open_with(bench.close().await, at_once()).await;
    assert_eq!(answers(&bench.archive).await, said);
    let bench = bench.reopen().await;
    let report = bench.archive.verify(&Principal::console(), |_, _| ()).await.unwrap();
    assert!(report.is_sound(), "{:?}", report.problems);
    assert_eq!(report.hidden.unpurged, 0);
    let folder = bench.close().await;
    rebuilt(folder.path()).await;
    let bench = Bench::open(folder).await;
    assert_eq!(answers(&bench.archive).await, said);
}

/// A record that cannot be read is not passed over: what it deleted would come back.
#[tokio::test]
async fn a_damaged_record_is_reported() {
    let bench = open(much_later()).await;
    let slice = Instance::new(1, 1, 1);
    bench.store(&slice.part10()).await.unwrap();
    remove(&bench.archive, &study(&slice)).await.unwrap();
    let record = only_file(&bench.path().join("removed"));
    let mut bytes = std::fs::read(&record).unwrap();
    bytes[40] ^= 0x04;
    std::fs::write(&record, bytes).unwrap();
    let report = bench.archive.verify(&Principal::console(), |_, _| ()).await.unwrap();
    assert!(report.problems.iter().any(|problem| problem.what.starts_with("removed/")), "{report:?}");
    let folder = bench.close().await;
    let (blobs, _) = Blobs::open(folder.path(), blob::Limits::default()).unwrap();
    let index = open_index(&folder.path().join("new.db"));
    let refused = rebuild(&Config::default(), &blobs, index.as_ref(), |_, _| ()).await;
    assert!(refused.unwrap_err().to_string().contains("removed/"));
}

fn only_file(folder: &Path) -> std::path::PathBuf {
    let mut files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let file = files.next().unwrap();
    assert!(files.next().is_none());
    file
}

/// A copy as a crash would leave it: hard links become files of their own, which nothing here minds.
fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else if entry.file_name() != "lock" {
            // A spool file or log may go while it is being looked at.
            let _ = std::fs::copy(entry.path(), target);
        }
    }
}

fn copy_index(from: &Path, to: &Path) {
    for name in ["overread.db", "overread.db-wal"] {
        let _ = std::fs::remove_file(to.join(name));
        if from.join(name).exists() {
            std::fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
    let _ = std::fs::remove_file(to.join("overread.db-shm"));
}
