//! What the archive promises about erasing and holds: whole or gone after a crash, nothing left that names it, and nothing at all
//! where a hold is.

#![allow(clippy::unwrap_used)] // a test may

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use access::{CustodianId, Holding, Principal};
use archive::{Config, Holds, Outcome, ReadErrorKind, Subject};
use support::{Bench, study, target};
use tempfile::TempDir;
use testkit::Instance;

const ID: &str = "CANARY-1";

fn canary(study: u32, number: u32) -> Instance {
    Instance { patient_id: ID.into(), patient_name: "CANARY^X".into(), ..Instance::new(study, 1, number) }
}

fn patient(issuer: Option<&str>) -> Subject {
    Subject::Patient { id: ID.into(), issuer: issuer.map(str::to_owned), custodian: None }
}

/// One hold, on a study or a patient, while its number is not 0.
#[derive(Debug, Default)]
struct OneHold {
    study: Option<String>,
    patient: Option<String>,
    number: AtomicI64,
}

impl OneHold {
    fn standing(&self, of: bool) -> Option<i64> {
        Some(self.number.load(Ordering::Relaxed)).filter(|number| of && *number != 0)
    }
}

impl Holds for OneHold {
    fn on_study(&self, holding: &Holding) -> Result<Option<i64>, String> {
        Ok(self.standing(self.study.as_deref() == Some(holding.study.as_str())))
    }

    fn on_patient(&self, _: &CustodianId, id: &str, _: &str) -> Result<Option<i64>, String> {
        Ok(self.standing(self.patient.as_deref() == Some(id)))
    }

    fn are_patients_held(&self, _: &CustodianId) -> Result<bool, String> {
        Ok(self.patient.is_some())
    }
}

/// Files below the data folder with this word in a byte or in their name.
fn found(bench: &Bench, word: &str) -> Vec<String> {
    let files = bench.files("");
    let has = |file: &std::path::PathBuf| {
        let bytes = std::fs::read(file).unwrap_or_default();
        file.to_string_lossy().contains(word)
            || bytes.windows(word.len()).any(|window| window == word.as_bytes())
    };
    files.iter().filter(|file| has(file)).map(|file| file.display().to_string()).collect()
}

#[tokio::test]
async fn a_crash_after_the_order_leaves_nothing_in_sight_and_it_goes_on() {
    let who = Principal::console();
    let bench = Bench::new().await;
    for instance in [canary(1, 1), canary(1, 2), canary(2, 1), Instance::new(3, 1, 1)] {
        bench.store(&instance.part10()).await.unwrap();
    }
    let version = Instance { shade: 999, ..canary(1, 1) };
    assert_eq!(bench.store(&version.part10()).await.unwrap().outcome(), Outcome::NewVersion(2));
    // Of two patients: only theirs goes.
    for instance in [Instance::new(4, 1, 1), canary(4, 2)] {
        bench.store(&instance.part10()).await.unwrap();
    }
    let told = bench.archive.erasable(&who, &patient(None)).await.unwrap();
    let counts: Vec<_> = told.iter().map(|holding| (holding.versions, holding.part)).collect();
    assert_eq!(counts, [(3, false), (1, false), (1, true)]);
    assert_eq!(bench.archive.pending_erasures().await.unwrap(), [], "nothing was done");
    let erasure = bench.archive.order_erasure(&who, &patient(Some("")), "asked").await.unwrap();
    assert_eq!((erasure.count(), erasure.holdings.len()), (5, 3));

    // The process ends here.
    let bench = bench.reopen().await;
    let kind = async |what| bench.archive.instances(&who, what).await.map(drop).map_err(|error| error.kind());
    for gone in [canary(1, 1), canary(1, 2), canary(2, 1), canary(4, 2)] {
        assert_eq!(kind(target(&gone)).await, Err(ReadErrorKind::NotFound), "as if it had never been");
    }
    for stays in [Instance::new(3, 1, 1), Instance::new(4, 1, 1)] {
        assert_eq!(kind(target(&stays)).await, Ok(()));
    }
    let pending = bench.archive.pending_erasures().await.unwrap();
    assert_eq!(pending, std::slice::from_ref(&erasure));
    for _ in 0..2 {
        bench.archive.carry_out(&who, &erasure, |_| ()).await.unwrap();
    }
    for _ in 0..2 {
        bench.archive.end_erasure(&who, &erasure).await.unwrap();
    }
    assert_eq!(bench.archive.pending_erasures().await.unwrap(), []);
    for word in ["CANARY", &canary(1, 1).study, &canary(2, 1).series] {
        // Study 1's UID is the beginning of no other's.
        assert_eq!(found(&bench, word), Vec::<String>::new(), "{word}");
    }
    let report = bench.archive.verify(&who, |_, _| ()).await.unwrap();
    assert_eq!((report.problems, report.sound), (vec![], 2));
    assert!(
        bench.archive.order_erasure(&who, &patient(None), "again").await.is_err(),
        "there is nothing more"
    );
}

#[tokio::test]
async fn what_is_held_is_neither_deleted_nor_erased_nor_expired() {
    let who = Principal::console();
    for held in [
        OneHold { study: Some(canary(1, 1).study), ..OneHold::default() },
        OneHold { patient: Some(ID.into()), ..OneHold::default() },
    ] {
        let hold = Arc::new(held);
        hold.number.store(7, Ordering::Relaxed);
        let config = Config { holds: Some(hold.clone()), ..Config::default() };
        let bench = Bench::open_with(TempDir::new().unwrap(), config).await;
        // The patient is the second of the study: each instance is looked at.
        for instance in [Instance::new(1, 1, 2), canary(1, 1)] {
            bench.store(&instance.part10()).await.unwrap();
        }
        let local = CustodianId::local();
        let uid = canary(1, 1).study.parse().unwrap();
        let subject = Subject::Study { study: uid, custodian: None };
        let refused = [
            bench.archive.remove(&who, &target(&Instance::new(1, 1, 2)), "", "").await.map(drop),
            bench.archive.remove(&who, &study(&canary(1, 1)), "", "").await.map(drop),
            bench.archive.order_erasure(&who, &subject, "").await.map(drop),
            bench.archive.expire(&who, &local, &uid, i64::MAX, "", "").await.map(drop),
        ];
        for refused in refused {
            assert_eq!(refused.map_err(|error| error.kind()), Err(ReadErrorKind::Held), "{hold:?}");
        }
        assert_eq!(bench.archive.hold_on(&who, &local, &uid).await.unwrap(), Some(7));
        assert_eq!(bench.archive.totals().await.unwrap().instances, 2);
        hold.number.store(0, Ordering::Relaxed);
        // One that is not old enough stays, too.
        let young = bench.archive.expire(&who, &local, &uid, 0, "", "").await.map(drop);
        assert_eq!(young.map_err(|error| error.kind()), Err(ReadErrorKind::NotFound));
        let age = bench.archive.ages(&who, None, 10).await.unwrap().remove(0);
        bench.archive.expire(&who, &local, &uid, age.newest, "retention", "113039").await.unwrap();
        assert_eq!(bench.archive.totals().await.unwrap().instances, 0);
    }
}
