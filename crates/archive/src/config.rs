//! The archive's limits, each with its cost.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use model::scan::Limits;

use crate::{Decoders, Holds};

/// Limits and policy of the archive.
#[derive(Clone, Debug)]
pub struct Config {
    /// Limits of the data-set scanner.
    pub scan: Limits,
    /// Largest instance in bytes of its encoded data set. Default 8 GiB; costs disk only.
    pub instance_max: u64,
    /// Instances received at the same moment, three quarters of them of one principal at most; who comes later waits.
    /// Default 96; at worst 2 MiB each is held (two steps of [`Config::step`] and [`Config::small_metadata`]), so 192 MiB
    /// in all.
    pub receiving: usize,
    /// Bytes collected before they are hashed, scanned and written in one step off the async threads. Default 256 KiB.
    pub step: usize,
    /// Bytes of DICOM JSON that any instance may grow to. Default 1 MiB.
    pub small_metadata: usize,
    /// Instances that may grow past [`Config::small_metadata`] at the same moment; others wait. Default 2.
    pub large_metadata_lanes: usize,
    /// Bytes of DICOM JSON beyond which an instance is refused. Default 96 MiB: a structure set with 40 MB of
    /// contours passes. At worst lanes x 2 x this is held.
    pub metadata_max: usize,
    /// Bytes on disk kept for inflated copies of deflated data sets. Default 1 GiB.
    pub inflated_cache: u64,
    /// Bytes of memory for rendered pictures and documents. Default 64 MiB, some 5,000 thumbnails; 0 keeps none.
    pub rendered_cache: u64,
    /// Which SOP Classes may be stored.
    pub classes: Classes,
    /// Most results of one search, whatever `limit` asks for. Default 1,000; costs about 2 KiB of answer each.
    pub search_max: u32,
    /// Zone of dates and times of data sets that do not say theirs, in minutes east of UTC. Default 0.
    pub zone: i64,
    /// Most versions that one deletion takes out. Default 50,000; costs some 400 bytes of memory each, and the index writes
    /// nothing else meanwhile.
    pub remove_max: u32,
    /// Most versions that one erasure takes. Default 200,000; costs some 500 bytes of memory each, and the index writes
    /// nothing else meanwhile.
    pub erase_max: u32,
    /// How long the bytes of what was deleted stay on disk. Default 1 minute.
    pub purge_after: Duration,
    /// The rejection notes that hide what they name, by the code value of their title. Default all of
    /// [`crate::REJECTION_TITLES`].
    pub rejection_notes: Vec<String>,
    /// Most instances of one storage commitment request. Default 10,000; each is kept with some 200 bytes.
    pub commitment_instances: usize,
    /// Most storage commitment requests of one principal that are pending or whose result is kept. Default 1,000.
    pub commitment_requests: u32,
    /// How long the result of a storage commitment request is kept; that it was is known four times as long. Default 7
    /// days.
    pub commitment_keep: Duration,
    /// How long a storage commitment request is waited for before it is told to ask again. Default 2 s.
    pub commitment_wait: Duration,
    /// Who knows what must not be deleted. Without, nothing is held.
    pub holds: Option<Arc<dyn Holds>>,
    /// Who decodes and encodes images.
    pub decoders: Decoders,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            scan: Limits::default(),
            instance_max: 8 << 30,
            receiving: 96,
            step: 256 << 10,
            small_metadata: 1 << 20,
            large_metadata_lanes: 2,
            metadata_max: 96 << 20,
            inflated_cache: 1 << 30,
            rendered_cache: 64 << 20,
            classes: Classes::default(),
            search_max: 1_000,
            zone: 0,
            remove_max: 50_000,
            erase_max: 200_000,
            purge_after: Duration::from_secs(60),
            rejection_notes: crate::REJECTION_TITLES.map(str::to_owned).to_vec(),
            commitment_instances: 10_000,
            commitment_requests: 1_000,
            commitment_keep: Duration::from_secs(7 * 86_400),
            commitment_wait: Duration::from_secs(2),
            holds: None,
            decoders: Decoders::default(),
        }
    }
}

/// The SOP Classes that may be stored: the Standard's storage classes and a list of private ones.
#[derive(Clone, Debug)]
pub struct Classes {
    private: HashSet<String>,
}

impl Classes {
    /// The Standard's storage classes, and these.
    pub fn with_private(private: impl IntoIterator<Item = String>) -> Self {
        Self { private: private.into_iter().collect() }
    }

    /// Whether instances of this class are taken in.
    pub fn accepts(&self, uid: &str) -> bool {
        model::sop_class::is_storage(uid) || self.private.contains(uid)
    }
}

impl Default for Classes {
    fn default() -> Self {
        Self::with_private(model::sop_class::PRIVATE_STORAGE.iter().map(|(uid, _)| (*uid).to_owned()))
    }
}
