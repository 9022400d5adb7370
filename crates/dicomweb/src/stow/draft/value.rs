//! Values as texts become value fields, by VR (PS3.18 F.2, the other way round).

use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry, VirtualVr};
use dicom_dictionary_std::StandardDataDictionary;
use model::text::{follows_character_set, is_multi_valued};
use model::{Tag, VR, varint};

/// Longest DS (PS3.5 6.2).
const DECIMAL: usize = 16;

/// A tape that was long is not kept for the next attribute.
const KEPT: usize = 64 << 10;

/// The values of one attribute as they came, one behind the other: they may come before their VR does.
#[derive(Debug, Default)]
pub(super) struct Tape {
    bytes: Vec<u8>,
}

/// One value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cell<'a> {
    Null,
    Text(&'a str),
    Number(&'a str),
}

/// Why values are none of their VR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    Value,
    Backslash,
    Several,
}

impl Tape {
    pub(super) fn null(&mut self) {
        self.bytes.push(0);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.push(1, text);
    }

    pub(super) fn number(&mut self, text: &str) {
        self.push(2, text);
    }

    fn push(&mut self, kind: u8, text: &str) {
        self.bytes.push(kind);
        varint::push(&mut self.bytes, text.len() as u64);
        self.bytes.extend_from_slice(text.as_bytes());
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
    }

    /// Whether there is no value but empty ones.
    pub(super) fn is_blank(&self) -> bool {
        self.cells().all(|cell| matches!(cell, Cell::Null | Cell::Text("")))
    }

    pub(super) fn cells(&self) -> impl Iterator<Item = Cell<'_>> {
        let mut rest = self.bytes.as_slice();
        std::iter::from_fn(move || {
            let (kind, after) = rest.split_first()?;
            rest = after;
            if *kind == 0 {
                return Some(Cell::Null);
            }
            let length = usize::try_from(varint::take(&mut rest)?).ok()?;
            let (text, after) = rest.split_at_checked(length)?;
            rest = after;
            let text = std::str::from_utf8(text).ok()?;
            Some(if *kind == 1 { Cell::Text(text) } else { Cell::Number(text) })
        })
    }
}

/// The VR of a standard attribute, where it depends on nothing but Pixel Representation.
pub(super) fn listed(tag: Tag, signed: bool) -> Option<VR> {
    if tag.group() % 2 == 1 {
        return matches!(tag.element(), 0x0010..=0x00FF).then_some(VR::LO);
    }
    match StandardDataDictionary.by_tag(tag)?.vr() {
        VirtualVr::Exact(vr) => Some(vr),
        VirtualVr::Xs if signed => Some(VR::SS),
        VirtualVr::Xs => Some(VR::US),
        VirtualVr::Ox | VirtualVr::Px | VirtualVr::Lt => Some(VR::OW),
        _ => None,
    }
}

/// Whether the VR is text of the data set's character set.
pub(super) fn is_text(vr: VR) -> bool {
    follows_character_set(vr) || matches!(vr, VR::AE | VR::CS | VR::UR)
}

/// The value field with its pad byte (PS3.5 6.2, JSON-015).
pub(super) fn padded(vr: VR, mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.len() % 2 == 1 {
        bytes.push(pad(vr));
    }
    bytes
}

/// The pad byte of a VR.
pub(super) fn pad(vr: VR) -> u8 {
    match vr {
        VR::AE | VR::AS | VR::CS | VR::DA | VR::DS | VR::DT | VR::IS | VR::LO | VR::LT => b' ',
        VR::PN | VR::SH | VR::ST | VR::TM | VR::UC | VR::UR | VR::UT => b' ',
        VR::UI | VR::AT | VR::FL | VR::FD | VR::SL | VR::SS | VR::SV | VR::UL | VR::US | VR::UV => 0,
        VR::OB | VR::OD | VR::OF | VR::OL | VR::OV | VR::OW | VR::UN | VR::SQ => 0,
    }
}

