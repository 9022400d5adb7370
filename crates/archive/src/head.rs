//! What our own File Meta Information says beyond the Standard's: enough to make the index again from files alone.
//!
//! It lies in (0002,0102) Private Information with a fixed length and is written last, so a file whose head can be
//! read and whose digest agrees is whole. It never leaves the archive.

use access::CustodianId;

/// "OVR" and the format's version.
const MAGIC: [u8; 4] = *b"OVR1";
/// Bytes kept of who sent it and on whose behalf.
const TEXT: usize = 96;
/// Length of the encoded form in bytes.
const LENGTH: usize = 4 + 8 + 8 + 8 + 32 + 65 + 2 * (TEXT + 1) + 4;

/// The private part of a file's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Order of receipt.
    pub sequence: u64,
    /// Unix time in milliseconds.
    pub received_at: i64,
    /// Bytes of the encoded data set.
    pub length: u64,
    /// SHA-256 over transfer syntax and encoded data set.
    pub digest: [u8; 32],
    /// Whose holding.
    pub custodian: CustodianId,
    /// Who sent it.
    pub source: String,
    /// On whose behalf.
    pub principal: String,
}

impl Origin {
    /// The fixed-length form, with a sum of its own at the end.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(LENGTH);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&self.sequence.to_le_bytes());
        out.extend_from_slice(&self.received_at.to_le_bytes());
        out.extend_from_slice(&self.length.to_le_bytes());
        out.extend_from_slice(&self.digest);
        put(&mut out, self.custodian.as_str(), 64);
        put(&mut out, &self.source, TEXT);
        put(&mut out, &self.principal, TEXT);
        let sum = crc32c::crc32c(&out);
        out.extend_from_slice(&sum.to_le_bytes());
        out
    }

    /// Reads it back; `None` when it is not ours, torn or damaged.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..LENGTH)?;
        let (body, sum) = bytes.split_at(LENGTH - 4);
        if crc32c::crc32c(body).to_le_bytes() != *sum {
            return None;
        }
        let mut rest = body;
        if take::<4>(&mut rest)? != MAGIC {
            return None;
        }
        let sequence = u64::from_le_bytes(take(&mut rest)?);
        let received_at = i64::from_le_bytes(take(&mut rest)?);
        let length = u64::from_le_bytes(take(&mut rest)?);
        let digest = take(&mut rest)?;
        let custodian = text(&mut rest, 64)?.parse().ok()?;
        let source = text(&mut rest, TEXT)?;
        let principal = text(&mut rest, TEXT)?;
        Some(Self { sequence, received_at, length, digest, custodian, source, principal })
    }
}

/// A length byte, then the text in a field of `width` bytes, cut at a character.
fn put(out: &mut Vec<u8>, text: &str, width: usize) {
    let mut end = text.len().min(width);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    out.push(end as u8);
    out.extend_from_slice(&text.as_bytes()[..end]);
    out.resize(out.len() + width - end, 0);
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

fn text(rest: &mut &[u8], width: usize) -> Option<String> {
    let length = usize::from(take::<1>(rest)?[0]);
    let (field, tail) = rest.split_at_checked(width)?;
    *rest = tail;
    String::from_utf8(field.get(..length)?.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin {
        Origin {
            sequence: 7,
            received_at: 1_790_000_000_000,
            length: 526_000,
            digest: [9; 32],
            custodian: CustodianId::local(),
            source: "CT1@192.0.2.7".into(),
            principal: "aet:CT1".into(),
        }
    }

    #[test]
    fn comes_back_as_it_was() {
        assert_eq!(Origin::decode(&origin().encode()), Some(origin()));
    }

    #[test]
    fn long_texts_are_cut_at_a_character() {
        let long = Origin { source: "ü".repeat(90), ..origin() };
        let back = Origin::decode(&long.encode()).map(|o| o.source);
        assert_eq!(back, Some("ü".repeat(48)));
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let good = origin().encode();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            assert_eq!(Origin::decode(&bad), None, "byte {at}");
        }
        assert_eq!(Origin::decode(&good[..good.len() - 1]), None);
    }
}
