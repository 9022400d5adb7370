//! Where the values lie that the JSON names by a BulkDataURI.

use model::VR;

/// Version of the encoded form.
const VERSION: u8 = 1;

/// A value that is not in the JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bulk {
    /// What follows `bulkdata/` in its URI: tags as 8 hex digits and item numbers, `54000100/0/54001010`.
    pub path: String,
    /// Its first byte in the (inflated) data set.
    pub offset: u64,
    /// Its bytes; of encapsulated pixel data all items from the offset table to the last fragment.
    pub length: u64,
    /// Its VR as the JSON names it.
    pub vr: VR,
    /// Its VR as encoded, which decides the words of a big endian value.
    pub stored_vr: VR,
    /// It is encapsulated pixel data: to be had frame by frame, not as one value.
    pub encapsulated: bool,
}

/// All such values of one instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BulkTable {
    rows: Vec<Bulk>,
}

/// An encoded table that is damaged, or newer than this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the table of bulk values cannot be read")]
pub struct BulkError;

impl BulkTable {
    /// The values in the order of the data set.
    pub fn rows(&self) -> &[Bulk] {
        &self.rows
    }

    /// The value with this path.
    pub fn find(&self, path: &str) -> Option<&Bulk> {
        self.rows.iter().find(|bulk| bulk.path.eq_ignore_ascii_case(path))
    }

    pub(super) fn push(&mut self, bulk: Bulk) {
        self.rows.push(bulk);
    }

    pub(super) fn last_mut(&mut self) -> Option<&mut Bulk> {
        self.rows.last_mut()
    }

    /// A compact form for the index; empty when there are no values.
    pub fn encode(&self) -> Vec<u8> {
        if self.rows.is_empty() {
            return Vec::new();
        }
        let mut out = vec![VERSION];
        for bulk in &self.rows {
            varint(&mut out, bulk.path.len() as u64);
            out.extend_from_slice(bulk.path.as_bytes());
            varint(&mut out, bulk.offset);
            varint(&mut out, bulk.length);
            out.extend_from_slice(bulk.vr.to_string().as_bytes());
            out.extend_from_slice(bulk.stored_vr.to_string().as_bytes());
            out.push(u8::from(bulk.encapsulated));
        }
        out
    }

    /// Reads what [`BulkTable::encode`] made.
    ///
    /// # Errors
    /// [`BulkError`]; nothing is allocated beyond the bytes given.
    pub fn decode(bytes: &[u8]) -> Result<Self, BulkError> {
        let mut rows = Vec::new();
        let Some((version, mut rest)) = bytes.split_first() else { return Ok(Self::default()) };
        if *version != VERSION {
            return Err(BulkError);
        }
        while !rest.is_empty() {
            let length = usize::try_from(read_varint(&mut rest)?).map_err(|_| BulkError)?;
            let path = String::from_utf8(take(&mut rest, length)?.to_vec()).map_err(|_| BulkError)?;
            let offset = read_varint(&mut rest)?;
            let length = read_varint(&mut rest)?;
            let vr = read_vr(&mut rest)?;
            let stored_vr = read_vr(&mut rest)?;
            let encapsulated = take(&mut rest, 1)? == [1];
            rows.push(Bulk { path, offset, length, vr, stored_vr, encapsulated });
        }
        Ok(Self { rows })
    }
}

fn read_vr(rest: &mut &[u8]) -> Result<VR, BulkError> {
    let [a, b] = *take(rest, 2)? else { return Err(BulkError) };
    VR::from_binary([a, b]).ok_or(BulkError)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], BulkError> {
    let (head, tail) = rest.split_at_checked(length).ok_or(BulkError)?;
    *rest = tail;
    Ok(head)
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn read_varint(rest: &mut &[u8]) -> Result<u64, BulkError> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let [byte] = *take(rest, 1)? else { return Err(BulkError) };
        value |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(BulkError)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> BulkTable {
        let row = |path: &str, offset, length, vr| Bulk {
            path: path.into(),
            offset,
            length,
            vr,
            stored_vr: vr,
            encapsulated: false,
        };
        BulkTable {
            rows: vec![
                row("54000100/0/54001010", 300, 70_000, VR::OW),
                Bulk { encapsulated: true, ..row("7FE00010", u64::MAX, 1 << 40, VR::OB) },
            ],
        }
    }

    #[test]
    fn comes_back_as_it_was() {
        for table in [table(), BulkTable::default()] {
            assert_eq!(BulkTable::decode(&table.encode()), Ok(table));
        }
        assert_eq!(table().find("7fe00010").map(|b| b.length), Some(1 << 40));
        assert_eq!(table().find("7FE00011"), None);
    }

    #[test]
    fn damage_is_an_error() {
        let good = table().encode();
        for end in 1..good.len() {
            let cut = BulkTable::decode(&good[..end]);
            assert!(cut != Ok(table()), "cut at {end}");
        }
        assert_eq!(BulkTable::decode(&[9, 1, 2]), Err(BulkError));
        assert_eq!(
            BulkTable::decode(&[1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1]),
            Err(BulkError)
        );
    }
}
