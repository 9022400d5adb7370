//! A storage SCP on a loopback port, made of the other end of `dimse`, that does what a test tells it to.
#![allow(dead_code, missing_docs, clippy::unwrap_used)] // not every test file uses all of it

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use bytes::Buf;
use dimse::command::{Message, Request, Response, Store};
use dimse::negotiate::{Catalogue, Extended, Offer, Preference};
use dimse::pdu::RequestorRoles;
use dimse::{Association, Event, Implementation, Limits, Reject, Status, Timers};
use model::transfer_syntax::Syntax;
use model::{AeTitle, SopClassUid};
use tempfile::TempDir;
use testkit::Instance;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use transfer::{Delivery, Destination, Outgoing, Route, Sent};

pub const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
pub const MR: &str = "1.2.840.10008.5.1.4.1.1.4";
pub const JLS: &str = "1.2.840.10008.1.2.4.80";

/// What the peer does with an instance.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    Answer(u16),
    /// In two pieces, with Nagle's algorithm on.
    AnswerInPieces,
    /// With an Error Comment.
    Explain(u16, &'static str),
    /// A-ABORT as soon as the command is there.
    AbortAtOnce,
    /// A-ABORT after the data set.
    Abort,
    /// Closes the connection after the data set.
    Close,
    /// Answers, then closes.
    AnswerAndClose,
    /// Answers, then releases.
    AnswerAndRelease,
    /// Answers as if another message had been meant.
    AnswerAnother,
    Silence,
    /// Reads no more once the command is there.
    Deaf,
}

/// By association and instance, both from 0.
pub type Acts = fn(usize, usize) -> Act;

