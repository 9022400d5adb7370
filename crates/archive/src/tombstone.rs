//! What a deletion leaves on disk: one file in `removed/` that names everything it took out.
//!
//! It is the deletion: from the moment it is durable the deletion has happened, whatever becomes of the index. A start
//! applies those that the index does not know, and a rebuild leaves out what they name. Lines of JSON: who, when, why and
//! what; then every version; then their number and a sum over all lines before. No patient data but UIDs.

use blob::Blobs;
use index::{Removal, RemovalHead, RemovedInstance};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::ReadError;

/// The format that is written; another is not read.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Head {
    format: u32,
    sequence: u64,
    at: i64,
    custodian: String,
    principal: String,
    source: String,
    reason: String,
    study: String,
    series: Option<String>,
    instance: Option<String>,
    bytes: u64,
}

#[derive(Serialize, Deserialize)]
struct Line {
    sequence: u64,
    study: String,
    series: String,
    instance: String,
    version: u32,
    digest: String,
    length: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    spool: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct End {
    instances: u64,
    crc32c: u32,
}

/// Why a record cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TombstoneError {
    #[error("it is not whole")]
    Torn,
    #[error("its sum is wrong")]
    Sum,
    #[error("it is of format {0}, this program knows {FORMAT}")]
    Format(u32),
    #[error("line {0} cannot be read")]
    Line(usize),
}

/// The name of a deletion's record, which orders as its sequence does.
pub(crate) fn name(sequence: u64) -> String {
    format!("{sequence:020}.json")
}

/// The sequence in a record's name.
pub(crate) fn sequence(name: &str) -> Option<u64> {
    name.strip_suffix(".json").filter(|number| number.len() == 20)?.parse().ok()
}

/// The record's text.
pub(crate) fn encode(removal: &Removal) -> Vec<u8> {
    let head = &removal.head;
    let first = Head {
        format: FORMAT,
        sequence: head.sequence,
        at: head.at,
        custodian: head.custodian.to_string(),
        principal: head.principal.clone(),
        source: head.source.clone(),
        reason: head.reason.clone(),
        study: head.study.to_string(),
        series: head.series.map(|uid| uid.to_string()),
        instance: head.instance.map(|uid| uid.to_string()),
        bytes: head.bytes,
    };
    let lines = removal.instances.iter().map(|one| Line {
        sequence: one.sequence,
        study: one.study.to_string(),
        series: one.series.to_string(),
        instance: one.sop_instance.to_string(),
        version: one.version,
        digest: hex(&one.digest),
        length: one.length,
        spool: one.spool.clone(),
    });
    text(&first, lines)
}

/// A head, lines, and an end that says whether they are whole.
pub(crate) fn text<L: Serialize>(head: &impl Serialize, lines: impl ExactSizeIterator<Item = L>) -> Vec<u8> {
    let instances = lines.len() as u64;
    let mut out = Vec::with_capacity(512 + lines.len() * 384);
    line(&mut out, head);
    lines.for_each(|one| line(&mut out, &one));
    let crc32c = crc32c::crc32c(&out);
    line(&mut out, &End { instances, crc32c });
    out
}

/// Reads such a text.
pub(crate) fn untext<H: DeserializeOwned, L: DeserializeOwned>(
    bytes: &[u8],
) -> Result<(H, Vec<L>), TombstoneError> {
    let body = bytes.strip_suffix(b"\n").ok_or(TombstoneError::Torn)?;
    let last = body.iter().rposition(|&byte| byte == b'\n').ok_or(TombstoneError::Torn)? + 1;
    let (lines, end) = body.split_at(last);
    let end: End = serde_json::from_slice(end).map_err(|_| TombstoneError::Torn)?;
    if crc32c::crc32c(lines) != end.crc32c {
        return Err(TombstoneError::Sum);
    }
    let mut rows = lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    let first = rows.next().ok_or(TombstoneError::Torn)?;
    let head = serde_json::from_slice(first).map_err(|_| TombstoneError::Line(1))?;
    let lines = rows
        .enumerate()
        .map(|(at, row)| serde_json::from_slice(row).map_err(|_| TombstoneError::Line(at + 2)))
        .collect::<Result<Vec<L>, _>>()?;
    if lines.len() as u64 != end.instances {
        return Err(TombstoneError::Torn);
    }
    Ok((head, lines))
}

