//! Answers of text in fewer bytes: gzip or zstd, where the client takes it (RFC 9110 8.4 and 12.5.3).

use std::io::{self, Write};

use archive::ReadError;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use flate2::write::GzEncoder;
use futures::StreamExt;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use http::{HeaderMap, HeaderValue};

use crate::outgoing::{Outgoing, Pieces, Segment};

/// An answer below this many bytes is sent as it is: a packet holds it anyway.
const SMALL: usize = 1_400;
/// One that is longer is encoded off the async threads.
const SHORT: usize = 32 << 10;
/// The fastest: metadata shrinks to a tenth by any.
const LEVEL: i32 = 1;

/// How an answer is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Identity,
    Gzip,
    Zstd,
}

impl Coding {
    /// What the client likes best; of equals zstd, then gzip.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
        let named: Vec<(&str, u16)> = values.flat_map(|list| list.split(',')).filter_map(weighted).collect();
        let weight = |names: &[&str]| {
            let of = |wanted: &str| named.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            names.iter().find_map(|name| of(name)).or_else(|| of("*")).map_or(0, |(_, weight)| *weight)
        };
        let identity = named.iter().find(|(name, _)| name.eq_ignore_ascii_case("identity"));
        let mut best = (Coding::Identity, identity.map_or(0, |(_, weight)| *weight));
        for (coding, names) in [(Coding::Gzip, &["gzip", "x-gzip"][..]), (Coding::Zstd, &["zstd"])] {
            let weight = weight(names);
            if weight > 0 && weight >= best.1 {
                best = (coding, weight);
            }
        }
        best.0
    }

    /// Its name in headers; `None` for none.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Coding::Identity => None,
            Coding::Gzip => Some("gzip"),
            Coding::Zstd => Some("zstd"),
        }
    }

    /// What is the same for an answer of this length: short ones are sent as they are.
    pub(crate) fn for_length(self, length: usize) -> Self {
        if length < SMALL { Coding::Identity } else { self }
    }

    /// The body of an answer that is there already.
    ///
    /// # Errors
    /// [`ReadError::Storage`] when it cannot be encoded.
    pub(crate) async fn whole(self, bytes: Vec<u8>) -> Result<Body, ReadError> {
        let Some(mut encoder) = Encoder::new(self).map_err(storage)? else { return Ok(Body::from(bytes)) };
        let short = bytes.len() <= SHORT;
        let encode = move || {
            encoder.push(&bytes)?;
            encoder.finish()
        };
        let encoded = if short { encode() } else { away(encode).await? };
        Ok(Body::from(encoded.map_err(storage)?))
    }

    /// The body of an answer that comes in pieces.
    ///
    /// # Errors
    /// [`ReadError::Storage`] when it cannot be encoded.
    pub(crate) fn pieces(self, pieces: Pieces) -> Result<Body, ReadError> {
        let pieces = match Encoder::new(self).map_err(storage)? {
            None => pieces,
            Some(encoder) => encoded(pieces, encoder),
        };
        Ok(Outgoing::new([Segment::Pieces(pieces)], None).into_body())
    }

    /// Says of an answer how it is encoded.
    pub(crate) fn mark(self, response: &mut Response) {
        if let Some(name) = self.name() {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(name));
        }
    }
}

/// `gzip;q=0.5` as a name and a weight in thousandths; `None` for what makes no sense.
fn weighted(element: &str) -> Option<(&str, u16)> {
    let mut parts = element.split(';').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?;
    let weight = match parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="))) {
        None => 1.0,
        Some(text) => text.parse::<f32>().ok().filter(|weight| (0.0..=1.0).contains(weight))?,
    };
    // Within 0 to 1000.
    Some((name, (weight * 1_000.0) as u16))
}

/// An encoder that writes into memory, and what it has written.
enum Encoder {
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Encoder {
    fn new(coding: Coding) -> io::Result<Option<Self>> {
        Ok(match coding {
            Coding::Identity => None,
            Coding::Gzip => {
                Some(Self::Gzip(GzEncoder::new(Vec::new(), flate2::Compression::new(LEVEL as u32))))
            }
            Coding::Zstd => Some(Self::Zstd(zstd::stream::write::Encoder::new(Vec::new(), LEVEL)?)),
        })
    }

    fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Gzip(encoder) => encoder.write_all(bytes),
            Self::Zstd(encoder) => encoder.write_all(bytes),
        }
    }

    /// Takes what has been written so far.
    fn take(&mut self) -> Vec<u8> {
        match self {
            Self::Gzip(encoder) => std::mem::take(encoder.get_mut()),
            Self::Zstd(encoder) => std::mem::take(encoder.get_mut()),
        }
    }

    fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

