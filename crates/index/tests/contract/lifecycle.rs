//! From the spool to the final place, crashes, backups, many writers.

use std::sync::Arc;

use index::{Inserted, Level, Location, RowId, Target, Totals};

use crate::Engine;
use crate::rows::{With, everything, filter, insert, new, search, target, uids};

pub async fn placing_is_repeatable(engine: &mut dyn Engine) {
    let index = engine.open();
    let rows = insert(&*index, vec![new("1.1", "1.1.1", "1.1.1.1"), new("1.1", "1.1.1", "1.1.1.2")]).await;
    let placed = vec![(rows[0], "1.1/1.1.1/1.1.1.1.dcm".to_owned())];
    for _ in 0..2 {
        index.set_placed(placed.clone()).await.unwrap();
        let records = index.instances(&everything(), &target("1.1"), None, 10).await.unwrap();
        assert_eq!(records[0].location, Location::Placed(placed[0].1.clone()));
        assert!(matches!(records[1].location, Location::Spool(_)));
        assert_eq!(index.totals().await.unwrap().unplaced, 1);
    }
    // Its sequence still finds it.
    let sequence = index.all(None, 1).await.unwrap()[0].sequence;
    let found = index.by_sequence(sequence).await.unwrap().unwrap();
    assert_eq!((found.row, found.location), (rows[0], Location::Placed(placed[0].1.clone())));
    assert_eq!(index.by_sequence(sequence + 1_000_000).await.unwrap(), None);
    index.set_placed(Vec::new()).await.unwrap();
    index.set_placed(vec![(RowId(9_999), "nowhere".into())]).await.unwrap();
    assert_eq!(index.check().await.unwrap(), Vec::<String>::new());
}

pub async fn unplaced_rows_come_oldest_first(engine: &mut dyn Engine) {
    let index = engine.open();
    let rows: Vec<_> =
        (0..10).map(|n| new("1.1", "1.1.1", &format!("1.1.1.{n}")).of(["a", "b"][n % 2])).collect();
    let ids = insert(&*index, rows).await;
    index.set_placed(vec![(ids[0], "k0".into()), (ids[5], "k5".into())]).await.unwrap();
    let expected: Vec<RowId> = [1, 2, 3, 4, 6, 7, 8, 9].map(|n| ids[n]).to_vec();
    let (mut after, mut found) = (None, Vec::new());
    while let Some(last) = index.unplaced(after, 3).await.unwrap().last() {
        found.extend(index.unplaced(after, 3).await.unwrap().iter().map(|record| record.row));
        after = Some(last.row);
    }
    assert_eq!(found, expected);
    let all: Vec<RowId> = index.all(Some(ids[2]), 4).await.unwrap().iter().map(|record| record.row).collect();
    assert_eq!(all, ids[3..7]);
}

pub async fn removed_rows_leave_nothing(engine: &mut dyn Engine) {
    let index = engine.open();
    let rows = vec![
        new("1.1", "1.1.1", "1.1.1.1").with(|new| {
            new.study.patient_id = "P1".into();
            new.series.requests = vec![("S".into(), "R".into())];
        }),
        new("1.1", "1.1.2", "1.1.2.1").with(|new| new.series.modality = "MR".into()),
        new("1.1", "1.1.2", "1.1.2.2").with(|new| new.series.modality = "MR".into()),
    ];
    let given = rows.clone();
    let ids = insert(&*index, rows).await;
    index.set_placed(vec![(ids[2], "k".into())]).await.unwrap();
    // What is placed stays.
    index.remove_unplaced(ids[2]).await.unwrap();
    index.remove_unplaced(RowId(9_999)).await.unwrap();
    assert_eq!(index.totals().await.unwrap().instances, 3);

    index.remove_unplaced(ids[0]).await.unwrap();
    assert_eq!(index.totals().await.unwrap(), Totals { studies: 1, series: 1, instances: 2, unplaced: 1 });
    let hits = index.search(&everything(), &search(Level::Study)).await.unwrap();
    assert_eq!(hits.hits[0].study.modalities, ["MR"]);
    assert_eq!((hits.hits[0].study.series_count, hits.hits[0].study.instance_count), (1, 2));
    for (attribute, text) in [(index::Attribute::ModalitiesInStudy, "CT"), (index::Attribute::Modality, "CT")]
    {
        let mut wanted = search(Level::Series);
        wanted.filters = vec![filter(attribute, text)];
        assert_eq!(index.search(&everything(), &wanted).await.unwrap().hits.len(), 0);
    }
    index.remove_unplaced(ids[1]).await.unwrap();
    let one =
        insert(&*index, vec![new("1.2", "1.2.1", "1.2.1.1").with(|new| new.study.patient_id = "P2".into())])
            .await;
    let last = index.last_sequence().await.unwrap();
    assert_eq!(index.all(None, 10).await.unwrap().last().unwrap().row, one[0]);
    index.remove_unplaced(one[0]).await.unwrap();
    assert_eq!(index.last_sequence().await.unwrap(), last);
    let mut wanted = search(Level::Study);
    wanted.filters = vec![filter(index::Attribute::PatientId, "P2")];
    assert_eq!(index.search(&everything(), &wanted).await.unwrap().hits.len(), 0);
    assert_eq!(index.totals().await.unwrap(), Totals { studies: 1, series: 1, instances: 1, unplaced: 0 });
    // A removed row's number is not given again, and its bytes may come again.
    let again = index.insert(vec![given[0].clone()]).await.unwrap();
    let [Inserted::New(row)] = again[..] else { panic!("{again:?}") };
    assert!(row > one[0]);
    assert_eq!(index.check().await.unwrap(), Vec::<String>::new());
}

