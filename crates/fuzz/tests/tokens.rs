//! What identity providers say, and what somebody says in their name: tokens, key sets, metadata.

use fuzz::{Target, behaviour, magnitude};
use oidc::{AccessToken, Algorithm, Expected, Fault, IdToken, Keys, Login, Metadata, Unverified};

/// RFC 8037 A: a key, and a token that it signed.
const KEY: &str =
    r#"{"keys":[{"kty":"OKP","kid":"d","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
const SIGNED: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

/// `{"alg":"EdDSA","kid":"d","typ":"at+jwt"}` and some claims, with no signature of anybody.
const UNSIGNED: &str = "eyJhbGciOiJFZERTQSIsImtpZCI6ImQiLCJ0eXAiOiJhdCtqd3QifQ.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJhIiwiZXhwIjoxZTksImlhdCI6MX0.AAAA";

#[test]
fn json_web_tokens() {
    let keys = Keys::read(KEY.as_bytes(), &Algorithm::ALL).unwrap_or_else(|error| panic!("{error}"));
    let target = Target {
        name: "json_web_tokens",
        seeds: [SIGNED, UNSIGNED, "..", "e30.e30."].iter().map(|text| text.as_bytes().to_vec()).collect(),
        words: &[b".", b"e30", b"eyJhbGciOiJub25lIn0", b"eyJhbGciOiJFUzI1NiJ9", b"W10", b"=", b"_", b"-"],
        longest: 9_000,
    };
    target.fuzz(|input, _| {
        let Ok(text) = std::str::from_utf8(input) else { return 0 };
        let token = match Unverified::parse(text) {
            Ok(token) => token,
            Err(fault) => return behaviour(fault.to_string()),
        };
        let expected = Expected { issuer: "https://id.example", audience: "a" };
        let access = AccessToken::verify(&token, &keys, expected, 2);
        let login = Login { issuer: "https://id.example", client_id: "a", nonce: "n", access_token: "t" };
        let id = IdToken::verify(&token, &keys, login, 2);
        // Nobody but the key's owner can have signed what counts, and what he signed here is no set of claims.
        let refused = [Fault::Type, Fault::Signature, Fault::UnknownKey];
        assert!(access.as_ref().is_err_and(|fault| refused.contains(fault)), "{access:?} {text}");
        assert!(id.as_ref().is_err_and(|fault| refused.contains(fault)), "{id:?} {text}");
        behaviour((
            access.err().map(|e| e.to_string()),
            id.err().map(|e| e.to_string()),
            magnitude(text.len()),
        ))
    });
}

#[test]
fn what_providers_publish() {
    let metadata = r#"{"issuer":"https://id.example","jwks_uri":"https://id.example/k","token_endpoint":"https://id.example/t"}"#;
    let target = Target {
        name: "what_providers_publish",
        seeds: [KEY, metadata].iter().map(|text| text.as_bytes().to_vec()).collect(),
        words: &[
            b"{",
            b"}",
            b"[",
            b"]",
            b"\"keys\":",
            b"\"kty\":\"RSA\"",
            b"\"n\":\"",
            b"\"alg\":",
            b"null",
            b"http://",
        ],
        longest: 4_096,
    };
    target.fuzz(|input, _| {
        let keys = Keys::read(input, &Algorithm::ALL);
        let metadata = Metadata::read(input, "https://id.example");
        if let Ok(metadata) = &metadata {
            assert!(metadata.keys.starts_with("https://"), "{metadata:?}");
        }
        behaviour((
            keys.map(|keys| keys.len()).ok(),
            metadata.map(|found| found.token.is_some()).map_err(|e| e.to_string()),
        ))
    });
}
