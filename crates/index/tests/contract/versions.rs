//! The same UID again (design: nothing is overwritten, nothing moves, version 1 goes on being served).

use index::{Inserted, Level};

use crate::Engine;
use crate::rows::{With, everything, new, of, search, target, uids};

pub async fn same_bytes_are_one_row(engine: &mut dyn Engine) {
    let index = engine.open();
    let first = new("1.1", "1.1.1", "1.1.1.1");
    let again = new("1.1", "1.1.1", "1.1.1.1").with(|new| new.source = "CT2".into());
    let inserted = index.insert(vec![first, again.clone()]).await.unwrap();
    let [Inserted::New(row), Inserted::Same(same)] = inserted[..] else { panic!("{inserted:?}") };
    assert_eq!(row, same);
    for _ in 0..3 {
        let mut again = again.clone();
        again.sequence = new("1", "1", "1").sequence;
        assert_eq!(index.insert(vec![again]).await.unwrap(), [Inserted::Same(row)]);
    }
    assert_eq!(index.totals().await.unwrap().instances, 1);
    assert_eq!(index.all(None, 10).await.unwrap().len(), 1);
}

pub async fn other_bytes_are_a_version(engine: &mut dyn Engine) {
    let index = engine.open();
    let one = new("1.1", "1.1.1", "1.1.1.1");
    let [two, three] = [1, 2].map(|n| {
        new("1.1", "1.1.1", "1.1.1.1").bytes(n).with(|new| {
            new.series.modality = "MR".into();
            new.metadata = format!("of {}", n + 1).into_bytes();
        })
    });
    let inserted = index.insert(vec![one.clone(), two.clone()]).await.unwrap();
    let [Inserted::New(first), Inserted::NewVersion(second, 2)] = inserted[..] else {
        panic!("{inserted:?}")
    };
    let inserted = index.insert(vec![three, two.clone()]).await.unwrap();
    let [Inserted::NewVersion(third, 3), Inserted::Same(same)] = inserted[..] else { panic!("{inserted:?}") };
    assert_eq!(second, same);

    let wanted = target("1.1/1.1.1/1.1.1.1");
    for (version, row, digest) in
        [(None, first, one.digest), (Some(1), first, one.digest), (Some(2), second, two.digest)]
    {
        let wanted = index::Target { version, ..wanted.clone() };
        let found = index.instance(&everything(), &wanted).await.unwrap().unwrap();
        assert_eq!((found.record.row, found.record.digest), (row, digest), "{version:?}");
        let records = index.instances(&everything(), &wanted, None, 10).await.unwrap();
        assert_eq!(records, vec![found.record], "{version:?}");
    }
    let wanted = index::Target { version: Some(3), ..wanted.clone() };
    let rows = index.metadata(&everything(), &wanted, None, 10).await.unwrap();
    assert_eq!(rows[0].metadata, b"of 3");
    assert_eq!(rows[0].cursor.row, third);
    for version in [0, 4, u32::MAX] {
        let wanted = index::Target { version: Some(version), ..wanted.clone() };
        assert_eq!(index.instance(&everything(), &wanted).await.unwrap(), None, "{version}");
    }
    // Searches, counts and pages know the current one alone.
    assert_eq!(index.instances(&everything(), &target("1.1"), None, 10).await.unwrap().len(), 1);
    let hits = index.search(&everything(), &search(Level::Instance)).await.unwrap();
    assert_eq!(uids(Level::Instance, &hits), ["1.1.1.1"]);
    assert_eq!(hits.hits[0].study.modalities, ["CT"]);
    assert_eq!(hits.hits[0].study.instance_count, 1);
    assert_eq!(index.totals().await.unwrap().instances, 1);
    assert_eq!(index.all(None, 10).await.unwrap().len(), 3);
    assert_eq!(index.check().await.unwrap(), Vec::<String>::new());
}

/// A version under another study does not move the instance, and does not make that study appear.
pub async fn a_version_elsewhere_does_not_move(engine: &mut dyn Engine) {
    let index = engine.open();
    let one = new("1.1", "1.1.1", "1.1.1.1");
    let two = new("1.2", "1.2.1", "1.1.1.1").bytes(1).with(|new| new.study.patient_id = "P2".into());
    let inserted = index.insert(vec![one, two]).await.unwrap();
    assert!(matches!(inserted[..], [Inserted::New(_), Inserted::NewVersion(_, 2)]), "{inserted:?}");
    for level in [Level::Study, Level::Series, Level::Instance] {
        let hits = index.search(&everything(), &search(level)).await.unwrap();
        assert_eq!(hits.hits.len(), 1, "{level:?}");
        assert_eq!(hits.hits[0].study.uid.as_str(), "1.1");
    }
    assert_eq!(index.totals().await.unwrap().studies, 1);
    for path in ["1.2", "1.2/1.2.1", "1.2/1.2.1/1.1.1.1"] {
        assert_eq!(index.instances(&everything(), &target(path), None, 10).await.unwrap(), vec![], "{path}");
    }
    // It is read under either path, and says itself where it belongs.
    for path in ["1.1/1.1.1/1.1.1.1", "1.2/1.2.1/1.1.1.1"] {
        let wanted = index::Target { version: Some(2), ..target(path) };
        let found = index.instance(&everything(), &wanted).await.unwrap().unwrap();
        assert_eq!(found.record.study.as_str(), "1.2", "{path}");
    }
    // The first current instance of that study makes it appear, with its own attributes.
    let shown = new("1.2", "1.2.1", "1.2.1.1").with(|new| new.study.patient_id = "P3".into());
    index.insert(vec![shown.clone()]).await.unwrap();
    let hits = index.search(&everything(), &search(Level::Study)).await.unwrap();
    assert_eq!(uids(Level::Study, &hits), ["1.2", "1.1"]);
    assert_eq!(hits.hits[0].study.attributes, shown.study.attributes);
    assert_eq!((hits.hits[0].study.series_count, hits.hits[0].study.instance_count), (1, 1));
    let mut by_id = search(Level::Study);
    for (id, expected) in [("P3", 1), ("P2", 0)] {
        by_id.filters = vec![crate::rows::filter(index::Attribute::PatientId, id)];
        assert_eq!(index.search(&everything(), &by_id).await.unwrap().hits.len(), expected, "{id}");
    }
    assert_eq!(index.check().await.unwrap(), Vec::<String>::new());
}

/// Versions are each custodian's own.
pub async fn versions_are_of_one_custodian(engine: &mut dyn Engine) {
    let index = engine.open();
    let rows = vec![
        new("1.1", "1.1.1", "1.1.1.1").of("a"),
        new("1.1", "1.1.1", "1.1.1.1").of("b").bytes(1),
        new("1.1", "1.1.1", "1.1.1.1").of("b"),
        new("1.1", "1.1.1", "1.1.1.1").of("c"),
    ];
    let inserted = index.insert(rows).await.unwrap();
    let [Inserted::New(_), Inserted::New(_), Inserted::NewVersion(_, 2), Inserted::New(_)] = inserted[..]
    else {
        panic!("{inserted:?}")
    };
    for (custodian, version, there) in
        [("a", None, true), ("a", Some(2), false), ("b", Some(2), true), ("c", Some(2), false)]
    {
        let wanted = index::Target { version, ..target("1.1/1.1.1/1.1.1.1") };
        let found = index.instance(&of(&[custodian]), &wanted).await.unwrap();
        assert_eq!(found.is_some(), there, "{custodian} {version:?}");
    }
}
