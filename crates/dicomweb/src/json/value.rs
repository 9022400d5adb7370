//! Value fields as JSON, by VR (PS3.18 section F.2).

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry, VirtualVr};
use dicom_dictionary_std::StandardDataDictionary;
use model::person_name::Groups;
use model::recode::{WordSwap, word_size};
use model::scan::Element;
use model::text::{CharacterSets, values};
use model::{Tag, VR};

use super::number;
use super::text::string;

/// How a VR's value field becomes JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Strings.
    Text,
    /// Numbers that are text.
    Decimal,
    /// Person names.
    Name,
    /// Binary numbers and tags.
    Binary,
    /// One base64 text.
    Inline,
}

pub(super) fn form(vr: VR) -> Form {
    match vr {
        VR::DS | VR::IS => Form::Decimal,
        VR::PN => Form::Name,
        VR::AT | VR::FL | VR::FD | VR::SL | VR::SS | VR::UL | VR::US | VR::SV | VR::UV => Form::Binary,
        VR::OB | VR::OD | VR::OF | VR::OL | VR::OV | VR::OW | VR::UN | VR::SQ => Form::Inline,
        VR::AE | VR::AS | VR::CS | VR::DA | VR::DT | VR::LO | VR::LT | VR::SH => Form::Text,
        VR::ST | VR::TM | VR::UC | VR::UI | VR::UR | VR::UT => Form::Text,
    }
}

/// The element with the VR that its value is shown in.
///
/// UN becomes the VR of the dictionary, since it is what a sender without that dictionary writes (PS3.5 section 6.2.2:
/// its value is little endian whatever the transfer syntax), unless that VR depends on other elements or is SQ. Numbers
/// that do not divide into words become UN.
pub(super) fn understood(element: &Element, length: u64) -> Element {
    let mut understood = *element;
    if element.vr == VR::UN {
        understood.vr = listed(element.tag).filter(|vr| *vr != VR::SQ).unwrap_or(VR::UN);
        understood.big_endian = false;
    }
    if form(understood.vr) == Form::Binary && !length.is_multiple_of(size(understood.vr) as u64) {
        (understood.vr, understood.big_endian) = (VR::UN, false);
    }
    understood
}

fn listed(tag: Tag) -> Option<VR> {
    if tag.group() % 2 == 1 {
        return matches!(tag.element(), 0x0010..=0x00FF).then_some(VR::LO);
    }
    match StandardDataDictionary.by_tag(tag)?.vr() {
        VirtualVr::Exact(vr) => Some(vr),
        _ => None,
    }
}

/// Whether a value of this VR may be a BulkDataURI (WADO-034, PS3.18 section F.2.6).
pub(super) fn may_be_bulk(vr: VR) -> bool {
    let number =
        matches!(vr, VR::DS | VR::FL | VR::FD | VR::IS | VR::SL | VR::SS | VR::SV | VR::UL | VR::US | VR::UV);
    number || form(vr) == Form::Inline || matches!(vr, VR::LT | VR::ST | VR::UC | VR::UT)
}

/// Bytes of one number or tag of this VR.
fn size(vr: VR) -> usize {
    match vr {
        VR::AT => 4,
        _ => usize::from(word_size(vr)).max(1),
    }
}

/// Whether all numbers of a value field can be JSON.
pub(super) fn is_finite(vr: VR, big_endian: bool, bytes: &[u8]) -> bool {
    !matches!(vr, VR::FL | VR::FD) || words(vr, big_endian, bytes).all(|word| number::is_finite(vr, word))
}

/// Appends `,"Value":[…]` of a text VR; answers whether all of it could be decoded.
pub(super) fn texts(out: &mut Vec<u8>, vr: VR, sets: &CharacterSets, bytes: &[u8]) -> bool {
    let text = sets.decode(vr, bytes);
    list(out, values(vr, &text), |out, value| match value {
        "" => null(out),
        _ => string(out, value),
    });
    is_whole(text)
}

