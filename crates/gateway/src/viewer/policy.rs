//! What a viewer may do in a browser.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

/// Everything but the scripts of the page itself. Decoders are WebAssembly in workers made from `blob:`, styles are
/// made by script, documents are shown from `blob:`; what is loaded, and whom it talks to, is this server alone.
const POLICY: &str = "default-src 'none'; connect-src 'self' blob: data:; img-src 'self' blob: data:; \
    font-src 'self' data:; style-src 'self' 'unsafe-inline'; media-src 'self' blob:; worker-src 'self' blob:; \
    object-src 'self' blob:; frame-src 'self' blob:; manifest-src 'self'; form-action 'none'; base-uri 'none'; \
    frame-ancestors 'none'; script-src 'self' blob: 'wasm-unsafe-eval'";

/// The headers of every answer below `/viewer`; a page brings its own content security policy.
pub(super) fn put_on(headers: &mut HeaderMap) {
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(POLICY));
    for (name, value) in [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        // Together they give the page memory that its workers share, and no other window a hold on it.
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-embedder-policy"), "require-corp"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// The policy of a page: its inline scripts by their digest, so that no other inline script runs.
pub(super) fn of_page(html: &str) -> String {
    let mut policy = POLICY.to_owned();
    for script in inline_scripts(html) {
        let _ = write!(policy, " 'sha256-{}'", STANDARD.encode(Sha256::digest(script)));
    }
    policy
}

fn inline_scripts(html: &str) -> impl Iterator<Item = &str> {
    html.split("<script").skip(1).filter_map(|rest| {
        let (attributes, rest) = rest.split_once('>')?;
        let (script, _) = rest.split_once("</script>")?;
        (!attributes.contains("src=") && !script.is_empty()).then_some(script)
    })
}
