//! A request's body, read under limits: total size, and a least rate.

use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use http::header::EXPECT;
use http_body::Body as _;
use http_body_util::BodyExt;

use crate::config::Limits;

/// A body whose answer is known already is read on for this long at most, so that the client comes to read the answer.
const DRAIN: Duration = Duration::from_millis(800);
/// And no longer than this for each piece.
const DRAIN_PIECE: Duration = Duration::from_millis(100);

/// A body on its way in.
pub(crate) struct Upload {
    body: Body,
    /// Bytes that may still come.
    left: u64,
    limits: Limits,
    /// What is left of the wait that the peer has for its next [`Limits::body_bytes`].
    wait: Duration,
    /// Bytes since that wait began.
    since: u64,
    /// The client waits for leave to send, which reading would give it.
    waits_for_leave: bool,
    ended: bool,
}

/// Why no more of a body comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UploadError {
    /// More than [`Limits::request_bytes`].
    TooLarge,
    /// Slower than [`Limits::body_bytes`] in [`Limits::body_wait`].
    TooSlow,
    /// The connection broke, or its framing is wrong.
    Broken,
}

impl Upload {
    /// The body of a request with these headers.
    pub(crate) fn new(body: Body, headers: &HeaderMap, limits: &Limits) -> Self {
        let waits_for_leave =
            headers.get(EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        Self {
            ended: body.is_end_stream(),
            body,
            left: limits.request_bytes,
            limits: *limits,
            wait: limits.body_wait,
            since: 0,
            waits_for_leave,
        }
    }

    /// The next bytes, in the pieces in which they arrive; `None` at the end.
    ///
    /// Only the time that is spent waiting for the peer counts, so a slow disk of ours cuts nobody. Safe to cancel.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, UploadError> {
        self.waits_for_leave = false;
        loop {
            let began = Instant::now();
            let frame = tokio::time::timeout(self.wait, self.body.frame()).await;
            let Ok(frame) = frame else { return Err(UploadError::TooSlow) };
            let Some(frame) = frame else {
                self.ended = true;
                return Ok(None);
            };
            let frame = frame.map_err(|error| {
                tracing::debug!(%error, "a body broke off");
                self.ended = true;
                UploadError::Broken
            })?;
            // Trailers say nothing that we use.
            let Ok(bytes) = frame.into_data() else { continue };
            self.count(bytes.len() as u64, began.elapsed())?;
            if !bytes.is_empty() {
                return Ok(Some(bytes));
            }
        }
    }

    fn count(&mut self, bytes: u64, waited: Duration) -> Result<(), UploadError> {
        self.left = self.left.checked_sub(bytes).ok_or(UploadError::TooLarge)?;
        self.since = self.since.saturating_add(bytes);
        if self.since >= self.limits.body_bytes {
            self.since = 0;
            self.wait = self.limits.body_wait;
        } else {
            self.wait = self.wait.saturating_sub(waited);
        }
        metrics::counter!("overread_http_received_bytes_total").increment(bytes);
        Ok(())
    }

    /// Reads on and throws away, for a moment: a client that is cut while it sends may never see its answer.
    pub(crate) async fn drain(&mut self) {
        if self.ended || self.waits_for_leave {
            return;
        }
        self.ended = true;
        let until = Instant::now() + DRAIN;
        while Instant::now() < until {
            match tokio::time::timeout(DRAIN_PIECE, self.body.frame()).await {
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(_)) | None) | Err(_) => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;

    fn upload(body: Body, request_bytes: u64) -> Upload {
        let limits = Limits {
            request_bytes,
            body_wait: Duration::from_millis(200),
            body_bytes: 4,
            ..Limits::default()
        };
        Upload::new(body, &HeaderMap::new(), &limits)
    }

    fn every(pause: u64, pieces: usize) -> Body {
        Body::from_stream(futures::stream::iter(0..pieces).then(move |_| async move {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            Ok::<_, std::io::Error>(Bytes::from_static(b"ab"))
        }))
    }

    async fn whole(mut upload: Upload) -> Result<usize, UploadError> {
        let mut length = 0;
        while let Some(bytes) = upload.next().await? {
            length += bytes.len();
        }
        Ok(length)
    }

    #[tokio::test]
    async fn stow_039_limits() {
        assert_eq!(whole(upload(Body::from("abcdef"), 6)).await, Ok(6));
        assert_eq!(whole(upload(Body::from("abcdef"), 5)).await, Err(UploadError::TooLarge));
        assert_eq!(whole(upload(Body::empty(), 0)).await, Ok(0));
    }

    #[tokio::test]
    async fn slow_bodies_are_cut_and_steady_ones_are_not() {
        // Four bytes in each 200 ms are asked for.
        assert_eq!(whole(upload(every(20, 20), 1_000)).await, Ok(40));
        assert_eq!(whole(upload(every(150, 20), 1_000)).await, Err(UploadError::TooSlow));
        assert_eq!(whole(upload(every(1_000, 1), 1_000)).await, Err(UploadError::TooSlow));
    }
}
