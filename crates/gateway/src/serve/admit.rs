//! What is looked at before any route: the request's own form.

use std::net::IpAddr;

use axum::extract::Request;
use http::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, StatusCode, Version};

use crate::config::{HEAD_MAX, Hosts, URI_MAX};
use crate::refusal::Refusal;

/// Which `Host` is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    Any,
    /// See [`Hosts::Loopback`].
    Loopback,
    /// This one, in lower case.
    Only(String),
}

impl From<Hosts> for Host {
    fn from(hosts: Hosts) -> Self {
        match hosts {
            Hosts::Any => Host::Any,
            Hosts::Loopback => Host::Loopback,
        }
    }
}

/// Whether the request may go on to its route.
pub(super) fn admit<B>(request: &Request<B>, host: &Host, ambiguous: bool) -> Result<(), Refusal> {
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
fn named_host<B>(request: &Request<B>, ours: &Host) -> Result<(), Refusal> {
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
        Host::Only(ours) if !probe && !same_host(named, ours) => Err(Refusal::new(
            StatusCode::MISDIRECTED_REQUEST,
            "This server answers to the host of its configured base URL only.",
        )),
        Host::Loopback if !loopback(named) => Err(Refusal::new(
            StatusCode::MISDIRECTED_REQUEST,
            "This server is open to its own machine only: ask it by a loopback address, or set http.base_url.",
        )),
        _ => Ok(()),
    }
}

/// Whether the name is one that only this machine's loopback has, with or without a port (RFC 6761 6.3).
fn loopback(named: &[u8]) -> bool {
    let Ok(named) = std::str::from_utf8(named) else { return false };
    let name = match named.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(address, _)| address),
        None => named.split_once(':').map_or(named, |(name, _)| name),
    };
    let name = name.to_ascii_lowercase();
    match name.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => name == "localhost" || name.ends_with(".localhost"),
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
        let ours = ours.map_or(Host::Any, |ours| Host::Only(ours.to_owned()));
        let found = admit(&request, &ours, false).err().map(|refusal| refusal.status().as_u16());
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
        assert_eq!(
            admit(&request, &Host::Any, true).err().map(|refusal| refusal.status().as_u16()),
            Some(400)
        );
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

    /// A name that was made to lead to loopback is not one of loopback.
    #[test]
    fn hosts_of_this_machine() {
        for (named, answered) in [
            ("localhost", true),
            ("LocalHost:8443", true),
            ("viewer.localhost:80", true),
            ("127.0.0.1:8443", true),
            ("127.9.9.9", true),
            ("[::1]:8443", true),
            ("[::ffff:127.0.0.1]", true),
            ("evil.example", false),
            ("evil.example:8443", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("192.0.2.1", false),
            ("[2001:db8::1]:8443", false),
            ("0.0.0.0", false),
            ("", false),
        ] {
            let request =
                Request::builder().uri("/healthz").header("host", named).body(()).expect("a request");
            let found =
                admit(&request, &Host::Loopback, false).err().map(|refusal| refusal.status().as_u16());
            assert_eq!(found, (!answered).then_some(421), "{named}");
        }
    }
}
