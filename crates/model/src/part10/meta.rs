//! File Meta Information as read.

use dicom_core::Tag;

use crate::Uid;

/// The File Meta Information of a file (PS3.10 Table 7.1-1), as far as anyone asks for it.
///
/// Texts are as read, without padding; they come from outside and are not checked. Where an element is there twice the
/// first one counts; an empty one counts as absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileMeta {
    /// (0002,0002) Media Storage SOP Class UID.
    pub sop_class: Option<String>,
    /// (0002,0003) Media Storage SOP Instance UID.
    pub sop_instance: Option<String>,
    /// (0002,0010) Transfer Syntax UID.
    pub transfer_syntax: Option<String>,
    /// (0002,0012) Implementation Class UID.
    pub implementation_class: Option<String>,
    /// (0002,0013) Implementation Version Name.
    pub implementation_version: Option<String>,
    /// (0002,0016) Source Application Entity Title.
    pub source_ae: Option<String>,
    /// (0002,0100) Private Information Creator UID, where it is one.
    pub private_creator: Option<Uid>,
    /// (0002,0102) Private Information, with whatever padding it has.
    pub private: Option<Vec<u8>>,
}

impl FileMeta {
    pub(super) fn take(&mut self, tag: Tag, value: &[u8]) {
        match tag.1 {
            0x0002 => keep_text(&mut self.sop_class, value),
            0x0003 => keep_text(&mut self.sop_instance, value),
            0x0010 => keep_text(&mut self.transfer_syntax, value),
            0x0012 => keep_text(&mut self.implementation_class, value),
            0x0013 => keep_text(&mut self.implementation_version, value),
            0x0016 => keep_text(&mut self.source_ae, value),
            0x0100 => self.private_creator = self.private_creator.or_else(|| Uid::from_value(value).ok()),
            0x0102 if self.private.is_none() => self.private = Some(value.to_vec()),
            _ => {}
        }
    }
}

fn keep_text(to: &mut Option<String>, value: &[u8]) {
    if to.is_some() {
        return;
    }
    let text = String::from_utf8_lossy(value);
    let text = text.trim_matches([' ', '\0']);
    if !text.is_empty() {
        *to = Some(text.to_owned());
    }
}
