//! `overread import`: files, folders, ZIPs and CDs, with a verdict for each file that is not stored.

mod door;
mod feed;
mod walk;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use anyhow::Context;
use archive::unpack::{Offer, Verdict};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

pub use door::Door;
pub use walk::{Found, Walk};

use crate::event::{Events, Fate, Imported, Summary};

/// Files that are stored at the same moment: one is read, the others wait for their flush, which they share.
const STORING: usize = 16;

/// Stores everything below the paths.
///
/// # Errors
/// When the server goes away, or the disk is full: then the rest is not tried.
pub async fn run(door: Door, paths: Vec<PathBuf>, events: &Events) -> anyhow::Result<Summary> {
    let (send, offers) = mpsc::channel(1);
    let total = count(paths.clone());
    let reading = tokio::task::spawn_blocking(move || feed::read(&paths, &send));
    let shared = Arc::new(Shared { offers: Mutex::new(offers), done: Mutex::new(Done::default()), total });
    let mut storing = JoinSet::new();
    for _ in 0..STORING {
        storing.spawn(store(door.clone(), Arc::clone(&shared), events.clone()));
    }
    let mut failed = None;
    while let Some(ended) = storing.join_next().await {
        if let Err(error) = ended.context("an import task ended early")? {
            // The others see that nobody is to take offers any more.
            shared.offers.lock().await.close();
            failed.get_or_insert(error);
        }
    }
    // Whoever waits to hand an offer over is let go with the channel.
    let done = shared.done.lock().await.imported;
    drop(shared);
    reading.await.context("the reading thread ended early")?;
    match failed {
        Some(error) => {
            Err(error.context(format!("after {} files stored", done.stored + done.same + done.versions)))
        }
        None => Ok(Summary::Import(done)),
    }
}

struct Shared {
    offers: Mutex<mpsc::Receiver<Offer>>,
    done: Mutex<Done>,
    total: Arc<AtomicU64>,
}

#[derive(Default)]
struct Done {
    imported: Imported,
    looked_at: u64,
}

/// Takes offers until there are no more.
async fn store(door: Door, shared: Arc<Shared>, events: Events) -> anyhow::Result<()> {
    // Opened for the first file: most imports have fewer files than tasks.
    let mut open = None;
    loop {
        let offer = shared.offers.lock().await.recv().await;
        let (fate, what, why) = match offer {
            None => return Ok(()),
            Some(Offer::LeftOut { what, why }) => (Some(Fate::LeftOut), what, why),
            Some(Offer::Unreadable { what, why }) => (Some(Fate::Refused), what, why),
            Some(Offer::File(mut source)) => {
                let way = match open.as_mut() {
                    Some(way) => way,
                    None => open.insert(door.open().await?),
                };
                let verdict = way.store(&mut source).await?;
                let (fate, why) = shared.done.lock().await.add(verdict)?;
                (fate, source.what, why)
            }
        };
        if let Some(fate) = fate {
            events.item(fate, what, why).await;
        }
        shared.advance(fate, &events).await;
    }
}

impl Shared {
    async fn advance(&self, fate: Option<Fate>, events: &Events) {
        let mut done = self.done.lock().await;
        done.looked_at += 1;
        match fate {
            Some(Fate::LeftOut) => done.imported.left_out += 1,
            Some(Fate::Refused) => done.imported.refused += 1,
            Some(Fate::Unsound | Fate::Noted) | None => {}
        }
        let total = self.total.load(Relaxed).max(done.looked_at);
        events.progress(done.looked_at, Some(total), done.imported.bytes);
    }
}

impl Done {
    /// Counts what was stored; says what was not.
    fn add(&mut self, verdict: Verdict) -> anyhow::Result<(Option<Fate>, String)> {
        let done = &mut self.imported;
        match verdict {
            Verdict::Stored { bytes } => {
                done.stored += 1;
                done.bytes += bytes;
            }
            Verdict::Same => done.same += 1,
            Verdict::Version { .. } => done.versions += 1,
            Verdict::NotDicom { why } => return Ok((Some(Fate::LeftOut), why)),
            Verdict::Refused { why } => return Ok((Some(Fate::Refused), why)),
            Verdict::Stopped { why } => anyhow::bail!("nothing can be stored now: {why}"),
        }
        Ok((None, String::new()))
    }
}

/// Counts the files below the paths beside the import; what is counted so far is the bar's length. Entries of a ZIP
/// come on top as they are met.
fn count(paths: Vec<PathBuf>) -> Arc<AtomicU64> {
    let total = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&total);
    tokio::task::spawn_blocking(move || {
        for _ in Walk::of(&paths) {
            counted.fetch_add(1, Relaxed);
            if Arc::strong_count(&counted) == 1 {
                return;
            }
        }
    });
    total
}
