//! What goes in comes out: records, details, metadata, hits and counts.

use std::collections::BTreeMap;

use index::{Inserted, Level, Location, RowId, Totals};

use crate::Engine;
use crate::rows::{With, everything, insert, new, search, target, uids};

pub async fn a_row_comes_back_as_it_went_in(engine: &mut dyn Engine) {
    let index = engine.open();
    let given = new("1.1", "1.1.1", "1.1.1.1").with(|new| {
        new.number = Some(-3);
        new.crcs = (0..=255).collect();
        new.metadata = vec![0; 100_000];
    });
    let row = insert(&*index, vec![given.clone()]).await[0];
    let scope = everything();
    let detail = index.instance(&scope, &target("1.1/1.1.1/1.1.1.1")).await.unwrap().unwrap();
    let record = &detail.record;
    assert_eq!((detail.bulk, detail.pixels), (given.bulk.clone(), given.pixels.clone()));
    assert_eq!((record.row, record.cursor.row, record.cursor.number), (row, row, -3));
    assert_eq!(record.custodian, given.custodian);
    assert_eq!((record.study, record.series), (given.study.uid, given.series.uid));
    assert_eq!((record.sop_instance, record.sop_class), (given.sop_instance, given.sop_class));
    assert_eq!((record.transfer_syntax.as_str(), record.version), (given.transfer_syntax, 1));
    assert_eq!((record.digest, record.length), (given.digest, given.length));
    assert_eq!((&record.crcs, record.sequence), (&given.crcs, given.sequence));
    assert_eq!(record.location, given.location);

    for path in ["1.1", "1.1/1.1.1", "1.1/1.1.1/1.1.1.1"] {
        let records = index.instances(&scope, &target(path), None, 10).await.unwrap();
        assert_eq!(records, vec![record.clone()], "{path}");
        let rows = index.metadata(&scope, &target(path), None, 10).await.unwrap();
        assert_eq!(rows.len(), 1, "{path}");
        assert_eq!((&rows[0].metadata, rows[0].cursor), (&given.metadata, record.cursor));
        assert_eq!(
            (rows[0].study, rows[0].series, rows[0].sop_instance),
            (record.study, record.series, record.sop_instance)
        );
        let after = index.metadata(&scope, &target(path), Some(record.cursor), 10).await.unwrap();
        assert_eq!(after, vec![], "{path}");
    }
    for path in ["1.2", "1.1/1.1.2", "1.1/1.1.1/1.1.1.2", "1.2/1.1.1/1.1.1.1", "1.1/1.1.2/1.1.1.1"] {
        assert_eq!(index.instances(&scope, &target(path), None, 10).await.unwrap(), vec![], "{path}");
        assert_eq!(index.metadata(&scope, &target(path), None, 10).await.unwrap(), vec![], "{path}");
    }
    assert_eq!(index.instance(&scope, &target("1.1/1.1.1/1.1.1.2")).await.unwrap(), None);
}

/// Of the current versions, as their records say.
pub async fn alike_instances_are_counted(engine: &mut dyn Engine) {
    let index = engine.open();
    let classes = ["1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"];
    let mut rows = Vec::new();
    for n in 0..30 {
        rows.push(new("1.1", &format!("1.1.{}", n % 2), &format!("1.1.9.{n}")).with(|new| {
            new.sop_class = classes[n % 3 % 2].parse().unwrap();
            new.transfer_syntax = ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"][n % 2];
        }));
    }
    // Another version of one, and another study.
    rows.push(new("1.1", "1.1.0", "1.1.9.0").bytes(1));
    rows.push(new("1.2", "1.2.1", "1.2.1.1"));
    insert(&*index, rows).await;
    for path in ["1.1", "1.1/1.1.0", "1.1/1.1.0/1.1.9.2", "1.2", "1.3"] {
        let mut expected = BTreeMap::new();
        for record in index.instances(&everything(), &target(path), None, 100).await.unwrap() {
            let of_kind = expected.entry((record.sop_class.to_string(), record.transfer_syntax));
            let (count, newest) = of_kind.or_insert((0, 0));
            (*count, *newest) = (*count + 1, record.sequence.max(*newest));
        }
        let groups = index.groups(&everything(), &target(path)).await.unwrap();
        let counted = groups.into_iter().map(|group| {
            assert_eq!(group.custodian, new("1", "1", "1").custodian);
            ((group.sop_class.to_string(), group.transfer_syntax), (group.instances, group.newest))
        });
        assert_eq!(counted.collect::<BTreeMap<_, _>>(), expected, "{path}");
    }
    assert_eq!(index.groups(&everything(), &target("1.1")).await.unwrap().len(), 4);
}

