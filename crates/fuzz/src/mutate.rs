//! What is done to an input to make another.

use crate::Random;

/// Lengths and numbers that parsers trip over.
const EDGES: [u64; 22] = [
    0,
    1,
    2,
    3,
    4,
    8,
    0x7F,
    0x80,
    0xFF,
    0x100,
    0x7FFF,
    0x8000,
    0xFFFE,
    0xFFFF,
    0x1_0000,
    0x10_0000,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFFE,
    0xFFFF_FFFF,
    0x1_0000_0000,
    u64::MAX,
];

/// A mutation of one of the pool, at most `longest` bytes.
pub(crate) fn mutate(pool: &[Vec<u8>], words: &[&[u8]], longest: usize, random: &mut Random) -> Vec<u8> {
    let mut input = pool[random.below(pool.len())].clone();
    for _ in 0..=random.below(4) + if random.once_in(8) { random.below(16) } else { 0 } {
        change(&mut input, pool, words, random);
    }
    input.truncate(longest);
    input
}

fn change(input: &mut Vec<u8>, pool: &[Vec<u8>], words: &[&[u8]], random: &mut Random) {
    let at = random.below(input.len() + 1);
    match random.below(12) {
        0 => flip(input, random),
        1 => overwrite(input, at, &[random.number() as u8]),
        2 | 3 => {
            let number = EDGES[random.below(EDGES.len())].wrapping_add(random.number() % 3).wrapping_sub(1);
            let width = [1, 2, 4, 8][random.below(4)];
            let bytes = if random.once_in(2) {
                number.to_le_bytes()[..width].to_vec()
            } else {
                number.to_be_bytes()[8 - width..].to_vec()
            };
            overwrite(input, at, &bytes);
        }
        4 => adjust(input, at, random),
        5 => insert(input, at, &word(words, random)),
        6 => overwrite(input, at, &word(words, random)),
        7 => {
            let until = (at + 1 + random.below(32)).min(input.len());
            input.drain(at..until);
        }
        8 => input.truncate(at),
        9 => {
            let until = (at + 1 + random.below(64)).min(input.len());
            let piece = input[at..until].to_vec();
            let most = if random.once_in(16) { 200 } else { 3 };
            for _ in 0..=random.below(most) {
                insert(input, at, &piece);
            }
        }
        10 => {
            let other = &pool[random.below(pool.len())];
            let from = random.below(other.len() + 1);
            let until = (from + random.below(200)).min(other.len());
            insert(input, at, &other[from..until]);
        }
        _ => {
            let other = &pool[random.below(pool.len())];
            input.truncate(at);
            let from = random.below(other.len() + 1);
            input.extend_from_slice(&other[from..]);
        }
    }
}

fn flip(input: &mut [u8], random: &mut Random) {
    let at = random.below(input.len());
    if let Some(byte) = input.get_mut(at) {
        *byte ^= 1 << random.below(8);
    }
}

/// Adds a little to, or takes a little from, a number of two or four bytes.
fn adjust(input: &mut [u8], at: usize, random: &mut Random) {
    let by = (random.number() % 35) as u32;
    if let Some(bytes) = input.get_mut(at..at + 2) {
        let number = u16::from_le_bytes([bytes[0], bytes[1]]).wrapping_add(by as u16).wrapping_sub(17);
        bytes.copy_from_slice(&number.to_le_bytes());
    }
}

fn word(words: &[&[u8]], random: &mut Random) -> Vec<u8> {
    match words {
        [] => vec![random.number() as u8],
        words => words[random.below(words.len())].to_vec(),
    }
}

fn insert(input: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    input.splice(at..at, bytes.iter().copied());
}

fn overwrite(input: &mut [u8], at: usize, bytes: &[u8]) {
    for (byte, new) in input.iter_mut().skip(at).zip(bytes) {
        *byte = *new;
    }
}
