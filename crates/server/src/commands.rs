//! The commands that work on an archive, beside a running server or without one.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use archive::{Archive, Problem, rebuild as rebuild_index};
use audit::{Outcome, Recorder as _, What};
use blob::Blobs;

use crate::announce::absolute;
use crate::cli::{Backup, Import, Place, Send};
use crate::config::{Config, Loaded, Overrides};
use crate::control::{self, Request};
use crate::erasure;
use crate::event::{Event, Events, Fate, Summary};
use crate::exit::Exit;
use crate::import::{self, Door};
use crate::jobs::{self, Job};
use crate::logging;
use crate::open;
use crate::recording;
use crate::report::Report;
use crate::send;

/// Runs a command to its end and shows how it goes.
pub async fn tell<F>(json: bool, work: impl FnOnce(Events) -> F) -> Exit
where
    F: Future<Output = ()>,
{
    let (events, told) = Events::channel();
    let (exit, ()) = tokio::join!(Report::new(json).show(told), work(events));
    exit
}

/// `overread import`
pub async fn import(command: Import, json: bool) -> anyhow::Result<Exit> {
    let config = configured(&command.place)?;
    let folder = config.data.folder.clone();
    let (door, opened) = match control::connect(&folder).await? {
        Some(_) => (Door::Server(folder), None),
        None => {
            let (archive, _) = open::open(&config).await?;
            let trail = recording::open(&folder, Some(&archive)).await?;
            (Door::Archive(archive.clone(), Arc::new(trail.clone())), Some((archive, trail)))
        }
    };
    let exit =
        tell(json, async |events| events.end(import::run(door, command.paths, &events).await).await).await;
    if let Some((archive, trail)) = opened {
        recording::close(&trail).await;
        archive.close().await;
    }
    Ok(exit)
}

/// `overread verify`
pub async fn verify(command: Place, json: bool) -> anyhow::Result<Exit> {
    let config = configured(&command)?;
    on_archive(&config, Request::Verify, Job::Verify, json).await
}

/// `overread backup`
pub async fn backup(command: Backup, json: bool) -> anyhow::Result<Exit> {
    let config = configured(&command.place)?;
    let to = absolute(&command.to);
    on_archive(&config, Request::Backup { to: to.clone() }, Job::Backup { to }, json).await
}

/// `overread send`
pub async fn send(command: Send, json: bool) -> anyhow::Result<Exit> {
    let config = configured(&command.place)?;
    let order = send::Order::of(&command, &config)?;
    if command.paths.is_empty() {
        return on_archive(&config, Request::Send(order.clone()), Job::Send(order), json).await;
    }
    Ok(tell(json, async |events| events.end(send::files(command.paths, &order, &events).await).await).await)
}

/// `overread rebuild`
pub async fn rebuild(command: Place, json: bool) -> anyhow::Result<Exit> {
    let config = configured(&command)?;
    must_exist(&config.data.folder)?;
    if control::connect(&config.data.folder).await?.is_some() {
        bail!("a server runs on {}: stop it first", config.data.folder.display());
    }
    Ok(tell(json, async |events| events.end(rebuild_here(&config, &events).await).await).await)
}

/// Makes the new index beside the old one, and puts it in its place when it is whole.
async fn rebuild_here(config: &Config, events: &Events) -> anyhow::Result<Summary> {
    let (blobs, _) = open::hold(config).await?;
    let trail = recording::open(&config.data.folder, None).await?;
    trail.record(recording::command(What::Start, "overread rebuild", Outcome::Success));
    let rebuilt = rebuild_held(config, &blobs, events).await;
    let outcome = if rebuilt.is_ok() { Outcome::Success } else { Outcome::Serious };
    trail.record(recording::command(What::Stop, "overread rebuild", outcome));
    recording::close(&trail).await;
    rebuilt
}

