//! What a command tells while it works: the same whether it works itself or asks a running server.

use std::fmt;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::exit::Exit;

/// One thing to tell; one line of `--json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// How far it got.
    Progress(Progress),
    /// One file or instance that did not go through, or not plainly, and why.
    Item(Item),
    /// The end, and what came of it.
    Summary(Summary),
    /// The end: it could not be done.
    Failed {
        /// Why.
        why: String,
    },
}

/// How far a command got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Items done.
    pub done: u64,
    /// Items in all, when that is known.
    pub total: Option<u64>,
    /// Bytes done.
    pub bytes: u64,
}

/// One file or instance that did not go through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// What became of it.
    pub verdict: Fate,
    /// Its path, or its UIDs.
    pub what: String,
    /// Why, in words.
    pub why: String,
}

/// What became of an item that did not go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// Nothing to store: no DICOM, or a DICOMDIR.
    LeftOut,
    /// Should have been stored or sent, and was not.
    Refused,
    /// Is not as it should be.
    Unsound,
    /// Went through, with something to look at.
    Noted,
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Fate::LeftOut => "left out",
            Fate::Refused => "refused",
            Fate::Unsound => "unsound",
            Fate::Noted => "noted",
        })
    }
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
pub enum Summary {
    /// `import`
    Import(Imported),
    /// `send`
    Send {
        /// Instances that the peer stored.
        sent: u64,
        /// Instances that it did not, or that could not be offered.
        failed: u64,
        /// Bytes of data sets sent.
        bytes: u64,
    },
    /// `verify`
    Verify {
        /// Instances found as they were stored.
        sound: u64,
        /// Problems found.
        problems: u64,
        /// Bytes read.
        bytes: u64,
        /// Deletions on record.
        deletions: u64,
        /// Instances that rejection notes hide.
        rejected: u64,
    },
    /// `rebuild`
    Rebuild {
        /// Instances in the new index.
        instances: u64,
        /// Files that could not be taken in.
        problems: u64,
    },
    /// `erase`
    Erase {
        /// Its number, by which the audit trail has it.
        erasure: u64,
        /// Studies as held by one custodian each.
        studies: u64,
        /// Versions of instances.
        versions: u64,
        /// Bytes of their data sets.
        bytes: u64,
        /// SHA-256 over the sorted digests of all versions.
        digest: String,
    },
    /// `retention plan`
    RetentionPlan {
        /// Studies that are due.
        due: u64,
        /// Studies that become due later.
        later: u64,
        /// Studies that a legal hold keeps.
        held: u64,
    },
    /// `backup`
    Backup {
        /// Instances in the copy.
        instances: u64,
        /// Bytes of files copied by this run.
        bytes: u64,
        /// The copy.
        folder: String,
    },
}

/// What came of an import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// New instances.
    pub stored: u64,
    /// Instances that were here already, byte for byte.
    pub same: u64,
    /// Instances whose UID was here with other bytes: kept as further versions.
    pub versions: u64,
    /// Files that are no instances: DICOMDIR, documents, viewers.
    pub left_out: u64,
    /// Files that should have been stored and were not.
    pub refused: u64,
    /// Bytes of the files that are stored now.
    pub bytes: u64,
}

impl Summary {
    /// What the process exits with.
    pub fn exit(&self) -> Exit {
        let incomplete = match self {
            Summary::Import(done) => done.refused > 0 || done.stored + done.same + done.versions == 0,
            Summary::Send { sent, failed, .. } => *failed > 0 || *sent == 0,
            Summary::Verify { problems, .. } | Summary::Rebuild { problems, .. } => *problems > 0,
            Summary::Backup { .. } | Summary::Erase { .. } | Summary::RetentionPlan { .. } => false,
        };
        if incomplete { Exit::Incomplete } else { Exit::Done }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Summary::Import(done) if done.stored + done.same + done.versions + done.refused == 0 => {
                write!(f, "No DICOM found. {} looked at.", count(done.left_out, "file"))
            }
            Summary::Import(done) => {
                write!(f, "{} stored, {}.", count(done.stored, "new instance"), size(done.bytes))?;
                if done.same > 0 {
                    write!(f, " {} here already.", done.same)?;
                }
                if done.versions > 0 {
                    write!(
                        f,
                        " {} kept as a further version: its UID was here with other bytes.",
                        done.versions
                    )?;
                }
                if done.left_out > 0 {
                    write!(f, " {} left out: no instances.", count(done.left_out, "file"))?;
                }
                if done.refused > 0 {
                    write!(f, " {} NOT stored, see above.", count(done.refused, "file"))?;
                }
                Ok(())
            }
            Summary::Send { sent, failed, bytes } => {
                write!(f, "{} sent, {}.", count(*sent, "instance"), size(*bytes))?;
                if *failed > 0 {
                    write!(f, " {failed} NOT sent, see above.")?;
                }
                Ok(())
            }
            Summary::Verify { sound, problems, bytes, deletions, rejected } => {
                match problems {
                    0 => write!(f, "All good: ")?,
                    _ => write!(f, "{}, see above. ", count(*problems, "PROBLEM"))?,
                }
                write!(f, "{}, {}, as stored.", count(*sound, "instance"), size(*bytes))?;
                if *deletions > 0 {
                    write!(f, " {} on record.", count(*deletions, "deletion"))?;
                }
                if *rejected > 0 {
                    write!(f, " {} rejected.", count(*rejected, "instance"))?;
                }
                Ok(())
            }
            Summary::Rebuild { instances, problems } => {
                write!(f, "The index has {} again.", count(*instances, "instance"))?;
                if *problems > 0 {
                    write!(f, " {} NOT taken in, see above.", count(*problems, "file"))?;
                }
                Ok(())
            }
            Summary::Erase { erasure, studies, versions, bytes, digest } => {
                write!(
                    f,
                    "Erased: {}, {}, {}. Proof: erasure {erasure} in the audit trail, digest {digest}. Left on purpose: \
                     rows of the audit trail, and backups made before.",
                    count(*studies, "study"),
                    count(*versions, "version"),
                    size(*bytes)
                )
            }
            Summary::RetentionPlan { due, later, held } => {
                write!(
                    f,
                    "{} due, {later} later, {held} kept by legal holds. Nothing was removed.",
                    count(*due, "study")
                )
            }
            Summary::Backup { instances, bytes, folder } => {
                write!(f, "{folder} holds {}; {} copied now.", count(*instances, "instance"), size(*bytes))
            }
        }
    }
}

