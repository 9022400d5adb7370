//! QIDO-043: nobody sees, counts or is told of what is outside their scope.

use index::{Attribute, Level, Target};

use crate::Engine;
use crate::rows::{With, everything, filter, id, insert, new, of, only, search, target, uids};

/// Two custodians with the same study, the second with more in it.
async fn two_holdings(engine: &dyn Engine) -> std::sync::Arc<dyn index::Index> {
    let index = engine.open();
    let rows = vec![
        new("1.1", "1.1.1", "1.1.1.1").of("a").with(|new| new.study.patient_id = "OF-A".into()),
        new("1.1", "1.1.1", "1.1.1.1").of("b").with(|new| new.study.patient_id = "OF-B".into()),
        new("1.1", "1.1.1", "1.1.1.2").of("b"),
        new("1.1", "1.1.2", "1.1.2.1").of("b").with(|new| new.series.modality = "MR".into()),
        new("1.2", "1.2.1", "1.2.1.1").of("b"),
    ];
    insert(&*index, rows).await;
    index
}

pub async fn holdings_of_one_study_are_apart(engine: &mut dyn Engine) {
    let index = two_holdings(engine).await;
    for (scope, level, expected) in [
        (of(&["a"]), Level::Study, vec!["a:1.1"]),
        (of(&["a"]), Level::Series, vec!["a:1.1.1"]),
        (of(&["a"]), Level::Instance, vec!["a:1.1.1.1"]),
        (of(&["b"]), Level::Study, vec!["b:1.2", "b:1.1"]),
        (of(&["b"]), Level::Series, vec!["b:1.2.1", "b:1.1.1", "b:1.1.2"]),
        (of(&["b"]), Level::Instance, vec!["b:1.2.1.1", "b:1.1.1.1", "b:1.1.1.2", "b:1.1.2.1"]),
        (of(&["a", "b"]), Level::Study, vec!["b:1.2", "b:1.1", "a:1.1"]),
        (of(&["b", "a", "b"]), Level::Series, vec!["b:1.2.1", "b:1.1.1", "b:1.1.2", "a:1.1.1"]),
        (everything(), Level::Study, vec!["b:1.2", "b:1.1", "a:1.1"]),
        (of(&["nobody"]), Level::Study, vec![]),
        (of(&["nobody", "a"]), Level::Study, vec!["a:1.1"]),
        (of(&[]), Level::Study, vec![]),
    ] {
        let hits = index.search(&scope, &search(level)).await.unwrap();
        assert_eq!(uids(level, &hits), expected, "{scope:?} {level:?}");
        assert_eq!(hits.remaining, 0);
    }
    // Counts and modalities are the holding's own.
    let hits = index.search(&everything(), &search(Level::Study)).await.unwrap();
    let counts: Vec<_> = hits
        .hits
        .iter()
        .map(|hit| (hit.study.series_count, hit.study.instance_count, hit.study.modalities.join(",")))
        .collect();
    assert_eq!(counts, [(1, 1, "CT".into()), (2, 3, "CT,MR".into()), (1, 1, "CT".into())]);
    // What is not in scope counts for no limit and no remainder.
    let mut one = search(Level::Study);
    one.limit = 1;
    assert_eq!(index.search(&of(&["a"]), &one).await.unwrap().remaining, 0);
    assert_eq!(index.search(&of(&["b"]), &one).await.unwrap().remaining, 1);
}

/// Every filter is within the scope.
pub async fn filters_do_not_reach_out(engine: &mut dyn Engine) {
    let index = two_holdings(engine).await;
    for (attribute, text) in [
        (Attribute::PatientId, "OF-B"),
        (Attribute::PatientId, "OF-B*"),
        (Attribute::PatientId, "*B"),
        (Attribute::StudyInstanceUid, "1.2"),
        (Attribute::StudyInstanceUid, "1.2,1.3"),
        (Attribute::ModalitiesInStudy, "MR"),
    ] {
        let mut wanted = search(Level::Study);
        wanted.filters = vec![filter(attribute, text)];
        for (scope, expected) in
            [(of(&["a"]), 0), (of(&["a", "nobody"]), 0), (of(&["b"]), 1), (everything(), 1)]
        {
            let found = index.search(&scope, &wanted).await.unwrap();
            assert_eq!(found.hits.len(), expected, "{attribute:?} {text} {scope:?}");
        }
    }
    for (attribute, text) in [
        (Attribute::SeriesInstanceUid, "1.1.2"),
        (Attribute::SopInstanceUid, "1.1.1.2"),
        (Attribute::SopClassUid, "1.2.840.10008.5.1.4.1.1.2"),
    ] {
        let mut wanted = search(Level::Instance);
        wanted.filters = vec![filter(attribute, text)];
        let found = index.search(&of(&["a"]), &wanted).await.unwrap();
        assert!(found.hits.iter().all(|hit| hit.custodian == id("a")), "{attribute:?}");
        assert_eq!(found.hits.len(), usize::from(attribute == Attribute::SopClassUid), "{attribute:?}");
    }
    let mut below = search(Level::Instance);
    below.study = Some("1.2".parse().unwrap());
    assert_eq!(index.search(&of(&["a"]), &below).await.unwrap().hits.len(), 0);
    assert_eq!(index.search(&of(&["b"]), &below).await.unwrap().hits.len(), 1);
}

