//! The files below the paths of a command line, in the order of their names.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Levels of folders below a path that are looked into. A CD has eight.
const DEPTH: usize = 64;

/// A file found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it is.
    pub path: PathBuf,
    /// Whether the command line names it, rather than a folder above it.
    pub named: bool,
}

/// A path that could not be looked at.
#[derive(Debug)]
pub struct Unreadable {
    /// The path.
    pub path: PathBuf,
    /// Why.
    pub error: io::Error,
}

/// Walks the paths. Symbolic links are followed where the command line names them, and nowhere below: a loop or a
/// way out of the folder cannot be walked. Holds the names of one folder for each level.
pub struct Walk {
    /// What is left at each level, last first.
    levels: Vec<Vec<PathBuf>>,
}

impl Walk {
    /// Begins at these paths.
    pub fn of(paths: &[PathBuf]) -> Self {
        Self { levels: vec![paths.iter().rev().cloned().collect()] }
    }

    fn enter(&mut self, folder: &Path) -> io::Result<()> {
        if self.levels.len() > DEPTH {
            return Err(io::Error::other(format!("more than {DEPTH} levels of folders")));
        }
        let mut names =
            fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
        names.sort_unstable_by(|a, b| b.cmp(a));
        self.levels.push(names);
        Ok(())
    }
}

impl Iterator for Walk {
    type Item = Result<Found, Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let named = self.levels.len() == 1;
            let Some(path) = self.levels.last_mut()?.pop() else {
                self.levels.pop();
                continue;
            };
            let looked = if named { fs::metadata(&path) } else { fs::symlink_metadata(&path) };
            match looked {
                Ok(what) if what.is_file() => return Some(Ok(Found { path, named })),
                Ok(what) if what.is_dir() => {
                    if let Err(error) = self.enter(&path) {
                        return Some(Err(Unreadable { path, error }));
                    }
                }
                // Links, sockets, devices: nothing that a study lies in.
                Ok(_) => {}
                Err(error) => return Some(Err(Unreadable { path, error })),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walks_in_order_and_follows_no_links_below() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        for path in ["cd/B", "cd/A/2", "cd/A/10", "cd/A/x/3", "empty"] {
            fs::create_dir_all(at(path).parent().unwrap()).unwrap();
            fs::write(at(path), b"x").unwrap();
        }
        fs::remove_file(at("empty")).unwrap();
        fs::create_dir(at("empty")).unwrap();
        std::os::unix::fs::symlink(at("cd"), at("cd/A/loop")).unwrap();
        std::os::unix::fs::symlink(at("cd/A"), at("link")).unwrap();

        let walk = |paths: &[&str]| -> Vec<(String, bool)> {
            let paths: Vec<_> = paths.iter().map(|path| at(path)).collect();
            Walk::of(&paths)
                .map(|found| match found {
                    Ok(Found { path, named }) => {
                        (path.strip_prefix(folder.path()).unwrap().display().to_string(), named)
                    }
                    Err(unreadable) => {
                        (format!("! {}", unreadable.path.file_name().unwrap().display()), false)
                    }
                })
                .collect()
        };
        let below = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), false)).collect::<Vec<_>>();
        assert_eq!(walk(&["cd"]), below(&["cd/A/10", "cd/A/2", "cd/A/x/3", "cd/B"]));
        assert_eq!(walk(&["link"]), below(&["link/10", "link/2", "link/x/3"]));
        assert_eq!(walk(&["cd/B", "nowhere"]), [("cd/B".to_owned(), true), ("! nowhere".to_owned(), false)]);
        assert_eq!(walk(&["empty"]), []);
    }
}
