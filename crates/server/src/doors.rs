//! Who may come in: a token's holder over HTTP, a calling AE title over DIMSE, anybody with `--insecure-loopback`.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use access::{CustodianId, Door, Principal, Reach, Rights};
use anyhow::Context;
use dimse::Reject;
use gateway::{Authenticate, Peer, Unauthenticated};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use identity::{Caller, Recogniser, Standing, digest};
use issuer::Issuer;
use model::AeTitle;
use pages::Visitors;
use scp::{Admission, Call, Callers};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::config::{self, Config};
use crate::providers;
use crate::start::TokenDigest;

/// Recognises who comes over HTTP.
#[derive(Clone)]
pub enum WebDoor {
    /// Anybody: the listener is loopback.
    Open,
    /// The holders of tokens, and those who signed in with one.
    Tokens {
        /// The digest of the administrator's.
        administrator: TokenDigest,
        /// Everybody else's.
        people: Arc<Recogniser>,
        /// Whose access tokens are taken besides.
        providers: Arc<[Issuer]>,
        /// Who signed in on the pages. The gateway hides a cookie that must not count.
        visitors: Option<Visitors>,
    },
}

impl WebDoor {
    /// The door for the administrator's token and those of the register.
    pub fn new(administrator: TokenDigest, people: Arc<Recogniser>) -> Self {
        WebDoor::Tokens { administrator, people, providers: Arc::default(), visitors: None }
    }

    /// Lets those in besides who signed in on the pages.
    pub fn with_visitors(mut self, recognise: Visitors) -> Self {
        if let WebDoor::Tokens { visitors, .. } = &mut self {
            *visitors = Some(recognise);
        }
        self
    }

    /// Takes the access tokens of these identity providers besides.
    pub fn with_providers(mut self, taken: Vec<Issuer>) -> Self {
        if let WebDoor::Tokens { providers, .. } = &mut self {
            *providers = taken.into();
        }
        self
    }

    /// The holder of the token with this digest. Only digests are looked up, so the time it takes tells nothing of a
    /// token.
    pub fn holder(&self, digest: &[u8; 32]) -> Option<Principal> {
        self.stands(&Standing::Token(*digest))
    }

    /// Who a session stands for now.
    pub fn stands(&self, standing: &Standing) -> Option<Principal> {
        let WebDoor::Tokens { administrator, people, .. } = self else { return Some(Principal::loopback()) };
        if let Standing::Token(digest) = standing
            && bool::from(administrator.0.ct_eq(digest))
        {
            let (custodian, reach) = (CustodianId::local(), Reach::Everything);
            return Some(Principal::new(Door::Token, "administrator", custodian, Rights::ALL, reach));
        }
        people.stands(standing, now()).unwrap_or_else(|error| {
            tracing::error!(%error, "nobody is let in but by the administrator's token");
            None
        })
    }
}

/// Seconds of Unix time.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[async_trait::async_trait]
impl Authenticate for WebDoor {
    async fn authenticate(&self, headers: &HeaderMap, _: &Peer) -> Result<Principal, Unauthenticated> {
        let mut credentials = headers.get_all(AUTHORIZATION).iter();
        let given = credentials.next();
        if credentials.next().is_some() {
            return Err(Unauthenticated::Ambiguous);
        }
        let WebDoor::Tokens { people, providers, visitors, .. } = self else {
            return Ok(Principal::loopback());
        };
        let Some(given) = given else {
            let visitor = visitors.as_ref().and_then(|recognise| recognise(headers));
            return visitor.ok_or(Unauthenticated::Missing);
        };
        let token = bearer(given.to_str().unwrap_or_default()).ok_or(Unauthenticated::Invalid)?;
        match self.holder(&digest(token)) {
            Some(holder) => Ok(holder),
            // A JSON Web Token has points in it; a token that we made has none.
            None if !providers.is_empty() && token.contains('.') => {
                providers::recognise(providers, people, token).await
            }
            None => Err(Unauthenticated::Invalid),
        }
    }
}

/// The token of `Bearer TOKEN` (RFC 6750 2.1; the scheme's case does not matter, RFC 9110 11.1).
fn bearer(credentials: &str) -> Option<&str> {
    let (scheme, token) = credentials.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_matches(' '))
}

/// Recognises who calls over DIMSE.
pub struct DimseDoor {
    called: AeTitle,
    /// None lets everybody in.
    known: Option<(Arc<Recogniser>, Vec<KnownPeer>)>,
}

