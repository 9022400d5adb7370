//! Access tokens (RFC 9068; IHE ITI IUA 3.71.4.2.2.1, 3.72.4.3).

use serde_json::Value;

use crate::claims::{self, Claims};
use crate::{Fault, Keys, Unverified};

/// What an access token must say.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Whose token: the provider's name, letter by letter.
    pub issuer: &'a str,
    /// For whom: our name with the provider.
    pub audience: &'a str,
}

/// What a verified access token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessToken {
    /// For whom somebody acts: a person, or the client itself.
    pub subject: String,
    /// The program that got the token.
    pub client: String,
    /// What it may be used for: words between blanks (RFC 6749 3.3).
    pub scope: String,
}

impl AccessToken {
    /// What the token says, if one of these keys signed it and it is good here and now.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn verify(
        token: &Unverified<'_>,
        keys: &Keys,
        expected: Expected<'_>,
        now: i64,
    ) -> Result<Self, Fault> {
        if !matches!(token.media_type().as_deref(), Some("at+jwt" | "jwt")) {
            return Err(Fault::Type);
        }
        let (claims, _) = token.verified(keys)?;
        if claims::text(claims, "iss")? != expected.issuer {
            return Err(Fault::Issuer);
        }
        not_of_another_kind(claims)?;
        if !claims::audience(claims)?.contains(&expected.audience) {
            return Err(Fault::Audience);
        }
        claims::in_time(claims, now)?;
        claims::text(claims, "jti")?;
        let scope = claims::text(claims, "scope")?;
        of_no_patient(claims, scope)?;
        Ok(Self {
            subject: claims::subject(claims)?.to_owned(),
            client: claims::text(claims, "client_id")?.to_owned(),
            scope: scope.to_owned(),
        })
    }
}

/// An ID token has claims that an access token has not; one that is bound to a key is no bearer token (RFC 8705 3, RFC 9449 6).
fn not_of_another_kind(claims: &Claims) -> Result<(), Fault> {
    let says = |name: &str, kind: &str| {
        claims.get(name).and_then(Value::as_str).is_some_and(|text| text.eq_ignore_ascii_case(kind))
    };
    let of_login = ["nonce", "at_hash", "c_hash"].iter().any(|name| claims.contains_key(*name));
    if of_login || says("typ", "id") || says("token_use", "id") {
        return Err(Fault::IdToken);
    }
    if claims.contains_key("cnf") {
        return Err(Fault::Bound);
    }
    Ok(())
}

/// A token for one patient's data, in each way that it is said: SMART's launch context and scopes, and IUA's consent
/// extension. What may be seen cannot be narrowed to a patient here, so such a token is refused rather than let see more.
fn of_no_patient(claims: &Claims, scope: &str) -> Result<(), Fault> {
    let consent = claims.get("extensions").and_then(|all| all.get("ihe_bppc"));
    let named = consent.is_some() || ["patient", "patient_id"].iter().any(|name| claims.contains_key(*name));
    let scoped = scope.split(' ').any(|word| word.starts_with("patient/"));
    if named || scoped { Err(Fault::Patient) } else { Ok(()) }
}