/// Targets: the holding that is named, else the first received that has it, never one outside.
pub async fn targets_are_in_one_holding(engine: &mut dyn Engine) {
    let index = two_holdings(engine).await;
    for (scope, path, custodian, expected) in [
        (everything(), "1.1", None, Some(("a", 1))),
        (everything(), "1.1", Some("b"), Some(("b", 3))),
        (everything(), "1.1", Some("nobody"), None),
        (of(&["b", "a"]), "1.1", None, Some(("a", 1))),
        (of(&["b"]), "1.1", None, Some(("b", 3))),
        (of(&["a"]), "1.1", Some("b"), None),
        (of(&["a"]), "1.1", Some("a"), Some(("a", 1))),
        (of(&[]), "1.1", None, None),
        (of(&["a"]), "1.2", None, None),
        (everything(), "1.1/1.1.1", None, Some(("a", 1))),
        (everything(), "1.1/1.1.2", None, Some(("b", 1))),
        (of(&["a"]), "1.1/1.1.2", None, None),
        (everything(), "1.1/1.1.1/1.1.1.1", None, Some(("a", 1))),
        (everything(), "1.1/1.1.1/1.1.1.2", None, Some(("b", 1))),
        (of(&["a"]), "1.1/1.1.1/1.1.1.2", None, None),
    ] {
        let wanted = Target { custodian: custodian.map(id), ..target(path) };
        let what = format!("{scope:?} {path} {custodian:?}");
        let records = index.instances(&scope, &wanted, None, 10).await.unwrap();
        let found = records.first().map(|record| (record.custodian.as_str(), records.len()));
        assert_eq!(found, expected, "{what}");
        assert!(records.iter().all(|record| record.custodian == records[0].custodian), "{what}");
        let rows = index.metadata(&scope, &wanted, None, 10).await.unwrap();
        assert_eq!(rows.len(), records.len(), "{what}");
        let groups = index.groups(&scope, &wanted).await.unwrap();
        let counted = groups.first().map(|group| (group.custodian.as_str(), group.instances as usize));
        assert_eq!((counted, groups.len()), (expected, usize::from(expected.is_some())), "{what}");
        if wanted.instance.is_some() {
            let detail = index.instance(&scope, &wanted).await.unwrap();
            assert_eq!(detail.map(|detail| detail.record).as_ref(), records.first(), "{what}");
        }
    }
}

