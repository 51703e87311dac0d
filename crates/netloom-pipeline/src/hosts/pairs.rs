//! Who had to do with whom, up to a bound.

use std::net::{IpAddr, Ipv4Addr};

/// Pairs of addresses, up to a number of them.
#[derive(Debug)]
pub struct PairSet {
    /// Most are IPv4's: a quarter of the room.
    v4: hashbrown::HashSet<[Ipv4Addr; 2], foldhash::fast::RandomState>,
    others: hashbrown::HashSet<[IpAddr; 2], foldhash::fast::RandomState>,
    max: usize,
    /// Whether one was left out.
    forgot: bool,
}

impl PairSet {
    /// A set of at most `max` pairs; what comes beyond them is left out.
    pub fn new(max: usize) -> Self {
        Self {
            v4: hashbrown::HashSet::default(),
            others: hashbrown::HashSet::default(),
            max,
            forgot: false,
        }
    }

    /// Adds a pair, in whichever order.
    pub fn insert(&mut self, a: IpAddr, b: IpAddr) {
        let pair = if a <= b { [a, b] } else { [b, a] };
        let is_full = self.v4.len() + self.others.len() >= self.max;
        if let [IpAddr::V4(a), IpAddr::V4(b)] = pair {
            if is_full {
                self.forgot |= !self.v4.contains(&[a, b]);
            } else {
                self.v4.insert([a, b]);
            }
        } else if is_full {
            self.forgot |= !self.others.contains(&pair);
        } else {
            self.others.insert(pair);
        }
    }

    /// Whether pairs were left out.
    pub fn forgot(&self) -> bool {
        self.forgot
    }

    /// All pairs, the smaller address first, in no order.
    pub fn iter(&self) -> impl Iterator<Item = [IpAddr; 2]> {
        let v4 = self.v4.iter().map(|pair| pair.map(IpAddr::V4));
        v4.chain(self.others.iter().copied())
    }

    pub(super) fn absorb(&mut self, other: Self) {
        self.v4.extend(other.v4);
        self.others.extend(other.others);
        self.forgot |= other.forgot;
    }
}
