//! Keywords, and whose private attributes are.

use std::collections::HashMap;

use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry, TagRange};
use dicom_dictionary_std::StandardDataDictionary;
use model::Tag;

/// The namespace of the model.
pub(super) const NAMESPACE: &str = "http://dicom.nema.org/PS3.19/models/NativeDICOM";

/// The groups of a person name, in their order.
pub(super) const GROUPS: [&str; 3] = ["Alphabetic", "Ideographic", "Phonetic"];
/// The components of a group, in their order.
pub(super) const COMPONENTS: [&str; 5] =
    ["FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix"];

/// The keyword of PS3.6, for attributes that have one of their own. Repeating groups have none.
pub(super) fn keyword(tag: Tag) -> Option<&'static str> {
    let entry = StandardDataDictionary.by_tag(tag)?;
    matches!(entry.tag_range(), TagRange::Single(_)).then(|| entry.alias())
}

/// Whether this attribute reserves a block of private ones (PS3.5 7.8.1).
pub(super) fn is_creator(tag: Tag) -> bool {
    tag.group() % 2 == 1 && matches!(tag.element(), 0x0010..=0x00FF)
}

/// Whether this is a private attribute in a block.
pub(super) fn is_private(tag: Tag) -> bool {
    tag.group() % 2 == 1 && tag.element() >= 0x1000
}

/// Which creator has which block, in one data set.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    owners: HashMap<(u16, u8), String>,
}

impl Blocks {
    /// Notes a creator.
    pub(super) fn note(&mut self, creator: Tag, owner: &str) {
        self.owners.insert((creator.group(), creator.element() as u8), owner.to_owned());
    }

    /// The owner of a private attribute.
    pub(super) fn owner(&self, tag: Tag) -> Option<&str> {
        self.owners.get(&(tag.group(), (tag.element() >> 8) as u8)).map(String::as_str)
    }
}
