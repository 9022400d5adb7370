//! The kept inputs: a folder for each target.

use std::path::{Path, PathBuf};

use crate::behaviour;

/// Where a target's inputs are kept.
pub(crate) fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}

/// The contents of a folder's files, in the order of their names; none when there is no such folder.
pub fn files(folder: &Path) -> impl Iterator<Item = Vec<u8>> + use<> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    paths.sort();
    paths.into_iter().filter_map(|path| std::fs::read(path).ok())
}

/// Keeps an input that went wrong, and says where.
pub(crate) fn keep(target: &str, input: &[u8]) -> PathBuf {
    let folder = folder(target);
    let file = folder.join(format!("{:016x}", behaviour(input)));
    if std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&file, input)).is_err() {
        eprintln!("cannot be kept: {input:?}");
    }
    file
}
