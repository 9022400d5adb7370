//! Order, pages and what remains (PS3.18 8.3.4.4).

use std::collections::HashSet;

use index::{Attribute, Level};

use crate::Engine;
use crate::rows::{With, everything, filter, insert, new, of, search, target, uids};

/// QIDO-038 and QIDO-036: the union of pages is the whole, each once, in the same order.
pub async fn pages_are_parts_of_one_order(engine: &mut dyn Engine) {
    let index = engine.open();
    let mut rows = Vec::new();
    for n in 0..250 {
        let study = format!("1.{n}");
        for m in 0..2 {
            let series = format!("{study}.{m}");
            rows.push(new(&study, &series, &format!("{series}.1")).of(["a", "b"][n % 2]).with(|new| {
                // Many with the same date and time, some with none.
                new.study.date = if n % 10 == 0 { String::new() } else { format!("2024010{}", 1 + n % 3) };
                new.study.time = if n % 7 == 0 { String::new() } else { "120000.000000".into() };
                new.study.patient_name_folded = format!("name{}^x", n % 5);
                new.series.number = (n % 4 != 0).then_some(m);
            }));
        }
    }
    for part in rows.chunks(64) {
        insert(&*index, part.to_vec()).await;
    }
    let by_name = filter(Attribute::PatientName, "NAME3^X");
    let by_prefix = filter(Attribute::PatientName, "name*");
    let by_date = filter(Attribute::StudyDate, "20240101-20240102");
    for scope in [everything(), of(&["a"]), of(&["a", "b"])] {
        for level in [Level::Study, Level::Series, Level::Instance] {
            for filters in [vec![], vec![by_name.clone()], vec![by_prefix.clone()], vec![by_date.clone()]] {
                let mut wanted = search(level);
                (wanted.filters, wanted.limit) = (filters, 10_000);
                let whole = index.search(&scope, &wanted).await.unwrap();
                let whole = uids(level, &whole);
                assert!(!whole.is_empty());
                assert_eq!(whole.iter().collect::<HashSet<_>>().len(), whole.len());
                for size in [1, 7, 100, 249] {
                    wanted.limit = size;
                    let mut union = Vec::new();
                    // A page of one is tried at the ends; all of them take long.
                    let step = if size == 1 { 60 } else { size as usize };
                    for offset in (0..=whole.len()).step_by(step) {
                        wanted.offset = offset as u64;
                        let page = index.search(&scope, &wanted).await.unwrap();
                        let end = whole.len().min(offset + size as usize);
                        assert_eq!(uids(level, &page), whole[offset..end], "{level:?} {offset} {size}");
                        assert_eq!(page.remaining as usize, whole.len() - end); // QIDO-037
                        union.extend(uids(level, &page));
                    }
                    assert!(size == 1 || union == whole);
                }
            }
        }
    }
}

/// Newest first, then the last received; series and instances by number, then as received.
pub async fn the_order_is_of_dates_and_numbers(engine: &mut dyn Engine) {
    let index = engine.open();
    let rows = [
        ("1.1", "20240102", "100000.000000"),
        ("1.2", "20240102", "110000.000000"),
        ("1.3", "20240102", ""),
        ("1.4", "", "120000.000000"),
        ("1.5", "20240103", "000000.000000"),
        ("1.6", "20240102", "110000.000000"),
        ("1.7", "", ""),
    ]
    .map(|(study, date, time)| {
        new(study, &format!("{study}.1"), &format!("{study}.1.1")).with(|new| {
            new.study.date = date.into();
            new.study.time = time.into();
        })
    });
    insert(&*index, rows.to_vec()).await;
    let hits = index.search(&everything(), &search(Level::Study)).await.unwrap();
    assert_eq!(uids(Level::Study, &hits), ["1.5", "1.6", "1.2", "1.1", "1.3", "1.4", "1.7"]);

    let within = |series: &str, number: Option<i64>, instance: &str, instance_number: Option<i64>| {
        new("2.1", series, instance).with(|new| {
            new.series.number = number;
            new.number = instance_number;
        })
    };
    let rows = vec![
        within("2.1.3", Some(30), "2.1.3.1", Some(2)),
        within("2.1.3", Some(30), "2.1.3.2", Some(1)),
        within("2.1.3", Some(30), "2.1.3.3", Some(2)),
        within("2.1.1", Some(-1), "2.1.1.1", None),
        within("2.1.2", None, "2.1.2.1", Some(10)),
        within("2.1.2", None, "2.1.2.2", Some(9)),
        within("2.1.4", Some(0), "2.1.4.1", Some(1)),
    ];
    insert(&*index, rows).await;
    let mut wanted = search(Level::Series);
    wanted.study = Some("2.1".parse().unwrap());
    let hits = index.search(&everything(), &wanted).await.unwrap();
    assert_eq!(uids(Level::Series, &hits), ["2.1.1", "2.1.2", "2.1.4", "2.1.3"]);
    wanted.level = Level::Instance;
    let hits = index.search(&everything(), &wanted).await.unwrap();
    let expected = ["2.1.1.1", "2.1.2.2", "2.1.2.1", "2.1.4.1", "2.1.3.2", "2.1.3.1", "2.1.3.3"];
    assert_eq!(uids(Level::Instance, &hits), expected);
}