/// Reads it back.
pub(crate) fn decode(bytes: &[u8]) -> Result<Removal, TombstoneError> {
    let (head, lines): (Head, Vec<Line>) = untext(bytes)?;
    if head.format != FORMAT {
        return Err(TombstoneError::Format(head.format));
    }
    let instances = lines
        .into_iter()
        .enumerate()
        .map(|(at, line)| instance(line).ok_or(TombstoneError::Line(at + 2)))
        .collect::<Result<Vec<_>, _>>()?;
    let (bytes, count) = (head.bytes, instances.len() as u64);
    let head = read_head(head, count, bytes).ok_or(TombstoneError::Line(1))?;
    Ok(Removal { head, instances })
}

/// Reads a record of the data folder. The text says what is wrong with it.
pub(crate) fn read(blobs: &Blobs, name: &str) -> Result<Removal, String> {
    let bytes = blobs.read_record(name).map_err(|error| error.to_string())?;
    let removal = decode(&bytes).map_err(|error| error.to_string())?;
    match sequence(name) == Some(removal.head.sequence) {
        true => Ok(removal),
        false => Err("it is another deletion's".into()),
    }
}

/// Writes a record; from here on the deletion has happened.
pub(crate) fn write(blobs: &Blobs, removal: &Removal) -> Result<(), ReadError> {
    Ok(blobs.write_record(&name(removal.head.sequence), &encode(removal))?)
}

fn read_head(head: Head, count: u64, bytes: u64) -> Option<RemovalHead> {
    Some(RemovalHead {
        sequence: head.sequence,
        at: head.at,
        custodian: head.custodian.parse().ok()?,
        principal: head.principal,
        source: head.source,
        reason: head.reason,
        study: head.study.parse().ok()?,
        series: head.series.map(|uid| uid.parse()).transpose().ok()?,
        instance: head.instance.map(|uid| uid.parse()).transpose().ok()?,
        count,
        bytes,
    })
}

fn instance(row: Line) -> Option<RemovedInstance> {
    Some(RemovedInstance {
        sequence: row.sequence,
        study: row.study.parse().ok()?,
        series: row.series.parse().ok()?,
        sop_instance: row.instance.parse().ok()?,
        version: row.version,
        digest: unhex(&row.digest)?,
        length: row.length,
        spool: row.spool,
    })
}

fn line(out: &mut Vec<u8>, value: &impl Serialize) {
    // Structs of numbers and texts, written to memory: there is nothing that can fail.
    let _ = serde_json::to_writer(&mut *out, value);
    out.push(b'\n');
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn removal() -> Removal {
        let instance = |sequence, spool: Option<&str>| RemovedInstance {
            sequence,
            study: "1.2".parse().unwrap(),
            series: "1.2.3".parse().unwrap(),
            sop_instance: "1.2.3.4".parse().unwrap(),
            version: sequence as u32,
            digest: [sequence as u8; 32],
            length: 526_000,
            spool: spool.map(str::to_owned),
        };
        Removal {
            head: RemovalHead {
                sequence: 7,
                at: 1_790_000_000_000,
                custodian: "clinic-7".parse().unwrap(),
                principal: "token:administrator".into(),
                source: "192.0.2.7".into(),
                reason: "two\nlines, \"quoted\" and ü".into(),
                study: "1.2".parse().unwrap(),
                series: Some("1.2.3".parse().unwrap()),
                instance: None,
                count: 2,
                bytes: 1_052_000,
            },
            instances: vec![instance(1, None), instance(2, Some("01ARZ3NDEKTSV4RRFFQ69G5FAV"))],
        }
    }

    #[test]
    fn comes_back_as_it_was() {
        assert_eq!(decode(&encode(&removal())).unwrap(), removal());
        assert_eq!(sequence(&name(u64::MAX)), Some(u64::MAX));
        for other in ["7.json", "00000000000000000007.txt", "x", ""] {
            assert_eq!(sequence(other), None, "{other}");
        }
    }

    #[test]
    fn any_changed_or_missing_byte_is_noticed() {
        let good = encode(&removal());
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x01;
            assert!(decode(&bad).is_err() || decode(&bad).unwrap() == removal(), "byte {at}");
            assert!(decode(&good[..at]).is_err(), "cut at {at}");
        }
        let without_a_line: Vec<u8> =
            good.split_inclusive(|b| *b == b'\n').skip(1).flatten().copied().collect();
        assert!(decode(&without_a_line).is_err());
    }
}
