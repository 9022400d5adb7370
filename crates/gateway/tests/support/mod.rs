//! A gateway over an archive in a temporary folder, and requests as raw bytes.
#![allow(dead_code, missing_docs)] // not every test file uses all of it

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use access::{CustodianId, Door, Principal, Reach, Rights};
use archive::Archive;
use axum::Router;
use gateway::{Authenticate, Config, Gateway, Peer, Unauthenticated};
use http::HeaderMap;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Tokens that the tests know: everything, storing only, reading another custodian only.
struct Tokens;

#[async_trait::async_trait]
impl Authenticate for Tokens {
    async fn authenticate(&self, headers: &HeaderMap, _: &Peer) -> Result<Principal, Unauthenticated> {
        let Some(value) = headers.get("authorization") else { return Err(Unauthenticated::Missing) };
        let local = CustodianId::local();
        let principal = |name, rights, reach| Principal::new(Door::Token, name, local.clone(), rights, reach);
        match value.to_str().unwrap_or("") {
            "Bearer all" => Ok(principal("all", Rights::ALL, Reach::Everything)),
            "Bearer store" => Ok(principal("store", Rights::STORE_ONLY, Reach::Everything)),
            "Bearer read" => {
                let reach = Reach::custodians(vec![local.clone()]);
                Ok(principal(
                    "read",
                    Rights { store: false, read: true, remove: false, administer: false },
                    reach,
                ))
            }
            "Bearer foreign" => {
                let reach = Reach::custodians(vec!["elsewhere".parse().expect("a custodian")]);
                Ok(principal("foreign", Rights::STORE_AND_READ, reach))
            }
            _ => Err(Unauthenticated::Invalid),
        }
    }
}

pub struct Bench {
    pub folder: TempDir,
    pub archive: Archive,
    pub address: SocketAddr,
    pub stop: CancellationToken,
    pub serving: JoinHandle<()>,
}

impl Bench {
    pub async fn new() -> Self {
        Self::with(Config::default(), None).await
    }

    pub async fn with(config: Config, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        Self::with_pages(config, tls, Router::new()).await
    }

    pub async fn with_pages(config: Config, tls: Option<Arc<rustls::ServerConfig>>, pages: Router) -> Self {
        let folder = TempDir::new().expect("a folder");
        let (blobs, left) = blob::Blobs::open(folder.path(), blob::Limits::default()).expect("blobs");
        let index = index::SqliteIndex::open(&folder.path().join("overread.db"), index::Config::default());
        let index: Arc<dyn index::Index> = Arc::new(index.expect("an index"));
        let opened = Archive::open(archive::Config::default(), blobs, left, index).await;
        let (archive, _) = opened.expect("an archive");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let address = listener.local_addr().expect("an address");
        let stop = CancellationToken::new();
        let gateway = Gateway::new(archive.clone(), Arc::new(Tokens), config)
            .expect("a base URL")
            .with_pages(pages)
            .with_metrics(Arc::new(|| "some_metric 1\n".to_owned()));
        let serving = tokio::spawn(gateway.serve(listener, tls, stop.clone()));
        Self { folder, archive, address, stop, serving }
    }

    pub fn base(&self) -> String {
        format!("http://{}/dicom-web", self.address)
    }

    /// A request with a token that may do everything, on a connection of its own.
    pub async fn send(&self, method: &str, path: &str, fields: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut all = vec![("authorization", "Bearer all")];
        all.extend_from_slice(fields);
        self.send_bare(method, path, &all, body).await
    }

    /// The same without the token.
    pub async fn send_bare(&self, method: &str, path: &str, fields: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", self.address);
        for (name, value) in fields {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            request.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        let mut bytes = request.into_bytes();
        bytes.extend_from_slice(body);
        Answer::read(&self.raw(&bytes).await)
    }

    pub async fn get(&self, path: &str, accept: &str) -> Answer {
        self.send("GET", path, &[("accept", accept)], b"").await
    }

    /// What comes back for these bytes until the connection ends, within 20 s.
    pub async fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address).await.expect("a connection");
        let _ = stream.write_all(bytes).await;
        let mut got = Vec::new();
        let read = async {
            let mut piece = [0; 65_536];
            while let Ok(length) = stream.read(&mut piece).await {
                if length == 0 {
                    break;
                }
                got.extend_from_slice(&piece[..length]);
            }
        };
        tokio::time::timeout(Duration::from_secs(20), read).await.expect("an end");
        got
    }

    pub async fn store(&self, files: &[Vec<u8>]) -> Answer {
        self.send("POST", "/dicom-web/studies", &[("content-type", RELATED)], &related(files)).await
    }

    /// Every file below a folder of the archive.
    pub fn files(&self, below: &str) -> Vec<PathBuf> {
        fn walk(path: PathBuf, out: &mut Vec<PathBuf>) {
            match std::fs::read_dir(&path) {
                Ok(entries) => entries.flatten().for_each(|entry| walk(entry.path(), out)),
                Err(_) => out.push(path),
            }
        }
        let mut out = Vec::new();
        walk(self.folder.path().join(below), &mut out);
        out
    }
}

pub const RELATED: &str = "multipart/related; type=\"application/dicom\"; boundary=BOUNDARY";

pub fn related(files: &[Vec<u8>]) -> Vec<u8> {
    let mut body = Vec::new();
    for file in files {
        body.extend_from_slice(b"--BOUNDARY\r\nContent-Type: application/dicom\r\n\r\n");
        body.extend_from_slice(file);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--BOUNDARY--\r\n");
    body
}

/// An answer, its chunks joined.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The body came to the end that its framing announces.
    pub whole: bool,
}

impl Answer {
    pub fn read(bytes: &[u8]) -> Self {
        let end = bytes
            .windows(4)
            .position(|w| w == b"\r\n\r\n")
            .unwrap_or_else(|| panic!("no head in {}", bytes.escape_ascii()));
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
        let fields: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut answer =
            Self { status: status.expect("a status"), fields, body: bytes[end + 4..].to_vec(), whole: true };
        if answer.field("transfer-encoding") == Some("chunked") {
            answer.join();
        } else if let Some(length) = answer.field("content-length").and_then(|l| l.parse::<usize>().ok()) {
            answer.whole = answer.body.len() == length;
        }
        answer
    }

    fn join(&mut self) {
        let mut rest = std::mem::take(&mut self.body);
        self.whole = false;
        while let Some(at) = rest.windows(2).position(|w| w == b"\r\n") {
            let size =
                usize::from_str_radix(&String::from_utf8_lossy(&rest[..at]), 16).expect("a chunk size");
            if size == 0 {
                self.whole = true;
                return;
            }
            let end = (at + 2 + size).min(rest.len());
            self.body.extend_from_slice(&rest[at + 2..end]);
            rest.drain(..(end + 2).min(rest.len()));
        }
    }

    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}
