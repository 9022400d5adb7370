//! A file of an older schema is brought up when it is opened.

use rusqlite::Connection;

use super::super::{Config, SqliteIndex};
use super::{row, scope};
use crate::Attribute::*;
use crate::{Index, Level, Search};
use model::matching::Rule;

/// Takes out of a file of this schema what the third brought.
fn downgrade(conn: &Connection) {
    conn.execute_batch(
        "DROP INDEX study_newest;
         DROP INDEX study_of_custodian;
         ALTER TABLE study DROP COLUMN zone;
         DROP TABLE zone;
         DROP TABLE study_other_id;
         DROP TABLE word;
         DROP TABLE word_gram;
         DELETE FROM study_key WHERE kind > 9 OR value = '';
         CREATE INDEX study_newest ON study (moment, id, custodian) WHERE visible = 1;
         CREATE INDEX study_of_custodian ON study (custodian, moment, id) WHERE visible = 1;
         DROP TABLE erased;
         DROP TABLE erasure;
         PRAGMA user_version = 2;",
    )
    .unwrap();
}

#[tokio::test]
async fn an_older_file_is_filled() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("index.db");
    let index = SqliteIndex::open(&file, Config::default()).unwrap();
    let mut rows: Vec<_> = (0..20).map(row).collect();
    rows[3].study.patient_name_folded = "smith^john=山田".into();
    rows[3].study.accession = String::new();
    rows[3].series.modality = String::new();
    rows[3].study.attributes = br#"{"00080201":{"vr":"SH","Value":["-0530"]},"00101002":{"vr":"SQ","Value":[{"00100020":{"vr":"LO","Value":["X1"]}},{"00100021":{"vr":"LO","Value":["N"]}},{"00100020":{"vr":"LO","Value":["X2"]}}]}}"#.to_vec();
    rows[4].study.attributes = b"no JSON at all".to_vec();
    index.insert(rows).await.unwrap();
    drop(index);
    let conn = Connection::open(&file).unwrap();
    downgrade(&conn);
    drop(conn);
    let index = SqliteIndex::open(&file, Config::default()).unwrap();
    for (attribute, rule) in [
        (PatientName, Rule::Fuzzy("jon smyth".into())),
        (PatientName, Rule::Wildcard("*mith*".into())),
        (PatientName, Rule::Fuzzy("山".into())),
        (AccessionNumber, Rule::Empty),
        (ModalitiesInStudy, Rule::Empty),
        (OtherPatientId, Rule::Exact("X1".into())),
        (OtherPatientId, Rule::Exact("X2".into())),
    ] {
        let search = Search { filters: vec![(attribute, rule.clone())], ..Search::of(Level::Study) };
        let found = index.search(&scope(&["*"]), &search).await.unwrap();
        let uids: Vec<&str> = found.hits.iter().map(|hit| hit.study.uid.as_str()).collect();
        assert_eq!(uids, ["1.3"], "{attribute:?} {rule:?}");
    }
    // Noon at -0530 is half past five in the afternoon in Greenwich.
    let search = |zone, time: &str| Search {
        filters: vec![(StudyTime, Rule::Exact(time.into())), (StudyDate, Rule::Exact("20030404".into()))],
        zone,
        ..Search::of(Level::Study)
    };
    for (zone, time, hits) in
        [(None, "120000.000000", 1), (Some(0), "173000.000000", 1), (Some(0), "120000.000000", 0)]
    {
        let found = index.search(&scope(&["*"]), &search(zone, time)).await.unwrap();
        assert_eq!(found.hits.len(), hits, "{zone:?} {time}");
    }
    assert_eq!(index.check().await.unwrap(), Vec::<String>::new());
}
