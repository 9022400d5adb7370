//! Calls from pages of other origins: none but those that the configuration lists.

use axum::body::Body;
use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

/// The answer to a preflight request of a listed origin; `None` when it is no such request.
pub(crate) fn preflight(origins: &[String], method: &Method, headers: &HeaderMap) -> Option<Response> {
    let asks = *method == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    if !asks || listed(origins, headers).is_none() {
        return None;
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    for (name, value) in [
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST, OPTIONS"),
        (ACCESS_CONTROL_ALLOW_HEADERS, "Accept, Authorization, Content-Type, If-None-Match, Range"),
        (ACCESS_CONTROL_MAX_AGE, "600"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Some(response)
}

/// Adds what a listed origin's page needs to read the answer. Without a list nothing is added.
pub(crate) fn allow(origins: &[String], request: &HeaderMap, answer: &mut HeaderMap) {
    if origins.is_empty() {
        return;
    }
    answer.append(VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = listed(origins, request) else { return };
    answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    let exposed = "Content-Location, Content-Range, ETag, Location, Retry-After, Warning";
    answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(exposed));
}

fn listed<'h>(origins: &[String], headers: &'h HeaderMap) -> Option<&'h HeaderValue> {
    let origin = headers.get(ORIGIN)?;
    origins.iter().any(|known| known.as_bytes() == origin.as_bytes()).then_some(origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(origin: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, HeaderValue::from_str(origin).expect("a value"));
        headers.insert(ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("GET"));
        headers
    }

    #[test]
    fn only_listed_origins() {
        let listed = vec!["https://viewer.example.org".to_owned()];
        for (origins, origin, allowed) in [
            (&listed, "https://viewer.example.org", true),
            (&listed, "https://viewer.example.org.evil.example", false),
            (&listed, "http://viewer.example.org", false),
            (&listed, "null", false),
            (&Vec::new(), "https://viewer.example.org", false),
        ] {
            let headers = request(origin);
            let mut answer = HeaderMap::new();
            allow(origins, &headers, &mut answer);
            assert_eq!(answer.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN), allowed, "{origin}");
            assert_eq!(preflight(origins, &Method::OPTIONS, &headers).is_some(), allowed, "{origin}");
            assert!(preflight(origins, &Method::GET, &headers).is_none());
        }
    }
}
