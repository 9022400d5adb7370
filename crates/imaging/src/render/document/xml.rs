//! A document as XML: the content tree by elements of one kind, codes as attributes.

use super::{Body, Code, Document, Node};

pub(super) fn write(document: &Document) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<document");
    attribute(&mut out, "title", &document.title);
    out.push_str(">\n");
    for (name, value) in &document.facts {
        out.push_str("<fact");
        attribute(&mut out, "name", name);
        out.push_str(&format!(">{}</fact>\n", escaped(value)));
    }
    match &document.body {
        Body::File(media) => {
            out.push_str("<file");
            attribute(&mut out, "type", media);
            out.push_str("/>\n");
        }
        Body::Tree(nodes) => nodes.iter().for_each(|child| node(&mut out, child)),
    }
    out.push_str("</document>\n");
    out
}

fn node(out: &mut String, node: &Node) {
    out.push_str("<item");
    for (name, value) in [("relationship", &node.relationship), ("type", &node.kind)] {
        if !value.is_empty() {
            attribute(out, name, value);
        }
    }
    out.push_str(">\n");
    code(out, "concept", node.concept.as_ref());
    if !node.value.is_empty() {
        out.push_str(&format!("<value>{}</value>\n", escaped(&node.value)));
    }
    code(out, if node.kind == "NUM" { "units" } else { "code" }, node.code.as_ref());
    node.children.iter().for_each(|child| self::node(out, child));
    out.push_str("</item>\n");
}

fn code(out: &mut String, element: &str, code: Option<&Code>) {
    let Some(code) = code else { return };
    out.push_str(&format!("<{element}"));
    attribute(out, "value", &code.value);
    attribute(out, "scheme", &code.scheme);
    out.push_str(&format!(">{}</{element}>\n", escaped(&code.meaning)));
}

fn attribute(out: &mut String, name: &str, value: &str) {
    out.push_str(&format!(" {name}=\"{}\"", escaped(value)));
}

/// Characters with a meaning in XML or HTML as references; those that XML cannot have are left out.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(letter),
            letter if letter.is_control() || matches!(letter, '\u{FFFE}' | '\u{FFFF}') => {}
            letter => out.push(letter),
        }
    }
    out
}
