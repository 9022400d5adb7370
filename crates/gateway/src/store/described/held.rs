//! Bulk data that has come and waits: short pieces in memory, longer ones in the request's scratch file.

use std::ops::Range;

use archive::{Scratch, StoreError};
use bytes::{Bytes, BytesMut};

/// A piece of at most this many bytes stays in memory, as long as all such pieces of the request are within
/// [`IN_MEMORY`].
const SHORT: u64 = 64 << 10;
/// See [`SHORT`].
const IN_MEMORY: usize = 512 << 10;
/// Bytes that are written to the scratch file, and read from it, at a time.
const STEP: usize = 256 << 10;

/// A piece that is whole.
#[derive(Clone, Debug)]
pub(super) enum Held {
    Memory(Bytes),
    Scratch(Range<u64>),
}

impl Held {
    pub(super) fn length(&self) -> u64 {
        match self {
            Held::Memory(bytes) => bytes.len() as u64,
            Held::Scratch(range) => range.end - range.start,
        }
    }

    /// Its first bytes, at most `most`.
    pub(super) async fn start(&self, store: &Store, most: u64) -> Result<Bytes, StoreError> {
        self.cut(store, 0, most).await
    }

    /// At most `most` of its bytes from `from` on; empty at its end.
    pub(super) async fn cut(&self, store: &Store, from: u64, most: u64) -> Result<Bytes, StoreError> {
        let end = self.length().min(from.saturating_add(most));
        let from = from.min(end);
        match self {
            // Both are at most the length of bytes in memory.
            Held::Memory(bytes) => Ok(bytes.slice(from as usize..end as usize)),
            Held::Scratch(range) => store.scratch.read(range.start + from..range.start + end).await,
        }
    }

    /// The next bytes from `from` on, as many as are read at a time.
    pub(super) async fn step(&self, store: &Store, from: u64) -> Result<Bytes, StoreError> {
        self.cut(store, from, STEP as u64).await
    }
}

/// Where pieces of one request wait.
pub(super) struct Store {
    pub(super) scratch: Scratch,
    in_memory: usize,
}

/// A piece that is coming.
pub(super) struct Coming {
    pending: Vec<Bytes>,
    pending_bytes: usize,
    written: Option<Range<u64>>,
}

impl Store {
    pub(super) fn new(scratch: Scratch) -> Self {
        Self { scratch, in_memory: 0 }
    }

    /// Forgets everything, when nothing waits any more.
    pub(super) fn clear(&mut self) {
        self.scratch.clear();
        self.in_memory = 0;
    }
}

impl Coming {
    pub(super) fn new() -> Self {
        Self { pending: Vec::new(), pending_bytes: 0, written: None }
    }

    pub(super) async fn write(&mut self, bytes: Bytes, store: &mut Store) -> Result<(), StoreError> {
        self.pending_bytes += bytes.len();
        self.pending.push(bytes);
        if self.pending_bytes >= STEP { self.flush(store).await } else { Ok(()) }
    }

    async fn flush(&mut self, store: &mut Store) -> Result<(), StoreError> {
        let range = store.scratch.append(std::mem::take(&mut self.pending)).await?;
        self.pending_bytes = 0;
        // Only one piece comes at a time, so what it appends is in one stretch.
        self.written = Some(self.written.take().map_or(range.clone(), |before| before.start..range.end));
        Ok(())
    }

    pub(super) async fn finish(mut self, store: &mut Store) -> Result<Held, StoreError> {
        let short = self.written.is_none() && self.pending_bytes as u64 <= SHORT;
        if short && store.in_memory + self.pending_bytes <= IN_MEMORY {
            store.in_memory += self.pending_bytes;
            // A copy: a slice of what came would keep all of it.
            let mut whole = BytesMut::with_capacity(self.pending_bytes);
            self.pending.iter().for_each(|piece| whole.extend_from_slice(piece));
            return Ok(Held::Memory(whole.freeze()));
        }
        if self.pending_bytes > 0 || self.written.is_none() {
            self.flush(store).await?;
        }
        Ok(Held::Scratch(self.written.unwrap_or_default()))
    }
}
