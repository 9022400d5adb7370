//! The embedded adapter as an engine: a file in a folder of its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use index::{Config, Index, SqliteIndex};
use tempfile::TempDir;

use crate::Engine;

pub struct Sqlite {
    folder: TempDir,
    generation: u32,
}

pub fn engine() -> Sqlite {
    Sqlite { folder: tempfile::tempdir().unwrap(), generation: 0 }
}

impl Sqlite {
    fn file(&self) -> PathBuf {
        self.folder.path().join(format!("{}.db", self.generation))
    }
}

impl Engine for Sqlite {
    fn open(&self) -> Arc<dyn Index> {
        Arc::new(SqliteIndex::open(&self.file(), Config::default()).unwrap())
    }

    /// The files as they lie at this moment, without the shared memory, as another process would find them.
    fn crash(&mut self, index: Arc<dyn Index>) -> Arc<dyn Index> {
        let from = self.file();
        self.generation += 1;
        let to = self.file();
        for suffix in ["", "-wal"] {
            let name = |file: &Path| PathBuf::from(format!("{}{suffix}", file.display()));
            std::fs::copy(name(&from), name(&to)).unwrap();
        }
        drop(index);
        self.open()
    }

    fn restore(&self, backup: &Path) -> Arc<dyn Index> {
        Arc::new(SqliteIndex::open(backup, Config::default()).unwrap())
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }
}
