//! Attribute names: a keyword, eight hexadecimal digits, or a path of them through sequences.

use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry, VirtualVr};
use dicom_dictionary_std::StandardDataDictionary;
use model::{Tag, VR};

/// The tags from the top of the data set down to the attribute; never empty. All but the last are sequences.
pub type TagPath = Vec<Tag>;

/// Sequences that a path may lead through.
const DEEPEST: usize = 16;

/// Why a name names no attribute.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// No keyword of PS3.6 (their case counts) and not eight hexadecimal digits.
    #[error("neither a parameter nor an attribute's keyword or tag; keywords are written as in PatientID")]
    Unknown,
    /// A path through something that is no sequence.
    #[error("a path through an attribute that is no sequence")]
    NoSequence,
    /// A path through more than 16 sequences.
    #[error("a path through more than {DEEPEST} sequences")]
    TooDeep,
}

/// Reads a name; gives the path and the VR of the attribute at its end, UN where the dictionary does not know it.
pub(super) fn parse(name: &str) -> Result<(TagPath, VR), NameError> {
    let mut path = TagPath::new();
    let mut vr = VR::SQ;
    for part in name.split('.') {
        if vr != VR::SQ {
            return Err(NameError::NoSequence);
        }
        if path.len() > DEEPEST {
            return Err(NameError::TooDeep);
        }
        let (tag, found) = parse_one(part).ok_or(NameError::Unknown)?;
        path.push(tag);
        vr = found;
    }
    Ok((path, vr))
}

/// The tag of the creator that a private attribute belongs to; `None` for a standard attribute and for a creator.
pub(super) fn private_creator(tag: Tag) -> Option<Tag> {
    let block = tag.element() >> 8;
    let private = tag.group() % 2 == 1 && block >= 0x10;
    private.then(|| Tag(tag.group(), block))
}

/// A path as a query may write it: `00101002.00100020`.
pub fn dotted(path: &[Tag]) -> String {
    let tags: Vec<String> =
        path.iter().map(|tag| format!("{:04X}{:04X}", tag.group(), tag.element())).collect();
    tags.join(".")
}

fn parse_one(text: &str) -> Option<(Tag, VR)> {
    if text.len() == 8 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        let number = u32::from_str_radix(text, 16).ok()?;
        let tag = Tag((number >> 16) as u16, number as u16);
        let vr = StandardDataDictionary.by_tag(tag).map_or_else(|| unlisted(tag), |entry| plain(entry.vr()));
        return Some((tag, vr));
    }
    let entry = StandardDataDictionary.by_name(text)?;
    Some((entry.tag(), plain(entry.vr())))
}

/// Private creators are LO (PS3.5 7.8.1); anything else that is not listed could be a sequence or not.
fn unlisted(tag: Tag) -> VR {
    let creator = tag.group() % 2 == 1 && (0x10..=0xFF).contains(&tag.element());
    if creator { VR::LO } else { VR::UN }
}

fn plain(vr: VirtualVr) -> VR {
    match vr {
        VirtualVr::Exact(vr) => vr,
        VirtualVr::Xs => VR::US,
        VirtualVr::Ox | VirtualVr::Px | VirtualVr::Lt => VR::OW,
        _ => VR::UN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Known<'a> = (&'a [(u16, u16)], VR);

    fn check(name: &str, expected: Result<Known<'_>, NameError>) {
        let expected = expected.map(|(path, vr)| (path.iter().map(|&(g, e)| Tag(g, e)).collect(), vr));
        assert_eq!(parse(name), expected, "{name:?}");
    }

    #[test]
    fn qido_017_to_019_names() {
        check("PatientID", Ok((&[(0x0010, 0x0020)], VR::LO)));
        check("00100020", Ok((&[(0x0010, 0x0020)], VR::LO)));
        check("0020000d", Ok((&[(0x0020, 0x000D)], VR::UI)));
        check("OtherPatientIDsSequence.PatientID", Ok((&[(0x0010, 0x1002), (0x0010, 0x0020)], VR::LO)));
        check("00101002.00100020", Ok((&[(0x0010, 0x1002), (0x0010, 0x0020)], VR::LO)));
        check(
            "RequestAttributesSequence.RequestedProcedureID",
            Ok((&[(0x0040, 0x0275), (0x0040, 0x1001)], VR::SH)),
        );
        check("RequestAttributesSequence", Ok((&[(0x0040, 0x0275)], VR::SQ)));
        check("PixelData", Ok((&[(0x7FE0, 0x0010)], VR::OW)));
        check("SmallestImagePixelValue", Ok((&[(0x0028, 0x0106)], VR::US)));
        check("00230010", Ok((&[(0x0023, 0x0010)], VR::LO)));
        check("00231002", Ok((&[(0x0023, 0x1002)], VR::UN)));
        for unknown in [
            "patientid",
            "PATIENTID",
            "PatientId",
            "x",
            "",
            "0010002",
            "001000200",
            "0010002g",
            "PatientID ",
            ".",
        ] {
            check(unknown, Err(NameError::Unknown));
        }
        check("PatientID.PatientName", Err(NameError::NoSequence));
        check("00231002.00100020", Err(NameError::NoSequence));
        check("OtherPatientIDsSequence.", Err(NameError::Unknown));
        check(&["00400275"; 17].join("."), Ok((&[(0x0040, 0x0275); 17], VR::SQ)));
        check(&["00400275"; 18].join("."), Err(NameError::TooDeep));
    }

    #[test]
    fn creators() {
        for (tag, creator) in [
            (Tag(0x0023, 0x1002), Some(Tag(0x0023, 0x0010))),
            (Tag(0x0023, 0xFF02), Some(Tag(0x0023, 0x00FF))),
            (Tag(0x0023, 0x0010), None),
            (Tag(0x0010, 0x1002), None),
        ] {
            assert_eq!(private_creator(tag), creator, "{tag}");
        }
    }
}
