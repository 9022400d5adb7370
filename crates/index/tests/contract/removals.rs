//! What is taken out of sight: deletions, rejection notes, damaged bytes, and what studies take from those that remain.

use index::{Commitment, CommitmentState};
use index::{
    Fresh, FreshAttributes, Hidden, Index, IndexError, Inserted, Level, NewCommitment, NewInstance,
    OpenedCommitment, Rejection, Removal, RemovalHead, Target, Totals,
};

use crate::Engine;
use crate::rows::{With, everything, id, insert, new, of, search, target, uids};

fn removal(sequence: u64, target: &Target, found: &index::Removable) -> Removal {
    let head = RemovalHead {
        sequence,
        at: 1_790_000_000_000,
        custodian: found.custodian.clone(),
        principal: "token:administrator".into(),
        source: "192.0.2.7".into(),
        reason: "sent by mistake".into(),
        study: target.study,
        series: target.series,
        instance: target.instance,
        count: found.instances.len() as u64,
        bytes: found.instances.iter().map(|one| one.length).sum(),
    };
    Removal { head, instances: found.instances.clone() }
}

/// Deletes a target and returns the record.
async fn delete(index: &dyn Index, what: &str) -> Removal {
    let target = target(what);
    let found = index.removable(&everything(), &target, 100).await.unwrap().unwrap();
    let removal = removal(index.last_sequence().await.unwrap() + 1, &target, &found);
    assert_eq!(index.remove(removal.clone()).await.unwrap(), found.instances.len() as u64, "{what}");
    removal
}

async fn found(index: &dyn Index, what: &str) -> usize {
    index.instances(&everything(), &target(what), None, 100).await.unwrap().len()
}

pub async fn a_deletion_takes_what_it_names(engine: &mut dyn Engine) {
    for (what, left) in [
        ("1.1", vec!["1.2"]),
        ("1.1/1.1.1", vec!["1.1/1.1.2", "1.2"]),
        ("1.1/1.1.1/1.1.1.1", vec!["1.1/1.1.1", "1.1/1.1.2", "1.2"]),
    ] {
        let index = engine.open();
        for held in ["1.1", "1.2"] {
            if index.was_here(&everything(), &target(held)).await.unwrap() {
                index.instances(&everything(), &target(held), None, 1).await.unwrap();
            }
        }
        let rows = vec![
            new("1.1", "1.1.1", "1.1.1.1"),
            new("1.1", "1.1.1", "1.1.1.2"),
            new("1.1", "1.1.2", "1.1.2.1").with(|new| new.series.modality = "MR".into()),
            new("1.2", "1.2.1", "1.2.1.1"),
        ];
        insert(&*index, rows).await;
        let before = index.totals().await.unwrap().instances;
        let removal = delete(&*index, what).await;
        assert_eq!(found(&*index, what).await, 0, "{what}");
        assert!(index.was_here(&everything(), &target(what)).await.unwrap());
        for left in &left {
            assert!(found(&*index, left).await > 0, "{left} is left after {what}");
        }
        let after = index.totals().await.unwrap();
        assert_eq!(after.instances, before - removal.instances.len() as u64);
        for one in &removal.instances {
            assert!(index.is_removed(one.sequence).await.unwrap());
            assert_eq!(index.by_sequence(one.sequence).await.unwrap(), None);
        }
        // It is on record, and doing it again changes nothing.
        assert_eq!(index.removals(None, 100).await.unwrap().last(), Some(&removal.head));
        assert_eq!(index.remove(removal.clone()).await.unwrap(), 0);
        assert_eq!(index.totals().await.unwrap(), after);
        assert!(index.last_sequence().await.unwrap() >= removal.head.sequence);
        assert_eq!(index.check().await.unwrap(), Vec::<String>::new());
        // What is left of the round goes too.
        for left in left {
            if found(&*index, left).await > 0 {
                delete(&*index, left).await;
            }
        }
        assert_eq!(index.totals().await.unwrap(), Totals::default());
        assert_eq!(index.check().await.unwrap(), Vec::<String>::new());
    }
}

