//! `/docs`: everything that is served for programs, to read, and as OpenAPI. It says nothing about what is held.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue, StatusCode};
use maud::{DOCTYPE, Markup, html};

use crate::app::{App, Caller};
use crate::conditional::Tag;
use crate::openapi::{Access, Group, Kind, OPERATIONS, Operation, Parameter, document};

/// No script, no other origin.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const STYLE: &str = include_str!("../assets/docs.css");

/// The OpenAPI 3.1 description.
pub(crate) async fn openapi(State(app): State<App>, caller: Caller) -> Response {
    answer(&caller, "application/json", document(app.root()).to_string())
}

/// The same as a page.
pub(crate) async fn page(State(app): State<App>, caller: Caller) -> Response {
    answer(&caller, "text/html; charset=utf-8", whole(app.root()).into_string())
}

/// How the page looks.
pub(crate) async fn style(caller: Caller) -> Response {
    answer(&caller, "text/css; charset=utf-8", STYLE.to_owned())
}

fn answer(caller: &Caller, kind: &'static str, text: String) -> Response {
    let tag = Tag::of(text.as_bytes(), kind);
    let mut response = if tag.is_known_by(&caller.headers) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        let mut response = Response::new(Body::from(text));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        response
    };
    let headers = response.headers_mut();
    headers.insert(ETAG, tag.header());
    for (name, value) in [
        (CACHE_CONTROL, "no-cache"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn whole(root: &str) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                title { "What this server offers – Overread" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href="docs/docs.css";
            }
            body {
                a class="skip" href="#main" { "Skip to the operations" }
                header {
                    p class="brand" { a href="./" { "Overread" } }
                    h1 { "What this server offers" }
                    p {
                        "DICOMweb (PS3.18 2024e) and what stands beside it, from " code { (root) } ". "
                        "Errors are " code { "application/problem+json" } ". The same for programs: "
                        a href="docs/openapi.json" { "OpenAPI 3.1" } "."
                    }
                    p {
                        "Where a token is asked for, " code { "$TOKEN" } " stands for it: "
                        code { "TOKEN=$(cat overread-data/administrator.token)" } ". A certificate of one's own making "
                        "is told to curl by " code { "--cacert" } "."
                    }
                }
                nav aria-label="Groups" {
                    ul {
                        @for group in Group::ALL {
                            @if of(group).next().is_some() {
                                li { a href={ "#" (group.anchor()) } { (group.title()) } }
                            }
                        }
                    }
                }
                main id="main" {
                    @for group in Group::ALL {
                        @if of(group).next().is_some() {
                            section id=(group.anchor()) aria-labelledby={ (group.anchor()) "-title" } {
                                h2 id={ (group.anchor()) "-title" } { (group.title()) }
                                p { (group.about()) }
                                @for operation in of(group) { (described(operation, root)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn of(group: Group) -> impl Iterator<Item = &'static Operation> {
    OPERATIONS.iter().filter(move |operation| operation.group == group)
}

fn described(operation: &Operation, root: &str) -> Markup {
    html! {
        details id=(operation.id) {
            summary {
                span class={ "method " (operation.method.to_ascii_lowercase()) } { (operation.method) }
                code { (breakable(operation.path)) }
                span class="what" { (operation.summary) }
            }
            div class="body" {
                @if !operation.more.is_empty() { p { (operation.more) } }
                p class="access" {
                    @match operation.access {
                        Access::Open => "Open to anyone: it says nothing about what is held.",
                        Access::Token => "Wants a token.",
                    }
                }
                (parameters("In the path", &operation.path_parameters().collect::<Vec<_>>()))
                (parameters("In the query", operation.query))
                @if !operation.takes.is_empty() { h3 { "Takes" } (media(operation.takes)) }
                @if !operation.gives.is_empty() { h3 { "Gives" } (media(operation.gives)) }
                h3 { "Answers" }
                table {
                    @for status in operation.statuses {
                        tr { th scope="row" class="num" { (status.0) } td { (status.1) } }
                    }
                }
                h3 { "Example" }
                pre tabindex="0" { code { (curl(operation, root)) } }
            }
        }
    }
}

fn parameters(title: &str, parameters: &[&Parameter]) -> Markup {
    html! {
        @if !parameters.is_empty() {
            h3 { (title) }
            table {
                @for parameter in parameters {
                    tr {
                        th scope="row" {
                            code { (parameter.name) }
                            @if parameter.required { span class="note" { " required" } }
                        }
                        td { (parameter.about) @if let Some(values) = values(parameter) { span class="note" { " " (values) } } }
                    }
                }
            }
        }
    }
}

fn values(parameter: &Parameter) -> Option<String> {
    match parameter.kind {
        Kind::Number(least, u32::MAX) => Some(format!("A number from {least} on.")),
        Kind::Number(least, most) => Some(format!("A number from {least} to {most}.")),
        Kind::OneOf([_]) | Kind::Uid | Kind::Text | Kind::List | Kind::Pattern(_) => None,
        Kind::OneOf(values) => Some(format!("One of {}.", values.join(", "))),
    }
}

fn media(types: &[&str]) -> Markup {
    html! { ul { @for kind in types { li { code { (kind) } } } } }
}

/// A path that may be broken before its slashes.
fn breakable(path: &str) -> Markup {
    html! { @for segment in path.split('/').skip(1) { wbr; "/" (segment) } }
}

fn curl(operation: &Operation, root: &str) -> String {
    let path = operation.path_parameters().fold(operation.path.to_owned(), |path, parameter| {
        path.replace(&format!("{{{}}}", parameter.name), parameter.example)
    });
    let mut parts = vec!["curl".to_owned()];
    match operation.method {
        "GET" | "POST" => {}
        other => parts.push(format!("-X {other}")),
    }
    if operation.access == Access::Token {
        parts.push("-H \"Authorization: Bearer $TOKEN\"".to_owned());
    }
    if !operation.example.arguments.is_empty() {
        parts.push(operation.example.arguments.to_owned());
    }
    parts.push(format!("'{root}{path}{}'", operation.example.query));
    parts.join(" \\\n  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_shows_every_operation_and_needs_nothing_else() {
        let page = whole("https://h").into_string();
        for operation in OPERATIONS {
            assert!(page.contains(&format!("id=\"{}\"", operation.id)), "{}", operation.id);
        }
        for outside in ["<script", "style=", "onclick", "src=", "href=\"http", "@import"] {
            assert!(!page.contains(outside) && !STYLE.contains(outside), "{outside}");
        }
        let anchors = page.matches("href=\"#").count();
        assert!(anchors >= 5, "{anchors}");
    }

    #[test]
    fn examples_say_what_is_sent() {
        let shown = |id| {
            let operation = OPERATIONS.iter().find(|operation| operation.id == id).expect("an operation");
            curl(operation, "https://h")
        };
        assert_eq!(shown("CheckHealth"), "curl \\\n  'https://h/healthz'");
        assert_eq!(
            shown("RetrieveStudyMetadata"),
            "curl \\\n  -H \"Authorization: Bearer $TOKEN\" \\\n  -H 'Accept: application/dicom+json' \\\n  \
             'https://h/dicom-web/studies/1.2.3/metadata'"
        );
    }
}
