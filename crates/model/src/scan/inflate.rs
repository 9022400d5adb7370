//! Inflates a deflated data set under limits and feeds the parser (PS3.5 Annex A.5: raw RFC 1951).

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::parser::Parser;
use super::{InflateLimit, ScanError, Sink};

/// Bytes inflated at a time.
const PIECE: usize = 32 << 10;

/// The longest tail behind the deflate stream that is no error: a gzip trailer and one NUL.
const TAIL: usize = 9;

pub(super) struct Inflate {
    stream: Decompress,
    limit: InflateLimit,
    piece: Box<[u8]>,
    sum: Crc,
    ended: bool,
    tail: Vec<u8>,
}

impl Inflate {
    pub fn new(limit: InflateLimit) -> Inflate {
        Inflate {
            stream: Decompress::new(false),
            limit,
            piece: vec![0; PIECE].into_boxed_slice(),
            sum: Crc::new(),
            ended: false,
            tail: Vec::new(),
        }
    }

    pub fn push<S: Sink>(
        &mut self,
        mut bytes: &[u8],
        parser: &mut Parser,
        sink: &mut S,
    ) -> Result<(), ScanError> {
        while !self.ended {
            let before = (self.stream.total_in(), self.stream.total_out());
            let result = self.stream.decompress(bytes, &mut self.piece, FlushDecompress::None);
            let status = result.map_err(|_| ScanError::Inflate { offset: before.1 })?;
            let taken = (self.stream.total_in() - before.0) as usize;
            let made = (self.stream.total_out() - before.1) as usize;
            let allowed = self.limit.allowed(self.stream.total_in());
            if self.stream.total_out() > allowed {
                return Err(ScanError::InflateTooMuch { offset: allowed });
            }
            bytes = bytes.get(taken..).unwrap_or_default();
            let piece = self.piece.get(..made).unwrap_or_default();
            self.sum.update(piece);
            parser.push(piece, sink)?;
            self.ended = status == Status::StreamEnd;
            let drained = made < self.piece.len();
            if drained && !self.ended && (bytes.is_empty() || taken + made == 0) {
                return Ok(());
            }
        }
        if self.tail.len() + bytes.len() > TAIL {
            return Err(self.after_end());
        }
        self.tail.extend_from_slice(bytes);
        Ok(())
    }

    /// Checks that the stream is whole and what follows it is nothing, the one NUL that makes its length even, or what
    /// gzip lays behind a deflate stream: its CRC-32 and length. Some senders leave that there, and when both agree it
    /// can be nothing else.
    pub fn finish(&self) -> Result<(), ScanError> {
        let offset = self.stream.total_out();
        if !self.ended {
            return Err(ScanError::InflateCut { offset });
        }
        let tail = match self.tail.split_first_chunk::<8>() {
            Some((trailer, rest)) if *trailer == self.gzip_trailer() => rest,
            _ => self.tail.as_slice(),
        };
        match tail {
            [] | [0] => Ok(()),
            _ => Err(self.after_end()),
        }
    }

    fn gzip_trailer(&self) -> [u8; 8] {
        let length = self.stream.total_out() as u32;
        let [a, b, c, d] = self.sum.sum().to_le_bytes();
        let [e, f, g, h] = length.to_le_bytes();
        [a, b, c, d, e, f, g, h]
    }

    fn after_end(&self) -> ScanError {
        ScanError::AfterDeflate { offset: self.stream.total_out() }
    }
}
