//! A JWS in compact form (RFC 7515 3.1), taken apart.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{Algorithm, Fault, Keys};

/// The longest token, in bytes.
pub const LONGEST: usize = 8_192;
/// The longest name of a key.
const KEY_ID: usize = 256;

/// A token whose signature was not looked at. Nothing that it says is true yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Unverified<'a> {
    /// What is signed: header and payload as they came.
    signed: &'a str,
    signature: Vec<u8>,
    header: Header,
    claims: Map<String, Value>,
}

/// `jku`, `jwk`, `x5u` and `x5c` are not here: a token does not say where its own key is found.
#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    crit: Option<Value>,
}

impl<'a> Unverified<'a> {
    /// Takes a token apart. Its algorithm is one that may be accepted, and nothing in it is critical.
    ///
    /// # Errors
    /// [`Fault::Long`], [`Fault::Malformed`], [`Fault::Algorithm`], [`Fault::Critical`].
    pub fn parse(token: &'a str) -> Result<Self, Fault> {
        if token.len() > LONGEST {
            return Err(Fault::Long);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Fault::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(Fault::Malformed)?;
        let header: Header = serde_json::from_slice(&decoded(header)?).map_err(|_| Fault::Malformed)?;
        if header.crit.is_some() {
            return Err(Fault::Critical);
        }
        Algorithm::named(&header.alg).ok_or(Fault::Algorithm)?;
        if header.kid.as_ref().is_some_and(|kid| kid.len() > KEY_ID) {
            return Err(Fault::Malformed);
        }
        let claims = serde_json::from_slice(&decoded(payload)?).map_err(|_| Fault::Malformed)?;
        Ok(Self { signed, signature: decoded(signature)?, header, claims })
    }

    /// Whose token it says that it is: for choosing the provider whose keys are tried.
    pub fn issuer(&self) -> Option<&str> {
        self.claims.get("iss").and_then(Value::as_str)
    }

    /// The type of its header, without the prefix that may be left out (RFC 7515 4.1.9), in lower case.
    pub(crate) fn media_type(&self) -> Option<String> {
        let typ = self.header.typ.as_deref()?.to_ascii_lowercase();
        Some(typ.strip_prefix("application/").map(str::to_owned).unwrap_or(typ))
    }

    /// Its claims and the algorithm, once one of these keys made its signature.
    ///
    /// # Errors
    /// [`Fault::UnknownKey`], [`Fault::Signature`].
    pub(crate) fn verified(&self, keys: &Keys) -> Result<(&Map<String, Value>, Algorithm), Fault> {
        let algorithm = Algorithm::named(&self.header.alg).ok_or(Fault::Algorithm)?;
        let key = keys.find(self.header.kid.as_deref(), algorithm).ok_or(Fault::UnknownKey)?;
        if key.algorithm() != algorithm || !key.made(self.signed.as_bytes(), &self.signature) {
            return Err(Fault::Signature);
        }
        Ok((&self.claims, algorithm))
    }
}

fn decoded(part: &str) -> Result<Vec<u8>, Fault> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Fault::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str, payload: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.{}", part(header), part(payload), part("signature"))
    }

    #[test]
    fn what_is_no_token() {
        let long = format!("{}.{}.x", "a".repeat(4_096), "b".repeat(4_096));
        for (text, fault) in [
            ("", Fault::Malformed),
            ("a.b", Fault::Malformed),
            ("a.b.c.d", Fault::Malformed),
            ("=.=.=", Fault::Malformed),
            (&long, Fault::Long),
            (&token("{}", "{}"), Fault::Malformed),
            (&token("[]", "{}"), Fault::Malformed),
            (&token(r#"{"alg":"ES256"}"#, "[]"), Fault::Malformed),
            (&token(r#"{"alg":"ES256"}"#, "{"), Fault::Malformed),
            (&token(r#"{"alg":"ES256","alg":"none"}"#, "{}"), Fault::Malformed),
            (&token(r#"{"alg":"none"}"#, "{}"), Fault::Algorithm),
            (&token(r#"{"alg":"None"}"#, "{}"), Fault::Algorithm),
            (&token(r#"{"alg":"HS256"}"#, "{}"), Fault::Algorithm),
            (&token(r#"{"alg":"RS512"}"#, "{}"), Fault::Algorithm),
            (&token(r#"{"alg":"es256"}"#, "{}"), Fault::Algorithm),
            (&token(r#"{"alg":"ES256","crit":["exp"]}"#, "{}"), Fault::Critical),
            (&token(r#"{"alg":"ES256","crit":[]}"#, "{}"), Fault::Critical),
        ] {
            assert_eq!(Unverified::parse(text), Err(fault), "{text:.80}");
        }
        let nested = format!("{}1{}", "[".repeat(2_000), "]".repeat(2_000));
        assert_eq!(Unverified::parse(&token(r#"{"alg":"ES256"}"#, &nested)), Err(Fault::Malformed));
    }

    #[test]
    fn where_its_key_is_found_is_not_its_to_say() {
        let header =
            r#"{"alg":"ES256","jku":"https://evil.example/","jwk":{"kty":"EC"},"x5u":"file:///etc"}"#;
        let text = token(header, r#"{"iss":"https://id.example"}"#);
        let token = Unverified::parse(&text).unwrap();
        assert_eq!(token.issuer(), Some("https://id.example"));
        assert_eq!(token.verified(&Keys::default()), Err(Fault::UnknownKey));
    }
}
