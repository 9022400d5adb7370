//! A server on a loopback port over an archive in a temporary folder, and a small client.
#![allow(dead_code, missing_docs, clippy::unwrap_used)] // not every test file uses all of it

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use access::Principal;
use archive::Archive;
use blob::Blobs;
use bytes::{Buf, Bytes};
use dimse::command::{Message, Operation, Response, Store};
use dimse::negotiate::{Proposal, ProposedContext};
use dimse::{Association, Event, Implementation, Limits, Reject, Rejection, Timers};
use index::SqliteIndex;
use model::transfer_syntax::{EXPLICIT_LE, IMPLICIT_LE, Syntax};
use scp::{Admission, Call, Config, Scp};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
pub const MR: &str = "1.2.840.10008.5.1.4.1.1.4";
pub const VERIFICATION: &str = "1.2.840.10008.1.1";

pub struct Bench {
    pub folder: TempDir,
    pub archive: Archive,
    pub scp: Scp,
    pub address: SocketAddr,
}

impl Bench {
    pub async fn new() -> Self {
        Self::with(Config::default(), None).await
    }

    pub async fn with(config: Config, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let folder = TempDir::new().unwrap();
        let (blobs, left) = Blobs::open(folder.path(), blob::Limits::default()).unwrap();
        let index = SqliteIndex::open(&folder.path().join("overread.db"), index::Config::default()).unwrap();
        let (archive, _) =
            Archive::open(archive::Config::default(), blobs, left, Arc::new(index)).await.unwrap();
        let scp = Scp::new(config, archive.clone(), callers, Arc::new(audit::Unrecorded));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = scp.clone();
        tokio::spawn(async move { serving.listen(listener, tls).await });
        Self { folder, archive, scp, address }
    }

    pub async fn connect(&self) -> Client<TcpStream> {
        self.client(&[(VERIFICATION, &[IMPLICIT_LE]), (CT, &[EXPLICIT_LE])]).await
    }

    pub async fn client(&self, contexts: &[(&str, &[Syntax])]) -> Client<TcpStream> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        Client::open(stream, proposal("OVERREAD", "CT1", contexts)).await.unwrap()
    }

    pub async fn held(&self) -> u64 {
        self.archive.totals().await.unwrap().instances
    }
}

/// Lets everybody in but what tests want refused.
fn callers(call: &Call<'_>) -> Result<Admission, Reject> {
    if call.called.as_str() != "OVERREAD" {
        return Err(Reject::CalledAeTitleNotRecognized);
    }
    if call.calling.as_str() == "STRANGER" {
        return Err(Reject::CallingAeTitleNotRecognized);
    }
    if call.tls && call.certificate.is_none() {
        return Err(Reject::NoReason);
    }
    Ok(Principal::loopback().into())
}

pub fn proposal(called: &str, calling: &str, contexts: &[(&str, &[Syntax])]) -> Proposal {
    let context = |(class, syntaxes): &(&str, &[Syntax])| ProposedContext {
        abstract_syntax: (*class).to_owned(),
        transfer_syntaxes: syntaxes.to_vec(),
    };
    Proposal {
        called: called.parse().unwrap(),
        calling: calling.parse().unwrap(),
        contexts: contexts.iter().map(context).collect(),
        roles: Vec::new(),
        identity: None,
    }
}

/// A requestor over any stream.
pub struct Client<S> {
    pub stream: S,
    pub association: Association,
}

#[derive(Debug)]
pub enum Failed {
    Rejected(Rejection),
    Ended(Event),
    Closed,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub async fn open(stream: S, proposal: Proposal) -> Result<Self, Failed> {
        let ours = Implementation { class: "1.2.3", version: "TEST" };
        let association =
            Association::requestor(Limits::default(), Timers::default(), ours, proposal, Instant::now());
        let mut client = Self { stream, association: association.unwrap() };
        match client.next().await {
            Some(Event::Accepted) => Ok(client),
            Some(Event::Rejected(rejection)) => Err(Failed::Rejected(rejection)),
            Some(other) => Err(Failed::Ended(other)),
            None => Err(Failed::Closed),
        }
    }

    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.association.poll(Instant::now()) {
                return Some(event);
            }
            if self.flush().await.is_err() {
                return self.association.lost();
            }
            if self.association.is_closed() {
                return None;
            }
            let read = self.stream.read_buf(self.association.input());
            match tokio::time::timeout(Duration::from_secs(20), read).await.unwrap() {
                Ok(0) | Err(_) => return self.association.lost(),
                Ok(_) => {}
            }
        }
    }

    pub async fn flush(&mut self) -> io::Result<()> {
        let output = self.association.output();
        while output.has_remaining() {
            self.stream.write_buf(output).await?;
        }
        self.stream.flush().await
    }

    pub async fn response(&mut self) -> Response {
        match self.next().await {
            Some(Event::Message(_, Message::Response(response, _))) => response,
            other => panic!("no response but {other:?}"),
        }
    }

    pub async fn echo(&mut self) -> u16 {
        self.association.command(1, &dimse::command::Echo::write(5)).unwrap();
        self.response().await.status.0
    }

    /// Stores on the context whose id is given; the status.
    pub async fn store_on(&mut self, id: u8, class: &str, instance: &str, data: &[u8]) -> u16 {
        self.begin(id, class, instance);
        self.association.data(id, Bytes::copy_from_slice(data), true).unwrap();
        let response = self.response().await;
        assert_eq!(response.operation(), Some(Operation::CStore));
        response.status.0
    }

    pub async fn store(&mut self, instance: &testkit::Instance) -> u16 {
        self.store_on(3, CT, &instance.sop_instance, &instance.data_set()).await
    }

    pub fn begin(&mut self, id: u8, class: &str, instance: &str) {
        let store = Store {
            message_id: 1,
            sop_class: Ok(class.parse().unwrap()),
            sop_instance: Ok(instance.parse().unwrap()),
            priority: 0,
            move_originator: None,
        };
        self.association.command(id, &store.write()).unwrap();
    }

    pub async fn release(mut self) {
        self.association.release(Instant::now());
        assert!(matches!(self.next().await, Some(Event::Released)));
    }
}
