//! What lies in quarantine and belongs to something that is erased: damaged instances, and files that were never whole.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;

use blob::{Blobs, HEAD_LEN};
use memchr::memmem;

use super::order::Erasure;
use crate::ReadError;
use crate::recover::origin_in;

/// Bytes searched at a time.
const PIECE: usize = 1 << 20;
/// Longest note that is read.
const NOTE: u64 = 64 << 10;

/// Removes it.
pub(super) fn clear(blobs: &Blobs, erasure: &Erasure) -> Result<(), ReadError> {
    let wanted = Wanted::of(erasure);
    for name in blobs.quarantined()? {
        let (file, note) = blobs.open_quarantined(&name)?;
        let noted = note.map_or(Ok(false), |note| wanted.is_noted(note))?;
        let ours = noted || file.map_or(Ok(false), |file| wanted.is_in(&file))?;
        if ours {
            blobs.remove_quarantined(&name)?;
        }
    }
    Ok(())
}

/// By what a file is known to belong to it.
struct Wanted {
    sequences: HashSet<u64>,
    custodians: HashSet<String>,
    /// Where the files were, as their notes say.
    places: Vec<String>,
    /// Attributes as data sets encode them.
    elements: Vec<Vec<u8>>,
}

impl Wanted {
    fn of(erasure: &Erasure) -> Self {
        let mut elements = Vec::new();
        for study in erasure.whole_studies() {
            elements.extend(encodings((0x0020, 0x000D), *b"UI", study.as_str(), b'\0'));
        }
        if let Some((id, _)) = &erasure.patient {
            elements.extend(encodings((0x0010, 0x0020), *b"LO", id, b' '));
        }
        let spooled = erasure.versions.iter().filter_map(|one| one.instance.spool.clone());
        Self {
            sequences: erasure.sequences(),
            custodians: erasure.holdings.iter().map(|holding| holding.custodian.clone()).collect(),
            places: erasure.versions.iter().map(|one| format!("/{}", one.key())).chain(spooled).collect(),
            elements,
        }
    }

    fn is_noted(&self, note: File) -> Result<bool, ReadError> {
        let mut text = Vec::new();
        note.take(NOTE).read_to_end(&mut text).map_err(storage)?;
        Ok(self.places.iter().any(|place| memmem::find(&text, place.as_bytes()).is_some()))
    }

    /// By its head; where that does not tell, by what its data set says, as far as it came.
    fn is_in(&self, file: &File) -> Result<bool, ReadError> {
        let mut head = vec![0; HEAD_LEN as usize];
        let read = read_at(file, &mut head, 0)?;
        head.truncate(read);
        if let Some(origin) = origin_in(&head) {
            if self.sequences.contains(&origin.sequence) {
                return Ok(true);
            }
            if !self.custodians.contains(origin.custodian.as_str()) {
                return Ok(false);
            }
        }
        let longest = self.elements.iter().map(Vec::len).max().unwrap_or(0);
        let (mut piece, mut at) = (vec![0; PIECE + longest], 0);
        loop {
            let read = read_at(file, &mut piece, at)?;
            let bytes = piece.get(..read).unwrap_or_default();
            if self.elements.iter().any(|element| memmem::find(bytes, element).is_some()) {
                return Ok(true);
            }
            if read < piece.len() {
                return Ok(false);
            }
            at += PIECE as u64;
        }
    }
}

/// A short text attribute as it is encoded: explicit and implicit VR, little and big endian, padded and not.
fn encodings((group, element): (u16, u16), vr: [u8; 2], text: &str, pad: u8) -> Vec<Vec<u8>> {
    let mut values = vec![text.as_bytes().to_vec()];
    if text.len() % 2 == 1 {
        values.push([text.as_bytes(), &[pad]].concat());
    }
    let mut all = Vec::new();
    for value in values {
        let Ok(length) = u16::try_from(value.len()) else { continue };
        let little = [group.to_le_bytes(), element.to_le_bytes()].concat();
        let big = [group.to_be_bytes(), element.to_be_bytes()].concat();
        all.push([little.as_slice(), &vr, &length.to_le_bytes(), &value].concat());
        all.push([little.as_slice(), &u32::from(length).to_le_bytes(), &value].concat());
        all.push([big.as_slice(), &vr, &length.to_be_bytes(), &value].concat());
    }
    all
}

/// Reads until the buffer is full or the file ends.
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> Result<usize, ReadError> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, at + done as u64).map_err(storage)? {
            0 => break,
            read => done += read,
        }
    }
    Ok(done)
}

fn storage(error: std::io::Error) -> ReadError {
    ReadError::Storage(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_as_data_sets_have_them() {
        let all = encodings((0x0010, 0x0020), *b"LO", "P17", b' ');
        for expected in [
            &b"\x10\x00\x20\x00LO\x04\x00P17 "[..],
            b"\x10\x00\x20\x00\x04\x00\x00\x00P17 ",
            b"\x00\x10\x00\x20LO\x00\x04P17 ",
            b"\x10\x00\x20\x00LO\x03\x00P17",
        ] {
            assert!(all.iter().any(|one| one == expected), "{expected:?}");
        }
        assert_eq!(encodings((0x0020, 0x000D), *b"UI", "1.23", 0).len(), 3);
    }
}
