//! What the service can do, as a document (PS3.18 8.9, Annex H), and what a resource takes.

use axum::body::Body;
use axum::response::Response;
use dicomweb::url::{Base, Path};
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};

/// Every resource and method, with `{base}` where the service's URL goes.
const WADL: &str = include_str!("capabilities.wadl");

/// The answer to OPTIONS. It says nothing about what is held, so nobody is asked who they are.
pub(crate) fn options(base: &Base, path: &Path) -> Response {
    let mut response = match path {
        Path::Service => document(base),
        Path::Search { .. } | Path::Retrieve(_) | Path::Metadata(_) | Path::Frames(..) | Path::Bulk(..) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            response
        }
    };
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(path.allow()));
    response
}

fn document(base: &Base) -> Response {
    let url = base.as_str().replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    let mut response = Response::new(Body::from(WADL.replace("{base}", &url)));
    let kind = HeaderValue::from_static("application/vnd.sun.wadl+xml");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn wado_006_capabilities() {
        let base = Base::new("https://h/a&b/dicom-web").expect("a base");
        let response = options(&base, &Path::Service);
        assert_eq!(response.status(), 200);
        let body = axum::body::to_bytes(response.into_body(), 100_000).await.expect("a body");
        let text = String::from_utf8_lossy(&body);
        assert!(text.contains("<resources base=\"https://h/a&amp;b/dicom-web\">"));
        assert!(!text.contains("{base}"));
        // Whatever is opened is closed again.
        assert_eq!(text.matches("<resource ").count(), text.matches("</resource>").count());
        assert_eq!(text.matches("<method ").count(), text.matches("</method>").count());
    }
}
