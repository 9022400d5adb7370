//! The administrator's token: 256 random bits, of which the server keeps the SHA-256 only.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

use super::private_file;

/// The shortest token that somebody may choose, in characters.
const SHORTEST: usize = 32;

/// SHA-256 of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TokenDigest(pub [u8; 32]);

impl TokenDigest {
    /// The digest of a token.
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// Whether this is the digest of the token.
    #[cfg(test)]
    pub fn is_of(self, token: &str) -> bool {
        self == Self::of(token)
    }

    fn read(hex: &str) -> Option<Self> {
        let hex = hex.trim_end();
        if hex.len() != 64 || !hex.is_ascii() {
            return None;
        }
        let mut digest = [0; 32];
        for (i, byte) in digest.iter_mut().enumerate() {
            *byte = u8::from_str_radix(hex.get(2 * i..2 * i + 2)?, 16).ok()?;
        }
        Some(Self(digest))
    }
}

/// The digest of the administrator's token, and the file with the token when it is there.
///
/// The token comes from `given` when the configuration names a file; else it is made once, written to a file that only
/// its owner may read, and may be moved from there: its digest stays.
pub fn ready(folder: &Path, given: Option<&Path>) -> anyhow::Result<(TokenDigest, Option<PathBuf>)> {
    if let Some(file) = given {
        return Ok((digest_of_file(file)?, Some(file.to_owned())));
    }
    let token_file = folder.join("administrator.token");
    let digest_file = folder.join("administrator.token.sha256");
    if let Ok(text) = std::fs::read_to_string(&digest_file) {
        let digest = TokenDigest::read(&text).with_context(|| {
            format!("{} holds no SHA-256; remove it to make a new token", digest_file.display())
        })?;
        return Ok((digest, token_file.exists().then_some(token_file)));
    }
    if !token_file.exists() {
        let token = random()? + "\n";
        private_file::write(&token_file, token.as_bytes())
            .with_context(|| format!("cannot write {}", token_file.display()))?;
    }
    // The token first, its digest after: a crash between the two is made good by the next start.
    let digest = digest_of_file(&token_file)?;
    private_file::write(&digest_file, (hex(&digest.0) + "\n").as_bytes())
        .with_context(|| format!("cannot write {}", digest_file.display()))?;
    Ok((digest, Some(token_file)))
}

fn digest_of_file(file: &Path) -> anyhow::Result<TokenDigest> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let token = text.trim_end_matches(['\r', '\n']);
    // RFC 6750 2.1: what a bearer token may be made of.
    if !token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b)) {
        bail!("the token in {} has characters that a bearer token cannot have", file.display());
    }
    if token.len() < SHORTEST {
        bail!("the token in {} is shorter than {SHORTEST} characters", file.display());
    }
    Ok(TokenDigest::of(token))
}

fn random() -> anyhow::Result<String> {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits).context("the system gives no random numbers")?;
    Ok(hex(&bits))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_tokens() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t");
        let long = "0123456789abcdefghijklmnopqrstuv";
        for (text, good) in [
            (format!("{long}\n"), true),
            (format!("{long}\r\n"), true),
            (long.to_owned(), true),
            (long[1..].to_owned(), false),
            (format!("{long} {long}"), false),
            (String::new(), false),
        ] {
            std::fs::write(&file, &text).unwrap();
            let result = ready(folder.path(), Some(&file));
            assert_eq!(result.is_ok(), good, "{text:?}");
            if let Ok((digest, _)) = result {
                assert!(digest.is_of(long));
            }
        }
    }

    #[test]
    fn two_tokens_differ_and_digests_are_read_back() {
        let (one, other) = (random().unwrap(), random().unwrap());
        assert_ne!(one, other);
        let digest = TokenDigest::of(&one);
        assert_eq!(TokenDigest::read(&(hex(&digest.0) + "\n")), Some(digest));
        for text in ["", "00", &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(TokenDigest::read(text), None, "{text}");
        }
    }
}
