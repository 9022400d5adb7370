//! Connections: how long a peer may take, how many there may be, and how they end.
#![allow(missing_docs)]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use gateway::{Config, Limits};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use support::{Answer, Bench, RELATED, related};
use testkit::Instance;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn limited(limits: Limits) -> Config {
    Config { limits, ..Config::default() }
}

/// Seconds in tenths, short enough for a test.
fn tenths(count: u64) -> Duration {
    Duration::from_millis(100 * count)
}

#[tokio::test]
async fn silent_and_slow_peers_are_cut() {
    let limits = Limits { first_byte: tenths(3), head: tenths(6), idle: tenths(12), ..Limits::default() };
    let bench = Bench::with(limited(limits), None).await;
    for (what, sent, after) in [
        ("nothing", "", tenths(3)),
        ("half a head", "GET /healthz HTTP/1.1\r\nHost: x\r\n", tenths(6)),
        ("no HTTP/2 without TLS", "PRI * HTT", tenths(6)),
        ("one request and then nothing", "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", tenths(12)),
    ] {
        let began = Instant::now();
        bench.raw(sent.as_bytes()).await;
        let took = began.elapsed();
        assert!(took >= after - tenths(1) && took < after + tenths(20), "{what}: {took:?}");
    }
}

#[tokio::test]
async fn a_slow_body_is_cut_and_the_others_go_on() {
    let limits = Limits { body_wait: tenths(5), ..Limits::default() };
    let bench = Bench::with(limited(limits), None).await;
    let head = format!(
        "POST /dicom-web/studies HTTP/1.1\r\nhost: x\r\nauthorization: Bearer all\r\ncontent-type: {RELATED}\r\n\
         content-length: 100000\r\n\r\n--BOUNDARY\r\n"
    );
    let began = Instant::now();
    let answer = Answer::read(&bench.raw(head.as_bytes()).await);
    assert_eq!((answer.status, answer.field("connection")), (408, Some("close")), "{}", answer.text());
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(bench.store(&[Instance::new(1, 1, 1).part10()]).await.status, 200);
}

#[tokio::test]
async fn no_more_connections_than_there_may_be() {
    let bench = Bench::with(limited(Limits { connections: 3, ..Limits::default() }), None).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(TcpStream::connect(bench.address).await.expect("a connection"));
    }
    tokio::time::sleep(tenths(2)).await;
    let answer = bench.send_bare("GET", "/healthz", &[], b"").await;
    assert_eq!((answer.status, answer.field("retry-after")), (503, Some("5")), "{}", answer.text());
    drop(held);
    tokio::time::sleep(tenths(2)).await;
    assert_eq!(bench.send_bare("GET", "/healthz", &[], b"").await.status, 200);
}

#[tokio::test]
async fn framed_twice() {
    let bench = Bench::new().await;
    for fields in
        ["Content-Length: 5\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 5"]
    {
        let body = related(&[Instance::new(1, 1, 1).part10()]);
        let head = format!(
            "POST /dicom-web/studies HTTP/1.1\r\nhost: x\r\nauthorization: Bearer all\r\ncontent-type: {RELATED}\r\n\
             {fields}\r\n\r\n{:x}\r\n",
            body.len()
        );
        let request = [head.as_bytes(), &body, b"\r\n0\r\n\r\n"].concat();
        let answer = Answer::read(&bench.raw(&request).await);
        assert_eq!(
            (answer.status, answer.field("connection")),
            (400, Some("close")),
            "{fields}: {}",
            answer.text()
        );
    }
}