/// A page that goes on in what was deleted meanwhile is no end: nobody takes the pages before for all.
pub async fn a_page_does_not_go_on_in_what_is_gone(engine: &mut dyn Engine) {
    let index = engine.open();
    let rows = (0..6).map(|n| new("1.1", &format!("1.1.{}", n % 2), &format!("1.1.9.{n}"))).collect();
    insert(&*index, rows).await;
    let first = |path: &str| {
        let (index, target) = (&index, target(path));
        async move { index.instances(&everything(), &target, None, 2).await.unwrap()[1].cursor }
    };
    let (of_study, of_series) = (first("1.1").await, first("1.1/1.1.1").await);
    let image = target("1.1/1.1.1/1.1.9.1");
    let of_image = index.instances(&everything(), &image, None, 2).await.unwrap()[0].cursor;
    delete(&*index, "1.1/1.1.1").await;
    let series = target("1.1/1.1.1");
    assert_eq!(index.instances(&everything(), &series, Some(of_series), 2).await, Err(IndexError::Gone));
    assert_eq!(index.metadata(&everything(), &series, Some(of_series), 2).await, Err(IndexError::Gone));
    // The study is still there, without that series; and an image has no second page.
    assert_eq!(
        index.instances(&everything(), &target("1.1"), Some(of_study), 9).await.map(|p| p.len()),
        Ok(1)
    );
    assert_eq!(index.instances(&everything(), &image, Some(of_image), 2).await, Ok(vec![]));
    delete(&*index, "1.1").await;
    assert_eq!(
        index.instances(&everything(), &target("1.1"), Some(of_study), 2).await,
        Err(IndexError::Gone)
    );
    assert_eq!(index.metadata(&everything(), &target("1.1"), Some(of_study), 2).await, Err(IndexError::Gone));
    assert_eq!(index.instances(&everything(), &target("1.1"), None, 2).await, Ok(vec![]));
}

pub async fn a_deletion_is_durable_and_known(engine: &mut dyn Engine) {
    let index = engine.open();
    insert(&*index, (0..20).map(|n| new("1.1", "1.1.1", &format!("1.1.1.{n}"))).collect()).await;
    let removal = delete(&*index, "1.1").await;
    let index = engine.crash(index);
    assert_eq!(found(&*index, "1.1").await, 0);
    assert_eq!(index.removals(None, 10).await.unwrap(), vec![removal.head.clone()]);
    assert_eq!(index.removals(Some(removal.head.sequence), 10).await.unwrap(), []);
    let unpurged = index.unpurged(None, 100).await.unwrap();
    let sequences: Vec<u64> = unpurged.iter().map(|one| one.instance.sequence).collect();
    assert_eq!(sequences.len(), 20);
    assert_eq!(unpurged[0].custodian, id("local"));
    assert!(unpurged.iter().all(|one| one.instance.spool.is_some()));
    index.set_purged(sequences[..15].to_vec()).await.unwrap();
    let index = engine.crash(index);
    let left = index.unpurged(Some(sequences[15]), 100).await.unwrap();
    assert_eq!(left.len(), 4);
    let hidden = index.hidden().await.unwrap();
    assert_eq!(hidden, Hidden { removals: 1, removed: 20, unpurged: 5, rejected: 0, damaged: 0 });
    assert_eq!(index.removed(Some(sequences[9]), 100).await.unwrap().len(), 10);
}

