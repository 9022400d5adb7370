//! Stopping in order, and TLS.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use dimse::{Abort, End, Event};
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use scp::Config;
use support::*;
use testkit::Instance;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// New connections are refused, idle associations aborted soon, a store that is under way ends well.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_stores_finish() {
    let config = Config { drain_idle: Duration::from_millis(200), ..Config::default() };
    let bench = Bench::with(config, None).await;
    let mut idle = bench.connect().await;
    let mut busy = bench.connect().await;
    let instance = Instance { size: 700, ..Instance::new(1, 1, 1) };
    let data = instance.data_set();
    let (first, second) = data.split_at(400_000);
    busy.begin(3, CT, &instance.sop_instance);
    busy.association.data(3, Bytes::copy_from_slice(first), false).unwrap();
    busy.flush().await.unwrap();

    let scp = bench.scp.clone();
    let started = Instant::now();
    let stop = tokio::spawn(async move { scp.drain(Duration::from_secs(20)).await });
    assert!(matches!(idle.next().await, Some(Event::Ended(End::PeerAborted(Abort::USER)))));
    assert!(TcpStream::connect(bench.address).await.is_err());

    busy.association.data(3, Bytes::copy_from_slice(second), true).unwrap();
    assert_eq!(busy.response().await.status.0, 0x0000);
    busy.release().await;
    stop.await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(bench.held().await, 1);
}

/// What has not ended when the time is over is aborted; nothing of it is kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends() {
    let bench = Bench::new().await;
    let mut busy = bench.connect().await;
    busy.begin(3, CT, "1.2.3");
    busy.association.data(3, Bytes::from_static(&[8, 0]), false).unwrap();
    busy.flush().await.unwrap();
    let started = Instant::now();
    bench.scp.drain(Duration::from_millis(300)).await;
    assert!(started.elapsed() < Duration::from_secs(3));
    assert!(matches!(busy.next().await, Some(Event::Ended(End::PeerAborted(_)))));
    assert_eq!(bench.held().await, 0);
}

struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        Arc::new(roots)
    }

    fn pair(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (vec![certificate.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
    }
}

/// Over TLS, with and without a client's certificate.
#[tokio::test(flavor = "multi_thread")]
async fn tls() {
    let authority = Authority::new();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(authority.roots(), Arc::clone(&provider))
        .allow_unauthenticated()
        .build()
        .unwrap();
    let (chain, key) = authority.pair();
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .unwrap();
    let config = Config { tls_handshake: Duration::from_millis(500), ..Config::default() };
    let bench = Bench::with(config, Some(Arc::new(server))).await;
    for certificate in [true, false] {
        let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(authority.roots());
        let client = match certificate {
            false => client.with_no_client_auth(),
            true => {
                let (chain, key) = authority.pair();
                client.with_client_auth_cert(chain, key).unwrap()
            }
        };
        let stream = TcpStream::connect(bench.address).await.unwrap();
        let name = "localhost".try_into().unwrap();
        let stream = TlsConnector::from(Arc::new(client)).connect(name, stream).await.unwrap();
        let contexts: &[(&str, &[model::transfer_syntax::Syntax])] = &[
            (VERIFICATION, &[model::transfer_syntax::IMPLICIT_LE]),
            (CT, &[model::transfer_syntax::EXPLICIT_LE]),
        ];
        let opened = Client::open(stream, proposal("OVERREAD", "CT1", contexts)).await;
        assert_eq!(opened.is_ok(), certificate);
        if let Ok(mut client) = opened {
            assert_eq!(client.echo().await, 0x0000);
            assert_eq!(client.store(&Instance { size: 700, ..Instance::new(1, 1, 1) }).await, 0x0000);
            client.release().await;
        }
    }
    // Nobody may hold a place by never finishing the handshake, or by speaking DICOM in the open.
    for hello in [&b""[..], b"\x01\x00\x00\x00\x00\x50"] {
        let mut stream = TcpStream::connect(bench.address).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, hello).await.unwrap();
        let mut rest = Vec::new();
        let read = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest);
        let _ = tokio::time::timeout(Duration::from_secs(3), read).await.unwrap();
    }
}
