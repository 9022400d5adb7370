//! One media type with its parameters (RFC 9110 8.3.1).

use std::fmt;

/// A media type or media range: `type/subtype` and parameters; names in lower case, values as they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaType {
    main: String,
    sub: String,
    parameters: Vec<(String, String)>,
}

impl MediaType {
    /// Reads the value of a `Content-Type`, or one element of an `Accept`. `None` when it is not one.
    ///
    /// A parameter's value may be quoted or not, also where it has a `/` (PS3.18 8.7.1).
    pub fn parse(text: &str) -> Option<Self> {
        let end = text.find(';').unwrap_or(text.len());
        let (main, sub) = text[..end].trim().split_once('/')?;
        if !is_token(main) || !is_token(sub) {
            return None;
        }
        let mut parameters = Vec::new();
        let mut rest = &text[end..];
        while let Some(after) = rest.strip_prefix(';') {
            let after = after.trim_start();
            if after.is_empty() || after.starts_with(';') {
                rest = after;
                continue;
            }
            let (name, value) = after.split_once('=')?;
            let name = name.trim();
            if !is_token(name) {
                return None;
            }
            let (value, after) = parameter_value(value.trim_start())?;
            parameters.push((name.to_ascii_lowercase(), value));
            rest = after.trim_start();
        }
        let media = Self { main: main.to_ascii_lowercase(), sub: sub.to_ascii_lowercase(), parameters };
        rest.is_empty().then_some(media)
    }

    /// Whether this is that type, given in lower case.
    pub fn is(&self, main: &str, sub: &str) -> bool {
        self.main == main && self.sub == sub
    }

    /// Whether this is that `type/subtype`, given in lower case.
    pub fn is_named(&self, name: &str) -> bool {
        name.split_once('/').is_some_and(|(main, sub)| self.is(main, sub))
    }

    /// The main type, `application`.
    pub fn main(&self) -> &str {
        &self.main
    }

    /// The subtype, `dicom+json`.
    pub fn sub(&self) -> &str {
        &self.sub
    }

    /// The first parameter of that (lower case) name.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// How often a parameter of that (lower case) name occurs.
    pub fn count(&self, name: &str) -> usize {
        self.parameters.iter().filter(|(known, _)| known == name).count()
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.main, self.sub)?;
        for (name, value) in &self.parameters {
            if is_token(value) {
                write!(f, "; {name}={value}")?;
            } else {
                write!(f, "; {name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))?;
            }
        }
        Ok(())
    }
}

/// Reads a parameter's value; gives what follows it.
fn parameter_value(text: &str) -> Option<(String, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        return unquote(quoted);
    }
    let end = text.find(';').unwrap_or(text.len());
    Some((text[..end].trim_end().to_owned(), &text[end..]))
}

/// Reads a quoted string after its first quote.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(chars.next()?.1),
            c if c.is_control() && c != '\t' => return None,
            c => value.push(c),
        }
    }
    None
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(MediaType::parse(text).map(|m| m.to_string()).as_deref(), expected, "{text:?}");
    }

    #[test]
    fn content_types() {
        check("application/dicom", Some("application/dicom"));
        check(" application/dicom+json ; charset=utf-8", Some("application/dicom+json; charset=utf-8"));
        // STOW-008, STOW-009: quoted or not, names in any case.
        check(
            "Multipart/Related; TYPE=\"application/dicom\"; Boundary=abc",
            Some("multipart/related; type=\"application/dicom\"; boundary=abc"),
        );
        check(
            "multipart/related;type=application/dicom;boundary=abc",
            Some("multipart/related; type=\"application/dicom\"; boundary=abc"),
        );
        check("multipart/related; boundary=a,b/c", Some("multipart/related; boundary=\"a,b/c\""));
        check("a/b; x=\"q\\\"uo\\\\te;,\"", Some("a/b; x=\"q\\\"uo\\\\te;,\""));
        check("a/b;", Some("a/b"));
        check("a/b;; c=d", Some("a/b; c=d"));
        check("a/b; c = d", Some("a/b; c=d"));
        check("a/b; c=", Some("a/b; c=\"\""));
        for wrong in
            ["", "a", "a/", "/b", "a b/c", "a/b; c", "a/b; c=\"d", "a/b; c=\"d\"e", "a/b, c/d", "a/b; =d"]
        {
            check(wrong, None);
        }
    }

    #[test]
    fn parameters() {
        let media = MediaType::parse("a/b; x=1; X=2; y=3").expect("a media type");
        assert_eq!(media.parameter("x"), Some("1"));
        assert_eq!(media.count("x"), 2);
        assert_eq!(media.parameter("z"), None);
        assert!(media.is_named("a/b") && !media.is_named("a/c") && !media.is_named("a"));
    }
}
