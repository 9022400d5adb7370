//! Value fields as JSON, by VR (PS3.18 F.2.3).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::VR;
use model::person_name::Groups;
use model::recode::{WordSwap, word_size};
use model::text::CharacterSets;

use super::text::string;

/// How a VR's value field becomes JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Strings.
    Text,
    /// Numbers written as text: kept as text where a number would lose something.
    Decimal,
    /// Person names.
    Name,
    /// Binary numbers or tags.
    Binary,
    /// One base64 text.
    Inline,
}

pub(super) fn shape(vr: VR) -> Shape {
    match vr {
        VR::DS | VR::IS => Shape::Decimal,
        VR::PN => Shape::Name,
        VR::AT | VR::FL | VR::FD | VR::SL | VR::SS | VR::UL | VR::US | VR::SV | VR::UV => Shape::Binary,
        VR::OB | VR::OD | VR::OF | VR::OL | VR::OV | VR::OW | VR::UN | VR::SQ => Shape::Inline,
        _ => Shape::Text,
    }
}

/// Whether a value of this VR may be a BulkDataURI (PS3.18 F.2.6).
pub(super) fn may_be_bulk(vr: VR) -> bool {
    matches!(
        vr,
        VR::DS
            | VR::FL
            | VR::FD
            | VR::IS
            | VR::LT
            | VR::OB
            | VR::OD
            | VR::OF
            | VR::OL
            | VR::OV
            | VR::OW
            | VR::SL
            | VR::SS
            | VR::ST
            | VR::SV
            | VR::UC
            | VR::UL
            | VR::UN
            | VR::US
            | VR::UT
            | VR::UV
    )
}

/// `"GGGGEEEE":`
pub(super) fn name(out: &mut Vec<u8>, tag: u32) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.push(b'"');
    for shift in (0..8).rev() {
        let digit = (tag >> (shift * 4)) & 0xF;
        out.push(DIGITS.get(digit as usize).copied().unwrap_or(b'0'));
    }
    out.extend_from_slice(b"\":");
}

/// Appends `,"Value":[…]` of a text VR, nothing when it has no values.
pub(super) fn texts(out: &mut Vec<u8>, vr: VR, sets: &CharacterSets, bytes: &[u8]) {
    list(
        out,
        sets.decode_values(vr, bytes),
        |out, value| {
            if value.is_empty() { null(out) } else { string(out, &value) }
        },
    );
}

/// Appends `,"Value":[…]` of DS or IS.
pub(super) fn decimals(out: &mut Vec<u8>, vr: VR, sets: &CharacterSets, bytes: &[u8]) {
    list(out, sets.decode_values(vr, bytes), |out, value| {
        let value = value.trim();
        match value {
            "" => null(out),
            _ if is_exact_number(vr, value) => out.extend_from_slice(value.as_bytes()),
            _ => string(out, value),
        }
    });
}

/// Appends `,"Value":[…]` of PN: objects of the groups that are not empty.
pub(super) fn names(out: &mut Vec<u8>, sets: &CharacterSets, bytes: &[u8]) {
    list(out, sets.decode_values(VR::PN, bytes), |out, value| {
        let groups = Groups::split(&value);
        if groups.is_empty() {
            return null(out);
        }
        let mut first = true;
        for (key, group) in ["Alphabetic", "Ideographic", "Phonetic"].into_iter().zip(groups.iter()) {
            if group.is_empty() {
                continue;
            }
            out.push(if first { b'{' } else { b',' });
            first = false;
            out.push(b'"');
            out.extend_from_slice(key.as_bytes());
            out.extend_from_slice(b"\":");
            string(out, group);
        }
        out.push(b'}');
    });
}

/// Appends `,"Value":[…]` of binary numbers and tags. Bytes that fill no number are left out.
pub(super) fn numbers(out: &mut Vec<u8>, vr: VR, big_endian: bool, bytes: &[u8]) {
    let size = if vr == VR::AT { 4 } else { usize::from(word_size(vr)).max(1) };
    list(out, bytes.chunks_exact(size), |out, raw| {
        let mut word = [0; 8];
        let filled = word.get_mut(..size).unwrap_or_default();
        filled.copy_from_slice(raw);
        if big_endian && vr == VR::AT {
            filled.chunks_exact_mut(2).for_each(<[u8]>::reverse);
        } else if big_endian {
            filled.reverse();
        }
        number(out, vr, word);
    });
}

/// One number from its little endian bytes.
fn number(out: &mut Vec<u8>, vr: VR, word: [u8; 8]) {
    let [a, b, c, d, ..] = word;
    let text = match vr {
        VR::AT => {
            let (group, element) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
            format!("\"{group:04X}{element:04X}\"")
        }
        VR::US => u16::from_le_bytes([a, b]).to_string(),
        VR::SS => i16::from_le_bytes([a, b]).to_string(),
        VR::UL => u32::from_le_bytes([a, b, c, d]).to_string(),
        VR::SL => i32::from_le_bytes([a, b, c, d]).to_string(),
        VR::UV => exact(u64::from_le_bytes(word).to_string()),
        VR::SV => exact(i64::from_le_bytes(word).to_string()),
        VR::FL => real(f32::from_le_bytes([a, b, c, d])),
        _ => real(f64::from_le_bytes(word)),
    };
    out.extend_from_slice(text.as_bytes());
}

