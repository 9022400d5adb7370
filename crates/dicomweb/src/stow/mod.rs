//! The answer to a store: per-instance outcomes become a status and the Store Instances Response Module
//! (PS3.18 10.5.3, Annex I).

mod outcome;
mod response;

pub use outcome::{Failure, PartOutcome, WarningReason};
pub use response::{Request, Response, respond};
