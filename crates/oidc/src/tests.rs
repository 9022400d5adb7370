//! AUTH-003, AUTH-004, AUTH-005, AUTH-010, AUTH-011: tokens that are right but for one thing.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as URL;
use serde_json::{Value, json};

use crate::*;

const NOW: i64 = 1_800_000_000;
const ISSUER: &str = "https://id.example";
const AUDIENCE: &str = "https://images.example/dicom-web";

enum Signer {
    Ed(Ed25519KeyPair),
    Ec(EcdsaKeyPair),
}

/// A provider with a key of its own.
struct Provider {
    signer: Signer,
    keys: Keys,
}

impl Provider {
    fn ed() -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        let x = URL.encode(pair.public_key().as_ref());
        Self::of(Signer::Ed(pair), &json!({"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": x}))
    }

    fn ec() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point = pair.public_key().as_ref();
        let (x, y) = (URL.encode(&point[1..33]), URL.encode(&point[33..]));
        Self::of(Signer::Ec(pair), &json!({"kty": "EC", "crv": "P-256", "kid": "k", "x": x, "y": y}))
    }

    fn of(signer: Signer, key: &Value) -> Self {
        let set = json!({ "keys": [key] }).to_string();
        Self { signer, keys: Keys::read(set.as_bytes(), &Algorithm::ALL).unwrap() }
    }

    fn name(&self) -> &'static str {
        match self.signer {
            Signer::Ed(_) => "EdDSA",
            Signer::Ec(_) => "ES256",
        }
    }

    fn token(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", URL.encode(header.to_string()), URL.encode(claims.to_string()));
        let signature = match &self.signer {
            Signer::Ed(pair) => pair.sign(signed.as_bytes()).as_ref().to_vec(),
            Signer::Ec(pair) => pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap().as_ref().to_vec(),
        };
        format!("{signed}.{}", URL.encode(signature))
    }
}

/// `base` with members set, or taken away where the value is null.
fn with(base: &Value, changes: &Value) -> Value {
    let mut all = base.as_object().unwrap().clone();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(all.remove(name)),
            value => drop(all.insert(name.clone(), value.clone())),
        }
    }
    Value::Object(all)
}

fn access_claims() -> Value {
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "s-1", "client_id": "viewer", "jti": "j", "scope": "RAD-107",
           "iat": NOW, "exp": NOW + 300})
}

fn access(provider: &Provider, header: &Value, claims: &Value) -> Result<AccessToken, Fault> {
    let text = provider.token(header, claims);
    let expected = Expected { issuer: ISSUER, audience: AUDIENCE };
    AccessToken::verify(&Unverified::parse(&text)?, &provider.keys, expected, NOW)
}

#[test]
fn an_access_token() {
    for provider in [Provider::ed(), Provider::ec()] {
        for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "JWT"] {
            let header = json!({"alg": provider.name(), "kid": "k", "typ": typ});
            let found = access(&provider, &header, &access_claims()).unwrap();
            let expected =
                AccessToken { subject: "s-1".into(), client: "viewer".into(), scope: "RAD-107".into() };
            assert_eq!(found, expected, "{typ}");
        }
    }
}

#[test]
fn access_tokens_that_are_wrong_in_their_head() {
    let provider = Provider::ec();
    let head = json!({"alg": "ES256", "kid": "k", "typ": "at+jwt"});
    for (changes, fault) in [
        (json!({"typ": null}), Fault::Type),
        (json!({"typ": "logout+jwt"}), Fault::Type),
        (json!({"typ": "dpop+jwt"}), Fault::Type),
        (json!({"alg": "none"}), Fault::Algorithm),
        (json!({"alg": "HS256"}), Fault::Algorithm),
        (json!({"alg": "RS256"}), Fault::Signature),
        (json!({"alg": "EdDSA"}), Fault::Signature),
        (json!({"kid": "other"}), Fault::UnknownKey),
        (json!({"kid": "../../../../dev/null"}), Fault::UnknownKey),
        (json!({"kid": "k' OR '1'='1"}), Fault::UnknownKey),
        (json!({"kid": "k".repeat(300)}), Fault::Malformed),
        (json!({"crit": ["b64"], "b64": false}), Fault::Critical),
    ] {
        assert_eq!(access(&provider, &with(&head, &changes), &access_claims()), Err(fault), "{changes}");
    }
    for ignored in [
        json!({"jku": "https://evil.example"}),
        json!({"x5u": "x"}),
        json!({"jwk": {}}),
        json!({"kid": null}),
    ] {
        assert!(access(&provider, &with(&head, &ignored), &access_claims()).is_ok(), "{ignored}");
    }
}

