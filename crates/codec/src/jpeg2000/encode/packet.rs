//! Packets: for each code block of a resolution whether it is there, its empty bit planes, its passes and its length,
//! then their bytes (T.800 B.10).

use super::Band;
use super::block::{Coded, Orientation};

/// Header and body of the only packet of a resolution and a component; `planes` says how many a band may have.
pub(super) fn bytes(bands: &[Band], planes: impl Fn(Orientation) -> u32) -> Vec<u8> {
    let mut header = HeaderBits::default();
    header.put(1, 1);
    for band in bands {
        let most = planes(band.orientation);
        let tree =
            |value: &dyn Fn(&Coded) -> u32| TagTree::new(band.blocks.iter().map(value).collect(), band.size);
        let mut inclusion = tree(&|block| u32::from(block.planes == 0));
        let mut empty_planes = tree(&|block| most.saturating_sub(block.planes));
        for (index, block) in band.blocks.iter().enumerate() {
            inclusion.encode(index, 1, &mut header);
            if block.planes > 0 {
                empty_planes.encode(index, u32::MAX, &mut header);
                passes(block.passes(), &mut header);
                length(block, &mut header);
            }
        }
    }
    let mut bytes = header.finish();
    for block in bands.iter().flat_map(|band| &band.blocks) {
        bytes.extend_from_slice(&block.bytes);
    }
    bytes
}

/// Table B.4.
fn passes(count: u32, header: &mut HeaderBits) {
    match count {
        0..=1 => header.put(0, 1),
        2 => header.put(0b10, 2),
        3..=5 => header.put(0b1100 | (count - 3), 4),
        6..=36 => header.put(0b1111 << 5 | (count - 6), 9),
        _ => header.put(0b1_1111_1111 << 7 | (count - 37), 16),
    }
}

/// B.10.7.1: the bits of the length, three and the passes' logarithm, plus as many as ones come before.
fn length(block: &Coded, header: &mut HeaderBits) {
    let length = block.bytes.len() as u32;
    let offered = 3 + block.passes().max(1).ilog2();
    let needed = u32::BITS - length.leading_zeros();
    let more = needed.saturating_sub(offered);
    for _ in 0..more {
        header.put(1, 1);
    }
    header.put(0, 1);
    header.put(length, offered + more);
}

/// A tag tree (B.10.2): nodes hold the least of the four below.
struct TagTree {
    /// From the leaves to the root.
    levels: Vec<Level>,
}

struct Level {
    width: usize,
    nodes: Vec<Node>,
}

#[derive(Clone, Copy)]
struct Node {
    value: u32,
    /// What the reader knows the value is not below.
    told: u32,
    known: bool,
}

impl TagTree {
    fn new(leaves: Vec<u32>, [mut width, mut height]: [usize; 2]) -> Self {
        let mut values = leaves;
        let mut levels = Vec::new();
        loop {
            let node = |value: &u32| Node { value: *value, told: 0, known: false };
            levels.push(Level { width, nodes: values.iter().map(node).collect() });
            if values.len() <= 1 {
                return Self { levels };
            }
            let parents = width.div_ceil(2);
            let mut above = vec![u32::MAX; parents * height.div_ceil(2)];
            for (index, value) in values.iter().enumerate() {
                if let Some(parent) = above.get_mut(index / width / 2 * parents + index % width / 2) {
                    *parent = (*parent).min(*value);
                }
            }
            (values, width, height) = (above, parents, height.div_ceil(2));
        }
    }

    /// Tells whether a leaf's value is below the threshold, and which one it is.
    fn encode(&mut self, leaf: usize, threshold: u32, header: &mut HeaderBits) {
        let width = self.levels.first().map_or(1, |level| level.width.max(1));
        let (x, y) = (leaf % width, leaf / width);
        let mut low = 0;
        for (height, level) in self.levels.iter_mut().enumerate().rev() {
            let Some(node) = level.nodes.get_mut((y >> height) * level.width + (x >> height)) else { return };
            low = node.told.max(low);
            while low < threshold && !node.known {
                node.known = low >= node.value;
                header.put(u32::from(node.known), 1);
                low += u32::from(!node.known);
            }
            node.told = low;
        }
    }
}

/// Bits of a packet header: after a byte FF, the next one starts with a 0 (B.10.1).
#[derive(Default)]
struct HeaderBits {
    bytes: Vec<u8>,
    cache: u8,
    used: u32,
}

impl HeaderBits {
    /// So many low bits of a number, the highest first.
    fn put(&mut self, bits: u32, count: u32) {
        for place in (0..count).rev() {
            self.cache = self.cache << 1 | (bits >> place & 1) as u8;
            self.used += 1;
            if self.used == self.room() {
                self.bytes.push(self.cache);
                (self.cache, self.used) = (0, 0);
            }
        }
    }

    fn room(&self) -> u32 {
        if self.bytes.last() == Some(&0xFF) { 7 } else { 8 }
    }

    /// Fills the last byte; none may be FF.
    fn finish(mut self) -> Vec<u8> {
        if self.used > 0 || self.room() == 7 {
            self.bytes.push(self.cache << (self.room() - self.used));
        }
        self.bytes
    }
}
