//! The pairs of a query string.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::url::broken_escape;

/// Bytes of a query string, percent-encoded.
const LONGEST: usize = 16 << 10;

/// Why a query string is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PairsError {
    /// More than 16 KiB.
    #[error("the query has {0} bytes, {LONGEST} are allowed")]
    TooLong(usize),
    /// A broken escape, bytes that are no UTF-8, or a NUL.
    #[error("the query is not percent-encoded UTF-8 text")]
    Encoding,
}

/// A name and its value, decoded.
pub(super) type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// Reads `name=value&name=value`. Only `%XX` is decoded: a `+` is a plus, so that `A+B` stays a name
/// (PS3.18 8.3.4.1). A name without `=` has an empty value; empty pairs are overlooked.
pub(super) fn read(query: &str) -> Result<Vec<Pair<'_>>, PairsError> {
    if query.len() > LONGEST {
        return Err(PairsError::TooLong(query.len()));
    }
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        })
        .collect()
}

fn decode(text: &str) -> Result<Cow<'_, str>, PairsError> {
    if broken_escape(text) {
        return Err(PairsError::Encoding);
    }
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| PairsError::Encoding)?;
    if decoded.contains('\0') {
        return Err(PairsError::Encoding);
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, expected: Result<&[(&str, &str)], PairsError>) {
        let found = read(query);
        let found = found.as_ref().map(|pairs| pairs.iter().map(|(n, v)| (&**n, &**v)).collect::<Vec<_>>());
        assert_eq!(found, expected.as_ref().map(|pairs| pairs.to_vec()), "{query:?}");
    }

    #[test]
    fn qido_040_pairs() {
        check("", Ok(&[]));
        check("a=b&c=d", Ok(&[("a", "b"), ("c", "d")]));
        check("&a=b&&", Ok(&[("a", "b")]));
        check("a", Ok(&[("a", "")]));
        check("a=b=c", Ok(&[("a", "b=c")]));
        check("PatientName=M%C3%BCller*", Ok(&[("PatientName", "Müller*")]));
        check("a=A+B%20C%2BD", Ok(&[("a", "A+B C+D")]));
        check("a=%26%3D%23", Ok(&[("a", "&=#")]));
        check("%61=b", Ok(&[("a", "b")]));
        check("a=%", Err(PairsError::Encoding));
        check("a=%4", Err(PairsError::Encoding));
        check("a=%zz", Err(PairsError::Encoding));
        check("a=%ff", Err(PairsError::Encoding));
        check("a=%00", Err(PairsError::Encoding));
        check(&"a".repeat(16_385), Err(PairsError::TooLong(16_385)));
    }
}
