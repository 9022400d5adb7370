//! Storing: what a client describes as metadata becomes a data set (PS3.18 10.5.1), and per-instance outcomes become a
//! status and the Store Instances Response Module (PS3.18 10.5.3, Annex I).

pub mod draft;
mod outcome;
mod response;

pub use outcome::{Failure, PartOutcome, WarningReason};
pub use response::{Request, Response, respond};
