//! Bodies that stream out of the archive, in the large pieces in which they are read.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use archive::ReadError;
use axum::body::Body;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use http::HeaderValue;
use http_body::{Frame, SizeHint};

/// Verified bytes of the archive, piece by piece.
pub(crate) type Pieces = BoxStream<'static, Result<Bytes, ReadError>>;

/// A body of pieces. When reading fails the connection is aborted: no final chunk, no closing delimiter, a reset
/// stream; whoever receives it can tell that it is not whole.
pub(crate) struct Outgoing {
    segments: VecDeque<Segment>,
    left: Option<u64>,
}

/// A stretch of a body.
pub(crate) enum Segment {
    /// Bytes that are there already: a part's head, a delimiter.
    Bytes(Bytes),
    /// Bytes to be read.
    Pieces(Pieces),
}

impl Outgoing {
    /// The segments one after the other. `length` is the sum of their bytes, where that is known.
    pub(crate) fn new(segments: impl IntoIterator<Item = Segment>, length: Option<u64>) -> Self {
        Self { segments: segments.into_iter().collect(), left: length }
    }

    /// As a body of an answer.
    pub(crate) fn into_body(self) -> Body {
        Body::new(self)
    }
}

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = ReadError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ReadError>>> {
        loop {
            let piece = match self.segments.front_mut() {
                None => return Poll::Ready(self.end()),
                Some(Segment::Bytes(bytes)) => Some(Ok(std::mem::take(bytes))),
                Some(Segment::Pieces(pieces)) => ready!(pieces.poll_next_unpin(cx)),
            };
            if !matches!(self.segments.front(), Some(Segment::Pieces(_))) || piece.is_none() {
                self.segments.pop_front();
            }
            match piece {
                None => {}
                Some(Ok(bytes)) if bytes.is_empty() => {}
                Some(Ok(bytes)) => return Poll::Ready(Some(self.give(bytes).map(Frame::data))),
                Some(Err(error)) => {
                    self.segments.clear();
                    return Poll::Ready(Some(Err(aborted(error))));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.segments.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

impl Outgoing {
    /// Never more than was announced.
    fn give(&mut self, bytes: Bytes) -> Result<Bytes, ReadError> {
        if let Some(left) = &mut self.left {
            let Some(rest) = left.checked_sub(bytes.len() as u64) else {
                self.segments.clear();
                return Err(aborted(ReadError::Damaged("more bytes than the index says".into())));
            };
            *left = rest;
        }
        metrics::counter!("overread_http_sent_bytes_total").increment(bytes.len() as u64);
        Ok(bytes)
    }

    /// The end, which is an error when less came than was announced.
    fn end(&mut self) -> Option<Result<Frame<Bytes>, ReadError>> {
        match self.left.take() {
            None | Some(0) => None,
            Some(left) => {
                Some(Err(aborted(ReadError::Damaged(format!("{left} bytes fewer than the index says")))))
            }
        }
    }
}

fn aborted(error: ReadError) -> ReadError {
    let kind = match error {
        ReadError::Gone(_) | ReadError::Changed(_) => {
            tracing::warn!(%error, "an answer was cut: what it gives is not there any more");
            "answer_gone"
        }
        _ => {
            tracing::error!(%error, "an answer was cut: its bytes cannot be read");
            "answer_cut"
        }
    };
    metrics::counter!("overread_errors_total", "door" => "http", "kind" => kind).increment(1);
    error
}

/// The same pieces, when the first of them can be read: before that an answer can still be an error.
pub(crate) async fn begun(mut pieces: Pieces) -> Result<Pieces, ReadError> {
    use futures::StreamExt;
    let first = pieces.next().await.transpose()?;
    Ok(futures::stream::iter(first.map(Ok)).chain(pieces).boxed())
}

/// The bytes from `first` up to and with `last` of a stream.
pub(crate) fn cut(pieces: Pieces, first: u64, last: u64) -> Pieces {
    let mut at = 0u64;
    let end = last.saturating_add(1);
    pieces
        .map(move |piece| {
            piece.map(|bytes| {
                let length = bytes.len() as u64;
                let from = first.saturating_sub(at).min(length);
                let to = end.saturating_sub(at).min(length).max(from);
                at = at.saturating_add(length);
                // Both are at most the piece's length, which is a usize.
                bytes.slice(from as usize..to as usize)
            })
        })
        .scan(0u64, move |given, piece| {
            let wanted = end - first;
            if *given >= wanted {
                return std::future::ready(None);
            }
            if let Ok(bytes) = &piece {
                *given += bytes.len() as u64;
            }
            std::future::ready(Some(piece))
        })
        .boxed()
}

/// A length as the value of `Content-Length`.
pub(crate) fn content_length(length: u64) -> HeaderValue {
    HeaderValue::from(length)
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    fn pieces(texts: &[&'static str]) -> Pieces {
        futures::stream::iter(texts.iter().map(|t| Ok(Bytes::from_static(t.as_bytes()))).collect::<Vec<_>>())
            .boxed()
    }

    #[tokio::test]
    async fn segments_in_order_and_as_long_as_announced() {
        for (length, whole) in [(None, true), (Some(9), true), (Some(8), false), (Some(10), false)] {
            let segments = [
                Segment::Bytes(Bytes::from_static(b"ab")),
                Segment::Pieces(pieces(&["cd", "", "ef"])),
                Segment::Bytes(Bytes::new()),
                Segment::Pieces(pieces(&[])),
                Segment::Bytes(Bytes::from_static(b"ghi")),
            ];
            let body = Outgoing::new(segments, length).collect().await;
            assert_eq!(body.is_ok(), whole, "{length:?}");
            if let Ok(body) = body {
                assert_eq!(body.to_bytes(), "abcdefghi");
            }
        }
    }

    #[tokio::test]
    async fn an_error_ends_it() {
        let broken =
            futures::stream::iter([Ok(Bytes::from_static(b"ab")), Err(ReadError::Damaged("x".into()))]);
        let mut body =
            Outgoing::new([Segment::Pieces(broken.boxed()), Segment::Bytes(Bytes::from_static(b"cd"))], None);
        assert!(body.frame().await.is_some_and(|frame| frame.is_ok()));
        assert!(body.frame().await.is_some_and(|frame| frame.is_err()));
        assert!(body.frame().await.is_none());
    }

    #[tokio::test]
    async fn wado_039_cuts() {
        for (first, last, expected) in
            [(0, 5, "abcdef"), (0, 0, "a"), (1, 2, "bc"), (2, 3, "cd"), (5, 5, "f"), (3, 100, "def")]
        {
            let cut: Vec<_> = cut(pieces(&["ab", "cd", "ef"]), first, last).collect().await;
            let text: Vec<u8> = cut.into_iter().flat_map(|piece| piece.expect("a piece").to_vec()).collect();
            assert_eq!(String::from_utf8_lossy(&text), expected, "{first} {last}");
        }
    }
}
