//! What each matching key finds (PS3.4 C.2.2.2, PS3.18 Table 10.6.1-5).

use index::Attribute::*;
use index::{Attribute, Index, Level, NewInstance};
use model::matching::Rule;

use crate::Engine;
use crate::rows::{With, everything, filter, fold, insert, new, search, uids};

/// Three studies that differ in every key.
fn studies() -> Vec<NewInstance> {
    vec![
        new("1.1", "1.1.1", "1.1.1.1").with(|new| {
            new.study.date = "20240105".into();
            new.study.time = "100000.000000".into();
            new.study.accession = "ACC1".into();
            new.study.referring_folded = fold("House^Gregory");
            new.study.patient_name_folded = fold("Müller^Anna");
            new.study.patient_id = "P1".into();
            new.study.issuer = "CLINIC".into();
            new.study.birth_date = "19700131".into();
            new.study.sex = "F".into();
            new.study.study_id = "ABC1".into();
            new.study.description = "CT Thorax [low dose]".into();
            new.study.institution = "Nord".into();
            new.series.number = Some(1);
            new.series.description = "Lung 1.0".into();
            new.series.body_part = "CHEST".into();
            new.series.performed_date = "20240105".into();
            new.series.performed_time = "095500.000000".into();
            new.series.requests = vec![("S1".into(), "R1".into()), ("S2".into(), "R2".into())];
            new.number = Some(1);
        }),
        new("1.1", "1.1.2", "1.1.2.1").with(|new| {
            new.series.modality = "PT".into();
            new.series.number = Some(2);
            new.sop_class = "1.2.840.10008.5.1.4.1.1.128".parse().unwrap();
            new.number = Some(7);
        }),
        new("1.2", "1.2.1", "1.2.1.1").with(|new| {
            new.study.date = "20240107".into();
            new.study.time = "180000.500000".into();
            new.study.accession = "acc1".into();
            new.study.referring_folded = fold("Wilson^James");
            new.study.patient_name_folded = fold("SMITH^JOHN^^^");
            new.study.patient_id = "P10".into();
            new.study.birth_date = "19700201".into();
            new.study.sex = "M".into();
            new.study.study_id = "abc1".into();
            new.study.description = "MR Head".into();
            new.study.institution = "Süd".into();
            new.series.modality = "MR".into();
            new.series.number = Some(1);
            new.series.performed_date = "20240107".into();
            new.series.requests = vec![("S1".into(), "R2".into())];
            new.sop_class = "1.2.840.10008.5.1.4.1.1.4".parse().unwrap();
        }),
        new("1.3", "1.3.1", "1.3.1.1").with(|new| {
            new.study.date = String::new();
            new.study.time = String::new();
            new.series.modality = String::new();
        }),
    ]
}

async fn check(index: &dyn Index, level: Level, filters: Vec<(Attribute, Rule)>, expected: &[&str]) {
    let mut wanted = search(level);
    wanted.filters = filters;
    let mut found = uids(level, &index.search(&everything(), &wanted).await.unwrap());
    found.sort();
    assert_eq!(found, expected, "{level:?} {:?}", wanted.filters);
}

