//! Real files: each is accepted or refused as its manifest says, however its bytes are cut when they are pushed.
//!
//! Two sets: `tests/data` of the project, and the corpus beside it (`../shared/corpus`, or `OVERREAD_SHARED`). A set
//! that is absent counts no files.
#![allow(clippy::expect_used, clippy::indexing_slicing)]

mod common;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use common::{Digest, Identity};
use model::part10::read_head;
use model::scan::{Limits, ScanError, ScanSummary, Scanner};
use model::transfer_syntax::{self, Syntax};

/// What ought to become of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// Head and data set are well formed. Whether it has an identity is not asked: many samples have none.
    Store,
    /// Not well formed, or without one of the four UIDs.
    Refuse,
    Either,
}

/// Corpus files that have no row among the answers and cannot be stored all the same.
const REFUSED: &[&str] = &[
    // No (0002,0010).
    "dicom-test-files/meta_missing_tsyntax.dcm",
    // A directory whose sequence ends inside its last item.
    "pydicom/DICOMDIR-nooffset",
];

#[test]
fn files_get_the_answer_they_deserve() {
    let files = files();
    let mut wrong = Vec::new();
    for (path, expected) in &files {
        let bytes = std::fs::read(path).expect("a file of the manifest");
        let (well_formed, identity) = judge(&bytes);
        match (expected, &well_formed) {
            (Answer::Store, Err(why)) => wrong.push(format!("{}: refused, {why}", path.display())),
            (Answer::Refuse, Ok(_)) if identity.check().is_ok() => {
                wrong.push(format!("{}: accepted", path.display()))
            }
            _ => {}
        }
    }
    println!("{} files seen", files.len());
    assert!(wrong.is_empty(), "{} of {} files:\n{}", wrong.len(), files.len(), wrong.join("\n"));
}

#[test]
fn events_do_not_depend_on_how_bytes_are_cut() {
    let files = files();
    for (path, _) in &files {
        let bytes = std::fs::read(path).expect("a file of the manifest");
        let Some((syntax, data)) = data_set(&bytes) else {
            continue;
        };
        let whole = events(syntax, data, data.len().max(1));
        for step in [1, 7, 64 << 10] {
            let cut = events(syntax, data, step);
            match (&cut.1, &whole.1) {
                // How far it got when the limit was seen is not the same.
                (Err(ScanError::InflateTooMuch { .. }), Err(ScanError::InflateTooMuch { .. })) => {}
                _ => assert_eq!(cut, whole, "{} in steps of {step}", path.display()),
            }
        }
    }
    println!("{} files seen", files.len());
}

#[test]
fn heads_ask_for_more_until_they_are_whole() {
    for (path, _) in files() {
        let bytes = std::fs::read(&path).expect("a file of the manifest");
        let Ok(Some(head)) = read_head(&bytes, true) else {
            continue;
        };
        for length in (0..head.data_offset.min(bytes.len())).step_by(3) {
            let early = read_head(&bytes[..length], false);
            assert_eq!(early, Ok(None), "{} cut at {length}", path.display());
        }
        let enough = (head.data_offset + 132).min(bytes.len());
        let expected = read_head(&bytes[..enough], enough == bytes.len());
        assert_eq!(expected, Ok(Some(head)), "{}", path.display());
    }
}

/// Whether head and data set are well formed, and the identity that was met.
fn judge(bytes: &[u8]) -> (Result<ScanSummary, String>, Identity) {
    let mut identity = Identity::default();
    let result = read(bytes, &mut identity);
    (result, identity)
}

fn read(bytes: &[u8], identity: &mut Identity) -> Result<ScanSummary, String> {
    let head = read_head(bytes, true).map_err(|e| e.to_string())?.ok_or("no answer")?;
    let syntax = transfer_syntax::by_uid(&head.syntax_uid).ok_or("unknown transfer syntax")?;
    let mut scanner = Scanner::new(syntax, Limits::default());
    scanner.push(&bytes[head.data_offset..], identity).map_err(|e| e.to_string())?;
    scanner.finish(identity).map_err(|e| e.to_string())
}

fn data_set(bytes: &[u8]) -> Option<(Syntax, &[u8])> {
    let head = read_head(bytes, true).ok()??;
    Some((transfer_syntax::by_uid(&head.syntax_uid)?, &bytes[head.data_offset..]))
}

/// A digest of all events, and how it ended.
fn events(syntax: Syntax, data: &[u8], step: usize) -> ((u64, u64), Result<ScanSummary, ScanError>) {
    let mut digest = Digest::default();
    let mut scanner = Scanner::new(syntax, Limits::default());
    let pushed = data.chunks(step).try_for_each(|piece| scanner.push(piece, &mut digest));
    let end = pushed.and_then(|()| scanner.finish(&mut digest));
    ((digest.hash, digest.events), end)
}

/// Every file of both sets, with its answer.
fn files() -> Vec<(PathBuf, Answer)> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let own = project.join("tests/data");
    let shared = std::env::var_os("OVERREAD_SHARED").map_or_else(|| project.join("../shared"), PathBuf::from);
    let corpus = shared.join("corpus");

    let mut files = Vec::new();
    for row in rows(&own.join("MANIFEST.tsv")) {
        let answer = row.get(1).map_or(Answer::Store, |text| answer(text));
        files.push((own.join(&row[0]), answer));
    }
    let answers: HashMap<String, Answer> =
        rows(&corpus.join("ANSWERS.tsv")).into_iter().map(|row| (row[0].clone(), answer(&row[1]))).collect();
    for row in rows(&corpus.join("MANIFEST.tsv")) {
        let name = row[0].as_str();
        let unlisted = if REFUSED.contains(&name) { Answer::Refuse } else { Answer::Store };
        files.push((corpus.join(name), answers.get(name).copied().unwrap_or(unlisted)));
    }
    files
}

fn answer(text: &str) -> Answer {
    match text {
        _ if text.starts_with("refuse") => Answer::Refuse,
        _ if text.starts_with("store or refuse") => Answer::Either,
        _ => Answer::Store,
    }
}

fn rows(path: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().skip(1).map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}
