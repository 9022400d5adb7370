//! A head and a payload on a pipe: the length of the head in 4 bytes, that of the payload in 8, little endian, then both.

use std::io::{self, Read, Write};

/// Bytes before head and payload.
pub(crate) const PREFIX: usize = 12;
/// Bytes of a head at most.
pub(crate) const MOST_HEAD: u32 = 4 << 20;

/// The lengths of head and payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lengths {
    pub head: u32,
    pub payload: u64,
}

impl Lengths {
    pub(crate) fn of(head: &[u8], payload: &[u8]) -> Self {
        Self { head: u32::try_from(head.len()).unwrap_or(u32::MAX), payload: payload.len() as u64 }
    }

    pub(crate) fn encode(self) -> [u8; PREFIX] {
        let [a, b, c, d] = self.head.to_le_bytes();
        let [e, f, g, h, i, j, k, l] = self.payload.to_le_bytes();
        [a, b, c, d, e, f, g, h, i, j, k, l]
    }

    pub(crate) fn decode([a, b, c, d, e, f, g, h, i, j, k, l]: [u8; PREFIX]) -> Self {
        Self { head: u32::from_le_bytes([a, b, c, d]), payload: u64::from_le_bytes([e, f, g, h, i, j, k, l]) }
    }
}

/// Reads a job; `None` when the pipe ends before one begins.
pub(crate) fn read(from: &mut impl Read, most_payload: u64) -> io::Result<Option<(Vec<u8>, Vec<u8>)>> {
    let mut prefix = [0; PREFIX];
    let (first, rest) = prefix.split_at_mut(1);
    if from.read(first)? == 0 {
        return Ok(None);
    }
    from.read_exact(rest)?;
    let lengths = Lengths::decode(prefix);
    if lengths.head > MOST_HEAD || lengths.payload > most_payload {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a job larger than it may be"));
    }
    Ok(Some((exactly(from, u64::from(lengths.head))?, exactly(from, lengths.payload)?)))
}

/// Writes an answer.
pub(crate) fn write(to: &mut impl Write, head: &[u8], payload: &[u8]) -> io::Result<()> {
    to.write_all(&Lengths::of(head, payload).encode())?;
    to.write_all(head)?;
    to.write_all(payload)
}

fn exactly(from: &mut impl Read, length: u64) -> io::Result<Vec<u8>> {
    let capacity = usize::try_from(length).map_err(|_| io::ErrorKind::OutOfMemory)?;
    let mut bytes = Vec::with_capacity(capacity);
    match from.take(length).read_to_end(&mut bytes)? {
        read if read == capacity => Ok(bytes),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_come_back_as_they_were() {
        for (head, payload) in [(&b"head"[..], &b"payload"[..]), (b"", b""), (b"h", b""), (b"", &[7; 70_000])]
        {
            let mut pipe = Vec::new();
            write(&mut pipe, head, payload).expect("memory");
            let read = read(&mut pipe.as_slice(), 1 << 20).expect("a job");
            assert_eq!(read, Some((head.to_vec(), payload.to_vec())));
        }
    }

    #[test]
    fn what_is_no_job_is_an_error() {
        assert_eq!(read(&mut &b""[..], 10).expect("an end"), None);
        let mut whole = Vec::new();
        write(&mut whole, b"head", b"payload").expect("memory");
        for end in 1..whole.len() {
            assert!(read(&mut &whole[..end], 1 << 20).is_err(), "{end}");
        }
        assert!(read(&mut whole.as_slice(), 6).is_err());
        let huge = Lengths { head: u32::MAX, payload: 0 }.encode();
        assert!(read(&mut huge.as_slice(), 6).is_err());
    }
}
