//! The streaming data-set scanner: bytes are pushed in as they come, events go to a [`Sink`].
//!
//! It reads every transfer syntax of [`crate::transfer_syntax`] to the last byte, without recursion and without ever
//! allocating by a length that a peer declared: at most [`Limits::held`] bytes of one value are kept, longer ones and
//! pixel data pass through as slices of what was pushed. Every length is checked against what encloses it, so a data set
//! that a scanner accepted is well formed as far as PS3.5 section 7 can say.

mod element;
mod error;
mod inflate;
mod level;
mod limits;
mod parser;
mod scanner;
mod sink;
mod vr;

pub use element::Element;
pub use error::ScanError;
pub use limits::{InflateLimit, Limits};
pub use scanner::{ScanSummary, Scanner};
pub use sink::Sink;
pub(crate) use vr::{VrBytes, long_form, vr_bytes};