struct KnownPeer {
    aet: AeTitle,
    custodian: CustodianId,
    configured: config::Peer,
}

impl DimseDoor {
    /// The door of this configuration, for those in its list and those in the register; without a register for everybody.
    ///
    /// # Errors
    /// When an AE title or custodian is none; a validated configuration has no such.
    pub fn new(config: &Config, people: Option<Arc<Recogniser>>) -> anyhow::Result<Self> {
        let called = config.dimse.aet.parse().context("dimse.aet")?;
        let peers = config.dimse.peers.iter().map(known).collect::<anyhow::Result<_>>()?;
        Ok(Self { called, known: people.map(|people| (people, peers)) })
    }
}

fn known(peer: &config::Peer) -> anyhow::Result<KnownPeer> {
    Ok(KnownPeer {
        aet: peer.aet.parse().context("dimse.peers")?,
        custodian: peer.custodian.parse().context("dimse.peers")?,
        configured: peer.clone(),
    })
}

impl Callers for DimseDoor {
    fn admit(&self, call: &Call<'_>) -> Result<Admission, Reject> {
        if call.called != self.called {
            return Err(Reject::CalledAeTitleNotRecognized);
        }
        let name = call.calling.to_string();
        let Some((people, peers)) = &self.known else {
            let everybody =
                Principal::new(Door::Loopback, &name, CustodianId::local(), Rights::ALL, Reach::Everything);
            return Ok(everybody.into());
        };
        let certificate = call.certificate.map(|der| <[u8; 32]>::from(Sha256::digest(der)));
        match people.caller(&name, certificate.as_ref(), now()) {
            Ok(Caller::Is(principal)) => return Ok(principal.into()),
            Ok(Caller::IsNot) => return Err(Reject::CallingAeTitleNotRecognized),
            Ok(Caller::Unknown) => {}
            Err(error) => {
                tracing::error!(%error, "nobody is let in by an AE title");
                return Err(Reject::CallingAeTitleNotRecognized);
            }
        }
        let lets_in = |peer: &&KnownPeer| peer.aet == call.calling && peer.configured.lets_in(call.peer.ip());
        let peer = peers.iter().find(lets_in).ok_or(Reject::CallingAeTitleNotRecognized)?;
        let reach = Reach::custodians(vec![peer.custodian.clone()]);
        Ok(Principal::new(Door::AeTitle, &name, peer.custodian.clone(), Rights::STORE_ONLY, reach).into())
    }
}

#[cfg(test)]
mod tests {
    use access::{Action, Grant, On, Role};
    use identity::{Certificate, FILE, Kind, People};

    use super::*;
    use crate::config::Mode;

