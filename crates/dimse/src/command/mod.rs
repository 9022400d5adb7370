//! DIMSE messages (PS3.7 9 and 10): command sets, requests, responses and statuses.

mod request;
mod response;
mod set;
mod status;

pub use request::{
    Cancel, Dataset, Echo, Find, Get, Message, Move, Normalized, Operation, Request, Store, UnknownOperation,
};
pub use response::{Response, SubOperations};
pub use set::{CommandSet, NO_DATA_SET, UidFault, element};
pub use status::{Status, StatusClass};
