//! Secrets: 256 random bits, known afterwards by their SHA-256.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::IdentityError;

/// SHA-256 of a secret. Secrets have 256 random bits, so a digest tells nothing, and looking one up takes a time that
/// tells nothing either.
pub type Digest = [u8; 32];

/// The digest of a secret.
pub fn digest(secret: &str) -> Digest {
    Sha256::digest(secret.as_bytes()).into()
}

/// 256 random bits in hexadecimal.
///
/// # Errors
/// [`IdentityError::Random`].
pub fn random() -> Result<String, IdentityError> {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits).map_err(|_| IdentityError::Random)?;
    Ok(bits.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}
