//! Reads files and the entries of ZIPs on a thread that may wait.

use std::io::{self, Read, Seek};

use bytes::Bytes;
use model::part10;
use tokio::sync::mpsc;
use zip::ZipReadOptions;
use zip::read::Config;
use zip::unstable::read::ZipIterable;

use super::budget::{self, Budget};
use super::source::{Offer, Piece, Source};

/// Entries of a ZIP that are looked at.
pub const ENTRIES: usize = 10_000;
/// Characters of an entry's name that are shown: it may have 65,535, and each of the entries a line.
const NAME: usize = 256;
/// Bytes of a piece.
const PIECE: usize = 256 << 10;
/// Pieces of a file that wait for the one who stores it.
const AHEAD: usize = 4;
/// Media Storage Directory Storage (PS3.4 annex I): what a DICOMDIR is.
const DIRECTORY: &str = "1.2.840.10008.1.3.10";

/// Whoever takes the offers went away.
#[derive(Debug)]
pub struct Gone;

/// Offers one file and reads it while somebody takes it, or what is in it when it is a ZIP; `reopen` gives further
/// readers of the same bytes. `named` says that it was asked for by its name.
///
/// # Errors
/// [`Gone`] when nobody takes offers any more.
pub fn offer_file<R: Read + Seek>(
    what: String,
    named: bool,
    reopen: impl Fn() -> io::Result<R>,
    offers: &mpsc::Sender<Offer>,
) -> Result<(), Gone> {
    let opened = reopen().and_then(|mut file| Ok((piece(&mut file)?, file)));
    match opened {
        Err(error) => say_unreadable(offers, &what, &error.to_string()),
        Ok((start, _)) if is_zip(&start) => offer_zip(&what, reopen, offers),
        Ok((start, mut file)) => offer(what, named, start, &mut file, offers),
    }
}

/// Offers the entries of a ZIP, one after the other; `what` is put before their names. Of at most [`ENTRIES`] entries,
/// which together unpack to at most 100 times the ZIP's size and 16 MiB.
///
/// # Errors
/// [`Gone`] when nobody takes offers any more.
pub fn offer_zip<R: Read + Seek>(
    what: &str,
    open: impl Fn() -> io::Result<R>,
    offers: &mpsc::Sender<Offer>,
) -> Result<(), Gone> {
    let (mut zip, mut bodies, length) = match open_zip(open) {
        Ok(opened) => opened,
        Err(error) => return say_unreadable(offers, what, &error.to_string()),
    };
    if zip.len() > ENTRIES {
        let why = format!("a ZIP of {} entries; we look into those with up to {}", zip.len(), ENTRIES);
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
        let name =
            entry.name().map_or_else(|_| "(nameless)".to_owned(), |name| name.chars().take(NAME).collect());
        let within = if what.is_empty() { name } else { format!("{what} > {name}") };
        match entry.with_reader(&mut bodies, ZipReadOptions::default()) {
            Ok(bytes) => offer_entry(within, budget.metered(bytes), offers)?,
            Err(error) => say_unreadable(offers, &within, &error.to_string())?,
        }
        if budget.is_spent() {
            return say_unreadable(offers, what, &format!("{}; the rest is not looked at", budget::SPENT));
        }
    }
    Ok(())
}

/// The ZIP's directory, a second reader for its entries, and its length.
fn open_zip<R: Read + Seek>(
    open: impl Fn() -> io::Result<R>,
) -> Result<(ZipIterable<R>, R, u64), zip::result::ZipError> {
    let mut directory = open()?;
    let length = directory.seek(io::SeekFrom::End(0))?;
    Ok((ZipIterable::try_new(directory, Config::default())?, open()?, length))
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

/// Whether this is how a ZIP begins: with an entry, or with its end when it is empty.
pub fn is_zip(start: &[u8]) -> bool {
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

/// Whether a file that begins so is a DICOMDIR, the list of a medium's files (PS3.10 8.6).
pub fn is_directory(start: &[u8]) -> bool {
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

/// Says that something could not be read.
///
/// # Errors
/// [`Gone`] when nobody takes offers any more.
pub fn say_unreadable(offers: &mpsc::Sender<Offer>, what: &str, why: &str) -> Result<(), Gone> {
    tell(offers, Offer::Unreadable { what: what.to_owned(), why: why.to_owned() })
}

fn tell(offers: &mpsc::Sender<Offer>, offer: Offer) -> Result<(), Gone> {
    offers.blocking_send(offer).map_err(|_| Gone)
}