pub async fn removing_the_current_version_shows_the_next(engine: &mut dyn Engine) {
    let index = engine.open();
    let rows = vec![
        new("1.1", "1.1.1", "1.1.1.1"),
        new("1.2", "1.2.1", "1.1.1.1").bytes(1).with(|new| {
            new.study.patient_id = "P2".into();
            new.series.modality = "MR".into();
        }),
        new("1.1", "1.1.1", "1.1.1.1").bytes(2),
    ];
    let ids = insert(&*index, rows).await;
    index.remove_unplaced(ids[2]).await.unwrap();
    assert_eq!(index.all(None, 10).await.unwrap().len(), 2);
    index.remove_unplaced(ids[0]).await.unwrap();
    let mut wanted = search(Level::Study);
    for filters in [vec![], vec![filter(index::Attribute::PatientId, "P2")]] {
        wanted.filters = filters;
        let hits = index.search(&everything(), &wanted).await.unwrap();
        assert_eq!(uids(Level::Study, &hits), ["1.2"]);
        assert_eq!(hits.hits[0].study.modalities, ["MR"]);
    }
    let found = index.instance(&everything(), &target("1.2/1.2.1/1.1.1.1")).await.unwrap().unwrap();
    assert_eq!((found.record.row, found.record.version), (ids[1], 2));
    assert_eq!(index.totals().await.unwrap(), Totals { studies: 1, series: 1, instances: 1, unplaced: 1 });
    assert_eq!(index.check().await.unwrap(), Vec::<String>::new());
    index.remove_unplaced(ids[1]).await.unwrap();
    assert_eq!(index.totals().await.unwrap(), Totals::default());
    assert_eq!(index.check().await.unwrap(), Vec::<String>::new());
}

/// Readers and another process see what was answered, without any closing.
pub async fn a_crash_keeps_what_was_answered(engine: &mut dyn Engine) {
    let mut index = engine.open();
    for round in 0..4 {
        let rows: Vec<_> = (0..50)
            .map(|n| new(&format!("1.{round}"), &format!("1.{round}.1"), &format!("1.{round}.1.{n}")))
            .collect();
        let ids = insert(&*index, rows).await;
        index
            .set_placed(ids[..25].iter().map(|row| (*row, format!("key-{}", row.0))).collect())
            .await
            .unwrap();
        let sequence = index.last_sequence().await.unwrap();
        index = engine.crash(index);
        let totals = index.totals().await.unwrap();
        let rounds = round + 1;
        let expected =
            Totals { studies: rounds, series: rounds, instances: rounds * 50, unplaced: rounds * 25 };
        assert_eq!(totals, expected);
        assert_eq!(index.last_sequence().await.unwrap(), sequence);
        assert_eq!(index.check().await.unwrap(), Vec::<String>::new());
        let hits = index.search(&everything(), &search(Level::Study)).await.unwrap();
        assert!(hits.hits.iter().all(|hit| hit.study.instance_count == 50));
    }
    // Closing and opening changes nothing either.
    let before = index.all(None, 1_000).await.unwrap();
    drop(index);
    assert_eq!(engine.open().all(None, 1_000).await.unwrap(), before);
}