#[test]
fn access_tokens_that_are_wrong_in_what_they_say() {
    let provider = Provider::ed();
    let head = json!({"alg": "EdDSA", "kid": "k", "typ": "at+jwt"});
    for (changes, answer) in [
        (json!({"iss": "https://id.example/"}), Err(Fault::Issuer)),
        (json!({"iss": null}), Err(Fault::Missing("iss"))),
        (json!({"iss": [ISSUER]}), Err(Fault::Malformed)),
        (json!({"aud": "https://other.example"}), Err(Fault::Audience)),
        (json!({"aud": []}), Err(Fault::Audience)),
        (json!({"aud": [7, AUDIENCE]}), Err(Fault::Malformed)),
        (json!({"aud": null}), Err(Fault::Missing("aud"))),
        (json!({"aud": ["https://other.example", AUDIENCE]}), Ok(())),
        (json!({"exp": null}), Err(Fault::Missing("exp"))),
        (json!({"exp": "1900000000"}), Err(Fault::Malformed)),
        (json!({"exp": 1e300}), Err(Fault::Malformed)),
        (json!({"exp": NOW - 30}), Ok(())),
        (json!({"exp": NOW as f64 - 30.5}), Ok(())),
        (json!({"exp": NOW - 60}), Err(Fault::Expired)),
        (json!({"iat": null}), Err(Fault::Missing("iat"))),
        (json!({"iat": NOW + 30}), Ok(())),
        (json!({"iat": NOW + 61}), Err(Fault::Early)),
        (json!({"nbf": NOW + 30}), Ok(())),
        (json!({"nbf": NOW + 61}), Err(Fault::Early)),
        (json!({"nbf": "x"}), Err(Fault::Malformed)),
        (json!({"sub": null}), Err(Fault::Missing("sub"))),
        (json!({"sub": ""}), Err(Fault::Missing("sub"))),
        (json!({"sub": "a\nb"}), Err(Fault::Malformed)),
        (json!({"sub": "s".repeat(256)}), Err(Fault::Malformed)),
        (json!({"client_id": null}), Err(Fault::Missing("client_id"))),
        (json!({"jti": null}), Err(Fault::Missing("jti"))),
        (json!({"scope": null}), Err(Fault::Missing("scope"))),
        (json!({"scope": ["RAD-107"]}), Err(Fault::Malformed)),
        (json!({"nonce": "n"}), Err(Fault::IdToken)),
        (json!({"at_hash": "h"}), Err(Fault::IdToken)),
        (json!({"typ": "ID"}), Err(Fault::IdToken)),
        (json!({"typ": "Bearer"}), Ok(())),
        (json!({"token_use": "id"}), Err(Fault::IdToken)),
        (json!({"cnf": {"jkt": "x"}}), Err(Fault::Bound)),
        (json!({"patient": "7"}), Err(Fault::Patient)),
        (json!({"patient_id": "7"}), Err(Fault::Patient)),
        (json!({"scope": "patient/ImagingStudy.rs"}), Err(Fault::Patient)),
        (json!({"scope": "RAD-107 patient/*.rs"}), Err(Fault::Patient)),
        (json!({"extensions": {"ihe_bppc": {"patient_id": "7^^^&1.2&ISO"}}}), Err(Fault::Patient)),
        (json!({"extensions": {"ihe_iua": {"subject_name": "Dr. Miller"}}}), Ok(())),
    ] {
        let found = access(&provider, &head, &with(&access_claims(), &changes)).map(|_| ());
        assert_eq!(found, answer, "{changes}");
    }
}

