//! How searches walk: which driver is chosen, what the engine makes of it, and that the choice never shows.

use access::{Reach, Scope};
use model::VR;
use model::matching::{Options, Rule, parse, parse_with};
use rusqlite::Connection;
use tempfile::TempDir;

use super::super::common::entries;
use super::super::driver::Driver;
use super::super::plan::{Plan, all, plan};
use super::super::scope::{Scoped, granted as granted_lookup};
use super::super::search::Asked;
use super::super::when::Moments;
use super::super::{Config, SqliteIndex, retrieve, schema};
use super::{row, scope};
use crate::Attribute::*;
use crate::{Attribute, Index, Level, Search, Target};

async fn filled() -> (TempDir, SqliteIndex, Connection) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("index.db");
    let index = SqliteIndex::open(&file, Config::default()).unwrap();
    index.insert((0..3_000).map(row).collect()).await.unwrap();
    let conn = schema::reader(&file, &Config::default()).unwrap();
    (folder, index, conn)
}

fn wanted(level: Level, filters: &[(Attribute, VR, &str)]) -> Search {
    let rule = |vr, text: &str| match text.strip_prefix("fuzzy:") {
        Some(name) => parse_with(vr, name, Options { fuzzy: true, ..Options::default() }),
        None => parse(vr, text),
    };
    Search {
        filters: filters.iter().map(|(a, vr, text)| (*a, rule(*vr, text).unwrap())).collect(),
        ..Search::of(level)
    }
}

fn chosen(conn: &Connection, scope: &Scope, search: &Search) -> (Scoped, Moments, Plan) {
    let scoped = Scoped::of(conn, scope).unwrap();
    let moments = Moments::of(search, &[]);
    let plan = plan(conn, &scoped, search, &moments).unwrap();
    (scoped, moments, plan)
}

fn asked<'a>(plan: &'a Plan, scoped: &'a Scoped, search: &'a Search, moments: &'a Moments) -> Asked<'a> {
    Asked { plan, scoped, search, moments, zones: &[] }
}

fn name(driver: &Driver) -> &'static str {
    match driver {
        Driver::Newest => "newest",
        Driver::Holdings(_) => "holdings",
        Driver::Held(_) => "held",
        Driver::Granted(_) => "granted",
        Driver::Apart(_) => "apart",
        Driver::Key(..) => "key",
        Driver::Any(..) => "any",
        Driver::Merged(..) => "merged",
        Driver::Keys { .. } => "keys",
        Driver::Studies(_) => "studies",
        Driver::Common { .. } => "common",
    }
}

/// Steps that read a table or index from end to end. A walk along all studies in order ends with the page, and is no
/// such step while nothing must be found on the way.
fn scans(steps: &[String]) -> Vec<&String> {
    let harmless =
        ["SCAN json_each", "SCAN s USING COVERING INDEX study_newest", "SCAN CONSTANT ROW", "SCAN (subquery"];
    steps
        .iter()
        .filter(|step| step.starts_with("SCAN") && !harmless.iter().any(|h| step.starts_with(h)))
        .collect()
}

fn sorts(steps: &[String]) -> bool {
    ["TEMP B-TREE FOR ORDER BY", "TERMS OF ORDER BY", "TEMP B-TREE FOR DISTINCT"]
        .iter()
        .any(|sort| steps.iter().any(|step| step.contains(sort)))
}

