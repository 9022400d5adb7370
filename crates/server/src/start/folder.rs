//! Folders that only their owner may enter.

use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, bail};

/// Makes the folder, and those above it that are missing, for its owner only. One that exists is made so when it is
/// ours and empty, and otherwise left as it is, with a warning when others may read it.
///
/// # Errors
/// When it cannot be made, or is no folder.
pub fn make(folder: &Path) -> anyhow::Result<()> {
    match std::fs::metadata(folder) {
        Err(_) => DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display())),
        Ok(found) if !found.is_dir() => bail!("{} is no folder", folder.display()),
        Ok(found) if found.mode() & 0o077 == 0 => Ok(()),
        Ok(_) => narrow(folder),
    }
}

fn narrow(folder: &Path) -> anyhow::Result<()> {
    let empty = std::fs::read_dir(folder)
        .with_context(|| format!("cannot read the folder {}", folder.display()))?
        .next()
        .is_none();
    if empty && std::fs::set_permissions(folder, PermissionsExt::from_mode(0o700)).is_ok() {
        return Ok(());
    }
    tracing::warn!(
        folder = %folder.display(),
        "the data folder is open to other users of this machine; `chmod 700` closes it"
    );
    Ok(())
}
