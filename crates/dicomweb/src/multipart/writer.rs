//! The bytes between the parts of a body that we send.

use bytes::Bytes;

use super::Boundary;

/// Gives delimiters and part heads; what lies between them is the caller's.
///
/// A body is `head`, the part's bytes, `head`, the part's bytes, …, `close`. The length of the body is the sum of the
/// lengths of all of these.
#[derive(Debug)]
pub struct Writer {
    boundary: Boundary,
    first: bool,
}

impl Writer {
    /// A body with this boundary.
    pub fn new(boundary: Boundary) -> Self {
        Self { boundary, first: true }
    }

    /// The value of the response's `Content-Type` (PS3.18 8.7.1: the `type` parameter quoted).
    pub fn content_type(&self, part_type: &str) -> String {
        format!("multipart/related; type=\"{part_type}\"; boundary={}", self.boundary)
    }

    /// The delimiter and the head of the next part. Field values must not contain line ends: ours are media types
    /// and URLs.
    pub fn head(&mut self, fields: &[(&str, &str)]) -> Bytes {
        let mut out = Vec::with_capacity(256);
        if !self.first {
            out.extend_from_slice(b"\r\n");
        }
        self.first = false;
        out.extend_from_slice(b"--");
        out.extend_from_slice(self.boundary.as_str().as_bytes());
        out.extend_from_slice(b"\r\n");
        for (name, value) in fields {
            debug_assert!(!value.contains(['\r', '\n']), "a header field in one line");
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
        out.into()
    }

    /// The closing delimiter. A body without any part is only this.
    pub fn close(&self) -> Bytes {
        let start = if self.first { "" } else { "\r\n" };
        format!("{start}--{}--\r\n", self.boundary).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::multipart::{Event, Limits, Parser};

    #[test]
    fn what_we_write_we_can_read() {
        let boundary = Boundary::from_random(5);
        let mut writer = Writer::new(boundary.clone());
        assert_eq!(
            writer.content_type("application/dicom"),
            "multipart/related; type=\"application/dicom\"; boundary=overread-00000000000000000000000000000005"
        );
        let mut body = Vec::new();
        body.extend_from_slice(&writer.head(&[("Content-Type", "a/b"), ("Content-Location", "x")]));
        body.extend_from_slice(b"first");
        body.extend_from_slice(&writer.head(&[]));
        body.extend_from_slice(&writer.close());

        let mut parser = Parser::new(&boundary, Limits::default());
        parser.push(body.into());
        parser.finish();
        let mut seen = Vec::new();
        while let Some(event) = parser.next_event().expect("well formed") {
            seen.push(match event {
                Event::Part(head) => format!("part {:?}", head.content_location()),
                Event::Data(bytes) => format!("data {}", bytes.escape_ascii()),
                Event::PartEnd => "part end".to_owned(),
                Event::End => break,
            });
        }
        assert_eq!(seen, ["part Some(\"x\")", "data first", "part end", "part None", "part end"]);
    }
}
