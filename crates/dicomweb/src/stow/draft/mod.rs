//! A data set that is made here from what a client describes, as DICOM JSON or as Native DICOM Model XML: attribute by
//! attribute it becomes Explicit VR Little Endian, with holes where bulk data goes that comes later.
//!
//! [`Builder`] takes attributes and judges them; what is wrong with one is a [`Fault`] of its instance alone.
//! [`Instance::lay_out`] gives the bytes around the holes once it is known what fills them.

mod builder;
mod layout;
mod private;
mod value;

pub use builder::Builder;
pub use layout::{Fill, LayoutError, Offsets, Segment};

use model::{SopClassUid, SopInstanceUid, Tag, VR};

use super::Failure;

/// What one instance may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Sequences inside each other. Default 64.
    pub depth: usize,
    /// Attributes and items together. Default 1,000,000, as many as the archive takes.
    pub elements: usize,
    /// Bytes of one value. Default 4 MiB: a longer one belongs into a part of its own. While it is read, up to four
    /// times as much is held.
    pub value: usize,
    /// Bytes of all that is held of one instance. Default 16 MiB.
    pub held: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 64, elements: 1_000_000, value: 4 << 20, held: 16 << 20 }
    }
}

/// A data set: the whole one, or an item. Tags ascend.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    elements: Vec<Element>,
}

/// One attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Element {
    tag: Tag,
    vr: VR,
    value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    /// The value field, padded.
    Bytes(Box<[u8]>),
    Items(Vec<Draft>),
    /// The hole of this number.
    Bulk(usize),
}

/// An instance without its bulk data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    data: Draft,
    bulk: Vec<Hole>,
    held: usize,
    identity: Option<(SopClassUid, SopInstanceUid)>,
}

/// Where bulk data goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hole {
    /// The BulkDataURI, as it came.
    pub uri: String,
    /// The attribute.
    pub tag: Tag,
    /// Its VR.
    pub vr: VR,
    /// It stands in an item.
    pub nested: bool,
}

impl Hole {
    /// Whether this is Pixel Data (7FE0,0010), of the instance or of an icon.
    pub fn is_pixel_data(&self) -> bool {
        self.tag == Tag(0x7FE0, 0x0010)
    }
}

impl Instance {
    /// SOP Class and SOP Instance, where both are UIDs.
    pub fn identity(&self) -> Option<(SopClassUid, SopInstanceUid)> {
        self.identity
    }

    /// The bulk data that it waits for, in the order of the data set.
    pub fn bulk(&self) -> &[Hole] {
        &self.bulk
    }

    /// Bytes of memory that it takes.
    pub fn held(&self) -> usize {
        self.held
    }

    /// The value field of a top-level attribute without its padding; `None` when it is not there or is no plain value.
    pub fn get(&self, tag: Tag) -> Option<&[u8]> {
        let at = self.data.elements.binary_search_by_key(&tag, |element| element.tag).ok()?;
        let element = self.data.elements.get(at)?;
        match &element.value {
            Value::Bytes(bytes) => Some(model::value::trim(element.vr, bytes)),
            Value::Items(_) | Value::Bulk(_) => None,
        }
    }

    /// A top-level attribute of VR US or IS as a number.
    pub fn number(&self, tag: Tag) -> Option<u64> {
        match *self.get(tag)? {
            [low, high] if tag.group() == 0x0028 && tag != NUMBER_OF_FRAMES => {
                Some(u64::from(u16::from_le_bytes([low, high])))
            }
            ref text => std::str::from_utf8(text).ok()?.trim().parse().ok(),
        }
    }

    /// Whether a top-level attribute is there, empty or not.
    pub fn has(&self, tag: Tag) -> bool {
        self.data.elements.binary_search_by_key(&tag, |element| element.tag).is_ok()
    }

