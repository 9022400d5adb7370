//! Reads files one after the other on a thread of its own and hands them, piece by piece, to those who store them.
//!
//! One file is read at a time, so that a CD's head does not jump; the files before it are flushed meanwhile.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use model::part10;
use tokio::sync::mpsc;

use ::zip::ZipReadOptions;
use ::zip::read::Config;
use ::zip::unstable::read::ZipIterable;

use super::walk::{Found, Walk};
use super::zip::{self, Budget};

/// Bytes of a piece.
const PIECE: usize = 256 << 10;
/// Pieces of a file that wait for the one who stores it.
const AHEAD: usize = 4;
/// Media Storage Directory Storage (PS3.4 annex I): what a DICOMDIR is.
const DIRECTORY: &str = "1.2.840.10008.1.3.10";

/// A file, or what is said of one instead of handing it over.
pub enum Offer {
    /// A file to store.
    File(Source),
    /// Nothing to store.
    LeftOut {
        /// Which.
        what: String,
        /// Why.
        why: String,
    },
    /// It should have been offered, and could not.
    Unreadable {
        /// Which.
        what: String,
        /// Why.
        why: String,
    },
}

/// A file that is being read.
pub struct Source {
    /// Its path, and its name within a ZIP.
    pub what: String,
    /// Whether it says that it is DICOM, or the command line names it: then it must not be left out quietly.
    pub expected: bool,
    /// Its bytes.
    pub pieces: mpsc::Receiver<Piece>,
}

/// A piece of a file.
pub enum Piece {
    /// Bytes.
    Bytes(Bytes),
    /// The file was read to its end.
    End,
    /// It cannot be read on.
    Broken(String),
}

/// Whoever takes the offers went away.
struct Gone;

/// Reads everything below the paths. Ends early when nobody takes the offers any more.
pub fn read(paths: &[PathBuf], offers: &mpsc::Sender<Offer>) {
    for found in Walk::of(paths) {
        let told = match found {
            Ok(found) => offer_path(&found, offers),
            Err(unreadable) => {
                say_unreadable(offers, &unreadable.path.display().to_string(), &unreadable.error.to_string())
            }
        };
        if told.is_err() {
            return;
        }
    }
}

fn offer_path(found: &Found, offers: &mpsc::Sender<Offer>) -> Result<(), Gone> {
    let what = found.path.display().to_string();
    match open(&found.path) {
        Err(error) => say_unreadable(offers, &what, &error.to_string()),
        Ok((_, start)) if is_zip(&start) => offer_zip(&what, &found.path, offers),
        Ok((mut file, start)) => offer(what, found.named, start, &mut file, offers),
    }
}

/// Opens a file and reads its first piece.
fn open(path: &Path) -> io::Result<(File, Bytes)> {
    let mut file = File::open(path)?;
    let start = piece(&mut file)?;
    Ok((file, start))
}

fn offer_zip(what: &str, path: &Path, offers: &mpsc::Sender<Offer>) -> Result<(), Gone> {
    let (mut zip, mut bodies, length) = match open_zip(path) {
        Ok(opened) => opened,
        Err(error) => return say_unreadable(offers, what, &error.to_string()),
    };
    if zip.len() > zip::ENTRIES {
        let why = format!("a ZIP of {} entries; we look into those with up to {}", zip.len(), zip::ENTRIES);
        return say_unreadable(offers, what, &why);
    }
    let budget = Budget::of(length);
    let entries = match zip.files() {
        Ok(entries) => entries,
        Err(error) => return say_unreadable(offers, what, &error.to_string()),
    };
    for entry in entries {
        let entry = match entry {
            Ok(entry) if entry.is_file() => entry,
            Ok(_) => continue,
            Err(error) => return say_unreadable(offers, what, &format!("its directory is damaged: {error}")),
        };
        // The name is shown and never used.
        let name = entry.name().map(|name| name.into_owned()).unwrap_or_else(|_| "(nameless)".to_owned());
        let within = format!("{what} > {name}");
        match entry.with_reader(&mut bodies, ZipReadOptions::default()) {
            Ok(bytes) => offer_entry(within, budget.metered(bytes), offers)?,
            Err(error) => say_unreadable(offers, &within, &error.to_string())?,
        }
        if budget.is_spent() {
            return say_unreadable(offers, what, &format!("{}; the rest is not looked at", zip::SPENT));
        }
    }
    Ok(())
}

/// The ZIP's directory, a second reader for its entries, and its length.
fn open_zip(path: &Path) -> anyhow::Result<(ZipIterable<File>, File, u64)> {
    let directory = File::open(path)?;
    let length = directory.metadata()?.len();
    Ok((ZipIterable::try_new(directory, Config::default())?, File::open(path)?, length))
}

fn offer_entry(what: String, mut bytes: impl Read, offers: &mpsc::Sender<Offer>) -> Result<(), Gone> {
    match piece(&mut bytes) {
        Ok(start) if is_zip(&start) => {
            say_unreadable(offers, &what, "a ZIP within a ZIP: unpack the outer one, and import the folder")
        }
        Ok(start) => offer(what, false, start, &mut bytes, offers),
        Err(error) => say_unreadable(offers, &what, &error.to_string()),
    }
}

/// A ZIP begins with an entry, or with its end when it is empty.
fn is_zip(start: &[u8]) -> bool {
    start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06")
}

/// Offers one file whose first piece is read, and reads the rest while somebody takes it.
fn offer(
    what: String,
    named: bool,
    start: Bytes,
    rest: &mut impl Read,
    offers: &mpsc::Sender<Offer>,
) -> Result<(), Gone> {
    if start.is_empty() {
        return tell(offers, Offer::LeftOut { what, why: "it is empty".to_owned() });
    }
    if is_directory(&start) {
        return tell(
            offers,
            Offer::LeftOut { what, why: "a DICOMDIR, the list of a medium's files".to_owned() },
        );
    }
    let expected = named || start.get(128..132) == Some(b"DICM");
    let (send, pieces) = mpsc::channel(AHEAD);
    tell(offers, Offer::File(Source { what, expected, pieces }))?;
    let mut next = start;
    loop {
        // A short piece need not be the last one, an empty one is.
        let last = match next.is_empty() {
            true => Some(Piece::End),
            false => send.blocking_send(Piece::Bytes(next)).err().map(|_| Piece::End),
        };
        if let Some(last) = last {
            // Whoever stores it may have seen enough of it already.
            let _ = send.blocking_send(last);
            return Ok(());
        }
        next = match piece(rest) {
            Ok(bytes) => bytes,
            Err(error) => {
                let _ = send.blocking_send(Piece::Broken(error.to_string()));
                return Ok(());
            }
        };
    }
}

fn is_directory(start: &[u8]) -> bool {
    let head = part10::read_head(start, start.len() < PIECE);
    let class = head.ok().flatten().and_then(|head| head.meta).and_then(|meta| meta.sop_class);
    class.is_some_and(|class| class == DIRECTORY)
}

/// The next bytes, empty at the end.
fn piece(from: &mut impl Read) -> io::Result<Bytes> {
    let mut bytes = Vec::with_capacity(PIECE);
    from.take(PIECE as u64).read_to_end(&mut bytes)?;
    Ok(Bytes::from(bytes))
}

fn say_unreadable(offers: &mpsc::Sender<Offer>, what: &str, why: &str) -> Result<(), Gone> {
    tell(offers, Offer::Unreadable { what: what.to_owned(), why: why.to_owned() })
}

fn tell(offers: &mpsc::Sender<Offer>, offer: Offer) -> Result<(), Gone> {
    offers.blocking_send(offer).map_err(|_| Gone)
}
