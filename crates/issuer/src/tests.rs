//! AUTH-008: a provider on loopback, whose keys change and who goes away.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::engine::general_purpose::URL_SAFE_NO_PAD as URL;
use oidc::Algorithm;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

const NOW: i64 = 1_800_000_000;

/// What a provider on loopback gives.
struct Provider {
    address: SocketAddr,
    keys: std::sync::Mutex<Vec<(String, Ed25519KeyPair)>>,
    away: AtomicBool,
    asked: AtomicUsize,
    /// What stands in the place of the metadata.
    instead: std::sync::Mutex<Option<Vec<u8>>>,
}

impl Provider {
    async fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let provider = Arc::new(Self {
            address: listener.local_addr().expect("an address"),
            keys: std::sync::Mutex::default(),
            away: AtomicBool::new(false),
            asked: AtomicUsize::new(0),
            instead: std::sync::Mutex::default(),
        });
        provider.has_key("one");
        let this = Arc::clone(&provider);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                this.answer(stream).await;
            }
        });
        provider
    }

    fn name(&self) -> String {
        format!("http://{}", self.address)
    }

    fn has_key(&self, id: &str) {
        let pair = Ed25519KeyPair::generate().expect("a key");
        self.keys.lock().expect("keys").push((id.to_owned(), pair));
    }

    async fn answer(&self, mut stream: TcpStream) {
        let mut head = vec![0; 4_096];
        let read = stream.read(&mut head).await.unwrap_or(0);
        let head = String::from_utf8_lossy(&head[..read]).into_owned();
        self.asked.fetch_add(1, Ordering::SeqCst);
        let instead = self.instead.lock().expect("an answer").clone();
        let answer = match instead {
            _ if self.away.load(Ordering::SeqCst) => {
                b"HTTP/1.1 503 Away\r\ncontent-length: 0\r\n\r\n".to_vec()
            }
            Some(instead) => instead,
            None if head.starts_with("GET /keys ") => ok(&self.key_set()),
            None => ok(&json!({"issuer": self.name(), "jwks_uri": format!("{}/keys", self.name())})),
        };
        let _ = stream.write_all(&answer).await;
    }

    fn key_set(&self) -> Value {
        let keys = self.keys.lock().expect("keys");
        let all: Vec<Value> = keys
            .iter()
            .map(|(id, pair)| {
                json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "x": URL.encode(pair.public_key().as_ref())})
            })
            .collect();
        json!({ "keys": all })
    }

    /// A token that is signed by the newest key under a name.
    fn token(&self, key: &str) -> String {
        let header = json!({"alg": "EdDSA", "kid": key, "typ": "at+jwt"});
        let claims = json!({"iss": self.name(), "aud": "us", "sub": "s", "client_id": "c", "jti": "j",
                            "scope": "RAD-107", "iat": NOW, "exp": NOW + 60});
        let signed = format!("{}.{}", URL.encode(header.to_string()), URL.encode(claims.to_string()));
        let keys = self.keys.lock().expect("keys");
        let (_, pair) = keys.last().expect("a key");
        format!("{signed}.{}", URL.encode(pair.sign(signed.as_bytes()).as_ref()))
    }

    fn issuer(&self, insecure_loopback: bool) -> Issuer {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        Issuer::new(Config {
            issuer: self.name(),
            audience: Some("us".into()),
            client_id: "overread".into(),
            client_secret: None,
            algorithms: Algorithm::ALL.to_vec(),
            tls: Arc::new(tls),
            insecure_loopback,
        })
    }
}

fn ok(body: &Value) -> Vec<u8> {
    let body = body.to_string();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

async fn check(issuer: &Issuer, token: &str) -> Result<String, Refused> {
    let token = Unverified::parse(token).expect("a token");
    issuer.access(&token, NOW).await.map(|token| token.subject)
}

#[tokio::test]
async fn keys_change_and_the_provider_goes_away() {
    let provider = Provider::start().await;
    let issuer = provider.issuer(true);
    let first = provider.token("one");
    assert_eq!(check(&issuer, &first).await.expect("a good token"), "s");
    assert_eq!(check(&issuer, &first).await.expect("a good token"), "s");
    assert_eq!(provider.asked.load(Ordering::SeqCst), 2, "metadata and keys, once");

    provider.has_key("two");
    let second = provider.token("two");
    assert_eq!(check(&issuer, &second).await.expect("a key that was not known"), "s");
    assert_eq!(check(&issuer, &first).await.expect("the old key is still published"), "s");
    assert_eq!(provider.asked.load(Ordering::SeqCst), 4);

    // Names that nobody has make nobody ask within the minute.
    for name in ["three", "../four", "two "] {
        let refused = check(&issuer, &provider.token(name)).await;
        assert!(matches!(refused, Err(Refused::Fault(Fault::UnknownKey))), "{refused:?}");
    }
    assert_eq!(provider.asked.load(Ordering::SeqCst), 4);

    provider.away.store(true, Ordering::SeqCst);
    assert_eq!(check(&issuer, &second).await.expect("keys outlive an outage"), "s");
    let fresh = provider.issuer(true);
    for _ in 0..3 {
        let refused = check(&fresh, &second).await;
        assert!(matches!(refused, Err(Refused::Unreachable(_))), "nothing is known: {refused:?}");
    }
    assert_eq!(provider.asked.load(Ordering::SeqCst), 5, "asked once in some seconds");
}

/// Nobody is led elsewhere, and nobody fills our memory.
#[tokio::test]
async fn answers_that_are_none() {
    let head = |length: usize| format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n").into_bytes();
    let long = [head(300 << 10), vec![b' '; 300 << 10]].concat();
    let other = json!({"issuer": "http://127.0.0.1:1", "jwks_uri": "http://127.0.0.1:1/keys"});
    for (instead, why) in [
        (b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n".to_vec(), "302"),
        (long, "256 KiB"),
        (ok(&other), "another issuer"),
        (ok(&json!({"keys": []})), "cannot be read"),
        (b"nonsense".to_vec(), "cannot be reached"),
    ] {
        let provider = Provider::start().await;
        *provider.instead.lock().expect("an answer") = Some(instead);
        let refused =
            check(&provider.issuer(true), &provider.token("one")).await.expect_err("no token counts");
        assert!(refused.to_string().contains(why), "{refused} {why}");
        assert_eq!(provider.asked.load(Ordering::SeqCst), 1, "{why}");
    }
}

/// Plain HTTP is for loopback, and for who asked for it.
#[tokio::test]
async fn plain_http() {
    let provider = Provider::start().await;
    let refused = check(&provider.issuer(false), &provider.token("one")).await.expect_err("no TLS");
    assert!(matches!(refused, Refused::Unreachable(Unreachable::Address(_))), "{refused}");
    assert_eq!(provider.asked.load(Ordering::SeqCst), 0);
    let issuer = provider.issuer(true);
    for address in
        ["http://192.0.2.1/", "http://user@127.0.0.1/", "ftp://127.0.0.1/", "file:///etc/passwd", "/x", ""]
    {
        let refused = issuer.0.web.get(address).await.expect_err("not asked");
        let expected = matches!(refused, Unreachable::Address(_) | Unreachable::Io(_));
        assert!(expected, "{address}: {refused}");
    }
}