/// WADO-037: what was deleted is known as such to whoever could see it, and to nobody else.
pub async fn only_its_holders_know_of_a_deletion(engine: &mut dyn Engine) {
    let index = engine.open();
    let rows = ["a", "b"].map(|holder| new("1.1", "1.1.1", "1.1.1.1").of(holder)).to_vec();
    insert(&*index, rows).await;
    let (a, b) = (of(&["a"]), of(&["b"]));
    let wanted = target("1.1");
    assert_eq!(index.removable(&of(&["c"]), &wanted, 10).await.unwrap(), None);
    let of_b = index.removable(&b, &wanted, 10).await.unwrap().unwrap();
    assert_eq!((of_b.custodian.clone(), of_b.instances.len()), (id("b"), 1));
    index.remove(removal(index.last_sequence().await.unwrap() + 1, &wanted, &of_b)).await.unwrap();
    for what in ["1.1", "1.1/1.1.1", "1.1/1.1.1/1.1.1.1"] {
        for (scope, here, was) in [(&a, 1, false), (&b, 0, true), (&everything(), 1, true)] {
            assert_eq!(index.instances(scope, &target(what), None, 10).await.unwrap().len(), here, "{what}");
            assert_eq!(index.was_here(scope, &target(what)).await.unwrap(), was, "{what}");
        }
    }
    for what in ["1.2", "1.1/1.1.2", "1.1/1.1.1/1.1.1.2"] {
        assert!(!index.was_here(&everything(), &target(what)).await.unwrap(), "{what}");
    }
    assert_eq!(index.check().await.unwrap(), Vec::<String>::new());
}

/// All versions of an instance go with the study that its first one lies in.
pub async fn versions_go_with_their_first(engine: &mut dyn Engine) {
    let index = engine.open();
    let rows = vec![
        new("1.1", "1.1.1", "1.1.1.1"),
        new("1.1", "1.1.1", "1.1.1.1").bytes(1),
        new("1.2", "1.2.1", "1.1.1.1").bytes(2),
        new("1.2", "1.2.1", "1.2.1.1"),
    ];
    insert(&*index, rows).await;
    let other = index.removable(&everything(), &target("1.2"), 10).await.unwrap().unwrap();
    assert_eq!(other.instances.len(), 1, "a version of another study's instance stays with that");
    assert_eq!(delete(&*index, "1.1").await.instances.len(), 3);
    assert_eq!(found(&*index, "1.2").await, 1);
    assert_eq!(index.all(None, 10).await.unwrap().len(), 1);
    assert_eq!(index.check().await.unwrap(), Vec::<String>::new());
    // One more than the limit tells that there is more.
    insert(&*index, (0..5).map(|n| new("1.3", "1.3.1", &format!("1.3.1.{n}"))).collect()).await;
    let some = index.removable(&everything(), &target("1.3"), 3).await.unwrap().unwrap();
    assert_eq!(some.instances.len(), 4);
    // And the same may come again, as new.
    let again = index.insert(vec![new("1.1", "1.1.1", "1.1.1.1")]).await.unwrap();
    assert!(matches!(again[..], [Inserted::New(_)]), "{again:?}");
    assert_eq!(found(&*index, "1.1/1.1.1/1.1.1.1").await, 1);
}

fn note(instance: &str, reason: &str, hides: &[&str]) -> NewInstance {
    new("1.1", "1.1.9", instance).with(|new| {
        new.series.modality = "KO".into();
        let instances = hides.iter().map(|uid| uid.parse().unwrap()).collect();
        new.rejects = Some(Rejection { reason: reason.into(), instances });
    })
}

