//! What every answer carries, whoever made it: a refusal before any route, a page, a health check, an image.

use http::{HeaderMap, HeaderName, HeaderValue};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest request identifier that is given back.
const LONGEST: usize = 128;

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

/// What the client calls its request, where that is one plain word.
pub(super) fn request_id(request: &HeaderMap) -> Option<HeaderValue> {
    let mut given = request.get_all(REQUEST_ID).iter();
    let id = given.next().filter(|_| given.next().is_none())?;
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-._:/+=".contains(b);
    ((1..=LONGEST).contains(&id.len()) && id.as_bytes().iter().all(plain)).then(|| id.clone())
}

/// Adds what is missing of what every answer carries.
pub(super) fn seal(answer: &mut HeaderMap, tls: bool, id: Option<HeaderValue>) {
    for (name, value) in EVERY {
        answer.entry(name).or_insert(value);
    }
    if tls {
        answer.insert(TRANSPORT.0, TRANSPORT.1);
    }
    if let Some(id) = id {
        answer.insert(REQUEST_ID, id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_that_are_given_back() {
        let long = "x".repeat(LONGEST + 1);
        for (given, echoed) in [
            (&["0b5c-42"][..], true),
            (&["urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"], true),
            (&[""], false),
            (&["a b"], false),
            (&["<script>"], false),
            (&["a", "b"], false),
            (&[long.as_str()], false),
            (&[], false),
        ] {
            let mut headers = HeaderMap::new();
            for value in given {
                headers.append(REQUEST_ID, HeaderValue::from_str(value).expect("a value"));
            }
            assert_eq!(request_id(&headers).is_some(), echoed, "{given:?}");
        }
    }

    #[test]
    fn what_an_answer_says_itself_stays() {
        let mut answer = HeaderMap::new();
        answer.insert("content-security-policy", HeaderValue::from_static("default-src 'self'"));
        seal(&mut answer, false, None);
        assert_eq!(answer["content-security-policy"], "default-src 'self'");
        assert_eq!(answer["x-content-type-options"], "nosniff");
        assert!(!answer.contains_key("strict-transport-security") && !answer.contains_key("x-request-id"));
        seal(&mut answer, true, Some(HeaderValue::from_static("7")));
        assert!(answer.contains_key("strict-transport-security") && answer["x-request-id"] == "7");
    }
}
