//! Frames from one transfer syntax to another.

use serde::{Deserialize, Serialize};

use crate::pixel::{PixelError, PixelFormat};

/// One frame's way from one transfer syntax to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// UID of the transfer syntax that the frame is in.
    pub from: String,
    /// UID of the one that it is wanted in.
    pub to: String,
    /// What the data set says about the frame as it is.
    pub format: PixelFormat,
    /// Bytes of decoded samples at most.
    pub decoded: u64,
}

impl Step {
    /// The frame in the other syntax.
    ///
    /// # Errors
    /// [`PixelError`].
    pub fn run(&self, frame: &[u8]) -> Result<Vec<u8>, PixelError> {
        match self.from == self.to {
            true => Ok(frame.to_vec()),
            false => Err(PixelError::Unsupported(format!("{} cannot become {}", self.from, self.to))),
        }
    }
}
