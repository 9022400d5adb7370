//! Bytes on their way to the peer.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes};

/// A queue of byte slices, to be written in as few system calls as the transport allows.
///
/// It is a [`Buf`], so a vectored write takes heads and payloads together without a copy.
#[derive(Debug, Default)]
pub struct Output {
    queue: VecDeque<Bytes>,
    bytes: usize,
}

impl Output {
    pub(crate) fn push(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.bytes += bytes.len();
            self.queue.push_back(bytes);
        }
    }

    /// Forgets what was not written: the connection is gone.
    pub(crate) fn clear(&mut self) {
        self.queue.clear();
        self.bytes = 0;
    }
}

impl Buf for Output {
    fn remaining(&self) -> usize {
        self.bytes
    }

    fn chunk(&self) -> &[u8] {
        self.queue.front().map_or(&[], |bytes| bytes.as_ref())
    }

    fn chunks_vectored<'a>(&'a self, dst: &mut [IoSlice<'a>]) -> usize {
        let mut filled = 0;
        for (slot, bytes) in dst.iter_mut().zip(&self.queue) {
            *slot = IoSlice::new(bytes);
            filled += 1;
        }
        filled
    }

    fn advance(&mut self, count: usize) {
        let mut left = count.min(self.bytes);
        self.bytes -= left;
        while left > 0 {
            let Some(front) = self.queue.front_mut() else { return };
            if front.len() > left {
                front.advance(left);
                return;
            }
            left -= front.len();
            self.queue.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_whatever_the_steps() {
        for step in 1..12 {
            let mut output = Output::default();
            for part in ["ab", "", "cde", "f", "ghij"] {
                output.push(Bytes::from_static(part.as_bytes()));
            }
            let mut read = Vec::new();
            while output.has_remaining() {
                let mut slices = [IoSlice::new(&[]); 8];
                let count = output.chunks_vectored(&mut slices);
                let all: Vec<u8> = slices[..count].iter().flat_map(|s| s.iter().copied()).collect();
                assert_eq!(all.len(), output.remaining());
                assert!(all.starts_with(output.chunk()));
                let taken = step.min(all.len());
                read.extend_from_slice(&all[..taken]);
                output.advance(taken);
            }
            assert_eq!(read, b"abcdefghij", "step {step}");
        }
    }
}
