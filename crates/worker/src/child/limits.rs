//! Resource limits of the process (`setrlimit`).

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

/// What a worker may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of address space. Default 1 GiB; an allocation beyond it ends the process.
    pub memory: u64,
    /// Seconds of processor time for each job. Default 10; then the kernel ends the process.
    pub cpu: u64,
    /// Bytes of a job's payload at most. Default 256 MiB; a larger one ends the process.
    pub payload: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory: 1 << 30, cpu: 10, payload: 256 << 20 }
    }
}

impl Limits {
    /// Sets what holds for the whole life of the process.
    pub(super) fn apply(&self) -> io::Result<()> {
        lower(Resource::As, self.memory)?;
        lower(Resource::Core, 0)?;
        // No file grows, and no descriptor is made beside those that are there.
        lower(Resource::Fsize, 0)?;
        lower(Resource::Nofile, 0)
    }

    /// Gives the next job its processor time.
    pub(super) fn renew(&self) -> io::Result<()> {
        let used = u64::try_from(clock_gettime(ClockId::ProcessCPUTime).tv_sec).unwrap_or_default();
        let maximum = getrlimit(Resource::Cpu).maximum;
        // The kernel counts whole seconds: one more, so that none is lost to the one that has begun.
        let wanted = used.saturating_add(self.cpu).saturating_add(1);
        let current = maximum.map_or(wanted, |maximum| maximum.min(wanted));
        Ok(setrlimit(Resource::Cpu, Rlimit { current: Some(current), maximum })?)
    }
}

fn lower(resource: Resource, to: u64) -> io::Result<()> {
    let to = getrlimit(resource).maximum.map_or(to, |maximum| maximum.min(to));
    Ok(setrlimit(resource, Rlimit { current: Some(to), maximum: Some(to) })?)
}