#[tokio::test]
async fn searches_walk_along_indexes() {
    let (_folder, _index, conn) = filled().await;
    const SORTED: bool = true;
    const IN_ORDER: bool = false;
    let all = ["*"];
    let one = ["c1"];
    let some = ["c0", "c1", "c2"];
    let uid = "1.5";
    for (level, filters, driver, sort) in [
        // The first page.
        (Level::Study, vec![], "", IN_ORDER),
        (Level::Series, vec![], "", IN_ORDER),
        (Level::Instance, vec![], "", IN_ORDER),
        // Exact keys.
        (Level::Study, vec![(AccessionNumber, VR::SH, "A17")], "key", IN_ORDER),
        (Level::Study, vec![(PatientId, VR::LO, "P17")], "key", IN_ORDER),
        (Level::Study, vec![(PatientName, VR::PN, "NAME17^FIRST")], "key", IN_ORDER),
        (Level::Study, vec![(ReferringPhysicianName, VR::PN, "REFERRER^2")], "key", IN_ORDER),
        (Level::Study, vec![(PatientBirthDate, VR::DA, "19170101")], "key", IN_ORDER),
        (Level::Study, vec![(ModalitiesInStudy, VR::CS, "MR")], "key", IN_ORDER),
        (Level::Study, vec![(StudyDescription, VR::LO, "description 3")], "key", IN_ORDER),
        (Level::Study, vec![(InstitutionName, VR::LO, "nowhere")], "key", IN_ORDER),
        (Level::Study, vec![(StudyInstanceUid, VR::UI, uid)], "studies", SORTED),
        (Level::Study, vec![(StudyInstanceUid, VR::UI, "1.5,1.6")], "studies", SORTED),
        (Level::Series, vec![(SeriesInstanceUid, VR::UI, "1.5.1")], "studies", SORTED),
        (Level::Series, vec![(ScheduledProcedureStepId, VR::SH, "S17")], "studies", SORTED),
        (Level::Series, vec![(RequestedProcedureId, VR::SH, "R17")], "studies", SORTED),
        (Level::Series, vec![(Modality, VR::CS, "MR")], "key", IN_ORDER),
        (Level::Series, vec![(PerformedProcedureStepStartDate, VR::DA, "20240101")], "studies", SORTED),
        (Level::Instance, vec![(SopInstanceUid, VR::UI, "1.5.1.1")], "studies", SORTED),
        (Level::Instance, vec![(SopClassUid, VR::UI, "1.9.2")], "studies", SORTED),
        // Prefixes.
        (Level::Study, vec![(PatientName, VR::PN, "NAME17*")], "keys", SORTED),
        (Level::Study, vec![(PatientId, VR::LO, "P17*")], "keys", SORTED),
        (Level::Study, vec![(AccessionNumber, VR::SH, "A29?7")], "keys", SORTED),
        (Level::Series, vec![(ScheduledProcedureStepId, VR::SH, "S17*")], "studies", SORTED),
        (Level::Study, vec![(OtherPatientId, VR::LO, "nobody")], "key", IN_ORDER),
        (Level::Study, vec![(IssuerOfPatientId, VR::LO, "J")], "key", IN_ORDER),
        (Level::Study, vec![(PatientSex, VR::CS, "X")], "key", IN_ORDER),
        // Parts of names, by their words.
        (Level::Study, vec![(PatientName, VR::PN, "*ame17*")], "any", SORTED),
        (Level::Study, vec![(PatientName, VR::PN, "*e1*")], "any", SORTED),
        (Level::Study, vec![(PatientName, VR::PN, "*xyz*")], "any", SORTED),
        (Level::Study, vec![(StudyDescription, VR::LO, "*tion 1?")], "merged", SORTED),
        // Of two keys, the one with fewer studies.
        (Level::Study, vec![(ModalitiesInStudy, VR::CS, "MR"), (PatientId, VR::LO, "P16")], "key", IN_ORDER),
        (Level::Study, vec![(StudyDate, VR::DA, "20200101-"), (PatientId, VR::LO, "P16")], "key", IN_ORDER),
    ] {
        for custodians in [&all[..], &one, &some] {
            let search = wanted(level, &filters);
            let (scoped, moments, plan) = chosen(&conn, &scope(custodians), &search);
            let steps = asked(&plan, &scoped, &search, &moments).ids().explain(&conn).unwrap();
            let what =
                format!("{level:?} {filters:?} {custodians:?} {:?}\n{}", plan.driver, steps.join("\n"));
            assert_eq!(scans(&steps), Vec::<&String>::new(), "{what}");
            // A reader of few studies may be better served along its own holdings.
            if custodians == all && !driver.is_empty() {
                assert_eq!(name(&plan.driver), driver, "{what}");
                assert_eq!(sorts(&steps), sort, "{what}");
            }
            if driver.is_empty() {
                assert_eq!(
                    name(&plan.driver),
                    if custodians == all { "newest" } else { "holdings" },
                    "{what}"
                );
                assert!(!sorts(&steps), "{what}");
            }
        }
    }
}

