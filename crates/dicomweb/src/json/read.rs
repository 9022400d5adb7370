//! Reading DICOM JSON (PS3.18 F.2): an array of data sets, or one, pushed in pieces; each becomes an instance to store.

use std::collections::VecDeque;

use model::{Tag, VR};

use super::token::{JsonError, Token, TokenLimits, Tokenizer};
use crate::stow::draft::{Builder, Described, Fault, Limits};

/// Why what follows cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is no JSON.
    #[error("the metadata is no JSON: {0}")]
    Json(#[from] JsonError),
    /// It is JSON, but neither a data set nor an array of data sets.
    #[error("the metadata is no array of data sets")]
    Shape,
}

/// Reads data sets as they come.
///
/// What is wrong with one is told in its place, and the next is read. Members that are not ours are ignored.
#[derive(Debug)]
pub struct Reader {
    tokens: Tokenizer,
    walk: Walk,
}

#[derive(Debug)]
struct Walk {
    limits: Limits,
    at: Vec<At>,
    builder: Option<Builder>,
    ready: VecDeque<Described>,
    /// Of the name that is open: alphabetic, ideographic, phonetic.
    groups: [String; 3],
    misshapen: bool,
}

/// Where the next token stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// The array of data sets.
    Array,
    /// Names of attributes.
    DataSet,
    /// The object of an attribute must come.
    Attribute,
    /// Names of an attribute's members.
    Members,
    Member(Member),
    /// The values of `Value`.
    Values,
    /// An object among them: an item or a name.
    Object,
    /// The groups of a name.
    Name,
    /// The text of one.
    Group(usize),
    /// What is ignored: this many objects and arrays deep.
    Skip(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Member {
    Vr,
    Value,
    Inline,
    Uri,
}

impl Reader {
    /// A reader of one metadata part.
    pub fn new(limits: Limits) -> Self {
        // The array, and for each sequence its attribute, its values and the item; then one attribute with a name.
        let depth = (limits.depth + 1) * 3 + 4;
        let text = limits.value.saturating_mul(4) / 3 + 4;
        Self {
            tokens: Tokenizer::new(TokenLimits { depth, text }),
            walk: Walk {
                limits,
                at: Vec::new(),
                builder: None,
                ready: VecDeque::new(),
                groups: Default::default(),
                misshapen: false,
            },
        }
    }

    /// Takes the next bytes. Ask for all data sets before the next push.
    ///
    /// # Errors
    /// [`ReadError`]; data sets that were whole before it can still be had.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), ReadError> {
        let walk = &mut self.walk;
        let read = self.tokens.push(bytes, &mut |token| walk.take(token));
        // What came first counts, however the text is cut.
        if walk.misshapen { Err(ReadError::Shape) } else { Ok(read?) }
    }

    /// Says that nothing more comes.
    ///
    /// # Errors
    /// [`ReadError`] when the text is not whole.
    pub fn finish(&mut self) -> Result<(), ReadError> {
        let walk = &mut self.walk;
        let read = self.tokens.finish(&mut |token| walk.take(token));
        if walk.misshapen { Err(ReadError::Shape) } else { Ok(read?) }
    }

    /// Bytes of memory that the data set takes that is being read.
    pub fn held(&self) -> usize {
        self.walk.builder.as_ref().map_or(0, Builder::held)
    }

    /// The next data set that is whole.
    pub fn next_instance(&mut self) -> Option<Described> {
        self.walk.ready.pop_front()
    }
}

impl Walk {
    fn take(&mut self, token: Token<'_>) {
        if self.misshapen {
            return;
        }
        let Some(at) = self.at.last().copied() else { return self.first(token) };
        match at {
            At::Array => match token {
                Token::Object => self.begin(),
                Token::ArrayEnd => self.pop(),
                _ => self.misshapen = true,
            },
            At::DataSet => match token {
                Token::Name(name) => self.attribute(name),
                _ => self.end_data_set(),
            },
            At::Attribute => self.attribute_object(token),
            At::Members => match token {
                Token::Name(name) => self.member(name),
                _ => {
                    self.pop();
                    self.build(Builder::end);
                }
            },
            At::Member(member) => {
                self.pop();
                self.member_value(member, token);
            }
            At::Values => self.value(token),
            At::Object => self.object(token),
            At::Name => match token {
                Token::Name(group) => self.group(group),
                _ => self.end_name(),
            },
            At::Group(number) => {
                self.pop();
                self.group_text(number, token);
            }
            At::Skip(depth) => self.skipped(depth, token),
        }
    }

    fn first(&mut self, token: Token<'_>) {
        match token {
            Token::Array => self.at.push(At::Array),
            Token::Object => self.begin(),
            _ => self.misshapen = true,
        }
    }

    fn begin(&mut self) {
        self.at.push(At::DataSet);
        self.builder = Some(Builder::new(self.limits));
    }