    /// Puts a top-level attribute in when it is missing or empty. The value is padded here.
    pub fn supply(&mut self, tag: Tag, vr: VR, value: &[u8]) {
        let value = Value::Bytes(value::padded(vr, value.to_vec()).into());
        match self.data.elements.binary_search_by_key(&tag, |element| element.tag) {
            Err(at) => self.data.elements.insert(at, Element { tag, vr, value }),
            Ok(at) => {
                if let Some(element) = self.data.elements.get_mut(at).filter(|e| e.value.is_empty()) {
                    *element = Element { tag, vr, value };
                }
            }
        }
    }

    /// Takes a top-level attribute out. A hole of it stays in the list and is never asked for.
    fn remove(&mut self, tag: Tag) {
        self.data.elements.retain(|element| element.tag != tag);
    }
}

impl Value {
    fn is_empty(&self) -> bool {
        match self {
            Value::Bytes(bytes) => bytes.is_empty(),
            Value::Items(items) => items.is_empty(),
            Value::Bulk(_) => false,
        }
    }
}

const NUMBER_OF_FRAMES: Tag = Tag(0x0028, 0x0008);

/// What is wrong with one instance.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A name that is no tag.
    #[error("a member is named {0:?}, which is no tag of 8 hexadecimal digits")]
    Name(String),
    /// The same attribute twice in one data set (PS3.18 F.2.2).
    #[error("{0} occurs twice")]
    Duplicate(Tag),
    /// Group 0000, 0002 or FFFE (PS3.18 10.5.1.4: the server makes the File Meta Information).
    #[error("{0} does not belong into a data set")]
    Group(Tag),
    /// A VR that is none.
    #[error("{0} has a VR that is none")]
    Vr(Tag),
    /// No VR, and none is known for the tag.
    #[error("{0} has no VR and is not in the dictionary")]
    NoVr(Tag),
    /// More than one of Value, BulkDataURI and InlineBinary, or what is none of them.
    #[error("{0} must have one of Value, BulkDataURI and InlineBinary")]
    Shape(Tag),
    /// A value that its VR cannot have.
    #[error("{tag} has a value that is no {vr}")]
    Value {
        /// The attribute.
        tag: Tag,
        /// Its VR.
        vr: VR,
    },
    /// A backslash inside one value of a VR whose values it separates (PS3.18 F.2.4).
    #[error("{0} has a backslash in a value")]
    Backslash(Tag),
    /// Several values in LT, ST, UR or UT.
    #[error("{0} can have one value only")]
    Several(Tag),
    /// Base64 that cannot be decoded.
    #[error("the base64 of {0} cannot be decoded")]
    Base64(Tag),
    /// A private attribute of an owner for whom no block is free, or without an owner (PS3.19 A.1.5).
    #[error("{0} has no private creator")]
    Creator(Tag),
    /// [`Limits::value`].
    #[error("{tag} is longer than {limit} bytes; send it as bulk data")]
    TooLong {
        /// The attribute.
        tag: Tag,
        /// The limit.
        limit: usize,
    },
    /// [`Limits::held`] or [`Limits::elements`].
    #[error("it has more attributes than are taken: send long ones as bulk data")]
    TooLarge,
    /// [`Limits::depth`].
    #[error("its sequences are more than {0} deep")]
    TooDeep(usize),
}

impl Fault {
    /// As the store response says it.
    pub fn failure(&self) -> Failure {
        match self {
            Fault::TooLong { .. } | Fault::TooLarge => Failure::TooLarge,
            Fault::Name(_)
            | Fault::Duplicate(_)
            | Fault::Group(_)
            | Fault::Vr(_)
            | Fault::NoVr(_)
            | Fault::Shape(_)
            | Fault::Value { .. }
            | Fault::Backslash(_)
            | Fault::Several(_)
            | Fault::Base64(_)
            | Fault::Creator(_)
            | Fault::TooDeep(_) => Failure::CannotUnderstand,
        }
    }
}

/// An instance that cannot be stored, and which one it is where it says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// SOP Class and SOP Instance.
    pub identity: Option<(SopClassUid, SopInstanceUid)>,
    /// The first thing that is wrong with it.
    pub fault: Fault,
    /// BulkDataURIs that it names: their parts belong to nobody else.
    pub uris: Vec<String>,
}

/// An instance, or why it is none.
pub type Described = Result<Instance, Box<Unfit>>;
