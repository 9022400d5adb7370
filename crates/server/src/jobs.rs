//! Work on an open archive that commands ask for, whether they opened it themselves or the server has it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use access::Principal;
use anyhow::{Context as _, bail};
use archive::Archive;
use audit::{Outcome, Recorder, What};
use tokio::sync::Mutex;
use trail::Trail;

use crate::erasure::{self, Wanted};
use crate::event::{Events, Fate, Summary};
use crate::open::{INDEX, close_index, open_index};
use crate::recording;
use crate::retention::{self, Planned};
use crate::send::{self, Order};
use crate::start;

/// What jobs need beside the archive.
pub struct Context {
    /// The data folder.
    pub folder: PathBuf,
    /// Held by the backup or the erasure that runs: two backups into one folder would spoil it, and a copy must not have
    /// what is being erased.
    pub copying: Mutex<()>,
    /// The audit trail, which is told.
    pub trail: Trail,
}

impl Context {
    /// For the data folder and its trail.
    pub fn new(folder: PathBuf, trail: Trail) -> Self {
        Self { folder, copying: Mutex::new(()), trail }
    }
}

/// A job.
#[derive(Debug)]
pub enum Job {
    /// Read everything again.
    Verify,
    /// Copy everything into this folder.
    Backup {
        /// Absolute.
        to: PathBuf,
    },
    /// Send studies.
    Send(Order),
    /// Erase for good.
    Erase(Wanted),
    /// Tell what retention would remove.
    RetentionPlan(Planned),
}

impl Job {
    /// One word, for the log.
    pub fn name(&self) -> &'static str {
        match self {
            Job::Verify => "verify",
            Job::Backup { .. } => "backup",
            Job::Send(_) => "send",
            Job::Erase(_) => "erase",
            Job::RetentionPlan(_) => "retention plan",
        }
    }

    /// What the audit is told before it begins and at its end; what is sent or erased is told study by study.
    fn told(&self) -> Option<audit::Event> {
        match self {
            Job::Verify => Some(recording::command(What::Start, "overread verify", Outcome::Success)),
            Job::Backup { to } => {
                let other = to.display().to_string();
                let copied = recording::command(What::Export, "overread backup", Outcome::Success);
                Some(audit::Event { other, ..copied })
            }
            Job::Send(_) | Job::Erase(_) | Job::RetentionPlan(_) => None,
        }
    }

    /// Does it, and tells how it went; dropped, it stops where it is.
    pub async fn run(self, archive: Archive, context: &Context, events: Events) {
        let mut row = self.told().map(|event| Row::begun(&context.trail, event));
        // What is copied out is told before the first byte of it, or not copied.
        let told = match &row {
            Some(_) => context.trail.settle().await,
            None => Ok(()),
        };
        let result = match (told, self) {
            (Err(error), _) => Err(anyhow::Error::new(error).context("the audit trail cannot be written")),
            (Ok(()), Job::Verify) => verify(&archive, &events).await,
            (Ok(()), Job::Backup { to }) => backup(&archive, context, &to, &events).await,
            (Ok(()), Job::Send(order)) => send::studies(&archive, &order, &context.trail, &events).await,
            (Ok(()), Job::Erase(wanted)) => erasure::erase(&archive, context, &wanted, &events).await,
            (Ok(()), Job::RetentionPlan(planned)) => retention::plan(&archive, &planned, &events).await,
        };
        if let Some(row) = &mut row {
            row.ended(if result.is_ok() { Outcome::Success } else { Outcome::Serious });
        }
        events.end(result).await;
    }
}

/// A job in the audit trail: that it began, and how it ended, even if nobody waited for that.
struct Row<'a> {
    recorder: &'a dyn Recorder,
    event: Option<audit::Event>,
}

impl<'a> Row<'a> {
    fn begun(recorder: &'a dyn Recorder, event: audit::Event) -> Self {
        recorder.record(audit::Event { detail: "begins".into(), ..event.clone() });
        Self { recorder, event: Some(event) }
    }

