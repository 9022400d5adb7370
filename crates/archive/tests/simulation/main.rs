//! Lives of an archive that end early, over and over: stores side by side, deletions, restarts, calls of the index that fail
//! or are never answered, deaths before and after each. After each life what was acknowledged is there, byte for byte,
//! what was deleted is not, and nothing else is (`reliability.md` R16).
//!
//! All but what falls beside a late call is decided by a seed: `OVERREAD_SEEDS` says how many are run (200),
//! `OVERREAD_SEED` with which to begin (1); `tests/simulate` runs 10,000 others.

#![allow(clippy::unwrap_used)] // a test may

mod chance;
mod faulty;
mod known;
#[path = "../support/mod.rs"]
mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use access::Principal;
use archive::{
    Archive, Config, Form, Framing, Include, Level, Outcome, Query, ReadError, ReadErrorKind, StoreError,
    StoreErrorKind, Target, rebuild,
};
use blob::Blobs;
use bytes::Bytes;
use chance::Chance;
use faulty::{Fates, Faulty};
use futures::future::join_all;
use index::SqliteIndex;
use known::{Known, Slot};
use support::{announced, collect, data_set};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Steps of one seed.
const STEPS: u64 = 25;
/// A life that cannot even begin is tried so often.
const BEGINNINGS: usize = 100;

/// While a deletion is in doubt, so many looks may see it half way.
const LOOKS: usize = 100;

/// One process: its runtime goes with it, and whatever it was at.
struct Life {
    runtime: Runtime,
    archive: Archive,
}

struct World {
    folder: TempDir,
    fates: Arc<Fates>,
    chance: Chance,
    known: Known,
    life: Option<Life>,
    /// What was done and how it went, for whoever looks for the reason of a violation.
    history: Vec<String>,
}

/// What must not be.
type Violation = String;
/// The versions of each instance.
type Found = Vec<(Slot, Vec<Vec<u8>>)>;

fn config() -> Config {
    Config { purge_after: Duration::ZERO, ..Config::default() }
}

impl World {
    fn new(seed: u64, lies: bool) -> Self {
        // Faults are injected, so a folder in memory is as good as a disk.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.unwrap();
        let (fates, chance) = (Fates::new(seed, lies), Chance::new(seed));
        Self { folder, fates, chance, known: Known::default(), life: None, history: Vec::new() }
    }

    fn run(&mut self) -> Result<(), Violation> {
        self.begin()?;
        for step in 0..STEPS {
            self.history.push(format!("step {step}"));
            self.step().map_err(|what| format!("step {step}: {what}"))?;
            if self.fates.is_dead() {
                self.die()?;
            }
        }
        self.die()?;
        self.end()
    }

    fn step(&mut self) -> Result<(), Violation> {
        match self.chance.below(10) {
            0..=4 => self.store(),
            5 => self.store_and_delete(),
            6 => self.delete(),
            7 => self.check(),
            8 => self.restart(),
            _ => self.die(),
        }
    }

    /// A process begins; faults may keep it from it, but not for ever.
    fn begin(&mut self) -> Result<(), Violation> {
        for _ in 0..BEGINNINGS {
            self.fates.begin();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let limits = blob::Limits { slots: 4, ..blob::Limits::default() };
            let (blobs, left) =
                Blobs::open(self.folder.path(), limits).map_err(|error| format!("no start: {error}"))?;
            let index = SqliteIndex::open(&self.folder.path().join("overread.db"), index::Config::default())
                .map_err(|error| format!("no start: {error}"))?;
            let index = Arc::new(Faulty { index, fates: Arc::clone(&self.fates) });
            match runtime.block_on(Archive::open(config(), blobs, left, index)) {
                Ok((archive, _)) => {
                    self.known.begin();
                    self.life = Some(Life { runtime, archive });
                    return Ok(());
                }
                Err(_) => runtime.shutdown_timeout(Duration::from_secs(30)),
            }
        }
        Err("it does not start any more".into())
    }

