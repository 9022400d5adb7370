//! What the service can do, as a document (PS3.18 8.9, Annex H), and what a resource takes.

use std::fmt::Write as _;

use axum::body::Body;
use axum::response::Response;
use dicomweb::url::{Base, Path};
use http::header::{ACCEPT, ALLOW, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use crate::openapi::{Operation, below_the_service};
use crate::refusal::Refusal;

const WADL: &str = "application/vnd.sun.wadl+xml";
const JSON: &str = "application/json";

/// The answer to OPTIONS on the service, or on one of its resources. It says nothing about what is held, so nobody is
/// asked who they are. `text` is the path below the service, as it was asked for.
///
/// # Errors
/// 406 when `Accept` wants neither form.
pub(crate) fn options(
    base: &Base,
    path: &Path,
    text: &str,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    let operations: Vec<&Operation> = below_the_service(text).collect();
    let (kind, body) = match form(headers)? {
        Form::Wadl => (WADL, wadl(base, &operations)),
        Form::Json => (JSON, json(base, &operations).to_string()),
    };
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(path.allow()));
    Ok(response)
}

enum Form {
    Wadl,
    Json,
}

/// WADL, unless JSON is wanted more (PS3.18 Table 8.9.2-1).
fn form(headers: &HeaderMap) -> Result<Form, Refusal> {
    let mut ranges = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
    if ranges.peek().is_none() {
        return Ok(Form::Wadl);
    }
    let ranges: Vec<&str> = ranges.flat_map(|list| list.split(',')).collect();
    let weight = |names: &[&str]| {
        let closest = ranges.iter().filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let name = parts.next()?.to_ascii_lowercase();
            let closeness = names.iter().position(|known| *known == name)?;
            let q = parts
                .find_map(|part| part.strip_prefix("q="))
                .map_or(Some(1.0), |q| q.parse::<f32>().ok())?;
            Some((closeness, q))
        });
        closest.min_by_key(|(closeness, _)| *closeness).map_or(0.0, |(_, q)| q)
    };
    let wadl = weight(&[WADL, "application/*", "*/*"]).max(weight(&["application/xml"]));
    let json = weight(&[JSON, "application/*", "*/*"]);
    match (wadl > 0.0, json > 0.0) {
        (false, false) => Err(Refusal::not_acceptable(&[WADL.to_owned(), JSON.to_owned()])),
        (true, _) if wadl >= json => Ok(Form::Wadl),
        _ => Ok(Form::Json),
    }
}

/// The service's resources as they lie in each other, for both forms.
struct Node<'o> {
    segment: &'static str,
    operations: Vec<&'o Operation>,
    below: Vec<Node<'o>>,
}

impl<'o> Node<'o> {
    fn tree(operations: &[&'o Operation]) -> Self {
        let mut root = Node { segment: "", operations: Vec::new(), below: Vec::new() };
        for operation in operations {
            let below = operation.path.trim_start_matches("/dicom-web/").trim_start_matches('/');
            let mut node = &mut root;
            for segment in below.split('/').filter(|segment| !segment.is_empty()) {
                let at = node.below.iter().position(|known| known.segment == segment).unwrap_or_else(|| {
                    node.below.push(Node { segment, operations: Vec::new(), below: Vec::new() });
                    node.below.len() - 1
                });
                node = &mut node.below[at];
            }
            node.operations.push(operation);
        }
        root
    }
}

fn wadl(base: &Base, operations: &[&Operation]) -> String {
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<application xmlns=\"http://wadl.dev.java.net/2009/02\" \
         xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\">\n",
    );
    let _ = writeln!(text, "  <resources base=\"{}\">", escape(base.as_str()));
    for node in &Node::tree(operations).below {
        resource(&mut text, node, 2);
    }
    text.push_str("  </resources>\n</application>\n");
    text
}

fn resource(text: &mut String, node: &Node<'_>, depth: usize) {
    let indent = "  ".repeat(depth);
    let _ = writeln!(text, "{indent}<resource path=\"{}\">", node.segment);
    if let Some(name) = node.segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        let _ = writeln!(
            text,
            "{indent}  <param name=\"{name}\" style=\"template\" type=\"xsd:string\" required=\"true\"/>"
        );
    }
    for operation in &node.operations {
        method(text, operation, depth + 1);
    }
    for below in &node.below {
        resource(text, below, depth + 1);
    }
    let _ = writeln!(text, "{indent}</resource>");
}

fn method(text: &mut String, operation: &Operation, depth: usize) {
    let indent = "  ".repeat(depth);
    let _ = writeln!(text, "{indent}<method name=\"{}\" id=\"{}\">", operation.method, operation.id);
    if !operation.query.is_empty() || !operation.takes.is_empty() {
        let _ = writeln!(text, "{indent}  <request>");
        for parameter in operation.query {
            let _ = writeln!(
                text,
                "{indent}    <param name=\"{}\" style=\"query\" type=\"xsd:string\" required=\"{}\"/>",
                parameter.name, parameter.required
            );
        }
        representations(text, operation.takes, depth + 2);
        let _ = writeln!(text, "{indent}  </request>");
    }
    for status in operation.statuses {
        let gives = if (200..300).contains(&status.0) && status.0 != 204 { operation.gives } else { &[] };
        match gives.is_empty() {
            true => {
                let _ = writeln!(text, "{indent}  <response status=\"{}\"/>", status.0);
            }
            false => {
                let _ = writeln!(text, "{indent}  <response status=\"{}\">", status.0);
                representations(text, gives, depth + 2);
                let _ = writeln!(text, "{indent}  </response>");
            }
        }
    }
    let _ = writeln!(text, "{indent}</method>");
}

