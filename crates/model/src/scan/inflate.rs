//! Inflates a deflated data set under limits and feeds the parser (PS3.5 Annex A.5: raw RFC 1951).

use flate2::{Decompress, FlushDecompress, Status};

use super::parser::Parser;
use super::{InflateLimit, ScanError, Sink};

/// Bytes inflated at a time.
const PIECE: usize = 32 << 10;

pub(super) struct Inflate {
    stream: Decompress,
    limit: InflateLimit,
    piece: Box<[u8]>,
    end: End,
}

/// Where the input is, seen from the end of the deflate stream.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Before,
    At,
    /// The byte that makes the stream's length even was there.
    Padded,
}

impl Inflate {
    pub fn new(limit: InflateLimit) -> Inflate {
        Inflate {
            stream: Decompress::new(false),
            limit,
            piece: vec![0; PIECE].into_boxed_slice(),
            end: End::Before,
        }
    }

    pub fn push<S: Sink>(
        &mut self,
        mut bytes: &[u8],
        parser: &mut Parser,
        sink: &mut S,
    ) -> Result<(), ScanError> {
        while self.end == End::Before {
            let before = (self.stream.total_in(), self.stream.total_out());
            let status = self
                .stream
                .decompress(bytes, &mut self.piece, FlushDecompress::None)
                .map_err(|_| ScanError::Inflate { offset: self.stream.total_out() })?;
            let taken = (self.stream.total_in() - before.0) as usize;
            let made = (self.stream.total_out() - before.1) as usize;
            let allowed = self.limit.allowed(self.stream.total_in());
            if self.stream.total_out() > allowed {
                return Err(ScanError::InflateTooMuch { offset: allowed });
            }
            bytes = bytes.get(taken..).unwrap_or_default();
            parser.push(self.piece.get(..made).unwrap_or_default(), sink)?;
            if status == Status::StreamEnd {
                self.end = End::At;
            } else if made < self.piece.len() && (bytes.is_empty() || taken + made == 0) {
                return Ok(());
            }
        }
        self.padding(bytes)
    }

    pub fn finish(&self) -> Result<(), ScanError> {
        if self.end == End::Before {
            return Err(ScanError::InflateCut { offset: self.stream.total_out() });
        }
        Ok(())
    }

    /// One NUL may follow, so that the length is even.
    fn padding(&mut self, bytes: &[u8]) -> Result<(), ScanError> {
        match (self.end, bytes) {
            (_, []) => Ok(()),
            (End::At, [0]) => {
                self.end = End::Padded;
                Ok(())
            }
            _ => Err(ScanError::AfterDeflate { offset: self.stream.total_out() }),
        }
    }
}
