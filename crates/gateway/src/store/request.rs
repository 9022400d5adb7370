//! What the head of a store says about its body.

use dicomweb::media::MediaType;
use dicomweb::multipart::{self, Boundary};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::parts::Parts;
use crate::config::Limits;
use crate::refusal::Refusal;

/// What can be stored, as an `Accept-Post` lists it.
const SUPPORTED: &str = "multipart/related; type=\"application/dicom\", \
    multipart/related; type=\"application/dicom+json\", \
    multipart/related; type=\"application/dicom+xml\", application/dicom";

/// How a request brings its instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Each part is a Part 10 file.
    Files,
    /// One part describes them as DICOM JSON, the others are bulk data.
    Json,
    /// The first parts describe one each as Native DICOM Model XML, the others are bulk data.
    Xml,
}

impl Form {
    /// The media type of the parts that name the form.
    pub(super) fn media(self) -> &'static str {
        match self {
            Form::Files => "application/dicom",
            Form::Json => "application/dicom+json",
            Form::Xml => "application/dicom+xml",
        }
    }
}

/// Reads the head; gives what cuts the body into parts.
pub(super) fn parts(headers: &HeaderMap, limits: &Limits) -> Result<(Form, Parts), Refusal> {
    let encoded = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"));
    if encoded {
        return Err(unsupported("A body with a Content-Encoding is not taken: send it as it is."));
    }
    if announced(headers).is_some_and(|length| length > limits.request_bytes) {
        return Err(too_large(limits.request_bytes));
    }
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return Err(unsupported(&format!("The request has no Content-Type. Send one of: {SUPPORTED}")));
    };
    let media = value.to_str().ok().and_then(MediaType::parse);
    let Some(media) = media else {
        return Err(unsupported(&format!("The Content-Type cannot be read. Send one of: {SUPPORTED}")));
    };
    if media.is_named("application/dicom") {
        return Ok((Form::Files, Parts::one()));
    }
    let named =
        |form: Form, kind: &str| MediaType::parse(kind).is_some_and(|kind| kind.is_named(form.media()));
    let form = match media.parameter("type") {
        None => Some(Form::Files),
        Some(kind) => [Form::Files, Form::Json, Form::Xml].into_iter().find(|form| named(*form, kind)),
    };
    let Some(form) = form.filter(|_| media.is("multipart", "related")) else {
        return Err(unsupported(&format!("This media type is not stored here. Send one of: {SUPPORTED}")));
    };
    let boundary = Boundary::new(media.parameter("boundary").unwrap_or(""))
        .map_err(|error| Refusal::bad_request(crate::refusal::sentence(&error.to_string())))?;
    Ok((form, Parts::multipart(&boundary, multipart::Limits::default())))
}

/// 413 with the limit.
pub(crate) fn too_large(limit: u64) -> Refusal {
    let detail = format!("The body is larger than {limit} bytes. Send the instances in several requests.");
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
}

fn unsupported(detail: &str) -> Refusal {
    Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
        .with(HeaderName::from_static("accept-post"), HeaderValue::from_static(SUPPORTED))
}

/// The body's length where the head says it.
pub(crate) fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(fields: &[(&str, &str)], status: Option<u16>) {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).expect("a name"),
                HeaderValue::from_str(value).expect("a value"),
            );
        }
        let found = parts(&headers, &Limits { request_bytes: 1_000, ..Limits::default() });
        assert_eq!(found.err().map(|refusal| refusal.status().as_u16()), status, "{fields:?}");
    }

    #[test]
    fn stow_006_to_009_and_039_heads() {
        let long = format!("multipart/related; type=\"application/dicom\"; boundary={}", "b".repeat(71));
        for (content_type, status) in [
            ("multipart/related; type=\"application/dicom\"; boundary=B", None),
            ("multipart/related; type=application/dicom; boundary=\"B\"", None),
            ("Multipart/Related; TYPE=\"Application/DICOM\"; BOUNDARY=B", None),
            ("multipart/related; boundary=B", None),
            ("application/dicom", None),
            ("multipart/related; type=\"application/dicom\"", Some(400)),
            ("multipart/related; type=\"application/dicom\"; boundary=\"\"", Some(400)),
            (long.as_str(), Some(400)),
            ("multipart/related; type=\"application/dicom+json\"; boundary=B", None),
            ("multipart/related; type=Application/DICOM+JSON; boundary=B", None),
            ("multipart/related; type=\"application/dicom+json\"", Some(400)),
            ("multipart/related; type=\"application/dicom+xml\"; boundary=B", None),
            ("application/dicom+json", Some(415)),
            ("multipart/related; type=text/plain; boundary=B", Some(415)),
            ("multipart/form-data; boundary=B", Some(415)),
            ("application/zip", Some(415)),
            ("nonsense", Some(415)),
        ] {
            check(&[("content-type", content_type)], status);
        }
        check(&[], Some(415));
        let good = ("content-type", "application/dicom");
        check(&[good, ("content-encoding", "gzip")], Some(415));
        check(&[good, ("content-encoding", "identity")], None);
        check(&[good, ("content-encoding", "identity"), ("content-encoding", "deflate")], Some(415));
        check(&[good, ("content-length", "1000")], None);
        check(&[good, ("content-length", "1001")], Some(413));
    }
}
