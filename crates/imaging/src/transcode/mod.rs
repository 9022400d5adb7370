//! Frames from one transfer syntax to another, and what the data set around them then says.
//!
//! A [`Plan`] says whether and how; its [`Step`] does it to one frame, in a worker; its [`Change`]s are made to the
//! data set by a [`Rewrite`] as it streams (PS3.5 8.2, PS3.3 C.7.6.3 and C.7.6.1.1.5).
//!
//! Whatever is not lossy by name gives every allocated bit back: samples, sign, and bits above Bits Stored.

mod changes;
mod encode;
mod plan;
mod rewrite;
mod step;

pub use changes::{Change, Loss, Value};
pub use plan::{Plan, possible, producible};
pub use rewrite::Rewrite;
pub use step::Step;

#[cfg(test)]
mod tests;
