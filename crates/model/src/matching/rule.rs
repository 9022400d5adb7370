//! What a key asks for.

use crate::Uid;

/// What one key of a search asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Everything, also what is absent (PS3.4 section C.2.2.2.3).
    Universal,
    /// Only what is absent or empty (Empty Value Matching, PS3.4 section C.2.2.2.7). It is asked for by other means
    /// than the value, so [`super::parse`] never gives it.
    Empty,
    /// This value (PS3.4 section C.2.2.2.1). DA as YYYYMMDD, a whole TM as HHMMSS.FFFFFF, numbers as their text.
    Exact(String),
    /// With `*` for any run of characters and `?` for exactly one (PS3.4 section C.2.2.2.4).
    Wildcard(String),
    /// A name like this one; only for PN: see [`super::Fuzzy`].
    Fuzzy(String),
    /// What any of these asks for (Multiple Value Matching, PS3.4 section C.2.2.2.8); at least two.
    AnyOf(Vec<Rule>),
    /// One of these (PS3.4 section C.2.2.2.2); never empty.
    UidList(Vec<Uid>),
    /// Both ends belong to it (PS3.4 section C.2.2.2.5); at least one is there. DA as YYYYMMDD; TM as HHMMSS.FFFFFF; DT
    /// as YYYYMMDDHHMMSS.FFFFFF in UTC. The ends are the first and the last instant of what was written, so a TM of
    /// `1000` is 100000.000000 to 100059.999999. Text order is the order in time. A range whose end is before its
    /// start matches nothing.
    Range {
        /// The first that matches.
        from: Option<String>,
        /// The last that matches.
        to: Option<String>,
    },
}