/// Fuzzy names, lists of values, and values that are empty walk along keys; of several keys each is a walk in order.
#[tokio::test]
async fn further_kinds_of_matching_walk_along_keys() {
    let (_folder, _index, conn) = filled().await;
    let exact = |text: &str| Rule::Exact(text.into());
    for (filters, driver) in [
        (vec![(PatientName, Rule::Fuzzy("name17".into()))], "any"),
        (vec![(PatientName, Rule::Fuzzy("name17 first".into()))], "any"),
        (vec![(PatientName, Rule::Fuzzy("nam first".into()))], "common"),
        (vec![(PatientName, Rule::Fuzzy("first".into()))], "merged"),
        (vec![(ReferringPhysicianName, Rule::Fuzzy("referrer".into()))], "merged"),
        (vec![(PatientId, Rule::AnyOf(vec![exact("P1"), exact("P2")]))], "any"),
        (vec![(ModalitiesInStudy, Rule::AnyOf(vec![exact("CT"), exact("MR")]))], "merged"),
        (vec![(ModalitiesInStudy, Rule::AnyOf(vec![exact("CT"), Rule::Empty]))], "any"),
        (vec![(AccessionNumber, Rule::Empty)], "key"),
        (vec![(PatientName, Rule::Empty)], "key"),
        (vec![(ModalitiesInStudy, Rule::Empty)], "key"),
    ] {
        for custodians in [&["*"][..], &["c1"], &["c0", "c1", "c2"]] {
            let search = Search { filters: filters.clone(), ..wanted(Level::Study, &[]) };
            let (scoped, moments, plan) = chosen(&conn, &scope(custodians), &search);
            let asked = asked(&plan, &scoped, &search, &moments);
            let mut all = vec![asked.ids().explain(&conn).unwrap()];
            if let Driver::Common { kind, lists, .. } = &plan.driver {
                let part = |values: &Vec<String>| {
                    entries(&asked, *kind, values, (Some(17), Some(4_711))).explain(&conn).unwrap()
                };
                all = lists.iter().map(part).collect();
                for steps in &all {
                    let bounded = |step: &String| step.contains("value=? AND moment>? AND moment<?");
                    assert!(steps.iter().any(bounded), "{filters:?}\n{}", steps.join("\n"));
                }
            }
            if let Driver::Merged(kind, values) = &plan.driver {
                all.clear();
                for value in values {
                    let one = Plan {
                        driver: Driver::Key(*kind, value.clone()),
                        answers: plan.answers,
                        also: plan.also.clone(),
                    };
                    let steps = Asked { plan: &one, ..asked }.ids().explain(&conn).unwrap();
                    assert!(!sorts(&steps), "{filters:?}\n{}", steps.join("\n"));
                    all.push(steps);
                }
            }
            for steps in all {
                assert_eq!(scans(&steps), Vec::<&String>::new(), "{filters:?}\n{}", steps.join("\n"));
            }
            if custodians == ["*"] {
                assert_eq!(name(&plan.driver), driver, "{filters:?}");
            }
        }
    }
}

/// A reader with twenty studies walks along these: by number, whatever else is asked for, and nobody else's are looked at.
#[tokio::test]
async fn a_reader_walks_along_what_was_granted() {
    let (_folder, _index, conn) = filled().await;
    let of_c7 = (0..).map(|n| n * 100 + 7).filter(|n| n % 3 != 0).take(20);
    let granted: Vec<String> = of_c7.map(|n: usize| format!("1.{n}@c7")).collect();
    let granted: Vec<&str> = granted.iter().map(String::as_str).collect();
    let mixed: Vec<&str> = granted.iter().copied().chain(["c1"]).collect();
    for level in [Level::Study, Level::Series, Level::Instance] {
        for filters in [
            vec![],
            vec![(PatientName, VR::PN, "*ame*")],
            vec![(PatientName, VR::PN, "name7^first")],
            vec![(ModalitiesInStudy, VR::CS, "MR")],
            vec![(StudyDate, VR::DA, "20000101-20301231"), (PatientId, VR::LO, "P*")],
            vec![(SopClassUid, VR::UI, "1.9.2")],
            vec![(StudyDescription, VR::LO, "*1*"), (PatientSex, VR::CS, "F")],
        ] {
            let search = wanted(level, &filters);
            let (scoped, moments, plan) = chosen(&conn, &scope(&granted), &search);
            assert_eq!(name(&plan.driver), "granted", "{filters:?}");
            assert_eq!(scoped.studies(&conn).unwrap(), Some(20));
            let steps = asked(&plan, &scoped, &search, &moments).ids().explain(&conn).unwrap();
            assert_eq!(scans(&steps), Vec::<&String>::new(), "{filters:?} {steps:?}");
            assert!(
                steps.iter().any(|step| step.starts_with("SEARCH s USING INTEGER PRIMARY KEY")),
                "{filters:?} {steps:?}"
            );
            // With a custodian beside them, each part has its own walk.
            let (scoped, moments, plan) = chosen(&conn, &scope(&mixed), &search);
            if name(&plan.driver) == "apart" {
                let steps = asked(&plan, &scoped, &search, &moments).ids().explain(&conn).unwrap();
                assert_eq!(scans(&steps), Vec::<&String>::new(), "{filters:?} {steps:?}");
                assert!(
                    steps.iter().any(|step| step.contains("study_of_custodian")),
                    "{filters:?} {steps:?}"
                );
            } else {
                assert!(!filters.is_empty());
            }
        }
    }
    let scope = scope(&granted);
    let Reach::Only(only) = scope.reach() else { panic!("it is not everything") };
    let steps = granted_lookup(only).unwrap().explain(&conn).unwrap();
    assert!(
        steps
            .iter()
            .any(|step| step.contains("SEARCH s USING COVERING INDEX study_uid (uid=? AND custodian=?)")),
        "{steps:?}"
    );
    assert!(steps.iter().all(|step| !step.starts_with("SCAN") || step.contains("json_each")), "{steps:?}");
}