    fn people() -> (tempfile::TempDir, People, Arc<Recogniser>) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        (folder, People::open(&file).unwrap(), Arc::new(Recogniser::open(&file).unwrap()))
    }

    /// DIMSE: called AE title first, then the calling one from its addresses.
    #[test]
    fn callers() {
        let mut config = Config::default();
        let elsewhere = config::Peer {
            aet: "CT1".into(),
            from: vec!["192.0.2.0/24".parse().unwrap()],
            custodian: "clinic-7".into(),
        };
        config.dimse.peers.push(elsewhere);
        let anywhere = config::Peer { aet: "MR 1".into(), from: vec![], custodian: "local".into() };
        config.dimse.peers.push(anywhere);
        for (mode, called, calling, peer, answer) in [
            (Mode::Secure, "OVERREAD", "STORESCU", "127.0.0.1:1", Ok("aet:STORESCU local")),
            (Mode::Secure, "OVERREAD", "STORESCU", "[::1]:1", Ok("aet:STORESCU local")),
            (Mode::Secure, "OVERREAD", "STORESCU", "192.0.2.9:1", Err(Reject::CallingAeTitleNotRecognized)),
            (Mode::Secure, "OVERREAD", "CT1", "192.0.2.9:1", Ok("aet:CT1 clinic-7")),
            (Mode::Secure, "OVERREAD", "CT1", "127.0.0.1:1", Err(Reject::CallingAeTitleNotRecognized)),
            (Mode::Secure, "OVERREAD", "MR 1", "203.0.113.1:1", Ok("aet:MR 1 local")),
            (Mode::Secure, "OVERREAD", "ct1", "192.0.2.9:1", Err(Reject::CallingAeTitleNotRecognized)),
            (Mode::Secure, "OTHER", "CT1", "192.0.2.9:1", Err(Reject::CalledAeTitleNotRecognized)),
            (Mode::InsecureLoopback, "OVERREAD", "WHOEVER", "127.0.0.1:1", Ok("loopback:WHOEVER local")),
            (
                Mode::InsecureLoopback,
                "OTHER",
                "STORESCU",
                "127.0.0.1:1",
                Err(Reject::CalledAeTitleNotRecognized),
            ),
        ] {
            let (_folder, _, recogniser) = people();
            let door = DimseDoor::new(&config, (mode == Mode::Secure).then_some(recogniser)).unwrap();
            let call = Call {
                called: called.parse().unwrap(),
                calling: calling.parse().unwrap(),
                peer: peer.parse().unwrap(),
                tls: false,
                certificate: None,
                identity: None,
            };
            let admitted = door.admit(&call).map(|admission| {
                assert!(admission.principal.scope_for(Action::Store).is_ok());
                let reads = admission.principal.scope_for(Action::Retrieve).is_ok();
                assert_eq!(reads, mode == Mode::InsecureLoopback, "an AE title is no proof of who asks");
                format!("{} {}", admission.principal, admission.principal.custodian())
            });
            assert_eq!(admitted.as_deref().map_err(|reject| *reject), answer, "{called} {calling} {peer}");
        }
    }

    /// A title of the register is whoever shows its certificate, whatever the configuration lists.
    #[test]
    fn titles_of_the_register() {
        let (_folder, mut register, recogniser) = people();
        let (own, other): (&[u8], &[u8]) = (b"own", b"other");
        let centre: CustodianId = "clinic-7".parse().unwrap();
        for name in ["CT1", "MR1"] {
            register.add(Kind::AeTitle, name, &centre, 1).unwrap();
            let grant = Grant { role: Role::Centre, on: On::Custodian(centre.clone()), until: None };
            register.grant(Kind::AeTitle, name, &grant, 1).unwrap();
        }
        register.bind("CT1", Some(Certificate(Sha256::digest(own).into()))).unwrap();
        let mut config = Config::default();
        config.dimse.peers.push(config::Peer { aet: "CT1".into(), from: vec![], custodian: "local".into() });
        let door = DimseDoor::new(&config, Some(recogniser)).unwrap();
        for (calling, certificate, answer) in [
            ("CT1", Some(own), Some(true)),
            ("CT1", Some(other), None),
            ("CT1", None, None),
            ("MR1", None, Some(false)),
            ("MR1", Some(own), Some(false)),
        ] {
            let call = Call {
                called: "OVERREAD".parse().unwrap(),
                calling: calling.parse().unwrap(),
                peer: "127.0.0.1:1".parse().unwrap(),
                tls: certificate.is_some(),
                certificate,
                identity: None,
            };
            let reads = door.admit(&call).ok().map(|admission| {
                assert_eq!(admission.principal.custodian(), &centre);
                assert!(admission.principal.scope_for(Action::Store).is_ok());
                admission.principal.scope_for(Action::Search).is_ok()
            });
            assert_eq!(reads, answer, "{calling} {certificate:?}");
        }
    }

    /// AUTH: no anonymous reading.
    #[tokio::test]
    async fn tokens() {
        let (_folder, _, recogniser) = people();
        let door = WebDoor::new(TokenDigest::of("secret"), recogniser);
        let peer = Peer { address: "127.0.0.1:1".parse().unwrap(), tls: true, certificate: None };
        for (headers, answer) in [
            (&[][..], Err(Unauthenticated::Missing)),
            (&["Bearer secret"], Ok("token:administrator")),
            (&["bearer  secret "], Ok("token:administrator")),
            (&["Bearer Secret"], Err(Unauthenticated::Invalid)),
            (&["Bearer "], Err(Unauthenticated::Invalid)),
            (&["secret"], Err(Unauthenticated::Invalid)),
            (&["Basic secret"], Err(Unauthenticated::Invalid)),
            (&["Bearer secret", "Bearer secret"], Err(Unauthenticated::Ambiguous)),
        ] {
            let mut map = HeaderMap::new();
            for value in headers {
                map.append(AUTHORIZATION, value.parse().unwrap());
            }
            let who = door.authenticate(&map, &peer).await.map(|principal| principal.to_string());
            assert_eq!(who.as_deref().map_err(Clone::clone), answer, "{headers:?}");
        }
        let open = WebDoor::Open;
        assert_eq!(open.authenticate(&HeaderMap::new(), &peer).await, Ok(Principal::loopback()));
    }
}
