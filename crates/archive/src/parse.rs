//! One pass over a data set: what the index wants, the DICOM JSON, where long values and frames lie.

use dicomweb::json::JsonWriter;
use imaging::frames::LayoutRecorder;
use model::scan::{Limits, ScanError, Scanner};
use model::transfer_syntax::Syntax;

/// The scanner and what listens to it.
pub(crate) struct Parser {
    scanner: Scanner,
    sinks: (JsonWriter, LayoutRecorder),
}

/// What a whole data set gave.
pub(crate) struct Parsed {
    /// One DICOM JSON object.
    pub json: Vec<u8>,
    /// Encoded `dicomweb::json::BulkTable`; empty when there is none.
    pub bulk: Vec<u8>,
    /// Encoded `imaging::frames::PixelLayout`; empty when there is no pixel data.
    pub pixels: Vec<u8>,
}

impl Parser {
    pub(crate) fn new(syntax: Syntax, limits: Limits) -> Self {
        Self {
            scanner: Scanner::new(syntax, limits),
            sinks: (JsonWriter::new(), LayoutRecorder::new(syntax)),
        }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), ScanError> {
        self.scanner.push(bytes, &mut self.sinks)
    }

    /// Bytes of JSON made so far.
    pub(crate) fn metadata_bytes(&self) -> usize {
        self.sinks.0.len()
    }

    pub(crate) fn finish(mut self) -> Result<Parsed, ScanError> {
        self.scanner.finish(&mut self.sinks)?;
        let (writer, recorder) = self.sinks;
        let (json, bulk) = writer.finish();
        let pixels = recorder.finish().map(|layout| layout.encode()).unwrap_or_default();
        Ok(Parsed { json, bulk: bulk.encode(), pixels })
    }
}