    /// The process ends in the middle of whatever it is at; another begins, and all is looked at.
    fn die(&mut self) -> Result<(), Violation> {
        self.live_anew()?;
        self.check()
    }

    fn live_anew(&mut self) -> Result<(), Violation> {
        self.history.push("another life".into());
        if let Some(Life { runtime, archive }) = self.life.take() {
            drop(archive);
            runtime.shutdown_timeout(Duration::from_secs(30));
        }
        self.begin()
    }

    /// It ends in order.
    fn restart(&mut self) -> Result<(), Violation> {
        if let Some(Life { runtime, archive }) = &self.life {
            runtime.block_on(archive.close());
        }
        self.die()
    }

    fn life(&self) -> &Life {
        self.life.as_ref().unwrap()
    }

    /// Some instances, some of them the same.
    fn files(&mut self) -> Vec<(Slot, Vec<u8>)> {
        let slots: Vec<Slot> = (0..=self.chance.below(4)).map(|_| Slot::any(&mut self.chance)).collect();
        slots.into_iter().map(|slot| (slot, slot.instance(self.chance.below(3) as u16).part10())).collect()
    }

    /// A study goes while instances come, some of it: which was first is open, but what is acknowledged later is there.
    fn store_and_delete(&mut self) -> Result<(), Violation> {
        let (files, study) = (self.files(), Slot::any(&mut self.chance).study());
        let Life { runtime, archive } = self.life();
        let who = Principal::console();
        let storing = join_all(files.iter().map(|(_, file)| self.fates.living(store(archive, file))));
        let removing = self.fates.living(archive.remove(&who, &study, "here", "a test"));
        let (stored, removed) = runtime.block_on(futures::future::join(storing, removing));
        let outcomes = files.iter().map(|(slot, _)| *slot).zip(stored.iter().map(shown));
        self.history
            .push(format!("{study:?} deleted: {removed:?}, beside {:?}", outcomes.collect::<Vec<_>>()));
        for (slot, file) in &files {
            self.known.offer(*slot, data_set(file));
        }
        for ((slot, file), stored) in files.iter().zip(stored) {
            if matches!(stored, Some(Ok(_))) {
                self.known.acknowledge(*slot, data_set(file));
            }
        }
        let nothing = |kind| matches!(kind, ReadErrorKind::NotFound | ReadErrorKind::Gone);
        if !removed.is_some_and(|removed| removed.is_err_and(|error| nothing(error.kind()))) {
            self.known.doubt(&study);
        }
        Ok(())
    }

    /// Some instances side by side.
    fn store(&mut self) -> Result<(), Violation> {
        let files = self.files();
        let Life { runtime, archive } = self.life();
        let storing = files.iter().map(|(_, file)| self.fates.living(store(archive, file)));
        let stored = runtime.block_on(join_all(storing));
        let outcomes = files.iter().map(|(slot, _)| *slot).zip(stored.iter().map(shown));
        self.history.push(format!("stored {:?}", outcomes.collect::<Vec<_>>()));
        let before = self.known.clone();
        for (slot, file) in &files {
            self.known.offer(*slot, data_set(file));
        }
        for ((slot, file), stored) in files.iter().zip(stored) {
            match stored {
                Some(Ok(outcome)) => {
                    if outcome == Outcome::New && before.has(*slot) {
                        return Err(format!("{slot:?} is new, though it was acknowledged before"));
                    }
                    self.known.acknowledge(*slot, data_set(file));
                }
                None => {}
                Some(Err(error)) if error.kind() == StoreErrorKind::Unavailable => {}
                Some(Err(error)) => return Err(format!("{slot:?} is refused: {error}")),
            }
        }
        Ok(())
    }