    fn ended(&mut self, outcome: Outcome) {
        if let Some(event) = self.event.take() {
            self.recorder.record(audit::Event { outcome, ..event });
        }
    }
}

impl Drop for Row<'_> {
    fn drop(&mut self) {
        if let Some(event) = self.event.take() {
            let detail = "broken off: whoever asked went away, or the server stopped".into();
            self.recorder.record(audit::Event { outcome: Outcome::Serious, detail, ..event });
        }
    }
}

async fn verify(archive: &Archive, events: &Events) -> anyhow::Result<Summary> {
    let held = archive.totals().await?.instances;
    let tell = |done: u64, bytes| events.progress(done, Some(held.max(done)), bytes);
    let report = archive.verify(&Principal::console(), tell).await?;
    for problem in &report.problems {
        events.item(Fate::Unsound, &problem.what, &problem.why).await;
    }
    if report.unlisted > 0 {
        events
            .item(Fate::Unsound, "more", format!("{} further problems are not listed", report.unlisted))
            .await;
    }
    let problems = report.problems.len() as u64 + report.unlisted;
    let (deletions, rejected) = (report.hidden.removals, report.hidden.rejected);
    Ok(Summary::Verify { sound: report.sound, problems, bytes: report.bytes, deletions, rejected })
}

/// Copies the index as it is at one moment, then every file that this copy names. Nothing that was acknowledged before
/// that moment is missing, and files never change, so the copy is consistent however long it takes.
async fn backup(archive: &Archive, context: &Context, to: &Path, events: &Events) -> anyhow::Result<Summary> {
    let Ok(_one) = context.copying.try_lock() else { bail!("another backup, or an erasure, is running") };
    check_target(&context.folder, to)?;
    start::make_folder(to)?;
    let part = to.join(format!("{INDEX}.part"));
    remove_index(&part)?;
    let who = Principal::console();
    archive.backup_index(&who, &part).await?;
    let copied = open_index(part.clone()).await?;
    let held = archive.totals().await?.instances;
    let tell = |done: u64, bytes| events.progress(done, Some(held.max(done)), bytes);
    let report = archive.backup_files(&who, &copied, to, tell).await?;
    close_index(copied, &part).await?;
    backup_trail(context, to).await?;
    backup_register(context, to).await?;
    // From the rename on the folder is the new backup; before it, it was the old one with some files more.
    let done = to.join(INDEX);
    remove_index_logs(&done)?;
    fs::rename(&part, &done).and_then(|()| fs::File::open(to)?.sync_all())?;
    Ok(Summary::Backup { instances: report.instances, bytes: report.bytes, folder: to.display().to_string() })
}

/// Copies the audit trail, with everything that happened until now.
async fn backup_trail(context: &Context, to: &Path) -> anyhow::Result<()> {
    context.trail.settle().await?;
    let (folder, to) = (context.folder.clone(), to.to_owned());
    tokio::task::spawn_blocking(move || trail::backup(&folder, &to)).await??;
    Ok(())
}

/// Copies the register of who is known here, if there is one.
async fn backup_register(context: &Context, to: &Path) -> anyhow::Result<()> {
    let (from, done) = (context.folder.join(identity::FILE), to.join(identity::FILE));
    if !from.exists() {
        return Ok(());
    }
    let part = done.with_added_extension("part");
    remove_index(&part)?;
    let copy = move || {
        identity::People::open(&from)?.backup(&part)?;
        fs::File::open(&part)?.sync_all()?;
        remove_index_logs(&done)?;
        fs::rename(&part, &done)?;
        anyhow::Ok(())
    };
    tokio::task::spawn_blocking(copy).await?
}

