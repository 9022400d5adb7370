//! Names on disk: spool names that we make, keys that callers build from parsed UIDs. Nothing else becomes a path.

use std::fmt;
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::BlobError;

/// Spool folders: `00` to `0f`.
pub(crate) const FOLDERS: usize = 16;

const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const SUFFIX: &str = ".dcm";

/// Name of a spool file: a ULID (26 letters of Crockford's base 32). Its last four bits choose the folder, so the name
/// alone finds the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SpoolName(u128);

impl SpoolName {
    /// A new name in this folder: 48 bits of Unix milliseconds (for people), 76 bits of the system's randomness.
    pub(crate) fn random(folder: usize) -> io::Result<SpoolName> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let millis = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_millis());
        let random = u128::from_le_bytes(random) & ((1 << 80) - 1);
        Ok(SpoolName((millis << 80) | (random & !0xf) | (folder % FOLDERS) as u128))
    }

    pub(crate) fn parse(text: &str) -> Result<SpoolName, BlobError> {
        let refuse = || BlobError::BadName { name: text.to_owned() };
        if text.len() != 26 {
            return Err(refuse());
        }
        let mut value: u128 = 0;
        for letter in text.bytes() {
            let digit = LETTERS.iter().position(|&known| known == letter).ok_or_else(refuse)?;
            value = value.checked_mul(32).ok_or_else(refuse)? | digit as u128;
        }
        Ok(SpoolName(value))
    }

    /// The name of a file in a spool folder, when it is one of ours and lies in the right folder.
    pub(crate) fn of_file(file: &str, folder: usize) -> Option<SpoolName> {
        let name = SpoolName::parse(file.strip_suffix(SUFFIX)?).ok()?;
        (name.folder() == folder).then_some(name)
    }

    pub(crate) fn folder(self) -> usize {
        (self.0 & 0xf) as usize
    }

    pub(crate) fn file(self) -> String {
        format!("{self}{SUFFIX}")
    }
}

impl fmt::Display for SpoolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [b'0'; 26];
        for (i, letter) in text.iter_mut().rev().enumerate() {
            *letter = LETTERS[(self.0 >> (5 * i)) as usize & 31];
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

/// Name of a spool folder.
pub(crate) fn folder_name(folder: usize) -> String {
    format!("{folder:02x}")
}

/// Checks that a key (`study/series/instance.dcm`) can only name a file below its shelf: one to eight components of 1 to
/// 255 characters of `[A-Za-z0-9._-]`, none of them `.` or `..`.
pub(crate) fn check_key(key: &str) -> Result<(), BlobError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let good = |part: &str| {
        (1..=255).contains(&part.len()) && part != "." && part != ".." && part.bytes().all(allowed)
    };
    if key.split('/').count() > 8 || !key.split('/').all(good) {
        return Err(BlobError::BadName { name: key.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails where it stands")]
mod tests {
    use super::*;

    #[test]
    fn spool_names_come_back_as_they_went() {
        for folder in 0..FOLDERS {
            let name = SpoolName::random(folder).unwrap();
            assert_eq!(name.folder(), folder);
            assert_eq!(SpoolName::parse(&name.to_string()).unwrap(), name);
            assert_eq!(SpoolName::of_file(&name.file(), folder), Some(name));
            assert_eq!(SpoolName::of_file(&name.file(), folder + 1), None);
        }
    }

    #[test]
    fn other_texts_are_no_spool_names() {
        let rows = [
            ("", false),
            ("01ARZ3NDEKTSV4RRFFQ69G5FAV", true),
            ("7ZZZZZZZZZZZZZZZZZZZZZZZZZ", true),
            ("8ZZZZZZZZZZZZZZZZZZZZZZZZZ", false), // more than 128 bits
            ("01ARZ3NDEKTSV4RRFFQ69G5FAVX", false),
            ("01ARZ3NDEKTSV4RRFFQ69G5FA", false),
            ("01arz3ndektsv4rrffq69g5fav", false),
            ("01ARZ3NDEKTSV4RRFFQ69G5FAU", false), // no U
            ("../../../../../../etc/pass", false),
            ("01ARZ3NDEKTSV4RRFFQ69G5F\0V", false),
        ];
        for (text, good) in rows {
            assert_eq!(SpoolName::parse(text).is_ok(), good, "{text:?}");
        }
    }

    #[test]
    fn keys_cannot_leave_their_shelf() {
        let long = "1".repeat(255);
        let rows = [
            ("1.2/1.3/1.4.dcm", true),
            ("1.2/1.3/1.4.local.v2.dcm", true),
            ("a-b_C.9", true),
            (long.as_str(), true),
            ("1/2/3/4/5/6/7/8", true),
            ("1/2/3/4/5/6/7/8/9", false),
            ("", false),
            ("/", false),
            ("/1.2", false),
            ("1.2/", false),
            ("1.2//1.3", false),
            (".", false),
            ("..", false),
            ("1.2/../1.3", false),
            ("1.2/./1.3", false),
            ("1.2\\1.3", false),
            ("1.2\0", false),
            ("1.2\n", false),
            ("1 2", false),
            ("1.2/é", false),
            ("1.2/~", false),
            ("1.2/*", false),
        ];
        for (key, good) in rows {
            assert_eq!(check_key(key).is_ok(), good, "{key:?}");
        }
        assert!(check_key(&"1".repeat(256)).is_err());
    }
}
