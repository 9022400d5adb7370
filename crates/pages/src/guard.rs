//! What every request and every answer of a page passes: no post from other sites, and headers that keep a page alone.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};

/// Most pages have no script; styles and images come from here; forms go nowhere else.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

/// What a page with a script of ours may do besides: run it, and have it talk to us.
const SCRIPTED: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; \
                        form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// An answer carries it when its page has a script.
#[derive(Clone, Copy)]
pub struct Scripted;

/// Turns posts of other sites away and puts the headers on.
pub async fn guard(request: Request, next: Next) -> Response {
    let foreign = request.method() == Method::POST && !is_own(request.headers(), request.uri());
    let mut response = match foreign {
        true => {
            (StatusCode::FORBIDDEN, "This form was sent from another site. Nothing was done.").into_response()
        }
        false => next.run(request).await,
    };
    let policy = response.extensions().get::<Scripted>().map_or(POLICY, |_| SCRIPTED);
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, policy),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // What shows patients must not lie in a cache; files that never change say so themselves.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Whether a post comes from one of our own pages, or from no page at all (RFC 6454, W3C Fetch Metadata).
fn is_own(headers: &HeaderMap, uri: &Uri) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if let Some(site) = text(http::HeaderName::from_static("sec-fetch-site")) {
        return matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text(ORIGIN) else { return true };
    // HTTP/2 has the host in the URI (RFC 9113 8.3.1).
    let host = text(HOST).or_else(|| uri.authority().map(|authority| authority.as_str()));
    origin.split_once("://").map(|(_, host)| host) == host
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_and_foreign_posts() {
        for (headers, own) in [
            (&[][..], true),
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "none")], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site"), ("origin", "https://here:8443")], false),
            (&[("origin", "https://here:8443")], true),
            (&[("origin", "https://here")], false),
            (&[("origin", "https://evil")], false),
            (&[("origin", "null")], false),
        ] {
            let mut map = HeaderMap::new();
            map.insert(HOST, HeaderValue::from_static("here:8443"));
            for (name, value) in headers {
                map.insert(*name, HeaderValue::from_static(value));
            }
            assert_eq!(is_own(&map, &Uri::from_static("/sign-in")), own, "{headers:?}");
        }
        let mut map = HeaderMap::new();
        map.insert(ORIGIN, HeaderValue::from_static("https://here:8443"));
        assert!(is_own(&map, &Uri::from_static("https://here:8443/sign-in")), "HTTP/2");
    }
}
