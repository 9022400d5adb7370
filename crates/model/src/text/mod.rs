//! Text values to UTF-8 (PS3.5 6.1, PS3.3 C.12.1.1.2).
//!
//! [`CharacterSets`] is what an item's Specific Character Set (0008,0005) says; it decodes the text of that item.
//! Nothing here fails: what cannot be decoded becomes U+FFFD, the stored bytes stay as they were received.
//!
//! Where real files differ from the Standard and the meaning is beyond doubt, the text is read anyway: Shift_JIS under
//! `ISO_IR 13`, EUC-KR without its escape sequence under `\ISO 2022 IR 149`, UTF-8 where no set was declared.

mod iso2022;
mod single_byte;
mod terms;

use std::borrow::Cow;

use dicom_core::VR;
use encoding_rs::GB18030;
use smallvec::SmallVec;

use iso2022::Repertoire;

/// The character sets of one data set or item: the parsed Specific Character Set (0008,0005).
///
/// Small and `Copy`: an item without its own (0008,0005) takes a copy of its parent's (PS3.5 6.1.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CharacterSets {
    coding: Coding,
    unknown: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    /// Single-byte sets and ISO 2022 code extensions: one state machine reads both.
    Iso2022(Repertoire),
    /// `ISO_IR 192`.
    Utf8,
    /// `GB18030` and `GBK`: the first is a superset of the second.
    Gb18030,
}

impl Default for Coding {
    fn default() -> Self {
        Coding::Iso2022(Repertoire::default())
    }
}

impl CharacterSets {
    /// Reads the value of (0008,0005), with all its backslashes and padding.
    ///
    /// Spelling is forgiven (`ISO-IR_100`, `iso 2022 ir87`); a term that is not known counts as the default repertoire
    /// and is told by [`has_unknown_term`](Self::has_unknown_term).
    pub fn parse(value: &[u8]) -> Self {
        terms::parse(value)
    }

    /// Whether (0008,0005) named a set that we do not know.
    pub fn has_unknown_term(&self) -> bool {
        self.unknown
    }

    /// Decodes a whole value field of `vr`, padding and value delimiters included.
    ///
    /// In multi-valued VRs every backslash of the answer separates two values: those that were the second byte of a
    /// character are gone. Only `LO LT PN SH ST UC UT` follow (0008,0005); the text of other VRs is plain ASCII (PS3.5 6.1.2.2).
    pub fn decode<'a>(&self, vr: VR, bytes: &'a [u8]) -> Cow<'a, str> {
        let coding = if follows_character_set(vr) { self.coding } else { Coding::default() };
        match coding {
            Coding::Utf8 => String::from_utf8_lossy(bytes),
            Coding::Gb18030 => GB18030.decode_without_bom_handling(bytes).0,
            Coding::Iso2022(repertoire) => match iso2022::plain(&repertoire, bytes) {
                Some(text) => Cow::Borrowed(text),
                None => Cow::Owned(iso2022::decode(&repertoire, Breaks::of(vr), bytes)),
            },
        }
    }

    /// Decodes and splits a value field: each value trimmed as its VR allows, empty ones kept as `""`.
    ///
    /// A value field of length zero, or of padding alone, has no values.
    pub fn decode_values<'a>(&self, vr: VR, bytes: &'a [u8]) -> SmallVec<[Cow<'a, str>; 1]> {
        match self.decode(vr, bytes) {
            Cow::Borrowed(text) => values(vr, text).map(Cow::Borrowed).collect(),
            Cow::Owned(text) => values(vr, &text).map(|value| Cow::Owned(value.to_owned())).collect(),
        }
    }
}

/// The values of a decoded value field, each trimmed; none when there is nothing but padding.
pub fn values(vr: VR, text: &str) -> impl Iterator<Item = &str> {
    let whole = trim(vr, text);
    let most = match whole {
        "" => 0,
        _ if is_multi_valued(vr) => usize::MAX,
        _ => 1,
    };
    whole.splitn(most, '\\').map(move |value| trim(vr, value))
}

/// Removes what PS3.5 6.2 calls insignificant: trailing NULs and spaces of every VR, and leading spaces where they are
/// padding too (all VRs but `LT ST UC UR UT`).
pub fn trim(vr: VR, value: &str) -> &str {
    let value = value.trim_end_matches([' ', '\0']);
    match vr {
        VR::LT | VR::ST | VR::UC | VR::UR | VR::UT => value,
        _ => value.trim_start_matches(' '),
    }
}

/// Whether a backslash separates values in `vr` (PS3.5 6.4).
pub fn is_multi_valued(vr: VR) -> bool {
    !matches!(vr, VR::LT | VR::ST | VR::UR | VR::UT)
}

/// Whether Specific Character Set (0008,0005) governs `vr` (PS3.5 6.1.2.2).
pub fn follows_character_set(vr: VR) -> bool {
    matches!(vr, VR::LO | VR::LT | VR::PN | VR::SH | VR::ST | VR::UC | VR::UT)
}

/// Where the initial sets come back within a value field (PS3.5 6.1.2.5.3), beside control characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Breaks {
    /// Nowhere else: one text.
    Lines,
    /// At each backslash.
    Values,
    /// At each backslash, `^` and `=`.
    NameParts,
}

impl Breaks {
    fn of(vr: VR) -> Self {
        match vr {
            VR::PN => Breaks::NameParts,
            vr if is_multi_valued(vr) => Breaks::Values,
            _ => Breaks::Lines,
        }
    }

    fn at(self, byte: u8) -> bool {
        match self {
            Breaks::Lines => false,
            Breaks::Values => byte == b'\\',
            Breaks::NameParts => matches!(byte, b'\\' | b'^' | b'='),
        }
    }
}

#[cfg(test)]
mod tests;
