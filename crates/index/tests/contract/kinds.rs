//! Kinds of matching beyond a value, a pattern and a range: words of names, time zones, documents.

use std::sync::Arc;

use index::Attribute::*;
use index::{Documents, Index, Judge, Level, NewInstance, Reads, Search};
use model::matching::Rule;

use crate::Engine;
use crate::rows::{With, everything, filter, fold, insert, new, search, uids};

/// What is found, as the last numbers of the studies' UIDs, sorted.
async fn found(index: &dyn Index, wanted: &Search) -> String {
    let hits = index.search(&everything(), wanted).await.unwrap();
    let mut all = uids(wanted.level, &hits);
    all.sort();
    all.iter().map(|uid| uid.split('.').nth(1).unwrap()).collect()
}

fn study(n: usize, change: impl FnOnce(&mut NewInstance)) -> NewInstance {
    new(&format!("1.{n}"), &format!("1.{n}.1"), &format!("1.{n}.1.1")).with(change)
}

/// QIDO-033: by its words, in any order, script and spelling; a word is forgotten with its last study.
pub async fn names_are_found_by_their_words(engine: &mut dyn Engine) {
    let index = engine.open();
    let names = [
        "SMITH^JOHN",
        "Schmidt^Jon",
        "Müller^Jörg",
        "Иванов^Иван",
        "=山田^太郎=やまだ^たろう",
        "",
        "O'Brien^Ann",
    ];
    let rows = (1..).zip(names).map(|(n, name)| {
        study(n, |new| {
            new.study.patient_name_folded = fold(name);
            new.study.referring_folded = fold(name);
        })
    });
    let rows = insert(&*index, rows.collect()).await;
    for (key, expected) in [
        ("smith", "12"),
        ("jon smyth", "12"),
        ("smi", "1"),
        ("smy*", ""),
        ("s?ith", "1"),
        ("*ith", "1"),
        ("muller", "3"),
        ("ivanov", "4"),
        ("Иван", "4"),
        ("yamada", "5"),
        ("山", "5"),
        ("太郎 ヤマダ", "5"),
        ("o'brien ann", "7"),
        ("nobody", ""),
        ("smith nobody", ""),
        ("*", "1234567"),
    ] {
        for attribute in [PatientName, ReferringPhysicianName] {
            let wanted =
                Search { filters: vec![(attribute, Rule::Fuzzy(key.into()))], ..search(Level::Study) };
            assert_eq!(found(&*index, &wanted).await, expected, "{attribute:?} {key}");
            let deep = Search { level: Level::Instance, ..wanted };
            assert_eq!(found(&*index, &deep).await, expected, "{attribute:?} {key}");
        }
    }
    // Parts of names, whatever stands before them.
    for (pattern, expected) in
        [("*mith*", "1"), ("*mi*", "12"), ("*JO*", "123"), ("*^Иван", "4"), ("*brie*", "7"), ("*xyz*", "")]
    {
        let wanted = Search { filters: vec![filter(PatientName, pattern)], ..search(Level::Study) };
        assert_eq!(found(&*index, &wanted).await, expected, "{pattern}");
    }
    index.remove_unplaced(rows[0]).await.unwrap();
    for (key, expected) in [("smith", "2"), ("john", "2"), ("smi", "")] {
        let wanted = Search { filters: vec![(PatientName, Rule::Fuzzy(key.into()))], ..search(Level::Study) };
        assert_eq!(found(&*index, &wanted).await, expected, "{key}");
    }
    assert_eq!(index.check().await.unwrap(), Vec::<String>::new());
}

/// QIDO-035: what is asked in one zone is found in another.
pub async fn dates_and_times_have_zones(engine: &mut dyn Engine) {
    let index = engine.open();
    let rows = [
        (1, "20240101", "003000.000000", Some(60)),
        (2, "20240101", "003000.000000", Some(-300)),
        (3, "20240101", "233000.000000", None),
        (4, "20240102", "", Some(180)),
        (5, "", "120000.000000", Some(0)),
    ];
    let rows = rows.map(|(n, date, time, zone)| {
        study(n, |new| {
            new.study.date = date.into();
            new.study.time = time.into();
            new.study.zone = zone;
            new.series.performed_date = date.into();
            new.series.performed_time = time.into();
        })
    });
    insert(&*index, rows.to_vec()).await;
    for (zone, default_zone, date, time, expected) in [
        (None, 0, "20240101", "", "123"),
        (Some(0), 0, "20231231", "", "1"),
        (Some(0), 0, "20240101", "", "23"),
        (Some(0), 60, "20240101", "2230", "3"),
        (Some(540), 0, "20240101", "", "12"),
        (Some(540), 0, "20240102", "", "34"),
        (Some(540), 0, "", "0830", "13"),
        (Some(540), 0, "", "21", "5"),
        (Some(0), 0, "20231231-20240101", "2300-0600", "12"),
        (Some(0), 0, "20231231-20240101", "2331-0529", ""),
        (Some(0), 0, "20240101-", "2330-", "34"),
        (Some(0), 0, "-20240101", "-0530", "12"),
        (Some(-720), 840, "20240102", "", "4"),
    ] {
        for (day, hour, level) in [
            (StudyDate, StudyTime, Level::Study),
            (StudyDate, StudyTime, Level::Series),
            (PerformedProcedureStepStartDate, PerformedProcedureStepStartTime, Level::Series),
        ] {
            let filters = vec![filter(day, date), filter(hour, time)];
            let wanted = Search { zone, default_zone, filters, ..search(level) };
            assert_eq!(found(&*index, &wanted).await, expected, "{zone:?} {date} {time} {day:?} {level:?}");
        }
    }
    // Beside another key, and of several days.
    let mut wanted = Search { zone: Some(0), ..search(Level::Study) };
    let days = ["20231231", "20240102"].map(|day| Rule::Exact(day.into())).to_vec();
    wanted.filters = vec![(StudyDate, Rule::AnyOf(days)), filter(ModalitiesInStudy, "CT")];
    assert_eq!(found(&*index, &wanted).await, "14");
}

