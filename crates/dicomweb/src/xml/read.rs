//! Native DICOM Model XML as an instance to store.

use std::borrow::Cow;

use model::{Tag, VR};
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::names::{COMPONENTS, GROUPS};
use super::write::MODEL;
use crate::stow::draft::{Builder, Described, Fault, Limits};

/// Values that may be left out between two: writers skip empty ones.
const GAP: usize = 1_000;

/// Why a text is no Native DICOM Model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// Not UTF-8, or declared to be something else.
    #[error("the XML is not in UTF-8")]
    Encoding,
    /// A document type declaration: it is never read.
    #[error("the XML has a document type declaration, which is not taken")]
    DocumentType,
    /// An entity that is none of XML's own five, or a character that XML does not have.
    #[error("the XML has an entity that is not known")]
    Entity,
    /// Not well formed.
    #[error("the XML is not well formed near byte {0}")]
    Syntax(u64),
    /// Another root element, or more than one.
    #[error("the XML is no {MODEL}")]
    Root,
    /// An element where the model has none.
    #[error("the XML has an element {0:?} where the model has none")]
    Element(String),
    /// Nested deeper than the limit.
    #[error("the XML is nested more than {0} deep")]
    Depth(usize),
    /// It ends too early.
    #[error("the XML ends too early")]
    End,
}

/// Reads one document: one instance. What is wrong with the instance is told in it; what is wrong with the XML is an
/// error.
///
/// # Errors
/// [`XmlError`].
pub fn read(text: &[u8], limits: Limits) -> Result<Described, XmlError> {
    let text = std::str::from_utf8(text).map_err(|_| XmlError::Encoding)?;
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut walk = Walk {
        builder: Builder::new(limits),
        open: Vec::new(),
        text: String::new(),
        groups: Default::default(),
        components: Default::default(),
        values: Vec::new(),
        done: false,
        limits,
    };
    loop {
        let event = reader.read_event().map_err(|_| XmlError::Syntax(reader.buffer_position()))?;
        match event {
            Event::Start(start) => walk.start(&start)?,
            Event::End(_) => walk.end(),
            Event::Text(text) => walk.text(&text.xml10_content())?,
            Event::CData(text) => walk.text(&text.xml10_content())?,
            Event::GeneralRef(entity) => {
                let letter = entity.resolve_char_ref().map_err(|_| XmlError::Entity)?;
                let letter = letter.or_else(|| predefined(&entity.xml10_content()));
                let mut place = [0; 4];
                walk.text(letter.ok_or(XmlError::Entity)?.encode_utf8(&mut place))?;
            }
            Event::DocType(_) => return Err(XmlError::DocumentType),
            Event::Decl(declaration) => {
                let utf8 =
                    |name: &str| name.eq_ignore_ascii_case("utf-8") || name.eq_ignore_ascii_case("us-ascii");
                if let Some(encoding) = declaration.encoding()
                    && !encoding.is_ok_and(|name| utf8(&name))
                {
                    return Err(XmlError::Encoding);
                }
            }
            Event::Comment(_) | Event::PI(_) | Event::Empty(_) => {}
            Event::Eof => break,
        }
    }
    if walk.done && walk.open.is_empty() { Ok(walk.builder.finish()) } else { Err(XmlError::End) }
}

fn predefined(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => return None,
    })
}

/// An open element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Model,
    Attribute,
    Value,
    Item,
    Name,
    Group(usize),
    Component(usize),
    Inline,
    Bulk,
}

struct Walk {
    builder: Builder,
    open: Vec<At>,
    text: String,
    groups: [String; 3],
    components: [String; 5],
    /// For each open attribute: values so far.
    values: Vec<usize>,
    done: bool,
    limits: Limits,
}

