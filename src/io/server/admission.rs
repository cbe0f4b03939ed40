//! How many connections are let in, in all and from one address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The bounds of a server. A connection over one of them is hung up.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Connections in all.
    pub n_connections_max: usize,
    /// Connections from one address: an IPv4 address, or a /64 of IPv6, which is what one household or machine gets.
    pub n_per_address_max: usize,
    /// Connections from this machine itself: a proxy brings everybody from there.
    pub n_loopback_max: usize,
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
            request_timeout: Duration::from_secs(10),
        }
    }
}

/// Who is connected now.
pub(super) struct Census {
    bounds: Bounds,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    n_connections: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A place under the bounds; dropping it frees it.
pub(super) struct Place {
    census: Arc<Census>,
    address: IpAddr,
}

impl Census {
    pub(super) fn new(bounds: Bounds) -> Arc<Census> {
        Arc::new(Census { bounds, counts: Mutex::default() })
    }

    /// Returns a place for one more connection from `ip`, if there is one.
    pub(super) fn admit(self: &Arc<Census>, ip: IpAddr) -> Option<Place> {
        let address = counted_address(ip);
        let n_address_max =
            if address.is_loopback() { self.bounds.n_loopback_max } else { self.bounds.n_per_address_max };
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let n_here = counts.by_address.get(&address).copied().unwrap_or(0);
        if self.bounds.n_connections_max <= counts.n_connections || n_address_max <= n_here {
            return None;
        }
        counts.n_connections += 1;
        counts.by_address.insert(address, n_here + 1);
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
        if let Some(n_here) = counts.by_address.get_mut(&self.address) {
            *n_here -= 1;
            if *n_here == 0 {
                counts.by_address.remove(&self.address);
            }
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
        assert!(census.counts.lock().expect("no panic").by_address.is_empty());
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