/// A backup goes into a folder that is new, empty, or an earlier backup, and neither within the data folder nor
/// around it.
fn check_target(data: &Path, to: &Path) -> anyhow::Result<()> {
    if !to.is_absolute() {
        bail!("{} must be an absolute path", to.display());
    }
    let data = data.canonicalize().with_context(|| format!("cannot find {}", data.display()))?;
    // The nearest folder above that exists is where links can lead away.
    let real = to
        .ancestors()
        .find_map(|folder| Some(folder.canonicalize().ok()?.join(to.strip_prefix(folder).ok()?)));
    let real = real.unwrap_or_else(|| to.to_owned());
    if real.starts_with(&data) || data.starts_with(&real) {
        bail!(
            "{} lies within the data folder, or around it: a backup needs a place of its own",
            to.display()
        );
    }
    let ours = |name: &std::ffi::OsStr| {
        name == INDEX
            || name == "studies"
            || name == "removed"
            || name == trail::DATABASE
            || name.to_string_lossy().starts_with(identity::FILE)
            || name == trail::HEAD
            || name.to_string_lossy().starts_with("overread.db.part")
            || name.to_string_lossy().starts_with("audit.db.part")
    };
    match fs::read_dir(to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", to.display())),
        Ok(entries) => {
            for entry in entries {
                let name = entry?.file_name();
                if !ours(&name) && !to.join(INDEX).exists() {
                    bail!("{} holds {}, and is no earlier backup", to.display(), name.display());
                }
            }
            if to.join("lock").exists() {
                bail!("{} is a data folder that a server used, not a backup", to.display());
            }
            Ok(())
        }
    }
}

/// Removes an index file with its logs.
pub fn remove_index(file: &Path) -> io::Result<()> {
    remove_index_logs(file)?;
    remove(file)
}

/// Removes the logs beside an index file: they belong to one that is gone.
pub fn remove_index_logs(file: &Path) -> io::Result<()> {
    ["-wal", "-shm", "-journal"].iter().try_for_each(|log| {
        let mut name = file.as_os_str().to_owned();
        name.push(log);
        remove(Path::new(&name))
    })
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use super::*;

    #[test]
    fn where_a_backup_may_go() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |path: &str| scratch.path().join(path);
        for folder in ["data/studies", "empty", "earlier/studies", "begun", "photos", "used"] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        for file in
            ["earlier/overread.db", "begun/overread.db.part", "begun/overread.db.part-wal", "photos/a.jpg"]
        {
            fs::write(at(file), b"").unwrap();
        }
        for file in ["used/overread.db", "used/lock"] {
            fs::write(at(file), b"").unwrap();
        }
        std::os::unix::fs::symlink(at("data"), at("link")).unwrap();
        for (to, good) in [
            ("new", true),
            ("new/below", true),
            ("empty", true),
            ("earlier", true),
            ("begun", true),
            ("photos", false),
            ("used", false),
            ("data", false),
            ("data/backup", false),
            ("link/backup", false),
            ("", false),
        ] {
            assert_eq!(check_target(&at("data"), &at(to)).is_ok(), good, "{to}");
        }
        assert!(check_target(&at("data"), Path::new("relative")).is_err());
    }

    #[derive(Default)]
    struct Told(Mutex<Vec<(Outcome, String)>>);

    impl audit::Recorder for Told {
        fn has_room(&self) -> bool {
            true
        }

        fn record(&self, event: audit::Event) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push((event.outcome, event.detail));
        }
    }

    /// A backup that its command left, or that the server's end cut, has rows as well.
    #[test]
    fn what_breaks_off_is_told() {
        let event = || recording::command(What::Export, "overread backup", Outcome::Success);
        for (end, expected) in [
            (Some(Outcome::Success), (Outcome::Success, "")),
            (Some(Outcome::Serious), (Outcome::Serious, "")),
            (None, (Outcome::Serious, "broken off: whoever asked went away, or the server stopped")),
        ] {
            let told = Told::default();
            let mut row = Row::begun(&told, event());
            if let Some(outcome) = end {
                row.ended(outcome);
            }
            drop(row);
            let (outcome, detail) = expected;
            let told = told.0.into_inner().unwrap_or_else(PoisonError::into_inner);
            assert_eq!(told, [(Outcome::Success, "begins".to_owned()), (outcome, detail.to_owned())]);
        }
    }
}
