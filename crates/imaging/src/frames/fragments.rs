//! Fragments, and where among them each frame starts.

use std::ops::Range;

use smallvec::SmallVec;

/// Bytes of an item's header, between one fragment and the next.
const HEADER: u64 = 8;

/// The fragments of encapsulated pixel data, without the Basic Offset Table. One follows the other, so where each
/// starts says where the one before it ends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Fragments {
    /// Where the first byte of each is in the data set; one more entry says where the next would be.
    starts: Vec<u64>,
}

impl Fragments {
    /// Adds the fragment whose first byte is at `offset`; offsets of later ones follow from the lengths.
    /// `None` when positions leave 64 bits.
    pub(super) fn push(&mut self, offset: u64, length: u32) -> Option<()> {
        if self.starts.is_empty() {
            self.starts.push(offset);
        }
        let last = self.starts.last()?;
        let next = last.checked_add(u64::from(length))?.checked_add(HEADER)?;
        self.starts.push(next);
        Some(())
    }

    pub(super) fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where the first fragment's first byte is; 0 when there is none.
    pub(super) fn first(&self) -> u64 {
        self.starts.first().copied().unwrap_or_default()
    }

    pub(super) fn lengths(&self) -> impl Iterator<Item = u64> {
        self.each().map(|range| range.end - range.start)
    }

    pub(super) fn ranges(&self, which: Range<usize>) -> SmallVec<[Range<u64>; 1]> {
        let count = which.end.saturating_sub(which.start);
        self.each().skip(which.start).take(count).collect()
    }

    /// Bytes that the fragments take in memory.
    pub(super) fn held(&self) -> usize {
        self.starts.capacity() * size_of::<u64>()
    }

    /// The fragment whose item starts `relative` bytes behind the Basic Offset Table.
    fn at(&self, relative: u64) -> Option<usize> {
        let start = self.first().checked_add(relative)?;
        self.starts.binary_search(&start).ok().filter(|&index| index < self.len())
    }

    fn each(&self) -> impl Iterator<Item = Range<u64>> {
        self.starts.windows(2).filter_map(|pair| match pair {
            [start, next] => Some(*start..next.saturating_sub(HEADER).max(*start)),
            _ => None,
        })
    }
}

/// Which fragment each frame starts with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Starts {
    /// All fragments are one frame.
    One,
    /// Each fragment is a frame.
    Each,
    /// Frames start at these fragments: ascending, below the number of fragments, not empty.
    At(Vec<u32>),
    /// Nobody knows.
    Unknown,
}

impl Starts {
    /// The fragments of a frame (from 0), of `count`; `None` when it has none.
    pub(super) fn frame(&self, index: u32, count: usize) -> Option<Range<usize>> {
        let index = usize::try_from(index).ok()?;
        let range = match self {
            Starts::One if index == 0 => 0..count,
            Starts::Each => index..index.checked_add(1)?,
            Starts::At(starts) => {
                let start = usize::try_from(*starts.get(index)?).ok()?;
                let next = starts.get(index.checked_add(1)?).and_then(|&next| usize::try_from(next).ok());
                start..next.unwrap_or(count)
            }
            Starts::One | Starts::Unknown => return None,
        };
        (range.start < range.end && range.end <= count).then_some(range)
    }
}

/// What tells where frames start.
pub(super) struct Evidence<'a> {
    /// Number of Frames (0028,0008).
    pub(super) frames: u32,
    /// Whether the transfer syntax demands one fragment a frame.
    pub(super) one_each: bool,
    /// Entries of the Basic Offset Table and of the Extended Offset Table (7FE0,0001).
    pub(super) tables: [&'a [u64]; 2],
    /// Fragments that begin with the first bytes of a codestream.
    pub(super) openings: &'a [u32],
    /// Fragments that end with the last bytes of a codestream.
    pub(super) endings: &'a [u32],
}

/// PS3.5 section A.4, and what can be made of pixel data that breaks it.
pub(super) fn resolve(fragments: &Fragments, evidence: &Evidence) -> Starts {
    let count = fragments.len();
    let frames = usize::try_from(evidence.frames).unwrap_or(usize::MAX);
    let tables = evidence.tables.map(|table| believe(fragments, table));
    let openings = Some(evidence.openings.to_vec()).filter(|openings| openings.first() == Some(&0));
    let behind_endings = after(evidence.endings, count);
    let candidates = || tables.iter().chain([&openings, &behind_endings]).flatten();

    if frames == 1 {
        return Starts::One;
    }
    if evidence.one_each || count == frames {
        return Starts::Each;
    }
    if let Some(starts) = candidates().find(|starts| starts.len() == frames) {
        return Starts::At(starts.clone());
    }
    // Number of Frames is wrong: what is there is given out, what is not lies beyond the bytes.
    match candidates().next() {
        Some(starts) => Starts::At(starts.clone()),
        None => Starts::Unknown,
    }
}

/// The fragments that an offset table points at, when every entry is the start of one and they ascend from 0.
fn believe(fragments: &Fragments, table: &[u64]) -> Option<Vec<u32>> {
    let at = |&offset: &u64| fragments.at(offset).and_then(|index| u32::try_from(index).ok());
    let starts: Vec<u32> = table.iter().map(at).collect::<Option<_>>()?;
    let ascending = starts.windows(2).all(|pair| matches!(pair, [a, b] if a < b));
    (starts.first() == Some(&0) && ascending).then_some(starts)
}

/// The fragments that follow an ending, and the first one.
fn after(endings: &[u32], count: usize) -> Option<Vec<u32>> {
    let follows = endings.iter().filter_map(|&index| index.checked_add(1));
    let starts: Vec<u32> =
        std::iter::once(0).chain(follows).filter(|&index| (index as usize) < count).collect();
    (!endings.is_empty()).then_some(starts)
}
