//! Files that are not ours, full disks, failed flushes, searches that take too long, callers that go away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::super::log;
use super::super::readers::{Purpose, Readers};
use super::super::writer::{Job, Writer};
use super::super::{Config, SqliteIndex, schema};
use super::{row, scope};
use crate::{Index, IndexError, Inserted, Level, NewInstance, Search};

#[test]
fn files_that_are_not_ours_stay_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("index.db");
    let open = || SqliteIndex::open(&file, Config::default()).map(drop);

    open().unwrap();
    open().unwrap();
    let conn = Connection::open(&file).unwrap();
    conn.pragma_update(None, "user_version", 7).unwrap();
    drop(conn);
    let newer = std::fs::read(&file).unwrap();
    assert_eq!(open(), Err(IndexError::Newer { found: 7, known: 4 }));
    assert_eq!(std::fs::read(&file).unwrap(), newer);

    std::fs::remove_file(&file).unwrap();
    let conn = Connection::open(&file).unwrap();
    conn.execute_batch("CREATE TABLE study (id INTEGER)").unwrap();
    drop(conn);
    let other = std::fs::read(&file).unwrap();
    assert!(matches!(open(), Err(IndexError::Engine(_))));
    assert_eq!(std::fs::read(&file).unwrap(), other);

    std::fs::write(&file, "no database at all, but long enough to be looked at".repeat(20)).unwrap();
    assert!(matches!(open(), Err(IndexError::Engine(_))));
    assert!(SqliteIndex::open(&folder.path().join("none").join("index.db"), Config::default()).is_err());
}

/// A writer whose connection was changed by `prepare`, fed with these jobs, so many in a group.
fn write(
    group: usize,
    prepare: impl FnOnce(&Connection, &log::Log),
    jobs: Vec<Vec<NewInstance>>,
) -> Vec<Result<usize, IndexError>> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("index.db");
    let config = Config::default();
    let conn = schema::writer(&file, &config).unwrap();
    let (send, queue) = mpsc::channel(64);
    let readers = Arc::new(Readers::new(file.clone(), config.clone()));
    let opened = Arc::new(std::fs::File::open(&file).unwrap());
    let (log, thread) =
        log::start(&file, opened, &config, readers, send.downgrade(), Arc::default()).unwrap();
    prepare(&conn, &log);
    let writer = Writer::new(&file, conn, log).unwrap();
    let answers: Vec<_> = jobs
        .into_iter()
        .map(|rows| {
            let (answer, answered) = oneshot::channel();
            send.try_send(Job::Insert(rows, answer)).ok().unwrap();
            answered
        })
        .collect();
    drop(send);
    writer.run(queue, group);
    thread.join().unwrap();
    let answers = answers.into_iter().map(|answer| answer.blocking_recv().unwrap()).collect::<Vec<_>>();
    let held: usize = {
        let conn = schema::reader(&file, &config).unwrap();
        conn.query_row("SELECT count(*) FROM instance", [], |row| row.get::<_, i64>(0)).unwrap() as usize
    };
    let answered = answers.iter().flatten().map(Vec::len).sum::<usize>();
    assert_eq!(held, answered, "what is answered is there, and nothing else");
    answers.into_iter().map(|answer| answer.map(|inserted: Vec<Inserted>| inserted.len())).collect()
}

#[test]
fn a_full_disk_fails_the_group_that_does_not_fit() {
    let large = |n| {
        let mut large = row(n);
        large.metadata = vec![0; 1_000_000];
        vec![large]
    };
    let limit = |conn: &Connection, _: &log::Log| {
        conn.pragma_update_and_check(None, "max_page_count", 200, |_| Ok(())).unwrap();
    };
    let jobs = || vec![vec![row(1)], large(2), vec![row(3), row(4)], large(5)];
    let found = write(1, limit, jobs());
    let [Ok(1), Err(IndexError::NoSpace(_)), Ok(2), Err(IndexError::NoSpace(_))] = found[..] else {
        panic!("{found:?}")
    };
    // The engine gives the whole transaction up.
    let found = write(64, limit, jobs());
    assert!(found.iter().all(|answer| matches!(answer, Err(IndexError::NoSpace(_)))), "{found:?}");
}

#[test]
fn after_a_failed_flush_nothing_is_written() {
    let failure = IndexError::Flush("disk I/O error".into());
    let found = write(64, |_, log| log.fail(failure.clone()), vec![vec![row(1)], vec![row(2)]]);
    assert_eq!(found, [Err(failure.clone()), Err(failure)]);
}

/// Fills the index with what no key helps to find.
async fn haystack(config: Config) -> (tempfile::TempDir, SqliteIndex, Search) {
    let folder = tempfile::tempdir().unwrap();
    let index = SqliteIndex::open(&folder.path().join("index.db"), config).unwrap();
    index.insert((0..3_000).map(row).collect()).await.unwrap();
    let slow = Search {
        filters: vec![(crate::Attribute::InstanceNumber, model::matching::Rule::Exact("2".into()))],
        limit: 10,
        ..Search::of(Level::Instance)
    };
    (folder, index, slow)
}

#[tokio::test]
async fn searches_are_bounded_in_time() {
    let config = Config { search_time: Duration::ZERO, ..Config::default() };
    let (_folder, index, slow) = haystack(config).await;
    let everything = scope(&["*"]);
    assert_eq!(index.search(&everything, &slow).await.unwrap_err(), IndexError::TooBroad);
    // The connection is as good as before, and look-ups are not bounded.
    assert_eq!(index.all(None, 5_000).await.unwrap().len(), 3_000);
}

/// A caller that goes away ends its work, and not that of the next on the same connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_goes_away_ends_the_work() {
    let (_folder, index, _) = haystack(Config { readers: 1, ..Config::default() }).await;
    let endless = |conn: &Connection| -> Result<i64, IndexError> {
        let query = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
        Ok(conn.query_row(query, [], |row| row.get(0))?)
    };
    let readers = Arc::clone(&index.inner.readers);
    let start = Instant::now();
    for _ in 0..3 {
        let work = readers.read(Purpose::Lookup, endless);
        assert!(tokio::time::timeout(Duration::from_millis(20), work).await.is_err());
        assert_eq!(index.totals().await.unwrap().instances, 3_000);
    }
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}
