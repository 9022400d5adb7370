//! What the JSON of one instance may cost.

/// Which values go into the JSON and which behind a URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest OB, OD, OF, OL, OV, OW or UN value that is in the JSON, in bytes. Default 4,096.
    pub inline: usize,
    /// A value of this many bytes or more goes behind a URI when its VR may (PS3.18 section F.2.6). Default 65,536,
    /// which is also the longest value that the scanner holds.
    pub whole: usize,
    /// Beyond this much JSON, values of more than 512 bytes go behind a URI when their VR may: the contours of a large
    /// structure set. Default 4 MiB.
    pub crowded: usize,
    /// Most memory that one writer takes, in bytes: JSON, table and open levels. Nothing is written beyond it, and
    /// [`JsonWriter::len`](super::JsonWriter::len) says so. Default 96 MiB, in the worst case for each instance that
    /// is being received.
    pub total: usize,
}

impl Limits {
    /// Longest value that stays in the JSON once it is crowded, in bytes.
    pub(super) const CROWDED_VALUE: usize = 512;
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { inline: 4_096, whole: 65_536, crowded: 4 << 20, total: 96 << 20 }
    }
}
