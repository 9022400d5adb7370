//! What a file says that it holds, from its first bytes.

use std::io::{self, Read};

use model::part10::{self, Head, HeadError, read_head};
use model::scan::{Element, Limits, Scanner, Sink};
use model::transfer_syntax::{self, Syntax};
use model::{SopClassUid, SopInstanceUid, Tag, Uid};

use crate::SourceError;

/// Media Storage Directory Storage (PS3.4 annex I): what a DICOMDIR is.
const DIRECTORY: &str = "1.2.840.10008.1.3.10";
/// Bytes of the first look: head and identifiers of nearly every file.
const FIRST: usize = 8 << 10;
const SOP_CLASS: Tag = Tag(0x0008, 0x0016);
const SOP_INSTANCE: Tag = Tag(0x0008, 0x0018);

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) class: SopClassUid,
    pub(crate) instance: SopInstanceUid,
    pub(crate) syntax: Syntax,
    /// Where the data set starts.
    pub(crate) offset: u64,
}

/// Reads as much as it takes to know, at most [`part10::LIMIT`] bytes.
pub(crate) fn identify(file: &mut impl Read) -> Result<Identity, SourceError> {
    let mut bytes = Vec::with_capacity(FIRST);
    loop {
        let wanted = (bytes.len() * 4).clamp(FIRST, part10::LIMIT);
        let at_end = fill(file, &mut bytes, wanted)?;
        let Some(head) = read_head(&bytes, at_end)? else { continue };
        let syntax = syntax_of(&head)?;
        let found = scan(&bytes, &head, syntax);
        if found.is_complete() || at_end || bytes.len() >= part10::LIMIT {
            return found.or_as_the_head_says(&head, syntax);
        }
    }
}

/// Reads until there are `wanted` bytes; whether the file ended before.
fn fill(file: &mut impl Read, bytes: &mut Vec<u8>, wanted: usize) -> io::Result<bool> {
    let more = wanted.saturating_sub(bytes.len());
    let read = file.take(more as u64).read_to_end(bytes)?;
    Ok(read < more)
}

fn syntax_of(head: &Head) -> Result<Syntax, SourceError> {
    let meta = head.meta.as_ref();
    if meta.and_then(|meta| meta.sop_class.as_deref()) == Some(DIRECTORY) {
        return Err(SourceError::Directory);
    }
    let named = head.syntax_uid.as_str();
    transfer_syntax::by_uid(named).ok_or_else(|| {
        let shown = named.chars().filter(|c| matches!(c, ' '..='~')).take(64).collect();
        SourceError::Syntax(shown)
    })
}

fn scan(bytes: &[u8], head: &Head, syntax: Syntax) -> Found {
    let mut found = Found::default();
    let mut scanner = Scanner::new(syntax, Limits::default());
    // What breaks off or is broken further on does not matter here.
    let _ = scanner.push(bytes.get(head.data_offset..).unwrap_or_default(), &mut found);
    found
}

/// The identifiers of a data set.
#[derive(Default)]
struct Found {
    class: Option<Uid>,
    instance: Option<Uid>,
    passed: bool,
}

impl Sink for Found {
    fn element(&mut self, element: &Element, value: &[u8]) {
        if element.depth > 0 {
            return;
        }
        match element.tag {
            SOP_CLASS => self.class = self.class.or(Uid::from_value(value).ok()),
            SOP_INSTANCE => self.instance = self.instance.or(Uid::from_value(value).ok()),
            tag => self.passed |= tag > SOP_INSTANCE,
        }
    }
}

impl Found {
    /// Whether more bytes would change nothing.
    fn is_complete(&self) -> bool {
        self.passed || (self.class.is_some() && self.instance.is_some())
    }

