//! What the archive promises about bit rot: no wrong byte is given out, the instance is taken out of service, and the same
//! bytes bring it back.

#![allow(clippy::unwrap_used)] // a test may

mod support;

use std::path::PathBuf;

use access::Principal;
use archive::{Form, Outcome, ReadErrorKind, Target};
use support::{Bench, data_set, target};
use testkit::Instance;

/// Some 130 KB, so that it has three chunks.
fn slice(number: u32) -> Instance {
    Instance { size: 256, ..Instance::new(1, 1, number) }
}

/// A bench with two placed instances, the file of the first damaged.
async fn damaged(damage: impl Fn(&mut Vec<u8>)) -> Bench {
    let bench = Bench::new().await;
    for number in [1, 2] {
        bench.store(&slice(number).part10()).await.unwrap();
    }
    let folder = bench.close().await;
    let file = folder.path().join(key(&slice(1)));
    let mut bytes = std::fs::read(&file).unwrap();
    damage(&mut bytes);
    std::fs::write(&file, bytes).unwrap();
    Bench::open(folder).await
}

fn key(slice: &Instance) -> PathBuf {
    ["studies", &slice.study, &slice.series, &format!("{}.dcm", slice.sop_instance)].iter().collect()
}

async fn kind(bench: &Bench, what: &Instance) -> Option<ReadErrorKind> {
    bench.fetch(target(what), Form::AsStored).await.err().map(|error| error.kind())
}

/// What is looked at behind an answer is looked at by now.
async fn settled(bench: &Bench) {
    let looked_at = async {
        while bench.path().join(key(&slice(1))).exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), looked_at).await.unwrap();
}

#[tokio::test]
async fn r6_a_damaged_instance_leaves_service_and_heals() {
    let last = |bytes: &mut Vec<u8>| {
        let at = bytes.len() - 10;
        bytes[at] ^= 0x40;
    };
    let cut = |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() - 5_000);
    let first = |bytes: &mut Vec<u8>| bytes[1_024 + 300] ^= 1;
    for (name, damage) in [("last chunk", last as fn(&mut Vec<u8>)), ("cut", cut), ("first chunk", first)] {
        let bench = damaged(damage).await;
        assert_eq!(kind(&bench, &slice(1)).await, Some(ReadErrorKind::Damaged), "{name}");
        settled(&bench).await;
        // Out of service: told so without reading, the other is fine, and the bytes are kept for people.
        assert_eq!(kind(&bench, &slice(1)).await, Some(ReadErrorKind::Damaged));
        assert_eq!(kind(&bench, &slice(2)).await, None);
        let kept = bench.files("quarantine");
        assert_eq!(kept.len(), 2, "{kept:?}");
        let bench = bench.reopen().await;
        assert_eq!(kind(&bench, &slice(1)).await, Some(ReadErrorKind::Damaged));
        let report = bench.archive.verify(&Principal::console(), |_, _| ()).await.unwrap();
        assert_eq!((report.problems.len(), report.hidden.damaged), (1, 1));
        assert!(report.problems[0].why.contains("quarantine"), "{:?}", report.problems);
        // Other bytes are a version and heal nothing; the same ones do.
        let other = Instance { shade: 9, ..slice(1) };
        assert_eq!(bench.store(&other.part10()).await.unwrap().outcome(), Outcome::NewVersion(2));
        assert_eq!(kind(&bench, &slice(1)).await, Some(ReadErrorKind::Damaged));
        assert_eq!(bench.store(&slice(1).part10()).await.unwrap().outcome(), Outcome::Same);
        for _ in 0..2 {
            let back = bench.fetch(target(&slice(1)), Form::AsStored).await.unwrap();
            assert_eq!(data_set(&back), slice(1).data_set(), "{name}");
        }
        let bench = bench.reopen().await;
        assert!(bench.path().join(key(&slice(1))).exists());
        let report = bench.archive.verify(&Principal::console(), |_, _| ()).await.unwrap();
        assert!(report.is_sound() && report.hidden.damaged == 0, "{:?}", report.problems);
    }
}

#[tokio::test]
async fn a_lost_file_is_damage_too() {
    let bench = damaged(|_| ()).await;
    std::fs::remove_file(bench.path().join(key(&slice(1)))).unwrap();
    let report = bench.archive.verify(&Principal::console(), |_, _| ()).await.unwrap();
    assert_eq!(report.problems.len(), 1);
    assert_eq!(bench.archive.hidden().await.unwrap().damaged, 1);
    // Without the mark the sender would be told that it is here already, and nothing would be kept.
    assert_eq!(bench.store(&slice(1).part10()).await.unwrap().outcome(), Outcome::Same);
    assert_eq!(kind(&bench, &slice(1)).await, None);
    let bench = bench.reopen().await;
    assert_eq!(kind(&bench, &slice(1)).await, None);
}

/// A backup is made of what is there; what is damaged is left out and does not stop it.
#[tokio::test]
async fn a_backup_leaves_damaged_instances_out() {
    let bench = damaged(|bytes| bytes[2_000] ^= 1).await;
    let who = Principal::console();
    bench.archive.verify(&who, |_, _| ()).await.unwrap();
    let to = tempfile::tempdir().unwrap();
    let copy = to.path().join("overread.db");
    bench.archive.backup_index(&who, &copy).await.unwrap();
    let copied = support::open_index(&copy);
    let report = bench.archive.backup_files(&who, copied.as_ref(), to.path(), |_, _| ()).await.unwrap();
    assert_eq!((report.instances, report.damaged), (1, 1));
    drop(copied);
    let restored = Bench::open(to).await;
    assert_eq!(kind(&restored, &slice(2)).await, None);
    assert_eq!(kind(&restored, &slice(1)).await, Some(ReadErrorKind::Damaged));
}

/// A version is an instance of its own: damage to one says nothing about the other, and deleting takes both.
#[tokio::test]
async fn versions_are_damaged_apart() {
    let bench = damaged(|_| ()).await;
    let other = Instance { shade: 9, ..slice(1) };
    bench.store(&other.part10()).await.unwrap();
    let bench = bench.reopen().await;
    let versioned =
        bench.files("studies").into_iter().find(|file| file.to_string_lossy().contains(".v2.")).unwrap();
    let mut bytes = std::fs::read(&versioned).unwrap();
    bytes[3_000] ^= 1;
    std::fs::write(&versioned, bytes).unwrap();
    bench.archive.verify(&Principal::console(), |_, _| ()).await.unwrap();
    assert_eq!(kind(&bench, &slice(1)).await, None);
    let second = Target { version: Some(2), ..target(&other) };
    let refused = bench.fetch(second, Form::AsStored).await.unwrap_err();
    assert_eq!(refused.kind(), ReadErrorKind::Damaged);
    let removed = bench.archive.remove(&Principal::console(), &target(&other), "", "").await.unwrap();
    assert_eq!(removed.record().count, 2);
    let bench = bench.reopen().await;
    assert_eq!(bench.archive.hidden().await.unwrap().damaged, 0);
    assert_eq!(bench.files("studies").len(), 2, "not purged yet: the other slice and version 1");
}
