//! R1: killed at any moment (SIGKILL), the spool loses nothing that was flushed and keeps nothing that was not sealed.
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod rig;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use blob::{Blobs, Limits, Place, Sums};
use rig::{SEED, bytes, head, quick, receive};

/// Set in the process that is to be killed.
const FOLDER: &str = "BLOB_KILL_FOLDER";
const KILLS: u64 = 20;

#[test]
fn what_was_flushed_survives_a_kill() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return work(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut all = 0;
    for round in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "what_was_flushed_survives_a_kill", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let reading = std::thread::spawn(move || {
            let lines = output.lines().map_while(Result::ok);
            lines.filter_map(|line| line.strip_prefix("flushed ").map(str::to_owned)).collect::<Vec<_>>()
        });
        std::thread::sleep(Duration::from_millis(30 + 23 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        let flushed = reading.join().unwrap();
        all += flushed.len();

        let (blobs, left) = Blobs::open(folder.path(), quick()).unwrap();
        let left: Vec<_> = left.into_iter().map(|entry| entry.name).collect();
        for name in &flushed {
            assert!(left.contains(name), "{name} is lost");
        }
        for name in &left {
            let reader = blobs.open_blob(&Place::Spool(name.clone())).unwrap();
            let mut sums = Sums::new(SEED);
            sums.update(&reader.read(0, reader.length() as usize).unwrap());
            let summed = sums.finish();
            assert_eq!(reader.head().unwrap(), head(summed.length, summed.digest), "sealed and not whole");
        }
        blobs.unspool(&left);
        assert_eq!(blobs.spooled(), (0, 0));
    }
    println!("{KILLS} kills, {all} instances were flushed before");
    assert!(all > 0);
    let files = walk_files(&folder.path().join("spool"));
    assert!(files.is_empty(), "left behind: {files:?}");
}

/// Receives and says what was flushed, until it is killed.
fn work(folder: &Path) {
    let (blobs, _) = Blobs::open(folder, Limits { slots: 16, ..quick() }).unwrap();
    std::thread::scope(|scope| {
        for sender in 0..4 {
            let blobs = &blobs;
            scope.spawn(move || {
                for i in 0.. {
                    let sealed = receive(blobs, &bytes(150_000, 10_000 * sender + i)).unwrap();
                    sealed.flush().unwrap();
                    println!("flushed {}", sealed.keep());
                }
            });
        }
    });
}

fn walk_files(path: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk_files(&path) } else { vec![path] }).collect()
}
