//! Who has a place: connections counted, in all and by address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::Config;

/// The places of all listeners together.
#[derive(Debug)]
pub(crate) struct Places {
    associations: usize,
    per_address: usize,
    rejecting: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    serving: usize,
    rejecting: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A place; it is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Served; counted under its address unless that is loopback.
    Serve(Option<IpAddr>),
    /// Only told that there is no place.
    Reject,
}

impl Places {
    pub(crate) fn new(config: &Config) -> Arc<Self> {
        Arc::new(Self {
            associations: config.associations,
            per_address: config.per_address,
            rejecting: config.rejecting,
            taken: Mutex::default(),
        })
    }

    /// A place for a connection from this address: one to be served, else one to be rejected, else none at all.
    pub(crate) fn take(self: &Arc<Self>, from: IpAddr) -> Option<Place> {
        let address = from.to_canonical();
        let counted = (!address.is_loopback()).then_some(address);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let of_address = counted.and_then(|address| taken.by_address.get(&address)).copied().unwrap_or(0);
        let kind = if taken.serving < self.associations && of_address < self.per_address {
            taken.serving += 1;
            if let Some(address) = counted {
                *taken.by_address.entry(address).or_default() += 1;
            }
            Kind::Serve(counted)
        } else if taken.rejecting < self.rejecting {
            taken.rejecting += 1;
            Kind::Reject
        } else {
            return None;
        };
        Some(Place { places: Arc::clone(self), kind })
    }
}

impl Place {
    /// Whether the connection is to be served.
    pub(crate) fn is_served(&self) -> bool {
        matches!(self.kind, Kind::Serve(_))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match self.kind {
            Kind::Reject => taken.rejecting -= 1,
            Kind::Serve(counted) => {
                taken.serving -= 1;
                let Some(address) = counted else { return };
                let left = taken.by_address.get(&address).map_or(0, |count| count.saturating_sub(1));
                if left == 0 {
                    taken.by_address.remove(&address);
                } else {
                    taken.by_address.insert(address, left);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_run_out_by_address_and_in_all() {
        let config = Config { associations: 4, per_address: 2, rejecting: 1, ..Config::default() };
        let places = Places::new(&config);
        let mut held = Vec::new();
        for (from, expected) in [
            ("192.0.2.1", Some(true)),
            ("::ffff:192.0.2.1", Some(true)),
            ("192.0.2.1", Some(false)),
            ("192.0.2.1", None),
            ("127.0.0.1", Some(true)),
            ("127.0.0.1", Some(true)),
            ("::1", None),
        ] {
            let place = places.take(from.parse().unwrap());
            assert_eq!(place.as_ref().map(Place::is_served), expected, "{from}");
            held.extend(place);
        }
        held.clear();
        let taken = places.taken.lock().unwrap();
        assert!(taken.serving == 0 && taken.rejecting == 0 && taken.by_address.is_empty(), "{taken:?}");
    }
}
