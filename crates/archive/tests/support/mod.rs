//! An archive in a temporary folder, and short names for what the tests do with it.
#![allow(dead_code, missing_docs, clippy::unwrap_used)] // not every test file uses all of it

use std::path::{Path, PathBuf};
use std::sync::Arc;

use access::Principal;
use archive::{Announced, Archive, Config, Form, Framing, Recovered, StoreError, Stored, Target};
use blob::Blobs;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use index::{Index, SqliteIndex};
use tempfile::TempDir;

pub struct Bench {
    pub folder: TempDir,
    pub archive: Archive,
    pub recovered: Recovered,
}

impl Bench {
    pub async fn new() -> Self {
        Self::open(TempDir::new().unwrap()).await
    }

    pub async fn open(folder: TempDir) -> Self {
        Self::open_with(folder, Config::default()).await
    }

    pub async fn open_with(folder: TempDir, config: Config) -> Self {
        let (blobs, left) = Blobs::open(folder.path(), blob::Limits::default()).unwrap();
        let index = open_index(&folder.path().join("overread.db"));
        let (archive, recovered) = Archive::open(config, blobs, left, index).await.unwrap();
        Self { folder, archive, recovered }
    }

    /// Closes in order; what is left is the folder.
    pub async fn close(self) -> TempDir {
        let Self { folder, archive, .. } = self;
        archive.close().await;
        folder
    }

    /// Closes in order and opens again.
    pub async fn reopen(self) -> Self {
        let Self { folder, archive, .. } = self;
        archive.close().await;
        drop(archive);
        Self::open(folder).await
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub async fn store(&self, file: &[u8]) -> Result<Stored, StoreError> {
        self.store_as(announced(Framing::Part10), file, 10_000).await
    }

    pub async fn store_as(
        &self,
        announced: Announced,
        bytes: &[u8],
        piece: usize,
    ) -> Result<Stored, StoreError> {
        let mut incoming = self.archive.receive(&Principal::console(), announced).await?;
        for part in bytes.chunks(piece) {
            incoming.write(Bytes::copy_from_slice(part)).await?;
        }
        incoming.finish().await
    }

    /// The one placed or spooled file of an instance, wherever it is.
    pub fn files(&self, below: &str) -> Vec<PathBuf> {
        files(self.path(), below)
    }

    pub async fn fetch(&self, target: Target, form: Form) -> Result<Vec<u8>, archive::ReadError> {
        let mut instances = self.archive.instances(&Principal::console(), target).await?;
        let record = instances.next_page().await?.remove(0);
        let data = self.archive.open_instance(record).await?;
        collect(data.part10(form)?.stream).await
    }
}

/// The files below a folder of an archive, in order.
pub fn files(archive: &Path, below: &str) -> Vec<PathBuf> {
    fn walk(path: &Path, out: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(path).unwrap().flatten() {
            let path = entry.path();
            match path.is_dir() {
                true => walk(&path, out),
                false => out.push(path),
            }
        }
    }
    let mut out = Vec::new();
    walk(&archive.join(below), &mut out);
    out.sort();
    out
}

pub async fn collect(
    mut stream: futures::stream::BoxStream<'static, Result<Bytes, archive::ReadError>>,
) -> Result<Vec<u8>, archive::ReadError> {
    let mut all = BytesMut::new();
    while let Some(piece) = stream.next().await {
        all.extend_from_slice(&piece?);
    }
    Ok(all.to_vec())
}

pub fn open_index(path: &Path) -> Arc<dyn Index> {
    Arc::new(SqliteIndex::open(path, index::Config::default()).unwrap())
}

pub fn announced(framing: Framing) -> Announced {
    Announced { framing, sop_class: None, sop_instance: None, study: None, source: "test".into() }
}

pub fn target(instance: &testkit::Instance) -> Target {
    Target {
        study: instance.study.parse().unwrap(),
        series: Some(instance.series.parse().unwrap()),
        instance: Some(instance.sop_instance.parse().unwrap()),
        custodian: None,
        version: None,
    }
}

pub fn study(instance: &testkit::Instance) -> Target {
    Target { series: None, instance: None, ..target(instance) }
}

pub fn series(instance: &testkit::Instance) -> Target {
    Target { instance: None, ..target(instance) }
}

/// The data set of a Part 10 file that our writer made: behind its group 2.
pub fn data_set(file: &[u8]) -> &[u8] {
    let head = model::part10::read_head(file, true).unwrap().unwrap();
    &file[head.data_offset..]
}
