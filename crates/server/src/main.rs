//! `overread`: the binary. Configuration, wiring, signals and commands.
//!
//! Everything that decides about studies lies in the crates below; this one must not know business rules.

mod announce;
mod certificate;
mod check_config;
mod cli;
mod commands;
mod config;
mod control;
mod decoding;
mod doors;
mod erasure;
mod event;
mod exit;
#[cfg(feature = "failpoints")]
mod failpoints;
mod holds;
mod import;
mod jobs;
mod logging;
mod observe;
mod open;
mod people;
mod providers;
mod recording;
mod report;
mod retention;
mod send;
mod serve;
mod signals;
mod start;
mod tls;
mod trail_command;
mod validity;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use config::ConfigError;
use exit::Exit;

fn main() -> ExitCode {
    // Whatever this process makes holds patients' data or secrets: it is for its own user.
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    let cli = Cli::parse();
    let json = cli.json;
    let done = match cli.command {
        Command::CheckConfig(flags) => Ok(check_config::run(&flags, json)),
        Command::Serve(flags) => serve::run(&flags, json),
        Command::Import(command) => on_runtime(commands::import(command, json)),
        Command::Send(command) => on_runtime(commands::send(command, json)),
        Command::Verify(command) => on_runtime(commands::verify(command, json)),
        Command::Rebuild(command) => on_runtime(commands::rebuild(command, json)),
        Command::Backup(command) => on_runtime(commands::backup(command, json)),
        Command::Audit(audit) => on_runtime(trail_command::run(audit.command, json)),
        Command::Account(account) => on_runtime(people::account(account, json)),
        Command::Token(token) => on_runtime(people::token(token, json)),
        Command::Aet(aet) => on_runtime(people::aet(aet, json)),
        Command::Link(link) => on_runtime(people::links::link(link, json)),
        Command::Erase(erase) => on_runtime(erasure::run(erase, json)),
        Command::Retention(retention) => on_runtime(retention::run(retention, json)),
        Command::Hold(hold) => on_runtime(holds::run(hold, json)),
        Command::DecodeWorker => decoding::work(),
    };
    done.unwrap_or_else(|error| fail(&error, json)).into()
}

/// Runs a command that is no server.
fn on_runtime(work: impl Future<Output = anyhow::Result<Exit>>) -> anyhow::Result<Exit> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(work)
}

fn fail(error: &anyhow::Error, json: bool) -> Exit {
    match json {
        true => println!("{}", serde_json::json!({ "event": "failed", "why": format!("{error:#}") })),
        false => eprintln!("overread: {error:#}"),
    }
    if error.is::<ConfigError>() { Exit::Usage } else { Exit::Failed }
}
