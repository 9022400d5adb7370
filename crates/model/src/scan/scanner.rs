//! The scanner: bytes in, events out.

use super::inflate::Inflate;
use super::parser::Parser;
use super::{Limits, ScanError, Sink};
use crate::transfer_syntax::{Encoding, Syntax};

/// Reads one data set that is pushed in pieces of any size. See the [module](crate::scan).
///
/// ```
/// use model::scan::{Element, Limits, Scanner, Sink};
///
/// struct Tags(Vec<model::Tag>);
/// impl Sink for Tags {
///     fn element(&mut self, element: &Element, _value: &[u8]) {
///         self.0.push(element.tag);
///     }
/// }
///
/// let mut tags = Tags(Vec::new());
/// let mut scanner = Scanner::new(model::transfer_syntax::EXPLICIT_LE, Limits::default());
/// scanner.push(b"\x08\x00\x60\x00C", &mut tags)?;
/// scanner.push(b"S\x02\x00CT", &mut tags)?;
/// let summary = scanner.finish(&mut tags)?;
/// assert_eq!((summary.length, summary.elements), (10, 1));
/// assert_eq!(tags.0, [model::Tag(0x0008, 0x0060)]);
/// # Ok::<(), model::scan::ScanError>(())
/// ```
pub struct Scanner {
    parser: Parser,
    inflate: Option<Box<Inflate>>,
    failed: Option<ScanError>,
}

/// What a scan came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanSummary {
    /// Bytes of the (inflated) data set.
    pub length: u64,
    /// Elements, items and fragments in it.
    pub elements: u64,
}

impl Scanner {
    /// A scanner for a data set in this transfer syntax.
    pub fn new(syntax: Syntax, limits: Limits) -> Scanner {
        let (explicit, big_endian) = match syntax.encoding {
            Encoding::ImplicitLe => (false, false),
            Encoding::ExplicitLe | Encoding::Deflated => (true, false),
            Encoding::ExplicitBe => (true, true),
        };
        let deflated = syntax.encoding == Encoding::Deflated;
        Scanner {
            parser: Parser::new(explicit, big_endian, limits),
            inflate: deflated.then(|| Box::new(Inflate::new(limits.inflated))),
            failed: None,
        }
    }

    /// Takes the next bytes of the data set and tells the sink what they complete.
    ///
    /// # Errors
    /// The first thing that is not well formed, or past a limit; the same again whenever it is called after that.
    pub fn push<S: Sink>(&mut self, bytes: &[u8], sink: &mut S) -> Result<(), ScanError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let result = match &mut self.inflate {
            Some(inflate) => inflate.push(bytes, &mut self.parser, sink),
            None => self.parser.push(bytes, sink),
        };
        self.keep(result)
    }

    /// Says that no more bytes come.
    ///
    /// # Errors
    /// Something is cut or open, or an earlier push failed.
    pub fn finish<S: Sink>(&mut self, sink: &mut S) -> Result<ScanSummary, ScanError> {
        // What was complete has been told as it came.
        let _ = sink;
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let inflated = self.inflate.as_ref().map_or(Ok(()), |inflate| inflate.finish());
        self.keep(inflated)?;
        let whole = self.parser.finish();
        self.keep(whole)?;
        Ok(ScanSummary { length: self.parser.position(), elements: self.parser.elements() })
    }

    fn keep(&mut self, result: Result<(), ScanError>) -> Result<(), ScanError> {
        if let Err(error) = &result {
            self.failed = Some(error.clone());
        }
        result
    }
}
