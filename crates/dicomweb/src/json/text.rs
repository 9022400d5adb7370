//! JSON strings.

/// Appends a JSON string (RFC 8259 section 7): quotes, backslashes and control characters escaped, the rest as it is.
pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut start = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' && byte != 0x7F {
            continue;
        }
        out.extend_from_slice(text.as_bytes().get(start..at).unwrap_or_default());
        start = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            other => out.extend_from_slice(format!("\\u{other:04x}").as_bytes()),
        }
    }
    out.extend_from_slice(text.as_bytes().get(start..).unwrap_or_default());
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::string;

    #[test]
    fn escapes() {
        for (text, expected) in [
            ("", r#""""#),
            ("Muster^Änna", r#""Muster^Änna""#),
            ("a\"b\\c", r#""a\"b\\c""#),
            ("1\r\n2\t\u{1}\u{1b}", r#""1\r\n2\t\u0001\u001b""#),
        ] {
            let mut out = Vec::new();
            string(&mut out, text);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
