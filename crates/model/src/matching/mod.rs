//! The matching rules of searches (PS3.4 section C.2.2.2), shared by QIDO-RS and C-FIND.

mod rule;

pub use rule::Rule;