/// A walk along the newest that looks for a name reads the index alone.
#[tokio::test]
async fn names_are_in_the_walks_index() {
    let (_folder, _index, conn) = filled().await;
    for custodians in [&["*"][..], &["c1"], &["c0", "c1", "c2"]] {
        for rule in [Rule::Wildcard("N*".into()), Rule::Wildcard("*1*".into()), Rule::Fuzzy("n".into())] {
            let search = Search { filters: vec![(PatientName, rule)], ..wanted(Level::Study, &[]) };
            let scoped = Scoped::of(&conn, &scope(custodians)).unwrap();
            let moments = Moments::of(&search, &[]);
            for plan in all(&conn, &scoped, &search).unwrap() {
                if matches!(plan.driver, Driver::Newest | Driver::Holdings(_)) {
                    let steps = asked(&plan, &scoped, &search, &moments).ids().explain(&conn).unwrap();
                    let reads: Vec<_> = steps.iter().filter(|step| step.contains(" s ")).collect();
                    assert!(!reads.is_empty(), "{steps:?}");
                    assert!(reads.iter().all(|step| step.contains("COVERING INDEX")), "{steps:?}");
                }
            }
        }
    }
}

/// Ranges of dates are parts of the walk in order.
#[tokio::test]
async fn date_ranges_are_index_ranges() {
    let (_folder, _index, conn) = filled().await;
    for filters in [
        vec![(StudyDate, VR::DA, "20100101")],
        vec![(StudyDate, VR::DA, "20100101-20100131")],
        vec![(StudyDate, VR::DA, "20100101-")],
        vec![(StudyDate, VR::DA, "-20100101")],
        vec![(StudyDate, VR::DA, "20100101-20100131"), (StudyTime, VR::TM, "10-12")],
        vec![(StudyDate, VR::DA, "20100101"), (PatientSex, VR::CS, "F")],
    ] {
        for custodians in [&["*"][..], &["c1"], &["c0", "c1", "c2"]] {
            let search = wanted(Level::Study, &filters);
            let (scoped, moments, plan) = chosen(&conn, &scope(custodians), &search);
            let steps = asked(&plan, &scoped, &search, &moments).ids().explain(&conn).unwrap();
            let what = format!("{filters:?} {custodians:?}\n{}", steps.join("\n"));
            assert!(!steps.iter().any(|step| step.starts_with("SCAN s")), "{what}");
            assert!(steps.iter().any(|step| step.contains("moment>") || step.contains("moment<")), "{what}");
            assert!(!sorts(&steps), "{what}");
        }
    }
}

/// Below a path: series of a study, instances of a series, and their pages.
#[tokio::test]
async fn paths_are_looked_up() {
    let (_folder, _index, conn) = filled().await;
    for (level, series) in [(Level::Series, None), (Level::Instance, None), (Level::Instance, Some("1.5.1"))]
    {
        for custodians in [&["*"][..], &["c5"], &["c0", "c5", "c2"], &["1.5@c5", "1.8@c8"], &["c0", "1.5@c5"]]
        {
            let mut search = wanted(level, &[]);
            search.study = Some("1.5".parse().unwrap());
            search.series = series.map(|uid| uid.parse().unwrap());
            let (scoped, moments, plan) = chosen(&conn, &scope(custodians), &search);
            let steps = asked(&plan, &scoped, &search, &moments).ids().explain(&conn).unwrap();
            assert_eq!(scans(&steps), Vec::<&String>::new(), "{level:?} {custodians:?} {steps:?}");
            assert!(steps.iter().any(|step| step.contains("study_uid (uid=?")), "{steps:?}");
        }
    }
    let series = Target {
        study: "1.5".parse().unwrap(),
        series: Some("1.5.1".parse().unwrap()),
        instance: None,
        custodian: None,
        version: None,
    };
    let cursor = retrieve::instances(&conn, &scope(&["*"]), &series, None, 1).unwrap()[0].cursor;
    for path in ["1.5", "1.5/1.5.1", "1.5/1.5.1/1.5.1.1"] {
        for after in [None, Some(cursor)] {
            for version in [None, Some(1)] {
                for custodians in [&["*"][..], &["c5"], &["c0", "c5", "c2"], &["1.5@c5", "1.8@c8"]] {
                    let mut uids = path.split('/');
                    let target = Target {
                        study: uids.next().unwrap().parse().unwrap(),
                        series: uids.next().map(|uid| uid.parse().unwrap()),
                        instance: uids.next().map(|uid| uid.parse().unwrap()),
                        custodian: None,
                        version,
                    };
                    for sql in retrieve::statements(&conn, &scope(custodians), &target, after).unwrap() {
                        let steps = sql.explain(&conn).unwrap();
                        assert_eq!(scans(&steps), Vec::<&String>::new(), "{path} {custodians:?} {steps:?}");
                        assert!(
                            !sorts(&steps) || steps.iter().any(|s| s.contains("study_uid")),
                            "{path} {steps:?}"
                        );
                    }
                }
            }
        }
    }
}

