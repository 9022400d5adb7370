//! The archive: store, search, retrieve, verify. The only writer of index and blobs, and the only place where
//! durability is decided.
//!
//! An instance streams through [`Incoming`] to the spool, is flushed once, gets its index row and becomes a
//! [`Stored`], the only proof of success there is. Everything read goes through a [`access::Principal`]'s scope and is
//! checked against its sums before it leaves. This crate must not know DIMSE or HTTP.

mod backup;
mod bulk;
mod columns;
mod commitment;
mod config;
mod dataset;
mod decoders;
mod erase;
mod error;
mod expire;
mod fresh;
mod head;
mod hold;
mod image;
mod incoming;
mod inflated;
mod parse;
mod pixels;
mod place;
mod places;
mod purge;
mod quarantine;
mod rebuild;
mod recover;
mod reject;
mod remove;
mod rendered;
mod retrieve;
mod scratch;
mod search;
mod stored;
mod tombstone;
mod transcode;
mod turn;
pub mod unpack;
mod verify;
mod work;

use std::sync::Arc;

use blob::Blobs;
use index::Index;
use tokio::sync::Semaphore;

pub use backup::BackupReport;
pub use bulk::{BulkPart, PixelValue, Which};
pub use commitment::{Commitment, CommitmentError, Failure, Reference, Verdict};
pub use config::{Classes, Config};
pub use dataset::{DataSet, Form, Part10};
pub use decoders::Decoders;
pub use erase::{ErasedHolding, Erasure, Subject};
pub use error::{ReadError, ReadErrorKind, StoreError, StoreErrorKind};
pub use expire::Age;
pub use hold::Holds;
pub use imaging::transcode::possible as possible_syntaxes;
pub use incoming::{Announced, Framing, Identity, Incoming};
pub use index::{Cursor, Group, Hidden, InstanceRecord, Level, RemovalHead, Target, Totals};
pub use rebuild::{RebuildReport, rebuild};
pub use recover::Recovered;
pub use reject::REJECTION_TITLES;
pub use remove::Deleted;
pub use rendered::{Kind, Patience, Showable};
pub use retrieve::{BulkItem, FrameItem, Frames, Instances, Metadata, MetadataItem, Transcoded};
pub use scratch::{Scratch, ScratchReader};
pub use search::{Include, Query, SearchPage, SearchResult, Wanted};
pub use stored::{Outcome, Stored};
pub use verify::{Problem, VerifyReport};

/// The archive. Cheap to clone.
#[derive(Clone)]
pub struct Archive {
    shared: Arc<Shared>,
}

/// What every clone shares.
struct Shared {
    config: Config,
    blobs: Blobs,
    index: Arc<dyn Index>,
    /// Sequences, and the order of commits.
    turns: turn::Turns,
    /// One place for each instance that is being received.
    receiving: places::Places,
    /// Permits for instances whose metadata grows past [`Config::small_metadata`].
    large: Arc<Semaphore>,
    placer: place::Placer,
    purger: purge::Purger,
    /// Held by whoever gives final names or takes them away.
    names: Arc<tokio::sync::Mutex<()>>,
    suspects: quarantine::Suspects,
    committer: commitment::Committer,
    inflated: inflated::Cache,
    rendered: rendered::Cache,
}

impl Archive {
    /// Opens the archive over its index and blobs, takes back what a crash left in the spool, and starts placing.
    ///
    /// `left` is what [`Blobs::open`] found in the spool. Returns when every acknowledged instance is searchable again.
    ///
    /// # Errors
    /// [`ReadError`] when index or blobs cannot be read.
    pub async fn open(
        config: Config,
        blobs: Blobs,
        left: Vec<blob::SpoolEntry>,
        index: Arc<dyn Index>,
    ) -> Result<(Self, Recovered), ReadError> {
        let names = Arc::default();
        let recovered = recover::recover(&config, &blobs, left, index.as_ref()).await?;
        let shared = Shared {
            turns: turn::Turns::after(recovered.last_sequence),
            receiving: places::Places::new(config.receiving),
            large: Arc::new(Semaphore::new(config.large_metadata_lanes)),
            placer: place::Placer::start(blobs.clone(), Arc::clone(&index), Arc::clone(&names)),
            purger: purge::Purger::start(
                blobs.clone(),
                Arc::clone(&index),
                Arc::clone(&names),
                config.purge_after,
            ),
            names,
            suspects: quarantine::Suspects::default(),
            committer: commitment::Committer::new(),
            inflated: inflated::Cache::new(&blobs, config.inflated_cache)?,
            rendered: rendered::Cache::new(config.rendered_cache),
            config,
            blobs,
            index,
        };
        let archive = Self { shared: Arc::new(shared) };
        archive.queue_unplaced().await?;
        fresh::refresh(&archive.shared).await;
        archive.shared.committer.start(&archive.shared).await;
        Ok((archive, recovered))
    }

    /// Waits until the disk has failed under the index. Nothing is stored or deleted any more from then on, until the
    /// archive is opened anew, which takes back from the spool what was answered.
    pub async fn failed(&self) -> ReadError {
        self.shared.index.failed().await.into()
    }

    /// Counts of what is held.
    ///
    /// # Errors
    /// [`ReadError`] when the index cannot be read.
    pub async fn totals(&self) -> Result<Totals, ReadError> {
        Ok(self.shared.index.totals().await?)
    }

    /// Counts of what is out of sight: deleted, rejected, damaged.
    ///
    /// # Errors
    /// [`ReadError`] when the index cannot be read.
    pub async fn hidden(&self) -> Result<Hidden, ReadError> {
        Ok(self.shared.index.hidden().await?)
    }

    /// Files and bytes in the spool: durable, searchable, waiting for their final place.
    pub fn spooled(&self) -> (u64, u64) {
        self.shared.blobs.spooled()
    }

    /// Whether instances can be taken in now: the disk has room above the reserve and passed its last health check.
    pub fn accepts(&self) -> bool {
        !self.shared.blobs.room().reserve && !self.shared.blobs.is_poisoned()
    }

    /// Places what is in the spool and stops placing. Call after the last store.
    pub async fn close(&self) {
        self.shared.committer.finish().await;
        self.shared.suspects.finish().await;
        self.shared.placer.finish().await;
        self.shared.purger.finish().await;
    }

    async fn queue_unplaced(&self) -> Result<(), ReadError> {
        let mut after = None;
        loop {
            let page = self.shared.index.unplaced(after, 1_000).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.row);
            for record in &page {
                self.shared.placer.queue(record);
            }
        }
    }
}