/// QIDO-004 studies, QIDO-005 series, QIDO-006 instances.
pub async fn every_key_matches(engine: &mut dyn Engine) {
    let index = engine.open();
    insert(&*index, studies()).await;
    let rows: &[(Attribute, &str, &[&str])] = &[
        (StudyDate, "20240105", &["1.1"]),
        (StudyDate, "20240105-20240107", &["1.1", "1.2"]), // QIDO-026
        (StudyDate, "20240106-", &["1.2"]),
        (StudyDate, "-20240106", &["1.1"]),
        (StudyDate, "20240108-", &[]),
        (StudyDate, "20240107-20240105", &[]),
        (StudyTime, "10", &["1.1"]),
        (StudyTime, "1000", &["1.1"]),
        (StudyTime, "100000.000000", &["1.1"]),
        (StudyTime, "180000", &["1.2"]),
        (StudyTime, "180000.5", &["1.2"]),
        (StudyTime, "180000.6", &[]),
        (StudyTime, "1000-1800", &["1.1", "1.2"]),
        (StudyTime, "-1200", &["1.1"]),
        (StudyTime, "1200-", &["1.2"]),
        (StudyTime, "2200-0200", &[]), // QIDO-027
        (AccessionNumber, "ACC1", &["1.1"]),
        (AccessionNumber, "ACC?", &["1.1"]),
        (AccessionNumber, "A*1", &["1.1"]),
        (AccessionNumber, "*1", &["1.1", "1.2"]),
        (AccessionNumber, "ACC", &[]),
        (ModalitiesInStudy, "CT", &["1.1"]), // QIDO-031
        (ModalitiesInStudy, "PT", &["1.1"]),
        (ModalitiesInStudy, "?T", &["1.1"]),
        (ModalitiesInStudy, "M*", &["1.2"]),
        (ModalitiesInStudy, "US", &[]),
        (ReferringPhysicianName, "house^gregory", &["1.1"]),
        (ReferringPhysicianName, "*JAMES", &["1.2"]),
        (PatientName, "MULLER*", &["1.1"]),
        (PatientId, "P1", &["1.1"]),
        (PatientId, "P1*", &["1.1", "1.2"]),
        (PatientId, "p1", &[]),
        (IssuerOfPatientId, "CLINIC", &["1.1"]),
        (PatientBirthDate, "19700131", &["1.1"]),
        (PatientBirthDate, "-19700131", &["1.1"]),
        (PatientBirthDate, "19700101-19701231", &["1.1", "1.2"]),
        (PatientSex, "M", &["1.2"]),
        (StudyInstanceUid, "1.2", &["1.2"]),
        (StudyInstanceUid, "1.3,1.1,1.9", &["1.1", "1.3"]), // QIDO-022
        (StudyId, "ABC1", &["1.1"]),
        (StudyId, "ABC*", &["1.1"]), // QIDO-024
        (StudyId, "abc*", &["1.2"]),
        (StudyDescription, "CT Thorax [low dose]", &["1.1"]),
        (StudyDescription, "*[low*", &["1.1"]),
        (StudyDescription, "*[a-z]*", &[]),
        (StudyDescription, "*Head", &["1.2"]),
        (InstitutionName, "S?d", &["1.2"]),
        (InstitutionName, "Süd", &["1.2"]),
        (PatientId, "*", &["1.1", "1.2", "1.3"]), // QIDO-025
        (PatientId, "***", &["1.1", "1.2", "1.3"]),
        (PatientName, "", &["1.1", "1.2", "1.3"]),
        (PatientName, "?*", &["1.1", "1.2"]),
    ];
    for (attribute, text, expected) in rows {
        check(&*index, Level::Study, vec![filter(*attribute, text)], expected).await;
    }
    let rows: &[(Attribute, &str, &[&str])] = &[
        (Modality, "CT", &["1.1.1"]),
        (Modality, "?T", &["1.1.1", "1.1.2"]),
        (SeriesInstanceUid, "1.1.2", &["1.1.2"]),
        (SeriesInstanceUid, "1.2.1,1.1.2", &["1.1.2", "1.2.1"]),
        (SeriesNumber, "1", &["1.1.1", "1.2.1"]),
        (SeriesNumber, "01", &["1.1.1", "1.2.1"]),
        (SeriesNumber, "0", &[]),
        (SeriesDescription, "Lung*", &["1.1.1"]),
        (BodyPartExamined, "CHEST", &["1.1.1"]),
        (PerformedProcedureStepStartDate, "20240105", &["1.1.1"]),
        (PerformedProcedureStepStartDate, "-20240106", &["1.1.1"]),
        (PerformedProcedureStepStartDate, "20240106-", &["1.2.1"]),
        (PerformedProcedureStepStartTime, "0955", &["1.1.1"]),
        (PerformedProcedureStepStartTime, "-10", &["1.1.1"]),
        (ScheduledProcedureStepId, "S1", &["1.1.1", "1.2.1"]),
        (RequestedProcedureId, "R?", &["1.1.1", "1.2.1"]),
        (PatientId, "P1", &["1.1.1", "1.1.2"]),
        (StudyDate, "20240105", &["1.1.1", "1.1.2"]),
        (ModalitiesInStudy, "PT", &["1.1.1", "1.1.2"]),
    ];
    for (attribute, text, expected) in rows {
        check(&*index, Level::Series, vec![filter(*attribute, text)], expected).await;
    }
    let rows: &[(Attribute, &str, &[&str])] = &[
        (SopClassUid, "1.2.840.10008.5.1.4.1.1.4", &["1.2.1.1"]),
        (SopClassUid, "1.2.840.10008.5.1.4.1.1.4,1.2.840.10008.5.1.4.1.1.128,1.9", &["1.1.2.1", "1.2.1.1"]),
        (SopInstanceUid, "1.3.1.1", &["1.3.1.1"]),
        (SopInstanceUid, "1.3.1.1,1.1.1.1", &["1.1.1.1", "1.3.1.1"]),
        (InstanceNumber, "7", &["1.1.2.1"]),
        (InstanceNumber, "0", &[]),
        (Modality, "MR", &["1.2.1.1"]),
        (PatientId, "P10", &["1.2.1.1"]),
    ];
    for (attribute, text, expected) in rows {
        check(&*index, Level::Instance, vec![filter(*attribute, text)], expected).await;
    }
    // Rules that do not go with the attribute match nothing.
    for (level, attribute) in [
        (Level::Study, StudyDate),
        (Level::Study, StudyTime),
        (Level::Series, SeriesNumber),
        (Level::Instance, InstanceNumber),
    ] {
        check(&*index, level, vec![(attribute, Rule::Wildcard("1*".into()))], &[]).await;
        check(&*index, level, vec![(attribute, Rule::Exact("x".into()))], &[]).await;
    }
    // Empty value matching (PS3.4 C.2.2.2.7).
    let rows: &[(Level, Attribute, &[&str])] = &[
        (Level::Study, StudyDate, &["1.3"]),
        (Level::Study, StudyTime, &["1.3"]),
        (Level::Study, AccessionNumber, &["1.3"]),
        (Level::Study, ModalitiesInStudy, &["1.3"]),
        (Level::Study, PatientName, &["1.3"]),
        (Level::Study, PatientId, &["1.3"]),
        (Level::Study, StudyInstanceUid, &[]),
        (Level::Series, Modality, &["1.3.1"]),
        (Level::Series, SeriesNumber, &["1.3.1"]),
        (Level::Series, ScheduledProcedureStepId, &["1.1.2", "1.3.1"]),
        (Level::Series, PerformedProcedureStepStartDate, &["1.1.2", "1.3.1"]),
        (Level::Instance, InstanceNumber, &["1.2.1.1", "1.3.1.1"]),
    ];
    for (level, attribute, expected) in rows {
        check(&*index, *level, vec![(*attribute, Rule::Empty)], expected).await;
    }
    // All must match, and those of deeper levels within one series and instance of it.
    for (level, filters, expected) in [
        (Level::Study, vec![(PatientId, "P1*"), (StudyDate, "20240107")], vec!["1.2"]),
        (Level::Study, vec![(PatientId, "P1"), (PatientSex, "M")], vec![]),
        (Level::Study, vec![(ModalitiesInStudy, "CT"), (ModalitiesInStudy, "PT")], vec!["1.1"]),
        (Level::Study, vec![(Modality, "CT"), (SeriesNumber, "1")], vec!["1.1"]),
        (Level::Study, vec![(Modality, "CT"), (SeriesNumber, "2")], vec![]),
        (Level::Study, vec![(Modality, "PT"), (InstanceNumber, "7")], vec!["1.1"]),
        (Level::Study, vec![(Modality, "CT"), (InstanceNumber, "7")], vec![]),
        (Level::Study, vec![(SopInstanceUid, "1.2.1.1")], vec!["1.2"]),
        (Level::Series, vec![(SopInstanceUid, "1.1.2.1")], vec!["1.1.2"]),
        (Level::Series, vec![(Modality, "CT"), (PatientId, "P10")], vec![]),
        (Level::Instance, vec![(SopInstanceUid, "1.1.2.1"), (Modality, "CT")], vec![]),
        (Level::Instance, vec![(StudyInstanceUid, "1.1"), (SeriesNumber, "2")], vec!["1.1.2.1"]),
    ] {
        let filters = filters.into_iter().map(|(attribute, text)| filter(attribute, text)).collect();
        check(&*index, level, filters, &expected).await;
    }
}

