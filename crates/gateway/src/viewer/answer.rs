//! A file as an answer: compressed where that helps, with an entity tag, and for good where its name has a digest.

use std::io::{self, Read, Write};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    ETAG, VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use sha2::{Digest, Sha256};

use super::files::File;
use super::{policy, relocate};
use crate::conditional::Tag;
use crate::refusal::Refusal;

/// Larger files are neither changed nor compressed, but read as they are sent.
const LARGEST_HELD: u64 = 24 << 20;
/// How much of a larger file is read at a time.
const PIECE: usize = 256 << 10;

/// What is kept of a file once it was asked for. Of OHIF this is some 12 MiB when all of it was.
pub(super) struct Held {
    digest: [u8; 32],
    /// The whole text, moved below the prefix; of other kinds nothing is kept.
    gzip: Option<Bytes>,
    /// Whether the bytes are those of the disk.
    as_on_disk: bool,
    /// The content security policy of a page.
    policy: Option<String>,
}

/// The settings that we make.
pub(super) fn settings(request: &HeaderMap, script: &str) -> Response {
    let tag = Tag::of(script.as_bytes(), "viewer");
    if tag.is_known_by(request) {
        return not_modified(&tag);
    }
    let mut response = script.to_owned().into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(ETAG, tag.header());
    response
}

/// A file of the viewer, moved below `prefix`.
pub(super) async fn file(file: &File, request: &HeaderMap, prefix: &str) -> Response {
    match answer(file, request, prefix).await {
        Ok(response) => response,
        Err(error) => {
            tracing::error!(%error, file = file.name, "a file of the viewer cannot be read");
            Refusal::unavailable("A file of the viewer cannot be read.").into_response()
        }
    }
}

async fn answer(file: &File, request: &HeaderMap, prefix: &str) -> io::Result<Response> {
    let held = file.held.get_or_try_init(|| hold(file, prefix)).await?;
    let compressed = held.gzip.is_some() && takes_gzip(request);
    let tag = Tag::of(&held.digest, if compressed { "viewer gzip" } else { "viewer" });
    let mut response = if tag.is_known_by(request) {
        not_modified(&tag)
    } else {
        let (body, length) = match &held.gzip {
            Some(gzip) if compressed => (Body::from(gzip.clone()), gzip.len() as u64),
            Some(gzip) => {
                let text = expand(gzip.clone()).await?;
                let length = text.len() as u64;
                (Body::from(text), length)
            }
            None => (stream(file).await?, file.length),
        };
        let mut response = Response::new(body);
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
        if compressed {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    };
    let headers = response.headers_mut();
    // What we change may be changed otherwise by a later version of us, under the same name.
    let for_good = file.has_digest() && held.as_on_disk;
    let caching = if for_good { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(file.media_type()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    headers.insert(ETAG, tag.header());
    if let Some(policy) = held.policy.as_deref().and_then(|policy| HeaderValue::from_str(policy).ok()) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    Ok(response)
}

fn not_modified(tag: &Tag) -> Response {
    let mut response = StatusCode::NOT_MODIFIED.into_response();
    response.headers_mut().insert(ETAG, tag.header());
    response
}

/// Whether gzip may be sent: named, or meant by `*`, and not with a weight of nothing (RFC 9110 12.5.3).
fn takes_gzip(request: &HeaderMap) -> bool {
    let codings = request.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let mut any = false;
    for coding in codings.flat_map(|list| list.split(',')) {
        let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = parameters.trim().strip_prefix("q=").and_then(|q| q.trim().parse::<f32>().ok());
        let wanted = weight.is_none_or(|weight| weight > 0.0);
        match name.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => return wanted,
            "*" => any = wanted,
            _ => {}
        }
    }
    any
}

async fn hold(file: &File, prefix: &str) -> io::Result<Held> {
    let (path, length, name) = (file.path.clone(), file.length, file.name.clone());
    let compressible = !matches!(
        file.media_type(),
        "image/png" | "image/jpeg" | "image/gif" | "image/webp" | "font/woff" | "font/woff2"
    );
    let prefix = prefix.to_owned();
    blocking(move || {
        let source = open(&path)?;
        if length > LARGEST_HELD || !compressible {
            return digest_of(source).map(|digest| Held {
                digest,
                gzip: None,
                as_on_disk: true,
                policy: None,
            });
        }
        let mut bytes = Vec::new();
        source.take(LARGEST_HELD).read_to_end(&mut bytes)?;
        let ending = name.rsplit('.').next().unwrap_or_default();
        let mut policy = None;
        let moved = match std::str::from_utf8(&bytes) {
            Err(_) => None,
            Ok(text) => {
                let moved = relocate::relocate(ending, text, &prefix);
                policy = (ending == "html").then(|| policy::of_page(&moved));
                (*moved != *text).then(|| moved.into_owned().into_bytes())
            }
        };
        let as_on_disk = moved.is_none();
        let bytes = moved.unwrap_or(bytes);
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&bytes)?;
        let gzip = Some(Bytes::from(encoder.finish()?));
        Ok(Held { digest: Sha256::digest(&bytes).into(), gzip, as_on_disk, policy })
    })
    .await
}

async fn expand(gzip: Bytes) -> io::Result<Vec<u8>> {
    blocking(move || {
        let mut text = Vec::new();
        GzDecoder::new(gzip.as_ref()).read_to_end(&mut text)?;
        Ok(text)
    })
    .await
}

async fn stream(file: &File) -> io::Result<Body> {
    let path = file.path.clone();
    let source = blocking(move || open(&path)).await?;
    let left = file.length;
    Ok(Body::from_stream(futures::stream::try_unfold((source, left), |(mut source, left)| async move {
        if left == 0 {
            return Ok::<_, io::Error>(None);
        }
        let (source, piece) = blocking(move || {
            let mut piece = vec![0; PIECE.min(usize::try_from(left).unwrap_or(PIECE))];
            source.read_exact(&mut piece)?;
            Ok((source, piece))
        })
        .await?;
        let left = left - piece.len() as u64;
        Ok(Some((Bytes::from(piece), (source, left))))
    })))
}

/// The file as it was listed: a link that took its place since is not followed.
fn open(path: &std::path::Path) -> io::Result<std::fs::File> {
    if !std::fs::symlink_metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file any more"));
    }
    std::fs::File::open(path)
}

fn digest_of(mut source: std::fs::File) -> io::Result<[u8; 32]> {
    let mut digest = Sha256::new();
    let mut piece = vec![0; PIECE];
    loop {
        let length = source.read(&mut piece)?;
        if length == 0 {
            return Ok(digest.finalize().into());
        }
        digest.update(piece.get(..length).unwrap_or_default());
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}
