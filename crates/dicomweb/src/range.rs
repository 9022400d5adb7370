//! The `Range` of a request for one bare item (RFC 9110 14, PS3.18 8.6.1.1).

/// What a `Range` header asks of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All of it: 200. Also where the header is none that we follow: several ranges, another unit, nonsense.
    Whole,
    /// The bytes from `first` up to and with `last`: 206.
    Part {
        /// The first byte.
        first: u64,
        /// The last byte, at least `first`, below the item's length.
        last: u64,
    },
    /// Nothing of the item lies in the range: 416.
    Unsatisfiable,
}

/// Reads a `Range` header for an item of `length` bytes.
///
/// Several ranges are answered with the whole item, as RFC 9110 14.2 allows: no viewer asks for them, and a thousand
/// small ones are an attack.
pub fn wanted(header: &str, length: u64) -> Wanted {
    let Some(spec) = header.trim().strip_prefix("bytes=") else {
        return Wanted::Whole;
    };
    let Some((first, last)) = spec.trim().split_once('-') else {
        return Wanted::Whole;
    };
    match (position(first), position(last)) {
        (Some(Position::At(first)), Some(Position::Open)) if first < length => {
            Wanted::Part { first, last: length - 1 }
        }
        (Some(Position::At(first)), Some(Position::At(last))) if first > last => Wanted::Whole,
        (Some(Position::At(first)), Some(Position::At(last))) if first < length => {
            Wanted::Part { first, last: last.min(length - 1) }
        }
        (Some(Position::At(_)), Some(_)) => Wanted::Unsatisfiable,
        (Some(Position::Open), Some(Position::At(suffix))) if suffix > 0 && length > 0 => {
            Wanted::Part { first: length.saturating_sub(suffix), last: length - 1 }
        }
        (Some(Position::Open), Some(Position::At(_))) => Wanted::Unsatisfiable,
        (Some(Position::Open), Some(Position::Open)) | (None, _) | (_, None) => Wanted::Whole,
    }
}

/// The `Content-Range` of a 206.
pub fn content_range(first: u64, last: u64, length: u64) -> String {
    format!("bytes {first}-{last}/{length}")
}

/// The `Content-Range` of a 416.
pub fn unsatisfiable(length: u64) -> String {
    format!("bytes */{length}")
}

enum Position {
    Open,
    At(u64),
}

/// `None` when the text is no number. One too large for us is as large as can be.
fn position(text: &str) -> Option<Position> {
    if text.is_empty() {
        return Some(Position::Open);
    }
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| Position::At(text.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wado_039_ranges() {
        let part = |first, last| Wanted::Part { first, last };
        let many = format!("bytes={}", vec!["0-1"; 2_000].join(","));
        for (header, length, expected) in [
            ("bytes=0-99", 1_000, part(0, 99)),
            ("bytes=0-0", 1, part(0, 0)),
            ("bytes=990-", 1_000, part(990, 999)),
            ("bytes=990-2000", 1_000, part(990, 999)),
            ("bytes=0-99999999999999999999999999", 1_000, part(0, 999)),
            ("bytes=-5", 1_000, part(995, 999)),
            ("bytes=-5000", 1_000, part(0, 999)),
            ("bytes=1000-", 1_000, Wanted::Unsatisfiable),
            ("bytes=1000-1001", 1_000, Wanted::Unsatisfiable),
            ("bytes=99999999999999999999999999-", 1_000, Wanted::Unsatisfiable),
            ("bytes=-0", 1_000, Wanted::Unsatisfiable),
            ("bytes=0-", 0, Wanted::Unsatisfiable),
            ("bytes=-1", 0, Wanted::Unsatisfiable),
            // Not followed: reversed, several, other units, nonsense.
            ("bytes=9-5", 1_000, Wanted::Whole),
            ("bytes=0-1,5-6", 1_000, Wanted::Whole),
            (many.as_str(), 1_000, Wanted::Whole),
            ("items=0-1", 1_000, Wanted::Whole),
            ("bytes=-", 1_000, Wanted::Whole),
            ("bytes=a-b", 1_000, Wanted::Whole),
            ("bytes=+1-2", 1_000, Wanted::Whole),
            ("bytes 0-1", 1_000, Wanted::Whole),
            ("", 1_000, Wanted::Whole),
        ] {
            assert_eq!(wanted(header, length), expected, "{:.40} of {length}", header);
        }
    }

    #[test]
    fn headers() {
        assert_eq!(content_range(0, 99, 1_000), "bytes 0-99/1000");
        assert_eq!(unsatisfiable(7), "bytes */7");
    }
}