/// A holding that was granted is seen, and of its custodian and its study nothing else.
pub async fn single_holdings(engine: &mut dyn Engine) {
    let index = two_holdings(engine).await;
    for (scope, level, expected) in [
        (only(&[], &[("1.1", "b")]), Level::Study, vec!["b:1.1"]),
        (only(&[], &[("1.1", "b")]), Level::Series, vec!["b:1.1.1", "b:1.1.2"]),
        (only(&[], &[("1.1", "b")]), Level::Instance, vec!["b:1.1.1.1", "b:1.1.1.2", "b:1.1.2.1"]),
        (only(&[], &[("1.1", "a"), ("1.2", "b")]), Level::Study, vec!["b:1.2", "a:1.1"]),
        (only(&["a"], &[("1.2", "b"), ("1.1", "a")]), Level::Study, vec!["b:1.2", "a:1.1"]),
        (only(&["a"], &[("1.1", "b")]), Level::Study, vec!["b:1.1", "a:1.1"]),
        (only(&["nobody"], &[("1.1", "b"), ("1.2", "a"), ("1.9", "b")]), Level::Study, vec!["b:1.1"]),
        (only(&[], &[("1.2", "a"), ("1.1", "nobody")]), Level::Study, vec![]),
    ] {
        let hits = index.search(&scope, &search(level)).await.unwrap();
        assert_eq!(uids(level, &hits), expected, "{scope:?} {level:?}");
        assert_eq!(hits.remaining, 0);
        let mut below = search(Level::Series);
        below.study = Some("1.1".parse().unwrap());
        let hits = index.search(&scope, &below).await.unwrap();
        assert!(hits.hits.iter().all(|hit| expected.iter().any(|e| e.starts_with(hit.custodian.as_str()))));
    }
    let reader = only(&[], &[("1.1", "b")]);
    for (path, custodian, expected) in [
        ("1.1", None, Some(3)),
        ("1.1", Some("b"), Some(3)),
        ("1.1", Some("a"), None),
        ("1.2", None, None),
        ("1.1/1.1.2", None, Some(1)),
        ("1.1/1.1.1/1.1.1.2", None, Some(1)),
        ("1.2/1.2.1", None, None),
        ("1.2/1.2.1/1.2.1.1", None, None),
    ] {
        let wanted = Target { custodian: custodian.map(id), ..target(path) };
        let records = index.instances(&reader, &wanted, None, 10).await.unwrap();
        assert_eq!((!records.is_empty()).then_some(records.len()), expected, "{path} {custodian:?}");
        assert!(records.iter().all(|record| record.custodian == id("b")), "{path}");
        let removable = index.removable(&reader, &wanted, 10).await.unwrap();
        assert_eq!(removable.map(|found| found.instances.len()), expected, "{path} {custodian:?}");
    }
    for (scope, uid, expected) in [
        (&reader, "1.1.1.1", Some("b")),
        (&reader, "1.1.2.1", Some("b")),
        (&reader, "1.2.1.1", None),
        (&only(&[], &[("1.1", "a")]), "1.1.1.1", Some("a")),
        (&only(&[], &[("1.1", "a")]), "1.1.1.2", None),
        (&only(&["a"], &[("1.2", "b")]), "1.2.1.1", Some("b")),
    ] {
        let found = index.by_uid(scope, &uid.parse().unwrap()).await.unwrap();
        assert_eq!(found.map(|record| record.custodian), expected.map(id), "{scope:?} {uid}");
    }
    // What is outside counts for no remainder, with filters or without.
    for filters in
        [vec![], vec![filter(Attribute::PatientId, "*")], vec![filter(Attribute::ModalitiesInStudy, "CT")]]
    {
        let mut one = search(Level::Study);
        (one.limit, one.filters) = (1, filters);
        assert_eq!(index.search(&reader, &one).await.unwrap().remaining, 0);
        assert_eq!(index.search(&only(&["a"], &[("1.2", "b")]), &one).await.unwrap().remaining, 1);
    }
}

/// Many custodians: more than are walked side by side.
pub async fn many_custodians(engine: &mut dyn Engine) {
    let index = engine.open();
    let names: Vec<String> = (0..40).map(|n| format!("c{n:02}")).collect();
    let mut rows = Vec::new();
    for (n, name) in names.iter().enumerate() {
        for m in 0..5 {
            let study = format!("1.{n}.{m}");
            rows.push(new(&study, &format!("{study}.1"), &format!("{study}.1.1")).of(name).with(|new| {
                new.study.date = format!("202401{:02}", 1 + (n * 7 + m * 11) % 31);
                new.study.patient_id = format!("P{m}");
            }));
        }
    }
    insert(&*index, rows).await;
    for count in [2, 16, 17, 40] {
        let names: Vec<&str> = names.iter().take(count).map(String::as_str).collect();
        let scope = of(&names);
        for filters in
            [vec![], vec![filter(Attribute::PatientId, "P3")], vec![filter(Attribute::PatientId, "P*")]]
        {
            let per_custodian =
                if filters.first() == Some(&filter(Attribute::PatientId, "P3")) { 1 } else { 5 };
            let mut wanted = search(Level::Study);
            (wanted.filters, wanted.limit) = (filters, 1_000);
            let all = index.search(&scope, &wanted).await.unwrap();
            assert_eq!(all.hits.len(), count * per_custodian);
            assert!(all.hits.iter().all(|hit| names.contains(&hit.custodian.as_str())));
            // The order is everybody's, pages are parts of it.
            let order = index.search(&everything(), &wanted).await.unwrap();
            let held = uids(Level::Study, &all);
            let order: Vec<String> =
                uids(Level::Study, &order).into_iter().filter(|uid| held.contains(uid)).collect();
            assert_eq!(held, order);
            (wanted.limit, wanted.offset) = (3, 4);
            let page = index.search(&scope, &wanted).await.unwrap();
            let end = held.len().min(7);
            assert_eq!(uids(Level::Study, &page), held.get(4..end).unwrap_or_default());
            assert_eq!(page.remaining as usize, held.len().saturating_sub(7));
        }
    }
}
