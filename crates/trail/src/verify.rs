//! Walks the chain from its first row to its last, and compares the last with the head that was written down.

use std::fmt;
use std::path::Path;

use audit::Entry;
use audit::chain::{self, Hash, Head};
use rusqlite::{Connection, Row};

use crate::TrailError;
use crate::head;
use crate::read::Reader;
use crate::schema::hash_of;
use crate::writer::Columns;

/// What a walk found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Rows that are as they were written, up to the first that is not.
    pub sound: u64,
    /// The last of them. Kept elsewhere, it proves later that nothing before it was touched.
    pub head: Head,
    /// The first thing that is wrong.
    pub problem: Option<Problem>,
    /// Rows behind the one that `audit.head` names: a crash, or a writer at work, leaves some.
    pub behind_head: u64,
    /// Alarms that the trail itself holds: what did not fit when it was opened.
    pub alarms: u64,
}

/// What is wrong with a trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The row is not what was written there: it was changed, or another was put in its place.
    Changed(u64),
    /// The row is chained, but a column by which it is found is not what the row says.
    Column(u64),
    /// These rows are missing, though later ones are there.
    Removed {
        /// The first of them.
        first: u64,
        /// The last of them.
        last: u64,
    },
    /// Each of the two rows stands where the other was written.
    Swapped(u64, u64),
    /// A row with a number that no row has.
    Inserted(i64),
    /// The trail ends here, the head says there.
    Truncated {
        /// The last row that is there.
        ends: u64,
        /// The last row that was written.
        written: u64,
    },
    /// Rows were added behind this one, which was the last when recording stopped.
    Appended(u64),
    /// The row is chained, but it is not the one that `audit.head`, or the head that was given, names.
    Rewritten(u64),
    /// `audit.head` is missing or cannot be read, so that nobody knows where the trail ended.
    NoHead,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Changed(row) => write!(f, "row {row} was changed"),
            Problem::Column(row) => {
                write!(f, "a column of row {row} was changed: it is not found by what it says")
            }
            Problem::Removed { first, last } if first == last => write!(f, "row {first} was removed"),
            Problem::Removed { first, last } => write!(f, "rows {first} to {last} were removed"),
            Problem::Swapped(one, other) => write!(f, "rows {one} and {other} were swapped"),
            Problem::Inserted(row) => write!(f, "row {row} was inserted"),
            Problem::Truncated { ends, written } => {
                write!(f, "the trail was cut: it ends at row {ends}, and row {written} was written")
            }
            Problem::Appended(row) => {
                write!(f, "rows were inserted behind row {row}, the last when recording stopped")
            }
            Problem::Rewritten(row) => write!(f, "row {row} is chained, but is not the one that was written"),
            Problem::NoHead => {
                write!(f, "audit.head is missing or cannot be read: where the trail ended is not known")
            }
        }
    }
}

/// Walks the trail of this folder. `known` is a head of an earlier walk, kept where nobody here could change it.
///
/// # Errors
/// [`TrailError`] when the database cannot be read at all.
pub fn verify(folder: &Path, known: Option<Head>) -> Result<Report, TrailError> {
    // Before the rows: those that are written meanwhile are behind it.
    let marked = head::read(folder);
    let reader = Reader::open(folder)?;
    let conn = reader.connection();
    // One moment for everything that is read.
    let moment = conn.unchecked_transaction()?;
    let mut walk = Walk {
        head: Head::EMPTY,
        alarms: 0,
        named: marked.map(|m| m.head).into_iter().chain(known).collect(),
    };
    let mut problem = walk.run(conn)?;
    let Head { sequence, .. } = walk.head;
    if problem.is_none() {
        problem = match marked {
            None if sequence > 0 => Some(Problem::NoHead),
            Some(marked) if marked.closed && marked.head.sequence < sequence => {
                Some(Problem::Appended(marked.head.sequence))
            }
            _ => None,
        };
        let written = walk.named.iter().map(|head| head.sequence).max().unwrap_or(0);
        if written > sequence {
            problem = Some(Problem::Truncated { ends: sequence, written });
        }
    }
    drop(moment);
    let behind_head = marked.map_or(0, |marked| sequence.saturating_sub(marked.head.sequence));
    Ok(Report { sound: sequence, head: walk.head, problem, behind_head, alarms: walk.alarms })
}

