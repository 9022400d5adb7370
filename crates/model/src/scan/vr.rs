//! Value representations: their two bytes, the form of their header, and the dictionary where the data has none.

use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry, VirtualVr};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::StandardDataDictionary;

/// Pixel Data (7FE0,0010).
pub(super) const PIXEL_DATA: Tag = Tag(0x7FE0, 0x0010);

/// A VR as encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VrBytes {
    /// One of PS3.5 section 6.2.
    Known(VR),
    /// Two capital letters that name none: to be read in the long form.
    Unknown,
    /// Not two capital letters.
    Nothing,
}

/// Reads the two bytes of a VR (PS3.5 section 6.2).
pub(crate) fn vr_bytes(bytes: [u8; 2]) -> VrBytes {
    let vr = match &bytes {
        b"AE" => VR::AE,
        b"AS" => VR::AS,
        b"AT" => VR::AT,
        b"CS" => VR::CS,
        b"DA" => VR::DA,
        b"DS" => VR::DS,
        b"DT" => VR::DT,
        b"FD" => VR::FD,
        b"FL" => VR::FL,
        b"IS" => VR::IS,
        b"LO" => VR::LO,
        b"LT" => VR::LT,
        b"OB" => VR::OB,
        b"OD" => VR::OD,
        b"OF" => VR::OF,
        b"OL" => VR::OL,
        b"OV" => VR::OV,
        b"OW" => VR::OW,
        b"PN" => VR::PN,
        b"SH" => VR::SH,
        b"SL" => VR::SL,
        b"SQ" => VR::SQ,
        b"SS" => VR::SS,
        b"ST" => VR::ST,
        b"SV" => VR::SV,
        b"TM" => VR::TM,
        b"UC" => VR::UC,
        b"UI" => VR::UI,
        b"UL" => VR::UL,
        b"UN" => VR::UN,
        b"UR" => VR::UR,
        b"US" => VR::US,
        b"UT" => VR::UT,
        b"UV" => VR::UV,
        [b'A'..=b'Z', b'A'..=b'Z'] => return VrBytes::Unknown,
        _ => return VrBytes::Nothing,
    };
    VrBytes::Known(vr)
}

/// Whether the header of this VR has two reserved bytes and a length of 32 bits (PS3.5 section 7.1.2).
pub(crate) fn long_form(vr: VR) -> bool {
    matches!(
        vr,
        VR::OB
            | VR::OD
            | VR::OF
            | VR::OL
            | VR::OV
            | VR::OW
            | VR::SQ
            | VR::SV
            | VR::UC
            | VR::UN
            | VR::UR
            | VR::UT
            | VR::UV
    )
}

/// The VR of an element that comes without one. `signed`: Pixel Representation (0028,0103) is 1.
pub(super) fn implicit(tag: Tag, undefined_length: bool, signed: bool) -> VR {
    let vr = dictionary(tag, signed);
    match vr {
        _ if undefined_length && tag == PIXEL_DATA => VR::OB,
        // Of those with a length to be found, only sequences may come without VR.
        VR::OB | VR::OW => vr,
        _ if undefined_length => VR::SQ,
        _ => vr,
    }
}

fn dictionary(tag: Tag, signed: bool) -> VR {
    if tag.1 == 0 {
        return VR::UL;
    }
    if tag.0 & 1 == 1 {
        return if matches!(tag.1, 0x10..=0xFF) { VR::LO } else { VR::UN };
    }
    match StandardDataDictionary.by_tag(tag).map(|entry| entry.vr()) {
        Some(VirtualVr::Exact(vr)) => vr,
        Some(VirtualVr::Xs) if signed => VR::SS,
        Some(VirtualVr::Xs) => VR::US,
        Some(VirtualVr::Ox | VirtualVr::Px | VirtualVr::Lt) => VR::OW,
        Some(_) | None => VR::UN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TS-001: the VRs of PS3.5 Table 7.1-1 and no others.
    #[test]
    fn long_forms_are_those_of_the_standard() {
        let all = "AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV";
        let long = "OB OD OF OL OV OW SQ SV UC UN UR UT UV";
        for name in all.split(' ') {
            let bytes: [u8; 2] = name.as_bytes().try_into().expect("two letters");
            let VrBytes::Known(vr) = vr_bytes(bytes) else { panic!("{name} is a VR") };
            assert_eq!(vr.to_string(), name);
            assert_eq!(long_form(vr), long.split(' ').any(|l| l == name), "{name}");
        }
        assert_eq!(vr_bytes(*b"ZZ"), VrBytes::Unknown);
        for bytes in [*b"uS", [0, 0], *b"??", *b"A ", [0xFF, 0xFF]] {
            assert_eq!(vr_bytes(bytes), VrBytes::Nothing);
        }
    }

    #[test]
    fn implicit_elements_get_their_vr_from_the_dictionary() {
        for (group, element, undefined, signed, expected) in [
            (0x0008, 0x0018, false, false, VR::UI),
            (0x0010, 0x0010, false, false, VR::PN),
            (0x0008, 0x0000, false, false, VR::UL),
            (0x0009, 0x0000, false, false, VR::UL),
            (0x0009, 0x0010, false, false, VR::LO),
            (0x0009, 0x00FF, false, false, VR::LO),
            (0x0009, 0x0001, false, false, VR::UN),
            (0x0009, 0x1001, false, false, VR::UN),
            (0x0009, 0x1001, true, false, VR::SQ),
            (0x0028, 0x0106, false, false, VR::US),
            (0x0028, 0x0106, false, true, VR::SS),
            (0x0028, 0x3006, false, true, VR::OW),
            (0x6002, 0x3000, false, false, VR::OW),
            (0x7FE0, 0x0010, false, false, VR::OW),
            (0x7FE0, 0x0010, true, false, VR::OB),
            (0x0008, 0x1140, false, false, VR::SQ),
            (0x0008, 0x1140, true, false, VR::SQ),
            (0x0008, 0x7777, false, false, VR::UN),
            (0x0008, 0x7777, true, false, VR::SQ),
            (0x0010, 0x0010, true, false, VR::SQ),
        ] {
            assert_eq!(
                implicit(Tag(group, element), undefined, signed),
                expected,
                "({group:04X},{element:04X})"
            );
        }
    }
}