/// Appends `,"Value":[…]` of DS or IS.
pub(super) fn decimals(out: &mut Vec<u8>, vr: VR, bytes: &[u8]) -> bool {
    let text = CharacterSets::default().decode(vr, bytes);
    list(out, values(vr, &text), |out, value| match value {
        "" => null(out),
        _ if number::is_exact(vr, value) => out.extend_from_slice(value.as_bytes()),
        _ => string(out, value),
    });
    is_whole(text)
}

/// Appends `,"Value":[…]` of PN: objects of the groups that are not empty (JSON-006).
pub(super) fn names(out: &mut Vec<u8>, sets: &CharacterSets, bytes: &[u8]) -> bool {
    let text = sets.decode(VR::PN, bytes);
    list(out, values(VR::PN, &text), |out, value| {
        let groups = Groups::split(value);
        let mut separator = b'{';
        for (key, group) in
            ["\"Alphabetic\":", "\"Ideographic\":", "\"Phonetic\":"].into_iter().zip(groups.iter())
        {
            if !group.is_empty() {
                out.push(separator);
                out.extend_from_slice(key.as_bytes());
                string(out, group);
                separator = b',';
            }
        }
        match separator {
            b'{' => null(out),
            _ => out.push(b'}'),
        }
    });
    is_whole(text)
}

/// Appends `,"Value":[…]` of binary numbers and tags.
pub(super) fn numbers(out: &mut Vec<u8>, vr: VR, big_endian: bool, bytes: &[u8]) {
    list(out, words(vr, big_endian, bytes), |out, word| number::binary(out, vr, word));
}

/// Appends `,"InlineBinary":"…"`, in little endian (JSON-009).
pub(super) fn inline(out: &mut Vec<u8>, vr: VR, big_endian: bool, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    let mut little = Cow::Borrowed(bytes);
    if big_endian && word_size(vr) > 1 {
        let (mut swap, mut swapped) = (WordSwap::new(word_size(vr)), Vec::with_capacity(bytes.len()));
        swap.push(bytes, &mut swapped);
        swap.finish(&mut swapped);
        little = Cow::Owned(swapped);
    }
    out.extend_from_slice(b",\"InlineBinary\":\"");
    let start = out.len();
    out.resize(start + little.len().div_ceil(3) * 4, b'=');
    let written = out.get_mut(start..).and_then(|place| STANDARD.encode_slice(&*little, place).ok());
    out.truncate(start + written.unwrap_or_default());
    out.push(b'"');
}

/// The numbers of a value field, little endian in the low end of eight bytes.
fn words(vr: VR, big_endian: bool, bytes: &[u8]) -> impl Iterator<Item = [u8; 8]> {
    bytes.chunks_exact(size(vr)).map(move |raw| {
        let mut word = [0; 8];
        word.iter_mut().zip(raw).for_each(|(place, &byte)| *place = byte);
        if big_endian {
            let bytes = word.get_mut(..raw.len()).unwrap_or_default();
            bytes.chunks_exact_mut(usize::from(word_size(vr)).max(1)).for_each(<[u8]>::reverse);
        }
        word
    })
}

/// `,"Value":[` values `]`; nothing when there are none, or a single one that is empty (JSON-003).
fn list<T>(out: &mut Vec<u8>, values: impl Iterator<Item = T>, mut write: impl FnMut(&mut Vec<u8>, T)) {
    let start = out.len();
    let mut count = 0usize;
    for value in values {
        out.extend_from_slice(if count == 0 { b",\"Value\":[" } else { b"," });
        write(out, value);
        count += 1;
    }
    match count {
        0 => {}
        1 if out.ends_with(b"[null") => out.truncate(start),
        _ => out.push(b']'),
    }
}

/// An empty value among several (JSON-004).
fn null(out: &mut Vec<u8>) {
    out.extend_from_slice(b"null");
}

/// Whether a decoded text has nothing that could not be decoded. A borrowed one has not been touched.
fn is_whole(text: Cow<'_, str>) -> bool {
    match text {
        Cow::Borrowed(_) => true,
        Cow::Owned(text) => !text.contains(char::REPLACEMENT_CHARACTER),
    }
}
