//! A document as a page. It loads nothing and runs nothing: its only style is inside, and its policy says so again.

use super::xml::escaped;
use super::{Body, Document, Node};

/// What a browser may do with the page: show it, with the style that is in it.
const HEAD: &str = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
<meta name=\"viewport\" content=\"width=device-width\">\n\
<style>\nbody{font:16px/1.5 sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}\n\
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem}\ndt{color:#555}\ndd{margin:0}\n\
ul{padding-left:1.2rem}\n.code{color:#666;font-size:.8em}\n.text{white-space:pre-line}\n</style>\n";

pub(super) fn write(document: &Document) -> String {
    let title = escaped(&document.title);
    let mut out = format!("{HEAD}<title>{title}</title>\n</head>\n<body>\n<h1>{title}</h1>\n");
    if !document.facts.is_empty() {
        out.push_str("<dl>\n");
        for (name, value) in &document.facts {
            out.push_str(&format!("<dt>{}</dt><dd>{}</dd>\n", escaped(name), escaped(value)));
        }
        out.push_str("</dl>\n");
    }
    match &document.body {
        Body::File(media) if media == "application/pdf" => out.push_str(
            "<p>The document is a PDF file: <a href=\"?accept=application/pdf\">open it</a>.</p>\n",
        ),
        Body::File(media) => {
            out.push_str(&format!("<p>The document is a file of type {}.</p>\n", escaped(media)));
        }
        Body::Tree(nodes) => list(&mut out, nodes),
    }
    out.push_str("</body>\n</html>\n");
    out
}

fn list(out: &mut String, nodes: &[Node]) {
    if nodes.is_empty() {
        return;
    }
    out.push_str("<ul>\n");
    for node in nodes {
        out.push_str("<li>");
        item(out, node);
        list(out, &node.children);
        out.push_str("</li>\n");
    }
    out.push_str("</ul>\n");
}

fn item(out: &mut String, node: &Node) {
    if let Some(concept) = &node.concept {
        let meaning = escaped(&concept.meaning);
        out.push_str(&format!(
            "<b title=\"{} {}\">{meaning}</b>",
            escaped(&concept.value),
            escaped(&concept.scheme)
        ));
        out.push_str(if node.value.is_empty() { "" } else { ": " });
    }
    if !node.value.is_empty() {
        out.push_str(&format!("<span class=\"text\">{}</span>", escaped(&node.value)));
    }
    if let Some(code) = node.code.as_ref().filter(|_| node.kind == "CODE") {
        out.push_str(&format!(
            " <span class=\"code\">({}, {})</span>",
            escaped(&code.value),
            escaped(&code.scheme)
        ));
    }
}
