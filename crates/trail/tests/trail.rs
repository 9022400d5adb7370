//! The trail as a whole: recorded, read, copied, tampered with.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use audit::chain::Head;
use audit::{Change, Event, Outcome, Patient, Recorder as _, What, Who};
use rusqlite::Connection;
use trail::{Config, DATABASE, Filter, HEAD, Patients, Problem, Reader, Trail, TrailError, backup, verify};

/// Knows that study `1.N` is of patient `PN`.
struct Table;

impl Patients for Table {
    fn of(&self, study: &str, custodian: Option<&str>) -> Option<Patient> {
        let id = format!("P{}", study.strip_prefix("1.")?);
        Some(Patient { id, issuer: custodian.unwrap_or_default().to_owned(), name: "DOE^JANE".into() })
    }
}

fn open(folder: &Path) -> Trail {
    let trail = Trail::open(folder, Config::default()).unwrap();
    trail.ask_patients(Arc::new(Table));
    trail
}

fn event(what: What, study: &str, who: &str) -> Event {
    Event { study: study.to_owned(), ..Event::new(what, Who::new("token", who, "192.0.2.7"), "test") }
}

/// Begin, six rows, end: rows 1 to 8.
fn recorded() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let trail = open(folder.path());
    for (what, study, who) in [
        (What::Query, "", "ann"),
        (What::Retrieve, "1.1", "ann"),
        (What::Retrieve, "1.2", "ann"),
        (What::View, "1.1", "bob"),
        (What::Store(Change::New), "1.3", "bob"),
        (What::Delete, "1.1", "ann"),
    ] {
        trail.record(event(what, study, who));
    }
    trail.close();
    folder
}

fn whats(rows: &[trail::Row]) -> Vec<&'static str> {
    rows.iter().map(|row| row.entry.event.what.name()).collect()
}

#[test]
fn rows_are_found_by_time_patient_study_and_principal() {
    let folder = recorded();
    let reader = Reader::open(folder.path()).unwrap();
    let all = reader.rows(&Filter::default(), 0, 100).unwrap();
    let kinds = [
        "recording-started",
        "query",
        "retrieve",
        "retrieve",
        "view",
        "store",
        "delete",
        "recording-stopped",
    ];
    assert_eq!(whats(&all), kinds);
    assert_eq!(all.iter().map(|row| row.sequence).collect::<Vec<_>>(), (1..=8).collect::<Vec<_>>());
    let found = |filter: &Filter| -> Vec<u64> {
        reader.rows(filter, 0, 100).unwrap().iter().map(|row| row.sequence).collect()
    };
    let text = |text: &str| Some(text.to_owned());
    let of = |sequence: usize| all[sequence - 1].entry.at;
    for (filter, expected) in [
        (Filter { patient: text("P1"), ..Filter::default() }, vec![3, 5, 7]),
        (Filter { study: text("1.3"), ..Filter::default() }, vec![6]),
        (Filter { principal: text("token:bob"), ..Filter::default() }, vec![5, 6]),
        (Filter { principal: text("token:bob"), patient: text("P1"), ..Filter::default() }, vec![5]),
        (Filter { since: Some(of(8) + 1), ..Filter::default() }, vec![]),
        (Filter { until: Some(of(1)), ..Filter::default() }, vec![]),
        (Filter { patient: text("nobody"), ..Filter::default() }, vec![]),
    ] {
        assert_eq!(found(&filter), expected, "{filter:?}");
        let newest: Vec<u64> =
            reader.newest(&filter, None, 100).unwrap().iter().map(|row| row.sequence).collect();
        assert_eq!(newest, expected.into_iter().rev().collect::<Vec<_>>(), "{filter:?}");
    }
    assert_eq!(whats(&reader.rows(&Filter::default(), 6, 1).unwrap()), ["delete"]);
    // Page by page, the newest first: each row once.
    let (mut behind, mut seen) = (None, Vec::new());
    while let Some(last) = reader.newest(&Filter::default(), behind, 3).unwrap().last() {
        seen.extend(reader.newest(&Filter::default(), behind, 3).unwrap().iter().map(|row| row.sequence));
        behind = Some((last.entry.at, last.sequence));
    }
    assert_eq!(seen, [8, 7, 6, 5, 4, 3, 2, 1]);
}

#[test]
fn what_was_refused_tells_nobodys_name() {
    let folder = tempfile::tempdir().unwrap();
    let trail = open(folder.path());
    trail.record(Event { outcome: Outcome::Minor, ..event(What::Retrieve, "1.1", "ann") });
    trail.close();
    let rows = Reader::open(folder.path()).unwrap().rows(&Filter::default(), 1, 1).unwrap();
    assert_eq!(rows[0].entry.event.patient, None);
    assert_eq!(rows[0].entry.event.study, "1.1");
}

