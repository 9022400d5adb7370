//! The table as an OpenAPI 3.1 document.

use serde_json::{Map, Value, json};

use super::{Access, Group, Kind, OPERATIONS, Operation, Parameter};

/// The document; `root` is the server's base URL.
pub(crate) fn document(root: &str) -> Value {
    let mut paths = Map::new();
    for operation in OPERATIONS {
        let of_path = paths.entry(operation.path).or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(methods) = of_path {
            methods.insert(operation.method.to_ascii_lowercase(), describe(operation));
        }
    }
    let tags: Vec<Value> = Group::ALL
        .iter()
        .map(|group| json!({ "name": group.title(), "description": group.about() }))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Overread",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "DICOMweb (PS3.18) and what stands beside it. Errors are application/problem+json (RFC 9457).",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": root }],
        "tags": tags,
        "paths": paths,
        "components": {
            "securitySchemes": { "token": {
                "type": "http",
                "scheme": "bearer",
                "description": "A token of this server's own, or a JWT access token (RFC 9068) of a configured identity provider. \
                                Its scope narrows what its holder may do: RAD-129 or ImagingStudy.s to search, RAD-107, RAD-55 or \
                                ImagingStudy.r to read, RAD-108 or ImagingStudy.c to store, ImagingStudy.d to delete.",
            } },
            "schemas": { "Problem": {
                "type": "object",
                "required": ["type", "title", "status", "detail"],
                "properties": {
                    "type": { "type": "string" },
                    "title": { "type": "string" },
                    "status": { "type": "integer" },
                    "detail": { "type": "string", "description": "For the person who reads the client's log." },
                },
            } },
        },
    })
}

fn describe(operation: &Operation) -> Value {
    let mut parameters: Vec<Value> =
        operation.path_parameters().map(|parameter| describe_parameter(parameter, "path")).collect();
    parameters.extend(operation.query.iter().map(|parameter| describe_parameter(parameter, "query")));
    let mut described = json!({
        "operationId": operation.id,
        "tags": [operation.group.title()],
        "summary": operation.summary,
        "parameters": parameters,
        "responses": responses(operation),
        "security": match operation.access {
            Access::Open => json!([]),
            Access::Token => json!([{ "token": [] }]),
        },
    });
    if let Value::Object(fields) = &mut described {
        if !operation.more.is_empty() {
            fields.insert("description".to_owned(), operation.more.into());
        }
        if !operation.takes.is_empty() {
            let content = content(operation.takes, &json!({}));
            fields.insert("requestBody".to_owned(), json!({ "required": true, "content": content }));
        }
    }
    described
}

fn describe_parameter(parameter: &Parameter, place: &str) -> Value {
    let schema = match parameter.kind {
        Kind::Uid => json!({ "type": "string", "pattern": "^[0-9]+(\\.[0-9]+)*$", "maxLength": 64 }),
        Kind::Text => json!({ "type": "string" }),
        Kind::Number(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Kind::OneOf(values) => json!({ "type": "string", "enum": values }),
        Kind::List => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Pattern(pattern) => json!({ "type": "string", "pattern": pattern }),
    };
    let example = match parameter.kind {
        Kind::Number(..) => parameter.example.parse::<u64>().map_or(Value::Null, Value::from),
        Kind::List => json!([parameter.example]),
        Kind::Uid | Kind::Text | Kind::OneOf(_) | Kind::Pattern(_) => parameter.example.into(),
    };
    let mut described = json!({
        "name": parameter.name,
        "in": place,
        "description": parameter.about,
        "required": parameter.required,
        "schema": schema,
        "example": example,
    });
    if let (Kind::List, Value::Object(fields)) = (parameter.kind, &mut described) {
        fields.insert("style".to_owned(), "form".into());
        fields.insert("explode".to_owned(), false.into());
    }
    described
}

fn responses(operation: &Operation) -> Value {
    let mut responses = Map::new();
    let problem = json!({ "schema": { "$ref": "#/components/schemas/Problem" } });
    for status in operation.statuses {
        let mut response = json!({ "description": status.1 });
        if let Value::Object(fields) = &mut response {
            match status.0 {
                204 | 303 | 304 => {}
                200..300 => {
                    fields.insert("content".to_owned(), content(operation.gives, &json!({})));
                }
                _ => {
                    fields.insert("content".to_owned(), json!({ "application/problem+json": problem }));
                }
            }
        }
        responses.insert(status.0.to_string(), response);
    }
    Value::Object(responses)
}

fn content(media_types: &[&str], of_each: &Value) -> Value {
    Value::Object(media_types.iter().map(|media| ((*media).to_owned(), of_each.clone())).collect())
}
