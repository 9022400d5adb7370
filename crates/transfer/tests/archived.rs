//! Instances of the archive on their way out.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::sync::Arc;

use access::Principal;
use archive::{Announced, Archive, Config, Framing, ReadError, Target};
use blob::Blobs;
use bytes::Bytes;
use index::SqliteIndex;
use support::*;
use tempfile::TempDir;
use testkit::Instance;
use transfer::{Delivery, Limits, Outgoing, SendError, SourceError};

struct Bench {
    folder: TempDir,
    archive: Archive,
}

impl Bench {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let (blobs, left) = Blobs::open(folder.path(), blob::Limits::default()).unwrap();
        let index = SqliteIndex::open(&folder.path().join("overread.db"), index::Config::default()).unwrap();
        let (archive, _) = Archive::open(Config::default(), blobs, left, Arc::new(index)).await.unwrap();
        Self { folder, archive }
    }

    async fn store(&self, file: Vec<u8>) {
        let announced = Announced {
            framing: Framing::Part10,
            sop_class: None,
            sop_instance: None,
            study: None,
            source: "test".to_owned(),
        };
        let mut incoming = self.archive.receive(&Principal::console(), announced).await.unwrap();
        incoming.write(Bytes::from(file)).await.unwrap();
        incoming.finish().await.unwrap();
    }

    async fn outgoing(&self, study: &str) -> Vec<Outgoing> {
        let target = Target {
            study: study.parse().unwrap(),
            series: None,
            instance: None,
            custodian: None,
            version: None,
        };
        let mut instances = self.archive.instances(&Principal::console(), target).await.unwrap();
        let mut all = Vec::new();
        loop {
            let page = instances.next_page().await.unwrap();
            if page.is_empty() {
                return all;
            }
            all.extend(page.into_iter().map(|record| Outgoing::stored(&self.archive, record).unwrap()));
        }
    }

    /// Flips a bit near the end of the instance's file.
    fn damage(&self, instance: &Instance) {
        let mut damaged = 0;
        for below in ["spool", "studies"] {
            for path in walk(&self.folder.path().join(below)) {
                let mut bytes = std::fs::read(&path).unwrap();
                let uid = instance.sop_instance.as_bytes();
                // The data set's own UID, followed by the next element.
                let sought = [uid, b"\x08\x00\x20\x00"].concat();
                let padded = [uid, b"\0\x08\x00\x20\x00"].concat();
                if bytes.windows(sought.len()).any(|w| w == sought)
                    || bytes.windows(padded.len()).any(|w| w == padded)
                {
                    let at = bytes.len() - 10;
                    bytes[at] ^= 1;
                    std::fs::write(&path, bytes).unwrap();
                    damaged += 1;
                }
            }
        }
        assert!(damaged > 0);
    }
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    paths.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn a_study_goes_as_stored() {
    let bench = Bench::new().await;
    let (small, large, implicit) = (instance(1, 16), instance(2, 700), instance(3, 40));
    bench.store(small.part10()).await;
    bench.store(large.part10()).await;
    bench.store(implicit.file("1.2.840.10008.1.2", &implicit.implicit())).await;
    let peer = Peer::new(Like::default()).await;
    let mut delivery = Delivery::new(peer.route(), Limits::default());
    let outgoing = bench.outgoing(&small.study).await;
    assert_eq!(outgoing[1].length(), large.data_set().len() as u64);
    let sent = send(&mut delivery, outgoing).await;
    delivery.finish().await;
    assert_eq!(words(&sent), ["0000H"; 3]);
    assert_eq!(sent[0].outgoing.to_string(), small.sop_instance);
    let got: Vec<Vec<u8>> = peer.log().got.iter().map(|got| got.data.clone()).collect();
    assert!(got == [small.data_set(), large.data_set(), implicit.implicit()]);
    bench.archive.close().await;
}

/// R6: a wrong byte is found before it leaves, or the peer is told to forget what it got.
#[tokio::test]
async fn damaged_bytes_are_never_delivered() {
    let bench = Bench::new().await;
    // One that fits a piece, one of several, one that is sound.
    let all = [instance(1, 16), instance(2, 900), instance(3, 16)];
    for one in &all {
        bench.store(one.part10()).await;
    }
    bench.archive.close().await;
    let outgoing = bench.outgoing(&all[0].study).await;
    bench.damage(&all[0]);
    bench.damage(&all[1]);
    let peer = Peer::new(Like::default()).await;
    let mut delivery = Delivery::new(peer.route(), Limits::default());
    let sent = send(&mut delivery, outgoing).await;
    delivery.finish().await;
    for sent in &sent[..2] {
        assert!(
            matches!(sent.result, Err(SendError::Source(SourceError::Archive(ReadError::Damaged(_))))),
            "{sent:?}"
        );
    }
    assert!(sent[2].result.is_ok(), "{:?}", sent[2]);
    let log = peer.log();
    let whole: Vec<_> = log.got.iter().filter(|got| got.whole).map(|got| got.data.clone()).collect();
    assert!(whole == [all[2].data_set()]);
}