/// Whatever the walk, the same studies in the same order.
#[tokio::test]
async fn every_plan_gives_the_same() {
    let (_folder, _index, conn) = filled().await;
    let mut compared = 0;
    for filters in [
        vec![],
        vec![(PatientName, VR::PN, "NAME17*")],
        vec![
            (PatientName, VR::PN, "NAME17*"),
            (ModalitiesInStudy, VR::CS, "MR"),
            (StudyDate, VR::DA, "2010-"),
        ],
        vec![(PatientName, VR::PN, "*7^F*"), (PatientId, VR::LO, "P1*"), (StudyDescription, VR::LO, "*1?")],
        vec![(PatientName, VR::PN, "fuzzy:name17 first")],
        vec![(PatientName, VR::PN, "fuzzy:nam fir"), (PatientId, VR::LO, "P1*")],
        vec![(PatientName, VR::PN, "*am*"), (PatientId, VR::LO, "*7")],
        vec![(PatientName, VR::PN, "name17^first"), (PatientBirthDate, VR::DA, "19170101-")],
        vec![(StudyInstanceUid, VR::UI, "1.1,1.2,1.3,1.4,1.5,1.6"), (AccessionNumber, VR::SH, "A?")],
        vec![(Modality, VR::CS, "MR"), (PatientId, VR::LO, "P1?"), (ScheduledProcedureStepId, VR::SH, "S1*")],
        vec![(SopClassUid, VR::UI, "1.9.2"), (ModalitiesInStudy, VR::CS, "?T"), (StudyId, VR::SH, "1")],
        vec![(PerformedProcedureStepStartDate, VR::DA, "20240101-20240131"), (InstitutionName, VR::LO, "*2")],
    ] {
        let filters: Vec<_> = filters
            .into_iter()
            .map(|(a, vr, text)| (a, vr, if text == "2010-" { "20100101-" } else { text }))
            .collect();
        for level in [Level::Study, Level::Series, Level::Instance] {
            for custodians in [
                &["*"][..],
                &["c1"],
                &["c0", "c1", "c2"],
                &["c7", "nobody"],
                &["1.17@c7", "1.1017@c0", "1.1018@c8", "1.18@c1", "1.90000@c1"],
                &["c1", "c7", "1.17@c7", "1.26@c6", "1.170@c0", "1.38@c8", "1.171@nobody"],
            ] {
                for (limit, offset) in [(5_000, 0), (3, 2)] {
                    let search = Search { limit, offset, ..wanted(level, &filters) };
                    let scoped = Scoped::of(&conn, &scope(custodians)).unwrap();
                    let moments = Moments::of(&search, &[]);
                    let ids = |plan: &Plan| -> Vec<(i64, i64)> {
                        let found = asked(plan, &scoped, &search, &moments).find(&conn).unwrap();
                        found.iter().map(|ids| (ids.moment, ids.study)).collect()
                    };
                    let plans = all(&conn, &scoped, &search).unwrap();
                    let expected = ids(&Plan { driver: Driver::Newest, answers: None, also: Vec::new() });
                    for plan in &plans {
                        let driver = &plan.driver;
                        assert_eq!(ids(plan), expected, "{filters:?} {level:?} {custodians:?} {driver:?}");
                        compared += expected.len();
                    }
                }
            }
        }
    }
    assert!(compared > 20_000, "{compared}");
}
