//! ID tokens (OpenID Connect Core 3.1.3.7).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::claims;
use crate::{Fault, Keys, Unverified};

/// The login that an ID token must answer.
#[derive(Clone, Copy, Debug)]
pub struct Login<'a> {
    /// Whose token.
    pub issuer: &'a str,
    /// Our name as a client.
    pub client_id: &'a str,
    /// What was sent with the question.
    pub nonce: &'a str,
    /// The access token that came with it.
    pub access_token: &'a str,
}

/// What a verified ID token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdToken {
    /// Who signed in.
    pub subject: String,
}

impl IdToken {
    /// What the token says, if one of these keys signed it and it answers this login.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn verify(token: &Unverified<'_>, keys: &Keys, login: Login<'_>, now: i64) -> Result<Self, Fault> {
        if !matches!(token.media_type().as_deref(), None | Some("jwt")) {
            return Err(Fault::Type);
        }
        let (claims, algorithm) = token.verified(keys)?;
        if claims::text(claims, "iss")? != login.issuer {
            return Err(Fault::Issuer);
        }
        let audience = claims::audience(claims)?;
        let party = claims.get("azp").map(|party| party.as_str().ok_or(Fault::Malformed)).transpose()?;
        let for_us =
            audience.contains(&login.client_id) && party.is_none_or(|party| party == login.client_id);
        if !for_us || (audience.len() > 1 && party.is_none()) {
            return Err(Fault::Audience);
        }
        claims::in_time(claims, now)?;
        if claims::text(claims, "nonce")? != login.nonce {
            return Err(Fault::Nonce);
        }
        if let Some(hash) = claims.get("at_hash").map(Value::as_str) {
            let made = URL_SAFE_NO_PAD.encode(algorithm.half_hash(login.access_token));
            if hash != Some(made.as_str()) {
                return Err(Fault::AccessHash);
            }
        }
        Ok(Self { subject: claims::subject(claims)?.to_owned() })
    }
}
