//! The head of one part.

use crate::media::MediaType;

/// The header fields of one part, names in lower case, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartHead {
    fields: Vec<(String, String)>,
}

impl PartHead {
    /// Reads the lines of a head, each ended by CRLF, without the empty line. Folded lines are unfolded
    /// (RFC 5322 2.2.3). `None` when a line is no header field.
    pub(super) fn parse(lines: &[u8]) -> Option<Self> {
        let mut fields: Vec<(String, String)> = Vec::new();
        let text = String::from_utf8_lossy(lines);
        for line in text.split_terminator("\r\n") {
            if line.starts_with([' ', '\t']) {
                let (_, value) = fields.last_mut()?;
                value.push(' ');
                value.push_str(line.trim());
                continue;
            }
            let (name, value) = line.split_once(':')?;
            let name = name.trim_end();
            if name.is_empty() || !name.bytes().all(is_name) {
                return None;
            }
            fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Some(Self { fields })
    }

    /// The first field of that (lower case) name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The part's media type; `None` when it is missing or cannot be read.
    pub fn content_type(&self) -> Option<MediaType> {
        MediaType::parse(self.get("content-type")?)
    }

    /// The part's `Content-Location`, which ties bulk data to its BulkDataURI (PS3.18 8.6.1.2).
    pub fn content_location(&self) -> Option<&str> {
        self.get("content-location")
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b':'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &str, expected: Option<&[(&str, &str)]>) {
        let head = PartHead::parse(lines.as_bytes());
        let expected = expected.map(|fields| PartHead {
            fields: fields.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        });
        assert_eq!(head, expected, "{lines:?}");
    }

    #[test]
    fn heads() {
        check("", Some(&[]));
        check("Content-Type: application/dicom\r\n", Some(&[("content-type", "application/dicom")]));
        check("CONTENT-TYPE:a/b\r\nX:  y \r\n", Some(&[("content-type", "a/b"), ("x", "y")]));
        check("A: b;\r\n\tc=d\r\n", Some(&[("a", "b; c=d")]));
        check("A :b\r\n", Some(&[("a", "b")]));
        check("A:\r\n", Some(&[("a", "")]));
        check(" folded first\r\n", None);
        check("no colon\r\n", None);
        check(": nameless\r\n", None);
        check("two words: x\r\n", None);
        check("--boundary--\r\n", None);
    }

    #[test]
    fn typed_fields() {
        let head = PartHead::parse(
            b"Content-Type: application/dicom; transfer-syntax=1.2.840.10008.1.2.1\r\nContent-Location: bulk/1\r\n",
        )
        .expect("a head");
        let media = head.content_type().expect("a media type");
        assert!(media.is("application", "dicom"));
        assert_eq!(media.parameter("transfer-syntax"), Some("1.2.840.10008.1.2.1"));
        assert_eq!(head.content_location(), Some("bulk/1"));
    }
}