/// A 64-bit integer: a string beyond 2^53, where JSON readers lose digits.
fn exact(digits: String) -> String {
    let magnitude: u64 = digits.trim_start_matches('-').parse().unwrap_or(u64::MAX);
    if magnitude > 1 << 53 { format!("\"{digits}\"") } else { digits }
}

/// The shortest text that reads back as the same number; JSON has no NaN and no infinity, so these become strings that
/// toolkits read.
fn real<F: Into<f64> + Copy + std::fmt::Debug>(value: F) -> String {
    let wide: f64 = value.into();
    if wide.is_nan() {
        return "\"NaN\"".into();
    }
    if wide.is_infinite() {
        return if wide > 0.0 { "\"inf\"" } else { "\"-inf\"" }.into();
    }
    // Debug gives the shortest form, with an exponent where that is short; its letter is JSON's too.
    let text = format!("{value:?}");
    match text.strip_suffix(".0") {
        Some(whole) => whole.to_owned(),
        None => text,
    }
}

/// Appends `,"InlineBinary":"…"`, in little endian words.
pub(super) fn inline(out: &mut Vec<u8>, vr: VR, big_endian: bool, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    out.extend_from_slice(b",\"InlineBinary\":\"");
    let encoded = if big_endian && word_size(vr) > 1 {
        let mut turned = Vec::with_capacity(bytes.len());
        let mut swap = WordSwap::new(word_size(vr));
        swap.push(bytes, &mut turned);
        swap.finish(&mut turned);
        STANDARD.encode(turned)
    } else {
        STANDARD.encode(bytes)
    };
    out.extend_from_slice(encoded.as_bytes());
    out.push(b'"');
}

fn list<T>(out: &mut Vec<u8>, values: impl IntoIterator<Item = T>, mut write: impl FnMut(&mut Vec<u8>, T)) {
    let start = out.len();
    let mut count = 0;
    for value in values {
        out.extend_from_slice(if count == 0 { b",\"Value\":[" } else { b"," });
        write(out, value);
        count += 1;
    }
    match count {
        0 => {}
        // A single value that is empty is no value.
        1 if out.ends_with(b"[null") => out.truncate(start),
        _ => out.push(b']'),
    }
}

fn null(out: &mut Vec<u8>) {
    out.extend_from_slice(b"null");
}

/// Whether a decimal text is a JSON number that reads back as the same text: no plus, no leading or trailing point, no
/// leading zeros, and no more digits than a double or a 32-bit integer holds.
fn is_exact_number(vr: VR, text: &str) -> bool {
    if vr == VR::IS {
        return text.parse::<i32>().is_ok_and(|n| n.to_string() == text);
    }
    is_json_number(text) && text.bytes().filter(u8::is_ascii_digit).count() <= 15 && text != "-0"
}

fn is_json_number(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (unsigned.get(..at).unwrap_or(""), unsigned.get(at + 1..)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let whole_fits = digits(whole) && (whole == "0" || !whole.starts_with('0'));
    let exponent_fits =
        exponent.is_none_or(|e| digits(e.strip_prefix(['+', '-']).unwrap_or(e)) && e.len() <= 4);
    whole_fits && fraction.is_none_or(digits) && exponent_fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_texts_that_are_numbers() {
        // JSON-008
        for (vr, text, exact) in [
            (VR::DS, "1.5", true),
            (VR::DS, "-0.25", true),
            (VR::DS, "1e-5", true),
            (VR::DS, "1.0E+02", true),
            (VR::DS, "+1.5", false),
            (VR::DS, "1.", false),
            (VR::DS, ".5", false),
            (VR::DS, "007", false),
            (VR::DS, "1.000000000000001E-05", false),
            (VR::DS, "1e", false),
            (VR::DS, "NaN", false),
            (VR::DS, "1,5", false),
            (VR::IS, "7", true),
            (VR::IS, "-2147483648", true),
            (VR::IS, "2147483648", false),
            (VR::IS, "+007", false),
            (VR::IS, "1.0", false),
        ] {
            assert_eq!(is_exact_number(vr, text), exact, "{vr} {text}");
        }
    }

    #[test]
    fn binary_numbers() {
        fn check(vr: VR, big_endian: bool, bytes: &[u8], expected: &str) {
            let mut out = Vec::new();
            numbers(&mut out, vr, big_endian, bytes);
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{vr}");
        }
        check(VR::US, false, &[1, 0, 255, 255], r#","Value":[1,65535]"#);
        check(VR::SS, true, &[255, 254], r#","Value":[-2]"#);
        check(VR::AT, false, &[0x28, 0, 9, 0, 0xE0, 0x7F, 0x10, 0], r#","Value":["00280009","7FE00010"]"#); // JSON-007
        check(VR::AT, true, &[0, 0x28, 0, 9], r#","Value":["00280009"]"#);
        check(VR::FL, false, &0.1f32.to_le_bytes(), r#","Value":[0.1]"#);
        check(VR::FL, false, &2f32.to_le_bytes(), r#","Value":[2]"#);
        check(VR::FD, false, &1e-310f64.to_le_bytes(), r#","Value":[1e-310]"#);
        check(VR::FD, false, &f64::NAN.to_le_bytes(), r#","Value":["NaN"]"#);
        check(VR::UV, false, &u64::MAX.to_le_bytes(), r#","Value":["18446744073709551615"]"#); // JSON-008
        check(VR::SV, false, &(-5i64).to_le_bytes(), r#","Value":[-5]"#);
        check(VR::UL, false, &[1, 0, 0, 0, 9], r#","Value":[1]"#);
        check(VR::US, false, &[], "");
    }
}