/// The value field of these values, without padding.
pub(super) fn encode(vr: VR, tape: &Tape) -> Result<Vec<u8>, Wrong> {
    match vr {
        VR::AE | VR::AS | VR::CS | VR::DA | VR::DT | VR::LO | VR::LT | VR::PN | VR::SH | VR::ST => {
            texts(vr, tape)
        }
        VR::TM | VR::UC | VR::UI | VR::UR | VR::UT | VR::DS | VR::IS => texts(vr, tape),
        VR::AT => binary(tape, attribute_tag),
        VR::US => binary(tape, |text| Some(whole(text)?.parse::<u16>().ok()?.to_le_bytes())),
        VR::SS => binary(tape, |text| Some(whole(text)?.parse::<i16>().ok()?.to_le_bytes())),
        VR::UL => binary(tape, |text| Some(whole(text)?.parse::<u32>().ok()?.to_le_bytes())),
        VR::SL => binary(tape, |text| Some(whole(text)?.parse::<i32>().ok()?.to_le_bytes())),
        VR::UV => binary(tape, |text| Some(whole(text)?.parse::<u64>().ok()?.to_le_bytes())),
        VR::SV => binary(tape, |text| Some(whole(text)?.parse::<i64>().ok()?.to_le_bytes())),
        VR::FL => binary(tape, |text| {
            let number = text.parse::<f32>().ok()?;
            (number.is_finite() || names_no_number(text)).then(|| number.to_le_bytes())
        }),
        VR::FD => binary(tape, |text| {
            let number = text.parse::<f64>().ok()?;
            (number.is_finite() || names_no_number(text)).then(|| number.to_le_bytes())
        }),
        VR::OB | VR::OD | VR::OF | VR::OL | VR::OV | VR::OW | VR::UN | VR::SQ => match tape.is_blank() {
            true => Ok(Vec::new()),
            false => Err(Wrong::Value),
        },
    }
}

fn texts(vr: VR, tape: &Tape) -> Result<Vec<u8>, Wrong> {
    let mut out = Vec::with_capacity(tape.len());
    for (at, cell) in tape.cells().enumerate() {
        if at > 0 {
            if !is_multi_valued(vr) {
                return Err(Wrong::Several);
            }
            out.push(b'\\');
        }
        match cell {
            Cell::Null => {}
            Cell::Text(text) if is_multi_valued(vr) && text.contains('\\') => return Err(Wrong::Backslash),
            Cell::Text(text) => out.extend_from_slice(text.as_bytes()),
            Cell::Number(text) => match vr {
                VR::IS => {
                    let number: i32 = whole(text).ok_or(Wrong::Value)?.parse().map_err(|_| Wrong::Value)?;
                    out.extend_from_slice(number.to_string().as_bytes());
                }
                VR::DS => out.extend_from_slice(decimal(text).ok_or(Wrong::Value)?.as_bytes()),
                _ => out.extend_from_slice(text.as_bytes()),
            },
        }
    }
    Ok(out)
}

/// A JSON number as DS: as it is where it fits, else with as many digits as do.
fn decimal(text: &str) -> Option<String> {
    let number: f64 = text.parse().ok().filter(|number: &f64| number.is_finite())?;
    if text.len() <= DECIMAL {
        return Some(text.to_owned());
    }
    let plain = (0..=DECIMAL).rev().map(|digits| format!("{number:.digits$}"));
    let scientific = (0..=DECIMAL).rev().map(|digits| format!("{number:.digits$e}"));
    // Of those that fit, the one that is nearest.
    plain
        .filter(|text| text.len() <= DECIMAL)
        .take(1)
        .chain(scientific.filter(|text| text.len() <= DECIMAL).take(1))
        .min_by(|a, b| distance(a, number).total_cmp(&distance(b, number)))
}

fn distance(text: &str, number: f64) -> f64 {
    text.parse::<f64>().map_or(f64::INFINITY, |other| (other - number).abs())
}

/// The text of an integer: `7`, and `7.0` as some writers have it.
fn whole(text: &str) -> Option<&str> {
    let text = text.trim();
    let digits = match text.split_once('.') {
        Some((digits, zeros)) if zeros.bytes().all(|byte| byte == b'0') => digits,
        Some(_) => return None,
        None => text,
    };
    (!digits.is_empty()).then_some(digits)
}

/// JSON has no such number; several toolkits write these texts.
fn names_no_number(text: &str) -> bool {
    let name = text.trim_start_matches(['+', '-']);
    ["nan", "inf", "infinity"].iter().any(|known| name.eq_ignore_ascii_case(known))
}

fn attribute_tag(text: &str) -> Option<[u8; 4]> {
    let text = text.trim();
    if text.len() != 8 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let [a, b, c, d] = u32::from_str_radix(text, 16).ok()?.to_be_bytes();
    Some([b, a, d, c])
}

