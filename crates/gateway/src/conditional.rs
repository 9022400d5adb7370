//! Entity tags, and requests that want an answer only when it has changed (RFC 9110 13, WADO-040).

use dicomweb::multipart::Boundary;
use http::header::IF_NONE_MATCH;
use http::{HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};

/// A strong entity tag of one representation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tag(String);

impl Tag {
    /// The tag of what `content` (a digest of the stored bytes) looks like in a `representation`.
    pub(crate) fn of(content: &[u8], representation: &str) -> Self {
        let hash =
            Sha256::new().chain_update(content).chain_update([0]).chain_update(representation).finalize();
        let hex: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Self(format!("\"{hex}\""))
    }

    /// The value of `ETag`.
    pub(crate) fn header(&self) -> HeaderValue {
        // Only quotes and hexadecimal digits are in it.
        HeaderValue::from_str(&self.0).unwrap_or(HeaderValue::from_static("\"\""))
    }

    /// Whether the client has it already: `If-None-Match` names it, or is `*`.
    pub(crate) fn is_known_by(&self, headers: &HeaderMap) -> bool {
        headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).any(|list| {
            list.split(',')
                .map(|tag| tag.trim())
                .any(|tag| tag == "*" || tag.trim_start_matches("W/") == self.0)
        })
    }

    /// A boundary for this representation: always the same, so that the tag holds for the whole body, and not to be
    /// known before, so that no stored bytes can have been made to contain it.
    pub(crate) fn boundary(&self, secret: &[u8]) -> Boundary {
        let hash = Sha256::new().chain_update(secret).chain_update(&self.0).finalize();
        let mut bits = [0; 16];
        bits.copy_from_slice(&hash[..16]);
        Boundary::from_random(u128::from_be_bytes(bits))
    }
}

/// A boundary for a body that has no tag.
pub(crate) fn random_boundary(secret: &[u8]) -> Boundary {
    let mut bits = [0; 16];
    match getrandom::fill(&mut bits) {
        Ok(()) => Boundary::from_random(u128::from_be_bytes(bits)),
        Err(_) => Tag::of(&bits, "several").boundary(secret),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wado_040_tags() {
        let tag = Tag::of(b"digest", "application/dicom");
        assert_ne!(tag, Tag::of(b"digest", "application/octet-stream"));
        assert_ne!(tag, Tag::of(b"other", "application/dicom"));
        assert_eq!(tag, Tag::of(b"digest", "application/dicom"));
        for (header, known) in [
            (tag.0.clone(), true),
            (format!("\"other\", {}", tag.0), true),
            (format!("W/{}", tag.0), true),
            ("*".to_owned(), true),
            ("\"other\"".to_owned(), false),
            (String::new(), false),
            (tag.0.replace('"', ""), false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, HeaderValue::from_str(&header).expect("a value"));
            assert_eq!(tag.is_known_by(&headers), known, "{header}");
        }
        assert!(!tag.is_known_by(&HeaderMap::new()));
    }

    #[test]
    fn boundaries_are_of_tag_and_secret() {
        let tag = Tag::of(b"digest", "x");
        assert_eq!(tag.boundary(b"s"), tag.boundary(b"s"));
        assert_ne!(tag.boundary(b"s"), tag.boundary(b"t"));
        assert_ne!(tag.boundary(b"s"), Tag::of(b"digest", "y").boundary(b"s"));
    }
}
