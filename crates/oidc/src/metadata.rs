//! What a provider says of itself (OpenID Connect Discovery 4, RFC 8414).

use serde::Deserialize;

/// A provider's metadata, as far as it is used here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Where its keys are.
    pub keys: String,
    /// Where a browser is sent to sign in.
    pub authorization: Option<String>,
    /// Where a code is redeemed.
    pub token: Option<String>,
    /// Where a browser is sent to sign out.
    pub end_session: Option<String>,
    /// Whether answers to a login name their issuer (RFC 9207).
    pub names_itself: bool,
}

/// Why metadata cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// Not what RFC 8414 3.2 describes.
    #[error("the provider's metadata cannot be read")]
    Malformed,
    /// It is another provider's (RFC 8414 3.3).
    #[error("the provider's metadata names another issuer")]
    Issuer,
    /// An address that is not of the scheme of the issuer's.
    #[error("the provider's metadata has an address of another scheme than the issuer's")]
    Scheme,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    jwks_uri: String,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    end_session_endpoint: Option<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl Metadata {
    /// Where the metadata of this issuer are (OpenID Connect Discovery 4).
    pub fn address(issuer: &str) -> String {
        format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))
    }

    /// Reads the metadata of this issuer.
    ///
    /// # Errors
    /// [`MetadataError`].
    pub fn read(json: &[u8], issuer: &str) -> Result<Self, MetadataError> {
        let document: Document = serde_json::from_slice(json).map_err(|_| MetadataError::Malformed)?;
        if document.issuer != issuer {
            return Err(MetadataError::Issuer);
        }
        let metadata = Self {
            keys: document.jwks_uri,
            authorization: document.authorization_endpoint,
            token: document.token_endpoint,
            end_session: document.end_session_endpoint,
            names_itself: document.authorization_response_iss_parameter_supported,
        };
        let scheme = |url: &str| url.split_once("://").map(|(scheme, _)| scheme.to_owned());
        let others = [&metadata.authorization, &metadata.token, &metadata.end_session];
        let same = |url: &String| scheme(url) == scheme(issuer);
        let all_same = same(&metadata.keys) && others.into_iter().flatten().all(same);
        if all_same { Ok(metadata) } else { Err(MetadataError::Scheme) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata() {
        let good = r#"{"issuer":"https://id.example/t","jwks_uri":"https://keys.example/","token_endpoint":"https://id.example/token","x":[1]}"#;
        let read = |text: &str| Metadata::read(text.as_bytes(), "https://id.example/t");
        let found = read(good).unwrap();
        assert_eq!((found.keys.as_str(), found.authorization), ("https://keys.example/", None));
        for (text, error) in [
            (good.replace("/t\"", "/other\""), MetadataError::Issuer),
            (good.replace("/t\"", "/t/\""), MetadataError::Issuer),
            (good.replace("https://keys", "http://keys"), MetadataError::Scheme),
            (good.replace("https://keys", "file://keys"), MetadataError::Scheme),
            (good.replace("https://id.example/token", "http://id.example/token"), MetadataError::Scheme),
            (good.replace("jwks_uri", "other"), MetadataError::Malformed),
            ("<html>".to_owned(), MetadataError::Malformed),
        ] {
            assert_eq!(read(&text), Err(error), "{text}");
        }
        let address = "https://id.example/t/.well-known/openid-configuration";
        assert_eq!(Metadata::address("https://id.example/t"), address);
        assert_eq!(Metadata::address("https://id.example/t/"), address);
    }
}
