//! The log: on standard error, text or one JSON object a line.

use std::io::IsTerminal;

use anyhow::Context;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::config::{Log, LogFormat};

/// Starts the log of this process. `RUST_LOG` wins over the configured filter.
///
/// # Errors
/// When `RUST_LOG` or the filter cannot be read.
pub fn start(log: &Log) -> anyhow::Result<()> {
    let filter = match std::env::var("RUST_LOG") {
        Ok(text) if !text.is_empty() => text.parse::<EnvFilter>().context("RUST_LOG cannot be read")?,
        _ => log.filter.parse().context("log.filter cannot be read")?,
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_span_events(FmtSpan::NONE)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    // A second start in one process, as tests do, keeps the first log.
    let _ = match log.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    Ok(())
}

/// The log of a command that runs beside a server, or instead of one: warnings only, unless `RUST_LOG` says more.
pub fn start_quiet(log: &Log) -> anyhow::Result<()> {
    start(&Log { filter: "warn".to_owned(), ..log.clone() })
}
