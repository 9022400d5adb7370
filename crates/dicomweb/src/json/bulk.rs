//! Where the values lie that the JSON names by a BulkDataURI.

use model::{VR, varint};

/// Version of the encoded form.
const VERSION: u8 = 1;

/// Longest path, in bytes: 256 sequences of which each takes its tag, a number of 10 digits and two slashes.
const LONGEST_PATH: usize = 8_192;

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
    /// Bytes of the words that lie in big endian and must be turned: 2, 4, 8, or 1 for none.
    pub word: u8,
    /// It is encapsulated pixel data: to be had frame by frame, not as one value.
    pub encapsulated: bool,
}

/// All such values of one instance, in encoded form: a few bytes a value, since each path shares its beginning with the
/// one before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BulkTable {
    /// The version, then the rows; empty when there are none.
    encoded: Vec<u8>,
    last: String,
}

/// An encoded table that is damaged, or newer than this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the table of bulk values cannot be read")]
pub struct BulkError;

impl BulkTable {
    /// The values in the order of the data set.
    pub fn iter(&self) -> impl Iterator<Item = Bulk> {
        let mut rest = self.encoded.get(1..).unwrap_or_default();
        let mut path = String::new();
        std::iter::from_fn(move || {
            let row = take_row(&mut rest, &mut path)?;
            Some(Bulk { path: path.clone(), ..row })
        })
    }

    /// The value with this path; of several the last, which is the one in the JSON.
    pub fn find(&self, wanted: &str) -> Option<Bulk> {
        let mut rest = self.encoded.get(1..).unwrap_or_default();
        let (mut path, mut found) = (String::new(), None);
        while let Some(row) = take_row(&mut rest, &mut path) {
            if path.eq_ignore_ascii_case(wanted) {
                found = Some(Bulk { path: path.clone(), ..row });
            }
        }
        found
    }

    /// A compact form for the index; empty when there are no values.
    pub fn encode(&self) -> Vec<u8> {
        self.encoded.clone()
    }

    /// Reads what [`BulkTable::encode`] made. Nothing is allocated beyond a copy of the bytes given.
    ///
    /// # Errors
    /// [`BulkError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, BulkError> {
        let mut rest = match bytes {
            [] => return Ok(Self::default()),
            [VERSION, rest @ ..] => rest,
            _ => return Err(BulkError),
        };
        let mut last = String::new();
        while !rest.is_empty() {
            take_row(&mut rest, &mut last).ok_or(BulkError)?;
        }
        Ok(Self { encoded: bytes.to_vec(), last })
    }

    pub(super) fn push(&mut self, bulk: &Bulk) {
        if self.encoded.is_empty() {
            self.encoded.push(VERSION);
        }
        let both = self.last.bytes().zip(bulk.path.bytes());
        let shared = both.take_while(|(before, now)| before == now).count();
        let own = bulk.path.as_bytes().get(shared..).unwrap_or_default();
        varint::push(&mut self.encoded, shared as u64);
        varint::push(&mut self.encoded, own.len() as u64);
        self.encoded.extend_from_slice(own);
        varint::push(&mut self.encoded, bulk.offset);
        varint::push(&mut self.encoded, bulk.length);
        self.encoded.extend_from_slice(bulk.vr.to_string().as_bytes());
        self.encoded.push(bulk.word << 1 | u8::from(bulk.encapsulated));
        self.last.clone_from(&bulk.path);
    }

    /// Bytes of memory.
    pub(super) fn held(&self) -> usize {
        self.encoded.len() + self.last.len()
    }
}

/// Takes one row; its path goes into `path`, which has that of the row before.
fn take_row(rest: &mut &[u8], path: &mut String) -> Option<Bulk> {
    let shared = usize::try_from(varint::take(rest)?).ok()?;
    let own = usize::try_from(varint::take(rest)?).ok()?;
    let own = std::str::from_utf8(take(rest, own)?).ok()?;
    if !path.is_char_boundary(shared) || shared.checked_add(own.len())? > LONGEST_PATH {
        return None;
    }
    path.truncate(shared);
    path.push_str(own);
    let (offset, length) = (varint::take(rest)?, varint::take(rest)?);
    let &[a, b, flags] = take(rest, 3)? else { return None };
    let vr = VR::from_binary([a, b])?;
    let word = Some(flags >> 1).filter(|word| matches!(word, 1 | 2 | 4 | 8))?;
    Some(Bulk { path: String::new(), offset, length, vr, word, encapsulated: flags & 1 == 1 })
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Bulk> {
        let row = |path: &str, offset, length, vr| Bulk {
            path: path.into(),
            offset,
            length,
            vr,
            word: 1,
            encapsulated: false,
        };
        vec![
            row("30060039/0/30060040/0/30060050", 300, 70_000, VR::DS),
            Bulk { word: 8, ..row("30060039/0/30060040/1/30060050", 70_300, 5, VR::OD) },
            row("7FE00010", 1, 2, VR::OW),
            Bulk { encapsulated: true, ..row("7FE00010", u64::MAX, 1 << 40, VR::OB) },
        ]
    }

    fn table() -> BulkTable {
        let mut table = BulkTable::default();
        rows().iter().for_each(|row| table.push(row));
        table
    }

    #[test]
    fn comes_back_as_it_was() {
        for table in [table(), BulkTable::default()] {
            assert_eq!(BulkTable::decode(&table.encode()), Ok(table));
        }
        assert!(table().iter().eq(rows()));
        assert!(BulkTable::default().encode().is_empty());
        assert_eq!(table().find("7fe00010").map(|bulk| bulk.length), Some(1 << 40));
        assert_eq!(table().find("30060039/0/30060040/1/30060050").map(|bulk| bulk.word), Some(8));
        assert_eq!(table().find("7FE00011"), None);
        assert_eq!(table().find(""), None);
        // The second path costs little: it is nearly the first.
        assert!(table().encode().len() < 1 + 40 + 20 + 20 + 25);
    }

    #[test]
    fn damage_is_an_error() {
        let good = table().encode();
        for end in 1..good.len() {
            let cut = BulkTable::decode(good.get(..end).unwrap());
            assert!(cut != Ok(table()), "cut at {end}");
        }
        for bad in
            [&[9, 1, 2][..], &[1, 0xFF], &[1, 1, 0, 0, 0, b'O', b'B', 2], &[1, 0, 0, 0, 0, b'O', b'B', 7]]
        {
            assert_eq!(BulkTable::decode(bad), Err(BulkError), "{bad:?}");
        }
        for (at, flip) in (0..good.len()).flat_map(|at| [(at, 1), (at, 0x80), (at, 0xFF)]) {
            let mut bad = good.clone();
            bad[at] ^= flip;
            if let Ok(table) = BulkTable::decode(&bad) {
                assert!(table.iter().all(|bulk| bulk.path.len() <= LONGEST_PATH));
            }
        }
    }
}
