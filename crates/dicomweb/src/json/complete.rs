//! Putting the address into stored JSON.

/// Stands in stored JSON where an address goes. JSON escapes control characters, so it cannot be there otherwise.
pub const MARK: u8 = 0x01;

/// Appends `stored` to `out` with `address` and a slash in place of each [`MARK`].
///
/// For metadata the address is the instance's (`…/instances/1.2`), for search results the service's root. It has no
/// slash at its end and no character that JSON would escape.
pub fn complete(stored: &[u8], address: &str, out: &mut Vec<u8>) {
    let mut rest = stored;
    while let Some(at) = memchr::memchr(MARK, rest) {
        let (before, after) = rest.split_at(at);
        out.extend_from_slice(before);
        out.extend_from_slice(address.as_bytes());
        out.push(b'/');
        rest = after.get(1..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (stored, expected) in [
            ("{}", "{}"),
            ("{\"a\":\"\u{1}bulkdata/1\"}", "{\"a\":\"https://h/x/bulkdata/1\"}"),
            ("\u{1}a\u{1}", "https://h/x/ahttps://h/x/"),
        ] {
            let mut out = Vec::new();
            complete(stored.as_bytes(), "https://h/x", &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected);
        }
    }
}
