//! What every shelf promises. An adapter joins by one row in `SHELVES`.
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use blob::{BlobError, ErrorKind, Folder, HEAD_LEN, Placing, Shelf, Unplaced};
use tempfile::TempDir;

/// A shelf to be tested, and a folder for spool files beside it.
struct Bench {
    folder: TempDir,
    shelf: Box<dyn Shelf>,
}

impl Bench {
    fn spool(&self, name: &str, data: &[u8]) -> PathBuf {
        let path = self.folder.path().join("spool").join(name);
        std::fs::write(&path, [&[7; HEAD_LEN as usize], data].concat()).unwrap();
        path
    }

    fn placing(&self, name: &str, data: &[u8], key: &str) -> Placing {
        Placing { spooled: self.spool(name, data), key: key.to_owned() }
    }

    fn content(&self, key: &str) -> Result<Vec<u8>, ErrorKind> {
        let reader = self.shelf.open(key).map_err(|error| error.kind())?;
        Ok(reader.read(0, reader.length() as usize).unwrap().to_vec())
    }

    fn keys(&self) -> BTreeMap<String, u64> {
        self.shelf.walk().map(|found| found.map(|(key, reader)| (key, reader.length())).unwrap()).collect()
    }
}

type Make = fn(&Path) -> Box<dyn Shelf>;

const SHELVES: &[(&str, Make)] = &[("folder", |root| Box::new(Folder::new(root)))];

fn each(test: impl Fn(Bench)) {
    for (name, make) in SHELVES {
        println!("{name}");
        let folder = tempfile::tempdir().unwrap();
        for part in ["spool", "studies"] {
            std::fs::create_dir(folder.path().join(part)).unwrap();
        }
        let shelf = make(&folder.path().join("studies"));
        test(Bench { folder, shelf });
    }
}

fn kinds(unplaced: Vec<Unplaced>) -> Vec<(usize, ErrorKind)> {
    unplaced.into_iter().map(|one| (one.index, one.why.kind())).collect()
}

#[test]
fn what_was_placed_can_be_opened_and_walked() {
    each(|bench| {
        let batch = [
            bench.placing("a", b"first", "1.2/1.3/1.4.dcm"),
            bench.placing("b", b"second one", "1.2/1.3/1.5.dcm"),
            bench.placing("c", b"", "1.2/1.9/1.6.dcm"),
            bench.placing("d", b"of a clinic", "2.2/2.3/2.4.clinic.v2.dcm"),
        ];
        assert!(bench.shelf.place(&batch).unwrap().is_empty());
        assert_eq!(bench.content("1.2/1.3/1.4.dcm"), Ok(b"first".to_vec()));
        assert_eq!(bench.content("1.2/1.9/1.6.dcm"), Ok(Vec::new()));
        let expected = [
            ("1.2/1.3/1.4.dcm", 5),
            ("1.2/1.3/1.5.dcm", 10),
            ("1.2/1.9/1.6.dcm", 0),
            ("2.2/2.3/2.4.clinic.v2.dcm", 11),
        ];
        assert_eq!(bench.keys(), expected.map(|(key, length)| (key.to_owned(), length)).into());
        assert!(batch.iter().all(|item| item.spooled.exists()), "spool files are left to the caller");
    });
}

#[test]
fn placing_again_changes_nothing() {
    each(|bench| {
        let batch = [bench.placing("a", b"bytes", "1/2/3.dcm")];
        for _ in 0..3 {
            assert!(bench.shelf.place(&batch).unwrap().is_empty());
        }
        // Equal bytes in another file are done too: a restored backup may have copies for links.
        let copy = [bench.placing("copy", b"bytes", "1/2/3.dcm")];
        assert!(bench.shelf.place(&copy).unwrap().is_empty());
        assert_eq!(bench.content("1/2/3.dcm"), Ok(b"bytes".to_vec()));
    });
}

