//! A document as plain text: two spaces for each level.

use super::{Body, Document, Node};

pub(super) fn write(document: &Document) -> String {
    let mut out = format!("{}\n", line(&document.title));
    for (name, value) in &document.facts {
        out.push_str(&format!("{name}: {}\n", line(value)));
    }
    out.push('\n');
    match &document.body {
        Body::File(media) => out.push_str(&format!("The document is a file of type {}.\n", line(media))),
        Body::Tree(nodes) => nodes.iter().for_each(|child| node(&mut out, child, 0)),
    }
    out
}

fn node(out: &mut String, node: &Node, depth: usize) {
    let indent = "  ".repeat(depth);
    let name = node.concept.as_ref().map(|concept| line(&concept.meaning)).unwrap_or_default();
    let mut lines = node.value.lines();
    let first = line(lines.next().unwrap_or_default());
    out.push_str(&indent);
    out.push_str(&match (name.as_str(), first.as_str()) {
        (name, "") => name.to_owned(),
        ("", value) => value.to_owned(),
        (name, value) => format!("{name}: {value}"),
    });
    out.push('\n');
    for more in lines {
        out.push_str(&format!("{indent}  {}\n", line(more)));
    }
    node.children.iter().for_each(|child| self::node(out, child, depth + 1));
}

/// Without control characters.
fn line(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).collect()
}
