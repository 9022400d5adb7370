//! JSON strings.

use std::io::Write;

/// Appends a JSON string (RFC 8259 section 7): quotes, backslashes and control characters escaped, the rest as it is.
pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|&byte| needs_escape(byte)) {
        let (plain, escaped) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((&byte, after)) = escaped.split_first() else { break };
        escape(out, byte);
        rest = after;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

fn needs_escape(byte: u8) -> bool {
    matches!(byte, 0..=0x1F | b'"' | b'\\' | 0x7F)
}

fn escape(out: &mut Vec<u8>, byte: u8) {
    let escaped: &[u8] = match byte {
        b'"' => b"\\\"",
        b'\\' => b"\\\\",
        b'\n' => b"\\n",
        b'\r' => b"\\r",
        b'\t' => b"\\t",
        // Writing to a `Vec` cannot fail.
        _ => return write!(out, "\\u{byte:04x}").unwrap_or_default(),
    };
    out.extend_from_slice(escaped);
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
            ("\u{7f}</script>\u{2028}", "\"\\u007f</script>\u{2028}\""),
        ] {
            let mut out = Vec::new();
            string(&mut out, text);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
