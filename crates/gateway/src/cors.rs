//! Calls from pages of other origins: none but those that the configuration lists.

use axum::body::Body;
use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

/// What a page may send beside what every page may.
const HEADERS: &str =
    "Accept, Authorization, Content-Type, If-Match, If-Modified-Since, If-None-Match, If-Range, Range";
/// What a page may read beside what every page may.
const EXPOSED: &str = "Accept-Ranges, Allow, Content-Length, Content-Location, Content-Range, Content-Type, ETag, \
    Location, Retry-After, Server-Timing, Warning, \
    WWW-Authenticate, X-Request-Id";

/// Who may call from a browser.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cors {
    origins: Vec<String>,
    credentials: bool,
}

impl Cors {
    /// These origins, and whether with cookies and client certificates.
    pub(crate) fn new(origins: Vec<String>, credentials: bool) -> Self {
        Self { origins, credentials }
    }

    /// The answer to a preflight request of a listed origin for a resource with these methods; `None` when it is no
    /// such request: then OPTIONS asks for capabilities (PS3.18 8.9).
    pub(crate) fn preflight(
        &self,
        method: &Method,
        headers: &HeaderMap,
        allow: &'static str,
    ) -> Option<Response> {
        let asks = *method == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if !asks || self.listed(headers).is_none() {
            return None;
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        for (name, value) in [
            (ACCESS_CONTROL_ALLOW_METHODS, allow),
            (ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
            (ACCESS_CONTROL_MAX_AGE, "600"),
        ] {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        Some(response)
    }

    /// Adds what a listed origin's page needs to read the answer, and says to browsers that nobody else's may hold it.
    pub(crate) fn allow(&self, request: &HeaderMap, answer: &mut HeaderMap) {
        let listed = self.listed(request);
        let sharing = if listed.is_some() { "cross-origin" } else { "same-origin" };
        answer.insert(
            HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static(sharing),
        );
        if self.origins.is_empty() {
            return;
        }
        answer.append(VARY, HeaderValue::from_static("Origin"));
        let Some(origin) = listed else { return };
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        if self.credentials {
            answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
    }

    /// Whether a page of another origin asks, one that may use what the browser knows of its user.
    pub(crate) fn lends_credentials(&self, request: &HeaderMap) -> bool {
        self.credentials && self.listed(request).is_some()
    }

    fn listed<'h>(&self, headers: &'h HeaderMap) -> Option<&'h HeaderValue> {
        let mut given = headers.get_all(ORIGIN).iter();
        let origin = given.next().filter(|_| given.next().is_none())?;
        self.origins.iter().any(|known| known.as_bytes() == origin.as_bytes()).then_some(origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIEWER: &str = "https://viewer.example.org";

    fn request(origin: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, HeaderValue::from_str(origin).expect("a value"));
        headers.insert(ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("GET"));
        headers
    }

    #[test]
    fn only_listed_origins() {
        let listed = Cors::new(vec![VIEWER.to_owned()], false);
        for (cors, origin, allowed) in [
            (&listed, VIEWER, true),
            (&listed, "https://viewer.example.org.evil.example", false),
            (&listed, "http://viewer.example.org", false),
            (&listed, "null", false),
            (&Cors::default(), VIEWER, false),
        ] {
            let headers = request(origin);
            let mut answer = HeaderMap::new();
            cors.allow(&headers, &mut answer);
            assert_eq!(answer.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN), allowed, "{origin}");
            assert_eq!(answer["cross-origin-resource-policy"] == "cross-origin", allowed, "{origin}");
            assert!(!answer.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS));
            let preflight = cors.preflight(&Method::OPTIONS, &headers, "GET");
            assert_eq!(preflight.is_some(), allowed, "{origin}");
            assert!(cors.preflight(&Method::GET, &headers, "GET").is_none());
        }
    }

    #[test]
    fn credentials_are_lent_to_a_named_origin_only() {
        let cors = Cors::new(vec![VIEWER.to_owned()], true);
        for (origin, lent) in [(VIEWER, true), ("https://evil.example", false)] {
            let mut answer = HeaderMap::new();
            cors.allow(&request(origin), &mut answer);
            assert_eq!(answer.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS), lent, "{origin}");
            assert_eq!(cors.lends_credentials(&request(origin)), lent, "{origin}");
            assert_ne!(answer.get(ACCESS_CONTROL_ALLOW_ORIGIN), Some(&HeaderValue::from_static("*")));
            // A cache must not give one origin's answer to another.
            assert!(answer.get_all(VARY).iter().any(|value| value == "Origin"));
        }
        let mut twice = request(VIEWER);
        twice.append(ORIGIN, HeaderValue::from_static("https://evil.example"));
        assert!(!cors.lends_credentials(&twice));
    }
}
