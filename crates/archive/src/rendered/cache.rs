//! Rendered files by what they are made of. In memory, bounded by bytes, the longest unused goes first.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use lru::LruCache;
use sha2::{Digest, Sha256};

/// Bytes that an entry costs beside its file.
const ENTRY: u64 = 128;

/// The key of a rendered file: a digest of the stored bytes it is made of and of everything that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key([u8; 32]);

impl Key {
    /// A file of these instances, by their digests, made in this `way`.
    pub(super) fn of<'a>(digests: impl IntoIterator<Item = &'a [u8; 32]>, way: &str) -> Self {
        let all = digests.into_iter().fold(Sha256::new(), |hash, digest| hash.chain_update(digest));
        Self(all.chain_update(way).finalize().into())
    }
}

/// The cache.
pub(crate) struct Cache {
    limit: u64,
    kept: Mutex<Kept>,
}

struct Kept {
    files: LruCache<Key, Bytes>,
    bytes: u64,
}

impl Cache {
    /// Keeps at most `limit` bytes; 0 keeps nothing.
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, kept: Mutex::new(Kept { files: LruCache::unbounded(), bytes: 0 }) }
    }

    pub(super) fn get(&self, key: &Key) -> Option<Bytes> {
        let found = self.kept.lock().unwrap_or_else(PoisonError::into_inner).files.get(key).cloned();
        let hit = if found.is_some() { "hit" } else { "miss" };
        metrics::counter!("overread_rendered_total", "cache" => hit).increment(1);
        found
    }

    /// Lets everything go: something that files are made of was deleted, and a key does not tell which.
    pub(crate) fn clear(&self) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.files.clear();
        kept.bytes = 0;
    }

    /// Keeps a file, unless it alone would take an eighth of the room.
    pub(super) fn put(&self, key: Key, file: &Bytes) {
        let cost = file.len() as u64 + ENTRY;
        if cost > self.limit / 8 {
            return;
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // A copy: a slice would hold the whole answer that it came in.
        let replaced = kept.files.put(key, Bytes::copy_from_slice(file));
        kept.bytes += cost;
        kept.bytes -= replaced.map_or(0, |file| file.len() as u64 + ENTRY);
        while kept.bytes > self.limit {
            let Some((_, file)) = kept.files.pop_lru() else { break };
            kept.bytes -= file.len() as u64 + ENTRY;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounded_by_bytes_and_oldest_first() {
        let cache = Cache::new(10 * (1_000 + ENTRY));
        let key = |n: u32| Key::of([&[0; 32]], &n.to_string());
        let file = Bytes::from(vec![1; 1_000]);
        for n in 0..11 {
            cache.put(key(n), &file);
            cache.put(key(n), &file);
            assert!(cache.get(&key(0)).is_some(), "the one that is used stays");
        }
        assert!(cache.get(&key(1)).is_none());
        assert!(cache.get(&key(10)).is_some());
        cache.put(key(99), &Bytes::from(vec![1; 5_000]));
        assert!(cache.get(&key(99)).is_none(), "too large for it");
        Cache::new(0).put(key(1), &file);
        cache.clear();
        assert!(cache.get(&key(0)).is_none());
        cache.put(key(0), &file);
        assert!(cache.get(&key(0)).is_some());
    }

    #[test]
    fn keys_differ_by_content_and_way() {
        let key = Key::of([&[1; 32]], "a");
        assert_eq!(key, Key::of([&[1; 32]], "a"));
        for other in [Key::of([&[2; 32]], "a"), Key::of([&[1; 32]], "b"), Key::of([&[1; 32], &[1; 32]], "a")]
        {
            assert_ne!(key, other);
        }
    }
}