/// QIDO-041, SOP-016: before or after its instances, a note hides them while it is here.
pub async fn notes_hide_what_they_name(engine: &mut dyn Engine) {
    for note_first in [false, true] {
        let index = engine.open();
        let slices: Vec<_> = (1..=3).map(|n| new("1.1", "1.1.1", &format!("1.1.1.{n}"))).collect();
        let rejects = note("1.1.9.1", "113001", &["1.1.1.1", "1.1.1.2", "1.1.1.77"]);
        let rows = match note_first {
            true => [vec![rejects.clone()], slices.clone()].concat(),
            false => [slices.clone(), vec![rejects.clone()]].concat(),
        };
        // In one call, and once more in calls of their own.
        if note_first {
            for row in rows {
                insert(&*index, vec![row]).await;
            }
        } else {
            insert(&*index, rows).await;
        }
        assert_eq!(found(&*index, "1.1/1.1.1").await, 1);
        let hits = index.search(&everything(), &search(Level::Study)).await.unwrap();
        assert_eq!((hits.hits[0].study.instance_count, hits.hits[0].study.series_count), (2, 2));
        let instances = index.search(&everything(), &search(Level::Instance)).await.unwrap();
        let mut shown = uids(Level::Instance, &instances);
        shown.sort();
        assert_eq!(shown, ["1.1.1.3", "1.1.9.1"]);
        let hidden = target("1.1/1.1.1/1.1.1.1");
        assert_eq!(index.instance(&everything(), &hidden).await.unwrap(), None);
        let version = Target { version: Some(1), ..hidden.clone() };
        assert_eq!(index.instance(&everything(), &version).await.unwrap(), None);
        assert!(index.was_here(&everything(), &hidden).await.unwrap());
        assert!(!index.was_here(&of(&["other"]), &hidden).await.unwrap());
        assert_eq!(index.hidden().await.unwrap().rejected, 2);
        assert_eq!(index.check().await.unwrap(), Vec::<String>::new());
        // Coming again, as they were or with other bytes, they stay hidden.
        let other = new("1.1", "1.1.1", "1.1.1.2").bytes(7);
        index.insert(vec![new("1.1", "1.1.1", "1.1.1.1"), other]).await.unwrap();
        assert_eq!(found(&*index, "1.1/1.1.1").await, 1);
        // Without the note they are there again.
        delete(&*index, "1.1/1.1.9/1.1.9.1").await;
        assert_eq!(found(&*index, "1.1/1.1.1").await, 3);
        assert_eq!(index.hidden().await.unwrap().rejected, 0);
        assert_eq!(index.check().await.unwrap(), Vec::<String>::new());
        // What is hidden can be deleted too.
        insert(&*index, vec![note("1.1.9.2", "113039", &["1.1.1.1", "1.1.9.2"])]).await;
        assert_eq!(found(&*index, "1.1/1.1.9").await, 0, "the note hides itself");
        delete(&*index, "1.1/1.1.1/1.1.1.1").await;
        delete(&*index, "1.1/1.1.9/1.1.9.2").await;
        assert_eq!(index.check().await.unwrap(), Vec::<String>::new());
        delete(&*index, "1.1").await;
        assert_eq!(index.totals().await.unwrap(), Totals::default());
        assert_eq!(index.check().await.unwrap(), Vec::<String>::new());
    }
}

/// A note of one custodian hides nothing of another's, and two notes are two reasons.
pub async fn notes_are_of_one_custodian(engine: &mut dyn Engine) {
    let index = engine.open();
    insert(
        &*index,
        vec![
            new("1.1", "1.1.1", "1.1.1.1"),
            new("1.1", "1.1.1", "1.1.1.1").of("other"),
            note("1.1.9.1", "113001", &["1.1.1.1"]),
            note("1.1.9.2", "113037", &["1.1.1.1"]),
        ],
    )
    .await;
    let local = Target { custodian: Some(id("local")), ..target("1.1/1.1.1") };
    let other = Target { custodian: Some(id("other")), ..target("1.1/1.1.1") };
    let count = async |target: &Target| index.instances(&everything(), target, None, 10).await.unwrap().len();
    assert_eq!((count(&local).await, count(&other).await), (0, 1));
    delete(&*index, "1.1/1.1.9/1.1.9.1").await;
    assert_eq!(count(&local).await, 0, "the second note still hides it");
    delete(&*index, "1.1/1.1.9/1.1.9.2").await;
    assert_eq!((count(&local).await, count(&other).await), (1, 1));
    assert_eq!(index.check().await.unwrap(), Vec::<String>::new());
}

