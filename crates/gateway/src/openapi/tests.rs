use std::collections::{BTreeMap, BTreeSet};

use dicomweb::url::Path;

use super::*;

/// The words of the grammar: every literal segment in the source of the paths, and values for what is between them.
fn words() -> BTreeSet<String> {
    let source = include_str!("../../../dicomweb/src/url/path.rs");
    let grammar = source.split("#[cfg(test)]").next().unwrap_or_default();
    let quoted = grammar.split('"').skip(1).step_by(2);
    let words = quoted.filter(|word| {
        !word.is_empty()
            && word.len() < 24
            && word.bytes().all(|b| b.is_ascii_lowercase() || b"-_.".contains(&b))
    });
    words.map(str::to_owned).chain(["1.2", "1", "7FE00010"].map(str::to_owned)).collect()
}

/// Every path of the grammar up to the depth of the deepest resource. What is neither a resource itself nor right below
/// one leads nowhere: without this there are too many.
fn resources() -> BTreeMap<String, Path> {
    let words = words();
    let mut found = BTreeMap::new();
    let mut level = vec![(String::new(), true)];
    for _ in 0..10 {
        let mut next = Vec::new();
        for (path, is_resource) in &level {
            for word in &words {
                let longer = format!("{path}/{word}");
                let resource = Path::parse(&longer).ok();
                if resource.is_some() || *is_resource {
                    next.push((longer.clone(), resource.is_some()));
                }
                found.extend(resource.map(|resource| (longer, resource)));
            }
        }
        level = next;
    }
    found
}

#[test]
fn every_resource_of_the_service_is_described_with_its_methods() {
    let resources = resources();
    assert!(resources.len() >= 14, "the walk found {resources:?}");
    for (path, resource) in &resources {
        let described: BTreeSet<&str> = below_the_service(path).map(|operation| operation.method).collect();
        let mut served: BTreeSet<&str> = resource.allow().split(", ").collect();
        served.remove("OPTIONS");
        served.remove("HEAD");
        assert_eq!(described, served, "{path}: describe it in openapi/operations.rs");
    }
}

#[test]
fn every_described_resource_of_the_service_is_one() {
    let resources = resources();
    for operation in OPERATIONS {
        let Some(path) = operation.path.strip_prefix("/dicom-web") else { continue };
        let path = operation.path_parameters().fold(path.to_owned(), |path, parameter| {
            path.replace(&format!("{{{}}}", parameter.name), parameter.example)
        });
        assert!(!path.contains('{'), "{path} has a parameter that nobody describes");
        assert!(Path::parse(&path).is_ok(), "{} {path}", operation.id);
        let walked = resources.keys().any(|resource| operation.is_at(&format!("/dicom-web{resource}")));
        assert!(walked || path == "/", "{path} was not walked to");
    }
}

#[test]
fn every_other_route_is_described_and_every_described_one_is_a_route() {
    let source = include_str!("../app.rs");
    let routes: BTreeSet<&str> = source
        .split(".route(\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .filter(|route| !route.starts_with("/dicom-web"))
        // The viewer is no part of this program, and its files are for browsers.
        .filter(|route| !route.starts_with("/viewer"))
        // The look of the page that describes.
        .filter(|route| *route != "/docs/docs.css")
        .collect();
    let described: BTreeSet<&str> = OPERATIONS
        .iter()
        .map(|operation| operation.path)
        .filter(|path| !path.starts_with("/dicom-web"))
        .collect();
    assert_eq!(routes, described);
}

#[test]
fn names_are_used_once_and_examples_are_values() {
    let mut ids = BTreeSet::new();
    let mut resources = BTreeSet::new();
    for operation in OPERATIONS {
        assert!(ids.insert(operation.id), "{} twice", operation.id);
        assert!(
            resources.insert((operation.method, operation.path)),
            "{} {} twice",
            operation.method,
            operation.path
        );
        assert!(!operation.statuses.is_empty(), "{}", operation.id);
        for parameter in operation.path_parameters().chain(operation.query.iter().copied()) {
            let fits = match parameter.kind {
                Kind::Number(least, most) => {
                    parameter.example.parse::<u32>().is_ok_and(|number| (least..=most).contains(&number))
                }
                Kind::OneOf(values) => values.contains(&parameter.example),
                Kind::Uid => parameter.example.split('.').all(|part| part.parse::<u32>().is_ok()),
                Kind::Text | Kind::List | Kind::Pattern(_) => !parameter.example.is_empty(),
            };
            assert!(fits, "{} of {}", parameter.name, operation.id);
        }
    }
}

#[test]
fn the_document_has_every_operation() {
    let document = document("https://h");
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["servers"][0]["url"], "https://h");
    for operation in OPERATIONS {
        let described = &document["paths"][operation.path][operation.method.to_ascii_lowercase()];
        assert_eq!(described["operationId"], operation.id);
        let asks = described["security"].as_array().is_some_and(|security| !security.is_empty());
        assert_eq!(asks, operation.access == Access::Token, "{}", operation.id);
    }
}
