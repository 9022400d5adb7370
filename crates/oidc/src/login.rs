//! What a login asks for: the address that a browser is sent to.

use std::fmt::Write as _;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A login's question (OpenID Connect Core 3.1.2.1). Its secrets are the caller's: each is for one login alone.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Our name as a client.
    pub client_id: &'a str,
    /// Where the browser comes back to, letter by letter as the provider knows it.
    pub redirect_uri: &'a str,
    /// What the browser brings back.
    pub state: &'a str,
    /// What the ID token must say.
    pub nonce: &'a str,
    /// What redeeming the code takes (RFC 7636 4.1): 43 to 128 letters and digits.
    pub verifier: &'a str,
}

impl Question<'_> {
    /// The address of the provider's page, with the question in its query.
    pub fn address(&self, authorization_endpoint: &str) -> String {
        let challenge = challenge(self.verifier);
        let mut address = authorization_endpoint.to_owned();
        let mut separator = if address.contains('?') { '&' } else { '?' };
        for (name, value) in [
            ("response_type", "code"),
            ("scope", "openid"),
            ("client_id", self.client_id),
            ("redirect_uri", self.redirect_uri),
            ("state", self.state),
            ("nonce", self.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ] {
            let _ = write!(address, "{separator}{name}=");
            escape(&mut address, value);
            separator = '&';
        }
        address
    }
}

/// The S256 challenge of a verifier (RFC 7636 4.2).
pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

/// Everything but what never needs it (RFC 3986 2.3).
fn escape(out: &mut String, value: &str) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions() {
        // RFC 7636 B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        let question = Question {
            client_id: "over read",
            redirect_uri: "https://here:8443/sign-in/callback",
            state: "s",
            nonce: "n",
            verifier,
        };
        assert_eq!(
            question.address("https://id.example/auth"),
            "https://id.example/auth?response_type=code&scope=openid&client_id=over%20read\
             &redirect_uri=https%3A%2F%2Fhere%3A8443%2Fsign-in%2Fcallback&state=s&nonce=n\
             &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
        );
        assert!(
            question
                .address("https://id.example/auth?t=1")
                .starts_with("https://id.example/auth?t=1&response_type")
        );
    }
}
