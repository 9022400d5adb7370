//! Inflated copies of deflated data sets, for reads at an offset. Kept in files, bounded, thrown away at start.

use std::fs::{self, File};
use std::io::Write;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use blob::Blobs;
use bytes::Bytes;
use flate2::{Decompress, FlushDecompress, Status};
use futures::stream::{self, BoxStream, StreamExt};
use lru::LruCache;

use crate::ReadError;
use crate::dataset::DataSet;

/// Bytes inflated at a time.
const PIECE: usize = 256 << 10;

/// The cache. Files are unlinked as soon as they are open, so nothing is left behind by a crash.
pub(crate) struct Cache {
    folder: PathBuf,
    limit: u64,
    made: AtomicU64,
    kept: Mutex<LruCache<[u8; 32], Arc<Inflated>>>,
    /// One data set is inflated at a time; the others wait and then find it.
    turn: tokio::sync::Mutex<()>,
}

/// One inflated data set.
pub(crate) struct Inflated {
    file: File,
    length: u64,
}

impl Cache {
    pub(crate) fn new(blobs: &Blobs, limit: u64) -> Result<Self, ReadError> {
        let folder = blobs.root().join("cache");
        fs::create_dir_all(&folder).map_err(storage)?;
        for left in fs::read_dir(&folder).map_err(storage)?.flatten() {
            let _ = fs::remove_file(left.path());
        }
        Ok(Self {
            folder,
            limit,
            made: AtomicU64::new(0),
            kept: Mutex::new(LruCache::unbounded()),
            turn: tokio::sync::Mutex::new(()),
        })
    }

    /// The inflated form of a deflated data set.
    pub(crate) async fn get(&self, data: &DataSet) -> Result<Arc<Inflated>, ReadError> {
        let digest = data.record().digest;
        if let Some(found) = self.find(&digest) {
            return Ok(found);
        }
        let _turn = self.turn.lock().await;
        if let Some(found) = self.find(&digest) {
            return Ok(found);
        }
        let inflated = Arc::new(self.inflate(data).await?);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.put(digest, Arc::clone(&inflated));
        while kept.iter().map(|(_, file)| file.length).sum::<u64>() > self.limit && kept.len() > 1 {
            kept.pop_lru();
        }
        Ok(inflated)
    }

    /// Lets a copy go: its instance was deleted.
    pub(crate) fn forget(&self, digest: &[u8; 32]) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).pop(digest);
    }

    fn find(&self, digest: &[u8; 32]) -> Option<Arc<Inflated>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(digest).cloned()
    }

    async fn inflate(&self, data: &DataSet) -> Result<Inflated, ReadError> {
        let path = self.folder.join(format!("{}.inflated", self.made.fetch_add(1, Ordering::Relaxed)));
        let mut file =
            File::options().read(true).write(true).create_new(true).open(&path).map_err(storage)?;
        fs::remove_file(&path).map_err(storage)?;
        let mut pieces = stream(data.stored_bytes());
        let mut length = 0;
        while let Some(piece) = pieces.next().await {
            let piece = piece?;
            length += piece.len() as u64;
            file = tokio::task::spawn_blocking(move || file.write_all(&piece).map(|()| file))
                .await
                .map_err(|e| ReadError::Storage(e.to_string()))?
                .map_err(storage)?;
        }
        Ok(Inflated { file, length })
    }
}

impl Inflated {
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    pub(crate) async fn read(self: &Arc<Self>, range: Range<u64>) -> Result<Bytes, ReadError> {
        if range.end > self.length {
            return Err(ReadError::Damaged(
                "the inflated data set is shorter than its index row says".into(),
            ));
        }
        let this = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            let mut bytes = vec![0; usize::try_from(range.end - range.start).unwrap_or(usize::MAX)];
            this.file.read_exact_at(&mut bytes, range.start).map(|()| Bytes::from(bytes))
        })
        .await
        .map_err(|e| ReadError::Storage(e.to_string()))?
        .map_err(storage)
    }
}

/// Inflates a raw deflate stream (PS3.5 A.5) piece by piece. Its size was checked when it was stored.
pub(crate) fn stream(
    deflated: BoxStream<'static, Result<Bytes, ReadError>>,
) -> BoxStream<'static, Result<Bytes, ReadError>> {
    let state = (deflated, Bytes::new(), Some(Decompress::new(false)));
    stream::try_unfold(state, |(mut deflated, mut input, inflater)| async move {
        let Some(mut inflater) = inflater else { return Ok(None) };
        let mut out = Vec::with_capacity(PIECE);
        loop {
            if input.is_empty() {
                match deflated.next().await {
                    Some(piece) => input = piece?,
                    None => return Err(damaged("it ends early")),
                }
            }
            let before = inflater.total_in();
            let status = inflater
                .decompress_vec(&input, &mut out, FlushDecompress::None)
                .map_err(|e| damaged(&e.to_string()))?;
            let used = usize::try_from(inflater.total_in() - before).unwrap_or(usize::MAX);
            input = input.slice(used.min(input.len())..);
            if status == Status::StreamEnd {
                return Ok(Some((Bytes::from(out), (deflated, input, None))));
            }
            if out.len() == out.capacity() {
                return Ok(Some((Bytes::from(out), (deflated, input, Some(inflater)))));
            }
        }
    })
    .boxed()
}

fn damaged(why: &str) -> ReadError {
    ReadError::Damaged(format!("a deflated data set cannot be inflated: {why}"))
}

fn storage(error: std::io::Error) -> ReadError {
    ReadError::Storage(error.to_string())
}
