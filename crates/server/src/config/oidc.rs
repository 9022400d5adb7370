//! `[[oidc]]`: an identity provider whose tokens and logins are taken.

use std::path::PathBuf;

use oidc::Algorithm;
use serde::{Deserialize, Serialize};

/// An identity provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Oidc {
    /// Its name, letter by letter as its tokens have it: an https address.
    pub issuer: String,
    /// Our name in its access tokens. Without, no access token of it is taken.
    #[serde(default)]
    pub audience: Option<String>,
    /// Our name as a client, for logins on the pages.
    #[serde(default)]
    pub client_id: Option<String>,
    /// A file with our secret as a client. Without, codes are redeemed by their verifier alone.
    #[serde(default)]
    pub client_secret_file: Option<PathBuf>,
    /// Algorithms that its signatures may be made by.
    #[serde(default = "all")]
    pub algorithms: Vec<String>,
    /// The authorities that vouch for it, PEM. Without, those that the system trusts.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Whether people sign in with it on the pages.
    #[serde(default)]
    pub login: bool,
    /// What the pages call it.
    #[serde(default)]
    pub label: Option<String>,
    /// Lets it be asked by plain HTTP on a loopback address, and nowhere else: to try it out.
    #[serde(default)]
    pub insecure_loopback: bool,
}

fn all() -> Vec<String> {
    Algorithm::ALL.map(|algorithm| algorithm.name().to_owned()).to_vec()
}

impl Oidc {
    /// What cannot be used: keys and why.
    pub(super) fn problems(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        let mut wrong = |key, text: &str| found.push((key, text.to_owned()));
        let host = |scheme| self.issuer.strip_prefix(scheme).is_some_and(is_address);
        let loopback = self.issuer.strip_prefix("http://").is_some_and(is_loopback);
        if host("http://") && !(self.insecure_loopback && loopback) {
            wrong(
                "issuer",
                "is asked by https only; insecure_loopback = true lifts that for a loopback address",
            );
        } else if !host("https://") && !host("http://") {
            wrong("issuer", "is no address as in https://id.example.org");
        }
        if self.insecure_loopback && !loopback {
            wrong(
                "insecure_loopback",
                "is for an issuer at http://127.0.0.1, http://[::1] or http://localhost",
            );
        }
        let named = |name: &Option<String>| name.as_ref().is_some_and(|name| !name.is_empty());
        if !named(&self.audience) && !self.login {
            wrong("audience", "is missing, and login is false: nothing of this provider would be taken");
        }
        if self.login && !named(&self.client_id) {
            wrong("client_id", "is missing: as whom would people be sent to the provider?");
        }
        if named(&self.audience) && self.audience == self.client_id {
            wrong("audience", "must not be client_id, which is the audience of ID tokens");
        }
        if self.login && !named(&self.label) {
            wrong("label", "is missing: what should the pages call this provider?");
        }
        if self.algorithms.is_empty() || self.algorithms.iter().any(|name| Algorithm::named(name).is_none()) {
            wrong("algorithms", "are some of RS256, PS256, ES256 and EdDSA");
        }
        found
    }
}

/// A host, and perhaps port and path.
fn is_address(rest: &str) -> bool {
    let host = rest.split(['/', ':']).next().unwrap_or_default();
    let clean = rest.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}?#@".contains(&b));
    clean && (!host.is_empty() || rest.starts_with('['))
}

fn is_loopback(rest: &str) -> bool {
    let authority = rest.split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers() {
        let good = r#"issuer = "https://id.example.org/realms/a"
            audience = "https://images.example.org/dicom-web""#;
        let login = r#"issuer = "https://id.example.org"
            client_id = "overread"
            login = true
            label = "Clinic""#;
        for (text, expected) in [
            (good.to_owned(), &[][..]),
            (login.to_owned(), &[]),
            (good.replace("https://id", "http://id"), &["issuer"]),
            (good.replace("https://id.example.org/realms/a", "id.example.org"), &["issuer"]),
            (good.replace("https://id.example.org/realms/a", "https://"), &["issuer"]),
            (good.replace("realms/a", "realms?a"), &["issuer"]),
            (good.replace("https://id.example.org", "http://127.0.0.1:9"), &["issuer"]),
            (
                good.replace("https://id.example.org", "http://127.0.0.1:9") + "\ninsecure_loopback = true",
                &[],
            ),
            (good.replace("https://id.example.org", "http://[::1]:9") + "\ninsecure_loopback = true", &[]),
            (
                good.replace("https://id", "http://127.0.0.1.id") + "\ninsecure_loopback = true",
                &["issuer", "insecure_loopback"],
            ),
            (good.to_owned() + "\ninsecure_loopback = true", &["insecure_loopback"]),
            (good.replace("audience", "client_id"), &["audience"]),
            (good.to_owned() + "\nclient_id = \"https://images.example.org/dicom-web\"", &["audience"]),
            (login.replace("label = \"Clinic\"", ""), &["label"]),
            (login.replace("client_id = \"overread\"", ""), &["client_id"]),
            (good.to_owned() + "\nalgorithms = [\"ES256\"]", &[]),
            (good.to_owned() + "\nalgorithms = [\"HS256\"]", &["algorithms"]),
            (good.to_owned() + "\nalgorithms = [\"none\"]", &["algorithms"]),
            (good.to_owned() + "\nalgorithms = []", &["algorithms"]),
        ] {
            let provider: Oidc = toml::from_str(&text).unwrap();
            let found: Vec<_> = provider.problems().into_iter().map(|(key, _)| key).collect();
            assert_eq!(found, expected, "{text}");
        }
        assert!(
            toml::from_str::<Oidc>(&(good.to_owned() + "\nclient_secret = \"x\"")).is_err(),
            "unknown keys"
        );
    }
}
