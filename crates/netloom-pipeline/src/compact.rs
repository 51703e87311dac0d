//! Keys and counts of tables in little room.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hashbrown::Equivalent;

/// An address as a key of a table: asked for by an [`IpAddr`], hashed and ordered as it.
#[derive(Debug, PartialEq, Eq)]
pub enum Address {
    /// Of IPv4.
    V4(Ipv4Addr),
    /// Of IPv6.
    V6(Box<Ipv6Addr>),
}

impl Address {
    /// The address.
    pub fn ip(&self) -> IpAddr {
        match self {
            Self::V4(v4) => IpAddr::V4(*v4),
            Self::V6(v6) => IpAddr::V6(**v6),
        }
    }
}

impl From<&IpAddr> for Address {
    fn from(ip: &IpAddr) -> Self {
        match *ip {
            IpAddr::V4(v4) => Self::V4(v4),
            IpAddr::V6(v6) => Self::V6(Box::new(v6)),
        }
    }
}

impl Hash for Address {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.ip().hash(state);
    }
}

impl Ord for Address {
    fn cmp(&self, other: &Self) -> Ordering {
        self.ip().cmp(&other.ip())
    }
}

impl PartialOrd for Address {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Equivalent<Address> for IpAddr {
    fn equivalent(&self, key: &Address) -> bool {
        *self == key.ip()
    }
}

/// Counts of 64 bits, of which few ever need the upper half: that has room of its own, together
/// with what else few have.
#[derive(Debug, Clone)]
pub struct Halves<const N: usize, M = ()> {
    low: [u32; N],
    rest: Option<Box<Rest<N, M>>>,
}

#[derive(Debug, Clone)]
struct Rest<const N: usize, M> {
    high: [u32; N],
    more: M,
}

impl<const N: usize, M> Default for Halves<N, M> {
    fn default() -> Self {
        Self {
            low: [0; N],
            rest: None,
        }
    }
}

impl<const N: usize, M: Default> Halves<N, M> {
    /// A count.
    ///
    /// # Panics
    ///
    /// There are `N`.
    #[inline]
    pub fn get(&self, at: usize) -> u64 {
        let high = self.rest.as_ref().map_or(0, |rest| rest.high[at]);
        u64::from(high) << 32 | u64::from(self.low[at])
    }

    /// Adds to a count.
    ///
    /// # Panics
    ///
    /// There are `N`.
    #[inline]
    pub fn add(&mut self, at: usize, count: u64) {
        let sum = self.get(at).saturating_add(count);
        self.low[at] = sum as u32;
        if sum > u64::from(u32::MAX) {
            self.rest().high[at] = (sum >> 32) as u32;
        }
    }

    /// Adds another's counts.
    pub fn absorb(&mut self, other: &Self) {
        for at in 0..N {
            self.add(at, other.get(at));
        }
    }

    /// What else there is, if there is any.
    pub fn more(&self) -> Option<&M> {
        self.rest.as_ref().map(|rest| &rest.more)
    }

    /// What else there is, to change it.
    pub fn more_mut(&mut self) -> &mut M {
        &mut self.rest().more
    }

    fn rest(&mut self) -> &mut Rest<N, M> {
        self.rest.get_or_insert_with(|| {
            Box::new(Rest {
                high: [0; N],
                more: M::default(),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_carry() {
        let mut counts = Halves::<2, Vec<u8>>::default();
        counts.add(0, u64::from(u32::MAX));
        assert!(counts.more().is_none());
        counts.add(0, 2);
        counts.add(1, 7);
        counts.add(0, 1 << 40);
        assert_eq!(counts.get(0), u64::from(u32::MAX) + 2 + (1 << 40));
        assert_eq!(counts.get(1), 7);
        let mut other = Halves::<2, Vec<u8>>::default();
        other.add(1, u64::MAX);
        other.more_mut().push(1);
        other.absorb(&counts);
        assert_eq!(other.get(0), counts.get(0));
        assert_eq!(other.get(1), u64::MAX);
        assert_eq!(other.more().unwrap(), &[1]);
    }

    #[test]
    fn addresses_are_ordered_as_such() {
        let ips: [IpAddr; 4] =
            ["10.0.0.1", "9.0.0.1", "::1", "fe80::1"].map(|ip| ip.parse().unwrap());
        for a in &ips {
            for b in &ips {
                assert_eq!(Address::from(a).cmp(&Address::from(b)), a.cmp(b));
                assert_eq!(a.equivalent(&Address::from(b)), a == b);
            }
        }
    }
}