/// QIDO-029, PS3.4 C.2.2.2.5: both ranges are one interval when asked for so.
pub async fn dates_and_times_are_one_interval(engine: &mut dyn Engine) {
    let index = engine.open();
    let rows = [
        ("1.1", "20060705", "090000.000000"),
        ("1.2", "20060705", "100000.000000"),
        ("1.3", "20060706", "030000.000000"),
        ("1.4", "20060707", "175959.999999"),
        ("1.5", "20060707", "190000.000000"),
        ("1.6", "20060706", ""),
        ("1.7", "20060705", ""),
        ("1.8", "20060707", ""),
        ("1.9", "", "120000.000000"),
    ]
    .map(|(study, date, time)| {
        new(study, &format!("{study}.1"), &format!("{study}.1.1")).with(|new| {
            new.study.date = date.into();
            new.study.time = time.into();
        })
    });
    insert(&*index, rows.to_vec()).await;
    for (combined, date, time, expected) in [
        (true, "20060705-20060707", "100000-175959", vec!["1.2", "1.3", "1.4", "1.6"]),
        (false, "20060705-20060707", "100000-175959", vec!["1.2", "1.4"]),
        (true, "20060705-", "100000-", vec!["1.2", "1.3", "1.4", "1.5", "1.6", "1.8"]),
        (true, "20060705-20060706", "100000-", vec!["1.2", "1.3", "1.6"]),
        (true, "-20060706", "-0300", vec!["1.1", "1.2", "1.3", "1.7"]),
        (true, "-20060706", "-0259", vec!["1.1", "1.2", "1.7"]),
        (true, "20060705", "1000-1800", vec!["1.2"]),
        (true, "20060707-20060705", "0000-2359", vec![]),
        (true, "20060705-20060707", "", vec!["1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7", "1.8"]),
    ] {
        let mut wanted = search(Level::Study);
        wanted.combined_datetime = combined;
        wanted.filters = vec![filter(StudyDate, date), filter(StudyTime, time)];
        let mut found = uids(Level::Study, &index.search(&everything(), &wanted).await.unwrap());
        found.sort();
        assert_eq!(found, expected, "{combined} {date} {time}");
    }
}

