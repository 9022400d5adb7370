//! Where a test wants the server to die or its disk to fail. Built only with the feature `failpoints`, which nothing that
//! is shipped has.
//!
//! `OVERREAD_FAILPOINTS="blob::spool-flush=kill@3;index::commit=return(5)@1"`: at the third flush of a spool file the
//! process ends as by `kill -9`; the first commit of the index answers errno 5. Without `@N` it is the first time; an
//! error with `@*` comes each time. `delay(2000)` makes the step wait for so many ms.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Sets the points that the environment names.
///
/// # Errors
/// A point that cannot be read: a test with a wrong word must not pass.
pub fn set() -> anyhow::Result<()> {
    let Ok(wanted) = std::env::var("OVERREAD_FAILPOINTS") else { return Ok(()) };
    for point in wanted.split(';').filter(|point| !point.is_empty()) {
        set_one(point).map_err(|why| anyhow::anyhow!("OVERREAD_FAILPOINTS: {point}: {why}"))?;
    }
    Ok(())
}

fn set_one(point: &str) -> Result<(), String> {
    let (name, action) = point.split_once('=').ok_or("no action")?;
    let (action, turn) = action.split_once('@').unwrap_or((action, "1"));
    tracing::warn!(point = name, action, turn, "a failure was asked for");
    let number = || turn.parse::<u64>().map_err(|_| "no number behind @");
    let delay = action.strip_prefix("delay(").and_then(|action| action.strip_suffix(')'));
    match (action, delay, turn) {
        ("kill", ..) => at(name, number()?, die),
        (_, Some(delay), _) => {
            let delay = Duration::from_millis(delay.parse().map_err(|_| "no number of ms")?);
            at(name, number()?, move || {
                std::thread::sleep(delay);
                tracing::warn!(?delay, "a step was delayed");
            })
        }
        (action, _, "*") => fail::cfg(name, action),
        (action, ..) => {
            let before = number()?.saturating_sub(1);
            fail::cfg(name, &format!("{before}*off->1*{action}"))
        }
    }
}

/// Does it the given time that the point is passed.
fn at(name: &str, turn: u64, work: impl Fn() + Send + Sync + 'static) -> Result<(), String> {
    let left = AtomicU64::new(turn);
    fail::cfg_callback(name, move || {
        if left.fetch_sub(1, Ordering::Relaxed) == 1 {
            work();
        }
    })
}

/// Ends at once, as a power cut does: no destructor runs and nothing is written any more.
fn die() {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    std::process::abort();
}
