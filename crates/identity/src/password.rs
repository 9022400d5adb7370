//! Passwords: what is good enough, and argon2id.

use argon2::{Algorithm, Argon2, Params, Version};
use register::PasswordHash;
use subtle::ConstantTimeEq;

use crate::IdentityError;

/// OWASP's recommendation for argon2id: 19 MiB, two passes, one lane. Some 30 ms of one core.
const MEMORY: u32 = 19 * 1_024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Bytes of hash and of salt.
const HASH: usize = 32;
const SALT: usize = 16;

/// Fewest characters.
const SHORTEST: usize = 12;
/// Most bytes: a hash takes its time from them, too.
const LONGEST: usize = 1_024;

/// Of the passwords that guessers try first, those with twelve characters and more, in lower case.
const COMMON: &[&str] = &[
    "123123123123",
    "1234567890123",
    "123456789012",
    "1234567891011",
    "1q2w3e4r5t6y",
    "1qaz2wsx3edc",
    "administrator",
    "changeme1234",
    "changemenow1",
    "iloveyou1234",
    "letmein12345",
    "mypassword123",
    "passw0rd1234",
    "password1234",
    "password12345",
    "password123456",
    "passwordpassword",
    "qwerty123456",
    "qwertyuiop12",
    "qwertyuiop123",
    "qwertyuiopasdf",
    "radiology123",
    "radiology1234",
    "secret123456",
    "welcome12345",
    "willkommen123",
    "zaq12wsxcde3",
    "abcdefghijkl",
    "abcd12345678",
    "abc123456789",
];

/// Why a password is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Too few characters.
    #[error("a password has at least {SHORTEST} characters")]
    Short,
    /// Too many bytes.
    #[error("a password has at most {LONGEST} bytes")]
    Long,
    /// Among the first that are guessed, or one character again and again, or the name.
    #[error("this password is among the first that are guessed")]
    Common,
}

/// Whether a password is good enough for the account of this name.
pub(crate) fn check(password: &str, name: &str) -> Result<(), PolicyError> {
    let letters = password.chars().count();
    if letters < SHORTEST {
        return Err(PolicyError::Short);
    }
    if password.len() > LONGEST {
        return Err(PolicyError::Long);
    }
    let lower = password.to_lowercase();
    let mut different: Vec<char> = lower.chars().collect();
    different.sort_unstable();
    different.dedup();
    let name = name.to_lowercase();
    let named = lower.contains(&name) && letters < name.chars().count() + 6;
    if COMMON.contains(&lower.as_str()) || different.len() < 5 || named {
        return Err(PolicyError::Common);
    }
    Ok(())
}

/// Hashes a password with a salt of its own.
pub(crate) fn hash(password: &str) -> Result<PasswordHash, IdentityError> {
    let mut salt = vec![0; SALT];
    getrandom::fill(&mut salt).map_err(|_| IdentityError::Random)?;
    let mut made = PasswordHash { memory: MEMORY, passes: PASSES, lanes: LANES, salt, hash: Vec::new() };
    made.hash = derive(password, &made)?;
    Ok(made)
}

/// Whether this is the password. Takes as long for a wrong one.
pub(crate) fn is_right(password: &str, kept: &PasswordHash) -> bool {
    derive(password, kept).is_ok_and(|made| bool::from(made.ct_eq(&kept.hash)))
}

fn derive(password: &str, with: &PasswordHash) -> Result<Vec<u8>, IdentityError> {
    let params = Params::new(with.memory, with.passes, with.lanes, Some(HASH));
    let params = params.map_err(|_| IdentityError::Hash)?;
    let mut out = vec![0; HASH];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password.as_bytes(), &with.salt, &mut out)
        .map_err(|_| IdentityError::Hash)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy() {
        for (password, answer) in [
            ("correct horse battery", Ok(())),
            ("Zwölf-Boxkämpfer", Ok(())),
            ("elevenchars", Err(PolicyError::Short)),
            ("PassWord1234", Err(PolicyError::Common)),
            ("aaaaaaaaaaaaaaaa", Err(PolicyError::Common)),
            ("abababababab", Err(PolicyError::Common)),
            ("dr.miller1234", Err(PolicyError::Common)),
            ("dr.miller and a long way to go", Ok(())),
        ] {
            assert_eq!(check(password, "dr.miller"), answer, "{password}");
        }
        assert_eq!(check(&"äbcdefg".repeat(200), "x"), Err(PolicyError::Long));
    }

    #[test]
    fn hashes() {
        let made = hash("correct horse battery").unwrap();
        assert!(is_right("correct horse battery", &made));
        assert!(!is_right("correct horse batter", &made));
        assert_ne!(hash("correct horse battery").unwrap().hash, made.hash, "salted");
    }

    /// The reference implementation's test vector for version 0x13 (phc-winner-argon2, test.c).
    #[test]
    fn it_is_argon2id() {
        let kept = PasswordHash {
            memory: 1 << 16,
            passes: 2,
            lanes: 1,
            salt: b"somesalt".to_vec(),
            hash: Vec::new(),
        };
        let made: String = derive("password", &kept).unwrap().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(made, "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7");
    }
}
