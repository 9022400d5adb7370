//! The chain: each row's hash is over the hash before it, its own number and its own bytes. Whoever changes, removes,
//! inserts or moves a row breaks it there.

use sha2::{Digest, Sha256};

/// SHA-256.
pub type Hash = [u8; 32];

/// What stands before the first row.
pub const BEFORE_ALL: Hash = [0; 32];

/// The hash of the row with this number and these bytes, behind the row with the hash `before`.
pub fn next(before: &Hash, sequence: u64, row: &[u8]) -> Hash {
    let mut hash = Sha256::new();
    hash.update(before);
    hash.update(sequence.to_be_bytes());
    hash.update(row);
    hash.finalize().into()
}

/// The last row that was written: its number and its hash. Written `NUMBER:HEX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The number; 0 when there is no row.
    pub sequence: u64,
    /// The hash.
    pub hash: Hash,
}

impl Head {
    /// That of an empty trail.
    pub const EMPTY: Head = Head { sequence: 0, hash: BEFORE_ALL };

    /// The head once this row is behind it.
    pub fn with(&self, row: &[u8]) -> Head {
        let sequence = self.sequence + 1;
        Head { sequence, hash: next(&self.hash, sequence, row) }
    }
}

impl std::fmt::Display for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:", self.sequence)?;
        self.hash.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The text is no head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a head is a number, a colon and 64 hexadecimal digits")]
pub struct HeadError;

impl std::str::FromStr for Head {
    type Err = HeadError;

    fn from_str(text: &str) -> Result<Self, HeadError> {
        let (sequence, hex) = text.trim().split_once(':').ok_or(HeadError)?;
        let sequence = sequence.parse().map_err(|_| HeadError)?;
        let mut hash = BEFORE_ALL;
        if hex.len() != 64 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(HeadError);
        }
        for (at, byte) in hash.iter_mut().enumerate() {
            let digits = hex.get(2 * at..2 * at + 2).ok_or(HeadError)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| HeadError)?;
        }
        Ok(Self { sequence, hash })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_counts() {
        let first = next(&BEFORE_ALL, 1, b"row");
        for other in [next(&first, 1, b"row"), next(&BEFORE_ALL, 2, b"row"), next(&BEFORE_ALL, 1, b"rov")] {
            assert_ne!(first, other);
        }
        assert_eq!(Head::EMPTY.with(b"row"), Head { sequence: 1, hash: first });
    }

    #[test]
    fn heads_as_text() {
        let head = Head::EMPTY.with(b"row");
        assert_eq!(head.to_string().parse(), Ok(head));
        for wrong in [
            "",
            "1",
            "1:",
            "x:00",
            "1:é",
            &format!("1:{}", "g".repeat(64)),
            &format!("-1:{}", "0".repeat(64)),
        ] {
            assert_eq!(wrong.parse::<Head>(), Err(HeadError), "{wrong}");
        }
    }
}
