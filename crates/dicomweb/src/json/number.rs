//! Numbers as JSON (PS3.18 section F.2.3).

use std::fmt::Debug;
use std::io::Write;

use model::VR;

/// Largest integer up to which all are exact in the doubles that JSON readers use.
const EXACT: u64 = 1 << 53;

/// Decimal digits that survive a double.
const DIGITS: usize = 15;

/// Appends one binary number, given as little endian bytes in the low end of `word`.
pub(super) fn binary(out: &mut Vec<u8>, vr: VR, word: [u8; 8]) {
    let [a, b, c, d, ..] = word;
    match vr {
        VR::AT => tag(out, u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d])),
        VR::US => integer(out, u64::from(u16::from_le_bytes([a, b])), false),
        VR::UL => integer(out, u64::from(u32::from_le_bytes([a, b, c, d])), false),
        VR::UV => integer(out, u64::from_le_bytes(word), false),
        VR::SS => signed(out, i64::from(i16::from_le_bytes([a, b]))),
        VR::SL => signed(out, i64::from(i32::from_le_bytes([a, b, c, d]))),
        VR::SV => signed(out, i64::from_le_bytes(word)),
        VR::FL => real(out, f32::from_le_bytes([a, b, c, d])),
        _ => real(out, f64::from_le_bytes(word)),
    }
}

/// Whether a binary number may be written: JSON has no NaN and no infinity.
pub(super) fn is_finite(vr: VR, word: [u8; 8]) -> bool {
    let [a, b, c, d, ..] = word;
    match vr {
        VR::FL => f32::from_le_bytes([a, b, c, d]).is_finite(),
        VR::FD => f64::from_le_bytes(word).is_finite(),
        _ => true,
    }
}

/// Whether the text of a DS or IS is a JSON number that readers take without loss: no plus sign, no leading zeros, no
/// point without digits on both sides, at most 15 significant digits, an integer of 32 bits.
pub(super) fn is_exact(vr: VR, text: &str) -> bool {
    match vr {
        VR::IS => text.parse::<i32>().is_ok() && is_json(text) && text != "-0",
        _ => is_json(text) && significant_digits(text) <= DIGITS && is_in_range(text),
    }
}

fn tag(out: &mut Vec<u8>, group: u16, element: u16) {
    out.push(b'"');
    hex(out, group);
    hex(out, element);
    out.push(b'"');
}

/// Four upper-case hexadecimal digits.
pub(super) fn hex(out: &mut Vec<u8>, number: u16) {
    out.extend([12, 8, 4, 0].map(|shift| match (number >> shift & 0xF) as u8 {
        digit @ 0..10 => b'0' + digit,
        digit => b'A' + digit - 10,
    }));
}

fn signed(out: &mut Vec<u8>, number: i64) {
    integer(out, number.unsigned_abs(), number < 0);
}

/// An integer; a string where readers would lose digits.
fn integer(out: &mut Vec<u8>, magnitude: u64, negative: bool) {
    let sign = if negative { "-" } else { "" };
    let quote = if magnitude > EXACT { "\"" } else { "" };
    // Writing to a `Vec` cannot fail.
    write!(out, "{quote}{sign}{magnitude}{quote}").unwrap_or_default();
}

/// The shortest text that reads back as the same number.
fn real(out: &mut Vec<u8>, number: impl Debug) {
    // `Debug` writes that, with an exponent where it is shorter, and at least one digit behind the point.
    write!(out, "{number:?}").unwrap_or_default();
    if out.ends_with(b".0") {
        out.truncate(out.len() - 2);
    }
}

/// RFC 8259 section 6.
pub(super) fn is_json(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let mantissa = mantissa.strip_prefix('-').unwrap_or(mantissa);
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}

fn significant_digits(text: &str) -> usize {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).skip_while(|&digit| digit == b'0').count();
    let zeros = mantissa.bytes().rev().filter(|&byte| byte != b'.').take_while(|&byte| byte == b'0').count();
    digits.saturating_sub(zeros)
}