/// Numbers one behind the other. An empty one cannot be told from none there, so it may only be alone.
fn binary<const N: usize>(tape: &Tape, read: impl Fn(&str) -> Option<[u8; N]>) -> Result<Vec<u8>, Wrong> {
    if tape.is_blank() {
        return Ok(Vec::new());
    }
    let mut out = Vec::new();
    for cell in tape.cells() {
        let number = match cell {
            Cell::Null => None,
            Cell::Text(text) => read(text.trim()),
            Cell::Number(text) => read(text),
        };
        out.extend_from_slice(&number.ok_or(Wrong::Value)?);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(vr: VR, cells: &[Cell<'_>], expected: Result<&[u8], Wrong>) {
        let mut tape = Tape::default();
        for cell in cells {
            match cell {
                Cell::Null => tape.null(),
                Cell::Text(text) => tape.text(text),
                Cell::Number(text) => tape.number(text),
            }
        }
        assert!(tape.cells().eq(cells.iter().copied()));
        let encoded = encode(vr, &tape).map(|bytes| padded(vr, bytes));
        assert_eq!(encoded.as_deref(), expected.as_ref().map(|bytes| &**bytes), "{vr} {cells:?}");
    }

    /// JSON-008, JSON-015, JSON-017: every VR, and the pad byte of each.
    #[test]
    fn values_become_value_fields() {
        use Cell::{Null, Number, Text};
        check(VR::LO, &[Text("abc")], Ok(b"abc "));
        check(VR::LO, &[Text("bar"), Null, Text("foo")], Ok(b"bar\\\\foo"));
        check(VR::LO, &[Null], Ok(b""));
        check(VR::LO, &[Text("")], Ok(b""));
        check(VR::LO, &[], Ok(b""));
        check(VR::LO, &[Text("a\\b")], Err(Wrong::Backslash));
        check(VR::PN, &[Text("a\\b")], Err(Wrong::Backslash));
        check(VR::UI, &[Text("1.2\\3")], Err(Wrong::Backslash));
        check(VR::LT, &[Text("a\\b")], Ok(b"a\\b "));
        check(VR::UT, &[Text("a"), Text("b")], Err(Wrong::Several));
        check(VR::UC, &[Text("a"), Text("b")], Ok(b"a\\b "));
        check(VR::UI, &[Text("1.2")], Ok(b"1.2\0"));
        check(VR::PN, &[Text("山^田")], Ok("山^田 ".as_bytes()));
        check(VR::DS, &[Text("1.000000000000001E-05")], Ok(b"1.000000000000001E-05 "));
        check(VR::DS, &[Number("1.5"), Number("-2e3")], Ok(b"1.5\\-2e3"));
        check(VR::DS, &[Number("0.30000000000000004")], Ok(b"0.30000000000000"));
        check(VR::DS, &[Number("-1.2345678901234567e-7")], Ok(b"-1.2345678901e-7"));
        check(VR::DS, &[Number("123456789012345678901")], Ok(b"1.23456789012e20"));
        check(VR::DS, &[Number("1e999")], Err(Wrong::Value));
        check(VR::IS, &[Text("+007")], Ok(b"+007"));
        check(VR::IS, &[Number("7"), Number("8.0")], Ok(b"7\\8 "));
        check(VR::IS, &[Number("7.5")], Err(Wrong::Value));
        check(VR::IS, &[Number("2147483648")], Err(Wrong::Value));
        check(VR::US, &[Number("65535"), Text("1")], Ok(&[0xFF, 0xFF, 1, 0]));
        check(VR::US, &[Number("65536")], Err(Wrong::Value));
        check(VR::US, &[Number("-1")], Err(Wrong::Value));
        check(VR::US, &[Number("1"), Null], Err(Wrong::Value));
        check(VR::US, &[Null], Ok(&[]));
        check(VR::SS, &[Number("-2")], Ok(&[0xFE, 0xFF]));
        check(VR::UL, &[Number("4294967295")], Ok(&[0xFF; 4]));
        check(VR::SL, &[Number("-1")], Ok(&[0xFF; 4]));
        check(VR::UV, &[Text("18446744073709551615")], Ok(&[0xFF; 8]));
        check(VR::SV, &[Number("-9223372036854775808")], Ok(&i64::MIN.to_le_bytes()));
        check(VR::FL, &[Number("0.1")], Ok(&0.1f32.to_le_bytes()));
        check(VR::FL, &[Number("1e39")], Err(Wrong::Value));
        check(VR::FD, &[Number("1e-310")], Ok(&1e-310f64.to_le_bytes()));
        check(VR::FD, &[Text("-Infinity")], Ok(&f64::NEG_INFINITY.to_le_bytes()));
        check(VR::FD, &[Text("x")], Err(Wrong::Value));
        check(VR::AT, &[Text("00280009"), Text("7fe00010")], Ok(&[0x28, 0, 9, 0, 0xE0, 0x7F, 0x10, 0]));
        check(VR::AT, &[Text("0028000")], Err(Wrong::Value));
        check(VR::OB, &[Number("1")], Err(Wrong::Value));
        check(VR::OB, &[], Ok(&[]));
    }
}
