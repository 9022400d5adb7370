//! The data set in the encoding that the peer takes, piece by piece.

use bytes::Bytes;
use model::recode::ToExplicitLe;
use model::scan::{Limits, ScanError, Scanner};
use model::transfer_syntax::{EXPLICIT_LE, IMPLICIT_LE, Syntax};

use crate::SourceError;
use crate::implicit::ToImplicitLe;
use crate::outgoing::{Opened, PIECE};

/// Bytes converted at a time: deflated ones grow at most 1,032 times, so 8 MiB come out at most.
const STEP: usize = 8 << 10;

/// A data set on its way out.
pub(crate) enum Pieces {
    AsStored(Opened),
    Converted(Box<Converted>),
}

impl Pieces {
    /// A data set stored in one syntax, to be sent in Explicit or Implicit VR Little Endian.
    pub(crate) fn converted(opened: Opened, stored: Syntax, to: Syntax, limits: Limits) -> Self {
        let chain = Chain::new(stored, to, limits);
        Self::Converted(Box::new(Converted { source: opened, input: Bytes::new(), ended: false, to, chain }))
    }

    /// The next bytes; `None` at the end. All but the last are of even length.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, SourceError> {
        match self {
            Self::AsStored(opened) => opened.next().await,
            Self::Converted(converted) => converted.next().await,
        }
    }
}

/// A data set that is converted as it is read.
pub(crate) struct Converted {
    source: Opened,
    input: Bytes,
    ended: bool,
    to: Syntax,
    chain: Chain,
}

impl Converted {
    async fn next(&mut self) -> Result<Option<Bytes>, SourceError> {
        while !self.ended && self.chain.out().len() < PIECE {
            if self.input.is_empty() {
                match self.source.next().await? {
                    Some(piece) => self.input = piece,
                    None => {
                        self.chain.finish().map_err(|error| self.failed(error))?;
                        self.ended = true;
                    }
                }
                continue;
            }
            let step = self.input.split_to(self.input.len().min(STEP));
            self.chain.push(&step).map_err(|error| self.failed(error))?;
        }
        let out = self.chain.out();
        let mut piece = std::mem::take(out);
        if !self.ended && piece.len() % 2 == 1 {
            out.extend(piece.pop());
        }
        Ok((!piece.is_empty()).then(|| piece.into()))
    }

    fn failed(&self, error: ScanError) -> SourceError {
        SourceError::Conversion { to: self.to.name, error }
    }
}

/// Anything to Explicit VR Little Endian, and from there to Implicit for peers that do not take even that.
struct Chain {
    scanner: Scanner,
    explicit: ToExplicitLe,
    further: Option<(Scanner, ToImplicitLe)>,
}

impl Chain {
    fn new(stored: Syntax, to: Syntax, limits: Limits) -> Self {
        let further = || (Scanner::new(EXPLICIT_LE, limits), ToImplicitLe::default());
        Self {
            scanner: Scanner::new(stored, limits),
            explicit: ToExplicitLe::new(),
            further: (to == IMPLICIT_LE).then(further),
        }
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), ScanError> {
        self.scanner.push(bytes, &mut self.explicit)?;
        if let Some((scanner, implicit)) = &mut self.further {
            scanner.push(&self.explicit.out, implicit)?;
            self.explicit.out.clear();
        }
        Ok(())
    }

    /// Checks that nothing is cut. What was complete was written as it came.
    fn finish(&mut self) -> Result<(), ScanError> {
        self.scanner.finish(&mut self.explicit)?;
        match &mut self.further {
            Some((scanner, implicit)) => scanner.finish(implicit).map(drop),
            None => Ok(()),
        }
    }

    fn out(&mut self) -> &mut Vec<u8> {
        match &mut self.further {
            Some((_, implicit)) => &mut implicit.out,
            None => &mut self.explicit.out,
        }
    }
}

#[cfg(test)]
mod tests {
    use model::transfer_syntax::EXPLICIT_BE;
    use testkit::DataSet;

    use super::*;

    /// An element of `length` bytes behind some others.
    fn data_set(length: usize) -> Vec<u8> {
        let value: Vec<u8> = (0..length).map(|n| n as u8).collect();
        let item = DataSet::big_endian().us(0x0028_0010, 7);
        DataSet::big_endian()
            .text(0x0008_0018, b"UI", "1.2.3")
            .sequence(0x0008_1140, &[item])
            .put(0x0009_1000, b"UN", &value)
            .put(0x7FE0_0010, b"OB", &value)
            .into_bytes()
    }

    async fn convert(pieces: Vec<Bytes>, to: Syntax) -> Vec<Bytes> {
        let mut pieces = Pieces::converted(Opened::of(pieces), EXPLICIT_BE, to, Limits::default());
        let mut out = Vec::new();
        while let Some(piece) = pieces.next().await.unwrap() {
            out.push(piece);
        }
        out
    }

    /// DIMSE-015: whatever the pieces that go in, those that come out are even but for the last; none is empty.
    #[tokio::test]
    async fn pieces_are_even_and_say_the_same() {
        for length in [0, 1, 9, 70_001, 600_000] {
            let stored = data_set(length);
            for to in [EXPLICIT_LE, IMPLICIT_LE] {
                let whole = convert(vec![stored.clone().into()], to).await.concat();
                assert_eq!(whole.len() % 2, 0);
                for size in [1_001, 65_537, 300_001] {
                    let pieces = stored.chunks(size).map(Bytes::copy_from_slice).collect();
                    let out = convert(pieces, to).await;
                    assert!(out.concat() == whole, "{length} {size}");
                    let (last, others) = out.split_last().unwrap();
                    assert!(!last.is_empty() && others.iter().all(|piece| piece.len() % 2 == 0));
                }
            }
        }
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_named() {
        let cut = data_set(100);
        let opened = Opened::of(vec![cut[..cut.len() - 1].to_vec().into()]);
        let mut pieces = Pieces::converted(opened, EXPLICIT_BE, IMPLICIT_LE, Limits::default());
        let error = pieces.next().await.unwrap_err().to_string();
        assert!(error.starts_with("cannot be converted to Implicit VR Little Endian: "), "{error}");
    }
}