/// Where a command tells its events.
#[derive(Clone)]
pub struct Events(mpsc::Sender<Event>);

impl Events {
    /// A teller and its listener.
    pub fn channel() -> (Self, mpsc::Receiver<Event>) {
        let (send, receive) = mpsc::channel(64);
        (Self(send), receive)
    }

    /// Tells how far it got; left out when nobody has listened to the last ones yet.
    pub fn progress(&self, done: u64, total: Option<u64>, bytes: u64) {
        let _ = self.0.try_send(Event::Progress(Progress { done, total, bytes }));
    }

    /// Tells how it ended; nothing is told after.
    pub async fn end(&self, result: anyhow::Result<Summary>) {
        let last = match result {
            Ok(summary) => Event::Summary(summary),
            Err(error) => Event::Failed { why: format!("{error:#}") },
        };
        let _ = self.0.send(last).await;
    }

    /// Tells of an item; waits until there is room. A listener that went away is no error: the command goes with it.
    pub async fn item(&self, verdict: Fate, what: impl Into<String>, why: impl Into<String>) {
        let _ = self.0.send(Event::Item(Item { verdict, what: what.into(), why: why.into() })).await;
    }
}

/// A number with its noun.
pub fn count(number: u64, noun: &str) -> String {
    match (number, noun.strip_suffix('y')) {
        (1, _) => format!("{number} {noun}"),
        (_, Some(stem)) => format!("{number} {stem}ies"),
        (_, None) => format!("{number} {noun}s"),
    }
}

/// A size for people, in decimal units.
pub fn size(bytes: u64) -> String {
    for (unit, name) in [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")] {
        if bytes >= unit {
            return format!("{:.1} {name}", bytes as f64 / unit as f64);
        }
    }
    format!("{bytes} B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exits_and_words() {
        let import = |stored, same, left_out, refused| {
            Summary::Import(Imported { stored, same, left_out, refused, ..Imported::default() })
        };
        for (summary, exit, words) in [
            (import(2, 0, 0, 0), Exit::Done, "2 new instances stored, 0 B."),
            (import(1, 0, 3, 0), Exit::Done, "1 new instance stored, 0 B. 3 files left out: no instances."),
            (import(0, 1, 0, 0), Exit::Done, "0 new instances stored, 0 B. 1 here already."),
            (
                import(5, 0, 0, 1),
                Exit::Incomplete,
                "5 new instances stored, 0 B. 1 file NOT stored, see above.",
            ),
            (import(0, 0, 4, 0), Exit::Incomplete, "No DICOM found. 4 files looked at."),
            (Summary::Send { sent: 1, failed: 0, bytes: 2_500_000 }, Exit::Done, "1 instance sent, 2.5 MB."),
            (Summary::Send { sent: 0, failed: 0, bytes: 0 }, Exit::Incomplete, "0 instances sent, 0 B."),
            (
                Summary::Verify { sound: 3, problems: 0, bytes: 999, deletions: 0, rejected: 0 },
                Exit::Done,
                "All good: 3 instances, 999 B, as stored.",
            ),
            (
                Summary::Verify { sound: 3, problems: 0, bytes: 999, deletions: 2, rejected: 1 },
                Exit::Done,
                "All good: 3 instances, 999 B, as stored. 2 deletions on record. 1 instance rejected.",
            ),
            (
                Summary::Verify { sound: 3, problems: 1, bytes: 1_000, deletions: 0, rejected: 0 },
                Exit::Incomplete,
                "1 PROBLEM, see above. 3 instances, 1.0 kB, as stored.",
            ),
            (
                Summary::Erase { erasure: 7, studies: 2, versions: 1, bytes: 9, digest: "ab".into() },
                Exit::Done,
                "Erased: 2 studies, 1 version, 9 B. Proof: erasure 7 in the audit trail, digest ab. Left on purpose: \
                 rows of the audit trail, and backups made before.",
            ),
            (Summary::Rebuild { instances: 1, problems: 0 }, Exit::Done, "The index has 1 instance again."),
        ] {
            assert_eq!(summary.exit(), exit, "{summary:?}");
            assert_eq!(summary.to_string(), words);
        }
    }

    #[test]
    fn events_survive_the_wire() {
        for event in [
            Event::Progress(Progress { done: 1, total: None, bytes: 3 }),
            Event::Item(Item { verdict: Fate::LeftOut, what: "a".into(), why: "b".into() }),
            Event::Summary(Summary::Import(Imported { stored: 1, ..Imported::default() })),
            Event::Summary(Summary::Backup { instances: 1, bytes: 2, folder: "/b".into() }),
            Event::Failed { why: "c".into() },
        ] {
            let line = serde_json::to_string(&event).unwrap();
            assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event, "{line}");
        }
    }
}
