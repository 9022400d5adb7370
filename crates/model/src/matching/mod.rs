//! The matching rules of searches (PS3.4 section C.2.2.2), shared by QIDO-RS and C-FIND.

mod fuzzy;
mod matches;
mod parse;
mod rule;
mod wildcard;

pub use fuzzy::{Fuzzy, Wanted};
pub use matches::{matches, matches_any, matches_in};
pub use parse::{MatchError, Options, parse, parse_with};
pub use rule::Rule;
pub use wildcard::{glob_pattern, like_pattern, matches_wildcard};