    fn delete(&mut self) -> Result<(), Violation> {
        let slot = Slot::any(&mut self.chance);
        let target = match self.chance.below(3) {
            0 => slot.study(),
            1 => slot.series(),
            _ => slot.target(),
        };
        let Life { runtime, archive } = self.life();
        let who = Principal::console();
        let removing = archive.remove(&who, &target, "here", "a test");
        let removed = runtime
            .block_on(self.fates.living(removing))
            .map(|removed| removed.map(drop).map_err(|error| error.kind()));
        self.history.push(format!("{target:?} deleted: {removed:?}"));
        match removed {
            Some(Ok(())) => self.known.delete(&target),
            Some(Err(ReadErrorKind::NotFound | ReadErrorKind::Gone)) if self.known.holds(&target) => {
                return Err(format!("{target:?} cannot be deleted, though it was acknowledged"));
            }
            Some(Err(ReadErrorKind::NotFound | ReadErrorKind::Gone)) => {}
            Some(Err(_)) | None => {
                // It happened or it did not, and the next life says which: for all of it.
                let whole = self.known.clone();
                self.known.doubt(&target);
                self.die()?;
                let (found, _) = self.look()?;
                if !self.known.settle(&target, &whole, &found) {
                    return Err(format!("half of {target:?} is deleted"));
                }
            }
        }
        Ok(())
    }

    /// All that there is, even if the process that is asked dies of something else meanwhile.
    fn look(&mut self) -> Result<(Found, u64), Violation> {
        loop {
            match self.found() {
                Err(_) if self.fates.is_dead() => self.live_anew()?,
                found => return found,
            }
        }
    }

    /// All that there is, and how many instances are counted.
    fn found(&self) -> Result<(Found, u64), Violation> {
        let Life { runtime, archive } = self.life();
        runtime.block_on(async {
            let mut all = Vec::new();
            for slot in Slot::all() {
                let mut versions = Vec::new();
                loop {
                    let version = Some(versions.len() as u32 + 1);
                    match fetch(archive, Target { version, ..slot.target() }).await {
                        Ok(bytes) => versions.push(bytes),
                        Err(error) => match error.kind() {
                            ReadErrorKind::NotFound | ReadErrorKind::Gone => break,
                            _ => return Err(format!("{slot:?} cannot be read: {error}")),
                        },
                    }
                }
                all.push((slot, versions));
            }
            let totals = archive.totals().await.map_err(|error| format!("no totals: {error}"))?;
            Ok((all, totals.instances))
        })
    }

    fn check(&mut self) -> Result<(), Violation> {
        let mut looks = 0;
        let found = loop {
            let (found, counted) = self.look()?;
            let there = found.iter().filter(|(_, versions)| !versions.is_empty()).count() as u64;
            if there == counted {
                break found;
            }
            // A look is many calls, and a deletion that was not answered for may be carried out between two of them.
            looks += 1;
            if looks == LOOKS || !self.known.is_doubted() {
                return Err(format!("{there} instances are there, {counted} are counted"));
            }
        };
        found.iter().try_for_each(|(slot, versions)| self.known.check(*slot, versions))
    }

    /// In the end an index made of the files alone says the same, and a bit that flips is found.
    fn end(&mut self) -> Result<(), Violation> {
        self.fates.be_kind();
        self.restart()?;
        let said = self.answers();
        let Life { runtime, archive } = self.life.take().unwrap();
        runtime.block_on(archive.close());
        drop(archive);
        for name in ["overread.db", "overread.db-wal", "overread.db-shm"] {
            let _ = std::fs::remove_file(self.folder.path().join(name));
        }
        let path = self.folder.path();
        runtime.block_on(async {
            let (blobs, _) = Blobs::open(path, blob::Limits::default()).unwrap();
            let index = SqliteIndex::open(&path.join("overread.db"), index::Config::default()).unwrap();
            let report = rebuild(&config(), &blobs, &index, |_, _| ()).await.map_err(|e| e.to_string())?;
            if report.problems.is_empty() {
                Ok(())
            } else {
                Err(format!("rebuilt with {:?}", report.problems))
            }
        })?;
        runtime.shutdown_timeout(Duration::from_secs(30));
        self.begin()?;
        self.check()?;
        if self.answers() != said {
            return Err("a rebuilt index gives other answers".into());
        }
        self.rot()
    }

