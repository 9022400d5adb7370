//! Answers that say no: a problem document (RFC 9457) with a sentence that says what to do next.

use access::{Action, Denied};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};

use crate::authenticate::Unauthenticated;

/// A status that is no success, its reason, and headers that go with it.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    detail: String,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Refusal {
    /// `detail` is for the person who reads the client's log: no internals, no patient data.
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), headers: Vec::new() }
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 405 with what the resource allows.
    pub(crate) fn method(allow: &'static str) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, format!("This resource takes {allow}."))
            .with(ALLOW, HeaderValue::from_static(allow))
    }

    /// 406 with what there is, as a client would write it in `Accept`.
    pub(crate) fn not_acceptable(available: &[String]) -> Self {
        let list = available.join(", ");
        Self::new(
            StatusCode::NOT_ACCEPTABLE,
            format!("Nothing that the Accept header asks for can be given. Accept one of: {list}"),
        )
    }

    /// 503, and when to come again.
    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).with(RETRY_AFTER, HeaderValue::from_static("5"))
    }

    /// 403 to somebody who may not do this; with what the token's scope would have to say, when it is the scope that leaves
    /// it out (RFC 6750 3.1).
    pub(crate) fn denied(denied: &Denied) -> Self {
        let refusal = Self::new(StatusCode::FORBIDDEN, sentence(&denied.to_string()));
        let Some(action) = denied.withheld() else { return refusal };
        let scope = match action {
            Action::Search => ", scope=\"RAD-129\"",
            Action::Retrieve => ", scope=\"RAD-107\"",
            Action::Store => ", scope=\"RAD-108\"",
            Action::Remove => ", scope=\"system/ImagingStudy.d\"",
            Action::Share | Action::Administer => "",
        };
        refusal.with(
            WWW_AUTHENTICATE,
            challenge_value(&format!(
                "Bearer realm=\"overread\", error=\"insufficient_scope\", \
                 error_description=\"the scope of the token does not cover this\"{scope}"
            )),
        )
    }

    /// Adds a header.
    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The status.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }
}

impl From<Unauthenticated> for Refusal {
    fn from(error: Unauthenticated) -> Self {
        let challenge = match &error {
            Unauthenticated::Missing => "Bearer realm=\"overread\"".to_owned(),
            Unauthenticated::Invalid => "Bearer realm=\"overread\", error=\"invalid_token\"".to_owned(),
            Unauthenticated::Refused { why, .. } => {
                format!("Bearer realm=\"overread\", error=\"invalid_token\", error_description=\"{why}\"")
            }
            Unauthenticated::Unavailable => return Self::unavailable(sentence(&error.to_string())),
            // RFC 6750 3.1, RFC 9110 5.3: not a list, so it may come once.
            Unauthenticated::Ambiguous => return Self::bad_request(sentence(&error.to_string())),
        };
        Self::new(StatusCode::UNAUTHORIZED, sentence(&error.to_string()))
            .with(WWW_AUTHENTICATE, challenge_value(&challenge))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let problem = serde_json::json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        let mut response = Response::new(Body::from(problem.to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        for (name, value) in self.headers {
            headers.append(name, value);
        }
        response
    }
}

/// A challenge; the plain one when a text in it cannot be in a header.
fn challenge_value(challenge: &str) -> HeaderValue {
    HeaderValue::from_str(challenge).unwrap_or(HeaderValue::from_static("Bearer realm=\"overread\""))
}

/// An error's text as a sentence.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    let end = if text.ends_with(['.', '…']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn problems_are_json_whatever_is_in_them() {
        let response = Refusal::bad_request("a \"quoted\" <script>\n").into_response();
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.expect("a body");
        let problem: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(problem["status"], 400);
        assert_eq!(problem["title"], "Bad Request");
        assert_eq!(problem["detail"], "a \"quoted\" <script>\n");
    }

    #[test]
    fn sentences() {
        for (text, expected) in [("there is none", "There is none."), ("A.", "A."), ("", ".")] {
            assert_eq!(sentence(text), expected);
        }
    }
}
