//! Whether a request may be taken for its cookie's owner's wish.
//!
//! A browser sends cookies by itself, so a page of another site could have it ask in its user's name. A cookie
//! therefore counts for reading only, and only where the browser says that the page is ours or that no page is behind
//! the request (W3C Fetch Metadata; RFC 6454 for browsers before it).

use http::header::{COOKIE, HOST, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, Method};

use crate::cors::Cors;

/// The request's headers as whoever recognises principals may see them: without a cookie that does not count.
pub(crate) fn headers(parts: &Parts, cors: &Cors) -> HeaderMap {
    let mut headers = parts.headers.clone();
    if headers.contains_key(COOKIE) && !cookie_counts(parts, cors) {
        headers.remove(COOKIE);
    }
    headers
}

fn cookie_counts(parts: &Parts, cors: &Cors) -> bool {
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        return false;
    }
    if cors.lends_credentials(&parts.headers) {
        return true;
    }
    let text = |name| parts.headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if let Some(site) = text(http::HeaderName::from_static("sec-fetch-site")) {
        return matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text(ORIGIN) else { return true };
    // HTTP/2 has the host in the URI (RFC 9113 8.3.1).
    let host = text(HOST).or_else(|| parts.uri.authority().map(|authority| authority.as_str()));
    origin.split_once("://").map(|(_, host)| host) == host
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Request};

    use super::*;

    #[test]
    fn cookies_count_for_our_own_pages_reads() {
        let lent = Cors::new(vec!["https://viewer.here".to_owned()], true);
        let kept = Cors::new(vec!["https://viewer.here".to_owned()], false);
        for (method, fields, cors, counts) in [
            ("GET", &[][..], &kept, true),
            ("HEAD", &[("sec-fetch-site", "same-origin")], &kept, true),
            ("GET", &[("sec-fetch-site", "none")], &kept, true),
            ("POST", &[("sec-fetch-site", "same-origin")], &kept, false),
            ("DELETE", &[("sec-fetch-site", "same-origin")], &kept, false),
            ("GET", &[("sec-fetch-site", "same-site")], &kept, false),
            ("GET", &[("sec-fetch-site", "cross-site")], &kept, false),
            ("GET", &[("sec-fetch-site", "cross-site"), ("origin", "https://here:8443")], &kept, false),
            ("GET", &[("origin", "https://here:8443")], &kept, true),
            ("GET", &[("origin", "https://here")], &kept, false),
            ("GET", &[("origin", "null")], &kept, false),
            ("GET", &[("origin", "https://viewer.here"), ("sec-fetch-site", "same-site")], &kept, false),
            ("GET", &[("origin", "https://viewer.here"), ("sec-fetch-site", "same-site")], &lent, true),
            ("POST", &[("origin", "https://viewer.here"), ("sec-fetch-site", "same-site")], &lent, false),
            ("GET", &[("origin", "https://evil.here"), ("sec-fetch-site", "same-site")], &lent, false),
        ] {
            let request = Request::builder().method(method).uri("/dicom-web/studies");
            let (mut parts, ()) = request.body(()).expect("a request").into_parts();
            parts.headers.insert(HOST, HeaderValue::from_static("here:8443"));
            parts.headers.insert(COOKIE, HeaderValue::from_static("overread=x"));
            for (name, value) in fields {
                parts.headers.insert(*name, HeaderValue::from_static(value));
            }
            assert_eq!(headers(&parts, cors).contains_key(COOKIE), counts, "{method} {fields:?}");
        }
    }
}
