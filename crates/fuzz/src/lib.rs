//! Fuzzing on stable Rust, as ordinary tests: a seeded mutator, a kept corpus, and a search that follows new behaviour.
//!
//! A target is a function over bytes that panics when something is wrong and returns a number for how it behaved.
//! Inputs that behave in a new way join the pool and are mutated further, which stands in for coverage. What panics,
//! takes too long or too much memory is written to the corpus, where every later run meets it first.
//!
//! It must not know any parser: the targets in `tests/` do.

mod corpus;
mod mutate;
mod random;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

pub use corpus::files;
pub use random::Random;

/// How long each target is run when `OVERREAD_FUZZ_SECONDS` does not say otherwise.
const SECONDS: u64 = 10;
/// The longest that one input may take.
const SLOWEST: Duration = Duration::from_secs(5);
/// The most memory that the test process may ever have held, in bytes.
const MEMORY: u64 = 512 << 20;
/// The most inputs that are kept in memory for mutation.
const POOL: usize = 4_096;
/// Behaviours that are told apart at most: beyond them none is new. Some 36 MiB.
const BEHAVIOURS: usize = 2_000_000;

/// What to fuzz with.
pub struct Target<'a> {
    /// The folder in `corpus/` whose files are run first and mutated.
    pub name: &'a str,
    /// Inputs to start from beside the kept ones.
    pub seeds: Vec<Vec<u8>>,
    /// Byte strings that the format gives a meaning.
    pub words: &'a [&'a [u8]],
    /// The longest input, in bytes.
    pub longest: usize,
}

/// A number that is the same for the same behaviour: what a target returns.
pub fn behaviour(parts: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

/// The order of magnitude of a number, so that counts do not make every input look new.
pub fn magnitude(number: usize) -> u32 {
    usize::BITS - number.leading_zeros()
}

impl Target<'_> {
    /// Runs the kept inputs and the seeds, then mutations of them until the time is over.
    ///
    /// # Panics
    /// With the input's file name and the seed, when `run` panics, an input takes longer than 5 s, or the process grew
    /// beyond 512 MiB.
    pub fn fuzz(&self, run: impl Fn(&[u8], &mut Random) -> u64) {
        let seed = setting("OVERREAD_FUZZ_SEED").unwrap_or_else(random::by_the_clock);
        let time = Duration::from_secs(setting("OVERREAD_FUZZ_SECONDS").unwrap_or(SECONDS));
        let mut random = Random::new(seed);
        let mut pool: Vec<Vec<u8>> =
            files(&corpus::folder(self.name)).chain(self.seeds.iter().cloned()).collect();
        let mut seen = HashSet::new();
        for input in &pool {
            seen.insert(self.run_one(input, seed, &mut random, &run));
        }
        if pool.is_empty() {
            pool.push(Vec::new());
        }
        let start = Instant::now();
        let mut count = 0_u64;
        while start.elapsed() < time {
            let input = mutate::mutate(&pool, self.words, self.longest, &mut random);
            count += 1;
            let behaviour = self.run_one(&input, seed, &mut random, &run);
            if seen.len() < BEHAVIOURS && seen.insert(behaviour) {
                if pool.len() < POOL {
                    pool.push(input);
                } else {
                    let at = random.below(POOL);
                    pool[at] = input;
                }
            }
        }
        println!(
            "{}: {count} inputs, {} behaviours, {} in the pool, seed {seed}",
            self.name,
            seen.len(),
            pool.len()
        );
    }

    fn run_one(
        &self,
        input: &[u8],
        seed: u64,
        random: &mut Random,
        run: &impl Fn(&[u8], &mut Random) -> u64,
    ) -> u64 {
        let start = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| run(input, random)));
        let wrong = match &result {
            Err(_) => Some("panicked".to_owned()),
            Ok(_) if start.elapsed() > SLOWEST => Some(format!("took {:?}", start.elapsed())),
            Ok(_) if start.elapsed() > Duration::from_millis(50) && held() > MEMORY => {
                Some("took too much memory".to_owned())
            }
            Ok(_) => None,
        };
        match (result, wrong) {
            (Ok(behaviour), None) => behaviour,
            (result, wrong) => {
                let file = corpus::keep(self.name, input);
                eprintln!(
                    "{}: {} {}; OVERREAD_FUZZ_SEED={seed}",
                    self.name,
                    file.display(),
                    wrong.unwrap_or_default()
                );
                match result {
                    Err(panic) => resume_unwind(panic),
                    Ok(_) => panic!("see above"),
                }
            }
        }
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// The most memory that this process ever held, in bytes; 0 where the system does not say.
fn held() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).map_or(0, |kib| kib << 10)
}