/// What the peer is like.
#[derive(Clone)]
pub struct Like {
    pub catalogue: Catalogue,
    pub limits: Limits,
    pub reject: Option<Reject>,
    pub act: Acts,
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

impl Default for Like {
    fn default() -> Self {
        Self {
            catalogue: Catalogue::default().with_storage([CT, MR]),
            limits: Limits::default(),
            reject: None,
            act: |_, _| Act::Answer(0),
            tls: None,
        }
    }
}

impl Like {
    /// Takes this class in these transfer syntaxes, and in Implicit LE, as everybody must.
    pub fn taking(class: &str, syntaxes: &[Syntax]) -> Self {
        let offer = Offer {
            preference: Preference::new(&[syntaxes]),
            roles: RequestorRoles { scu: true, scp: false },
            extended: Extended::None,
        };
        Self { catalogue: Catalogue::default().with([class], offer), ..Self::default() }
    }
}

/// One instance as it came.
#[derive(Clone, Debug)]
pub struct Got {
    pub association: usize,
    pub store: Store,
    pub syntax: &'static str,
    pub data: Vec<u8>,
    pub whole: bool,
}

#[derive(Debug, Default)]
pub struct Log {
    pub associations: usize,
    pub got: Vec<Got>,
    /// How associations ended, by their order.
    pub ends: Vec<String>,
    pub most_contexts: usize,
}

pub struct Peer {
    pub port: u16,
    log: Arc<Mutex<Log>>,
}

const THEIRS: Implementation = Implementation { class: "1.2.3.4", version: "PEER_1" };

impl Peer {
    pub async fn new(like: Like) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let log = Arc::new(Mutex::new(Log::default()));
        let kept = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let number = {
                    let mut log = kept.lock().unwrap();
                    log.associations += 1;
                    log.ends.push(String::new());
                    log.associations - 1
                };
                let (like, log) = (like.clone(), Arc::clone(&kept));
                tokio::spawn(async move {
                    let end = match &like.tls {
                        Some(tls) => match TlsAcceptor::from(Arc::clone(tls)).accept(tcp).await {
                            Ok(stream) => serve(stream, &like, number, &log).await,
                            Err(error) => Ok(format!("TLS: {error}")),
                        },
                        None => serve(tcp, &like, number, &log).await,
                    };
                    log.lock().unwrap().ends[number] = end.unwrap_or_else(|error| error.to_string());
                });
            }
        });
        Self { port, log }
    }

    pub fn route(&self) -> Route {
        Route {
            to: Destination { aet: title("PEER"), host: "127.0.0.1".to_owned(), port: self.port },
            calling: title("OURS"),
            tls: None,
            originator: None,
        }
    }

    pub fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap()
    }

    /// Waits until this association has ended, and says how.
    pub async fn end(&self, association: usize) -> String {
        for _ in 0..500 {
            let end = self.log().ends.get(association).cloned().unwrap_or_default();
            if !end.is_empty() {
                return end;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("association {association} goes on: {:?}", self.log());
    }
}

/// Serves one association; how it ended.
async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    like: &Like,
    number: usize,
    log: &Mutex<Log>,
) -> io::Result<String> {
    let mut association = Association::acceptor(like.limits, Timers::default(), THEIRS, Instant::now());
    let mut count = 0;
    let mut open: Option<(u8, Store, Act)> = None;
    loop {
        while let Some(event) = association.poll(Instant::now()) {
            match event {
                Event::Requested(request) => {
                    let mut log = log.lock().unwrap();
                    log.most_contexts = log.most_contexts.max(request.contexts.len());
                    match like.reject {
                        Some(reject) => association.reject(reject, Instant::now()),
                        None => {
                            assert!(association.accept(&request, &like.catalogue, None, Instant::now()));
                        }
                    }
                }
                Event::Message(context, Message::Request(Request::Store(store), _)) => {
                    let act = (like.act)(number, count);
                    count += 1;
                    match act {
                        Act::AbortAtOnce => {
                            association.abort(Instant::now());
                            stream.write_all_buf(association.output()).await?;
                            return Ok("aborted at once".to_owned());
                        }
                        Act::Deaf => {
                            tokio::time::sleep(std::time::Duration::from_secs(5)).await;
                            return Ok("deaf".to_owned());
                        }
                        _ => {}
                    }
                    let syntax = association.negotiated().context(context).unwrap().transfer_syntax.uid;
                    log.lock().unwrap().got.push(Got {
                        association: number,
                        store: store.clone(),
                        syntax,
                        data: Vec::new(),
                        whole: false,
                    });
                    open = Some((context, store, act));
                }
                Event::Data { bytes, last } => {
                    {
                        let mut log = log.lock().unwrap();
                        let got = log.got.iter_mut().rfind(|got| got.association == number).unwrap();
                        got.data.extend_from_slice(&bytes);
                        got.whole = last;
                    }
                    if !last {
                        continue;
                    }
                    let (context, store, act) = open.take().unwrap();
                    let mut answer = store.respond(Status(0));
                    match act {
                        Act::Answer(status) => answer.status = Status(status),
                        Act::Explain(status, why) => {
                            answer = Response { status: Status(status), ..answer.with_comment(why) };
                        }
                        Act::AnswerAnother => answer.message_id = answer.message_id.wrapping_add(7),
                        Act::Abort => {
                            association.abort(Instant::now());
                            stream.write_all_buf(association.output()).await?;
                            return Ok("aborted".to_owned());
                        }
                        Act::Close => return Ok("closed".to_owned()),
                        Act::Silence => continue,
                        _ => {}
                    }
                    association.respond(context, &answer).unwrap();
                    match act {
                        Act::AnswerInPieces => {
                            stream.write_all(&association.output().copy_to_bytes(6)).await?;
                        }
                        Act::AnswerAndClose => {
                            stream.write_all_buf(association.output()).await?;
                            return Ok("closed".to_owned());
                        }
                        Act::AnswerAndRelease => association.release(Instant::now()),
                        _ => {}
                    }
                }
                Event::Released => {
                    stream.write_all_buf(association.output()).await?;
                    return Ok("released".to_owned());
                }
                Event::Ended(end) => return Ok(end.to_string()),
                other => panic!("{other:?}"),
            }
        }
        while association.output().has_remaining() {
            stream.write_buf(association.output()).await?;
        }
        stream.flush().await?;
        if stream.read_buf(association.input()).await? == 0 {
            return Ok(association.lost().map_or("closed".to_owned(), |_| "lost".to_owned()));
        }
    }
}

pub fn title(text: &str) -> AeTitle {
    text.parse().unwrap()
}

pub fn class(text: &str) -> SopClassUid {
    text.parse().unwrap()
}

/// Files in a folder.
pub struct Files {
    pub folder: TempDir,
}

impl Files {
    pub fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    pub fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub fn outgoing(&self, name: &str, bytes: &[u8]) -> Outgoing {
        Outgoing::file(self.put(name, bytes)).unwrap()
    }

    /// Files of `count` small instances.
    pub fn several(&self, count: u32) -> Vec<Outgoing> {
        (1..=count).map(|n| self.outgoing(&format!("{n}.dcm"), &Instance::new(1, 1, n).part10())).collect()
    }
}

/// An instance of some size: rows and columns of 16 bits.
pub fn instance(number: u32, size: u16) -> Instance {
    Instance { size, ..Instance::new(1, 1, number) }
}

/// Sends everything, and what became of each.
pub async fn send(delivery: &mut Delivery, outgoing: impl IntoIterator<Item = Outgoing>) -> Vec<Sent> {
    for one in outgoing {
        delivery.push(one);
    }
    let mut all = Vec::new();
    while let Some(sent) = delivery.next(|_| {}).await.unwrap() {
        all.push(sent);
    }
    all
}

/// The results in words.
pub fn words(sent: &[Sent]) -> Vec<String> {
    sent.iter()
        .map(|sent| match &sent.result {
            Ok(delivered) => format!("{:?}", delivered.status),
            Err(error) => error.to_string(),
        })
        .collect()
}