async fn rebuild_held(config: &Config, blobs: &Blobs, events: &Events) -> anyhow::Result<Summary> {
    let file = open::index_file(config);
    let part = file.with_added_extension("rebuild");
    jobs::remove_index(&part)?;
    let index = open::open_index(part.clone()).await?;
    let tell = |done, all| events.progress(done, Some(all), 0);
    let report = rebuild_index(&open::archive_config(config), blobs, &index, tell).await?;
    open::close_index(index, &part).await?;
    for Problem { what, why } in &report.problems {
        events.item(Fate::Refused, what, why).await;
    }
    swap(&file, &part)?;
    Ok(Summary::Rebuild { instances: report.instances, problems: report.problems.len() as u64 })
}

/// Keeps the index that was there under another name, with its log, and puts the new one in its place. A crash between
/// the two leaves no index, which the next start notices.
fn swap(file: &Path, new: &Path) -> anyhow::Result<()> {
    let old = file.with_added_extension("before-rebuild");
    jobs::remove_index(&old)?;
    for log in ["", "-wal"] {
        let name = |base: &Path| {
            let mut name = base.as_os_str().to_owned();
            name.push(log);
            PathBuf::from(name)
        };
        if name(file).exists() {
            fs::rename(name(file), name(&old))
                .with_context(|| format!("cannot put {} aside", file.display()))?;
        }
    }
    jobs::remove_index_logs(file)?;
    fs::rename(new, file).with_context(|| format!("cannot put the new index at {}", file.display()))?;
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::File::open(folder)?.sync_all().with_context(|| format!("cannot flush {}", folder.display()))
}

/// Has the job done by the server that holds the folder, or does it here.
pub async fn on_archive(config: &Config, request: Request, job: Job, json: bool) -> anyhow::Result<Exit> {
    must_exist(&config.data.folder)?;
    if let Some(mut session) = control::connect(&config.data.folder).await? {
        session.ask(&request).await?;
        let (send, told) = tokio::sync::mpsc::channel(64);
        let forward = async move {
            while let Some(event) = session.next::<Event>().await? {
                if send.send(event).await.is_err() {
                    break;
                }
            }
            anyhow::Ok(())
        };
        let (exit, forwarded) = tokio::join!(Report::new(json).show(told), forward);
        forwarded?;
        return Ok(exit);
    }
    let opened = Opened::new(config).await?;
    let exit = tell(json, |events| job.run(opened.archive.clone(), &opened.context, events)).await;
    opened.close().await;
    Ok(exit)
}

/// An archive that no server has, with what jobs need, and nothing pending.
pub struct Opened {
    /// The archive.
    pub archive: Archive,
    /// What jobs need beside it.
    pub context: jobs::Context,
}

impl Opened {
    /// Opens it, and carries out erasures that a crash interrupted.
    ///
    /// # Errors
    /// When it cannot be used.
    pub async fn new(config: &Config) -> anyhow::Result<Self> {
        let (archive, _) = open::open(config).await?;
        let trail = recording::open(&config.data.folder, Some(&archive)).await?;
        let context = jobs::Context::new(config.data.folder.clone(), trail);
        erasure::resume(&archive, &context).await?;
        Ok(Self { archive, context })
    }

    /// Closes it in order.
    pub async fn close(self) {
        recording::close(&self.context.trail).await;
        self.archive.close().await;
    }
}

/// The configuration; the log of a command tells warnings only.
pub fn configured(place: &Place) -> anyhow::Result<Config> {
    let overrides = Overrides { data: place.data.clone(), ..Overrides::default() };
    let loaded = Loaded::read(place.config.as_deref(), &overrides)?.validated()?;
    logging::start_quiet(&loaded.config.log)?;
    Ok(loaded.config)
}

pub fn must_exist(folder: &Path) -> anyhow::Result<()> {
    if !folder.join("studies").exists() {
        bail!("there is no archive at {}", folder.display());
    }
    Ok(())
}