    fn answers(&self) -> Vec<String> {
        let Life { runtime, archive } = self.life();
        let mut said = Vec::new();
        for level in [Level::Study, Level::Series, Level::Instance] {
            let query = Query { include: Include::All, ..Query::of(level) };
            let page = runtime.block_on(archive.search(&Principal::console(), query)).unwrap();
            said.extend(page.results.iter().map(|found| String::from_utf8_lossy(&found.json).into_owned()));
        }
        // Studies of one moment come in the order of their rows, which a deletion in between changes.
        said.sort();
        said
    }

    fn rot(&mut self) -> Result<(), Violation> {
        let files = support::files(self.folder.path(), "studies");
        let Some(file) = files.get(self.chance.below(files.len().max(1) as u64) as usize) else {
            return Ok(());
        };
        let mut bytes = std::fs::read(file).unwrap();
        let at = blob::HEAD_LEN + self.chance.below(bytes.len() as u64 - blob::HEAD_LEN);
        bytes[at as usize] ^= 1 << self.chance.below(8);
        std::fs::write(file, bytes).unwrap();
        let Life { runtime, archive } = self.life();
        let report = runtime
            .block_on(archive.verify(&Principal::console(), |_, _| ()))
            .map_err(|error| format!("cannot verify: {error}"))?;
        match &report.problems[..] {
            [_] => Ok(()),
            others => Err(format!("one bit of {} flipped, found were {others:?}", file.display())),
        }
    }
}

/// What became of a store: an outcome, an error, or nothing, for it died.
fn shown(stored: &Option<Result<Outcome, StoreError>>) -> String {
    match stored {
        Some(Ok(outcome)) => format!("{outcome:?}"),
        Some(Err(error)) => error.to_string(),
        None => "dead".into(),
    }
}

async fn store(archive: &Archive, file: &[u8]) -> Result<Outcome, StoreError> {
    let mut incoming = archive.receive(&Principal::console(), announced(Framing::Part10)).await?;
    incoming.write(Bytes::copy_from_slice(file)).await?;
    Ok(incoming.finish().await?.outcome())
}

/// The data set of this version.
async fn fetch(archive: &Archive, target: Target) -> Result<Vec<u8>, ReadError> {
    let mut instances = archive.instances(&Principal::console(), target).await?;
    let record = instances.next_page().await?.remove(0);
    let file = archive.open_instance(record).await?.part10(Form::AsStored)?;
    Ok(data_set(&collect(file.stream).await?).to_vec())
}

fn simulate(seed: u64, lies: bool) -> Result<(), (Violation, Vec<String>)> {
    let mut world = World::new(seed, lies);
    world.run().map_err(|violation| (violation, std::mem::take(&mut world.history)))
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect(name))
}

#[test]
fn r16_seeds_have_no_violation() {
    let first = setting("OVERREAD_SEED").unwrap_or(1);
    let seeds = setting("OVERREAD_SEEDS").unwrap_or(200);
    println!("{seeds} seeds from {first}");
    for seed in first..first + seeds {
        if let Err((violation, history)) = simulate(seed, false) {
            panic!("OVERREAD_SEEDS=1 OVERREAD_SEED={seed}: {violation}\n{}", history.join("\n"));
        }
    }
}

/// An index that acknowledges rows that it does not keep is found out, and each time in the same way.
#[test]
fn r16_a_lie_is_found_each_time() {
    for seed in 1..=5 {
        let found: Vec<_> = (0..10).map(|_| simulate(seed, true).expect_err("nothing was found").0).collect();
        assert!(found.iter().all(|one| *one == found[0]), "seed {seed}: {found:?}");
    }
}