pub async fn a_backup_is_a_whole_index(engine: &mut dyn Engine) {
    let index = engine.open();
    let rows: Vec<_> = (0..200).map(|n| new("1.1", "1.1.1", &format!("1.1.1.{n}"))).collect();
    insert(&*index, rows).await;
    let to = engine.folder().join("backup.db");
    // Writing goes on meanwhile.
    let writing = {
        let index = Arc::clone(&index);
        tokio::spawn(async move {
            for n in 0..100 {
                insert(&*index, vec![new("1.2", "1.2.1", &format!("1.2.1.{n}"))]).await;
            }
        })
    };
    index.backup(&to).await.unwrap();
    writing.await.unwrap();
    assert!(index.backup(&to).await.is_err(), "an existing file is not written over");
    let restored = engine.restore(&to);
    assert_eq!(restored.check().await.unwrap(), Vec::<String>::new());
    let held = restored.instances(&everything(), &target("1.1"), None, 1_000).await.unwrap();
    assert_eq!(held, index.instances(&everything(), &target("1.1"), None, 1_000).await.unwrap());
    // It is an index to go on with.
    insert(&*restored, vec![new("1.3", "1.3.1", "1.3.1.1")]).await;
    assert!(index.backup(&engine.folder().join("none").join("backup.db")).await.is_err());
}

/// Many senders of the same instance at once: one row, and every other answer is that it was here.
pub async fn many_writers_at_once(engine: &mut dyn Engine) {
    let index = engine.open();
    let mut tasks = tokio::task::JoinSet::new();
    for sender in 0..32 {
        let index = Arc::clone(&index);
        tasks.spawn(async move {
            let mut made = (0, 0, 0);
            for n in 0..20 {
                // Half of the senders bring other bytes.
                let uid = format!("1.1.1.{n}");
                let row =
                    new("1.1", "1.1.1", &uid).bytes(sender % 2).with(|new| new.source = format!("S{sender}"));
                match index.insert(vec![row]).await.unwrap()[..] {
                    [Inserted::New(_)] => made.0 += 1,
                    [Inserted::Same(_)] => made.1 += 1,
                    [Inserted::NewVersion(_, 2)] => made.2 += 1,
                    ref other => panic!("{other:?}"),
                }
            }
            made
        });
    }
    let mut sum = (0, 0, 0);
    while let Some(made) = tasks.join_next().await {
        let made = made.unwrap();
        sum = (sum.0 + made.0, sum.1 + made.1, sum.2 + made.2);
    }
    assert_eq!(sum, (20, 32 * 20 - 40, 20));
    assert_eq!(index.totals().await.unwrap(), Totals { studies: 1, series: 1, instances: 20, unplaced: 40 });
    assert_eq!(index.check().await.unwrap(), Vec::<String>::new());
}

/// A call that fails leaves nothing of itself, and takes nothing of its neighbours with it.
pub async fn one_call_is_whole_or_not_at_all(engine: &mut dyn Engine) {
    let index = engine.open();
    insert(&*index, vec![new("1.1", "1.1.1", "1.1.1.1")]).await;
    let before = index.totals().await.unwrap();
    let sequence = index.last_sequence().await.unwrap();
    // Two rows may not have one sequence.
    let broken = vec![
        new("1.2", "1.2.1", "1.2.1.1").of("new"),
        new("1.2", "1.2.1", "1.2.1.2").of("new").with(|new| new.sequence = sequence),
    ];
    let good = |n: u32| vec![new("1.3", "1.3.1", &format!("1.3.1.{n}"))];
    let (a, b, c) = tokio::join!(index.insert(good(1)), index.insert(broken.clone()), index.insert(good(2)));
    assert!(a.is_ok() && c.is_ok());
    assert!(b.is_err());
    let after = index.totals().await.unwrap();
    assert_eq!((after.studies, after.instances), (before.studies + 1, before.instances + 2));
    let found = index.instance(&everything(), &target("1.2/1.2.1/1.2.1.1")).await.unwrap();
    assert_eq!(found, None);
    // The custodian that was made in it can be made again.
    let mut again = broken;
    again[1].sequence = new("1", "1", "1").sequence;
    insert(&*index, again).await;
    let wanted = Target { custodian: Some(crate::rows::id("new")), ..target("1.2") };
    assert_eq!(index.instances(&everything(), &wanted, None, 10).await.unwrap().len(), 2);
    assert_eq!(index.check().await.unwrap(), Vec::<String>::new());
}
