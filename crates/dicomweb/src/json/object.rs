//! Cutting JSON objects of ours at their top level and building new ones from the pieces.
//!
//! For objects that [`super::JsonWriter`] or [`Builder`] made: names of 8 hex digits, no white space. Anything else
//! ends the walk early; nothing panics.

use model::Tag;

use super::number;

/// The (tag, value) pairs of an object, in its order; each value is its raw JSON.
pub fn pairs(object: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let mut rest = object.strip_prefix(b"{").unwrap_or_default();
    std::iter::from_fn(move || {
        let (tag, after) = take_name(rest.strip_prefix(b",").unwrap_or(rest))?;
        let length = value_length(after)?;
        let (value, tail) = after.split_at_checked(length)?;
        rest = tail;
        Some((tag, value))
    })
}

/// The object with its members in ascending order; of several with one tag the last stays.
pub(super) fn ordered(object: &[u8]) -> Vec<u8> {
    let mut members: Vec<(u32, &[u8])> = pairs(object).collect();
    members.sort_by_key(|(tag, _)| *tag);
    let mut out = Builder::new();
    for (at, (tag, value)) in members.iter().enumerate() {
        if members.get(at + 1).is_none_or(|(next, _)| next != tag) {
            out.raw(*tag, value);
        }
    }
    out.finish()
}

/// Appends `"GGGGEEEE":`.
pub(super) fn name(out: &mut Vec<u8>, tag: Tag) {
    out.push(b'"');
    number::hex(out, tag.group());
    number::hex(out, tag.element());
    out.extend_from_slice(b"\":");
}

/// `"GGGGEEEE":` at the start, and what follows it.
fn take_name(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = bytes.strip_prefix(b"\"")?.split_at_checked(8)?;
    let tag = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    Some((tag, rest.strip_prefix(b"\":")?))
}

/// Bytes of the object that begins here.
fn value_length(bytes: &[u8]) -> Option<usize> {
    let mut depth = 0usize;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            b'"' => at += string_length(bytes.get(at + 1..)?)?,
            _ => {}
        }
        at += 1;
    }
    None
}

/// Bytes of a string's contents and its closing quote.
fn string_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(at) == Some(&b'"') {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// Builds an object; the caller puts tags in ascending order.
#[derive(Clone, Debug)]
pub struct Builder {
    out: Vec<u8>,
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    /// An object without members.
    pub fn new() -> Self {
        Self { out: vec![b'{'] }
    }

    /// Adds a member whose value is raw JSON.
    pub fn raw(&mut self, tag: u32, value: &[u8]) {
        if self.out.len() > 1 {
            self.out.push(b',');
        }
        name(&mut self.out, Tag((tag >> 16) as u16, tag as u16));
        self.out.extend_from_slice(value);
    }

    /// The object.
    pub fn finish(mut self) -> Vec<u8> {
        self.out.push(b'}');
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taken_apart_and_put_together() {
        for object in [
            "{}",
            r#"{"00080005":{"vr":"CS"}}"#,
            r#"{"00080005":{"vr":"CS","Value":["a\"}]{","\\"]},"0040A730":{"vr":"SQ","Value":[{"00080100":{"vr":"SH","Value":["x"]}},{}]}}"#,
        ] {
            let mut out = Builder::new();
            for (tag, value) in pairs(object.as_bytes()) {
                out.raw(tag, value);
            }
            assert_eq!(String::from_utf8(out.finish()).unwrap(), object);
        }
    }

    #[test]
    fn json001_members_are_brought_into_order() {
        for (object, expected) in [
            ("{}", "{}"),
            (
                r#"{"00200013":{"vr":"IS"},"00080060":{"vr":"CS"},"00200010":{"vr":"SH","Value":["},{"]}}"#,
                r#"{"00080060":{"vr":"CS"},"00200010":{"vr":"SH","Value":["},{"]},"00200013":{"vr":"IS"}}"#,
            ),
            (r#"{"00200013":{"a":1},"00200013":{"b":1},"00200013":{"c":1}}"#, r#"{"00200013":{"c":1}}"#),
        ] {
            assert_eq!(String::from_utf8(ordered(object.as_bytes())).unwrap(), expected);
        }
    }

    #[test]
    fn what_is_no_object_of_ours_ends_early() {
        for (bytes, count) in [
            ("", 0),
            ("[]", 0),
            ("{\"x\":1}", 0),
            (r#"{"00080005":{"vr":"CS"},"00080008":{"vr"#, 1),
            (r#"{"00080005":"unclosed\"#, 0),
            (r#"{"00080005":]}"#, 0),
        ] {
            assert_eq!(pairs(bytes.as_bytes()).count(), count, "{bytes}");
        }
    }
}