/// An instance's path may leave the series out.
pub async fn an_instance_is_found_without_its_series(engine: &mut dyn Engine) {
    let index = engine.open();
    insert(&*index, vec![new("1.1", "1.1.1", "1.1.1.1")]).await;
    let mut wanted = target("1.1/1.1.1/1.1.1.1");
    wanted.series = None;
    assert!(index.instance(&everything(), &wanted).await.unwrap().is_some());
}

/// QIDO-007 to QIDO-012: hits carry what results are made of.
pub async fn hits_carry_each_level(engine: &mut dyn Engine) {
    let index = engine.open();
    let rows = ["1.1.1.1", "1.1.1.2", "1.1.2.1"].map(|uid| {
        new("1.1", &uid[..5], uid).with(|new| {
            new.series.modality = if uid.starts_with("1.1.1") { "PT".into() } else { "CT".into() };
        })
    });
    insert(&*index, rows.to_vec()).await;
    let studies = index.search(&everything(), &search(Level::Study)).await.unwrap();
    assert_eq!(studies.remaining, 0);
    let [study] = studies.hits.as_slice() else { panic!("{studies:?}") };
    assert_eq!(study.custodian, rows[0].custodian);
    assert_eq!(study.study.uid, rows[0].study.uid);
    // The first instance's attributes are the study's.
    assert_eq!(study.study.attributes, rows[0].study.attributes);
    assert_eq!(study.study.modalities, ["CT", "PT"]); // QIDO-008
    assert_eq!((study.study.series_count, study.study.instance_count), (2, 3));
    assert!(study.series.is_none() && study.instance.is_none());

    let series = index.search(&everything(), &search(Level::Series)).await.unwrap();
    let counts: Vec<u64> =
        series.hits.iter().map(|hit| hit.series.as_ref().unwrap().instance_count).collect();
    assert_eq!(counts, [2, 1]); // QIDO-009
    assert_eq!(series.hits[0].series.as_ref().unwrap().attributes, rows[0].series.attributes);
    assert_eq!(series.hits[1].study.instance_count, 3); // QIDO-011
    assert!(series.hits[0].instance.is_none());

    for with_metadata in [false, true] {
        let mut wanted = search(Level::Instance);
        wanted.with_metadata = with_metadata;
        let instances = index.search(&everything(), &wanted).await.unwrap();
        for (hit, row) in instances.hits.iter().zip(&rows) {
            let instance = hit.instance.as_ref().unwrap();
            assert_eq!((instance.uid, &instance.attributes), (row.sop_instance, &row.attributes));
            assert_eq!(instance.transfer_syntax, row.transfer_syntax);
            assert_eq!(instance.metadata, with_metadata.then(|| row.metadata.clone()));
            assert_eq!(hit.series.as_ref().unwrap().uid, row.series.uid); // QIDO-012
        }
    }
}