fn representations(text: &mut String, media_types: &[&str], depth: usize) {
    for media in media_types {
        let _ = writeln!(text, "{}<representation mediaType=\"{}\"/>", "  ".repeat(depth), escape(media));
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}

/// The same as JSON: the names of WADL's elements and attributes.
fn json(base: &Base, operations: &[&Operation]) -> Value {
    let resources: Vec<Value> = Node::tree(operations).below.iter().map(node_json).collect();
    json!({ "application": { "resources": { "base": base.as_str(), "resource": resources } } })
}

fn node_json(node: &Node<'_>) -> Value {
    let methods: Vec<Value> = node.operations.iter().map(|operation| method_json(operation)).collect();
    let below: Vec<Value> = node.below.iter().map(node_json).collect();
    json!({ "path": node.segment, "method": methods, "resource": below })
}

fn method_json(operation: &Operation) -> Value {
    let media =
        |types: &[&str]| -> Vec<Value> { types.iter().map(|media| json!({ "mediaType": media })).collect() };
    let parameters: Vec<Value> = operation
        .query
        .iter()
        .map(|parameter| json!({ "name": parameter.name, "style": "query", "required": parameter.required }))
        .collect();
    let responses: Vec<Value> = operation
        .statuses
        .iter()
        .map(|status| {
            let gives = if (200..300).contains(&status.0) && status.0 != 204 { operation.gives } else { &[] };
            json!({ "status": status.0, "representation": media(gives) })
        })
        .collect();
    json!({
        "name": operation.method,
        "id": operation.id,
        "request": { "param": parameters, "representation": media(operation.takes) },
        "response": responses,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(path: &str, accept: Option<&str>) -> Result<(String, String), u16> {
        let base = Base::new("https://h/a&b/dicom-web").expect("a base");
        let mut headers = HeaderMap::new();
        if let Some(accept) = accept {
            headers.insert(ACCEPT, HeaderValue::from_str(accept).expect("a value"));
        }
        let resource = Path::parse(path).expect("a resource");
        let response =
            options(&base, &resource, path, &headers).map_err(|refusal| refusal.status().as_u16())?;
        assert_eq!(response.status(), 200);
        let kind = response.headers()[CONTENT_TYPE].to_str().expect("text").to_owned();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.expect("a body");
        Ok((kind, String::from_utf8_lossy(&body).into_owned()))
    }

    #[tokio::test]
    async fn wado_006_capabilities() {
        let (kind, text) = ask("/", None).await.expect("capabilities");
        assert_eq!(kind, WADL);
        assert!(text.contains("<resources base=\"https://h/a&amp;b/dicom-web\">"));
        for operation in below_the_service("/") {
            assert!(text.contains(&format!("id=\"{}\"", operation.id)), "{}", operation.id);
        }
        // Whatever is opened is closed again.
        for element in ["resource", "method", "request", "application"] {
            let opened =
                text.matches(&format!("<{element} ")).count() + text.matches(&format!("<{element}>")).count();
            assert_eq!(opened, text.matches(&format!("</{element}>")).count(), "{element}");
        }
    }

    #[tokio::test]
    async fn wado_006_of_one_resource() {
        let (_, text) = ask("/studies/1.2/metadata", None).await.expect("capabilities");
        assert!(text.contains("RetrieveStudyMetadata") && !text.contains("RetrieveSeries"), "{text}");
        let (_, text) = ask("/studies", Some("application/json")).await.expect("capabilities");
        let found: Value = serde_json::from_str(&text).expect("JSON");
        let methods = found["application"]["resources"]["resource"][0]["method"].as_array().expect("methods");
        let names: Vec<_> =
            methods.iter().map(|method| method["name"].as_str().unwrap_or_default()).collect();
        assert_eq!(names, ["GET", "POST"]);
    }

    #[tokio::test]
    async fn wado_006_forms() {
        for (accept, expected) in [
            (None, Ok(WADL)),
            (Some("*/*"), Ok(WADL)),
            (Some("application/json"), Ok(JSON)),
            (Some("application/json, */*;q=0.1"), Ok(JSON)),
            (Some("application/vnd.sun.wadl+xml;q=0.5, application/json;q=0.9"), Ok(JSON)),
            (Some("application/*"), Ok(WADL)),
            (Some("application/xml"), Ok(WADL)),
            (Some("text/html"), Err(406)),
            (Some("application/json;q=0"), Err(406)),
        ] {
            let found = ask("/", accept).await.map(|(kind, _)| kind);
            assert_eq!(found.as_deref(), expected.as_ref().map(|kind| *kind), "{accept:?}");
        }
    }
}
