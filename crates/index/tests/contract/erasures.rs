//! What goes without leaving a name, and what is known of holdings by whoever decides that.

use index::{
    Erasure, HoldingRow, Index, NewCommitment, OpenedCommitment, Removal, RemovalHead, WhichHoldings,
};

use crate::Engine;
use crate::rows::{With, everything, id, insert, new, target};

async fn holdings(index: &dyn Index, which: WhichHoldings) -> Vec<HoldingRow> {
    index.holdings(&which, None, 100).await.unwrap()
}

/// Deletes, as a request of somebody does.
async fn delete(index: &dyn Index, what: &str) -> u64 {
    let (target, scope) = (target(what), everything());
    let found = index.removable(&scope, &target, 100).await.unwrap().unwrap();
    let sequence = index.last_sequence().await.unwrap() + 1;
    let head = RemovalHead {
        sequence,
        at: 1,
        custodian: found.custodian.clone(),
        principal: "token:administrator".into(),
        source: String::new(),
        reason: "CANARY asked".into(),
        study: target.study,
        series: target.series,
        instance: target.instance,
        count: found.instances.len() as u64,
        bytes: 1,
    };
    index.remove(Removal { head, instances: found.instances }).await.unwrap();
    sequence
}

pub async fn holdings_are_told_with_all_their_versions(engine: &mut dyn Engine) {
    let index = engine.open();
    let rows = vec![
        new("1.1", "1.1.1", "1.1.1.1").with(|new| {
            (new.study.patient_id, new.study.issuer) = ("P1".into(), "X".into());
            (new.received_at, new.length) = (100, 10);
        }),
        new("1.1", "1.1.1", "1.1.1.1").bytes(1).with(|new| {
            (new.study.patient_id, new.received_at, new.length) = ("P2".into(), 300, 20);
        }),
        new("1.1", "1.1.1", "1.1.1.1").of("clinic").with(|new| new.received_at = 200),
        new("1.2", "1.2.1", "1.2.1.1").with(|new| new.study.patient_id = "P2".into()),
        new("1.3", "1.3.1", "1.3.1.1").with(|new| new.study.patient_id = "P3".into()),
    ];
    insert(&*index, rows).await;
    let all = holdings(&*index, WhichHoldings::default()).await;
    let named = |rows: &[HoldingRow]| {
        rows.iter().map(|row| format!("{} {}", row.custodian, row.study)).collect::<Vec<_>>()
    };
    assert_eq!(named(&all), ["local 1.1", "clinic 1.1", "local 1.2", "local 1.3"]);
    let first = &all[0];
    assert_eq!((first.patient_id.as_str(), first.issuer.as_str(), first.two_patients), ("P1", "X", true));
    assert_eq!((first.newest, first.versions, first.bytes), (300, 2, 30));
    for (which, expected) in [
        (WhichHoldings { custodian: Some(id("clinic")), ..Default::default() }, vec!["clinic 1.1"]),
        (
            WhichHoldings { study: Some("1.1".parse().unwrap()), ..Default::default() },
            vec!["local 1.1", "clinic 1.1"],
        ),
        // Of two patients, of none, or of this one.
        (
            WhichHoldings { patient_id: Some("P3".into()), ..Default::default() },
            vec!["local 1.1", "clinic 1.1", "local 1.3"],
        ),
        (WhichHoldings { custodian: Some(id("nobody")), ..Default::default() }, vec![]),
    ] {
        assert_eq!(named(&holdings(&*index, which.clone()).await), expected, "{which:?}");
    }
    let page = index.holdings(&WhichHoldings::default(), Some(all[1].id), 1).await.unwrap();
    assert_eq!(named(&page), ["local 1.2"]);
    let versions = index.versions(first.id, None, 100).await.unwrap();
    assert_eq!(versions.iter().map(|one| one.instance.version).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(index.versions(first.id, Some(versions[0].row), 100).await.unwrap(), versions[1..]);
}

pub async fn an_erasure_leaves_numbers_alone(engine: &mut dyn Engine) {
    let index = engine.open();
    let canary = |study: &str, instance: &str| {
        new(study, "1.1.77777", instance).with(|new| {
            new.study.patient_id = "CANARY-ID".into();
            new.study.patient_name_folded = "CANARYNAME^X".into();
            new.metadata = [b"CANARY-METADATA ".repeat(1_000), vec![7; 9_000]].concat();
        })
    };
    let kept = new("1.2", "1.2.1", "1.2.1.1").with(|new| new.study.patient_name_folded = "KEPT^Y".into());
    let rows = vec![
        canary("1.1.88888", "1.1.99999.1"),
        canary("1.1.88888", "1.1.99999.2"),
        canary("1.1.88888", "1.1.99999.1").of("clinic"),
        kept.clone(),
    ];
    insert(&*index, rows).await;
    let commitment = |transaction: &str, named: &str| NewCommitment {
        principal: "aet:CT1".into(),
        transaction: transaction.into(),
        at: 1,
        request: format!("[\"{named}\"]").into_bytes(),
    };
    for (transaction, named) in [("2.1", "1.1.99999.1"), ("2.2", "1.2.1.1")] {
        let opened = index.open_commitment(commitment(transaction, named), 10).await.unwrap();
        assert!(matches!(opened, OpenedCommitment::New(_)));
    }
    // One was deleted before.
    let deletion = delete(&*index, "1.1.88888/1.1.77777/1.1.99999.2").await;
    let (local, study) = (id("local"), "1.1.88888".parse().unwrap());
    let before = index.deleted_before(Some(&local), &study).await.unwrap();
    assert_eq!(before.iter().map(|(removal, _)| *removal).collect::<Vec<_>>(), [deletion]);
    let which = WhichHoldings { custodian: Some(local.clone()), study: Some(study), ..Default::default() };
    let holding = holdings(&*index, which.clone()).await.remove(0);
    let versions = index.versions(holding.id, None, 100).await.unwrap();
    let erased = before.iter().map(|(_, one)| &one.instance).chain(versions.iter().map(|one| &one.instance));
    let erasure = Erasure {
        sequence: index.last_sequence().await.unwrap() + 1,
        versions: erased.clone().map(|one| one.sequence).collect(),
        instances: erased.map(|one| one.sop_instance).collect(),
    };
    index.erase(erasure.clone()).await.unwrap();
    let totals = index.totals().await.unwrap();
    // Doing it again changes nothing, and an index made again is told the numbers alone.
    index.erase(Erasure { instances: Default::default(), ..erasure.clone() }).await.unwrap();
    assert_eq!(index.totals().await.unwrap(), totals);
    assert_eq!((totals.studies, totals.instances), (2, 2), "the clinic's, and what else is here");
    assert!(holdings(&*index, which).await.is_empty());
    assert!(!index.was_here(&everything(), &target("1.1.88888/1.1.77777/1.1.99999.2")).await.unwrap());
    assert_eq!(index.removals(None, 100).await.unwrap(), []);
    assert_eq!(index.deleted_before(Some(&local), &study).await.unwrap(), []);
    assert_eq!(index.erasures().await.unwrap(), [erasure.sequence]);
    for sequence in &erasure.versions {
        assert!(index.is_removed(*sequence).await.unwrap(), "its file never becomes a row again");
    }
    assert!(!index.is_removed(kept.sequence).await.unwrap());
    assert!(index.last_sequence().await.unwrap() >= erasure.sequence);
    let pending = index.pending_commitments(0, 10).await.unwrap();
    assert_eq!(pending.len(), 1, "the other request is not touched");
    assert_eq!(index.check().await.unwrap(), Vec::<String>::new());

    // The other custodian's goes too: then nothing of the name is left in any byte of any file.
    let clinic =
        holdings(&*index, WhichHoldings { study: Some(study), ..Default::default() }).await.remove(0);
    let versions = index.versions(clinic.id, None, 100).await.unwrap();
    let rest = Erasure {
        sequence: index.last_sequence().await.unwrap() + 1,
        versions: versions.iter().map(|one| one.instance.sequence).collect(),
        instances: versions.iter().map(|one| one.instance.sop_instance).collect(),
    };
    index.erase(rest).await.unwrap();
    // Somebody goes on writing and reading meanwhile.
    let (scope, kept_study) = (everything(), target("1.2"));
    let (scrubbed, inserted, found) = tokio::join!(
        index.scrub(),
        index.insert(vec![new("1.4", "1.4.1", "1.4.1.1")]),
        index.instances(&scope, &kept_study, None, 10)
    );
    scrubbed.unwrap();
    assert_eq!((inserted.unwrap().len(), found.unwrap().len()), (1, 1));
    index.scrub().await.unwrap();
    for entry in std::fs::read_dir(engine.folder()).unwrap().flatten() {
        let bytes = std::fs::read(entry.path()).unwrap();
        for word in ["CANARY", "canaryname", "CANARYNAME", "1.1.99999", "1.1.88888", "1.1.77777"] {
            let at = bytes.windows(word.len()).position(|window| window == word.as_bytes());
            assert_eq!(at, None, "{word} is left in {}", entry.path().display());
        }
    }
    assert_eq!(index.instances(&everything(), &target("1.2"), None, 10).await.unwrap().len(), 1);
    assert_eq!(index.instances(&everything(), &target("1.4"), None, 10).await.unwrap().len(), 1);
    assert_eq!(index.check().await.unwrap(), Vec::<String>::new());
    insert(&*index, vec![new("1.5", "1.5.1", "1.5.1.1")]).await;
    let index = engine.crash(index);
    assert_eq!(index.totals().await.unwrap().instances, 3);
    assert_eq!(index.erasures().await.unwrap().len(), 2);
}