impl Walk {
    fn start(&mut self, element: &BytesStart<'_>) -> Result<(), XmlError> {
        let name = element.local_name();
        let name: &str = name.as_ref();
        let at = match (self.open.last(), name) {
            (None, MODEL) if !self.done => {
                self.done = true;
                At::Model
            }
            (None, _) => return Err(XmlError::Root),
            (Some(At::Model | At::Item), "DicomAttribute") => {
                self.attribute(element)?;
                At::Attribute
            }
            (Some(At::Attribute), "Value") => {
                self.count(element)?;
                self.text.clear();
                At::Value
            }
            (Some(At::Attribute), "Item") => {
                self.count(element)?;
                self.builder.open_item();
                At::Item
            }
            (Some(At::Attribute), "PersonName") => {
                self.count(element)?;
                self.groups = Default::default();
                At::Name
            }
            (Some(At::Name), name) => match GROUPS.iter().position(|known| *known == name) {
                Some(group) => {
                    self.components = Default::default();
                    At::Group(group)
                }
                None => return Err(unexpected(name)),
            },
            (Some(At::Group(_)), name) => match COMPONENTS.iter().position(|known| *known == name) {
                Some(component) => {
                    self.text.clear();
                    At::Component(component)
                }
                None => return Err(unexpected(name)),
            },
            (Some(At::Attribute), "InlineBinary") => {
                self.text.clear();
                At::Inline
            }
            (Some(At::Attribute), "BulkData") => {
                match value_of(element, "uri")? {
                    Some(uri) => self.builder.uri(&uri),
                    None => self.builder.fail(Fault::Shape(self.builder.tag())),
                }
                At::Bulk
            }
            (Some(_), name) => return Err(unexpected(name)),
        };
        // Each sequence takes two elements; a name and its component stand in the last.
        let deepest = self.limits.depth.saturating_add(2).saturating_mul(2) + 4;
        if self.open.len() >= deepest {
            return Err(XmlError::Depth(deepest));
        }
        self.open.push(at);
        Ok(())
    }

    fn attribute(&mut self, element: &BytesStart<'_>) -> Result<(), XmlError> {
        let named = value_of(element, "tag")?.unwrap_or_default();
        let number = (named.len() == 8).then(|| u32::from_str_radix(&named, 16).ok()).flatten();
        self.values.push(0);
        match number {
            Some(number) => {
                let tag = Tag((number >> 16) as u16, number as u16);
                match value_of(element, "privateCreator")? {
                    Some(owner) => self.builder.begin_private(tag, &owner),
                    None => self.builder.begin(tag),
                }
            }
            None => {
                self.builder.begin(Tag(0xFFFC, 0xFFFC));
                self.builder.fail(Fault::Name(named.chars().take(40).collect()));
            }
        }
        if let Some(vr) = value_of(element, "vr")?.filter(|vr| !vr.is_empty()) {
            self.builder.vr(&vr);
        }
        Ok(())
    }

    /// One more value, item or name: empty ones before it that are left out are put in.
    fn count(&mut self, element: &BytesStart<'_>) -> Result<(), XmlError> {
        let number = value_of(element, "number")?.and_then(|text| text.trim().parse::<usize>().ok());
        let Some(count) = self.values.last_mut() else { return Ok(()) };
        if *count == 0 {
            self.builder.value();
        }
        let next = number.unwrap_or(*count + 1);
        if next <= *count || next - *count > GAP {
            self.builder.fail(Fault::Shape(self.builder.tag()));
            return Ok(());
        }
        for _ in *count + 1..next {
            self.builder.null();
        }
        *count = next;
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), XmlError> {
        match self.open.last() {
            Some(At::Value | At::Component(_)) => self.text.push_str(text),
            Some(At::Inline) => self.text.extend(text.chars().filter(|letter| !letter.is_ascii_whitespace())),
            _ if text.trim_ascii().is_empty() => {}
            _ => return Err(XmlError::Element("text".to_owned())),
        }
        Ok(())
    }

    /// The XML reader has checked that the end is that of what is open.
    fn end(&mut self) {
        match self.open.pop() {
            Some(At::Attribute) => {
                self.values.pop();
                self.builder.end();
            }
            Some(At::Value) if self.text.is_empty() => self.builder.null(),
            Some(At::Value) => self.builder.text(&self.text),
            Some(At::Item) => self.builder.close_item(),
            Some(At::Component(component)) => {
                if self.text.contains(['^', '=']) {
                    self.builder.fail(Fault::Value { tag: self.builder.tag(), vr: VR::PN });
                }
                if let Some(place) = self.components.get_mut(component) {
                    *place = std::mem::take(&mut self.text);
                }
            }
            Some(At::Group(group)) => {
                if let Some(place) = self.groups.get_mut(group) {
                    *place = self.components.join("^").trim_end_matches('^').to_owned();
                }
            }
            Some(At::Name) => {
                let name = self.groups.join("=");
                match name.trim_end_matches('=') {
                    "" => self.builder.null(),
                    name => self.builder.text(name),
                }
            }
            Some(At::Inline) => self.builder.inline(&self.text),
            Some(At::Bulk | At::Model) | None => {}
        }
    }
}

fn unexpected(name: &str) -> XmlError {
    XmlError::Element(name.chars().take(40).collect())
}

/// The value of an attribute of an element.
fn value_of<'a>(element: &'a BytesStart<'_>, name: &str) -> Result<Option<Cow<'a, str>>, XmlError> {
    let Some(found) = element.try_get_attribute(name).map_err(|_| XmlError::Element(name.to_owned()))? else {
        return Ok(None);
    };
    found.normalized_value(XmlVersion::Implicit1_0).map(Some).map_err(|_| XmlError::Entity)
}
