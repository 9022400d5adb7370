//! Buffers that windows of files are read into, used again: warm in the cache, and neither zeroed nor given back to the
//! system between two reads.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// Bytes of a buffer: the largest window that is read at once. What is longer gets one of its own.
const SIZE: usize = 256 << 10;
/// Shorter reads get a buffer of their own size, which the allocator has at hand.
const SHORT: usize = 64 << 10;
/// Buffers that wait to be used again: 4 MiB at most.
const KEPT: usize = 16;

/// The buffers of one data folder. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Pool {
    idle: Arc<Mutex<Vec<Box<[u8]>>>>,
}

/// A buffer that goes back when nobody needs its bytes any more.
pub(crate) struct Buffer {
    bytes: Box<[u8]>,
    length: usize,
    pool: Pool,
}

impl Pool {
    /// A buffer of this length; its bytes are whatever was read before.
    pub(crate) fn take(&self, length: usize) -> Buffer {
        let pooled = (SHORT + 1..=SIZE).contains(&length);
        let idle = if pooled { self.lock().pop() } else { None };
        let size = if pooled { SIZE } else { length };
        let bytes = idle.unwrap_or_else(|| vec![0; size].into_boxed_slice());
        Buffer { bytes, length, pool: self.clone() }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Box<[u8]>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Buffer {
    /// To read into.
    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.length]
    }

    /// Its bytes as they leave.
    pub(crate) fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut idle = self.pool.lock();
        if self.bytes.len() == SIZE && idle.len() < KEPT {
            idle.push(std::mem::take(&mut self.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back_and_are_bounded() {
        let pool = Pool::default();
        let mut first = pool.take(100_000);
        first.bytes()[..5].copy_from_slice(b"hello");
        let frozen = first.freeze();
        let held: Vec<Bytes> = (0..40).map(|_| pool.take(SIZE).freeze()).collect();
        assert_eq!((frozen.len(), &frozen.slice(1..3)[..], pool.lock().len()), (100_000, &b"el"[..], 0));
        drop((frozen, held));
        assert_eq!(pool.lock().len(), KEPT);
        for other in [0, 5, SHORT, SIZE + 1] {
            let buffer = pool.take(other);
            assert_eq!(buffer.as_ref().len(), other);
            drop(buffer);
            assert_eq!(pool.lock().len(), KEPT, "what is shorter or longer is not kept");
        }
    }
}
