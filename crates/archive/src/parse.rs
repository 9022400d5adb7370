//! One pass over a data set: what the index wants, the DICOM JSON, where long values and frames lie.

use dicomweb::json::{self, JsonWriter};
use imaging::frames::LayoutRecorder;
use model::scan::{ScanError, Scanner};
use model::transfer_syntax::Syntax;

use crate::Config;

/// The scanner and what listens to it.
pub(crate) struct Parser {
    scanner: Scanner,
    sinks: (JsonWriter, LayoutRecorder),
    limit: usize,
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

/// Why a data set gave nothing that can be kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfit {
    #[error(transparent)]
    DataSet(#[from] ScanError),
    #[error("its attributes take more than {limit} bytes")]
    TooManyAttributes { limit: usize },
}

impl Parser {
    pub(crate) fn new(syntax: Syntax, config: &Config) -> Self {
        let limits = json::Limits { total: config.metadata_max, ..json::Limits::default() };
        Self {
            scanner: Scanner::new(syntax, config.scan),
            sinks: (JsonWriter::with_limits(limits), LayoutRecorder::new(syntax)),
            limit: config.metadata_max,
        }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), ScanError> {
        self.scanner.push(bytes, &mut self.sinks)
    }

    /// Bytes held so far: JSON, and where fragments lie.
    pub(crate) fn metadata_bytes(&self) -> usize {
        self.sinks.0.len().saturating_add(self.sinks.1.held())
    }

    pub(crate) fn finish(mut self) -> Result<Parsed, Unfit> {
        self.scanner.finish(&mut self.sinks)?;
        if self.metadata_bytes() > self.limit {
            return Err(Unfit::TooManyAttributes { limit: self.limit });
        }
        let (writer, recorder) = self.sinks;
        let (json, bulk) = writer.finish();
        let pixels = recorder.finish().map(|layout| layout.encode()).unwrap_or_default();
        Ok(Parsed { json, bulk: bulk.encode(), pixels })
    }
}