/// Neither too large for a double nor so small that it loses digits.
fn is_in_range(text: &str) -> bool {
    let zero = significant_digits(text) == 0;
    text.parse::<f64>().is_ok_and(|number| zero || number.is_normal())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json008_decimal_texts() {
        for (vr, text, exact) in [
            (VR::DS, "1.5", true),
            (VR::DS, "-0.25", true),
            (VR::DS, "0", true),
            (VR::DS, "-0.0", true),
            (VR::DS, "100", true),
            (VR::DS, "1e-5", true),
            (VR::DS, "1.0E+02", true),
            (VR::DS, "0.00000000000001", true),
            (VR::DS, "123456789012345", true),
            (VR::DS, "1234567890123456", false),
            (VR::DS, "1234567890123450", true),
            (VR::DS, "1.000000000000001E-05", false),
            (VR::DS, "1e308", true),
            (VR::DS, "1e309", false),
            (VR::DS, "1e-310", false),
            (VR::DS, "1e-99999999999999", false),
            (VR::DS, "0e-99999999999999", true),
            (VR::DS, "", false),
            (VR::DS, "-", false),
            (VR::DS, "+1.5", false),
            (VR::DS, "1.", false),
            (VR::DS, ".5", false),
            (VR::DS, "007", false),
            (VR::DS, "-01", false),
            (VR::DS, "1e", false),
            (VR::DS, "1e+", false),
            (VR::DS, "1e5e5", false),
            (VR::DS, "1.5.5", false),
            (VR::DS, "--1", false),
            (VR::DS, "NaN", false),
            (VR::DS, "1,5", false),
            (VR::DS, "1 5", false),
            (VR::DS, "٣", false),
            (VR::IS, "7", true),
            (VR::IS, "-2147483648", true),
            (VR::IS, "2147483647", true),
            (VR::IS, "2147483648", false),
            (VR::IS, "+7", false),
            (VR::IS, "007", false),
            (VR::IS, "-0", false),
            (VR::IS, "1.0", false),
            (VR::IS, "1e2", false),
        ] {
            assert_eq!(is_exact(vr, text), exact, "{vr} {text}");
        }
    }

    #[test]
    fn json007_json008_binary_numbers() {
        fn check(vr: VR, bytes: &[u8], expected: &str) {
            let (mut word, mut out) = ([0; 8], Vec::new());
            word[..bytes.len()].copy_from_slice(bytes);
            binary(&mut out, vr, word);
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{vr}");
        }
        check(VR::US, &u16::MAX.to_le_bytes(), "65535");
        check(VR::SS, &(-2i16).to_le_bytes(), "-2");
        check(VR::UL, &u32::MAX.to_le_bytes(), "4294967295");
        check(VR::SL, &i32::MIN.to_le_bytes(), "-2147483648");
        // JSON-007: (0028,0009), as 8 uppercase hexadecimal digits.
        check(VR::AT, &[0x28, 0, 9, 0], r#""00280009""#);
        check(VR::AT, &[0xE0, 0x7F, 0x10, 0xAB], r#""7FE0AB10""#);
        check(VR::UV, &u64::MAX.to_le_bytes(), r#""18446744073709551615""#);
        check(VR::UV, &EXACT.to_le_bytes(), "9007199254740992");
        check(VR::UV, &(EXACT + 1).to_le_bytes(), r#""9007199254740993""#);
        check(VR::SV, &(-5i64).to_le_bytes(), "-5");
        check(VR::SV, &i64::MIN.to_le_bytes(), r#""-9223372036854775808""#);
        check(VR::FL, &0.1f32.to_le_bytes(), "0.1");
        check(VR::FL, &2f32.to_le_bytes(), "2");
        check(VR::FL, &f32::MAX.to_le_bytes(), "3.4028235e38");
        check(VR::FD, &1e-310f64.to_le_bytes(), "1e-310");
        check(VR::FD, &0.1f64.to_le_bytes(), "0.1");
        check(VR::FD, &(-0f64).to_le_bytes(), "-0");
        check(VR::FD, &1e22f64.to_le_bytes(), "1e22");
    }
}
