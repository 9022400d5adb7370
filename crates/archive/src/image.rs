//! The image of an instance: how its samples are described, where its frames lie, and in which syntaxes it can be had.

use std::sync::Arc;

use dicomweb::json::MARK;
use imaging::frames::{Frame, PixelLayout};
use imaging::pixel::PixelFormat;
use imaging::transcode::{self, Plan};
use index::InstanceRecord;
use model::transfer_syntax::Syntax;

use crate::retrieve::{frame_error, stored_syntax};
use crate::{Archive, ReadError, Shared, work};

/// What is known of an instance's pixel data without reading it.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub layout: PixelLayout,
    pub format: PixelFormat,
}

impl Image {
    /// Of a record; `None` when the instance has no pixel data.
    pub(crate) async fn of(shared: &Arc<Shared>, record: &InstanceRecord) -> Result<Option<Self>, ReadError> {
        let row = shared.index.image(record.row).await?.ok_or(ReadError::NotFound("instance"))?;
        if row.pixels.is_empty() {
            return Ok(None);
        }
        let layout = PixelLayout::decode(&row.pixels).map_err(|e| ReadError::Storage(e.to_string()))?;
        let mut json = work::unpack(&row.metadata)?;
        // Where an address goes there is no JSON yet.
        json.iter_mut().filter(|byte| **byte == MARK).for_each(|byte| *byte = b'/');
        let format = PixelFormat::from_json_text(&json)?;
        Ok(Some(Self { layout, format }))
    }

    /// Where every frame lies, from 1 to the last: the last one is looked at first, since it tells whether all are there.
    pub(crate) fn last_frame(&self) -> Result<Frame, ReadError> {
        self.layout.frame(self.layout.frames()).map_err(frame_error)
    }
}

impl Archive {
    /// The transfer syntaxes in which an instance can be given beside its own. One without pixel data can be given in
    /// each that its own could be, since nothing but the name changes.
    ///
    /// # Errors
    /// [`ReadError::Storage`] when the index fails. An image that nothing can be made of has no syntaxes.
    pub async fn producible(&self, record: &InstanceRecord) -> Result<Vec<Syntax>, ReadError> {
        let stored = stored_syntax(record)?;
        match Image::of(&self.shared, record).await {
            Ok(None) => Ok(transcode::possible(stored)),
            Ok(Some(image)) => Ok(transcode::producible(stored, &image.format)),
            Err(ReadError::Unprocessable(_)) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}

/// The way from a stored syntax to another for an image of this format.
pub(crate) fn plan(stored: Syntax, to: Syntax, format: &PixelFormat) -> Result<Plan, ReadError> {
    Ok(Plan::new(stored, to, format)?)
}
