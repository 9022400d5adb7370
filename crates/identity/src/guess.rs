//! Guessing: whoever guesses waits longer and longer, and nobody else does.
//!
//! What is counted is the pair of an address and a name. A stranger who guesses at a doctor's password is shut out from
//! where he is; the doctor, who comes from elsewhere, notices nothing.

use std::collections::HashMap;
use std::net::IpAddr;

/// Failures that cost nothing: fingers slip.
const FREE: u32 = 5;
/// The first wait in seconds; it doubles with each failure after.
const FIRST_WAIT: i64 = 2;
/// The longest wait, in seconds.
const LONGEST_WAIT: i64 = 15 * 60;
/// Pairs that are remembered: some 1.5 MiB with names of usual length. The one that failed longest ago is forgotten first.
const PAIRS: usize = 10_000;
/// Bytes of a name that are looked at.
const NAME: usize = 64;

/// Failures of late.
#[derive(Debug, Default)]
pub struct Guesses {
    pairs: HashMap<(IpAddr, String), Failures>,
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: i64,
}

impl Guesses {
    /// How many seconds this pair must wait before its next try is looked at; 0 for none.
    pub fn wait(&self, from: IpAddr, name: &str, now: i64) -> i64 {
        let Some(failures) = self.pairs.get(&key(from, name)) else { return 0 };
        let Some(beyond) = failures.count.checked_sub(FREE) else { return 0 };
        let wait = FIRST_WAIT.saturating_mul(1 << beyond.min(20)).min(LONGEST_WAIT);
        (failures.last + wait - now).clamp(0, LONGEST_WAIT)
    }

    /// A try failed.
    pub fn failed(&mut self, from: IpAddr, name: &str, now: i64) {
        let key = key(from, name);
        if !self.pairs.contains_key(&key) && self.pairs.len() >= PAIRS {
            let oldest =
                self.pairs.iter().min_by_key(|(_, failures)| failures.last).map(|(key, _)| key.clone());
            oldest.map(|oldest| self.pairs.remove(&oldest));
        }
        let failures = self.pairs.entry(key).or_insert(Failures { count: 0, last: now });
        failures.count = failures.count.saturating_add(1);
        failures.last = now;
    }

    /// A try succeeded: the pair begins anew.
    pub fn succeeded(&mut self, from: IpAddr, name: &str) {
        self.pairs.remove(&key(from, name));
    }
}

fn key(from: IpAddr, name: &str) -> (IpAddr, String) {
    (network(from), name.to_lowercase().chars().take(NAME).collect())
}

/// Of an IPv6 address the network that one customer has (RFC 6177): else each guess would have an address of its own.
pub(crate) fn network(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) & !(u128::MAX >> 64)).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_does_not_lock_a_doctor_out() {
        let (stranger, doctor) = ("192.0.2.1".parse().unwrap(), "198.51.100.1".parse().unwrap());
        let mut guesses = Guesses::default();
        // 10,000 guesses, each as soon as it is allowed: a day holds no more than about a hundred.
        let (mut now, mut tried) = (0, 0);
        while now < 86_400 {
            now += guesses.wait(stranger, "miller", now);
            guesses.failed(stranger, "Miller", now);
            tried += 1;
        }
        assert!((90..120).contains(&tried), "{tried}");
        assert!(guesses.wait(stranger, "miller", now) > 800);
        assert_eq!(guesses.wait(doctor, "miller", now), 0, "from elsewhere it counts for nothing");
        assert_eq!(guesses.wait(stranger, "other", now), 0);
        guesses.succeeded(stranger, "miller");
        assert_eq!(guesses.wait(stranger, "miller", now), 0);
    }

    #[test]
    fn waits_double() {
        let from = "2001:db8::1".parse().unwrap();
        let mut guesses = Guesses::default();
        for expected in [0, 0, 0, 0, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
            guesses.failed(from, "a", 0);
            assert_eq!(guesses.wait(from, "a", 0), expected);
        }
        assert_eq!(guesses.wait("2001:db8::ffff".parse().unwrap(), "a", 0), 900, "the same network");
        assert_eq!(guesses.wait("2001:db8:0:1::1".parse().unwrap(), "a", 0), 0);
        assert_eq!(guesses.wait(from, "a", 900), 0);
    }

    #[test]
    fn memory_is_bounded() {
        let from = "192.0.2.1".parse().unwrap();
        let mut guesses = Guesses::default();
        for n in 0..PAIRS + 50 {
            guesses.failed(from, &n.to_string(), n as i64);
        }
        assert_eq!(guesses.pairs.len(), PAIRS);
        assert!(guesses.pairs.contains_key(&key(from, &(PAIRS + 49).to_string())));
    }
}
