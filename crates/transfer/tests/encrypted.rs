//! Over TLS: who is trusted, and what is said when somebody is not.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use support::*;
use transfer::{ConnectError, Delivery, Fault, Limits, Tls};

/// An authority and what it vouches for.
struct Authority(CertifiedIssuer<'static, KeyPair>);

type Own = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn own(&self, name: &str) -> Own {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.0).unwrap();
        (vec![certificate.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
    }

    fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        Arc::new(roots)
    }

    /// A server's side; with `clients`, it wants certificates of this authority.
    fn server(&self, clients: bool) -> Arc<ServerConfig> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .unwrap();
        let builder = match clients {
            true => builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(self.roots(), provider).build().unwrap(),
            ),
            false => builder.with_no_client_auth(),
        };
        let (chain, key) = self.own("localhost");
        Arc::new(builder.with_single_cert(chain, key).unwrap())
    }

    fn client(&self, version: &'static SupportedProtocolVersion, own: Option<Own>) -> Arc<ClientConfig> {
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(self.roots());
        Arc::new(match own {
            Some((chain, key)) => builder.with_client_auth_cert(chain, key).unwrap(),
            None => builder.with_no_client_auth(),
        })
    }
}

#[tokio::test]
async fn large_instances_over_both_versions() {
    let authority = Authority::new("ours");
    let files = Files::new();
    let large = instance(1, 1_000);
    for version in [&TLS12, &TLS13] {
        for clients in [false, true] {
            let peer = Peer::new(Like { tls: Some(authority.server(clients)), ..Like::default() }).await;
            let own = clients.then(|| authority.own("ours"));
            let mut route = peer.route();
            route.tls =
                Some(Tls { config: authority.client(version, own), name: "localhost".try_into().unwrap() });
            let mut delivery = Delivery::new(route, Limits::default());
            let sent = send(&mut delivery, [files.outgoing("1", &large.part10())]).await;
            assert_eq!(words(&sent), ["0000H"]);
            delivery.finish().await;
            assert_eq!(peer.end(0).await, "released");
            assert!(peer.log().got[0].data == large.data_set());
        }
    }
}

#[tokio::test]
async fn who_is_not_trusted() {
    let (authority, other) = (Authority::new("ours"), Authority::new("theirs"));
    let files = Files::new();
    // Server, its wish for certificates, our trust, the name that we look for, and what is said.
    let plain = Peer::new(Like::default()).await;
    let tls = Peer::new(Like { tls: Some(authority.server(false)), ..Like::default() }).await;
    let mutual = Peer::new(Like { tls: Some(authority.server(true)), ..Like::default() }).await;
    for (peer, config, name, words) in [
        (&tls, other.client(&TLS13, None), "localhost", "UnknownIssuer"),
        (&tls, authority.client(&TLS13, None), "pacs.example.org", "not valid for"),
        (&mutual, authority.client(&TLS12, None), "localhost", "alert"),
        (&mutual, authority.client(&TLS13, None), "localhost", "CertificateRequired"),
        (&mutual, authority.client(&TLS13, Some(other.own("ours"))), "localhost", "alert"),
        (&plain, authority.client(&TLS13, None), "localhost", "no TLS with PEER@127.0.0.1"),
    ] {
        let mut route = peer.route();
        route.tls = Some(Tls { config, name: name.to_owned().try_into().unwrap() });
        let mut delivery = Delivery::new(route, Limits::default());
        files.several(1).into_iter().for_each(|one| delivery.push(one));
        let error = delivery.next(|_| {}).await.unwrap_err();
        assert!(error.to_string().contains(words), "{words} / {error}");
        assert_eq!(error.fault(), Fault::Peer, "{error}");
        assert!(matches!(error, ConnectError::Tls { .. }), "{error:?}");
    }
    let mut delivery = Delivery::new(tls.route(), Limits::default());
    files.several(1).into_iter().for_each(|one| delivery.push(one));
    let error = delivery.next(|_| {}).await.unwrap_err();
    assert!(matches!(error, ConnectError::Broken { .. }), "{error}");
}