/// Study and series attributes are those of the first instance that is left.
pub async fn attributes_follow_the_first_instance(engine: &mut dyn Engine) {
    let index = engine.open();
    let with = |n: u32, patient: &str| {
        let patient = patient.to_owned();
        new("1.1", "1.1.1", &format!("1.1.1.{n}")).with(move |new| {
            new.study.patient_id = patient.clone();
            new.study.attributes = patient.clone().into_bytes();
            new.series.attributes = patient.clone().into_bytes();
            new.series.modality = patient.clone();
            new.metadata = patient.into_bytes();
        })
    };
    let (wrong, right) = (with(1, "WRONG"), with(2, "RIGHT"));
    insert(&*index, vec![wrong, right.clone()]).await;
    assert!(index.stale(10).await.unwrap().is_empty());
    delete(&*index, "1.1/1.1.1/1.1.1.1").await;
    let stale = index.stale(10).await.unwrap();
    assert_eq!(stale.len(), 2);
    let metadata = index.stale_metadata(stale[0].id, None, 10).await.unwrap();
    assert_eq!(metadata.iter().map(|(_, m)| m.as_slice()).collect::<Vec<_>>(), [b"RIGHT"]);
    assert!(stale[0].held.as_ref().is_some_and(|held| held.two_patients && held.patient_id == "WRONG"));
    let fresh = stale
        .iter()
        .map(|stale| {
            assert_eq!(stale.first.as_ref().unwrap().1, b"RIGHT");
            let attributes = match &stale.held {
                Some(_) => FreshAttributes::Study(Box::new(right.study.clone()), false),
                None => FreshAttributes::Series(Box::new(right.series.clone())),
            };
            let first = stale.first.as_ref().map(|(row, _)| *row);
            Fresh { id: stale.id, first, attributes: Some(attributes) }
        })
        .collect();
    index.refresh(fresh).await.unwrap();
    assert!(index.stale(10).await.unwrap().is_empty());
    let hits = index.search(&everything(), &search(Level::Series)).await.unwrap();
    let hit = &hits.hits[0];
    assert_eq!((hit.study.attributes.as_slice(), hit.study.two_patients), (b"RIGHT".as_slice(), false));
    assert_eq!(hit.series.as_ref().unwrap().attributes, b"RIGHT");
    assert_eq!((hit.study.series_count, hit.study.instance_count), (1, 1));
    assert_eq!(hit.study.modalities, ["RIGHT"]);
    let mut wanted = search(Level::Study);
    for (patient, hits) in [("RIGHT", 1), ("WRONG", 0)] {
        wanted.filters = vec![crate::rows::filter(index::Attribute::PatientId, patient)];
        assert_eq!(index.search(&everything(), &wanted).await.unwrap().hits.len(), hits, "{patient}");
        wanted.filters = vec![crate::rows::filter(index::Attribute::ModalitiesInStudy, patient)];
        assert_eq!(index.search(&everything(), &wanted).await.unwrap().hits.len(), hits, "{patient}");
    }
    assert_eq!(index.check().await.unwrap(), Vec::<String>::new());
    // Nothing is left to take attributes from.
    insert(&*index, vec![note("1.1.9.1", "113038", &["1.1.1.2", "1.1.9.1"])]).await;
    let stale = index.stale(10).await.unwrap();
    assert!(stale.iter().all(|stale| stale.first.is_none()));
    let fresh = stale.iter().map(|s| Fresh { id: s.id, first: None, attributes: None }).collect();
    index.refresh(fresh).await.unwrap();
    assert!(index.stale(10).await.unwrap().is_empty());
    assert_eq!(index.check().await.unwrap(), Vec::<String>::new());
}