#[tokio::test]
async fn what_is_recorded_is_there_once_settled() {
    let folder = tempfile::tempdir().unwrap();
    let trail = open(folder.path());
    for _ in 0..3 {
        trail.record(event(What::Retrieve, "1.1", "ann"));
    }
    trail.settle().await.unwrap();
    let rows = trail.reader().unwrap().rows(&Filter::default(), 0, 100).unwrap();
    assert_eq!(whats(&rows), ["recording-started", "retrieve", "retrieve"]);
    assert_eq!(rows.iter().map(|row| row.entry.times).collect::<Vec<_>>(), [1, 1, 2]);
    assert_eq!(trail.committed().borrow().sequence, 3);
    // Beside the writer the walk finds nothing wrong, and nobody else may write.
    assert_eq!(verify(folder.path(), None).unwrap().problem, None);
    trail.set_state("key", "value".to_owned());
    trail.settle().await.unwrap();
    assert_eq!(trail.reader().unwrap().state("key").unwrap().as_deref(), Some("value"));
    let closing = trail.clone();
    tokio::task::spawn_blocking(move || closing.close()).await.unwrap();
    assert!(matches!(trail.settle().await, Err(TrailError::Closed)));
}

/// A login is answered when its row is on the disk, whatever is gathered meanwhile.
#[tokio::test]
async fn what_is_flushed_is_there_and_windows_stay_open() {
    let folder = tempfile::tempdir().unwrap();
    let trail = open(folder.path());
    for what in [What::Retrieve, What::Retrieve, What::Login] {
        trail.record(event(what, "", "ann"));
    }
    assert!(trail.flushed().await);
    let rows = trail.reader().unwrap().rows(&Filter::default(), 0, 100).unwrap();
    assert_eq!(whats(&rows), ["recording-started", "retrieve", "login"], "the second retrieve is gathered");
    let flushed = trail.reader().unwrap().state("flushed").unwrap();
    assert_eq!(flushed.as_deref(), Some("3"));
    let closing = trail.clone();
    tokio::task::spawn_blocking(move || closing.close()).await.unwrap();
    assert!(!trail.flushed().await, "nothing is written any more");
}

/// Nothing is dropped: who comes while too much waits is refused, what was let in is kept.
#[test]
fn a_full_queue_has_no_room_and_keeps_what_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let trail = Trail::open(folder.path(), Config { queue_bytes: 1_000, ..Config::default() }).unwrap();
    let blocker = Connection::open(folder.path().join(DATABASE)).unwrap();
    // The writer cannot go on until this ends.
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    for number in 0..5 {
        trail.record(event(What::Query, &format!("1.{number}"), "ann"));
    }
    assert!(!trail.has_room());
    blocker.execute_batch("COMMIT").unwrap();
    trail.close();
    assert!(trail.has_room());
    let rows = Reader::open(folder.path()).unwrap().rows(&Filter::default(), 0, 100).unwrap();
    assert_eq!(whats(&rows).iter().filter(|what| **what == "query").count(), 5);
}

#[test]
fn every_kind_of_tampering_is_named() {
    let changed = "replace(CAST(event AS TEXT), 'ann', 'eve')";
    let swap = |columns: &str| {
        format!(
            "CREATE TEMP TABLE t AS SELECT * FROM trail WHERE sequence IN (3, 5);
             UPDATE trail SET ({columns}) = (SELECT {columns} FROM t WHERE t.sequence = 8 - trail.sequence)
             WHERE sequence IN (3, 5);"
        )
    };
    let insert = "INSERT INTO trail SELECT 4, at, what, principal, study, patient, event, hash FROM trail WHERE sequence = 5;";
    for (tampering, problem) in [
        (String::new(), None),
        (format!("UPDATE trail SET event = CAST({changed} AS BLOB) WHERE sequence = 4;"), Some(Problem::Changed(4))),
        ("UPDATE trail SET hash = zeroblob(32) WHERE sequence = 4;".into(), Some(Problem::Changed(4))),
        ("UPDATE trail SET event = x'00' WHERE sequence = 1;".into(), Some(Problem::Changed(1))),
        ("UPDATE trail SET at = at + 1 WHERE sequence = 4;".into(), Some(Problem::Column(4))),
        ("UPDATE trail SET patient = NULL WHERE sequence = 5;".into(), Some(Problem::Column(5))),
        ("DELETE FROM trail WHERE sequence = 4;".into(), Some(Problem::Removed { first: 4, last: 4 })),
        ("DELETE FROM trail WHERE sequence < 3;".into(), Some(Problem::Removed { first: 1, last: 2 })),
        ("DELETE FROM trail WHERE sequence = 8;".into(), Some(Problem::Truncated { ends: 7, written: 8 })),
        ("DELETE FROM trail;".into(), Some(Problem::Truncated { ends: 0, written: 8 })),
        (
            "DELETE FROM trail WHERE sequence = 4; UPDATE trail SET sequence = sequence - 1 WHERE sequence > 4;".into(),
            Some(Problem::Changed(4)),
        ),
        (swap("at, what, principal, study, patient, event, hash"), Some(Problem::Swapped(3, 5))),
        (swap("at, what, principal, study, patient, event"), Some(Problem::Swapped(3, 5))),
        (swap("event"), Some(Problem::Swapped(3, 5))),
        (
            format!("UPDATE trail SET sequence = -sequence WHERE sequence > 3; UPDATE trail SET sequence = 1 - sequence WHERE sequence < 0; {insert}"),
            Some(Problem::Inserted(5)),
        ),
        ("UPDATE trail SET sequence = -5 WHERE sequence = 5;".into(), Some(Problem::Inserted(-5))),
    ] {
        let folder = recorded();
        Connection::open(folder.path().join(DATABASE)).unwrap().execute_batch(&tampering).unwrap();
        let report = verify(folder.path(), None).unwrap();
        assert_eq!(report.problem, problem, "{tampering}");
        if problem.is_none() {
            assert_eq!((report.sound, report.behind_head, report.alarms), (8, 0, 0));
        }
    }
}