struct Walk {
    head: Head,
    alarms: u64,
    /// Rows of which somebody else knows the hash.
    named: Vec<Head>,
}

/// A row as it lies there.
struct Lying {
    sequence: i64,
    bytes: Vec<u8>,
    hash: Hash,
}

impl Lying {
    /// What lies there may be of any type.
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        let bytes = |at: usize| -> rusqlite::Result<Vec<u8>> {
            Ok(row.get_ref(at)?.as_bytes().map(<[u8]>::to_vec).unwrap_or_default())
        };
        Ok(Self { sequence: row.get(0)?, bytes: bytes(1)?, hash: hash_of(&bytes(2)?) })
    }
}

const COLUMNS: &str = "sequence, event, hash, at, what, principal, study, patient";

impl Walk {
    /// The first thing that is wrong with the rows.
    fn run(&mut self, conn: &Connection) -> Result<Option<Problem>, TrailError> {
        let mut statement = conn.prepare(&format!("SELECT {COLUMNS} FROM trail ORDER BY sequence"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let lying = Lying::of(row)?;
            let Ok(sequence) = u64::try_from(lying.sequence) else {
                return Ok(Some(Problem::Inserted(lying.sequence)));
            };
            let wanted = self.head.sequence + 1;
            if sequence == 0 {
                return Ok(Some(Problem::Inserted(0)));
            }
            if sequence != wanted {
                return Ok(Some(Problem::Removed { first: wanted, last: sequence - 1 }));
            }
            let next = self.head.with(&lying.bytes);
            if next.hash != lying.hash {
                return Ok(Some(self.why(conn, &lying)?));
            }
            let Ok(entry) = Entry::read(&lying.bytes) else { return Ok(Some(Problem::Changed(sequence))) };
            if columns(row).is_none_or(|columns| columns != Columns::of(&entry)) {
                return Ok(Some(Problem::Column(sequence)));
            }
            if self.named.iter().any(|named| named.sequence == sequence && named.hash != next.hash) {
                return Ok(Some(Problem::Rewritten(sequence)));
            }
            self.alarms += u64::from(entry.event.what == audit::What::Alarm);
            self.head = next;
        }
        Ok(None)
    }

    /// The row does not follow from the one before it: whether another one further on does, and this one there.
    fn why(&self, conn: &Connection, here: &Lying) -> Result<Problem, TrailError> {
        let sequence = self.head.sequence + 1;
        let mut statement =
            conn.prepare("SELECT sequence, event, hash FROM trail WHERE sequence > ?1 ORDER BY sequence")?;
        let mut rows = statement.query([here.sequence])?;
        // What stands before the other one.
        let mut before = here.hash;
        while let Some(row) = rows.next()? {
            let other = Lying::of(row)?;
            let number = other.sequence.unsigned_abs();
            let here_with_theirs = chain::next(&self.head.hash, sequence, &other.bytes);
            // The events were exchanged without their hashes.
            if here_with_theirs == here.hash {
                return Ok(Problem::Swapped(sequence, number));
            }
            // The other row was written here: this one there, or nowhere.
            if here_with_theirs == other.hash {
                let before = if number == sequence + 1 { other.hash } else { before };
                let was_there = chain::next(&before, number, &here.bytes) == here.hash;
                return Ok(match was_there {
                    true => Problem::Swapped(sequence, number),
                    false => Problem::Inserted(here.sequence),
                });
            }
            before = other.hash;
        }
        Ok(Problem::Changed(sequence))
    }
}

/// The columns as they lie there; `None` when one is of a type that we do not write.
fn columns(row: &Row<'_>) -> Option<Columns> {
    Some(Columns {
        at: row.get(3).ok()?,
        what: row.get(4).ok()?,
        principal: row.get(5).ok()?,
        study: row.get(6).ok()?,
        patient: row.get(7).ok()?,
    })
}
