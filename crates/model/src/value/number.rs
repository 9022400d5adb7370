//! Numbers in values, whatever their VR and byte order.

use dicom_core::VR;

use super::trim;
use crate::scan::Element;

/// The integers of a value of VR IS, SL, SS, SV, UL, US or UV; none of any other VR.
///
/// A text that is no integer, and an UV beyond 2^63 - 1, is `None` in its place. Bytes behind the last whole number
/// are ignored.
pub fn integers<'a>(element: &Element, value: &'a [u8]) -> Box<dyn Iterator<Item = Option<i64>> + 'a> {
    let big = element.big_endian;
    match element.vr {
        VR::IS => Box::new(texts(VR::IS, value).map(|text| text.and_then(integer_text))),
        VR::US => Box::new(
            words(value).map(move |w| Some(i64::from(order(w, big, u16::from_le_bytes, u16::from_be_bytes)))),
        ),
        VR::SS => Box::new(
            words(value).map(move |w| Some(i64::from(order(w, big, i16::from_le_bytes, i16::from_be_bytes)))),
        ),
        VR::UL => Box::new(
            words(value).map(move |w| Some(i64::from(order(w, big, u32::from_le_bytes, u32::from_be_bytes)))),
        ),
        VR::SL => Box::new(
            words(value).map(move |w| Some(i64::from(order(w, big, i32::from_le_bytes, i32::from_be_bytes)))),
        ),
        VR::SV => {
            Box::new(words(value).map(move |w| Some(order(w, big, i64::from_le_bytes, i64::from_be_bytes))))
        }
        VR::UV => Box::new(
            words(value).map(move |w| order(w, big, u64::from_le_bytes, u64::from_be_bytes).try_into().ok()),
        ),
        _ => Box::new(std::iter::empty()),
    }
}

/// The first of [`integers`].
pub fn integer(element: &Element, value: &[u8]) -> Option<i64> {
    integers(element, value).next().flatten()
}

/// The numbers of a value of VR DS, FD, FL or one of those of [`integers`]; none of any other VR.
pub fn decimals<'a>(element: &Element, value: &'a [u8]) -> Box<dyn Iterator<Item = Option<f64>> + 'a> {
    let big = element.big_endian;
    match element.vr {
        VR::DS => Box::new(texts(VR::DS, value).map(|text| text.and_then(decimal_text))),
        VR::FL => Box::new(
            words(value).map(move |w| Some(f64::from(order(w, big, f32::from_le_bytes, f32::from_be_bytes)))),
        ),
        VR::FD => {
            Box::new(words(value).map(move |w| Some(order(w, big, f64::from_le_bytes, f64::from_be_bytes))))
        }
        _ => Box::new(integers(element, value).map(|number| number.map(|n| n as f64))),
    }
}

/// The first of [`decimals`].
pub fn decimal(element: &Element, value: &[u8]) -> Option<f64> {
    decimals(element, value).next().flatten()
}

/// An IS text (PS3.5 Table 6.2-1), spaces around it allowed; wider than the 32 bits of the Standard.
pub fn integer_text(text: &str) -> Option<i64> {
    text.trim_matches([' ', '\0']).parse().ok()
}

/// A DS text (PS3.5 Table 6.2-1), spaces around it allowed. Always finite.
pub fn decimal_text(text: &str) -> Option<f64> {
    let text = text.trim_matches([' ', '\0']);
    let digits = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    let number: f64 = digits.then(|| text.parse().ok()).flatten()?;
    number.is_finite().then_some(number)
}

/// The texts of a multi-valued field; `None` for one that is not UTF-8. No text at all is no value.
fn texts(vr: VR, value: &[u8]) -> impl Iterator<Item = Option<&str>> {
    let value = trim(vr, value);
    let empty = value.is_empty();
    value.split(|byte| *byte == b'\\').filter(move |_| !empty).map(|text| std::str::from_utf8(text).ok())
}

fn words<const N: usize>(value: &[u8]) -> impl Iterator<Item = [u8; N]> {
    value.as_chunks::<N>().0.iter().copied()
}

fn order<const N: usize, T>(
    bytes: [u8; N],
    big: bool,
    little: fn([u8; N]) -> T,
    great: fn([u8; N]) -> T,
) -> T {
    if big { great(bytes) } else { little(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tag;

    fn element(vr: VR, big_endian: bool) -> Element {
        Element {
            tag: Tag(0x0028, 0x0010),
            vr,
            length: None,
            offset: 0,
            depth: 0,
            explicit: true,
            big_endian,
        }
    }

    #[test]
    fn integers_of_every_vr_and_byte_order() {
        for (vr, big, value, expected) in [
            (VR::US, false, &b"\x01\x02\xff\xff"[..], &[Some(0x0201), Some(0xFFFF)][..]),
            (VR::US, true, b"\x01\x02\xff\xff", &[Some(0x0102), Some(0xFFFF)]),
            (VR::SS, false, b"\xfe\xff", &[Some(-2)]),
            (VR::SS, true, b"\xff\xfe", &[Some(-2)]),
            (VR::UL, false, b"\x00\x00\x00\x80", &[Some(1 << 31)]),
            (VR::SL, true, b"\x80\x00\x00\x00", &[Some(-(1 << 31))]),
            (VR::SV, false, &[0xFF; 8], &[Some(-1)]),
            (VR::UV, false, &[0xFF; 8], &[None]),
            (VR::UV, true, b"\0\0\0\0\0\0\0\x07", &[Some(7)]),
            (VR::US, false, b"\x01", &[]),
            (VR::US, false, b"\x01\x00\x02", &[Some(1)]),
            (VR::IS, false, b" 12\\-3\\ +4 \\1.5\\ ", &[Some(12), Some(-3), Some(4), None, None]),
            (VR::IS, false, b"99999999999", &[Some(99_999_999_999)]),
            (VR::IS, false, b"", &[]),
            (VR::IS, false, b"\xff", &[None]),
            (VR::LO, false, b"12", &[]),
        ] {
            let read: Vec<_> = integers(&element(vr, big), value).collect();
            assert_eq!(read, expected, "{vr} {value:?}");
        }
        assert_eq!(integer(&element(VR::IS, false), b"7\\8"), Some(7));
    }

    #[test]
    fn decimals_of_every_vr_and_byte_order() {
        for (vr, big, value, expected) in [
            (
                VR::DS,
                false,
                &b"1.5\\-2e3\\1,5\\inf\\NaN\\.5"[..],
                &[Some(1.5), Some(-2000.0), None, None, None, Some(0.5)][..],
            ),
            (VR::DS, false, b"1e999", &[None]),
            (VR::FL, false, &1.25_f32.to_le_bytes(), &[Some(1.25)]),
            (VR::FD, true, &(-0.5_f64).to_be_bytes(), &[Some(-0.5)]),
            (VR::US, false, b"\x02\x00", &[Some(2.0)]),
            (VR::IS, false, b"3", &[Some(3.0)]),
            (VR::UT, false, b"3", &[]),
        ] {
            let read: Vec<_> = decimals(&element(vr, big), value).collect();
            assert_eq!(read, expected, "{vr} {value:?}");
        }
        assert_eq!(decimal(&element(VR::DS, false), b" 0.25 "), Some(0.25));
    }
}
