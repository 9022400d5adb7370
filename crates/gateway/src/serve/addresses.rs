//! How many connections there may be, in all and from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts connections.
#[derive(Clone)]
pub(super) struct Addresses {
    counts: Arc<Mutex<Counts>>,
    most: usize,
    most_of_one: usize,
}

#[derive(Default)]
struct Counts {
    all: usize,
    of: HashMap<IpAddr, usize>,
}

/// A connection's place; leaving it makes room for another.
pub(super) struct Place {
    addresses: Addresses,
    address: IpAddr,
}

impl Addresses {
    pub(super) fn new(most: usize, most_of_one: usize) -> Self {
        Self { counts: Arc::default(), most, most_of_one }
    }

    /// A place for a connection from this address; `None` when there is none. Loopback is not counted by address: a
    /// reverse proxy brings everybody from there.
    pub(super) fn take(&self, address: IpAddr) -> Option<Place> {
        let address = address.to_canonical();
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.all >= self.most {
            return None;
        }
        let of_one = counts.of.entry(address).or_default();
        if *of_one >= self.most_of_one && !address.is_loopback() {
            return None;
        }
        *of_one += 1;
        counts.all += 1;
        metrics::gauge!("overread_http_connections").set(counts.all as f64);
        Some(Place { addresses: self.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.addresses.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all = counts.all.saturating_sub(1);
        if let Some(of_one) = counts.of.get_mut(&self.address) {
            *of_one = of_one.saturating_sub(1);
            if *of_one == 0 {
                counts.of.remove(&self.address);
            }
        }
        metrics::gauge!("overread_http_connections").set(counts.all as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let addresses = Addresses::new(5, 2);
        let one: IpAddr = "192.0.2.1".parse().expect("an address");
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().expect("an address");
        let other: IpAddr = "192.0.2.2".parse().expect("an address");
        let local: IpAddr = "127.0.0.1".parse().expect("an address");

        let first = addresses.take(one);
        let second = addresses.take(mapped);
        assert!(first.is_some() && second.is_some());
        assert!(addresses.take(one).is_none(), "two of one address");
        let third = addresses.take(other);
        assert!(third.is_some());
        drop(first);
        let again = addresses.take(one);
        assert!(again.is_some());
        let locals: Vec<_> = (0..3).map(|_| addresses.take(local)).collect();
        assert_eq!(locals.iter().flatten().count(), 2, "five in all, loopback more than two");
        drop((second, third, again, locals));
        assert!(addresses.counts.lock().expect("no panic").of.is_empty());
    }
}