/// QIDO-030: two items that each match half are no match.
pub async fn request_attributes_match_within_one_item(engine: &mut dyn Engine) {
    let index = engine.open();
    insert(&*index, studies()).await;
    for (step, requested, expected) in [
        ("S1", "R1", vec!["1.1.1"]),
        ("S2", "R2", vec!["1.1.1"]),
        ("S1", "R2", vec!["1.2.1"]),
        ("S2", "R1", vec![]),
        ("S*", "R2", vec!["1.1.1", "1.2.1"]),
        ("", "R1", vec!["1.1.1"]),
        ("*", "R1", vec!["1.1.1"]),
    ] {
        let filters = vec![filter(ScheduledProcedureStepId, step), filter(RequestedProcedureId, requested)];
        check(&*index, Level::Series, filters.clone(), &expected).await;
        let studies: Vec<&str> = expected.iter().map(|series| &series[..3]).collect();
        check(&*index, Level::Study, filters, &studies).await;
    }
    let empty = vec![filter(ScheduledProcedureStepId, "S1"), (RequestedProcedureId, Rule::Empty)];
    check(&*index, Level::Series, empty, &[]).await;
    let both = vec![(ScheduledProcedureStepId, Rule::Empty), (RequestedProcedureId, Rule::Empty)];
    check(&*index, Level::Series, both, &["1.1.2", "1.3.1"]).await;
}