    /// The command must name what the data set names (DIMSE-027); the head's word counts only where that has none.
    fn or_as_the_head_says(&self, head: &Head, syntax: Syntax) -> Result<Identity, SourceError> {
        let meta = head.meta.as_ref();
        let class = self.class.or(uid(meta.and_then(|meta| meta.sop_class.as_deref())));
        let instance = self.instance.or(uid(meta.and_then(|meta| meta.sop_instance.as_deref())));
        let missing = |name| match meta {
            Some(_) => SourceError::Identity(name),
            // It looked like a data set and was none.
            None => HeadError::NotDicom.into(),
        };
        Ok(Identity {
            class: class.ok_or_else(|| missing("SOP Class UID (0008,0016)"))?.into(),
            instance: instance.ok_or_else(|| missing("SOP Instance UID (0008,0018)"))?.into(),
            syntax,
            offset: head.data_offset as u64,
        })
    }
}

fn uid(text: Option<&str>) -> Option<Uid> {
    text?.parse().ok()
}

#[cfg(test)]
mod tests {
    use model::transfer_syntax::{EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE};
    use testkit::{DataSet, Instance};

    use super::*;

    /// At most seven bytes at a time, as pipes and network folders may read.
    struct Slowly<'a>(&'a [u8]);

    impl Read for Slowly<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let take = to.len().min(7);
            self.0.read(&mut to[..take])
        }
    }

    fn check(file: &[u8], expected: Result<(&str, Syntax), &str>) {
        let found = identify(&mut Slowly(file)).map_err(|e| e.to_string());
        let found = found.as_ref().map(|i| (i.instance.as_str(), i.syntax)).map_err(String::as_str);
        match (found, expected) {
            (Err(found), Err(expected)) => assert!(found.contains(expected), "{found} / {expected}"),
            (found, expected) => assert_eq!(found, expected),
        }
    }

    #[test]
    fn files_say_what_they_are() {
        let instance = Instance::new(1, 2, 3);
        let uid = instance.sop_instance.as_str();
        let file = instance.part10();
        check(&file, Ok((uid, EXPLICIT_LE)));
        check(&file[128 + 4..], Ok((uid, EXPLICIT_LE)));
        check(&instance.data_set(), Ok((uid, EXPLICIT_LE)));
        check(&instance.implicit(), Ok((uid, IMPLICIT_LE)));

        // The data set's word counts, not the head's (DIMSE-027).
        let other = Instance { sop_instance: "1.2.3".to_owned(), ..instance.clone() };
        check(&other.file(EXPLICIT_LE.uid, &instance.data_set()), Ok((uid, EXPLICIT_LE)));
        let nameless = DataSet::explicit().text(0x0008_0060, b"CS", "CT").into_bytes();
        check(&other.file(EXPLICIT_LE.uid, &nameless), Ok(("1.2.3", EXPLICIT_LE)));
        check(&nameless, Err("not DICOM"));

        // Far behind the first look.
        let set = DataSet::big_endian()
            .put(0x0008_0001, b"UN", &vec![7; 100_000])
            .text(0x0008_0016, b"UI", instance.sop_class())
            .text(0x0008_0018, b"UI", uid)
            .into_bytes();
        check(&other.file(EXPLICIT_BE.uid, &set), Ok((uid, EXPLICIT_BE)));

        check(&other.file("1.2.\u{1b}[2J", &set), Err("transfer syntax 1.2.[2J is unknown"));
        check(b"", Err("not DICOM"));
        check(b"hello", Err("not DICOM"));
        check(&vec![b'x'; 3 << 20], Err("not DICOM"));
        check(&file[..200], Err("ends at byte"));
    }

    #[test]
    fn a_directory_is_no_instance() {
        let meta = DataSet::explicit()
            .text(0x0002_0002, b"UI", DIRECTORY)
            .text(0x0002_0003, b"UI", "1.2.3")
            .text(0x0002_0010, b"UI", EXPLICIT_LE.uid);
        let file = [vec![0; 128], b"DICM".to_vec(), meta.into_bytes()].concat();
        let error = identify(&mut &file[..]).unwrap_err();
        assert!(matches!(error, SourceError::Directory) && error.is_no_instance());
    }
}