#[tokio::test]
async fn the_stop_lets_requests_end_and_takes_no_more() {
    let bench = Bench::new().await;
    let body = related(&[Instance::new(1, 1, 1).part10()]);
    let head = format!(
        "POST /dicom-web/studies HTTP/1.1\r\nhost: x\r\nauthorization: Bearer all\r\ncontent-type: {RELATED}\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    let mut begun = TcpStream::connect(bench.address).await.expect("a connection");
    begun.write_all(&[head.as_bytes(), &body[..500]].concat()).await.expect("sent");
    let idle = TcpStream::connect(bench.address).await.expect("a connection");
    tokio::time::sleep(tenths(2)).await;
    bench.stop.cancel();
    tokio::time::sleep(tenths(2)).await;
    assert!(TcpStream::connect(bench.address).await.is_err(), "nobody new");
    begun.write_all(&body[500..]).await.expect("sent");
    let mut got = Vec::new();
    begun.read_to_end(&mut got).await.expect("an answer");
    assert_eq!(Answer::read(&got).status, 200);
    let ended = tokio::time::timeout(Duration::from_secs(5), bench.serving).await;
    assert!(ended.is_ok(), "an idle connection keeps nobody waiting");
    drop(idle);
}

#[tokio::test]
async fn a_connection_that_outstays_the_drain_is_cut() {
    let bench = Bench::with(limited(Limits { drain: tenths(5), ..Limits::default() }), None).await;
    let mut stuck = TcpStream::connect(bench.address).await.expect("a connection");
    let head = "POST /dicom-web/studies HTTP/1.1\r\nhost: x\r\nauthorization: Bearer all\r\n\
                content-type: application/dicom\r\ncontent-length: 100\r\n\r\n";
    stuck.write_all(head.as_bytes()).await.expect("sent");
    tokio::time::sleep(tenths(2)).await;
    bench.stop.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(5), bench.serving).await;
    assert!(ended.is_ok());
}

/// A server and a client that trust each other.
fn tls(alpn: &[&str]) -> (Arc<rustls::ServerConfig>, Arc<rustls::ClientConfig>) {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let certificate = params.self_signed(&key).expect("a certificate").der().clone();
    let mut server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .expect("a pair");
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).expect("a root");
    let mut client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    (Arc::new(server), Arc::new(client))
}

async fn connect(
    bench: &Bench,
    client: Arc<rustls::ClientConfig>,
) -> tokio_rustls::client::TlsStream<TcpStream> {
    let stream = TcpStream::connect(bench.address).await.expect("a connection");
    let name = ServerName::try_from("localhost").expect("a name");
    tokio_rustls::TlsConnector::from(client).connect(name, stream).await.expect("TLS")
}

#[tokio::test]
async fn http_1_over_tls() {
    for alpn in [&["http/1.1"][..], &[]] {
        let (server, client) = tls(alpn);
        let bench = Bench::with(Config::default(), Some(server)).await;
        let mut stream = connect(&bench, client).await;
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .await
            .expect("sent");
        let mut got = Vec::new();
        let _ = stream.read_to_end(&mut got).await;
        assert_eq!(Answer::read(&got).status, 200);
    }
}

#[tokio::test]
async fn http_2_over_tls() {
    let (server, client) = tls(&["h2"]);
    let bench = Bench::with(Config::default(), Some(server)).await;
    let mut stream = connect(&bench, client).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let frame = |kind: u8, flags: u8, id: u8, payload: &[u8]| {
        let mut frame = vec![0, 0, payload.len() as u8, kind, flags, 0, 0, 0, id];
        frame.extend_from_slice(payload);
        frame
    };
    // :method GET, :scheme https, :path /healthz, :authority x (RFC 7541 Appendix A, without Huffman coding).
    let headers = [&[0x82, 0x87, 0x04, 8][..], b"/healthz", &[0x01, 1], b"x"].concat();
    let mut sent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    sent.extend(frame(4, 0, 0, &[]));
    sent.extend(frame(1, 0x05, 1, &headers));
    stream.write_all(&sent).await.expect("sent");
    let answer = async {
        loop {
            let mut head = [0; 9];
            stream.read_exact(&mut head).await.expect("a frame");
            let length = usize::from(head[1]) << 8 | usize::from(head[2]);
            let mut payload = vec![0; length];
            stream.read_exact(&mut payload).await.expect("a payload");
            if head[3] == 1 {
                return payload[0];
            }
        }
    };
    let first = tokio::time::timeout(Duration::from_secs(5), answer).await.expect("an answer");
    assert_eq!(first, 0x88, ":status 200");
}

#[tokio::test]
async fn a_handshake_that_stalls() {
    let (server, _) = tls(&[]);
    let limits = Limits { handshake: tenths(4), ..Limits::default() };
    let bench = Bench::with(limited(limits), Some(server)).await;
    let began = Instant::now();
    assert!(bench.raw(b"\x16\x03\x01\x02\x00").await.is_empty());
    assert!(began.elapsed() >= tenths(3) && began.elapsed() < tenths(30));
}
