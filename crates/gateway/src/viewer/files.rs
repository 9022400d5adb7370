//! The files of a folder, listed once. A request names one of the list or nothing, so no path leads out of it.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tokio::sync::OnceCell;

use super::answer::Held;

/// Files of one viewer. A list of this length costs some 1 MiB.
const MOST_FILES: usize = 5_000;
/// Folders in folders.
const DEEPEST: usize = 16;

/// Why a folder cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It, or something in it, cannot be read.
    #[error("cannot read {}: {error}", .folder.display())]
    Io {
        /// What.
        folder: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// There is no `index.html` in it.
    #[error("{} has no index.html: name the folder with the viewer's built files, OHIF's `dist`", .0.display())]
    NoIndex(PathBuf),
    /// It has more files than a viewer.
    #[error("{} has more than {MOST_FILES} files, or folders more than {DEEPEST} deep", .0.display())]
    TooMany(PathBuf),
}

/// The list.
pub(super) struct Files {
    by_name: HashMap<String, File>,
}

/// One file.
pub(super) struct File {
    /// Below the folder, with `/` between its parts.
    pub(super) name: String,
    /// On disk.
    pub(super) path: PathBuf,
    pub(super) length: u64,
    /// What was made of it when it was first asked for.
    pub(super) held: OnceCell<Held>,
}

impl Files {
    /// Regular files only: a symbolic link is not followed, wherever it leads.
    pub(super) fn scan(folder: &Path) -> Result<Self, FolderError> {
        let mut files = Self { by_name: HashMap::new() };
        files.add(folder, folder, "", 0)?;
        Ok(files)
    }

    fn add(&mut self, top: &Path, folder: &Path, below: &str, depth: usize) -> Result<(), FolderError> {
        let failed = |error| FolderError::Io { folder: folder.to_owned(), error };
        if depth > DEEPEST {
            return Err(FolderError::TooMany(top.to_owned()));
        }
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            // Of the entry itself, not of what it may link to.
            let about = entry.metadata().map_err(failed)?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let name = format!("{below}{name}");
            if about.is_dir() {
                self.add(top, &entry.path(), &format!("{name}/"), depth + 1)?;
            } else if about.is_file() {
                if self.by_name.len() >= MOST_FILES {
                    return Err(FolderError::TooMany(top.to_owned()));
                }
                let file = File {
                    name: name.clone(),
                    path: entry.path(),
                    length: about.len(),
                    held: OnceCell::new(),
                };
                self.by_name.insert(name, file);
            }
        }
        Ok(())
    }

    /// The file of exactly this name.
    pub(super) fn find(&self, name: &str) -> Option<&File> {
        self.by_name.get(name)
    }
}

impl File {
    /// Whether its name changes with its content: a build writes a digest of 16 hexadecimal digits or more into it.
    pub(super) fn has_digest(&self) -> bool {
        let last = self.name.rsplit('/').next().unwrap_or_default();
        last.split('.').any(|part| part.len() >= 16 && part.bytes().all(|b| b.is_ascii_hexdigit()))
    }

    /// The media type by its ending.
    pub(super) fn media_type(&self) -> &'static str {
        let ending = self.name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
        match ending.as_str() {
            "html" => "text/html; charset=utf-8",
            "js" | "mjs" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "json" | "map" => "application/json",
            "wasm" => "application/wasm",
            "svg" => "image/svg+xml",
            "png" => "image/png",
            "jpg" | "jpeg" => "image/jpeg",
            "gif" => "image/gif",
            "ico" => "image/x-icon",
            "webp" => "image/webp",
            "woff" => "font/woff",
            "woff2" => "font/woff2",
            "ttf" => "font/ttf",
            "xml" => "application/xml",
            "txt" => "text/plain; charset=utf-8",
            _ => "application/octet-stream",
        }
    }
}
