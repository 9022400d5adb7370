//! Samples of a frame: what the data set says about them, and the way from stored bytes to them.

mod error;
mod format;

pub use error::PixelError;
pub use format::{Photometric, PixelFormat};
