//! Recovery codes: for whoever lost the second factor. Ten, each good once.

use data_encoding::BASE32_NOPAD;

use crate::{Digest, IdentityError, digest};

/// How many are made.
const CODES: usize = 10;
/// Bytes of one: 80 bits, so that a plain digest keeps it safe.
const BYTES: usize = 10;
/// Letters of one, without what stands between them.
const LETTERS: usize = 16;

/// New codes, as they are shown, once.
pub(crate) fn make() -> Result<Vec<String>, IdentityError> {
    let one = || {
        let mut bits = [0; BYTES];
        getrandom::fill(&mut bits).map_err(|_| IdentityError::Random)?;
        let text = BASE32_NOPAD.encode(&bits).to_lowercase();
        Ok(text.as_bytes().chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>().join("-"))
    };
    (0..CODES).map(|_| one()).collect()
}

/// What is kept of a code, however it was typed; none for what is no code.
pub(crate) fn kept(typed: &str) -> Option<Digest> {
    let letters: String = typed.chars().filter(char::is_ascii_alphanumeric).collect();
    let other = typed.chars().any(|c| !c.is_ascii_alphanumeric() && c != '-' && !c.is_whitespace());
    (letters.len() == LETTERS && !other).then(|| digest(&letters.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes() {
        let made = make().unwrap();
        assert_eq!(made.len(), CODES);
        let mut digests: Vec<_> = made.iter().map(|code| kept(code).unwrap()).collect();
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), CODES);
        let code = "abcd-efgh-ijkl-2345";
        for (typed, same) in [
            ("abcdefghijkl2345", true),
            (" ABCD EFGH IJKL 2345 ", true),
            ("abcd-efgh-ijkl-234", false),
            ("abcd-efgh-ijkl-2346", false),
            ("abcd-efgh-ijkl-2345!", false),
            ("", false),
        ] {
            assert_eq!(kept(typed) == kept(code), same, "{typed}");
        }
    }
}
