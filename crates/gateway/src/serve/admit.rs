//! What is looked at before any route: the request's own form.

use axum::extract::Request;
use http::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, StatusCode, Version};

use crate::config::{HEAD_MAX, URI_MAX};
use crate::refusal::Refusal;

/// Whether the request may go on to its route.
pub(super) fn admit<B>(request: &Request<B>, host: Option<&str>, ambiguous: bool) -> Result<(), Refusal> {
    if ambiguous {
        let detail =
            "The body's length is given twice, by Content-Length and Transfer-Encoding. Send one of them.";
        return Err(closing(Refusal::bad_request(detail)));
    }
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if target > URI_MAX {
        return Err(Refusal::new(
            StatusCode::URI_TOO_LONG,
            format!("The request target has {target} bytes, {URI_MAX} are allowed."),
        ));
    }
    if head_length(request.headers()) > HEAD_MAX {
        return Err(closing(Refusal::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            format!("The request head has more than {HEAD_MAX} bytes."),
        )));
    }
    coding(request.headers())?;
    named_host(request, host)
}

fn head_length(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}

/// Only `chunked`, once.
fn coding(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        (Some(_), _) => {
            let detail = "Only Transfer-Encoding: chunked is understood.";
            Err(closing(Refusal::new(StatusCode::NOT_IMPLEMENTED, detail)))
        }
    }
}

/// The host that the client means: it must be named (RFC 9112 3.2), and it must be us where we know our name.
fn named_host<B>(request: &Request<B>, ours: Option<&str>) -> Result<(), Refusal> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let named = match (request.uri().authority(), hosts.next(), hosts.next()) {
        (_, Some(_), Some(_)) => return Err(Refusal::bad_request("The request has more than one Host.")),
        (Some(authority), ..) => Some(authority.as_str().as_bytes()),
        (None, host, None) => host.map(HeaderValue::as_bytes),
        (None, None, Some(_)) => None,
    };
    let Some(named) = named else {
        let old = matches!(request.version(), Version::HTTP_09 | Version::HTTP_10);
        return match old {
            true => Ok(()),
            false => Err(Refusal::bad_request("The request has no Host header.")),
        };
    };
    // Probes come by address, and what they get says nothing about anybody.
    let probe = matches!(request.uri().path(), "/healthz" | "/readyz" | "/metrics");
    match ours {
        Some(ours) if !probe && !same_host(named, ours) => Err(Refusal::new(
            StatusCode::MISDIRECTED_REQUEST,
            "This server answers to the host of its configured base URL only.",
        )),
        _ => Ok(()),
    }
}

/// Whether the names are the same host; the port of the scheme may be left out.
fn same_host(named: &[u8], ours: &str) -> bool {
    let bare = |text: &[u8]| {
        let text = text.to_ascii_lowercase();
        let end = [&b":443"[..], b":80"].iter().find_map(|port| text.strip_suffix(*port).map(<[u8]>::len));
        text[..end.unwrap_or(text.len())].to_vec()
    };
    bare(named) == bare(ours.as_bytes())
}

fn closing(refusal: Refusal) -> Refusal {
    refusal.with(CONNECTION, HeaderValue::from_static("close"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(uri: &str, fields: &[(&str, &str)], ours: Option<&str>, expected: Option<u16>) {
        let mut request = Request::builder().uri(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let request = request.body(()).expect("a request");
        let found = admit(&request, ours, false).err().map(|refusal| refusal.status().as_u16());
        assert_eq!(found, expected, "{uri:.60} {fields:?} {ours:?}");
    }

    #[test]
    fn requests_of_the_wrong_form() {
        let host = ("host", "h.example");
        check("/dicom-web/studies", &[host], None, None);
        check("/dicom-web/studies", &[], None, Some(400));
        check("/dicom-web/studies", &[host, host], None, Some(400));
        check("https://h.example/dicom-web/studies", &[], None, None);
        check(&format!("/x?{}", "y".repeat(URI_MAX)), &[host], None, Some(414));
        check("/x", &[host, ("x", &"y".repeat(HEAD_MAX))], None, Some(431));
        check("/x", &[host, ("transfer-encoding", "chunked")], None, None);
        check("/x", &[host, ("transfer-encoding", "gzip, chunked")], None, Some(501));
        check(
            "/x",
            &[host, ("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")],
            None,
            Some(501),
        );
        let request = Request::builder().uri("/x").header("host", "h").body(()).expect("a request");
        assert_eq!(admit(&request, None, true).err().map(|refusal| refusal.status().as_u16()), Some(400));
    }

    #[test]
    fn hosts() {
        for (named, ours, expected) in [
            ("images.example.org", "images.example.org", None),
            ("IMAGES.example.org", "images.example.org", None),
            ("images.example.org:443", "images.example.org", None),
            ("images.example.org", "images.example.org:443", None),
            ("images.example.org:8443", "images.example.org:8443", None),
            ("images.example.org:8443", "images.example.org", Some(421)),
            ("evil.example", "images.example.org", Some(421)),
            ("images.example.org.evil.example", "images.example.org", Some(421)),
        ] {
            check("/dicom-web/studies", &[("host", named)], Some(ours), expected);
            check("/healthz", &[("host", named)], Some(ours), None);
        }
    }
}