/// QIDO-032: neither case nor accents nor empty trailing components count; groups match each for itself.
pub async fn names_match_without_case_and_accents(engine: &mut dyn Engine) {
    let index = engine.open();
    let names = [
        ("1.1", "SMITH^JOHN^^^"),
        ("1.2", "Smithers^Al"),
        ("1.3", "Müller^Anna"),
        ("1.4", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        ("1.5", "=金^희중"),
        ("1.6", ""),
        ("1.7", "A+B^[X]"),
        ("1.8", "Łukasz^Groß"),
    ];
    let rows = names.map(|(study, name)| {
        new(study, &format!("{study}.1"), &format!("{study}.1.1")).with(|new| {
            new.study.patient_name_folded = fold(name);
            new.study.referring_folded = fold(name);
        })
    });
    insert(&*index, rows.to_vec()).await;
    for (text, expected) in [
        ("smith^john", vec!["1.1"]),
        ("SMITH^JOHN^^", vec!["1.1"]),
        ("smith", vec![]),
        ("smith*", vec!["1.1", "1.2"]),
        ("SMITH^*", vec!["1.1"]),
        ("sm?th*", vec!["1.1", "1.2"]),
        ("*john", vec!["1.1"]),
        ("MULLER^ANNA", vec!["1.3"]),
        ("müller*", vec!["1.3"]),
        ("MÜLLER*", vec!["1.3"]),
        ("m?ller^anna", vec!["1.3"]),
        ("mueller*", vec![]),
        ("yamada^tarou", vec!["1.4"]),
        ("山田*", vec!["1.4"]),
        ("山田^太郎", vec!["1.4"]),
        ("やまだ^たろう", vec!["1.4"]),
        ("*太郎", vec!["1.4"]),
        ("yamada^tarou=山田^太郎=やまだ^たろう", vec!["1.4"]),
        ("yamada^tarou=*", vec!["1.4"]),
        ("yamada*=*たろう", vec!["1.4"]),
        ("yamada^tarou=山田^太郎", vec![]),
        ("=金^희중", vec!["1.5"]),
        ("金^희중", vec!["1.5"]),
        ("a+b^[x]", vec!["1.7"]),
        ("a+b^[*", vec!["1.7"]),
        ("lukasz^GROSS", vec!["1.8"]),
        ("?", vec![]),
        ("^^", vec!["1.6"]),
    ] {
        for attribute in [PatientName, ReferringPhysicianName] {
            check(&*index, Level::Study, vec![filter(attribute, text)], &expected).await;
        }
    }
    check(&*index, Level::Study, vec![(PatientName, Rule::Empty)], &["1.6"]).await;
}

/// Bound parameters: nothing in a text is more than text, and no pattern takes long.
pub async fn hostile_texts_are_only_texts(engine: &mut dyn Engine) {
    let index = engine.open();
    let texts =
        ["' OR 1=1 --", "\"; DROP TABLE study", "100%_", "[a-z]", "\\", "\u{10FFFF}x", "?Z", "{\"a\":[1]}"];
    let rows: Vec<_> = (1..)
        .zip(texts)
        .map(|(n, text)| {
            let study = format!("1.{n}");
            new(&study, &format!("{study}.1"), &format!("{study}.1.1")).with(|new| {
                new.study.patient_id = text.into();
                new.study.description = "a".repeat(256);
            })
        })
        .collect();
    insert(&*index, rows).await;
    for (n, text) in (1..).zip(texts) {
        let expected = format!("1.{n}");
        check(&*index, Level::Study, vec![(PatientId, Rule::Exact(text.into()))], &[&expected]).await;
        let begins: String = text.chars().take(2).collect();
        check(&*index, Level::Study, vec![(PatientId, Rule::Wildcard(begins + "*"))], &[&expected]).await;
    }
    for text in ["' OR '1'='1", "%", "_", "x' UNION SELECT * FROM study --", "[!x]"] {
        check(&*index, Level::Study, vec![(PatientId, Rule::Exact(text.into()))], &[]).await;
        check(&*index, Level::Study, vec![(PatientId, Rule::Wildcard(format!("{text}*")))], &[]).await;
    }
    let start = std::time::Instant::now();
    for pattern in [
        "*a".repeat(3_000) + "b",
        "*?a".repeat(100) + "b*",
        "*".repeat(3_000) + "b",
        "[".repeat(60_000) + "*",
    ] {
        check(&*index, Level::Study, vec![(StudyDescription, Rule::Wildcard(pattern))], &[]).await;
    }
    assert!(start.elapsed().as_secs() < 1, "{:?}", start.elapsed());
    let uids: Vec<_> = (0..20_000).map(|n| format!("1.{n}").parse().unwrap()).collect();
    let expected: Vec<String> = (1..=texts.len()).map(|n| format!("1.{n}")).collect();
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    check(&*index, Level::Study, vec![(StudyInstanceUid, Rule::UidList(uids))], &expected).await;
}

/// The six resources of PS3.18 Table 10.6.1-1.
pub async fn searches_below_a_path(engine: &mut dyn Engine) {
    let index = engine.open();
    insert(&*index, studies()).await;
    for (level, study, series, filters, expected) in [
        (Level::Study, None, None, vec![], vec!["1.2", "1.1", "1.3"]),
        (Level::Series, None, None, vec![], vec!["1.2.1", "1.1.1", "1.1.2", "1.3.1"]),
        (Level::Series, Some("1.1"), None, vec![], vec!["1.1.1", "1.1.2"]),
        (Level::Series, Some("1.1"), None, vec![(Modality, "PT")], vec!["1.1.2"]),
        (Level::Series, Some("1.1"), None, vec![(PatientId, "P10")], vec![]),
        (Level::Instance, None, None, vec![], vec!["1.2.1.1", "1.1.1.1", "1.1.2.1", "1.3.1.1"]),
        (Level::Instance, Some("1.1"), None, vec![], vec!["1.1.1.1", "1.1.2.1"]),
        (Level::Instance, Some("1.1"), None, vec![(Modality, "PT")], vec!["1.1.2.1"]),
        (Level::Instance, Some("1.1"), Some("1.1.2"), vec![], vec!["1.1.2.1"]),
        (Level::Instance, Some("1.1"), Some("1.1.2"), vec![(InstanceNumber, "8")], vec![]),
        (Level::Instance, Some("1.2"), Some("1.1.2"), vec![], vec![]),
        (Level::Instance, None, Some("1.1.2"), vec![], vec!["1.1.2.1"]),
        (Level::Series, Some("1.9"), None, vec![], vec![]),
    ] {
        let mut wanted = search(level);
        wanted.study = study.map(|uid: &str| uid.parse().unwrap());
        wanted.series = series.map(|uid: &str| uid.parse().unwrap());
        wanted.filters = filters.into_iter().map(|(attribute, text)| filter(attribute, text)).collect();
        let found = index.search(&everything(), &wanted).await.unwrap();
        assert_eq!(uids(level, &found), expected, "{level:?} {study:?} {series:?}");
    }
}
