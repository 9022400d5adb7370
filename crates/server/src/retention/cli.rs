//! The arguments of `overread retention`.

use clap::{Args, Subcommand};

use crate::cli::Place;

/// `retention`.
#[derive(Debug, Args)]
pub struct Retention {
    /// What to do.
    #[command(subcommand)]
    pub command: RetentionCommand,
    /// Which archive.
    #[command(flatten)]
    pub place: Place,
}

/// What to do with retention.
#[derive(Debug, Subcommand)]
pub enum RetentionCommand {
    /// Shows what the rules of the configuration would remove and when, and what a hold keeps. Removes nothing.
    Plan,
    /// Says that the clock is right although it is far ahead of when retention last looked.
    TrustClock,
}