/// What others signed, and what was changed after it was.
#[test]
fn signatures() {
    let (ours, others) = (Provider::ed(), Provider::ed());
    let head = json!({"alg": "EdDSA", "kid": "k", "typ": "at+jwt"});
    let expected = Expected { issuer: ISSUER, audience: AUDIENCE };
    let check =
        |text: &str| AccessToken::verify(&Unverified::parse(text)?, &ours.keys, expected, NOW).map(|_| ());
    let good = ours.token(&head, &access_claims());
    assert_eq!(check(&good), Ok(()));
    assert_eq!(check(&others.token(&head, &access_claims())), Err(Fault::Signature));
    let parts: Vec<&str> = good.split('.').collect();
    let widened = URL.encode(with(&access_claims(), &json!({"scope": "RAD-107 RAD-108"})).to_string());
    assert_eq!(check(&format!("{}.{widened}.{}", parts[0], parts[2])), Err(Fault::Signature));
    assert_eq!(check(&format!("{}.{}.", parts[0], parts[1])), Err(Fault::Signature));
}

#[test]
fn id_tokens() {
    let access_token = "an access token";
    let login = Login { issuer: ISSUER, client_id: "overread", nonce: "n-1", access_token };
    let base =
        json!({"iss": ISSUER, "aud": "overread", "sub": "s-1", "nonce": "n-1", "iat": NOW, "exp": NOW + 60});
    // Made by hand: the left half of SHA-512, for Ed25519, and of SHA-256.
    let half = |algorithm: Algorithm| URL.encode(algorithm.half_hash(access_token));
    for provider in [Provider::ed(), Provider::ec()] {
        let head = json!({"alg": provider.name(), "kid": "k"});
        let algorithm = Algorithm::named(provider.name()).unwrap();
        let other = if algorithm == Algorithm::EdDsa { Algorithm::Es256 } else { Algorithm::EdDsa };
        for (changes, answer) in [
            (json!({}), Ok(())),
            (json!({"at_hash": half(algorithm)}), Ok(())),
            (json!({"at_hash": half(other)}), Err(Fault::AccessHash)),
            (json!({"at_hash": 7}), Err(Fault::AccessHash)),
            (json!({"azp": "overread"}), Ok(())),
            (json!({"azp": "viewer"}), Err(Fault::Audience)),
            (json!({"aud": "viewer"}), Err(Fault::Audience)),
            (json!({"aud": ["overread", "viewer"]}), Err(Fault::Audience)),
            (json!({"aud": ["overread", "viewer"], "azp": "overread"}), Ok(())),
            (json!({"nonce": "n-2"}), Err(Fault::Nonce)),
            (json!({"nonce": null}), Err(Fault::Missing("nonce"))),
            (json!({"iss": "https://evil.example"}), Err(Fault::Issuer)),
            (json!({"exp": NOW - 61}), Err(Fault::Expired)),
            (json!({"sub": null}), Err(Fault::Missing("sub"))),
        ] {
            let text = provider.token(&head, &with(&base, &changes));
            let found = IdToken::verify(&Unverified::parse(&text).unwrap(), &provider.keys, login, NOW);
            assert_eq!(found.map(|token| token.subject), answer.map(|()| "s-1".to_owned()), "{changes}");
        }
        let as_access = provider.token(&with(&head, &json!({"typ": "at+jwt"})), &base);
        let found = IdToken::verify(&Unverified::parse(&as_access).unwrap(), &provider.keys, login, NOW);
        assert_eq!(found, Err(Fault::Type), "an access token is no ID token");
    }
}
