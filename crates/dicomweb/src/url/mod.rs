//! Resource paths (PS3.18 10.3 to 10.6): read from a request once, and built into the URLs that answers carry.

mod base;
mod path;

pub use base::{Base, BaseError};
pub(crate) use path::broken_escape;
pub use path::{BulkPath, FrameList, MOST_FRAMES, Path, PathError, Place};