    fn end_data_set(&mut self) {
        self.pop();
        if matches!(self.at.last(), None | Some(At::Array)) {
            self.ready.extend(self.builder.take().map(Builder::finish));
        } else {
            self.build(Builder::close_item);
        }
    }

    fn attribute(&mut self, name: &str) {
        match tag(name) {
            Some(tag) => {
                self.build(|builder| builder.begin(tag));
                self.at.push(At::Attribute);
            }
            None => {
                let shown: String = name.chars().take(40).collect();
                self.build(|builder| builder.fail(Fault::Name(shown)));
                self.at.push(At::Skip(0));
            }
        }
    }

    fn attribute_object(&mut self, token: Token<'_>) {
        self.pop();
        if token == Token::Object {
            self.at.push(At::Members);
        } else {
            self.misfit(token);
        }
    }

    fn member(&mut self, name: &str) {
        self.at.push(match name {
            "vr" => At::Member(Member::Vr),
            "Value" => At::Member(Member::Value),
            "InlineBinary" => At::Member(Member::Inline),
            "BulkDataURI" => At::Member(Member::Uri),
            _ => At::Skip(0),
        });
    }

    fn member_value(&mut self, member: Member, token: Token<'_>) {
        match (member, token) {
            (Member::Vr, Token::Text(text)) => self.build(|builder| builder.vr(text)),
            (Member::Value, Token::Array) => {
                self.build(Builder::value);
                self.at.push(At::Values);
            }
            (Member::Inline, Token::Text(text)) => self.build(|builder| builder.inline(text)),
            (Member::Uri, Token::Text(text)) => self.build(|builder| builder.uri(text)),
            (Member::Value | Member::Inline | Member::Uri, Token::Null) => {}
            _ => self.misfit(token),
        }
    }

    fn value(&mut self, token: Token<'_>) {
        match token {
            Token::Text(text) => self.build(|builder| builder.text(text)),
            Token::Number(text) => self.build(|builder| builder.number(text)),
            Token::Null => self.build(Builder::null),
            Token::Object => self.at.push(At::Object),
            Token::ArrayEnd => self.pop(),
            Token::Bool | Token::Array | Token::ObjectEnd | Token::Name(_) => self.misfit(token),
        }
    }

    /// The first name says what the object is.
    fn object(&mut self, token: Token<'_>) {
        self.pop();
        match token {
            Token::Name(name) if group(name).is_some() => {
                self.groups = Default::default();
                self.at.push(At::Name);
                self.group(name);
            }
            Token::Name(name) => {
                self.build(Builder::open_item);
                self.at.push(At::DataSet);
                self.attribute(name);
            }
            _ if self.builder.as_ref().and_then(Builder::known_vr) == Some(VR::PN) => {
                self.build(Builder::null);
            }
            _ => self.build(|builder| {
                builder.open_item();
                builder.close_item();
            }),
        }
    }

    fn group(&mut self, name: &str) {
        self.at.push(group(name).map_or(At::Skip(0), At::Group));
    }

    fn group_text(&mut self, number: usize, token: Token<'_>) {
        match token {
            Token::Text(text) => {
                let text = text.to_owned();
                if let Some(place) = self.groups.get_mut(number) {
                    *place = text;
                }
            }
            Token::Null => {}
            _ => self.misfit(token),
        }
    }

    fn end_name(&mut self) {
        self.pop();
        if self.groups.iter().any(|group| group.contains('=')) {
            return self.build(|builder| builder.fail(Fault::Value { tag: builder.tag(), vr: VR::PN }));
        }
        let whole = self.groups.join("=");
        self.build(|builder| builder.text(whole.trim_end_matches('=')));
    }

    /// A value in the wrong place: its instance is at fault, and what is in it is passed over.
    fn misfit(&mut self, token: Token<'_>) {
        self.build(|builder| builder.fail(Fault::Shape(builder.tag())));
        if matches!(token, Token::Object | Token::Array) {
            self.at.push(At::Skip(1));
        }
    }

    fn skipped(&mut self, depth: usize, token: Token<'_>) {
        let depth = match token {
            Token::Object | Token::Array => depth + 1,
            Token::ObjectEnd | Token::ArrayEnd => depth.saturating_sub(1),
            Token::Name(_) | Token::Text(_) | Token::Number(_) | Token::Bool | Token::Null => depth,
        };
        self.pop();
        if depth > 0 {
            self.at.push(At::Skip(depth));
        }
    }

    fn build(&mut self, step: impl FnOnce(&mut Builder)) {
        if let Some(builder) = &mut self.builder {
            step(builder);
        }
    }

    fn pop(&mut self) {
        self.at.pop();
    }
}

/// A tag of 8 hexadecimal digits.
fn tag(name: &str) -> Option<Tag> {
    if name.len() != 8 || !name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let number = u32::from_str_radix(name, 16).ok()?;
    Some(Tag((number >> 16) as u16, number as u16))
}

/// The place of a group of a person name.
fn group(name: &str) -> Option<usize> {
    ["Alphabetic", "Ideographic", "Phonetic"].iter().position(|known| *known == name)
}
