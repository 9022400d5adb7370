//! How often one may guess at links: 20 times in a minute from one address.
//!
//! A link that works is opened whatever others of its address did, so nobody can lock somebody else out.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::guess::network;

/// Guesses of one address in one period.
const MOST: u32 = 20;
/// Seconds.
const PERIOD: i64 = 60;
/// Addresses that are counted: some 1 MiB. One that there is no room for is not counted.
const ADDRESSES: usize = 10_000;

/// Guesses of late.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When a period began, and how many guesses it had.
    guesses: HashMap<IpAddr, (i64, u32)>,
}

impl Pace {
    /// Counts a guess; how many seconds to wait when there were too many.
    pub(super) fn take(&mut self, from: IpAddr, now: i64) -> Result<(), i64> {
        let from = network(from);
        if self.guesses.len() >= ADDRESSES && !self.guesses.contains_key(&from) {
            self.guesses.retain(|_, (began, _)| now < *began + PERIOD);
            if self.guesses.len() >= ADDRESSES {
                return Ok(());
            }
        }
        let (began, count) = self.guesses.entry(from).or_insert((now, 0));
        // A clock that was set back begins anew.
        if now >= *began + PERIOD || now < *began {
            (*began, *count) = (now, 0);
        }
        if *count >= MOST {
            return Err(*began + PERIOD - now);
        }
        *count += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses_of_an_address() {
        let (one, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let mut pace = Pace::default();
        assert_eq!((0..10_000).filter(|_| pace.take(one, 100).is_ok()).count(), 20);
        assert_eq!(pace.take(one, 159), Err(1));
        assert_eq!(pace.take(other, 159), Ok(()));
        assert_eq!(pace.take(one, 160), Ok(()));
        assert_eq!(pace.take(one, 40), Ok(()), "the clock was set back");
    }

    #[test]
    fn memory_is_bounded_and_shuts_nobody_out() {
        let mut pace = Pace::default();
        for n in 0..20_000_u32 {
            assert_eq!(pace.take(IpAddr::V4(n.into()), 0), Ok(()));
        }
        assert_eq!(pace.guesses.len(), ADDRESSES);
        assert_eq!(pace.take("203.0.113.1".parse().unwrap(), 60), Ok(()));
        assert_eq!(pace.guesses.len(), 1);
    }
}
