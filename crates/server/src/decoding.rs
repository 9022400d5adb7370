//! The processes that decode and encode images: this program again, as `overread decode-worker`.

use std::time::Duration;

use archive::Decoders;
use worker::{Pool, child};

use crate::config::Config;
use crate::exit::Exit;

/// The program as the kernel knows it: the same one, also when its file was replaced meanwhile.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// `overread decode-worker`
pub fn work() -> anyhow::Result<Exit> {
    child::serve(&child::Limits::default(), imaging::job::run)?;
    Ok(Exit::Done)
}

/// The pool of such processes; none is started before there is a job.
pub fn decoders(config: &Config) -> Decoders {
    let decoding = &config.decoding;
    let mut pool = worker::Config::new(THIS_PROGRAM, ["decode-worker".into()]);
    if decoding.workers > 0 {
        pool.workers = decoding.workers;
    }
    pool.waiting = decoding.waiting;
    pool.timeout = Duration::from_secs(decoding.timeout_seconds);
    pool.answer = decoding.frame_bytes;
    Decoders::new(Pool::new(pool), decoding.frame_bytes)
}
