//! Synthetic instances for tests: small, valid, and in any byte order that a test needs.
//!
//! A dev-dependency only. It must not know any crate but `model`, and writes data sets by hand, so that what it tests
//! does not test itself.

mod data_set;
mod instance;

pub use data_set::DataSet;
pub use instance::Instance;
