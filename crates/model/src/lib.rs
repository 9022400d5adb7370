//! model

pub mod person_name;
pub mod text;
