//! What every answer carries, whoever made it: a refusal before any route, a page, a health check, an image.

use audit::RequestId;
use http::{HeaderMap, HeaderName, HeaderValue};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Headers of every answer that has none of that name: nothing is framed, sniffed, run or told to other sites.
const EVERY: [(HeaderName, HeaderValue); 6] = [
    (
        HeaderName::from_static("content-security-policy"),
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox"),
    ),
    (HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff")),
    (HeaderName::from_static("referrer-policy"), HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("x-permitted-cross-domain-policies"), HeaderValue::from_static("none")),
    (HeaderName::from_static("cache-control"), HeaderValue::from_static("no-store")),
];

/// Two years, as browsers' lists ask for. Browsers heed it only where the certificate is one that they trust.
const TRANSPORT: (HeaderName, HeaderValue) =
    (HeaderName::from_static("strict-transport-security"), HeaderValue::from_static("max-age=63072000"));

/// What the client calls its request, where that is one plain word; else a name of ours.
pub(super) fn request_id(request: &HeaderMap) -> RequestId {
    let mut given = request.get_all(REQUEST_ID).iter();
    let one = given.next().filter(|_| given.next().is_none());
    one.and_then(|name| RequestId::given(name.as_bytes())).unwrap_or_else(RequestId::make)
}

/// Adds what is missing of what every answer carries.
pub(super) fn seal(answer: &mut HeaderMap, tls: bool, id: &RequestId) {
    for (name, value) in EVERY {
        answer.entry(name).or_insert(value);
    }
    if tls {
        answer.insert(TRANSPORT.0, TRANSPORT.1);
    }
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        answer.insert(REQUEST_ID, id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_requests() {
        for (given, kept) in [(&["trace-7"][..], true), (&["a", "b"], false), (&["a b"], false), (&[], false)]
        {
            let mut headers = HeaderMap::new();
            for value in given {
                headers.append(REQUEST_ID, HeaderValue::from_str(value).expect("a value"));
            }
            assert_eq!(request_id(&headers).as_str() == given.concat(), kept, "{given:?}");
        }
    }

    #[test]
    fn what_an_answer_says_itself_stays() {
        let mut answer = HeaderMap::new();
        answer.insert("content-security-policy", HeaderValue::from_static("default-src 'self'"));
        let id = RequestId::make();
        seal(&mut answer, false, &id);
        assert_eq!(answer["content-security-policy"], "default-src 'self'");
        assert_eq!(answer["x-content-type-options"], "nosniff");
        assert!(!answer.contains_key("strict-transport-security") && answer["x-request-id"] == id.as_str());
        seal(&mut answer, true, &id);
        assert!(answer.contains_key("strict-transport-security"));
    }
}
