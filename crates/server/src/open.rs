//! Opening the archive of a data folder: for the server, and for a command when no server runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use archive::{Archive, Classes, Recovered};
use blob::{BlobError, Blobs, SpoolEntry};
use index::SqliteIndex;

use crate::config::Config;
use crate::holds::Held;
use crate::{decoding, start};

/// The index's file in the data folder.
pub const INDEX: &str = "overread.db";

/// Opens the archive, taking back what a crash left in the spool.
///
/// # Errors
/// When another process holds the folder, or it cannot be used.
pub async fn open(config: &Config) -> anyhow::Result<(Archive, Recovered)> {
    let (blobs, left) = hold(config).await?;
    let file = index_file(config);
    if !file.exists() && has_studies(&config.data.folder) {
        bail!(
            "{} is missing, but there are studies beside it: `overread rebuild` makes the index again",
            file.display()
        );
    }
    let index = open_index(file).await?;
    let holds = Held::open(&config.data.folder.join(identity::FILE))?;
    let archive = archive::Config { holds: Some(Arc::new(holds)), ..archive_config(config) };
    Archive::open(archive, blobs, left, Arc::new(index)).await.context("the archive cannot be opened")
}

/// Takes the data folder for this process, making it when it is not there.
///
/// # Errors
/// When another process holds it, or it cannot be used.
pub async fn hold(config: &Config) -> anyhow::Result<(Blobs, Vec<SpoolEntry>)> {
    let folder = config.data.folder.clone();
    start::make_folder(&folder)?;
    let opened = tokio::task::spawn_blocking(move || Blobs::open(&folder, blob::Limits::default())).await?;
    opened.map_err(|error| match error {
        BlobError::Locked { ref folder, pid } => {
            let who = pid.map(|pid| format!(", process {pid},")).unwrap_or_default();
            anyhow::anyhow!("another process{who} holds {}", folder.display())
        }
        other => anyhow::Error::new(other).context("the data folder cannot be used"),
    })
}

/// Opens an index file, making it when it is not there.
///
/// # Errors
/// When it is no index of ours, or of a newer version.
pub async fn open_index(file: PathBuf) -> anyhow::Result<SqliteIndex> {
    let shown = file.display().to_string();
    tokio::task::spawn_blocking(move || SqliteIndex::open(&file, index::Config::default()))
        .await?
        .with_context(|| format!("{shown} cannot be opened"))
}

/// Closes an index, so that its file is whole without the log beside it, which is removed.
///
/// # Errors
/// When something is left in the log: then the file alone must not be used.
pub async fn close_index(index: SqliteIndex, file: &Path) -> anyhow::Result<()> {
    tokio::task::spawn_blocking(move || drop(index)).await.context("the index cannot be closed")?;
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    if std::fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        bail!("{} was closed with its log in use", file.display());
    }
    crate::jobs::remove_index_logs(file)?;
    std::fs::File::open(file)?.sync_all().with_context(|| format!("cannot flush {}", file.display()))
}

/// The index's file.
pub fn index_file(config: &Config) -> PathBuf {
    config.data.folder.join(INDEX)
}

/// The archive's limits and policy.
pub fn archive_config(config: &Config) -> archive::Config {
    let limits = &config.limits;
    archive::Config {
        instance_max: limits.instance_bytes,
        receiving: limits.receiving,
        inflated_cache: limits.inflated_cache_bytes,
        rendered_cache: limits.rendered_cache_bytes,
        search_max: limits.search_results,
        classes: Classes::with_private(config.storage.private_sop_classes.iter().cloned()),
        zone: model::value::offset(&config.storage.time_zone).unwrap_or(0),
        purge_after: Duration::from_secs(config.storage.purge_after_seconds),
        rejection_notes: config.storage.rejection_notes.clone(),
        decoders: decoding::decoders(config),
        ..archive::Config::default()
    }
}

fn has_studies(folder: &Path) -> bool {
    std::fs::read_dir(folder.join("studies")).is_ok_and(|mut studies| studies.next().is_some())
}
