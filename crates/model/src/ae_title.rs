//! Application Entity titles (PS3.5 section 6.2, VR AE; PS3.8 section 9.3).

use std::fmt;
use std::str::FromStr;

/// The width of the field that carries a title on the wire, in bytes (PS3.8 Table 9-11).
pub const WIDTH: usize = 16;

/// An AE title: 1 to 16 printable ASCII characters without backslash, spaces at both ends taken off.
///
/// Spaces inside count. As nothing else can be in it, it is safe in a log line as it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AeTitle {
    // Padded with spaces, so order and equality are those of the text.
    padded: [u8; WIDTH],
}

impl AeTitle {
    /// Reads the field of a PDU or an element value.
    ///
    /// # Errors
    /// [`AeTitleError`].
    pub fn from_value(bytes: &[u8]) -> Result<AeTitle, AeTitleError> {
        let text = bytes.trim_ascii_end();
        let start = text.iter().take_while(|b| **b == b' ').count();
        let text = text.get(start..).unwrap_or_default();
        if let Some(at) = text.iter().position(|b| !matches!(b, b' '..=b'~') || *b == b'\\') {
            return Err(AeTitleError::Character(at));
        }
        if bytes.iter().any(|b| !matches!(b, b' '..=b'~')) {
            // A line end or another control character behind the text.
            return Err(AeTitleError::Character(text.len()));
        }
        if text.is_empty() {
            return Err(AeTitleError::Blank);
        }
        if text.len() > WIDTH {
            return Err(AeTitleError::TooLong(text.len()));
        }
        let mut padded = [b' '; WIDTH];
        for (to, from) in padded.iter_mut().zip(text) {
            *to = *from;
        }
        Ok(AeTitle { padded })
    }

    /// The title as text, without padding.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.padded.trim_ascii_end()).unwrap_or_default()
    }

    /// The title as the wire wants it: padded with spaces to 16 bytes.
    pub fn padded(&self) -> [u8; WIDTH] {
        self.padded
    }
}

impl FromStr for AeTitle {
    type Err = AeTitleError;

    fn from_str(text: &str) -> Result<AeTitle, AeTitleError> {
        AeTitle::from_value(text.as_bytes())
    }
}

impl fmt::Display for AeTitle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for AeTitle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// Why a text is no AE title. It never carries the text itself, which may be hostile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AeTitleError {
    /// Nothing but spaces.
    #[error("the AE title is blank")]
    Blank,
    /// More than 16 characters.
    #[error("the AE title has {0} characters, 16 are allowed")]
    TooLong(usize),
    /// A control character, a backslash or a character outside ASCII, at this byte of the title.
    #[error("the AE title has a character that is not allowed at position {0}")]
    Character(usize),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_titles_or_are_refused() {
        for (text, expected) in [
            ("OVERREAD", Ok("OVERREAD")),
            ("  CT 1  ", Ok("CT 1")),
            ("0123456789ABCDEF", Ok("0123456789ABCDEF")),
            ("0123456789ABCDEF  ", Ok("0123456789ABCDEF")),
            ("0123456789ABCDEFG", Err(AeTitleError::TooLong(17))),
            ("", Err(AeTitleError::Blank)),
            ("                ", Err(AeTitleError::Blank)),
            ("A\\B", Err(AeTitleError::Character(1))),
            ("A\0", Err(AeTitleError::Character(1))),
            ("A\n", Err(AeTitleError::Character(1))),
            ("\u{1b}[2J", Err(AeTitleError::Character(0))),
            ("CAFÉ", Err(AeTitleError::Character(3))),
            ("A\u{7f}", Err(AeTitleError::Character(1))),
        ] {
            let parsed: Result<AeTitle, _> = text.parse();
            assert_eq!(parsed.as_ref().map(AeTitle::as_str), expected.as_ref().copied(), "{text:?}");
        }
    }

    #[test]
    fn wire_form_is_sixteen_bytes() {
        let title: AeTitle = "CT 1".parse().expect("a title");
        assert_eq!(&title.padded(), b"CT 1            ");
        assert_eq!(AeTitle::from_value(&title.padded()), Ok(title));
    }
}
