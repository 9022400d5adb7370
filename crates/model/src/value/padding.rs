//! What of a value field is padding.

use dicom_core::VR;

/// The value field without what PS3.5 Table 6.2-1 calls padding or insignificant.
///
/// Trailing NULs and spaces go from every text, as real senders mix them up; leading spaces where they are
/// insignificant, which is not so in LT, ST, UC, UR and UT. Where a value may be multi-valued only the ends of the whole
/// field are trimmed. Binary values stay as they are.
pub fn trim(vr: VR, value: &[u8]) -> &[u8] {
    match vr {
        VR::AE | VR::AS | VR::CS | VR::DA | VR::DS | VR::DT | VR::IS | VR::LO | VR::PN | VR::SH | VR::TM => {
            trim_start(trim_end(value))
        }
        VR::LT | VR::ST | VR::UC | VR::UI | VR::UR | VR::UT => trim_end(value),
        _ => value,
    }
}

fn trim_end(value: &[u8]) -> &[u8] {
    let end = value.iter().rposition(|byte| !matches!(byte, 0 | b' ')).map_or(0, |last| last + 1);
    value.get(..end).unwrap_or_default()
}

fn trim_start(value: &[u8]) -> &[u8] {
    let start = value.iter().take_while(|byte| **byte == b' ').count();
    value.get(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_goes_and_content_stays() {
        for (vr, value, expected) in [
            (VR::LO, &b" a b  "[..], &b"a b"[..]),
            (VR::UI, b"1.2\0", b"1.2"),
            (VR::UI, b" 1.2 ", b" 1.2"),
            (VR::LT, b"  indented \0", b"  indented"),
            (VR::OB, b"a \0", b"a \0"),
            (VR::CS, b"   ", b""),
            (VR::DS, b"\0", b""),
            (VR::SH, b"", b""),
        ] {
            assert_eq!(trim(vr, value), expected, "{vr} {value:?}");
        }
    }
}