/// A row that is added with a good hash behind the last, and a chain that is made anew: found by what was kept elsewhere.
#[test]
fn a_chain_that_is_whole_can_still_be_another() {
    let folder = recorded();
    let kept = verify(folder.path(), None).unwrap().head;
    assert_eq!(verify(folder.path(), Some(kept)).unwrap().problem, None);
    let append = |folder: &Path| {
        let conn = Connection::open(folder.join(DATABASE)).unwrap();
        let row = Reader::open(folder).unwrap().rows(&Filter::default(), 7, 1).unwrap().remove(0);
        let bytes = row.entry.canonical();
        let head = Head { sequence: row.sequence, hash: row.hash }.with(&bytes);
        let sql = "INSERT INTO trail SELECT ?1, at, what, principal, study, patient, ?2, ?3 FROM trail WHERE sequence = 8";
        conn.execute(sql, rusqlite::params![head.sequence.cast_signed(), bytes, head.hash.as_slice()])
            .unwrap();
    };
    append(folder.path());
    assert_eq!(verify(folder.path(), None).unwrap().problem, Some(Problem::Appended(8)));
    std::fs::remove_file(folder.path().join(HEAD)).unwrap();
    assert_eq!(verify(folder.path(), None).unwrap().problem, Some(Problem::NoHead));
    // Another trail in its place, head and all.
    let other = recorded();
    assert_eq!(verify(other.path(), None).unwrap().problem, None);
    assert_eq!(verify(other.path(), Some(kept)).unwrap().problem, Some(Problem::Rewritten(8)));
    let longer = Head { sequence: 9, ..kept };
    assert_eq!(
        verify(other.path(), Some(longer)).unwrap().problem,
        Some(Problem::Truncated { ends: 8, written: 9 })
    );
}

/// What does not fit when recording begins again is in the trail for good.
#[test]
fn what_is_found_at_the_start_becomes_an_alarm() {
    for (tampering, told) in [
        ("", None),
        ("DELETE FROM trail WHERE sequence > 6", Some("ends at row 6, audit.head says 8")),
        ("UPDATE trail SET hash = zeroblob(32) WHERE sequence = 8", Some("row 8 is not the one")),
    ] {
        let folder = recorded();
        Connection::open(folder.path().join(DATABASE)).unwrap().execute_batch(tampering).unwrap();
        open(folder.path()).close();
        let rows = Reader::open(folder.path()).unwrap().rows(&Filter::default(), 6, 100).unwrap();
        let alarm = rows.iter().find(|row| row.entry.event.what == What::Alarm);
        assert_eq!(alarm.is_some(), told.is_some(), "{tampering}");
        if let (Some(alarm), Some(told)) = (alarm, told) {
            assert!(alarm.entry.event.detail.contains(told), "{}", alarm.entry.event.detail);
        }
    }
    let folder = recorded();
    std::fs::remove_file(folder.path().join(HEAD)).unwrap();
    open(folder.path()).close();
    assert_eq!(verify(folder.path(), None).unwrap().alarms, 1);
}

#[test]
fn a_copy_is_a_trail_of_its_own() {
    let (folder, to) = (recorded(), tempfile::tempdir().unwrap());
    let head = backup(folder.path(), to.path()).unwrap();
    assert_eq!(head.sequence, 8);
    open(folder.path()).close();
    let head = backup(folder.path(), to.path()).unwrap();
    assert_eq!(head.sequence, 10, "the earlier copy is replaced");
    let report = verify(to.path(), Some(head)).unwrap();
    assert_eq!((report.sound, report.problem), (10, None));
    let names: Vec<_> =
        std::fs::read_dir(to.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    open(to.path()).close();
    assert_eq!(verify(to.path(), Some(head)).unwrap().alarms, 0);
}

#[test]
fn versions_that_are_not_known_are_left_alone() {
    let folder = recorded();
    let conn = Connection::open(folder.path().join(DATABASE)).unwrap();
    conn.pragma_update(None, "user_version", 7).unwrap();
    assert!(matches!(Trail::open(folder.path(), Config::default()), Err(TrailError::Version(7))));
    assert!(matches!(Reader::open(folder.path()), Err(TrailError::Version(7))));
}