/// Encodes pieces as they come. Nothing is flushed in between: a piece is far larger than what an encoder holds.
fn encoded(pieces: Pieces, encoder: Encoder) -> Pieces {
    let state = (pieces, Some(encoder));
    let encoded = futures::stream::try_unfold(state, |(mut pieces, encoder)| async move {
        let Some(mut encoder) = encoder else { return Ok(None) };
        let piece = pieces.next().await.transpose()?;
        let step = away(move || match piece {
            Some(piece) => {
                encoder.push(&piece)?;
                Ok((encoder.take(), Some(encoder)))
            }
            None => Ok((encoder.finish()?, None)),
        });
        let (bytes, encoder) = step.await?.map_err(storage)?;
        Ok(Some((Bytes::from(bytes), (pieces, encoder))))
    });
    encoded.boxed()
}

async fn away<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ReadError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| ReadError::Storage(error.to_string()))
}

fn storage(error: io::Error) -> ReadError {
    ReadError::Storage(error.to_string())
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[test]
    fn what_clients_take() {
        for (header, expected) in [
            ("", Coding::Identity),
            ("gzip", Coding::Gzip),
            ("x-gzip", Coding::Gzip),
            ("gzip, deflate", Coding::Gzip),
            ("GZIP, deflate, br, zstd", Coding::Zstd),
            ("zstd;q=0.5, gzip", Coding::Gzip),
            ("zstd;q=0.5, gzip;q=0.4", Coding::Zstd),
            ("zstd;q=0, gzip;q=0", Coding::Identity),
            ("*", Coding::Zstd),
            ("*, zstd;q=0", Coding::Gzip),
            ("*;q=0", Coding::Identity),
            ("identity, gzip;q=0.5", Coding::Identity),
            ("identity;q=0.5, gzip", Coding::Gzip),
            ("gzip;q=2, zstd;q=x", Coding::Identity),
            ("br", Coding::Identity),
            (";;,, ;q=1", Coding::Identity),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_str(header).expect("a value"));
            assert_eq!(Coding::of(&headers), expected, "{header}");
        }
        assert_eq!(Coding::of(&HeaderMap::new()), Coding::Identity);
        assert_eq!(Coding::Gzip.for_length(100), Coding::Identity);
        assert_eq!(Coding::Gzip.for_length(10_000), Coding::Gzip);
    }

    fn decoded(coding: Coding, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        match coding {
            Coding::Identity => out.extend_from_slice(bytes),
            Coding::Gzip => {
                flate2::write::GzDecoder::new(&mut out).write_all(bytes).expect("gzip");
            }
            Coding::Zstd => out = zstd::decode_all(bytes).expect("zstd"),
        }
        out
    }

    #[tokio::test]
    async fn what_goes_in_comes_out() {
        let text = "{\"00100020\":{\"vr\":\"LO\"}},".repeat(40_000).into_bytes();
        for coding in [Coding::Identity, Coding::Gzip, Coding::Zstd] {
            for length in [0, 10_000, text.len()] {
                let whole = coding.whole(text[..length].to_vec()).await.expect("encoded");
                let bytes = whole.collect().await.expect("a body").to_bytes();
                assert_eq!(decoded(coding, &bytes), &text[..length]);
                assert!(coding == Coding::Identity || length == 0 || bytes.len() * 5 < length);
            }
            let pieces: Vec<_> =
                text.chunks(100_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
            let body = coding.pieces(futures::stream::iter(pieces).boxed()).expect("a body");
            assert_eq!(decoded(coding, &body.collect().await.expect("a body").to_bytes()), text);
        }
        let broken = futures::stream::iter([Ok(Bytes::from(text)), Err(ReadError::Damaged("x".into()))]);
        assert!(Coding::Zstd.pieces(broken.boxed()).expect("a body").collect().await.is_err());
    }
}