/// What filters let pass a judge may still refuse, before pages and counts.
pub async fn judges_decide_by_documents(engine: &mut dyn Engine) {
    let index = engine.open();
    let rows = (1..=9).map(|n| {
        study(n, |new| {
            new.study.attributes = format!("study {}", n % 2).into_bytes();
            new.series.attributes = format!("series {}", n % 3).into_bytes();
            new.attributes = format!("instance {}", n % 4).into_bytes();
            new.metadata = format!("metadata {}", n % 5).into_bytes();
            new.study.patient_id = ["A", "B"][n % 2].into();
        })
    });
    insert(&*index, rows.collect()).await;
    type Part = fn(&Documents) -> &[u8];
    let parts: [(Level, Part, &str, &str); 4] = [
        (Level::Study, |documents| &documents.study, "study 1", "13579"),
        (Level::Series, |documents| &documents.series, "series 0", "369"),
        (Level::Instance, |documents| &documents.instance, "instance 3", "37"),
        (Level::Instance, |documents| &documents.metadata, "metadata 4", "49"),
    ];
    for (level, part, text, expected) in parts {
        let reads = Reads { study: true, series: true, instance: true, metadata: true };
        let passes = move |documents: &Documents| part(documents) == text.as_bytes();
        let judge = Judge { reads, passes: Arc::new(passes) };
        let wanted = Search { judge: Some(judge), ..search(level) };
        assert_eq!(found(&*index, &wanted).await, expected, "{text}");
        // Through keys that are merged, and page by page.
        let ids = ["A", "B", "C"].map(|id| Rule::Exact(id.into())).to_vec();
        let merged = Search { filters: vec![(PatientId, Rule::AnyOf(ids))], limit: 1, ..wanted };
        let mut all = String::new();
        for offset in 0..=expected.len() {
            let page = Search { offset: offset as u64, ..merged.clone() };
            let remaining = index.search(&everything(), &page).await.unwrap().remaining as usize;
            assert_eq!(remaining, expected.len().saturating_sub(offset + 1), "{text} {offset}");
            all += &found(&*index, &page).await;
        }
        let newest_first: String = expected.chars().rev().collect();
        assert_eq!(all, newest_first, "{text}");
    }
}

/// QIDO-018, QIDO-031, QIDO-034: any of several values, of the study or of the query; none at all.
pub async fn any_of_several_values_matches(engine: &mut dyn Engine) {
    let index = engine.open();
    let rows = [
        study(1, |new| new.study.other_ids = vec!["X1".into(), "X2".into()]),
        study(2, |new| new.study.other_ids = vec!["X2".into()]),
        study(3, |new| new.study.issuer = "NORTH".into()),
        study(4, |new| new.series.modality = String::new()),
    ];
    insert(&*index, rows.to_vec()).await;
    let exact = |texts: &[&str]| Rule::AnyOf(texts.iter().map(|text| Rule::Exact((*text).into())).collect());
    for (attribute, rule, expected) in [
        (OtherPatientId, Rule::Exact("X1".into()), "1"),
        (OtherPatientId, Rule::Exact("X2".into()), "12"),
        (OtherPatientId, Rule::Wildcard("X*".into()), "12"),
        (OtherPatientId, exact(&["X1", "X2"]), "12"),
        (OtherPatientId, Rule::Empty, "34"),
        (OtherPatientId, Rule::AnyOf(vec![Rule::Empty, Rule::Exact("X1".into())]), "134"),
        (IssuerOfPatientId, Rule::Exact("NORTH".into()), "3"),
        (IssuerOfPatientId, Rule::Empty, "124"),
        (ModalitiesInStudy, Rule::Empty, "4"),
        (ModalitiesInStudy, exact(&["CT", "MR"]), "123"),
        (ModalitiesInStudy, Rule::AnyOf(vec![Rule::Empty, Rule::Exact("CT".into())]), "1234"),
        (Modality, Rule::AnyOf(vec![Rule::Empty, Rule::Exact("MR".into())]), "4"),
        (StudyDate, exact(&["20240101", "19990101"]), "1234"),
        (StudyDate, exact(&["20240102", "19990101"]), ""),
        (StudyTime, exact(&["120000.000000", "130000.000000"]), "1234"),
    ] {
        let level = attribute.level();
        let wanted = Search { filters: vec![(attribute, rule.clone())], ..search(level) };
        assert_eq!(found(&*index, &wanted).await, expected, "{attribute:?} {rule:?}");
    }
}
