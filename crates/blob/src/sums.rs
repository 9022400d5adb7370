//! The two checks that every data set carries: SHA-256 over all of it, CRC32C over each 64 KiB of it.

use std::ops::Range;

use sha2::{Digest, Sha256};

use crate::CHUNK;

/// Computes both checks over a stream. Also for those who read a file again: recovery, rebuilding, verifying.
pub struct Sums {
    sha256: Sha256,
    crc: u32,
    filled: usize,
    crcs: Vec<u8>,
    length: u64,
}

/// What [`Sums`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summed {
    /// Bytes of the data set.
    pub length: u64,
    /// SHA-256 over the seed, then the data set.
    pub digest: [u8; 32],
    /// CRC32C of each [`CHUNK`] bytes (the last may be shorter), 4 bytes little endian each.
    pub crcs: Vec<u8>,
}

impl Sums {
    /// The seed (the transfer syntax UID) goes into the SHA-256 first: the same bytes in another syntax are another thing.
    pub fn new(seed: &[u8]) -> Sums {
        Sums { sha256: Sha256::new_with_prefix(seed), crc: 0, filled: 0, crcs: Vec::new(), length: 0 }
    }

    /// Takes the next bytes of the data set.
    pub fn update(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        let mut rest = bytes;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(CHUNK as usize - self.filled));
            // Both over a piece that is still in the cache.
            self.sha256.update(now);
            self.crc = crc32c::crc32c_append(self.crc, now);
            self.filled += now.len();
            if self.filled == CHUNK as usize {
                self.close_chunk();
            }
            rest = later;
        }
    }

    /// Bytes taken so far.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Closes the last chunk.
    pub fn finish(mut self) -> Summed {
        if self.filled > 0 {
            self.close_chunk();
        }
        Summed { length: self.length, digest: self.sha256.finalize().into(), crcs: self.crcs }
    }

    fn close_chunk(&mut self) {
        self.crcs.extend_from_slice(&self.crc.to_le_bytes());
        self.crc = 0;
        self.filled = 0;
    }
}

/// Bytes that are not those that were stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("chunk {chunk} (from byte {} of the data set) fails its checksum", chunk.saturating_mul(CHUNK))]
pub struct BadChunk {
    /// Its number, from 0.
    pub chunk: u64,
}

/// Checks bytes of a data set against its chunk sums before anybody sees them.
///
/// The bytes begin where chunk `first_chunk` begins and end where a chunk or the data set ends (see [`aligned`]); `sums`
/// are those of the whole data set. A chunk without a sum is bad.
pub fn verify(bytes: &[u8], first_chunk: u64, sums: &[u8]) -> Result<(), BadChunk> {
    for (at, bytes) in (0..).zip(bytes.chunks(CHUNK as usize)) {
        let chunk = first_chunk.saturating_add(at);
        if sum_of(chunk, sums) != Some(crc32c::crc32c(bytes)) {
            return Err(BadChunk { chunk });
        }
    }
    Ok(())
}

/// The smallest range around `range` that [`verify`] can check, in a data set of `length` bytes.
pub fn aligned(range: Range<u64>, length: u64) -> Range<u64> {
    let start = range.start - range.start % CHUNK;
    let end = range.end.checked_next_multiple_of(CHUNK).unwrap_or(length).min(length);
    start..end
}

fn sum_of(chunk: u64, sums: &[u8]) -> Option<u32> {
    let at = usize::try_from(chunk).ok()?.checked_mul(4)?;
    let sum = sums.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(sum.try_into().ok()?))
}
