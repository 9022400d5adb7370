//! All long values of an instance, one after the other.

use std::sync::Arc;

use bytes::Bytes;
use dicomweb::json::{Bulk, BulkTable};
use futures::TryStreamExt;
use futures::stream::{self, BoxStream, StreamExt};
use imaging::frames::PixelLayout;
use index::InstanceRecord;
use model::transfer_syntax::{EXPLICIT_LE, Syntax};

use crate::dataset::DataSet;
use crate::image::{Image, plan};
use crate::pixels::{joined, transcoded};
use crate::retrieve::{fragments_joined, frame_error, stored_syntax};
use crate::{Archive, ReadError, Shared};

/// Paths of pixel data at the top level of a data set.
const PIXELS: [&str; 3] = ["7FE00008", "7FE00009", "7FE00010"];

/// Which long values are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Which {
    /// All of them.
    All,
    /// The pixel data.
    Pixels,
}

/// One long value of an instance, ready to stream in little endian; pixel data without compression.
pub struct BulkPart {
    /// What follows `bulkdata/` in its BulkDataURI.
    pub path: String,
    /// What its bytes are in: Explicit VR Little Endian, or for an icon's codestream the instance's own syntax.
    pub syntax: Syntax,
    /// Bytes.
    pub length: u64,
    /// The bytes, verified.
    pub stream: BoxStream<'static, Result<Bytes, ReadError>>,
}

/// Pixel data as one value without compression.
pub struct PixelValue {
    /// Bytes, an even number.
    pub length: u64,
    /// The bytes.
    pub stream: BoxStream<'static, Result<Bytes, ReadError>>,
}

impl Archive {
    /// The long values of an instance in the order of its data set, but for pixel data that cannot be decoded: that is
    /// to be had as frames. The record comes from [`Archive::instances`].
    ///
    /// # Errors
    /// [`ReadError::Storage`], [`ReadError::Damaged`].
    pub async fn bulk_parts(&self, record: InstanceRecord, which: Which) -> Result<Vec<BulkPart>, ReadError> {
        let row = self.shared.index.image(record.row).await?.ok_or(ReadError::NotFound("instance"))?;
        let table = BulkTable::decode(&row.bulk).map_err(|e| ReadError::Storage(e.to_string()))?;
        let stored = stored_syntax(&record)?;
        let wanted = |bulk: &Bulk| which == Which::All || PIXELS.contains(&bulk.path.as_str());
        let values: Vec<Bulk> = table.iter().filter(wanted).collect();
        if values.is_empty() {
            return Ok(Vec::new());
        }
        let source = self.open_instance(record.clone()).await?.flat().await?;
        let mut parts = Vec::with_capacity(values.len());
        for bulk in values {
            let Bulk { path, offset, length, word, encapsulated, .. } = bulk;
            let (syntax, length, stream) = if !encapsulated {
                let end = offset.saturating_add(length);
                (EXPLICIT_LE, length, source.clone().stream(offset..end, word))
            } else if PIXELS.contains(&path.as_str()) {
                match pixel_value(&self.shared, &source, &record, stored).await {
                    Ok(value) => (EXPLICIT_LE, value.length, value.stream),
                    Err(ReadError::Unsupported(_) | ReadError::Unprocessable(_) | ReadError::NotFound(_)) => {
                        continue;
                    }
                    Err(error) => return Err(error),
                }
            } else {
                let icon = fragments_joined(source.clone(), offset, length).await?;
                (stored, icon.len() as u64, stream::iter([Ok(icon)]).boxed())
            };
            parts.push(BulkPart { path, syntax, length, stream });
        }
        Ok(parts)
    }

    /// The encapsulated pixel data of an instance as one value without compression, made as it streams.
    ///
    /// # Errors
    /// [`ReadError::Unsupported`] when it cannot be decoded, [`ReadError::NotFound`] when there is none,
    /// [`ReadError::Unprocessable`] when frames are missing.
    pub async fn pixel_value(&self, record: &InstanceRecord) -> Result<PixelValue, ReadError> {
        let source = self.open_instance(record.clone()).await?;
        pixel_value(&self.shared, &source, record, stored_syntax(record)?).await
    }
}

async fn pixel_value(
    shared: &Arc<Shared>,
    source: &DataSet,
    record: &InstanceRecord,
    stored: Syntax,
) -> Result<PixelValue, ReadError> {
    let image = Image::of(shared, record).await?.ok_or(ReadError::NotFound("pixel data"))?;
    let plan = plan(stored, EXPLICIT_LE, &image.format)?;
    image.last_frame()?;
    let count = image.layout.frames();
    let bits = plan.frame_bits().unwrap_or_default();
    let all = bits.checked_mul(u64::from(count)).map(|bits| bits.div_ceil(8));
    let bytes = all.ok_or_else(|| ReadError::TooLarge("the pixel data is larger than 2^64 bits".into()))?;
    let frames = transcoded(source.clone(), plan, every_frame(image.layout));
    let stream = joined(frames, bits, bytes % 2 == 1);
    Ok(PixelValue { length: bytes.next_multiple_of(2), stream })
}

/// Where each frame lies.
pub(crate) fn every_frame(
    layout: PixelLayout,
) -> impl Iterator<Item = Result<imaging::frames::Frame, ReadError>> + Send + 'static {
    (1..=layout.frames()).map(move |number| layout.frame(number).map_err(frame_error))
}

/// All of a stream that is known to be short.
pub(crate) async fn short(
    pieces: BoxStream<'static, Result<Bytes, ReadError>>,
) -> Result<Vec<u8>, ReadError> {
    let pieces: Vec<Bytes> = pieces.try_collect().await?;
    Ok(pieces.concat())
}
