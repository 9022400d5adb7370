//! Who may come in: a token's holder over HTTP, a calling AE title over DIMSE, anybody with `--insecure-loopback`.

use std::collections::HashMap;

use access::{CustodianId, Door, Principal, Reach, Rights};
use anyhow::Context;
use dimse::Reject;
use gateway::{Authenticate, Peer, Unauthenticated};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use model::AeTitle;
use pages::Visitors;
use scp::{Admission, Call, Callers};

use crate::config::{self, Config, Mode};
use crate::start::TokenDigest;

/// Recognises who comes over HTTP.
#[derive(Clone)]
pub enum WebDoor {
    /// Anybody: the listener is loopback.
    Open,
    /// The holders of tokens, and those who signed in with one.
    Tokens {
        /// By the digest of their token.
        holders: HashMap<TokenDigest, Principal>,
        /// Who signed in on the pages. The gateway hides a cookie that must not count.
        visitors: Option<Visitors>,
    },
}

impl WebDoor {
    /// The door with the administrator's token, or an open one when there is none.
    pub fn new(administrator: Option<TokenDigest>) -> Self {
        let Some(digest) = administrator else { return WebDoor::Open };
        let principal = Principal::new(
            Door::Token,
            "administrator",
            CustodianId::local(),
            Rights::ALL,
            Reach::Everything,
        );
        WebDoor::Tokens { holders: HashMap::from([(digest, principal)]), visitors: None }
    }

    /// Lets those in besides who signed in on the pages.
    pub fn with_visitors(self, recognise: Visitors) -> Self {
        match self {
            WebDoor::Open => WebDoor::Open,
            WebDoor::Tokens { holders, .. } => WebDoor::Tokens { holders, visitors: Some(recognise) },
        }
    }

    /// The holder of a token. What is looked up is its digest, so the time it takes tells nothing of a token.
    pub fn holder(&self, token: &str) -> Option<Principal> {
        match self {
            WebDoor::Open => Some(Principal::loopback()),
            WebDoor::Tokens { holders, .. } => holders.get(&TokenDigest::of(token)).cloned(),
        }
    }
}

#[async_trait::async_trait]
impl Authenticate for WebDoor {
    async fn authenticate(&self, headers: &HeaderMap, _: &Peer) -> Result<Principal, Unauthenticated> {
        let WebDoor::Tokens { visitors, .. } = self else { return Ok(Principal::loopback()) };
        let mut credentials = headers.get_all(AUTHORIZATION).iter();
        let Some(given) = credentials.next() else {
            let visitor = visitors.as_ref().and_then(|recognise| recognise(headers));
            return visitor.ok_or(Unauthenticated::Missing);
        };
        if credentials.next().is_some() {
            return Err(Unauthenticated::Invalid);
        }
        bearer(given.to_str().unwrap_or_default())
            .and_then(|token| self.holder(token))
            .ok_or(Unauthenticated::Invalid)
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
    peers: Option<Vec<KnownPeer>>,
}

struct KnownPeer {
    aet: AeTitle,
    custodian: CustodianId,
    configured: config::Peer,
}

impl DimseDoor {
    /// The door of this configuration.
    ///
    /// # Errors
    /// When an AE title or custodian is none; a validated configuration has no such.
    pub fn new(config: &Config, mode: Mode) -> anyhow::Result<Self> {
        let called = config.dimse.aet.parse().context("dimse.aet")?;
        let peers = match mode {
            Mode::InsecureLoopback => None,
            Mode::Secure => Some(config.dimse.peers.iter().map(known).collect::<anyhow::Result<_>>()?),
        };
        Ok(Self { called, peers })
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
        let Some(peers) = &self.peers else {
            let everybody =
                Principal::new(Door::Loopback, &name, CustodianId::local(), Rights::ALL, Reach::Everything);
            return Ok(everybody.into());
        };
        let lets_in = |peer: &&KnownPeer| peer.aet == call.calling && peer.configured.lets_in(call.peer.ip());
        let peer = peers.iter().find(lets_in).ok_or(Reject::CallingAeTitleNotRecognized)?;
        let reach = Reach::custodians(vec![peer.custodian.clone()]);
        Ok(Principal::new(Door::AeTitle, &name, peer.custodian.clone(), Rights::STORE_ONLY, reach).into())
    }
}

#[cfg(test)]
mod tests {
    use access::Action;

    use super::*;

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
            let door = DimseDoor::new(&config, mode).unwrap();
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

    /// AUTH: no anonymous reading.
    #[tokio::test]
    async fn tokens() {
        let door = WebDoor::new(Some(TokenDigest::of("secret")));
        let peer = Peer { address: "127.0.0.1:1".parse().unwrap(), tls: true, certificate: None };
        for (headers, answer) in [
            (&[][..], Err(Unauthenticated::Missing)),
            (&["Bearer secret"], Ok("token:administrator")),
            (&["bearer  secret "], Ok("token:administrator")),
            (&["Bearer Secret"], Err(Unauthenticated::Invalid)),
            (&["Bearer "], Err(Unauthenticated::Invalid)),
            (&["secret"], Err(Unauthenticated::Invalid)),
            (&["Basic secret"], Err(Unauthenticated::Invalid)),
            (&["Bearer secret", "Bearer secret"], Err(Unauthenticated::Invalid)),
        ] {
            let mut map = HeaderMap::new();
            for value in headers {
                map.append(AUTHORIZATION, value.parse().unwrap());
            }
            let who = door.authenticate(&map, &peer).await.map(|principal| principal.to_string());
            assert_eq!(who.as_deref().map_err(|error| *error), answer, "{headers:?}");
        }
        let open = WebDoor::new(None);
        assert_eq!(open.authenticate(&HeaderMap::new(), &peer).await, Ok(Principal::loopback()));
    }
}
