//! Samples of a frame: what the data set says about them, and the way from stored bytes to them.

pub(crate) mod codestream;
mod colour;
pub(crate) mod decode;
mod error;
mod format;
mod json;
pub(crate) mod native;
pub(crate) mod samples;

pub use decode::{Pixels, decode};
pub use error::PixelError;
pub use format::{Photometric, PixelFormat};
