//! The inside of a worker: it gives up its rights, then answers jobs from standard input on standard output.

mod limits;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod syscalls;

use std::fs::File;
use std::io;
use std::os::fd::AsFd;

pub use limits::Limits;

use crate::{Handler, wire};

/// Answers jobs until standard input ends.
///
/// Before the first one the process gives up what it does not need: memory beyond [`Limits::memory`], opening files and
/// sockets, starting processes and threads, core dumps. It must have a single thread. Where the kernel has no seccomp,
/// only the resource limits hold.
///
/// # Errors
/// When a limit cannot be set, or the pipes break.
pub fn serve(limits: &Limits, handler: Handler) -> io::Result<()> {
    let mut jobs = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut answers = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    limits.apply()?;
    #[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
    syscalls::restrict()?;
    while let Some((head, payload)) = wire::read(&mut jobs, limits.payload)? {
        limits.renew()?;
        let (head, payload) = handler(&head, &payload);
        wire::write(&mut answers, &head, &payload)?;
    }
    Ok(())
}