/// QIDO-036, QIDO-037: exact below 1,000, then 1,000 stands for at least.
pub async fn what_remains_is_counted_to_a_thousand(engine: &mut dyn Engine) {
    let index = engine.open();
    let rows: Vec<_> = (0..1_205)
        .map(|n| new("1.1", "1.1.1", &format!("1.1.1.{n}")).with(|new| new.number = Some(n)))
        .collect();
    insert(&*index, rows).await;
    for (limit, offset, hits, remaining) in [
        (0, 0, 0, 1_000),
        (1, 0, 1, 1_000),
        (204, 0, 204, 1_000),
        (205, 0, 205, 1_000),
        (206, 0, 206, 999),
        (100, 1_105, 100, 0),
        (100, 1_100, 100, 5),
        (100, 1_204, 1, 0),
        (100, 1_205, 0, 0),
        (100, 5_000, 0, 0),
        (100, u64::MAX, 0, 0),
        (2_000, 0, 1_205, 0),
        (u32::MAX, 1_000, 205, 0),
    ] {
        let mut wanted = search(Level::Instance);
        (wanted.limit, wanted.offset) = (limit, offset);
        let page = index.search(&everything(), &wanted).await.unwrap();
        assert_eq!((page.hits.len(), page.remaining), (hits, remaining), "{limit} {offset}");
        let numbers: Vec<u64> =
            uids(Level::Instance, &page).iter().map(|uid| uid[6..].parse().unwrap()).collect();
        assert_eq!(numbers, (offset..offset.saturating_add(hits as u64)).collect::<Vec<_>>());
    }
}

/// Cursors: pages of records and of metadata are parts of one order, whatever comes in meanwhile.
pub async fn cursors_go_through_a_target_once(engine: &mut dyn Engine) {
    let index = engine.open();
    let mut rows = Vec::new();
    for n in 0..60 {
        let series = format!("1.1.{}", n % 3);
        rows.push(new("1.1", &series, &format!("{series}.{n}")).with(|new| new.number = Some(n % 4)));
    }
    rows.push(new("1.2", "1.2.1", "1.2.1.1"));
    insert(&*index, rows).await;
    for (path, count) in [("1.1", 60), ("1.1/1.1.2", 20), ("1.1/1.1.2/1.1.2.2", 1)] {
        let whole = index.instances(&everything(), &target(path), None, 1_000).await.unwrap();
        assert_eq!(whole.len(), count, "{path}");
        let order: Vec<_> = whole.iter().map(|r| (r.cursor.series, r.cursor.number, r.cursor.row)).collect();
        assert!(order.is_sorted(), "{path}");
        for size in [1, 7, 60] {
            let (mut after, mut records, mut rows) = (None, Vec::new(), Vec::new());
            loop {
                let page = index.instances(&everything(), &target(path), after, size).await.unwrap();
                let metadata = index.metadata(&everything(), &target(path), after, size).await.unwrap();
                assert_eq!(page.len(), metadata.len());
                let Some(last) = page.last() else { break };
                after = Some(last.cursor);
                records.extend(page);
                rows.extend(metadata);
            }
            assert_eq!(records, whole, "{path} {size}");
            let same = rows
                .iter()
                .zip(&whole)
                .all(|(a, b)| a.cursor == b.cursor && a.sop_instance == b.sop_instance);
            assert!(same && rows.len() == count, "{path} {size}");
        }
    }
    // A page goes on in its holding, though an earlier one gets the series meanwhile.
    let row = |custodian: &str, series: &str, instance: &str| new("2.1", series, instance).of(custodian);
    insert(
        &*index,
        vec![row("a", "2.1.1", "2.1.1.1"), row("b", "2.1.2", "2.1.2.1"), row("b", "2.1.2", "2.1.2.2")],
    )
    .await;
    let first = index.instances(&everything(), &target("2.1/2.1.2"), None, 1).await.unwrap();
    insert(&*index, vec![row("a", "2.1.2", "2.1.2.3")]).await;
    let next = index.instances(&everything(), &target("2.1/2.1.2"), Some(first[0].cursor), 5).await.unwrap();
    assert_eq!(next.iter().map(|r| r.sop_instance.to_string()).collect::<Vec<_>>(), ["2.1.2.2"]);
}
