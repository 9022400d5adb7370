//! Whether the disk can be trusted with new data.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::disk;
use crate::open::PROBE;

/// Poisoned by the first failed write or flush, healed by a probe that passes.
#[derive(Default)]
pub(crate) struct Health {
    poisoned: AtomicBool,
}

impl Health {
    pub(crate) fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Acquire)
    }

    /// True when it was healthy before.
    pub(crate) fn poison(&self) -> bool {
        !self.poisoned.swap(true, Ordering::AcqRel)
    }

    /// Writes, flushes and removes a small file in `folder`. Heals when all of it works.
    pub(crate) fn probe(&self, folder: &Path) -> io::Result<()> {
        let path = folder.join(PROBE);
        let _ = fs::remove_file(&path);
        let result = disk::make_file(&path).and_then(|mut file| {
            file.write_all(&[0x5a; 4_096])?;
            file.sync_all()
        });
        let removed = fs::remove_file(&path);
        result.and(removed)?;
        File::open(folder)?.sync_all()?;
        self.poisoned.store(false, Ordering::Release);
        Ok(())
    }
}