/// A damaged row says so, and takes the same bytes when they come again.
pub async fn damaged_rows_heal(engine: &mut dyn Engine) {
    let index = engine.open();
    let given = new("1.1", "1.1.1", "1.1.1.1");
    let rows = insert(&*index, vec![given.clone()]).await;
    index.set_placed(vec![(rows[0], "k".into())]).await.unwrap();
    assert!(index.mark_damaged(rows[0], 1, "chunk 3").await.unwrap());
    assert!(!index.mark_damaged(rows[0], 2, "again").await.unwrap());
    assert!(!index.mark_damaged(index::RowId(9_999), 2, "nothing").await.unwrap());
    let index = engine.crash(index);
    let what = target("1.1/1.1.1/1.1.1.1");
    let record = index.instance(&everything(), &what).await.unwrap().unwrap().record;
    assert_eq!(record.damaged.as_deref(), Some("chunk 3"));
    assert_eq!(index.hidden().await.unwrap().damaged, 1);
    // QIDO-042: a search tells it.
    let found = index.search(&everything(), &index::Search::of(index::Level::Instance)).await.unwrap();
    assert!(found.hits[0].instance.as_ref().unwrap().damaged);
    // Put back as it was, it is served again.
    index.mark_sound(rows[0]).await.unwrap();
    assert_eq!(index.hidden().await.unwrap().damaged, 0);
    assert!(index.mark_damaged(rows[0], 3, "chunk 3").await.unwrap());
    // Other bytes do not heal it.
    insert(&*index, vec![new("1.1", "1.1.1", "1.1.1.1").bytes(1)]).await;
    let again = new("1.1", "1.1.1", "1.1.1.1").with(|new| new.digest = given.digest);
    let healed = index.insert(vec![again.clone()]).await.unwrap();
    assert_eq!(healed, [Inserted::Healed(rows[0], 1)]);
    let record = index.instance(&everything(), &what).await.unwrap().unwrap().record;
    assert_eq!(
        (record.damaged, record.sequence, record.location),
        (None, again.sequence, again.location.clone())
    );
    assert_eq!(index.insert(vec![again]).await.unwrap(), [Inserted::Same(rows[0])]);
    assert_eq!(index.check().await.unwrap(), Vec::<String>::new());
}

pub async fn commitments_are_kept_and_end(engine: &mut dyn Engine) {
    let index = engine.open();
    let request = |principal: &str, transaction: &str, at| NewCommitment {
        principal: principal.into(),
        transaction: transaction.into(),
        at,
        request: b"what".to_vec(),
    };
    let OpenedCommitment::New(first) = index.open_commitment(request("a", "1.9.1", 10), 2).await.unwrap()
    else {
        panic!("refused")
    };
    // DIMSE-046: a transaction UID is used once, by each principal for itself.
    for (principal, transaction, expected) in [
        ("a", "1.9.1", Some(OpenedCommitment::Used)),
        ("b", "1.9.1", None),
        ("a", "1.9.2", None),
        ("a", "1.9.3", Some(OpenedCommitment::TooMany)),
    ] {
        let opened = index.open_commitment(request(principal, transaction, 20), 2).await.unwrap();
        match expected {
            Some(expected) => assert_eq!(opened, expected, "{principal} {transaction}"),
            None => assert!(matches!(opened, OpenedCommitment::New(_)), "{principal} {transaction}"),
        }
    }
    let index = engine.crash(index);
    let pending = index.pending_commitments(0, 10).await.unwrap();
    assert_eq!((pending.len(), pending[0].id, pending[0].request.as_slice()), (3, first, b"what".as_slice()));
    assert_eq!(index.pending_commitments(first, 1).await.unwrap().len(), 1);
    index.end_commitment(first, 30, b"all".to_vec()).await.unwrap();
    let state = async |principal: &str, transaction: &str| {
        index.commitment(principal, transaction).await.unwrap().map(|c| c.state)
    };
    assert_eq!(state("a", "1.9.1").await, Some(CommitmentState::Done(b"all".to_vec())));
    assert_eq!(state("b", "1.9.1").await, Some(CommitmentState::Pending));
    assert_eq!(state("c", "1.9.1").await, None);
    let Some(Commitment { at, .. }) = index.commitment("a", "1.9.1").await.unwrap() else { panic!("gone") };
    assert_eq!(at, 10);
    // What is pending is not let go.
    index.expire_commitments(100, 0).await.unwrap();
    assert_eq!(state("a", "1.9.1").await, Some(CommitmentState::Expired));
    assert_eq!(state("b", "1.9.1").await, Some(CommitmentState::Pending));
    assert_eq!(index.open_commitment(request("a", "1.9.1", 200), 2).await.unwrap(), OpenedCommitment::Used);
    index.expire_commitments(100, 100).await.unwrap();
    assert_eq!(state("a", "1.9.1").await, None);
}