#[test]
fn one_that_cannot_be_placed_does_not_hold_up_the_others() {
    each(|bench| {
        bench.shelf.place(&[bench.placing("old", b"old", "1/2/3.dcm")]).unwrap();
        let batch = [
            bench.placing("same length", b"new", "1/2/3.dcm"),
            bench.placing("good", b"good", "1/2/4.dcm"),
            bench.placing("longer", b"newer", "1/2/3.dcm"),
            bench.placing("outside", b"x", "../3.dcm"),
            bench.placing("below a file", b"x", "1/2/3.dcm/4.dcm"),
            Placing { spooled: bench.folder.path().join("spool/absent"), key: "1/2/5.dcm".into() },
            Placing { spooled: bench.folder.path().join("spool/absent"), key: "7/8/9.dcm".into() },
            bench.placing("last", b"last", "9/9/9.dcm"),
        ];
        let expected = [
            (0, ErrorKind::Collision),
            (2, ErrorKind::Collision),
            (3, ErrorKind::Caller),
            (4, ErrorKind::Collision),
            (5, ErrorKind::NotFound),
            (6, ErrorKind::NotFound),
        ];
        assert_eq!(kinds(bench.shelf.place(&batch).unwrap()), expected);
        assert_eq!(bench.content("1/2/3.dcm"), Ok(b"old".to_vec()));
        assert_eq!(bench.content("1/2/4.dcm"), Ok(b"good".to_vec()));
        assert_eq!(bench.content("9/9/9.dcm"), Ok(b"last".to_vec()));
    });
}

#[test]
fn what_was_removed_is_gone_and_its_place_free() {
    each(|bench| {
        let first = bench.placing("a", b"one", "1/2/3.dcm");
        bench.shelf.place(&[first.clone(), bench.placing("b", b"two", "1/2/4.dcm")]).unwrap();
        bench.shelf.remove("1/2/3.dcm").unwrap();
        assert_eq!(bench.content("1/2/3.dcm"), Err(ErrorKind::NotFound));
        assert_eq!(bench.content("1/2/4.dcm"), Ok(b"two".to_vec()));
        bench.shelf.remove("1/2/3.dcm").unwrap();
        bench.shelf.remove("1/2/4.dcm").unwrap();
        bench.shelf.remove("no/such/key.dcm").unwrap();
        assert!(bench.keys().is_empty());
        bench.shelf.place(&[first]).unwrap();
        assert_eq!(bench.content("1/2/3.dcm"), Ok(b"one".to_vec()));
    });
}

#[test]
fn what_was_taken_is_elsewhere() {
    each(|bench| {
        bench.shelf.place(&[bench.placing("a", b"bad", "1/2/3.dcm")]).unwrap();
        let to = bench.folder.path().join("taken");
        bench.shelf.take("1/2/3.dcm", &to).unwrap();
        assert_eq!(bench.content("1/2/3.dcm"), Err(ErrorKind::NotFound));
        assert!(std::fs::read(&to).unwrap().ends_with(b"bad"));
        assert_eq!(bench.shelf.take("1/2/3.dcm", &to).unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn an_open_file_stays_readable() {
    each(|bench| {
        bench.shelf.place(&[bench.placing("a", b"still here", "1/2/3.dcm")]).unwrap();
        let reader = bench.shelf.open("1/2/3.dcm").unwrap();
        bench.shelf.remove("1/2/3.dcm").unwrap();
        assert_eq!(reader.read(6, 4).unwrap(), "here");
    });
}

#[test]
fn keys_from_outside_open_nothing() {
    each(|bench| {
        std::fs::write(bench.folder.path().join("secret"), [0; 2_000]).unwrap();
        for key in ["../secret", "/etc/hostname", "1/../../secret", "", ".", "1//2", "1\\2", "a b", "1/\0"] {
            let refused = |result: Result<(), BlobError>| result.unwrap_err().kind() == ErrorKind::Caller;
            assert!(refused(bench.shelf.open(key).map(drop)), "open {key:?}");
            assert!(refused(bench.shelf.remove(key)), "remove {key:?}");
            assert!(refused(bench.shelf.take(key, Path::new("/nowhere"))), "take {key:?}");
        }
        assert!(bench.folder.path().join("secret").exists());
    });
}

#[test]
fn placing_and_removing_side_by_side_loses_nothing() {
    each(|bench| {
        let kept: Vec<Placing> =
            (0..50).map(|i| bench.placing(&format!("k{i}"), b"kept", &format!("1/2/k{i}.dcm"))).collect();
        let gone = bench.placing("g", b"gone", "1/3/g.dcm");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                kept.iter().for_each(|item| {
                    assert!(bench.shelf.place(std::slice::from_ref(item)).unwrap().is_empty())
                })
            });
            scope.spawn(|| {
                for _ in 0..50 {
                    assert!(bench.shelf.place(std::slice::from_ref(&gone)).unwrap().is_empty());
                    bench.shelf.remove(&gone.key).unwrap();
                }
            });
        });
        assert_eq!(bench.keys().len(), kept.len());
    });
}
