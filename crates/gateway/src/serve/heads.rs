//! A look at raw request heads, for what hyper settles silently.

use memchr::memmem;

/// Bytes of a head that are gathered when it comes in pieces; hyper refuses longer ones.
const MOST: usize = crate::config::HEAD_MAX;

/// Watches the bytes of one request head for a body that is framed in two ways: `Content-Length` and
/// `Transfer-Encoding` (RFC 9112 6.3). hyper follows the second and hides the first.
#[derive(Debug, Default)]
pub(super) struct Head {
    held: Vec<u8>,
    seen: bool,
}

impl Head {
    /// The next bytes that came; true when the head is whole with them and ambiguous.
    pub(super) fn push(&mut self, bytes: &[u8]) -> bool {
        if self.seen {
            return false;
        }
        // Nearly always a head comes in one piece, and nothing is copied.
        if self.held.is_empty()
            && let Some(end) = memmem::find(bytes, b"\r\n\r\n")
        {
            self.seen = true;
            return is_ambiguous(&bytes[..end]);
        }
        let from = self.held.len().saturating_sub(3);
        self.held.extend_from_slice(&bytes[..bytes.len().min(MOST)]);
        let end = memmem::find(&self.held[from..], b"\r\n\r\n");
        let ambiguous = end.is_some_and(|end| is_ambiguous(&self.held[..from + end]));
        if end.is_some() || self.held.len() > MOST {
            self.seen = true;
            self.held = Vec::new();
        }
        ambiguous
    }

    /// The next head.
    pub(super) fn reset(&mut self) {
        self.seen = false;
        self.held.clear();
    }
}

fn is_ambiguous(head: &[u8]) -> bool {
    let names = |line: &[u8], name: &[u8]| {
        line.len() > name.len() && line[..name.len()].eq_ignore_ascii_case(name) && line[name.len()] == b':'
    };
    let has = |name: &[u8]| head.split(|byte| *byte == b'\n').any(|line| names(line, name));
    has(b"transfer-encoding") && has(b"content-length")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_framed_twice() {
        let chunked = "Transfer-Encoding: chunked";
        for (fields, expected) in [
            (vec!["Content-Length: 5", chunked], true),
            (vec![chunked, "content-length:5"], true),
            (vec![chunked], false),
            (vec!["Content-Length: 5"], false),
            (vec!["X-Content-Length: 5", chunked], false),
            (vec![], false),
        ] {
            let head =
                format!("POST / HTTP/1.1\r\nHost: x\r\n{}\r\n\r\nContent-Length: 5", fields.join("\r\n"));
            for piece in [1, 7, 1_000] {
                let mut heads = Head::default();
                for _ in 0..2 {
                    let ambiguous = head.as_bytes().chunks(piece).any(|bytes| heads.push(bytes));
                    assert_eq!(ambiguous, expected, "{fields:?} by {piece}");
                    heads.reset();
                }
            }
        }
    }

    #[test]
    fn an_endless_head_is_not_held() {
        let mut heads = Head::default();
        for _ in 0..100 {
            heads.push(&[b'x'; 10_000]);
        }
        assert!(heads.held.capacity() <= 2 * MOST);
    }
}
