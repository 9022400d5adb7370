//! Structured reports, key objects and encapsulated documents in words: HTML, plain text and XML (PS3.18 Table 8.7.4-1).
//!
//! A report's content tree is read once into [`Node`]s, and each form is a walk over them. Nothing of the data set gets
//! into a page but as escaped text.

mod html;
mod text;
mod tree;
mod xml;

use serde::{Deserialize, Serialize};

use super::RenderError;
use crate::image::{Attributes, tag};

/// The form of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Form {
    /// A page that loads nothing and runs nothing.
    Html,
    /// UTF-8 text.
    Text,
    /// UTF-8 XML.
    Xml,
}

impl Form {
    /// The media type.
    pub fn media(self) -> &'static str {
        match self {
            Self::Html => "text/html",
            Self::Text => "text/plain",
            Self::Xml => "text/xml",
        }
    }
}

/// A document, ready to be written down.
#[derive(Debug, PartialEq, Eq)]
struct Document {
    title: String,
    /// Name and value of what is known about the document as a whole.
    facts: Vec<(&'static str, String)>,
    /// What it says.
    body: Body,
}

#[derive(Debug, PartialEq, Eq)]
enum Body {
    /// A content tree.
    Tree(Vec<Node>),
    /// A file inside of the instance, by its media type.
    File(String),
}

/// A content item (PS3.3 C.17.3).
#[derive(Debug, Default, PartialEq, Eq)]
struct Node {
    /// Relationship Type (0040,A010).
    relationship: String,
    /// Value Type (0040,A040).
    kind: String,
    /// The meaning of its concept name, and its code.
    concept: Option<Code>,
    /// What it says, as text.
    value: String,
    /// The code of a CODE, the units of a NUM.
    code: Option<Code>,
    children: Vec<Node>,
}

/// A coded entry (PS3.3 8.8).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Code {
    value: String,
    scheme: String,
    meaning: String,
}

/// Writes a document down.
///
/// # Errors
/// [`RenderError::Attributes`] for an instance that is no document.
pub fn render(all: &Attributes<'_>, form: Form) -> Result<String, RenderError> {
    let document = read(all)?;
    Ok(match form {
        Form::Html => html::write(&document),
        Form::Text => text::write(&document),
        Form::Xml => xml::write(&document),
    })
}

fn read(all: &Attributes<'_>) -> Result<Document, RenderError> {
    let facts = tree::facts(all);
    if all.has(tag::DOCUMENT_TYPE) || all.has(tag::ENCAPSULATED_DOCUMENT) {
        let media = all.text(tag::DOCUMENT_TYPE).unwrap_or("application/octet-stream".into()).into_owned();
        let title =
            all.text(tag::DOCUMENT_TITLE).map_or_else(|| "Document".to_owned(), |title| title.into_owned());
        return Ok(Document { title, facts, body: Body::File(media) });
    }
    if !all.has(tag::CONTENT) && !all.has(tag::VALUE_TYPE) {
        return Err(RenderError::Attributes);
    }
    let root = tree::read(all);
    let title = root.concept.as_ref().map_or_else(|| "Report".to_owned(), |concept| concept.meaning.clone());
    Ok(Document { title, facts, body: Body::Tree(root.children) })
}

#[cfg(test)]
mod tests;
