//! Frames in another transfer syntax, one after the other, while the next ones are being made.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt, TryStreamExt};
use imaging::frames::Frame;
use imaging::job::Job;
use imaging::transcode::Plan;
use tokio::task::JoinHandle;
use worker::Patience;

use crate::ReadError;
use crate::dataset::DataSet;

/// Frames that are made ahead of the one that is being sent, where each is at most [`SMALL`].
const AHEAD: usize = 3;
/// Bytes of a decoded frame up to which more than one is made ahead.
const SMALL: u64 = 8 << 20;

/// Frames by the plan, in this order. The first one waits its turn as any request does, the others however long it takes.
///
/// Memory: [`AHEAD`] small frames or one large one beside the one that is being sent.
pub(crate) fn transcoded(
    source: DataSet,
    plan: Plan,
    frames: impl Iterator<Item = Result<Frame, ReadError>> + Send + 'static,
) -> BoxStream<'static, Result<Bytes, ReadError>> {
    let small = plan.source().samples_bytes().is_some_and(|bytes| bytes <= SMALL);
    let ahead = if small { AHEAD } else { 1 };
    let patience = std::iter::once(Patience::Queue).chain(std::iter::repeat(Patience::Wait));
    stream::iter(frames.zip(patience))
        .map(move |(frame, patience)| {
            let (source, plan) = (source.clone(), plan.clone());
            // In a task of its own it goes on while nobody asks, and gives its worker back when it is done.
            Task(tokio::spawn(async move { transcode(source, &plan, frame?, patience).await }))
        })
        .buffered(ahead)
        .boxed()
}

/// One frame by the plan.
async fn transcode(
    source: DataSet,
    plan: &Plan,
    frame: Frame,
    patience: Patience,
) -> Result<Bytes, ReadError> {
    let decoders = source.decoders().clone();
    let limit = decoders.frame_limit();
    if frame.length > limit {
        return Err(ReadError::TooLarge(format!("a frame is larger than {limit} bytes")));
    }
    let stored = whole(source.frame_stream(frame)).await?;
    if plan.copies() {
        return bare(plan, stored);
    }
    let (_, bytes) = decoders.run(&Job::Transcode(plan.step(limit)), stored, patience).await?;
    Ok(bytes)
}

/// The pixels of a frame that is bare already, without the padding behind it.
fn bare(plan: &Plan, stored: Bytes) -> Result<Bytes, ReadError> {
    let length = plan.frame_bits().map(|bits| bits.div_ceil(8)).and_then(|bytes| usize::try_from(bytes).ok());
    match length {
        Some(length) if length <= stored.len() => Ok(stored.slice(..length)),
        _ => Err(ReadError::Unprocessable("the frame is shorter than its rows and columns say".into())),
    }
}

/// All bytes of a stream; one piece is not copied.
pub(crate) async fn whole(
    mut pieces: BoxStream<'static, Result<Bytes, ReadError>>,
) -> Result<Bytes, ReadError> {
    let first = pieces.try_next().await?.unwrap_or_default();
    let Some(second) = pieces.try_next().await? else { return Ok(first) };
    let mut all = Vec::from(first);
    all.extend_from_slice(&second);
    while let Some(piece) = pieces.try_next().await? {
        all.extend_from_slice(&piece);
    }
    Ok(Bytes::from(all))
}

/// A task that ends with whoever waits for it.
struct Task<T>(JoinHandle<Result<T, ReadError>>);

impl<T> Future for Task<T> {
    type Output = Result<T, ReadError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let ended = |joined: Result<Self::Output, tokio::task::JoinError>| match joined {
            Ok(result) => result,
            Err(error) => Err(ReadError::Storage(error.to_string())),
        };
        self.0.poll_unpin(cx).map(ended)
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Bare frames of `bits` each as one value, with a byte behind it where that makes it even.
pub(crate) fn joined(
    frames: BoxStream<'static, Result<Bytes, ReadError>>,
    bits: u64,
    pad: bool,
) -> BoxStream<'static, Result<Bytes, ReadError>> {
    let state = (frames, Some(Packer::new(bits)));
    stream::try_unfold(state, move |(mut frames, packer)| async move {
        let Some(mut packer) = packer else { return Ok(None) };
        match frames.try_next().await? {
            Some(frame) => {
                if (frame.len() as u64) < bits.div_ceil(8) {
                    return Err(ReadError::Unprocessable("a frame is shorter than the first".into()));
                }
                Ok(Some((packer.push(frame), (frames, Some(packer)))))
            }
            None => {
                let rest = packer.finish().into_iter().chain(pad.then_some(0)).collect::<Vec<u8>>();
                Ok(Some((Bytes::from(rest), (frames, None))))
            }
        }
    })
    .boxed()
}

/// Frames of a number of bits each as one value: without padding between them (PS3.5 8.1.1).
struct Packer {
    bits: u64,
    /// Bits of the last byte that are taken, and the byte.
    filled: u32,
    open: u8,
}

impl Packer {
    /// For frames of `bits` each.
    fn new(bits: u64) -> Self {
        Self { bits, filled: 0, open: 0 }
    }

    /// The bytes that a frame completes.
    fn push(&mut self, frame: Bytes) -> Bytes {
        if self.bits.is_multiple_of(8) {
            return frame;
        }
        let mut out = Vec::with_capacity(frame.len() + 1);
        let mut left = self.bits;
        for &byte in &frame {
            let bits = left.min(8) as u32;
            left -= u64::from(bits);
            let byte = u16::from(byte) & ((1 << bits) - 1);
            let both = u16::from(self.open) | byte << self.filled;
            let filled = self.filled + bits;
            if filled >= 8 {
                out.push(both as u8);
                (self.open, self.filled) = ((both >> 8) as u8, filled - 8);
            } else {
                (self.open, self.filled) = (both as u8, filled);
            }
        }
        Bytes::from(out)
    }

    /// The last byte, where it is not full.
    fn finish(self) -> Option<u8> {
        (self.filled > 0).then_some(self.open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_bits_follow_without_padding() {
        let mut packer = Packer::new(3);
        let mut out = Vec::new();
        for frame in [0b101, 0b011, 0b110] {
            // Bits above the frame's own are nobody's.
            out.extend_from_slice(&packer.push(Bytes::from(vec![frame | 0b1111_0000])));
        }
        out.extend(packer.finish());
        assert_eq!(out, [0b1001_1101, 0b1]);
        let mut bytes = Packer::new(16);
        assert_eq!(bytes.push(Bytes::from_static(b"ab")), "ab");
        assert_eq!(bytes.finish(), None);
    }
}
