//! How many connections are let in, in all and from one address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::base::time::MonoTime;
use crate::sync::rate::TokenBucket;

/// The bounds of a server. A connection over one of them is hung up.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Connections in all.
    pub n_connections_max: usize,
    /// Connections from one address: an IPv4 address, or a /64 of IPv6, which is what one household or machine gets.
    pub n_per_address_max: usize,
    /// Connections from this machine itself: a proxy brings everybody from there.
    pub n_loopback_max: usize,
    /// Connections that one address, as above, may open per second in the long run; at once as many as it may have. This
    /// machine itself is not counted.
    pub n_new_per_address_per_s: u64,
    /// How long a request line and its headers may take, the wait for them included.
    pub request_timeout: Duration,
}

impl Default for Bounds {
    /// 20,000 connections, which at the few tens of KiB that one costs fit a small machine; 64 from one address, for
    /// an office behind one router.
    fn default() -> Bounds {
        Bounds {
            n_connections_max: 20_000,
            n_per_address_max: 64,
            n_loopback_max: 20_000,
            n_new_per_address_per_s: 16,
            request_timeout: Duration::from_secs(10),
        }
    }
}

/// Who is connected now.
pub(super) struct Census {
    bounds: Bounds,
    began: Instant,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    n_connections: usize,
    by_address: HashMap<IpAddr, Address>,
    /// Addresses in `by_address` after which those are looked for that need no memory any more.
    n_until_look: usize,
}

/// What is remembered of an address.
struct Address {
    n_connections: usize,
    /// How many more it may open.
    new: TokenBucket,
}

/// Addresses that are remembered before anybody looks which may be forgotten.
const ADDRESSES_FEW: usize = 1_024;

/// A place under the bounds; dropping it frees it.
pub(super) struct Place {
    census: Arc<Census>,
    address: IpAddr,
}

impl Census {
    pub(super) fn new(bounds: Bounds) -> Arc<Census> {
        Arc::new(Census { bounds, began: Instant::now(), counts: Mutex::default() })
    }

    /// Returns a place for one more connection from `ip`, if there is one.
    pub(super) fn admit(self: &Arc<Census>, ip: IpAddr) -> Option<Place> {
        self.admit_at(ip, MonoTime(self.began.elapsed().as_millis() as u64))
    }

    fn admit_at(self: &Arc<Census>, ip: IpAddr, now: MonoTime) -> Option<Place> {
        let address = counted_address(ip);
        let n_address_max =
            if address.is_loopback() { self.bounds.n_loopback_max } else { self.bounds.n_per_address_max };
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if self.bounds.n_connections_max <= counts.n_connections {
            return None;
        }
        if counts.n_until_look <= counts.by_address.len() {
            counts.by_address.retain(|_, here| 0 < here.n_connections || !here.new.is_full(now));
            counts.n_until_look = ADDRESSES_FEW.max(2 * counts.by_address.len());
        }
        let (per_s, burst) = (self.bounds.n_new_per_address_per_s, n_address_max as u64);
        let new = || Address { n_connections: 0, new: TokenBucket::new(per_s, burst.max(per_s), now) };
        let here = counts.by_address.entry(address).or_insert_with(new);
        if n_address_max <= here.n_connections || !address.is_loopback() && !here.new.take(1, now) {
            return None;
        }
        here.n_connections += 1;
        counts.n_connections += 1;
        drop(counts);
        Some(Place { census: Arc::clone(self), address })
    }
}

impl Place {
    /// Returns one more place for the same address, if there is one.
    pub(super) fn another(&self) -> Option<Place> {
        self.census.admit(self.address)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.census.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.n_connections -= 1;
        // How often it came is remembered: what it has closed counts as well.
        if let Some(here) = counts.by_address.get_mut(&self.address) {
            here.n_connections -= 1;
        }
    }
}

/// Returns what stands for `ip` in the counts.
fn counted_address(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => {
            let network = u128::from(v6) >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from(network))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("a test address")
    }

    fn census(n_connections_max: usize, n_per_address_max: usize, n_loopback_max: usize) -> Arc<Census> {
        Census::new(Bounds { n_connections_max, n_per_address_max, n_loopback_max, ..Bounds::default() })
    }

    #[test]
    fn an_address_over_its_bound_is_refused_until_a_place_is_free() {
        let census = census(10, 1, 10);
        let first = census.admit(ip("192.0.2.1"));
        assert!(first.is_some());
        assert!(census.admit(ip("192.0.2.1")).is_none());
        assert!(census.admit(ip("::ffff:192.0.2.1")).is_none(), "the same address in IPv6 clothes");
        assert!(census.admit(ip("192.0.2.2")).is_some());
        drop(first);
        assert!(census.admit(ip("192.0.2.1")).is_some());
    }

    #[test]
    fn an_address_that_comes_and_goes_too_often_is_refused_for_a_while_and_then_forgotten() {
        let bounds = Bounds { n_per_address_max: 3, n_new_per_address_per_s: 2, ..Bounds::default() };
        let census = Census::new(bounds);
        let comes = |address: &str, at_ms| census.admit_at(ip(address), MonoTime(at_ms)).is_some();
        let n_let_in = (0..10).filter(|_| comes("192.0.2.1", 0)).count();
        assert_eq!(n_let_in, 3, "as many at once as it may have, though each left");
        assert!(!comes("192.0.2.1", 400) && comes("192.0.2.1", 500), "two a second");
        assert!(comes("192.0.2.2", 500), "others are not held up");
        assert!((0..10).all(|_| comes("127.0.0.1", 500)), "a proxy here brings everybody");
        census.counts.lock().expect("no panic").n_until_look = 0;
        assert!(comes("192.0.2.3", 60_000));
        assert_eq!(census.counts.lock().expect("no panic").by_address.len(), 1);
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_together() {
        let census = census(10, 1, 10);
        let _first = census.admit(ip("2001:db8::1"));
        assert!(census.admit(ip("2001:db8::2")).is_none());
        assert!(census.admit(ip("2001:db8:0:1::1")).is_some());
    }

    #[test]
    fn loopback_has_a_bound_of_its_own_and_the_total_holds_for_all() {
        let census = census(3, 1, 10);
        let places: Vec<_> = (0..3).map(|_| census.admit(ip("127.0.0.1"))).collect();
        assert!(places.iter().all(Option::is_some));
        assert!(census.admit(ip("127.0.0.1")).is_none());
        assert!(census.admit(ip("192.0.2.1")).is_none());
    }
}
