//! What the process exits with; documented in `overread --help` and `docs/operations.md`.

use std::process::ExitCode;

/// The end of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Done,
    /// 1: nothing, or not everything, could be tried.
    Failed,
    /// 2: the command line or the configuration is wrong.
    Usage,
    /// 3: done, but some items were not stored, not sent, or did not pass.
    Incomplete,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Incomplete => 3,
        })
    }
}