/// QIDO-008: counts follow every store.
pub async fn counts_follow_stores(engine: &mut dyn Engine) {
    let index = engine.open();
    assert_eq!(index.totals().await.unwrap(), Totals::default());
    assert_eq!(index.last_sequence().await.unwrap(), 0);
    insert(&*index, vec![new("1.1", "1.1.1", "1.1.1.1"), new("1.1", "1.1.1", "1.1.1.2")]).await;
    insert(&*index, vec![new("1.1", "1.1.2", "1.1.2.1"), new("1.2", "1.2.1", "1.2.1.1").of("other")]).await;
    let last = new("1.1", "1.1.1", "1.1.1.1").with(|new| new.location = Location::Placed("k".into()));
    let sequence = last.sequence;
    assert!(matches!(index.insert(vec![last]).await.unwrap()[..], [Inserted::Same(_)]));
    let totals = Totals { studies: 2, series: 3, instances: 4, unplaced: 4 };
    assert_eq!(index.totals().await.unwrap(), totals);
    // Given out is given out, though the bytes were dropped.
    assert_eq!(index.last_sequence().await.unwrap(), sequence);
    assert_eq!(index.insert(Vec::new()).await.unwrap(), vec![]);
}

/// Two patients in one study are flagged, not parted and not refused.
pub async fn two_patients_flag_the_study(engine: &mut dyn Engine) {
    let index = engine.open();
    let patient = |study: &str, instance: &str, id: &str, issuer: &str, name: &str| {
        new(study, &format!("{study}.1"), instance).with(|new| {
            new.study.patient_id = id.into();
            new.study.issuer = issuer.into();
            new.study.patient_name_folded = name.into();
        })
    };
    let rows = vec![
        patient("1.1", "1.1.1.1", "P1", "A", "smith^john"),
        patient("1.1", "1.1.1.2", "P1", "", "smith^john^^"),
        patient("1.2", "1.2.1.1", "P1", "A", "smith^john"),
        patient("1.2", "1.2.1.2", "P2", "A", "smith^john"),
        patient("1.3", "1.3.1.1", "P1", "A", "smith^john"),
        patient("1.3", "1.3.1.2", "P1", "B", "smith^john"),
        patient("1.4", "1.4.1.1", "P1", "A", "smith^john"),
        patient("1.4", "1.4.1.2", "P1", "A", "jones^mary"),
        patient("1.5", "1.5.1.1", "", "", ""),
        patient("1.5", "1.5.1.2", "P1", "A", "smith^john"),
    ];
    insert(&*index, rows).await;
    let hits = index.search(&everything(), &search(Level::Study)).await.unwrap();
    assert_eq!(uids(Level::Study, &hits), ["1.5", "1.4", "1.3", "1.2", "1.1"]);
    let flagged: Vec<bool> = hits.hits.iter().map(|hit| hit.study.two_patients).collect();
    assert_eq!(flagged, [false, true, true, true, false]);
}

pub async fn chunk_sums_come_in_parts(engine: &mut dyn Engine) {
    let index = engine.open();
    let sums = |chunks: u32| (0..chunks).flat_map(u32::to_le_bytes).collect::<Vec<u8>>();
    let rows = [1_024, 1_025].map(|chunks| {
        let uid = format!("1.1.1.{chunks}");
        new("1.1", "1.1.1", &uid).with(|new| new.crcs = sums(chunks))
    });
    let ids = insert(&*index, rows.to_vec()).await;
    let records = index.instances(&everything(), &target("1.1"), None, 10).await.unwrap();
    assert_eq!(records[0].crcs, sums(1_024));
    assert_eq!(records[1].crcs, vec![], "too many for the record");
    let image = index.image(ids[0]).await.unwrap().unwrap();
    assert_eq!((image.bulk, image.pixels), (rows[0].bulk.clone(), rows[0].pixels.clone()));
    assert_eq!(image.metadata, rows[0].metadata);
    assert_eq!(index.image(RowId(99)).await.unwrap(), None);
    for (first, count, expected) in [
        (0, 2_000, sums(1_025)),
        (0, 1, sums(1)),
        (1_000, 24, sums(1_024)[4_000..4_096].to_vec()),
        (1_024, 1, sums(1_025)[4_096..].to_vec()),
        (1_025, 1, vec![]),
        (0, 0, vec![]),
        (u64::MAX, u64::MAX, vec![]),
    ] {
        let found = index.chunk_sums(ids[1], first, count).await.unwrap();
        assert_eq!(found, expected, "{first} {count}");
    }
}
