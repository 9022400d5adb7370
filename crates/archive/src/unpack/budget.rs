//! What a ZIP may unpack to.

use std::cell::Cell;
use std::io::{self, Read};

/// Bytes that come out of a ZIP for each byte that lies in it.
const RATIO: u64 = 100;
/// Bytes that any ZIP may give, however small it is.
const FLOOR: u64 = 16 << 20;

/// The bytes that one ZIP may still give. A study packs to a third of its size, a blank image to a hundredth; what
/// gives more than a hundred times its size as a whole is made to fill disks.
pub(super) struct Budget {
    left: Cell<u64>,
}

impl Budget {
    /// For a ZIP of this length in bytes.
    pub(super) fn of(length: u64) -> Self {
        Self { left: Cell::new(length.saturating_mul(RATIO).saturating_add(FLOOR)) }
    }

    /// Whether nothing more may come out.
    pub(super) fn is_spent(&self) -> bool {
        self.left.get() == 0
    }

    /// The reader, drawing on this budget.
    pub(super) fn metered<R: Read>(&self, read: R) -> Metered<'_, R> {
        Metered { budget: self, read }
    }
}

/// A reader that fails when the budget is spent.
pub(super) struct Metered<'a, R> {
    budget: &'a Budget,
    read: R,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.read.read(buffer)?;
        let left = self.budget.left.get().saturating_sub(read as u64);
        self.budget.left.set(left);
        if left == 0 {
            return Err(io::Error::other(SPENT));
        }
        Ok(read)
    }
}

/// Why no more comes out of a ZIP.
pub(super) const SPENT: &str = "the ZIP unpacks to more than 100 times its size";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_shared_by_the_entries() {
        let budget = Budget::of(0);
        let mut one = budget.metered(io::repeat(0).take(FLOOR - 10));
        assert_eq!(io::copy(&mut one, &mut io::sink()).unwrap(), FLOOR - 10);
        assert!(!budget.is_spent());
        let mut other = budget.metered(io::repeat(0).take(11));
        assert!(io::copy(&mut other, &mut io::sink()).is_err());
        assert!(budget.is_spent());
    }
}
