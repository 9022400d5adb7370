//! How often one may ask: each address, each principal, and each address whose credentials are wrong.
//!
//! Each has an allowance that fills steadily, up to that of [`BURST`]; what is asked beyond it is answered 429 with the
//! time until there is some again. An address that the table has no room for is not counted: a limit must not become
//! a way to shut others out.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use access::{Door, Principal};
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};

use crate::config::Limits;
use crate::refusal::Refusal;

/// What may be asked at once after a pause, as time of the steady allowance.
const BURST: Duration = Duration::from_secs(10);
/// Entries of one table: some 5 MiB at worst.
const MOST: usize = 50_000;

/// The three limits of a gateway.
pub(crate) struct Rates {
    addresses: Rate<IpAddr>,
    principals: Rate<String>,
    failures: Rate<IpAddr>,
}

impl Rates {
    pub(crate) fn new(limits: &Limits) -> Self {
        let second = Duration::from_secs(1);
        Self {
            addresses: Rate::new(limits.requests_per_address, second, BURST),
            principals: Rate::new(limits.requests_per_principal, second, BURST),
            // A minute's worth may come at once: a client that was given a new token tries the old one some times.
            failures: Rate::new(limits.failures_per_address, 6 * BURST, 6 * BURST),
        }
    }

    /// Counts a request from this address. Loopback is not counted: a reverse proxy brings everybody from there.
    pub(crate) fn address(&self, address: IpAddr) -> Result<(), Refusal> {
        counted(address).map_or(Ok(()), |address| self.addresses.take(address, "address"))
    }

    /// Counts a request of this principal; whoever tries the server out on its own machine is nobody in particular.
    pub(crate) fn principal(&self, who: &Principal) -> Result<(), Refusal> {
        match who.door() {
            Door::Loopback | Door::Console => Ok(()),
            _ => self.principals.take(who.to_string(), "principal"),
        }
    }

    /// Counts credentials that were wrong. Those that are right are let in whatever others of the address did, so
    /// nobody can lock somebody else out.
    pub(crate) fn failure(&self, address: IpAddr) -> Result<(), Refusal> {
        counted(address).map_or(Ok(()), |address| self.failures.take(address, "failures"))
    }
}

/// What is counted as one: an IPv4 address, or an IPv6 network of 64 bits, which is what one subscriber has.
fn counted(address: IpAddr) -> Option<IpAddr> {
    let address = match address.to_canonical() {
        IpAddr::V6(ip) if !ip.is_loopback() => IpAddr::V6((ip.to_bits() >> 64 << 64).into()),
        address => address,
    };
    (!address.is_loopback()).then_some(address)
}

/// One limit: `count` in each `period`, evenly, and `burst` of it at once.
struct Rate<K> {
    start: Instant,
    interval: Duration,
    burst: Duration,
    table: Mutex<Table<K>>,
}

struct Table<K> {
    /// When, counted from `start`, all that was asked will have been earned.
    earned: HashMap<K, Duration>,
    swept: Duration,
}

impl<K: Eq + Hash> Rate<K> {
    fn new(count: u32, period: Duration, burst: Duration) -> Self {
        let table = Table { earned: HashMap::new(), swept: Duration::ZERO };
        Self { start: Instant::now(), interval: period / count.max(1), burst, table: Mutex::new(table) }
    }

    fn take(&self, key: K, kind: &'static str) -> Result<(), Refusal> {
        let Err(wait) = self.take_at(key, self.start.elapsed()) else { return Ok(()) };
        metrics::counter!("overread_http_limited_total", "limit" => kind).increment(1);
        Err(too_many(wait))
    }

    /// Takes one at this moment; how long to wait when there is none.
    fn take_at(&self, key: K, now: Duration) -> Result<(), Duration> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if table.earned.len() >= MOST && !table.earned.contains_key(&key) && !table.sweep(now) {
            return Ok(());
        }
        let earned = table.earned.entry(key).or_default();
        let next = (*earned).max(now) + self.interval;
        match next.checked_sub(now + self.burst.max(self.interval)) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => {
                *earned = next;
                Ok(())
            }
        }
    }
}

impl<K: Eq + Hash> Table<K> {
    /// Forgets those that have their whole allowance, at most once a second; whether there is room now.
    fn sweep(&mut self, now: Duration) -> bool {
        if now >= self.swept + Duration::from_secs(1) {
            self.swept = now;
            self.earned.retain(|_, earned| *earned > now);
        }
        self.earned.len() < MOST
    }
}

fn too_many(wait: Duration) -> Refusal {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let detail = format!("Too many requests. Try again in {seconds} s.");
    let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, detail);
    refusal.with(RETRY_AFTER, HeaderValue::from(seconds))
}

#[cfg(test)]
mod tests {
    use access::{CustodianId, Reach, Rights};

    use super::*;

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn an_allowance_fills_steadily() {
        let rate = Rate::new(2, seconds(1.0), seconds(10.0));
        let taken = |key: &'static str, at: f64| rate.take_at(key, seconds(at));
        assert_eq!((0..20).filter(|_| taken("one", 5.0).is_ok()).count(), 20, "ten seconds' worth at once");
        assert_eq!(taken("one", 5.0), Err(seconds(0.5)));
        assert_eq!(taken("other", 5.0), Ok(()));
        assert_eq!(taken("one", 5.5), Ok(()));
        assert_eq!(taken("one", 5.5), Err(seconds(0.5)));
        assert_eq!(
            (0..30).filter(|_| taken("one", 100.0).is_ok()).count(),
            20,
            "no more than that after a pause"
        );
    }

    #[test]
    fn a_full_table_shuts_nobody_out() {
        let rate = Rate::new(1, seconds(1.0), seconds(1.0));
        for key in 0..MOST {
            assert_eq!(rate.take_at(key, seconds(2.0)), Ok(()));
        }
        for _ in 0..3 {
            assert_eq!(rate.take_at(MOST, seconds(2.0)), Ok(()), "not counted");
        }
        assert!(rate.take_at(7, seconds(2.0)).is_err(), "those in the table are");
        assert_eq!(rate.take_at(MOST, seconds(4.0)), Ok(()));
        assert!(rate.take_at(MOST, seconds(4.0)).is_err(), "there is room again");
    }

    #[test]
    fn who_is_counted_together() {
        for (one, other, together) in [
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("2001:db8::1", "2001:db8::ffff:1", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
        ] {
            let [one, other] = [one, other].map(|text| counted(text.parse().expect("an address")));
            assert!(one.is_some() && (one == other) == together, "{one:?} {other:?}");
        }
        for loopback in ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(counted(loopback.parse().expect("an address")), None, "{loopback}");
        }
    }

    #[test]
    fn refusals_say_when_to_come_again() {
        let limits = Limits { failures_per_address: 6, requests_per_principal: 1, ..Limits::default() };
        let rates = Rates::new(&limits);
        let address: IpAddr = "192.0.2.1".parse().expect("an address");
        let refused = (0..7).find_map(|_| rates.failure(address).err()).expect("a refusal");
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        assert!(format!("{refused:?}").contains("retry-after"));
        let reader =
            |name| Principal::new(Door::Token, name, CustodianId::local(), Rights::ALL, Reach::Everything);
        assert_eq!((0..12).filter(|_| rates.principal(&reader("one")).is_ok()).count(), 10);
        assert!(rates.principal(&reader("other")).is_ok());
        assert!((0..100).all(|_| rates.principal(&Principal::loopback()).is_ok()));
    }
}
