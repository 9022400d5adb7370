//! What the archive promises about storage commitment: a yes after a look, each principal for itself, over a restart.

#![allow(clippy::unwrap_used)] // a test may

mod support;

use std::time::Duration;

use access::{CustodianId, Door, Principal, Reach, Rights};
use archive::{Commitment, CommitmentError, Config, Failure, Reference};
use model::Uid;
use support::{Bench, target};
use tempfile::TempDir;
use testkit::Instance;

fn reference(slice: &Instance) -> Reference {
    Reference {
        sop_class: slice.sop_class().parse().unwrap(),
        sop_instance: slice.sop_instance.parse().unwrap(),
        place: None,
    }
}

fn uid(text: &str) -> Uid {
    text.parse().unwrap()
}

fn who(name: &str, rights: Rights, reach: Reach) -> Principal {
    Principal::new(Door::Token, name, CustodianId::local(), rights, reach)
}

async fn bench(config: Config) -> Bench {
    let bench = Bench::open_with(TempDir::new().unwrap(), config).await;
    for number in 1..=3 {
        bench.store(&Instance::new(1, 1, number).part10()).await.unwrap();
    }
    bench
}

/// The failures of a result, in its order.
async fn failures(bench: &Bench, who: &Principal, transaction: &str) -> Vec<Option<Failure>> {
    let done = async {
        loop {
            match bench.archive.commitment(who, &uid(transaction)).await.unwrap() {
                Commitment::Done(verdicts) => {
                    return verdicts.iter().map(|verdict| verdict.failure).collect();
                }
                Commitment::Pending => tokio::task::yield_now().await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), done).await.unwrap()
}

#[tokio::test]
async fn dimse_044_each_reference_has_its_verdict() {
    let bench = bench(Config::default()).await;
    let me = Principal::console();
    let held = reference(&Instance::new(1, 1, 1));
    let elsewhere = Some((uid("1.2").into(), uid("1.2.3").into()));
    let home = target(&Instance::new(1, 1, 2));
    let wanted = vec![
        held.clone(),
        Reference { place: Some((home.study, home.series.unwrap())), ..reference(&Instance::new(1, 1, 2)) },
        Reference { place: elsewhere, ..reference(&Instance::new(1, 1, 3)) },
        reference(&Instance::new(9, 1, 1)),
        Reference {
            sop_class: "1.2.840.10008.5.1.4.1.1.4".parse().unwrap(),
            ..reference(&Instance::new(1, 1, 3))
        },
    ];
    bench.archive.request_commitment(&me, &uid("1.9.1"), wanted.clone()).await.unwrap();
    let expected = [
        None,
        None,
        Some(Failure::NoSuchInstance),
        Some(Failure::NoSuchInstance),
        Some(Failure::ClassConflict),
    ];
    assert_eq!(failures(&bench, &me, "1.9.1").await, expected);
    let Commitment::Done(verdicts) = bench.archive.commitment(&me, &uid("1.9.1")).await.unwrap() else {
        panic!("not done")
    };
    let asked: Vec<_> = verdicts.into_iter().map(|verdict| verdict.reference).collect();
    assert_eq!(asked, wanted, "what was asked for, in its order");
}

#[tokio::test]
async fn each_principal_has_its_own() {
    let bench = bench(Config { commitment_requests: 2, commitment_instances: 2, ..Config::default() }).await;
    let held = || vec![reference(&Instance::new(1, 1, 1))];
    let local = Reach::custodians(vec![CustodianId::local()]);
    let sender = who("sender", Rights::STORE_ONLY, local.clone());
    let foreign =
        who("foreign", Rights::STORE_AND_READ, Reach::custodians(vec!["elsewhere".parse().unwrap()]));
    for (who, expected) in [(&sender, None), (&foreign, Some(Failure::NoSuchInstance))] {
        bench.archive.request_commitment(who, &uid("1.9.1"), held()).await.unwrap();
        assert_eq!(failures(&bench, who, "1.9.1").await, [expected], "{who}");
    }
    let ask = async |who: &Principal, transaction: &str, wanted| {
        bench.archive.request_commitment(who, &uid(transaction), wanted).await.unwrap_err()
    };
    assert!(matches!(ask(&sender, "1.9.1", held()).await, CommitmentError::Used));
    let three = (1..=3).map(|n| reference(&Instance::new(1, 1, n))).collect();
    assert!(matches!(ask(&sender, "1.9.2", three).await, CommitmentError::TooLarge(2)));
    bench.archive.request_commitment(&sender, &uid("1.9.2"), held()).await.unwrap();
    assert!(matches!(ask(&sender, "1.9.3", held()).await, CommitmentError::TooMany(2)));
    let nobody = who("nobody", Rights { store: false, read: false, remove: false, administer: true }, local);
    assert!(matches!(ask(&nobody, "1.9.1", held()).await, CommitmentError::Denied(_)));
    let unknown = bench.archive.commitment(&foreign, &uid("1.9.2")).await.unwrap_err();
    assert!(matches!(unknown, CommitmentError::NotFound));
}

/// DIMSE-045: what was taken and not answered when the process ended is answered by the next.
#[tokio::test]
async fn a_restart_goes_on() {
    let asked_and_closed = Config { commitment_wait: Duration::ZERO, ..Config::default() };
    let bench = bench(asked_and_closed).await;
    let me = Principal::console();
    let wanted: Vec<_> = (1..=3).map(|n| reference(&Instance::new(1, 1, n))).collect();
    for transaction in 1..=5 {
        bench
            .archive
            .request_commitment(&me, &uid(&format!("1.9.{transaction}")), wanted.clone())
            .await
            .unwrap();
    }
    let bench = bench.reopen().await;
    for transaction in 1..=5 {
        assert_eq!(failures(&bench, &me, &format!("1.9.{transaction}")).await, [None; 3]);
    }
}

#[tokio::test]
async fn results_expire() {
    let bench = bench(Config { commitment_keep: Duration::ZERO, ..Config::default() }).await;
    let me = Principal::console();
    let wanted = vec![reference(&Instance::new(1, 1, 1))];
    let first = bench.archive.request_commitment(&me, &uid("1.9.1"), wanted).await;
    // It may be done within the millisecond in which it came.
    assert!(matches!(first, Ok(_) | Err(CommitmentError::Expired)), "{first:?}");
    let expired = async {
        while !matches!(bench.archive.commitment(&me, &uid("1.9.1")).await, Err(CommitmentError::Expired)) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), expired).await.unwrap();
}
